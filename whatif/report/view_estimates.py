"""Every estimate of the appendix as rows of text: estimators, tests, bounds, populations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from whatif.contract.spec import metric_name
from whatif.effects.bounds.row import BoundsRow
from whatif.effects.populations import PopulationRow
from whatif.effects.rows import EffectRow, HeterogeneityRow
from whatif.report.document import Report
from whatif.report.format import DASH, TIMES, human, interval_words, p_value, percent, plain
from whatif.report.format import plain_range as spread
from whatif.report.measure import Measure
from whatif.report.text_table import Cells, TextTable
from whatif.report.view_metrics import DEFAULT_ESTIMATOR, arms_in_order, subject
from whatif.verdict.appendix_wording import EXTRAPOLATION
from whatif.verdict.page_wording import MARKS, bounds_words


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimates:
    """The tables of estimates; notes are (name, what to know)."""

    one_look: bool
    looked: bool
    estimators: TextTable
    opinion_notes: tuple[tuple[str, str], ...]
    tests: TextTable
    repetitions: TextTable
    bounds: TextTable
    populations: TextTable
    population_notes: tuple[tuple[str, str], ...]


def estimates(report: Report, measures: dict[str, Measure]) -> Estimates:
    """Return the tables of estimates of a report, without rounding for reading."""
    notes = dict.fromkeys((o.estimator, o.family) for o in report.opinions)
    return Estimates(
        one_look=report.looks_again,
        looked=any(not test.planned for test in report.effects.heterogeneity),
        estimators=_estimators(report, measures),
        opinion_notes=tuple(notes),
        tests=TextTable(
            caption="Tests of segments",
            heads=("Metric", "By", "F", "Degrees of freedom", "p-value"),
            rows=tuple(_test(report, measures, test) for test in report.effects.heterogeneity),
        ),
        repetitions=_repetitions(report, measures),
        bounds=_bounds(report, measures),
        populations=_populations(report, measures),
        population_notes=_population_notes(report),
    )


def _subject(report: Report, measures: dict[str, Measure], outcome: str, arm: str) -> str:
    return subject(measures[outcome], arm, arms_in_order(report))


def _leading(report: Report) -> set[str]:
    return {metric_name(one) for one in (report.spec.primary, *report.spec.guardrails)}


def _estimators(report: Report, measures: dict[str, Measure]) -> TextTable:
    numbers = ("Control mean", "Difference", "Standard error", interval_words(report.effects.level))
    looks = ("Range at all looks",) if report.looks_again else ()
    alone = not report.opinions
    return TextTable(
        caption="Overall effects" if alone else "Estimators side by side",
        heads=("Metric", *numbers, *looks, *(() if alone else ("Gap to ours", "Estimator"))),
        rows=tuple(_compared(report, measures)),
    )


def _compared(report: Report, measures: dict[str, Measure]) -> Iterable[Cells]:
    overall = [row for row in report.effects.effects if not row.segment]
    opinions = [row for row in report.opinions if not row.segment]
    for name in measures:
        for ours in (r for r in overall if r.outcome == name and r.estimator == DEFAULT_ESTIMATOR):
            yield _estimator_row(report, measures, ours, None)
            for other in (*overall, *opinions):
                same = (other.outcome, other.arm) == (ours.outcome, ours.arm)
                if same and other is not ours:
                    yield _estimator_row(report, measures, other, ours)


def _estimator_row(
    report: Report, measures: dict[str, Measure], row: EffectRow, ours: EffectRow | None
) -> Cells:
    gap = DASH
    if ours is not None and row.estimate is not None and ours.estimate is not None:
        gap = plain(row.estimate - ours.estimate)
    looks = (spread(*(row.sequential or (None, None))),) if report.looks_again else ()
    return (
        _subject(report, measures, row.outcome, row.arm),
        plain(row.baseline),
        plain(row.estimate),
        plain(row.std_error),
        spread(*row.ci),
        *looks,
        *((gap, row.estimator) if report.opinions else ()),
    )


def _test(report: Report, measures: dict[str, Measure], test: HeterogeneityRow) -> Cells:
    by = TIMES.join(human(column) for column in test.dimension)
    mark = MARKS[report.statuses.number(test.outcome, test.dimension, planned=test.planned)]
    return (
        _subject(report, measures, test.outcome, test.arm),
        by if test.planned else f"{by} (after looking)",
        plain(test.statistic) + (mark if test.statistic is not None else ""),
        DASH if test.statistic is None else f"{test.df[0]} and {test.df[1]:,}",
        p_value(test.p_value),
    )


def _repetitions(report: Report, measures: dict[str, Measure]) -> TextTable:
    return TextTable(
        caption="Drawing the folds again",
        heads=("Metric", "Between drawings", "Left in the mean", "Drawings", "Standard error"),
        rows=tuple(
            (
                _subject(report, measures, one.outcome, one.arm),
                plain(one.sd),
                plain(one.monte_carlo_error),
                str(one.repetitions),
                plain(one.std_error),
            )
            for one in report.repetitions
        ),
    )


def _bounds(report: Report, measures: dict[str, Measure]) -> TextTable:
    return TextTable(
        caption="Bounds on cost",
        heads=(
            "Metric",
            "Bounds",
            interval_words(report.effects.level),
            "Units in it",
            "Trimmed",
            "Settled cells",
        ),
        rows=tuple(_bounds_row(report, measures, row) for row in report.bounds if not row.segment),
    )


def _bounds_row(report: Report, measures: dict[str, Measure], row: BoundsRow) -> Cells:
    about = _subject(report, measures, row.outcome, row.arm)
    if row.shown != "shown" or row.share is None or row.trimmed is None:
        return (about, bounds_words(row.shown), *(DASH,) * 4)
    control, arm = (percent(share, 1) for share in row.trimmed)
    return (
        about,
        spread(*row.bounds),
        spread(*row.ci),
        percent(row.share, 1),
        f"{human(row.versus)} {control}, {human(row.arm)} {arm}",
        f"{row.settled} of {row.settled + row.unsettled}",
    )


def _populations(report: Report, measures: dict[str, Measure]) -> TextTable:
    """Return one row per metric, arm and population that differs from those before it."""
    leading = _leading(report)
    effects = dict.fromkeys(
        (row.outcome, row.arm) for row in report.populations if row.outcome in leading
    )
    return TextTable(
        caption="Other populations",
        heads=("Metric", "Population", "Units", "Difference", "Standard error", "Outside overlap"),
        rows=tuple(
            _population(report, measures, same[0])
            for effect in effects
            for same in _alike(report, effect)
        ),
    )


def _population_notes(report: Report) -> tuple[tuple[str, str], ...]:
    """Return who stands behind each population; rules that keep the same units share a line."""
    if not report.populations:
        return ()
    first = report.populations[0]
    return tuple(
        (", ".join(human(row.population) for row in same), same[0].described)
        for same in _alike(report, (first.outcome, first.arm))
    )


def _alike(report: Report, effect: tuple[str, str]) -> list[list[PopulationRow]]:
    """Group the populations of one effect that consist of the same units, everyone first.

    Trimming rules keep nested sets, so equal counts are equal sets.
    """
    rows = [row for row in report.populations if (row.outcome, row.arm) == effect]
    groups: dict[tuple[str, int], list[PopulationRow]] = {}
    for row in sorted(rows, key=lambda row: row.population != "everyone"):
        groups.setdefault((row.target, row.n if row.target == "ate" else 0), []).append(row)
    return list(groups.values())


def _population(report: Report, measures: dict[str, Measure], row: PopulationRow) -> Cells:
    outside = percent(row.outside, 1)
    return (
        _subject(report, measures, row.outcome, row.arm),
        human(row.population),
        f"{row.n:,}",
        plain(row.estimate),
        plain(row.std_error),
        f"{outside}: {EXTRAPOLATION}" if row.extrapolates else outside,
    )
