"""What bounds look like: one plain frozen record, nothing computed here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from whatif.effects.rows import Ends, Segment
from whatif.scores.record import Target

BoundsShown = Literal["shown", "suppressed", "no_overlap", "other_target", "not_only_among"]
"""Why a row has, or has not, numbers to show; see `BoundsRow`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundsRow:
    """Bounds on arm minus control among units that would order under either arm.

    Attributes
    ----------
    outcome, among : str
        The cost column, and the binary column without which there is no cost.
    arm, versus : str
        The arm and the control it is compared with.
    segment : tuple of (column, level)
        Empty for everyone.
    n, clusters : int
        Units and clusters in the segment.
    bounds, std_error : (low, high)
        Ends of the identified interval and their clustered errors, in the outcome's unit; None
        where there are none.
    ci : (low, high)
        Interval that covers the effect, wherever it lies between the bounds, at the study's level.
    share : float or None
        Share of units that would order under either arm.
    trimmed : (float, float) or None
        Share of the orders trimmed in the control and in the arm; a cell where it is not settled
        which arm has more orders counts in both.
    settled, unsettled : int
        Cells trimmed in one direction, and in both.
    left_out : float
        Share of units in cells where an arm has no orders: nothing is said about them.
    shown : str
        ``"suppressed"`` below the minimum cell size or with too much left out, ``"no_overlap"``
        where no cell has orders in both arms, ``"other_target"`` where the study's target is not
        everyone, ``"not_only_among"`` where the outcome is not 0 in units without `among`.
    target : str
        Whom the study's other numbers speak of.
    """

    outcome: str
    among: str
    arm: str
    versus: str
    segment: Segment
    n: int
    clusters: int
    bounds: Ends
    std_error: Ends
    ci: Ends
    share: float | None
    trimmed: tuple[float, float] | None
    settled: int
    unsettled: int
    left_out: float
    shown: BoundsShown
    target: Target
