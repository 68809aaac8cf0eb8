"""The move of a number and its parts, as a table with a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from whatif.api.tables import RecordTable

if TYPE_CHECKING:
    from whatif.contract.spec import StudySpec
    from whatif.effects.rows import Ends
    from whatif.scenarios.attribution.attribute import Attribution
    from whatif.scenarios.attribution.opinion import OtherPart
    from whatif.scores.record import Scores


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
    found: Attribution,
    others: tuple[OtherPart, ...],
    scores: Scores,
    spec: StudySpec,
    outcome: str,
) -> AttributionTable:
    """Return a split move as a table, with its sentence and everything a reader must know."""
    from whatif.verdict import attribution_wording as words

    earlier, later = found.n
    notes = [
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
        sentence=_sentence(found, scores, spec, outcome),
        found=found,
        others=others,
    )


def _sentence(found: Attribution, scores: Scores, spec: StudySpec, outcome: str) -> str:
    from whatif.report.format import coin_places, decimals, number, signed
    from whatif.scenarios.attribution.attribute import MEASURED
    from whatif.verdict.attribution_wording import BECAUSE, CHANCE, move_sentence

    factor, prefix, per = _unit(scores, spec, outcome)
    total, *others = found.parts
    estimate = factor * total.estimate
    ends = _times(total.ci, factor)
    near = (0.0, abs(estimate) / 2) if None in ends else ends
    places = decimals(*near) + 1
    if prefix:
        places = coin_places(places)
    direction = (round(estimate, places) > 0) - (round(estimate, places) < 0)
    parts = [
        (part.part, signed(factor * part.estimate, places) + _around(part.ci, factor, places))
        for part in others
        if part.part in BECAUSE and part.std_error > 0
    ]
    ranges = [part.ci for part in found.parts if part.part != MEASURED]
    told = move_sentence(
        outcome,
        direction=direction,
        size=f"{prefix}{number(abs(estimate), places)}{per}",
        spread=_around(total.ci, factor * (direction or 1), places)[2:-1],
        parts=parts,
    )
    unsure = any(low is not None and high is not None and low < 0 < high for low, high in ranges)
    return f"{told} {CHANCE}" if unsure else told


def _around(ci: Ends, factor: float, places: int) -> str:
    """Return a range in brackets, with a space before them; nothing where there is none."""
    from whatif.report.format import end_decimals, number

    ends = sorted(end for end in _times(ci, factor) if end is not None)
    told = [number(end, end_decimals(end, places)) for end in ends]
    return f" ({' to '.join(told)})" if told else ""


def _times(ends: Ends, factor: float) -> Ends:
    low, high = ends
    return (
        None if low is None else factor * low,
        None if high is None else factor * high,
    )


def _unit(scores: Scores, spec: StudySpec, outcome: str) -> tuple[float, str, str]:
    """Return factor, prefix and suffix of printed numbers: shares count per 1,000."""
    import numpy as np

    from whatif.contract.spec import metric_name

    if outcome in scores.outcomes:
        y = scores.y[:, scores.outcomes.index(outcome)]
        if bool(np.all((y == 0) | (y == 1))):
            return 1000.0, "", " per 1,000"
    unit = next(metric.unit for metric in spec.metrics if metric_name(metric) == outcome)
    currency = unit is not None and len(unit) == len("USD") and unit.isupper()
    return 1.0, f"{unit}\u00a0" if currency else "", ""
