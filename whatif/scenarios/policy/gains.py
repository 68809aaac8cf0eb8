"""Means of rewards over units, with one clustered covariance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from whatif.base.arrays import Bools, Floats, Ints
from whatif.effects.bands import sup_t, t_critical
from whatif.effects.minimum import LEAST_ARM_CLUSTERS_FOR_INTERVAL
from whatif.effects.predicted.clustered import cluster_covariance
from whatif.effects.rows import Ends
from whatif.scenarios.policy.lesson import Lesson


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Means:
    """Weighted means of m columns.

    Attributes
    ----------
    estimate : ndarray, shape (m,)
        Means.
    covariance : ndarray, shape (m, m)
        Clustered covariance.
    df : int or None
        Degrees of freedom; None below ten clusters in an arm, where there is no interval.
    """

    estimate: Floats
    covariance: Floats
    df: int | None

    @property
    def std_error(self) -> Floats:
        """Clustered errors, shape (m,)."""
        return np.sqrt(np.maximum(np.diag(self.covariance), 0.0))

    def intervals(self, level: float) -> tuple[Ends, ...]:
        """Return the interval of each mean alone."""
        return self._ends(None if self.df is None else t_critical(level, self.df))

    def band(self, level: float, seed: int) -> tuple[Ends, ...]:
        """Return intervals that hold all at once."""
        if self.df is None:
            return self._ends(None)
        return self._ends(sup_t(self.covariance, level=level, df=self.df, seed=seed))

    def _ends(self, critical: float | None) -> tuple[Ends, ...]:
        if critical is None:
            return tuple((None, None) for _ in self.estimate)
        half = critical * self.std_error
        return tuple(
            (float(at - width), float(at + width))
            for at, width in zip(self.estimate, half, strict=True)
        )


def means(lesson: Lesson, values: Floats, rows: Bools) -> Means:
    """Average columns over `rows`.

    ``θ = Σ w v / Σ w``, with influence ``w (v − θ) / Σ w`` summed in clusters.

    Parameters
    ----------
    lesson : Lesson
        Weights, clusters and arms of n units.
    values : ndarray, shape (rows, m)
        What is averaged.
    rows : ndarray of bool, shape (n,)
        Whom `values` are of.
    """
    weight, cluster = lesson.weight[rows], lesson.cluster[rows]
    share = weight / weight.sum()
    estimate = share @ values
    influence = share[:, None] * (values - estimate)
    return Means(
        estimate=estimate,
        covariance=cluster_covariance(influence, cluster),
        df=_degrees(cluster, lesson.arm[rows], lesson.reward.shape[1], assigned=lesson.assigned),
    )


def _degrees(cluster: Ints, arm: Ints, arms: int, *, assigned: bool) -> int | None:
    by_arm = [np.count_nonzero(np.bincount(cluster[arm == a])) for a in range(arms)]
    if min(by_arm) < LEAST_ARM_CLUSTERS_FOR_INTERVAL:
        return None
    return int((min(by_arm) if assigned else np.count_nonzero(np.bincount(cluster))) - 1)
