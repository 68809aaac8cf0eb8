"""What an effect looks like: plain frozen records, nothing computed here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from whatif.scores.record import Target

Level = str | int | float | bool
Segment = tuple[tuple[str, Level], ...]
Ends = tuple[float | None, float | None]
Shown = Literal["shown", "suppressed", "no_overlap"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Relative:
    """Effect as a share of the control mean, with its interval (delta method)."""

    estimate: float
    ci: Ends


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectRow:
    """One arm minus control, for one outcome or ratio, in one segment.

    Attributes
    ----------
    outcome : str
        Outcome column or ratio name.
    arm, versus : str
        The arm and the control it is compared with.
    segment : tuple of (column, level)
        Empty for everyone; levels keep their own type.
    n, clusters : int
        Units and clusters in the segment.
    baseline, estimate, std_error : float or None
        Doubly robust control mean, difference and clustered error, in the outcome's unit.
        None where the segment has no overlap or an interval would be dishonest.
    ci, band : (low, high)
        Interval of this effect alone, and simultaneous over `family`; None is unbounded.
    relative : Relative or None
        None where the control mean is too close to zero.
    shrunk : float or None
        Estimate shrunk towards the other segments; None below four segments.
    planned : bool
        Whether the cut was declared in the study.
    estimator : str
        ``"aipw"`` for the scores' own estimate.
    family : str
        Name of the family the band covers.
    critical : float
        Critical value of the band.
    df : int
        Degrees of freedom behind `critical`.
    shown : str
        ``"suppressed"`` below the minimum cell size, ``"no_overlap"`` without both arms.
    target : str
        Whom the number speaks of: ``"ate"``, ``"att"`` or ``"overlap"``.
    p_value : float or None
        Chance of a difference this large if the arm changed nothing: for a cut that was not
        declared, adjusted for every cut tried; for everyone with too few clusters for an interval,
        by drawing again which clusters got the arm. None elsewhere.
    sequential : (low, high) or None
        Range that stays valid however often results are looked at; None when they are looked at
        once. Readings come from it where it is given.
    """

    outcome: str
    arm: str
    versus: str
    segment: Segment
    n: int
    clusters: int
    baseline: float | None
    estimate: float | None
    std_error: float | None
    ci: Ends
    band: Ends
    relative: Relative | None
    shrunk: float | None
    planned: bool
    estimator: str
    family: str
    critical: float
    df: int
    shown: Shown
    target: Target = "ate"
    p_value: float | None = None
    sequential: Ends | None = None

    @property
    def read_from(self) -> Ends:
        """Range that the reading comes from: sequential where given, else band or interval."""
        if self.sequential is not None:
            return self.sequential
        return self.band if self.segment else self.ci


@dataclass(frozen=True, slots=True, kw_only=True)
class HeterogeneityRow:
    """Do the segments of one dimension differ? One clustered F test.

    Attributes
    ----------
    outcome, arm : str
        What was compared.
    dimension : tuple of str
        The segment columns, e.g. ``("urbanicity",)``.
    statistic, p_value : float or None
        None where too few clusters allow no test.
    df : tuple of int
        Numerator and denominator degrees of freedom.
    planned : bool
        Whether the cut was declared; if not, `p_value` is adjusted (Holm) for every test of an
        undeclared cut.
    """

    outcome: str
    arm: str
    dimension: tuple[str, ...]
    statistic: float | None
    p_value: float | None
    df: tuple[int, int]
    planned: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RestRow:
    """The effect in one segment minus the effect in the rest of its dimension.

    To be read only where the test of the dimension (`HeterogeneityRow`) tells its segments apart.

    Attributes
    ----------
    outcome : str
        Outcome column or ratio name.
    arm, versus : str
        The arm and the control it is compared with.
    segment : tuple of (column, level)
        The segment; the rest is everyone else.
    estimate, std_error : float
        Difference of the two effects and its clustered error, in the outcome's unit.
    ci, band : (low, high)
        Interval of this difference alone, and simultaneous over `family`; None is unbounded.
    family : str
        Name of the family the band covers.
    critical : float
        Critical value of the band.
    df : int
        Degrees of freedom behind `critical`.
    target : str
        Whom the number speaks of.
    """

    outcome: str
    arm: str
    versus: str
    segment: Segment
    estimate: float
    std_error: float
    ci: Ends
    band: Ends
    family: str
    critical: float
    df: int
    target: Target


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectRows:
    """Every effect and segment test of one run: overall, declared segments, then other cuts."""

    effects: tuple[EffectRow, ...]
    heterogeneity: tuple[HeterogeneityRow, ...]
    level: float
    rest: tuple[RestRow, ...] = ()
