"""What power looks like: one plain record per metric, arm and segment."""

from __future__ import annotations

from dataclasses import dataclass

from whatif.effects.rows import Segment, Shown


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerRow:
    """How small an effect on one metric can be and still be seen.

    An effect is *seen* when the range that its reading comes from leaves out zero on its side.

    Attributes
    ----------
    outcome : str
        Outcome column or ratio name.
    arm, versus : str
        The arm and the control it is compared with.
    segment : tuple of (column, level)
        Empty for everyone.
    assigned : str
        What gets an arm: a column, or ``"row"``.
    units, clusters : int
        Units and clusters in the segment, analysed or planned.
    baseline : float or None
        Mean without the arm, in the outcome's unit.
    std_error, half_width : float or None
        Clustered error of the effect, and half the width of the range that the reading comes
        from. None where too few data allow no range.
    df : int
        Degrees of freedom.
    smallest : float or None
        Smallest effect, as a size, that is seen with a chance of 80 %.
    relative : float or None
        The same as a share of the baseline; None unless that is positive.
    asked : float or None
        Effect that matters, or the limit of a guardrail; None where the study names neither.
    chance : float or None
        Chance to see an effect of the size `asked`, or to show a guardrail within its limit when
        the arm changes nothing.
    times : float or None
        Multiple of these data at which that chance is 80 %.
    units_needed, days_needed : int or None
        The same in units and days of the whole study.
    shown : str
        As for effects; ``"suppressed"`` where a cell is too small to show.
    """

    outcome: str
    arm: str
    versus: str
    segment: Segment
    assigned: str
    units: int
    clusters: int
    baseline: float | None
    std_error: float | None
    half_width: float | None
    df: int
    smallest: float | None
    relative: float | None
    asked: float | None
    chance: float | None
    times: float | None
    units_needed: int | None
    days_needed: int | None
    shown: Shown
