"""What is looked at more than once, and how much data a first look needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from whatif.base.arrays import Floats
from whatif.effects.contrasts import Metric, contrast
from whatif.effects.joint import Joint
from whatif.effects.minimum import LEAST_EVENTS, LEAST_ORDERS, has_mean

FIRST_LOOK_CLUSTERS = 100
FIRST_LOOK_EVENTS = LEAST_EVENTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """A weighted sum of differences between an arm and the control, less a fixed amount.

    Attributes
    ----------
    parts : tuple of (Metric, float)
        Outcomes or ratios and their weights; a single metric of weight 1 is an effect.
    paid : float
        What the arm costs per unit more than the control.
    """

    parts: tuple[tuple[Metric, float], ...]
    paid: float = 0.0

    def of(self, means: Joint, *, cell: int, arm: int) -> tuple[float, Floats]:
        """Return the value in `cell` and its derivative by ``theta.ravel()``."""
        value, gradient = -self.paid, np.zeros(means.theta.size)
        for metric, weight in self.parts:
            made = contrast(means, metric, cell=cell, arm=arm)
            value += weight * made.difference
            gradient += weight * made.gradient
        return value, gradient

    def enough(self, means: Joint, *, cell: int, arm: int) -> bool:
        """Return whether `cell` has what a first look needs in both arms.

        100 clusters, 20 events of every outcome, and 50 orders under a ratio (rulings 4 and 13).
        """
        pair = (0, arm)
        if (means.counts.arm_clusters[cell, list(pair)] < FIRST_LOOK_CLUSTERS).any():
            return False
        return all(_enough_events(means, metric, cell, pair) for metric, _ in self.parts)


def _enough_events(means: Joint, metric: Metric, cell: int, pair: tuple[int, int]) -> bool:
    ratio = metric.denominator is not None
    counted = metric.denominator if ratio else metric.numerator
    events = means.counts.events[cell, list(pair), counted]
    least = LEAST_ORDERS if ratio else FIRST_LOOK_EVENTS
    return bool((events >= least).all()) and has_mean(means, metric, cell, pair)
