"""The sentence on why a cost per unit differs, from the rows of one arm and segment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from whatif.report.format import decimals, end_decimals, human, number, signed
from whatif.report.measure import Measure
from whatif.scenarios.decomposition.decompose import PARTS, DecompositionRow, Part
from whatif.verdict import decomposition_wording as words
from whatif.verdict.page_wording import Sentence, instead_of


def split_words(measure: Measure, split: Mapping[Part, DecompositionRow]) -> Sentence:
    """Return why the cost of an arm differs from that of the arm it is compared with.

    Parameters
    ----------
    measure : Measure
        How the cost is counted.
    split : mapping of part to DecompositionRow
        All parts and the total, of one arm and segment.
    """
    total = split["total"]
    comparison = instead_of(human(total.arm), human(total.versus))
    cost = f"{measure.lower} {measure.per}"
    if not visible(split):
        return Sentence(lead=words.too_few_sentence(comparison, cost), strong="", rest="")
    places = places_of(measure, split.values())
    sizes = {part: (row.estimate or 0.0) * measure.factor for part, row in split.items()}
    text = {part: measure.prefix + number(abs(size), places) for part, size in sizes.items()}
    ways = {part: (round(s, places) > 0) - (round(s, places) < 0) for part, s in sizes.items()}
    return words.split_sentence(
        comparison=comparison,
        cost=cost,
        size=text["total"],
        direction=ways["total"],
        spread=spread_of(measure, total, places),
        clauses=[words.clause(p, size=text[p], direction=ways[p]) for p in PARTS[:-1]],
        unsettled=[p for p in ("total", *PARTS[:-1]) if ways[p] and _open(split[p])],
    )


def visible(split: Mapping[Part, DecompositionRow]) -> bool:
    """Whether every part has a number to show."""
    return all(row.shown == "shown" and row.estimate is not None for row in split.values())


def places_of(measure: Measure, rows: Iterable[DecompositionRow]) -> int:
    """Return the decimals that the narrowest range deserves."""
    found = [
        decimals(low * measure.factor, high * measure.factor)
        for low, high in (row.ci for row in rows)
        if low is not None and high is not None and low != high
    ]
    return measure.rounded(max(found, default=2))


def spread_of(measure: Measure, row: DecompositionRow, places: int) -> str:
    """Return the range of a part, signed; empty without one."""
    low, high = row.ci
    if low is None or high is None:
        return ""
    ends = (low * measure.factor, high * measure.factor)
    return " to ".join(signed(end, end_decimals(end, places)) for end in ends)


def _open(row: DecompositionRow) -> bool:
    low, high = row.ci
    return low is None or high is None or low < 0.0 < high
