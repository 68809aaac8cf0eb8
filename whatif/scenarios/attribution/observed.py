"""Two periods summed up: counts, accounts with what one period lends the other, and influence."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from whatif.base.arrays import Bools, Floats, Ints
from whatif.effects.minimum import LEAST_CLUSTERS, LEAST_EVENTS, LEAST_ORDERS
from whatif.effects.rows import Segment
from whatif.scenarios.attribution.periods import Periods
from whatif.scenarios.attribution.shapley import Accounts


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Counts:
    """Units, clusters and events by period, cell and arm; clusters by period and arm, and period.

    Shapes (2, S, A), (2, S, A), (2, S, A), (2, A) and (2,).
    """

    units: Ints
    clusters: Ints
    events: Ints
    arm_clusters: Ints
    period_clusters: Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Observed:
    """Accounts of two periods with what they rest on.

    `weight` is summed by period, cell and arm; `own` says where a period has a mean of its own,
    `present` where it has the cell at all; elsewhere the accounts hold the other period's.
    """

    accounts: Accounts
    weight: Floats
    own: Bools
    present: Bools


def counted(periods: Periods) -> Counts:
    """Count units, clusters and events; an event is an order for a ratio, else any value not 0."""
    cells, arms = len(periods.segments), len(periods.arms)
    units, slot = periods.units, _slot(periods)
    shape, size, most = (2, cells, arms), 2 * cells * arms, int(units.cluster.max()) + 1
    happened = (units.bottom if periods.ratio else units.top) != 0
    by_arm = _distinct(units.period * arms + units.arm, units.cluster, 2 * arms, most)
    return Counts(
        units=np.bincount(slot, minlength=size).reshape(shape),
        clusters=_distinct(slot, units.cluster, size, most).reshape(shape),
        events=np.bincount(slot[happened], minlength=size).reshape(shape),
        arm_clusters=by_arm.reshape(2, arms),
        period_clusters=_distinct(units.period, units.cluster, 2, most),
    )


def named_cells(periods: Periods) -> tuple[Periods, tuple[Segment, ...]]:
    """Merge cells that are too small in some period and arm (ruling 4) into one, the last.

    Returns the periods over the remaining cells, and the segments that were merged.
    """
    counts = counted(periods)
    least = LEAST_ORDERS if periods.ratio else LEAST_EVENTS
    small = (counts.clusters < LEAST_CLUSTERS) | (counts.events < least)
    thin: Bools = np.asarray((small & (counts.units > 0)).any(axis=(0, 2)))
    if thin.size == 1 or not thin.any():
        return periods, ()
    place = np.where(thin, int((~thin).sum()), np.cumsum(~thin) - 1)
    named = tuple(s for s, low in zip(periods.segments, thin, strict=True) if not low)
    merged = tuple(s for s, low in zip(periods.segments, thin, strict=True) if low)
    return replace(periods, cell=place[periods.cell], segments=(*named, ())), merged


def observe(periods: Periods) -> Observed:
    """Return mix, shares of arms and observed means of both periods.

    What a period lacks it takes from the other: an absent cell its shares of arms and its means,
    an absent arm its means.
    """
    shape = (2, len(periods.segments), len(periods.arms))
    units, slot = periods.units, _slot(periods)
    size = int(np.prod(shape))
    weight = _summed(slot, units.weight, size).reshape(shape)
    own: Bools = np.asarray(weight > 0)
    present: Bools = np.asarray(own.any(axis=2))
    by_cell = weight.sum(axis=2)
    arms = _over(weight, by_cell[:, :, None])
    top, bottom = (
        _over(_summed(slot, units.weight * y, size).reshape(shape), weight)
        for y in (units.top, units.bottom)
    )
    return Observed(
        accounts=Accounts(
            share=by_cell / by_cell.sum(axis=1, keepdims=True),
            arms=np.where(present[:, :, None], arms, arms[::-1]),
            top=np.where(own, top, top[::-1]),
            bottom=np.where(own, bottom, bottom[::-1]),
        ),
        weight=weight,
        own=own,
        present=present,
    )


def influence(periods: Periods, observed: Observed, gradient: Accounts) -> Floats:
    """Return what each unit adds to a number with this gradient by the accounts, shape (n,).

    ``w/W_t (g_p − ḡ_p) + w/W_ts (g_e − ḡ_e) + w/W_tsa g_μ (y − μ)``, looked up by period, cell and
    arm; the derivative by a borrowed number counts for the period that lent it.
    """
    accounts, weight, units = observed.accounts, observed.weight, periods.units
    by_cell = weight.sum(axis=2)
    of_arms = _returned(gradient.arms, observed.present[:, :, None])
    mean_share = (gradient.share * accounts.share).sum(axis=1, keepdims=True)
    mean_arms = (of_arms * accounts.arms).sum(axis=2, keepdims=True)
    per_share = (gradient.share - mean_share) / by_cell.sum(axis=1, keepdims=True)
    per_top = _over(_returned(gradient.top, observed.own), weight)
    per_bottom = _over(_returned(gradient.bottom, observed.own), weight)
    fixed = (
        per_share[:, :, None]
        + _over(of_arms - mean_arms, by_cell[:, :, None])
        - per_top * accounts.top
        - per_bottom * accounts.bottom
    )
    slot = _slot(periods)
    told = fixed.ravel()[slot] + per_top.ravel()[slot] * units.top
    return np.asarray(units.weight * (told + per_bottom.ravel()[slot] * units.bottom))


def scored_means(periods: Periods) -> tuple[Floats, Floats]:
    """Return doubly robust means above and below by cell and arm, over both periods, (S, A)."""
    units, cells = periods.units, len(periods.segments)
    weight = _summed(periods.cell, units.weight, cells)
    top, bottom = (
        np.column_stack([_summed(periods.cell, units.weight * one, cells) for one in scores.T])
        for scores in (units.score_top, units.score_bottom)
    )
    return _over(top, weight[:, None]), _over(bottom, weight[:, None])


def score_influence(periods: Periods, scores: Floats, theta: Floats, gradient: Floats) -> Floats:
    """Return what each unit adds to a number with this gradient by doubly robust means, (n,).

    Parameters
    ----------
    periods : Periods
        The units.
    scores : ndarray, shape (n, A)
        Their doubly robust scores.
    theta, gradient : ndarray, shape (S, A)
        Means of the scores, and the derivative by them.
    """
    weight = _summed(periods.cell, periods.units.weight, len(periods.segments))
    each = _over(gradient, weight[:, None])
    told = np.einsum("ia,ia->i", each[periods.cell], scores)
    return np.asarray(periods.units.weight * (told - (each * theta).sum(axis=1)[periods.cell]))


def cluster_sums(periods: Periods, values: Floats) -> Floats:
    """Add up what units tell within clusters; 0 for numbers that no cluster has."""
    return _summed(periods.units.cluster, values, 0)


def _slot(periods: Periods) -> Ints:
    """Return the place of each unit's period, cell and arm."""
    cells, arms = len(periods.segments), len(periods.arms)
    return (periods.units.period * cells + periods.cell) * arms + periods.units.arm


def _distinct(group: Ints, cluster: Ints, groups: int, most: int) -> Ints:
    """Count the clusters of each group."""
    key = np.sort(group * most + cluster)
    return np.bincount(key[np.diff(key, prepend=-1) > 0] // most, minlength=groups)


def _summed(code: Ints, values: Floats, size: int) -> Floats:
    return np.asarray(np.bincount(code, weights=values, minlength=size), dtype=np.float64)


def _over(above: Floats, below: Floats) -> Floats:
    """Divide; 0 where there is nothing to divide by."""
    full = np.broadcast_to(below, above.shape)
    return np.divide(above, full, out=np.zeros(above.shape), where=full > 0)


def _returned(gradient: Floats, own: Bools) -> Floats:
    """Give the derivative by a borrowed number to the period that lent it."""
    kept = np.where(own, gradient, 0.0)
    return np.asarray(kept + np.where(own, 0.0, gradient)[::-1])
