"""What the what-if block shows: the declared scenario as text, the sliders, and their words."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

from whatif.base.records import BreakEven
from whatif.contract.spec import StudySpec
from whatif.report.document import Report
from whatif.report.format import (
    NBSP,
    coin_places,
    decimals,
    end_decimals,
    human,
    number,
    plural,
    singular_unit,
    title,
)
from whatif.report.measure import Measure
from whatif.report.view_sliders import (
    Choice,
    Names,
    Slider,
    arm_choice,
    cell_sliders,
    cost_outcomes,
    mix_sliders,
    one_of,
    setting_sliders,
)
from whatif.scenarios.sheet.critical import span_critical
from whatif.scenarios.sheet.evaluate import Result, base_state, evaluate
from whatif.scenarios.sheet.record import LEAST_DF, Sheet
from whatif.scenarios.sheet.text import decode
from whatif.verdict import whatif_wording as wording
from whatif.verdict.page_wording import MARKS, Sentence, target_words
from whatif.verdict.plan_wording import PLAN_CHANGED
from whatif.verdict.whatif_wording import ResultWords

_TWO = 2
_HIDDEN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """The block, in reading order; `file` and `words` are JSON for the script."""

    lead: str
    lines: tuple[Sentence, ...]
    notes: tuple[str, ...]
    arm: Choice | None
    everyone: Slider
    cells: tuple[Slider, ...]
    settings: tuple[Slider, ...]
    level: Choice | None
    mix: Slider | None
    file: str
    words: str


def whatif_view(report: Report, measures: dict[str, Measure]) -> WhatIf | None:
    """Return the what-if block of a run; None without a scenario file."""
    if report.scenario is None:
        return None
    trimmed = any(notice.code == "trimmed" for notice in report.notices)
    block = whatif_block(report.scenario, names_of(report.spec, measures, trimmed=trimmed))
    return _marked(block, report) if report.deviations else block


def _marked(block: WhatIf, report: Report) -> WhatIf:
    """Mark the numbers that were not planned; the script's own have the note alone."""
    sheet, says = decode(report.scenario or ""), report.statuses
    names = [*sheet.outcomes, *(ratio.name for ratio in sheet.ratios)]
    statuses = [says.number(name) for name in names]
    if sheet.worth is not None:
        statuses.insert(0, says.money())
    said = [
        replace(line, strong=line.strong + MARKS[status]) if line.strong else line
        for line, status in zip(block.lines, statuses, strict=False)
    ]
    lines = (*said, *block.lines[len(said) :])  # the last one tells when it breaks even
    return replace(block, lines=lines, notes=(*block.notes, f"{PLAN_CHANGED}."))


def names_of(spec: StudySpec, measures: dict[str, Measure], *, trimmed: bool) -> Names:
    """Return what a study calls the things of its scenario file."""
    many = plural(singular_unit(spec.unit))
    control = human(spec.treatment.control)
    return Names(
        measures=measures,
        many=many,
        who=target_words(spec.target, units=many, control=control, trimmed=trimmed),
        looks_again=spec.decision.looks != "once",
    )


def whatif_block(text: str, names: Names) -> WhatIf:
    """Return the block of a scenario file.

    Parameters
    ----------
    text : str
        A ``scenario.v1``.
    names : Names
        What a reader calls what is in it.

    Raises
    ------
    DataError
        If the text is no scenario file of this version.
    """
    sheet, limits = decode(text), json.loads(text)["limits"]
    arm, control = human(sheet.arms[sheet.declared]), human(sheet.arms[0])
    several = len(sheet.arms) > _TWO
    units = "" if sheet.units is None else f"{number(sheet.units, -2)} {names.many} a month"
    level, mix, mixed = mix_sliders(sheet, limits, names)
    return WhatIf(
        lead=wording.give_words(arm, control, who=names.who, units=units),
        lines=_lines(sheet, names),
        notes=_notes(sheet, names),
        arm=arm_choice(sheet) if several else None,
        everyone=Slider(
            name="all",
            label=wording.share_label(title(names.many), "" if several else arm),
            value="100",
        ),
        cells=cell_sliders(sheet),
        settings=setting_sliders(sheet, limits, names),
        level=level,
        mix=mix,
        file=text,
        words=_words(sheet, names, mixed),
    )


def _words(sheet: Sheet, names: Names, mixed: dict[str, Any] | None) -> str:
    """Return what the script says and has to know beside the file, as JSON."""
    words = {
        "said": [asdict(one) | {"at": place} for place, one in _results(sheet, names)],
        "even": [asdict(one) for one in _even(sheet, names)],
        "open": "" if sheet.worth is None else wording.open_words(_worth_one(sheet, names)),
        "base": wording.declared_words(
            human(sheet.arms[sheet.declared]), human(sheet.arms[0]), names.who
        ),
        "looked": wording.LOOKED,
        "newer": wording.NEWER,
        "damaged": wording.DAMAGED,
        "bad": wording.IGNORED,
        "moved": wording.CLAMPED,
        "costs": cost_outcomes(sheet, names),
        "mix": mixed,
    }
    return json.dumps(words, separators=(",", ":"), ensure_ascii=False)


