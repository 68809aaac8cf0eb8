"""What the decision metrics and the segments show, row by row, as text and geometry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from whatif.effects.rows import EffectRow, HeterogeneityRow
from whatif.report.bars import Axis, Backdrop, Bar, backdrop, bar, shared_axis, symmetric_axis
from whatif.report.document import Report
from whatif.report.format import DASH, TIMES, human, number, signed
from whatif.report.measure import Measure, Phrase, phrase, places_of
from whatif.verdict.page_wording import (
    NOT_DECLARED,
    better_words,
    instead_of,
    read_with_words,
    reading_tone,
    role_words,
    segments_sentence,
)
from whatif.verdict.record import Reading
from whatif.verdict.wording import reading_words

DEFAULT_ESTIMATOR = "aipw"
_MOST_BARS = 40
ReadRow = tuple[EffectRow, Reading]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingCell:
    """The word for one effect and which icon stands beside it."""

    words: str
    tone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRow:
    """One row of the decision metrics; `phrase` is None where nothing can be shown."""

    label: str
    note: str
    per: str
    phrase: Phrase | None
    backdrop: Backdrop
    bar: Bar | None
    reading: ReadingCell


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricTable:
    """The decision metrics of one arm."""

    heading: str
    rows: tuple[MetricRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRow:
    """One row of a segment table; suppressed rows carry no numbers at all."""

    label: str
    n: str
    phrase: Phrase | None
    shrunk: str
    bar: Bar | None
    reading: ReadingCell


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentTable:
    """One metric, one arm, one dimension; `backdrop` is None where no bars are drawn."""

    key: str
    backdrop: Backdrop | None
    heading: str
    metric: str
    sentence: str
    note: str
    per: str
    left: str
    right: str
    shrunk: bool
    rows: tuple[SegmentRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentGroup:
    """The segment tables that open together: the leading metric, or another one folded away."""

    heading: str
    tables: tuple[SegmentTable, ...]


def arms_in_order(report: Report) -> tuple[str, ...]:
    """Return the arms of the effects, the one the verdict is about first."""
    arms = list(dict.fromkeys(row.arm for row in report.effects.effects))
    return tuple(sorted(arms, key=lambda arm: arm != report.verdict.arm))


def lead_row(report: Report, measure: Measure) -> EffectRow | None:
    """Return the overall effect on `measure` of the arm the verdict is about."""
    rows = [r for r, _ in overall(report, arms_in_order(report)[0]) if r.outcome == measure.name]
    return rows[0] if rows else None


def metric_tables(report: Report, measures: dict[str, Measure]) -> tuple[MetricTable, ...]:
    """Return one table per arm: primary, guardrails, then what was also measured."""
    arms = arms_in_order(report)
    axes = {
        name: symmetric_axis(
            measure,
            [row.ci for row, _ in report.read() if row.outcome == name and not row.segment],
        )
        for name, measure in measures.items()
    }
    tables = []
    for arm in arms:
        read = {row.outcome: (row, reading) for row, reading in overall(report, arm)}
        rows = tuple(
            _metric_row(measure, read[name], axes[name])
            for name, measure in measures.items()
            if name in read
        )
        versus = next(row.versus for row, _ in read.values())
        tables.append(MetricTable(heading=instead_of(human(arm), human(versus)), rows=rows))
    return tuple(tables)


def overall(report: Report, arm: str) -> list[ReadRow]:
    """Return the run's own overall effects of one arm with their readings."""
    return [
        (row, reading)
        for row, reading in report.read()
        if not row.segment and row.arm == arm and row.estimator == DEFAULT_ESTIMATOR
    ]


def _metric_row(measure: Measure, read: ReadRow, axis: Axis) -> MetricRow:
    row, reading = read
    notes = [role_words(measure.role), better_words(measure.better)]
    if measure.read_with:
        notes.append(read_with_words(human(measure.read_with)))
    return MetricRow(
        label=measure.label,
        note=", ".join(notes),
        per=measure.per,
        phrase=phrase(measure, row, use_band=False),
        backdrop=backdrop(measure, axis),
        bar=bar(row, axis, use_band=False),
        reading=_reading_cell(reading),
    )


