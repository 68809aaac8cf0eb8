"""What the appendix shows of a calibration: the pipeline where the truth is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from whatif.base.calibration import Calibration, CoverageRow
from whatif.contract.spec import metric_name
from whatif.report.document import Report
from whatif.report.format import DASH, TIMES, human, percent, plain, plural, singular_unit, title
from whatif.report.measure import Measure
from whatif.report.text_table import Cells, TextTable
from whatif.report.view_metrics import arms_in_order, subject
from whatif.verdict import calibration_wording as words
from whatif.verdict.appendix_wording import learner_words
from whatif.verdict.record import Reading
from whatif.verdict.wording import reading_words


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationView:
    """Sentences, then tables each after what to know; tables are empty without a calibration."""

    sentences: tuple[str, ...]
    tables: tuple[tuple[str, TextTable], ...]


def calibration_view(report: Report, measures: dict[str, Measure]) -> CalibrationView:
    """Return the block of the calibration that a run found, or how to get one."""
    made = report.calibration
    if made is None:
        return CalibrationView(sentences=(words.NO_CALIBRATION,), tables=())
    unit = singular_unit(report.spec.cluster or report.spec.assigned or report.spec.unit)
    drawn = words.drawn_sentence(
        draws=made.draws,
        failed=made.failed,
        rows=f"{made.rows:,}",
        of_rows=f"{made.of_rows:,}",
        clusters=f"{made.clusters:,} {plural(unit)}",
        learners=", ".join(learner_words(name) for name in made.learners),
    )
    how = words.EXPERIMENT if made.design == "experiment" else words.OBSERVATIONAL
    threshold = () if "matters_from" in dict(made.planted) else (words.NO_THRESHOLD,)
    return CalibrationView(
        sentences=(drawn, how, *threshold),
        tables=(
            (words.COVERAGE, _coverage(made, report, measures)),
            (words.READINGS, _readings(made, report, measures)),
            (words.ALARMS, _alarms(made)),
        ),
    )


def _share(share: float, error: float) -> str:
    return f"{percent(share, 1)} ± {percent(error, 1)}"


def _heads(made: Calibration) -> Cells:
    return tuple(words.planted_head(name, plain(effect)) for name, effect in made.planted)


def _coverage(made: Calibration, report: Report, measures: dict[str, Measure]) -> TextTable:
    ratios = {ratio.name for ratio in report.spec.ratios}
    leading = {metric_name(m) for m in (report.spec.primary, *report.spec.guardrails)} | ratios
    kept: dict[tuple[str, str, tuple[str, ...]], dict[str, CoverageRow]] = {}
    for row in made.coverage:
        if row.outcome in leading:
            kept.setdefault((row.outcome, row.arm, row.dimension), {})[row.planted] = row
    return TextTable(
        caption=f"Ranges at {percent(made.level, 0)}",
        heads=("Metric", "Range", *_heads(made), "Bias, nothing planted"),
        rows=tuple(
            (
                subject(measures[outcome], arm, arms_in_order(report)),
                f"band by {f' {TIMES} '.join(map(human, by))}" if by else "interval",
                *(_covered(worlds.get(name)) for name, _ in made.planted),
                _bias(next(iter(worlds.values()))),
            )
            for (outcome, arm, by), worlds in kept.items()
        ),
    )


def _covered(row: CoverageRow | None) -> str:
    return DASH if row is None else _share(row.share, row.mc_error)


def _bias(row: CoverageRow) -> str:
    return DASH if row.bias is None else f"{plain(row.bias)} ± {plain(row.bias_error)}"


def _readings(made: Calibration, report: Report, measures: dict[str, Measure]) -> TextTable:
    kept = dict.fromkeys((row.outcome, row.arm) for row in made.readings)
    return TextTable(
        caption="Words for the overall effect",
        heads=("Metric", *_heads(made)),
        rows=tuple(
            (
                subject(measures[outcome], arm, arms_in_order(report)),
                *("; ".join(_said(made, outcome, arm, name)) for name, _ in made.planted),
            )
            for outcome, arm in kept
        ),
    )


def _said(made: Calibration, outcome: str, arm: str, planted: str) -> Iterator[str]:
    for row in made.readings:
        if (row.outcome, row.arm, row.planted) == (outcome, arm, planted):
            yield f"{reading_words(Reading(row.reading))} {_share(row.share, row.mc_error)}"


def _alarms(made: Calibration) -> TextTable:
    return TextTable(
        caption="Checks",
        heads=("Check", "Planted", "Broke", "Could run"),
        rows=tuple(
            (title(row.check), row.planted, _share(row.share, row.mc_error), percent(row.ran, 0))
            for row in made.alarms
        ),
    )
