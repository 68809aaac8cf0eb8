"""How much data a number needs before it is shown, and before it has an interval."""

from __future__ import annotations

from collections.abc import Iterable

from whatif.base.arrays import Bools
from whatif.effects.contrasts import Metric
from whatif.effects.joint import Joint
from whatif.effects.rows import Shown

LEAST_CLUSTERS = 50
LEAST_EVENTS = 20
LEAST_ORDERS = 50
LEAST_ARM_CLUSTERS_FOR_INTERVAL = 10


def has_mean(means: Joint, metric: Metric, cell: int, arms: tuple[int, ...]) -> bool:
    """Whether every one of `arms` occurs in the cell, with something to divide a ratio by."""
    used = list(arms)
    both = bool((means.counts.arm_units[cell, used] > 0).all()) and bool(means.share[cell] > 0)
    if metric.denominator is None or not both:
        return both
    return bool((means.theta[cell, used, metric.denominator] > 0).all())


def shown(means: Joint, metric: Metric, cell: int, arms: tuple[int, ...]) -> Shown:
    """Whether a comparison of `arms` is large enough to show.

    A segment needs 50 clusters and 20 events in each arm, or 50 orders for a ratio; everyone is
    shown as soon as both arms occur.
    """
    used = list(arms)
    if (means.counts.arm_units[cell, used] == 0).any() or not means.share[cell] > 0:
        return "no_overlap"
    if not has_mean(means, metric, cell, arms):
        return "suppressed"
    if cell == 0:
        return "shown"
    enough: Bools = means.counts.arm_clusters[cell, used] >= LEAST_CLUSTERS
    events = means.counts.events[cell, used]
    if metric.denominator is None:
        enough &= events[:, metric.numerator] >= LEAST_EVENTS
    else:
        enough &= events[:, metric.denominator] >= LEAST_ORDERS
    return "shown" if enough.all() else "suppressed"


def enough_for_interval(means: Joint, places: Iterable[tuple[int, int]]) -> bool:
    """Whether each (cell, arm) has ten clusters: below that an interval would be dishonest."""
    return all(
        means.counts.arm_clusters[cell, arm] >= LEAST_ARM_CLUSTERS_FOR_INTERVAL
        for cell, arm in places
    )
