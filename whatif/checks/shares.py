"""Maths on the shares of arms within groups of units: levels, days, phases.

Units of assignment are the independent pieces: each stands once, at first exposure, so no error
here needs clusters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from whatif.base.arrays import Floats, Ints
from whatif.checks.assignment import noticeable

LARGE = 1000.0
"""Variance of a count from which χ² tails are close far beyond .01; below it they are exact."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shares:
    """Units per arm in G groups beside what the chances lead to expect.

    Attributes
    ----------
    size : ndarray, shape (G,)
        Units in the group.
    counts, expected : ndarray, shape (G, A)
        Units per arm, seen and expected.
    p_value : ndarray, shape (G,)
        Chance of a gap as large, group by group, not corrected for their number.
    """

    size: Floats
    counts: Floats
    expected: Floats
    variance: Floats
    p_value: Floats

    def furthest(self, group: int) -> int:
        """Return the arm of `group` most errors away from its expected count; of two, the lower."""
        z = (self.counts[group] - self.expected[group]) / np.sqrt(self.variance[group])
        far = np.flatnonzero(np.isclose(np.abs(z), np.abs(z).max()))
        return int(far[int(np.argmin(z[far]))])

    def visible_loss(self, level: float) -> Floats:
        """Return, by group, the smallest share of an arm whose loss is seen half the time.

        A test at `level` is meant; the arm in which a loss is hardest to see counts. Infinite
        where even the loss of the whole arm would not show.
        """
        chance = self.expected / self.size[:, None]
        z = noticeable(self.counts.shape[1] - 1, level)
        root = np.sqrt(z**2 * chance**2 + 4 * self.variance)
        loss = (z * (root - z * chance) / (2 * self.variance)).max(axis=1)
        return np.where(loss <= 1, loss, np.inf)


def compare_shares(group: Ints, arm: Ints, chance: Floats, *, groups: int) -> Shares:
    """Compare the arms of units with their own chances, group by group.

    χ² on A − 1 degrees of freedom where every arm's count has a variance of 1,000 or more. Below,
    exact binomial tails at the group's mean chance, doubled and shared among more than two arms;
    where chances differ within the group these are too large, never too small.

    Parameters
    ----------
    group : ndarray of int64, shape (n,)
        Group of each unit, 0 … groups − 1; every group has a unit.
    arm : ndarray of int64, shape (n,)
        Arm the unit got.
    chance : ndarray, shape (n, A)
        Chance of each arm, above 0 and below 1.
    groups : int
        G.

    References
    ----------
    Hoeffding (1956), Annals of Mathematical Statistics 27(3), 713–721, theorem 4: tails of a sum
    of unlike trials lie within those of the binomial with the same mean.

    Examples
    --------
    >>> halves = np.full((20, 2), 0.5)
    >>> found = compare_shares(np.arange(20) // 10, np.arange(20) // 10, halves, groups=2)
    >>> (2**10 * found.p_value).tolist()
    [2.0, 2.0]
    """
    arms = chance.shape[1]
    counts = np.bincount(group * arms + arm, minlength=groups * arms).reshape(groups, arms)
    size = np.bincount(group, minlength=groups).astype(np.float64)
    expected, covariance = _moments(group, chance, size)
    variance = np.diagonal(covariance, axis1=1, axis2=2)
    found = counts.astype(np.float64)
    p_value = _exact(found, expected, size)
    large = variance.min(axis=1) >= LARGE
    if large.any():
        gap = (found - expected)[large, 1:, None]
        form = (gap * np.linalg.solve(covariance[large, 1:, 1:], gap)).sum(axis=(1, 2))
        p_value[large] = special.chdtrc(arms - 1, form)
    return Shares(size=size, counts=found, expected=expected, variance=variance, p_value=p_value)


def _moments(group: Ints, chance: Floats, size: Floats) -> tuple[Floats, Floats]:
    """Return the mean and the covariance of each group's counts."""
    groups, arms = size.size, chance.shape[1]
    if bool((chance == chance[0]).all()):
        p = chance[0]
        return np.outer(size, p), np.multiply.outer(size, np.diag(p) - np.outer(p, p))
    expected = np.empty((groups, arms))
    covariance = np.empty((groups, arms, arms))
    for a in range(arms):
        expected[:, a] = np.bincount(group, weights=chance[:, a], minlength=groups)
        for b in range(a, arms):
            product = chance[:, a] * ((a == b) - chance[:, b])
            summed = np.bincount(group, weights=product, minlength=groups)
            covariance[:, a, b] = covariance[:, b, a] = summed
    return expected, covariance


def _exact(counts: Floats, expected: Floats, size: Floats) -> Floats:
    mean = expected / size[:, None]
    n = size[:, None]
    below = special.betainc(n - counts + (counts == n), counts + 1, 1 - mean)
    below = np.where(counts >= n, 1.0, below)
    above = special.betainc(np.maximum(counts, 1), n - counts + 1, mean)
    above = np.where(counts <= 0, 1.0, above)
    tail = 2 * np.minimum(below, above).min(axis=1)
    shared = counts.shape[1] if counts.shape[1] > 2 else 1  # noqa: PLR2004
    return np.asarray(np.minimum(1.0, shared * tail))


def for_most(visible: Floats, size: Floats) -> float:
    """Return the fault that could be seen in groups which together hold half of the units.

    Examples
    --------
    >>> for_most(np.array([0.5, 0.1, 0.2]), np.array([1.0, 4.0, 5.0]))
    0.2
    """
    order = np.argsort(visible, kind="stable")
    reached = np.cumsum(size[order]) >= size.sum() / 2
    return float(visible[order][int(np.argmax(reached))])