def _lines(sheet: Sheet, names: Names) -> tuple[Sentence, ...]:
    """Return the declared scenario, a sentence for each number."""
    found = evaluate(sheet, base_state(sheet))
    lines = [_line(words, found.results[place]) for place, words in _results(sheet, names)]
    if found.break_even is not None:
        lines.append(_even_line(found.break_even, _even(sheet, names), sheet, names))
    return tuple(lines)


def _results(sheet: Sheet, names: Names) -> list[tuple[int, ResultWords]]:
    """Return how profit, outcomes and ratios are said, each with its place among the results."""
    monthly = sheet.units is not None
    ranges = sheet.df >= LEAST_DF
    per, least = ("a month", -12) if monthly else (f"per 1,000 {names.many}", 0)
    made = []
    for name in (*sheet.outcomes, *(ratio.name for ratio in sheet.ratios)):
        known, share = names.measures.get(name), name not in sheet.outcomes
        made.append(
            wording.result_words(
                known.label if known else title(name),
                noun=known.many if known and not share else "",
                per=(known.per if known else "") if share else per,
                prefix=known.prefix if known else "",
                more=known.more if known else "more",
                fewer=known.fewer if known else "less",
                least=0 if share else least,
                ranges=ranges,
            )
        )
    placed = list(enumerate(made))
    if sheet.worth is None:
        return placed
    profit = wording.result_words(
        wording.PROFIT, per=per, prefix=_currency(sheet), least=least, ranges=ranges
    )
    return [(len(made), profit), *placed]


def _currency(sheet: Sheet) -> str:
    return f"{sheet.worth.currency}{NBSP}" if sheet.worth and sheet.worth.currency else ""


def _worth_one(sheet: Sheet, names: Names) -> str:
    """Return what is counted by the first outcome that is worth something."""
    worth = () if sheet.worth is None else sheet.worth.per
    k = next((k for k, each in enumerate(worth) if each > 0), 0)
    return one_of(sheet.outcomes[k], names)


def _even(sheet: Sheet, names: Names) -> tuple[ResultWords, ...]:
    one = _worth_one(sheet, names)
    return tuple(
        wording.even_words(one, above=above, prefix=_currency(sheet)) for above in (False, True)
    )


def _line(words: ResultWords, result: Result) -> Sentence:
    if result.estimate is None:
        return Sentence(lead=words.label, strong="", rest=words.none)
    ends = None if result.low is None or result.high is None else (result.low, result.high)
    change, spread = said(words, result.estimate, ends)
    return Sentence(lead=words.label, strong=change, rest=spread)


def _even_line(
    even: BreakEven, words: tuple[ResultWords, ...], sheet: Sheet, names: Names
) -> Sentence:
    low, high = even.ends
    if even.kind != "interval" or even.value is None or low is None or high is None:
        return Sentence(lead=wording.open_words(_worth_one(sheet, names)), strong="", rest="")
    change, spread = said(words[even.pays_above], even.value, (low, high))
    return Sentence(lead=change + spread, strong="", rest="")


def said(words: ResultWords, estimate: float, ends: tuple[float, float] | None) -> tuple[str, str]:
    """Return a number and its range in words, rounded as everywhere on the page.

    The script of the page says the same of the same numbers.
    """
    low, high = ends or (estimate, estimate)
    places = decimals(low, high, least=words.least)
    places = coin_places(places) if words.coin else places
    shown = round(estimate, places)
    way = (shown > 0) - (shown < 0)
    change = words.change[1 - way if way or not estimate else _HIDDEN].replace(
        "{0}", number(abs(estimate), places)
    )
    if ends is None:
        return change, words.none
    fine = [end_decimals(end, places) for end in ends]
    below, above = (round(end, digits) for end, digits in zip(ends, fine, strict=True))
    side = 0 if below >= 0 else 2 if above > 0 else 1
    text = words.range[side]
    for i, (end, digits) in enumerate(zip(ends, fine, strict=True)):
        text = text.replace(f"{{{i}}}", number(abs(end), digits))
    return change, text


def _notes(sheet: Sheet, names: Names) -> tuple[str, ...]:
    return tuple(
        note
        for note, needed in (
            (wording.FEW, sheet.df < LEAST_DF),
            (wording.PICKED, _picked(sheet)),
            (wording.ONE_LOOK, names.looks_again),
            (wording.ALL_ELSE, True),
        )
        if needed
    )


def _picked(sheet: Sheet) -> bool:
    """Return whether declared ranges are wider because their arm was picked by its result."""
    declared = sheet.critical.declared
    if declared is None or len(sheet.arms) <= _TWO:
        return False
    return declared > span_critical(sheet.level, rank=1, df=sheet.df)
