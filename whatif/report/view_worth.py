"""The worth block: money a month, its parts, and the worth of an order at which an arm pays."""

from __future__ import annotations

from dataclasses import dataclass, replace

from whatif.base.records import BreakEven, Money, MoneyPart
from whatif.contract.spec import OutcomeSpec, StudySpec
from whatif.effects.rows import Ends
from whatif.report.document import Report
from whatif.report.format import (
    NBSP,
    coin_places,
    decimals,
    end_decimals,
    human,
    number,
    plural,
    signed,
    singular_unit,
    title,
)
from whatif.report.measure import Measure
from whatif.report.text_table import TextTable
from whatif.report.view_metrics import who
from whatif.verdict import worth_wording as words
from whatif.verdict.page_wording import MARKS, Sentence, money_sentence

_MORE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class WorthView:
    """The block: a line or a table of money a month; without either `note` alone says why."""

    money: Sentence | None
    parts: TextTable | None
    even: str
    note: str


def worth_view(report: Report, measures: dict[str, Measure]) -> WorthView | None:
    """Return the block; None where the study does not say what anything is worth."""
    made = report.money
    if made is None:
        if report.spec.value is None:
            return None
        return WorthView(money=None, parts=None, even="", note=words.NOT_A_MONTH)
    parts = _parts(made, report, measures)
    line = money_line(made, report)
    mark = MARKS[report.statuses.money()]
    return WorthView(
        money=None if parts else replace(line, strong=line.strong + mark),
        parts=parts,
        even=_even(made, report),
        note=words.PARTS if parts else "",
    )


def money_line(made: Money, report: Report) -> Sentence:
    """Return the one line of money, with its range and for how many units."""
    places = decimals(*made.ci, least=-12)
    return money_sentence(
        gain=made.estimate >= 0,
        size=_amount(made.currency, number(abs(made.estimate), places)),
        spread=_spread(made.ci, places),
        who=_whom(made, report),
        arm=human(made.arm),
    )


def _whom(made: Money, report: Report) -> str:
    units = plural(singular_unit(report.spec.unit))
    such = "" if who(report) == "everyone" else "such "
    return f"{number(made.units_per_month, -2)} {such}{units} a month"


def _parts(made: Money, report: Report, measures: dict[str, Measure]) -> TextTable | None:
    """Return every part and their sum; one part alone is the whole."""
    if len(made.parts) <= 1:
        return None
    mark = MARKS[report.statuses.money()]
    ends = [part.ci for part in made.parts if None not in part.ci and part.ci[0] != part.ci[1]]
    places = min(decimals(low, high, least=-12) for low, high in [made.ci, *ends])
    places += next((more for more in range(_MORE) if _adds_up(made, places + more)), 0)
    rows = [
        (
            _label(part, made, report.spec, measures),
            signed(part.estimate, places) + mark,
            words.FIXED if part.outcome is None else _signed_spread(part.ci, places),
        )
        for part in made.parts
    ]
    total = (words.TOGETHER, signed(made.estimate, places) + mark, _signed_spread(made.ci, places))
    caption = words.if_given(_whom(made, report), human(made.arm))
    return TextTable(caption=caption, heads=words.heads(made.currency), rows=(*rows, total))


def _adds_up(made: Money, places: int) -> bool:
    """Return whether the parts still sum to the whole once rounded, and none vanishes."""
    shown = [round(part.estimate, places) for part in made.parts]
    return all(shown) and round(sum(shown) - round(made.estimate, places), places) == 0


def _label(part: MoneyPart, made: Money, spec: StudySpec, measures: dict[str, Measure]) -> str:
    if part.outcome is None:
        return words.OF_THE_ARM
    known = measures.get(part.outcome)
    label = known.label if known else title(part.outcome)
    if known is not None and known.prefix and abs(part.worth) == 1:
        return label
    worth = _amount(made.currency, _plain(part.worth))
    return words.part_words(label, worth=worth, one=counted(part.outcome, spec))


def _even(made: Money, report: Report) -> str:
    even = made.break_even
    if even is None:
        return ""
    noun = counted(even.outcome, report.spec)
    said = _even_sentence(even, noun, made.currency, one_look=report.looks_again)
    worth = {part.outcome: part.worth for part in made.parts}.get(even.outcome)
    if worth is None:
        return said
    return f"{said} {words.declared_sentence(noun, _amount(made.currency, _plain(worth)))}"


def _even_sentence(even: BreakEven, noun: str, currency: str, *, one_look: bool) -> str:
    low, high = even.ends
    places = coin_places(decimals(low, high))
    if even.kind == "interval" and None not in (even.value, low, high):
        return words.break_even_sentence(
            noun=noun,
            above=even.pays_above,
            value=_amount(currency, number(even.value or 0.0, places)),
            spread=_spread(even.ends, places),
            one_look=one_look,
        )
    below, above = (
        "" if end is None else _amount(currency, number(end, end_decimals(end, places)))
        for end in even.ends
    )
    return words.open_sentence(noun, kind=even.kind, below=below, above=above, one_look=one_look)


def counted(outcome: str, spec: StudySpec) -> str:
    """Return what one of an outcome is called."""
    units = [m.unit for m in spec.metrics if isinstance(m, OutcomeSpec) and m.column == outcome]
    per = [r.per for r in spec.ratios if r.denominator == outcome and r.per]
    return human(next((u for u in (*units, *per) if u), outcome))


def _amount(currency: str, size: str) -> str:
    return f"{currency}{NBSP}{size}" if currency else size


def _plain(worth: float) -> str:
    return number(worth, 0 if worth == round(worth) else 2)


def _spread(ends: Ends, places: int) -> str:
    if ends == (None, None):
        return words.NOT_BOUNDED
    low, high = (
        words.NO_BOUND if end is None else number(end, end_decimals(end, places)) for end in ends
    )
    return f"{low} to {high}"


def _signed_spread(ends: Ends, places: int) -> str:
    if ends == (None, None):
        return words.NOT_BOUNDED
    low, high = (
        words.NO_BOUND if end is None else signed(end, end_decimals(end, places)) for end in ends
    )
    return f"{low} to {high}"
