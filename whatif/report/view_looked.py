"""What the cuts show that were made after looking: words that say neither better nor worse."""

from __future__ import annotations

from dataclasses import dataclass

from whatif.report.document import Report
from whatif.report.format import DASH, TIMES, human, number
from whatif.report.measure import Measure, phrase
from whatif.report.text_table import Cells, TextTable
from whatif.report.view_metrics import ReadRow, arms_in_order, subject
from whatif.report.view_segments import levels_of
from whatif.verdict.page_wording import MARKS, looked_heading, looked_sentence, stands_out_words
from whatif.verdict.wording import reading_words

_HEADS = ("Effect", "Difference", "Range", "Reading", "Counted")
Dimension = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedTable:
    """Every effect of one cut, and whether any of them differs by it."""

    sentence: str
    table: TextTable


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedView:
    """The cuts of a run that were made after looking."""

    heading: str
    one_look: bool
    cuts: tuple[LookedTable, ...]


def looked_view(report: Report, measures: dict[str, Measure]) -> LookedView | None:
    """Return the cuts that were made after looking; None without any."""
    cuts: dict[Dimension, list[ReadRow]] = {}
    for row, reading in report.read():
        if row.segment and not row.planned:
            cuts.setdefault(tuple(name for name, _ in row.segment), []).append((row, reading))
    if not cuts:
        return None
    return LookedView(
        heading=looked_heading([_name(cut) for cut in cuts]),
        one_look=report.looks_again,
        cuts=tuple(
            LookedTable(
                sentence=_sentence(report, measures, cut),
                table=TextTable(
                    caption=f"By {_name(cut)}",
                    heads=_HEADS,
                    rows=tuple(_row(report, measures, one) for one in read),
                ),
            )
            for cut, read in cuts.items()
        ),
    )


def _name(cut: Dimension) -> str:
    return TIMES.join(human(column) for column in cut)


def _sentence(report: Report, measures: dict[str, Measure], cut: Dimension) -> str:
    found = {
        test.outcome: test.p_value <= 1 - report.effects.level
        for test in sorted(report.effects.heterogeneity, key=lambda test: -(test.p_value or 0.0))
        if test.dimension == cut and not test.planned and test.p_value is not None
    }
    differing = [measure.lower for name, measure in measures.items() if found.get(name)]
    return looked_sentence(differing, tested=bool(found), dimension=_name(cut))


def _row(report: Report, measures: dict[str, Measure], read: ReadRow) -> Cells:
    row, reading = read
    measure = measures[row.outcome]
    about = subject(measure, row.arm, arms_in_order(report))
    per = "" if measure.lower.endswith(measure.per) else f" {measure.per}"
    label = f"{levels_of(row.segment)}: {about}{per}"
    says = phrase(measure, row)
    if says is None:
        return (label, DASH, DASH, reading_words(reading), DASH)
    return (
        label,
        says.signed + MARKS["exploratory"],
        says.signed_spread,
        reading_words(reading)
        if row.p_value is None
        else stands_out_words(stands_out=row.p_value <= 1 - report.effects.level),
        number(row.n, 0),
    )
