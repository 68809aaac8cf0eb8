"""Why did a mean or ratio move between two periods: other units, other arms, or other behaviour?"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from whatif.base.arrays import Bools, Floats, Ints
from whatif.base.errors import EstimationError, Problem
from whatif.effects.bands import t_critical
from whatif.effects.minimum import LEAST_ARM_CLUSTERS_FOR_INTERVAL
from whatif.effects.ratio_sets import NEAR_ZERO
from whatif.effects.rows import Ends, Segment
from whatif.scenarios.attribution.observed import (
    Counts,
    Observed,
    cluster_sums,
    counted,
    influence,
    named_cells,
    observe,
    score_influence,
    scored_means,
)
from whatif.scenarios.attribution.periods import Periods
from whatif.scenarios.attribution.shapley import PARTS, Accounts, bottoms, split

PERIODS = ("earlier", "later")
MEASURED = "measured_effect_of_shares"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a move, in the outcome's unit.

    Attributes
    ----------
    part : str
        ``"total"``; ``"mix"``, ``"treatment_share"`` and ``"mechanism"``, which add up to it; and
        ``"measured_effect_of_shares"``, what the change of treatment shares does by the study's
        effects, which is no part of the sum.
    estimate, std_error : float
        Contribution to the move, and its clustered error.
    ci : (low, high)
        Its interval; None without an honest one.
    kind : str
        ``"observed"`` for the total, ``"accounting"`` for its parts, ``"causal"`` for the measured
        effect, as far as the study's effects are.
    critical : float or None
        Critical value behind `ci`.
    df : int
        Degrees of freedom, counted in the smaller period.
    """

    part: str
    estimate: float
    std_error: float
    ci: Ends
    kind: str
    critical: float | None
    df: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Borrowed:
    """A mean that one period lacks and takes from the other.

    Attributes
    ----------
    segment : Segment or None
        The segment; None for the cells that were merged.
    arm : str or None
        The arm that nobody there got; None where nobody of the segment came.
    period : str
        Which period lacks it.
    """

    segment: Segment | None
    arm: str | None
    period: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Attribution:
    """The move of one mean or ratio, split.

    Attributes
    ----------
    earlier, later : float
        The observed mean or ratio in each period.
    parts : tuple of Part
        The total, its three parts, and the measured effect of the change of shares.
    covariance : ndarray, shape (3, 3)
        Of the three parts: the error of the total is the root of its sum.
    n, clusters : (int, int)
        Units and clusters of each period.
    segments : tuple of Segment
        Cells that stand for themselves.
    merged : tuple of Segment
        Cells too small for that, counted together as one.
    borrowed : tuple of Borrowed
        Means that a period lacks.
    unlinked : int
        Clusters of the earlier run of which it is not known whether they came again.
    """

    earlier: float
    later: float
    parts: tuple[Part, ...]
    covariance: Floats
    n: tuple[int, int]
    clusters: tuple[int, int]
    segments: tuple[Segment, ...]
    merged: tuple[Segment, ...]
    borrowed: tuple[Borrowed, ...]
    unlinked: int


def attribute(periods: Periods, *, level: float) -> Attribution:
    """Split the move between two periods into mix, treatment share and mechanism.

    The observed mean is ``R_t = Σ_s p_ts Σ_a e_tsa μ_tsa`` with p the mix of segments, e the shares
    of arms within a segment and μ what was observed there; a ratio has such a sum above and below.
    Parts are Shapley's. Their errors follow from exact derivatives and one clustered covariance
    over both periods, so that a customer may come in both.

    Parameters
    ----------
    periods : Periods
        Units of both periods, cut into cells.
    level : float
        Coverage of the intervals.

    Raises
    ------
    EstimationError
        If a ratio has nothing to divide by.

    References
    ----------
    Shorrocks (2013), Journal of Economic Inequality 11(1), 99–126, section 2.
    """
    kept, merged = named_cells(periods)
    observed, counts = observe(kept), counted(kept)
    _require_bottoms(observed.accounts)
    made = split(observed.accounts)
    measured, told = _measured(kept, observed)
    gradients = [observed.accounts.like(row) for row in made.part_gradients]
    rows = [influence(kept, observed, gradient) for gradient in gradients]
    sums = np.stack([cluster_sums(kept, row) for row in (*rows, told)])
    covariance = _factor(kept) * (sums @ sums.T)
    df = _degrees(kept, counts)
    critical = t_critical(level, df) if df > 0 and _enough(counts) else None
    if critical is not None and kept.ratio and _near_zero(kept, observed, critical):
        critical = None
    values = (float(made.levels[1] - made.levels[0]), *map(float, made.parts), measured)
    total = float(covariance[:3, :3].sum())
    errors = np.sqrt(np.maximum([total, *np.diag(covariance)], 0.0))
    names = ("total", *PARTS, MEASURED)
    return Attribution(
        earlier=float(made.levels[0]),
        later=float(made.levels[1]),
        parts=tuple(
            _part(name, value, float(error), critical, df)
            for name, value, error in zip(names, values, errors, strict=True)
        ),
        covariance=covariance[:3, :3],
        n=_pair(counts.units.sum(axis=(1, 2))),
        clusters=_pair(counts.period_clusters),
        segments=kept.segments[: len(kept.segments) - bool(merged)],
        merged=merged,
        borrowed=_borrowed(kept, observed, rest=bool(merged)),
        unlinked=kept.unlinked,
    )


