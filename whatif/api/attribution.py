"""The move of a number and its parts, as a table with a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from whatif.api.tables import RecordTable

if TYPE_CHECKING:
    from whatif.contract.spec import StudySpec
    from whatif.report.measure import Measure
    from whatif.run.attribution import Moved
    from whatif.scenarios.attribution.attribute import Attribution, Part
    from whatif.scenarios.attribution.opinion import OtherPart
    from whatif.scores.record import Scores
    from whatif.verdict.page_wording import Amount


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class AttributionTable(RecordTable):
    """Why a mean or ratio moved: the total, its parts and the measured effect, one row each.

    Attributes
    ----------
    sentence : str
        The move and its parts in words.
    found : Attribution
        Both levels, the covariance of the parts, and what was merged or borrowed.
    others : tuple of OtherPart
        DoWhy's parts, where they were asked for.
    """

    sentence: str
    found: Attribution
    others: tuple[OtherPart, ...]

    def __repr__(self) -> str:
        return f"{self.sentence}\n{RecordTable.__repr__(self)}"

    def _repr_html_(self) -> str:
        from html import escape

        return f"<p>{escape(self.sentence)}</p>{RecordTable._repr_html_(self)}"


def attribution_table(
    moved: Moved,
    others: tuple[OtherPart, ...],
    scores: Scores,
    spec: StudySpec,
    outcome: str,
    *,
    withheld: bool = False,
) -> AttributionTable:
    """Return a split move as a table, with its sentence and everything a reader must know.

    `withheld` says that the run's verdict is: its numbers cannot be trusted.
    """
    from whatif.verdict import attribution_wording as words

    found = moved.found
    earlier, later = found.n
    notes = [
        words.WITHHELD if withheld else "",
        words.ADDING if found.parts[0].critical is not None else words.NO_RANGES,
        words.ACCOUNTING,
        words.counted_words(scores.population, earlier=earlier, later=later),
        words.NO_SEGMENTS if not spec.segments else "",
        words.merged_words(found.merged) if found.merged else "",
        words.borrowed_words([(one.segment, one.arm, one.period) for one in found.borrowed]),
        words.unlinked_words(found.unlinked) if found.unlinked else "",
        words.opinion_words([(one.part, one.estimate) for one in others]) if others else "",
    ]
    return AttributionTable(
        title=words.TITLE,
        note=" ".join(note for note in notes if note),
        records=found.parts,
        shown=("part", "estimate", "std_error", "ci", "kind"),
        sentence=_sentence(moved, _measure(scores, spec, outcome)),
        found=found,
        others=others,
    )


def _sentence(moved: Moved, measure: Measure) -> str:
    from whatif.report.format import decimals
    from whatif.scenarios.attribution.attribute import MEASURED
    from whatif.verdict.attribution_wording import BECAUSE, CHANCE, move_sentence, part_words

    total, *others = moved.found.parts
    bounded = total.critical is not None
    half = abs(total.estimate * measure.factor) / 2
    low, high = (None if end is None else end * measure.factor for end in total.ci)
    places = measure.rounded((decimals(low, high) if bounded else decimals(0.0, half)) + 1)
    told = move_sentence(
        measure.lower,
        _amount(total, measure, places),
        when=moved.when,
        bounded=bounded,
        parts=[
            (part.part, part_words(_amount(part, measure, places), bounded=bounded))
            for part in others
            if part.part in BECAUSE and part.std_error > 0
        ],
    )
    ranges = [part.ci for part in moved.found.parts if part.part != MEASURED]
    unsure = any(low is not None and high is not None and low < 0 < high for low, high in ranges)
    return f"{told} {CHANCE}" if unsure else told


def _amount(part: Part, measure: Measure, places: int) -> Amount:
    """Return a part and its range as text, in the unit that is printed."""
    from whatif.report.format import end_decimals, number
    from whatif.verdict.page_wording import Amount

    shown = round(part.estimate * measure.factor, places)
    ends = [None if end is None else end * measure.factor for end in part.ci]
    digits = [places if end is None else end_decimals(end, places) for end in ends]
    signs = [0 if e is None else round(e, d) for e, d in zip(ends, digits, strict=True)]
    size = number(abs(shown), places)
    return Amount(
        size=f"{measure.prefix}{size}",
        direction=(shown > 0) - (shown < 0),
        ends=tuple(
            None if e is None else number(abs(e), d) for e, d in zip(ends, digits, strict=True)
        ),
        signs=tuple((sign > 0) - (sign < 0) for sign in signs),
        noun=measure.one if size == "1" else measure.many,
        per="" if measure.lower.endswith(measure.per) else measure.per,
        more=measure.more,
        fewer=measure.fewer,
    )


def _measure(scores: Scores, spec: StudySpec, outcome: str) -> Measure:
    """Return how the outcome is counted; one that is 0 or 1 is a share, whatever it is called."""
    import numpy as np

    from whatif.report.measure import measures_of

    shares = np.all((scores.y == 0) | (scores.y == 1), axis=0)
    kinds = {
        name: "binary" for name, share in zip(scores.outcomes, shares, strict=True) if bool(share)
    }
    return measures_of(spec, kinds)[outcome]