def _reading_cell(reading: Reading) -> ReadingCell:
    return ReadingCell(words=reading_words(reading), tone=reading_tone(reading))


def segment_groups(report: Report, measures: dict[str, Measure]) -> tuple[SegmentGroup, ...]:
    """Return the segments of the leading arm and primary metric first, then every other pair.

    The leading tables have bars; folded ones only while the page has at most `_MOST_BARS`, so
    that a study with many segments stays a light page.
    """
    arms = arms_in_order(report)
    groups: list[SegmentGroup] = []
    rows = 0
    for measure, arm in product(measures.values(), arms):
        heading = f"{measure.label}, {human(arm)}" if len(arms) > 1 else measure.label
        cells = _cells(report, measure, arm)
        rows += sum(len(read) for read in cells)
        drawn = not groups or rows <= _MOST_BARS
        tables = tuple(
            _segment_table(report, measure, read, key=f"x{len(groups)}-{index}", drawn=drawn)
            for index, read in enumerate(cells)
        )
        if tables:
            groups.append(SegmentGroup(heading=heading, tables=tables))
    return tuple(groups)


def _cells(report: Report, measure: Measure, arm: str) -> list[list[ReadRow]]:
    """Return the segments of one metric and arm, by dimension."""
    cells: dict[tuple[str, ...], list[ReadRow]] = {}
    for row, reading in report.read():
        if row.segment and row.arm == arm and row.outcome == measure.name:
            cells.setdefault(tuple(column for column, _ in row.segment), []).append((row, reading))
    return list(cells.values())


def _segment_table(
    report: Report, measure: Measure, read: Sequence[ReadRow], *, key: str, drawn: bool
) -> SegmentTable:
    first = read[0][0]
    dimension = tuple(column for column, _ in first.segment)
    axis = shared_axis(measure, [row.band for row, _ in read if row.shown == "shown"])
    name = TIMES.join(human(column) for column in dimension)
    places = places_of(measure, [row for row, _ in read], use_band=True)
    return SegmentTable(
        key=key,
        backdrop=backdrop(measure, axis) if drawn else None,
        heading=f"By {name}",
        metric=measure.label,
        sentence=segments_sentence(
            differ=_differ(report, measure.name, first.arm, dimension),
            metric=measure.label[:1].lower() + measure.label[1:],
            dimension=name,
        ),
        note="" if all(row.planned for row, _ in read) else NOT_DECLARED,
        per=measure.per,
        left=signed(axis.low * measure.factor, places),
        right=signed(axis.high * measure.factor, places),
        shrunk=any(row.shrunk is not None for row, _ in read),
        rows=tuple(_segment_row(measure, pair, axis, places) for pair in read),
    )


def _differ(report: Report, outcome: str, arm: str, dimension: tuple[str, ...]) -> bool | None:
    tests: list[HeterogeneityRow] = [
        test
        for test in report.effects.heterogeneity
        if (test.outcome, test.arm) == (outcome, arm) and set(test.dimension) == set(dimension)
    ]
    if not tests or tests[0].p_value is None:
        return None
    return tests[0].p_value <= 1 - report.effects.level


def _segment_row(measure: Measure, read: ReadRow, axis: Axis, places: int) -> SegmentRow:
    row, reading = read
    words = phrase(measure, row, use_band=True, least=places)
    shrunk = words is not None and row.shrunk is not None
    return SegmentRow(
        label=" · ".join(human(level) for _, level in row.segment),
        n=DASH if words is None else number(row.n, 0),
        phrase=words,
        shrunk=signed((row.shrunk or 0.0) * measure.factor, places) if shrunk else DASH,
        bar=bar(row, axis, use_band=True),
        reading=_reading_cell(reading),
    )
