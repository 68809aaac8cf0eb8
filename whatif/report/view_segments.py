"""What the declared segments show, row by row, as text and geometry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from whatif.effects.rows import HeterogeneityRow, Segment
from whatif.report.bars import Axis, Backdrop, Bar, backdrop, bar, shared_axis
from whatif.report.document import Report
from whatif.report.format import DASH, TIMES, human, number, signed
from whatif.report.measure import Measure, Phrase, phrase, places_of
from whatif.report.view_metrics import ReadingCell, ReadRow, arms_in_order, reading_cell, subject
from whatif.verdict.page_wording import MARKS, segments_sentence
from whatif.verdict.wording import EVERYONE

_MOST_BARS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRow:
    """One row of a segment table; suppressed rows carry no numbers at all."""

    label: str
    n: str
    phrase: Phrase | None
    mark: str
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


def segment_groups(report: Report, measures: dict[str, Measure]) -> tuple[SegmentGroup, ...]:
    """Return the segments of the leading arm and primary metric first, then every other pair.

    The leading tables have bars; folded ones only while the page has at most `_MOST_BARS`, so
    that a study with many segments stays a light page.
    """
    arms = arms_in_order(report)
    groups: list[SegmentGroup] = []
    rows = 0
    for measure, arm in product(measures.values(), arms):
        heading = subject(measure, arm, arms)
        cells = _cells(report, measure, arm)
        rows += sum(len(read) for read in cells)
        drawn = not groups or rows <= _MOST_BARS
        tables = tuple(
            _segment_table(report, measure, read, key=f"x{len(groups)}{index}", drawn=drawn)
            for index, read in enumerate(cells)
        )
        if tables:
            groups.append(SegmentGroup(heading=heading, tables=tables))
    return tuple(groups)


def levels_of(segment: Segment) -> str:
    """Return the levels of a segment as a row is labelled; everyone has none."""
    return " · ".join(human(level) for _, level in segment) or EVERYONE


def _cells(report: Report, measure: Measure, arm: str) -> list[list[ReadRow]]:
    """Return the declared segments of one metric and arm, by dimension."""
    cells: dict[tuple[str, ...], list[ReadRow]] = {}
    for row, reading in report.read():
        if row.segment and row.planned and (row.outcome, row.arm) == (measure.name, arm):
            cells.setdefault(tuple(column for column, _ in row.segment), []).append((row, reading))
    return list(cells.values())


def _segment_table(
    report: Report, measure: Measure, read: Sequence[ReadRow], *, key: str, drawn: bool
) -> SegmentTable:
    first = read[0][0]
    dimension = tuple(column for column, _ in first.segment)
    axis = shared_axis(measure, [row.read_from for row, _ in read if row.shown == "shown"])
    name = TIMES.join(human(column) for column in dimension)
    places = places_of(measure, [row for row, _ in read])
    return SegmentTable(
        key=key,
        backdrop=backdrop(measure, axis) if drawn else None,
        heading=f"By {name}",
        metric=measure.label,
        sentence=segments_sentence(
            differ=_differ(report, measure.name, first.arm, dimension),
            metric=measure.lower,
            dimension=name,
        ),
        per=measure.per,
        left=signed(axis.low * measure.factor, places),
        right=signed(axis.high * measure.factor, places),
        shrunk=any(row.shrunk is not None for row, _ in read),
        rows=tuple(_segment_row(report, measure, pair, axis, places) for pair in read),
    )


def _differ(report: Report, outcome: str, arm: str, dimension: tuple[str, ...]) -> bool | None:
    tests: list[HeterogeneityRow] = [
        test
        for test in report.effects.heterogeneity
        if (test.outcome, test.arm) == (outcome, arm)
        and test.planned
        and set(test.dimension) == set(dimension)
    ]
    if not tests or tests[0].p_value is None:
        return None
    return tests[0].p_value <= 1 - report.effects.level


def _segment_row(
    report: Report, measure: Measure, read: ReadRow, axis: Axis, places: int
) -> SegmentRow:
    row, _ = read
    words = phrase(measure, row, least=places)
    shrunk = words is not None and row.shrunk is not None
    return SegmentRow(
        label=levels_of(row.segment),
        n=DASH if words is None else number(row.n, 0),
        phrase=words,
        mark=MARKS[report.statuses.number(row.outcome, [column for column, _ in row.segment])],
        shrunk=signed((row.shrunk or 0.0) * measure.factor, places) if shrunk else DASH,
        bar=bar(row, axis),
        reading=reading_cell(report, read),
    )