def _part(name: str, value: float, error: float, critical: float | None, df: int) -> Part:
    half = None if critical is None else critical * error
    return Part(
        part=name,
        estimate=value,
        std_error=error,
        ci=(None, None) if half is None else (value - half, value + half),
        kind={"total": "observed", MEASURED: "causal"}.get(name, "accounting"),
        critical=critical,
        df=df,
    )


def _pair(values: Ints) -> tuple[int, int]:
    return int(values[0]), int(values[1])


def _require_bottoms(accounts: Accounts) -> None:
    below = bottoms(accounts)
    if (below > 0).all():
        return
    empty = [name for t, name in enumerate(PERIODS) if not below[t, t, t] > 0]
    where = (
        f" in the {' and the '.join(empty)} period" if empty else " once mix and means are mixed"
    )
    raise EstimationError(
        Problem(
            what=f"The denominator is not positive{where}.",
            why="a ratio without anything to divide by has no value that could move.",
            fix="ask about the numerator, or compare longer periods.",
        )
    )


def _measured(periods: Periods, observed: Observed) -> tuple[float, Floats]:
    """Return what the change of shares does by the study's effects, and what each unit tells of it.

    The treatment-share part with doubly robust means in place of observed ones, the same in both
    periods.
    """
    above, below = scored_means(periods)
    accounts = replace(
        observed.accounts, top=np.stack([above, above]), bottom=np.stack([below, below])
    )
    _require_bottoms(accounts)
    made, share = split(accounts), PARTS.index("treatment_share")
    gradient = accounts.like(made.part_gradients[share])
    nothing = np.zeros_like(gradient.top)
    told = influence(periods, observed, replace(gradient, top=nothing, bottom=nothing))
    units = periods.units
    for scores, theta, by in (
        (units.score_top, above, gradient.top),
        (units.score_bottom, below, gradient.bottom),
    ):
        told = told + score_influence(periods, scores, theta, by.sum(axis=0))
    return float(made.parts[share]), told


def _factor(periods: Periods) -> float:
    clusters = np.count_nonzero(np.bincount(periods.units.cluster))
    return clusters / (clusters - 1) if clusters > 1 else float("nan")


def _degrees(periods: Periods, counts: Counts) -> int:
    """Clusters − 1 of the smaller period; of its smallest arm where arms hold clusters."""
    if not periods.clusters_assigned:
        return int(counts.period_clusters.min()) - 1
    return int(counts.arm_clusters[_came(counts)].min()) - 1


def _enough(counts: Counts) -> bool:
    """Whether every arm that a period has holds ten clusters there."""
    fewest = counts.arm_clusters[_came(counts)].min()
    return bool(fewest >= LEAST_ARM_CLUSTERS_FOR_INTERVAL)


def _came(counts: Counts) -> Bools:
    return np.asarray(counts.units.sum(axis=1) > 0)


def _near_zero(periods: Periods, observed: Observed, critical: float) -> bool:
    """Whether a period's denominator is too close to zero for the delta method."""
    units, below = periods.units, bottoms(observed.accounts)
    for t in (0, 1):
        own = np.where(units.period == t, units.weight, 0.0)
        sums = cluster_sums(periods, own / own.sum() * (units.bottom - below[t, t, t]))
        if critical**2 * _factor(periods) * (sums @ sums) > NEAR_ZERO * below[t, t, t] ** 2:
            return True
    return False


def _borrowed(periods: Periods, observed: Observed, *, rest: bool) -> tuple[Borrowed, ...]:
    names: list[Segment | None] = list(periods.segments)
    if rest:
        names[-1] = None
    found = []
    for t, period in enumerate(PERIODS):
        lent = observed.own[1 - t] & ~observed.own[t]
        for s, name in enumerate(names):
            absent: list[str | None] = [a for a, b in zip(periods.arms, lent[s], strict=True) if b]
            if absent and not observed.present[t, s]:
                absent = [None]
            found += [Borrowed(segment=name, arm=arm, period=period) for arm in absent]
    return tuple(found)
