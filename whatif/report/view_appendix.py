"""What the appendix shows: estimand, graph, second opinions, models, overlap, settings, hashes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby, pairwise

from whatif.base.records import NuisanceQuality, OverlapSummary
from whatif.effects.rows import EffectRow
from whatif.report.document import Report
from whatif.report.format import (
    DASH,
    TIMES,
    day,
    human,
    level_percent,
    number,
    p_value,
    percent,
    plain,
    plain_range,
    singular_unit,
)
from whatif.report.layout import Drawing, draw
from whatif.report.measure import Measure
from whatif.report.view_metrics import DEFAULT_ESTIMATOR
from whatif.verdict.page_wording import (
    adjustment_sentence,
    estimand_sentence,
    graph_description,
    overlap_sentence,
    quality_sentence,
)

_MOST_NODES_DRAWN = 40
_HISTOGRAM_WIDTH = 240
_HISTOGRAM_HEIGHT = 48

Cells = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphView:
    """The graph as a drawing (None when too large) and as a list of arrows by cause."""

    drawing: Drawing | None
    description: str
    arrows: tuple[tuple[str, str], ...]
    treatment: str
    outcomes: tuple[str, ...]
    hidden: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlapView:
    """The chance of one arm: a sentence, and bars unless the chance is constant."""

    arm: str
    sentence: str
    outline: str
    counts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Appendix:
    """Everything below the fold; every table is rows of text."""

    estimand: str
    population: str
    adjustment: str
    assumptions: tuple[str, ...]
    graph: GraphView | None
    estimators: tuple[Cells, ...]
    opinion_notes: tuple[tuple[str, str], ...]
    tests: tuple[Cells, ...]
    quality: tuple[Cells, ...]
    overlap: tuple[OverlapView, ...]
    settings: tuple[tuple[str, str], ...]
    hashes: tuple[tuple[str, str], ...]
    versions: tuple[tuple[str, str], ...]
    level: str


def appendix(report: Report, measures: dict[str, Measure]) -> Appendix:
    """Return the appendix of a report."""
    spec, estimand = report.spec, report.estimand
    arms = list(dict.fromkeys(row.arm for row in report.effects.effects))
    return Appendix(
        estimand=estimand_sentence(
            outcomes=_either([human(m.name) for m in measures.values()]),
            arms=_either([human(arm) for arm in arms]),
            control=human(spec.treatment.control),
            unit=singular_unit(spec.unit),
        ),
        population=report.population,
        adjustment=adjustment_sentence(
            tuple(human(c) for c in estimand.adjustment), estimand.source
        ),
        assumptions=estimand.assumptions,
        graph=_graph(report),
        estimators=tuple(_estimators(report, measures)),
        opinion_notes=tuple(dict.fromkeys((o.estimator, o.family) for o in report.opinions)),
        tests=tuple(_tests(report, measures)),
        quality=tuple(_quality(row, measures) for row in report.quality),
        overlap=tuple(_overlap(row) for row in _informative(report)),
        settings=tuple(_settings(report)),
        hashes=(("Run", report.run_id), ("Data", report.data.fingerprint)),
        versions=report.versions,
        level=level_percent(report.effects.level),
    )


def _either(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _graph(report: Report) -> GraphView | None:
    estimand = report.estimand
    if not estimand.edges:
        return None
    nodes = {name for edge in estimand.edges for name in edge} | set(estimand.hidden)
    by_cause = groupby(sorted(estimand.edges), key=lambda edge: edge[0])
    return GraphView(
        drawing=draw(estimand.edges, estimand.hidden) if len(nodes) <= _MOST_NODES_DRAWN else None,
        description=graph_description(
            len(nodes), len(estimand.edges), estimand.treatment, ", ".join(estimand.outcomes)
        ),
        arrows=tuple((cause, ", ".join(b for _, b in pairs)) for cause, pairs in by_cause),
        treatment=estimand.treatment,
        outcomes=estimand.outcomes,
        hidden=estimand.hidden,
    )


def _estimators(report: Report, measures: dict[str, Measure]) -> Iterable[Cells]:
    overall = [row for row in report.effects.effects if not row.segment]
    opinions = [row for row in report.opinions if not row.segment]
    for name, measure in measures.items():
        for ours in (r for r in overall if r.outcome == name and r.estimator == DEFAULT_ESTIMATOR):
            yield _estimator_row(measure, ours, None)
            for other in (*overall, *opinions):
                same = (other.outcome, other.arm) == (ours.outcome, ours.arm)
                if same and other is not ours:
                    yield _estimator_row(measure, other, ours)


def _estimator_row(measure: Measure, row: EffectRow, ours: EffectRow | None) -> Cells:
    gap = DASH
    if ours is not None and row.estimate is not None and ours.estimate is not None:
        gap = plain(row.estimate - ours.estimate)
    return (
        f"{measure.label}, {human(row.arm)}",
        row.estimator,
        plain(row.baseline),
        plain(row.estimate),
        plain(row.std_error),
        plain_range(*row.ci),
        gap,
    )


def _tests(report: Report, measures: dict[str, Measure]) -> Iterable[Cells]:
    for test in report.effects.heterogeneity:
        yield (
            f"{measures[test.outcome].label}, {human(test.arm)}",
            TIMES.join(human(column) for column in test.dimension),
            plain(test.statistic),
            DASH if test.statistic is None else f"{test.df[0]} and {test.df[1]:,}",
            p_value(test.p_value),
        )


def _quality(row: NuisanceQuality, measures: dict[str, Measure]) -> Cells:
    target = measures[row.target].label if row.target in measures else human(row.target)
    losses = ", ".join(f"{name} {plain(loss)}" for name, loss in row.losses)
    return (
        target[:1].upper() + target[1:],
        human(row.arm),
        row.chosen,
        quality_sentence(row, percent(row.gain, 1)),
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
        counts=tuple((f"{left:.2f} to {right:.2f}", f"{n:,}") for left, right, n in bins),
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
    yield "Estimators", ", ".join(spec.estimators)
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
