"""The decision word for a study and the readings behind it: plain frozen records."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from html import escape


class Reading(StrEnum):
    """The word for one effect."""

    BETTER = "better"
    BETTER_PERHAPS = "better_perhaps"
    WORSE = "worse"
    WORSE_PERHAPS = "worse_perhaps"
    NO_DIFFERENCE = "no_difference_that_matters"
    NOT_CLEAR = "not_clear_yet"
    WITHIN_LIMIT = "within_limit"
    OVER_LIMIT = "over_limit"
    HARM_NOT_RULED_OUT = "harm_not_ruled_out"
    WORSE_LIMIT_NOT_RULED_OUT = "worse_limit_not_ruled_out"
    SUPPRESSED = "suppressed"
    NO_OVERLAP = "no_overlap"


class Decision(StrEnum):
    """The word for the whole study."""

    CANNOT_BE_TRUSTED = "cannot_be_trusted"
    OUT_OF_DATE = "out_of_date"
    TOO_EARLY = "too_early"
    ROLL_OUT = "roll_out"
    DO_NOT_ROLL_OUT = "do_not_roll_out"
    DISCUSS = "discuss"
    WORTH_TESTING = "worth_testing"
    NOT_WORTH_TESTING = "not_worth_testing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the page tells a reader to do, and why.

    Attributes
    ----------
    decision : Decision
        One of the closed set.
    arm : str
        The arm the decision is about.
    chosen_after_looking : bool
        Whether `arm` was picked from several by its result.
    where : str
        For whom, in words: everyone, or everyone except declared segments that are harmed.
    headline : str
        The action sentence.
    reasons : tuple of str
        Strongest first.
    would_change : tuple of str
        What would change the verdict.
    readings : tuple of Reading
        One per effect row, in the order of ``EffectRows.effects``.
    """

    decision: Decision
    arm: str
    chosen_after_looking: bool
    where: str
    headline: str
    reasons: tuple[str, ...]
    would_change: tuple[str, ...]
    readings: tuple[Reading, ...]

    def _repr_html_(self) -> str:
        reasons = "".join(f"<li>{escape(reason)}</li>" for reason in self.reasons)
        change = "".join(f"<li>{escape(text)}</li>" for text in self.would_change)
        return (
            f'<section class="whatif-card"><h4>{escape(self.headline)}</h4><ul>{reasons}</ul>'
            f"<p>What would change this:</p><ul>{change}</ul></section>"
        )
