"""What the appendix shows: estimand, graph, models, overlap, settings, versions, hashes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby, pairwise

from whatif.base.records import NuisanceQuality, OverlapSummary
from whatif.graph.estimand import Estimand
from whatif.report.document import Report
from whatif.report.format import (
    day,
    human,
    level_percent,
    number,
    percent,
    plain,
    singular_unit,
)
from whatif.report.layout import Drawing, draw
from whatif.report.measure import Measure
from whatif.report.text_table import Cells, TextTable
from whatif.report.view_calibration import CalibrationView, calibration_view
from whatif.report.view_checks import CheckDetails, check_details
from whatif.report.view_estimates import Estimates, estimates
from whatif.report.view_metrics import who
from whatif.report.view_power import power_view
from whatif.report.view_sensitivity import SensitivityView, sensitivity_view
from whatif.verdict.appendix_wording import (
    adjustment_sentence,
    estimand_sentence,
    gain_words,
    graph_description,
    learner_words,
    mixture_words,
    overlap_sentence,
    weights_sentence,
)

_MOST_NODES_DRAWN = 40
_HISTOGRAM_WIDTH = 240
_HISTOGRAM_HEIGHT = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphView:
    """The graph as a drawing (None when too large) and as a list of arrows by cause.

    `boxes` are the outlines of the drawing by how they look.
    """

    drawing: Drawing | None
    boxes: tuple[tuple[str, str], ...]
    description: str
    arrows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlapView:
    """The chance of one arm: a sentence, and bars unless the chance is constant."""

    arm: str
    sentence: str
    outline: str
    counts: TextTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Appendix:
    """Everything below the fold; every table is rows of text."""

    estimand: str
    weights: str
    population: str
    adjustment: str
    assumptions: tuple[str, ...]
    graph: GraphView | None
    estimates: Estimates
    power: TextTable | None
    sensitivity: SensitivityView | None
    checks: tuple[CheckDetails, ...]
    calibration: CalibrationView
    quality: TextTable
    overlap: tuple[OverlapView, ...]
    settings: tuple[tuple[str, str], ...]
    hashes: tuple[tuple[str, str], ...]
    versions: tuple[tuple[str, str], ...]


def appendix(report: Report, measures: dict[str, Measure]) -> Appendix:
    """Return the appendix of a report."""
    spec, estimand = report.spec, report.estimand
    arms = list(dict.fromkeys(row.arm for row in report.effects.effects))
    unit, speaks_of = singular_unit(spec.unit), who(report)
    return Appendix(
        estimand=estimand_sentence(
            outcomes=_either([human(m.name) for m in measures.values()]),
            arms=_either([human(arm) for arm in arms]),
            control=human(spec.treatment.control),
            unit=unit,
            who="" if speaks_of == "everyone" else speaks_of,
        ),
        weights="" if spec.weights is None else weights_sentence(unit, human(spec.weights)),
        population=report.population,
        adjustment=adjustment_sentence(
            tuple(human(c) for c in estimand.adjustment), estimand.source
        ),
        assumptions=estimand.assumptions,
        graph=_graph(report),
        estimates=estimates(report, measures),
        power=power_view(report, measures),
        sensitivity=sensitivity_view(report, measures),
        checks=check_details(report, measures),
        calibration=calibration_view(report, measures),
        quality=TextTable(
            caption="Models behind the scores",
            heads=("Target", "Arm", "Used", "Gain", "Slope", "Loss on unseen rows"),
            rows=tuple(_quality(row, measures) for row in report.quality),
        ),
        overlap=tuple(_overlap(row) for row in _informative(report)),
        settings=tuple(_settings(report)),
        hashes=(("Run", report.run_id), ("Data", report.data.fingerprint)),
        versions=report.versions,
    )


def _either(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _graph(report: Report) -> GraphView | None:
    estimand = report.estimand
    if not estimand.edges:
        return None
    nodes = {name for edge in estimand.edges for name in edge} | set(estimand.hidden)
    by_cause = groupby(sorted(estimand.edges), key=lambda edge: edge[0])
    small = len(nodes) <= _MOST_NODES_DRAWN
    drawing = draw(estimand.edges, estimand.hidden) if small else None
    return GraphView(
        drawing=drawing,
        boxes=() if drawing is None else tuple(_boxes(drawing, estimand).items()),
        description=graph_description(
            len(nodes), len(estimand.edges), estimand.treatment, ", ".join(estimand.outcomes)
        ),
        arrows=tuple((cause, ", ".join(b for _, b in pairs)) for cause, pairs in by_cause),
    )


def _boxes(drawing: Drawing, estimand: Estimand) -> dict[str, str]:
    """Return the outlines by the class that styles them, the plain ones first."""
    looks = dict.fromkeys(estimand.hidden, "hid") | dict.fromkeys(estimand.outcomes, "out")
    looks[estimand.treatment] = "treat"
    found = {"": ""}
    for node in drawing.nodes:
        look = looks.get(node.full, "")
        found[look] = found.get(look, "") + node.outline
    return {look: outline for look, outline in found.items() if outline}


def _quality(row: NuisanceQuality, measures: dict[str, Measure]) -> Cells:
    target = measures[row.target].label if row.target in measures else human(row.target)
    losses = ", ".join(f"{learner_words(name)} {plain(loss)}" for name, loss in row.losses)
    used = [(percent(weight, 0), name) for name, weight in row.weights if weight > 0]
    return (
        target[:1].upper() + target[1:],
        human(row.arm),
        mixture_words(used or [("", row.chosen)]),
        gain_words(row, percent(row.gain, 1)),
        plain(row.slope),
        f"{row.loss_name}: {losses}",
    )


def _informative(report: Report) -> tuple[OverlapSummary, ...]:
    """Return the arms worth drawing: of two arms, one mirrors the other."""
    control = str(report.spec.treatment.control)
    if len(report.overlap) > 2:  # noqa: PLR2004
        return report.overlap
    return tuple(row for row in report.overlap if row.arm != control) or report.overlap


def _overlap(row: OverlapSummary) -> OverlapView:
    top = max(row.counts, default=0)
    bins = [
        (left, right, count)
        for (left, right), count in zip(pairwise(row.edges), row.counts, strict=True)
        if count
    ]
    parts = []
    for left, right, count in bins if row.low < row.high else []:
        x0, x1 = round(left * _HISTOGRAM_WIDTH), round(right * _HISTOGRAM_WIDTH) - 1
        y = round(_HISTOGRAM_HEIGHT * (1 - count / top), 1)
        parts.append(f"M{x0} {_HISTOGRAM_HEIGHT}V{y:g}H{x1}V{_HISTOGRAM_HEIGHT}z")
    return OverlapView(
        arm=human(row.arm),
        sentence=overlap_sentence(
            arm=human(row.arm),
            known=row.known,
            low=plain(row.low),
            median=plain(row.median),
            high=plain(row.high),
        ),
        outline="".join(parts),
        counts=TextTable(
            caption=f"Units by their chance of {human(row.arm)}",
            heads=("Chance", "Units"),
            rows=tuple((f"{left:.2f} to {right:.2f}", f"{n:,}") for left, right, n in bins),
        ),
    )


def _settings(report: Report) -> Iterable[tuple[str, str]]:
    spec, data = report.spec, report.data
    yield "Study", spec.study
    yield "Source", data.source
    yield "Data schema", data.contract or "none declared; types were inferred"
    yield "Rows kept", spec.data.where if spec.data and spec.data.where else "all"
    unit, cluster = singular_unit(spec.unit), singular_unit(spec.cluster or spec.unit)
    yield "Counted", f"{data.rows:,} rows, {data.units:,} units ({unit})"
    yield "Clusters", f"{data.clusters:,} ({cluster}); errors allow for repeats within one"
    yield "Arms", ", ".join(f"{human(arm)} {count:,}" for arm, count in data.arms)
    if data.period is not None:
        yield "Days", f"{day(data.period[0])} to {day(data.period[1])}"
    yield "Design", spec.design.kind.replace("_", " ")
    yield "Level", level_percent(report.effects.level)
    yield "Folds", "2, or 5 below 20,000 rows" if spec.folds is None else str(spec.folds)
    if spec.repetitions > 1:
        yield "Repetitions", f"folds drawn {spec.repetitions} times, scores averaged"
    yield "Learners", ", ".join(learner_words(name) for name in spec.learners)
    yield "Estimators", ", ".join(spec.estimators)
    yield "Target", f"{spec.target}: {who(report)}"
    if spec.weights is not None:
        yield "Sampling weights", human(spec.weights)
    if report.looks_again:
        yield "Looks", spec.decision.looks
    low, high = spec.overlap.low, spec.overlap.high
    yield "Overlap", f"chances from {low:g} to {high:g}, else {_rule(report)}"
    yield "Seed", str(report.seed)
    for metric in report.spec.metrics:
        parts = []
        if metric.matters_from is not None:
            parts.append(f"matters from {plain(metric.matters_from)}")
        if metric.limit is not None:
            parts.append(f"limit {plain(metric.limit)}")
        if parts:
            name = metric.column if hasattr(metric, "column") else metric.name
            yield human(name).capitalize(), "; ".join(parts)
    if report.money is not None:
        yield "Units a month", number(report.money.units_per_month, 0)


def _rule(report: Report) -> str:
    return {"refuse": "no answer", "trim": "left out"}[report.spec.overlap.rule]
