"""Many cuts tried: step-down p-values from the joint covariance, and intervals of those picked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

from whatif.base.arrays import Floats
from whatif.base.rng import generator

_DRAWS = 20_000
_ROWS = 2_000


def step_down(p_value: Floats, covariance: Floats, *, seed: int) -> Floats:
    """Adjust p-values for all of them having been looked at.

    The chance, if nothing were going on, that the largest of the statistics not yet rejected is as
    large as the one in question; never smaller than that of a larger statistic. With the joint
    normal law of the estimates this holds the chance of any false finding, and is never above
    Holm's p-value.

    Parameters
    ----------
    p_value : ndarray, shape (m,)
        Two-sided p-values, each from its own reference distribution.
    covariance : ndarray, shape (m, m)
        Joint covariance of the estimates.
    seed : int
        The study's seed.

    Returns
    -------
    ndarray, shape (m,)
        Adjusted p-values, in the order given.

    References
    ----------
    Romano & Wolf (2005), Econometrica 73(4), 1237–1282, section 3; Westfall & Young (1993),
    Resampling-Based Multiple Testing, algorithm 2.8 (smallest p-value instead of largest t).

    Examples
    --------
    >>> step_down(np.array([0.01, 0.5]), np.eye(2), seed=0).round(2).tolist()
    [0.02, 0.5]
    """
    m = p_value.size
    order = np.argsort(p_value, kind="stable")
    size = stats.norm.isf(p_value[order] / 2)
    root = _root(covariance[np.ix_(order, order)])
    rng = generator(seed, "undeclared cuts")
    exceeded = np.zeros(m)
    for _ in range(_DRAWS // _ROWS):
        drawn = np.abs(rng.standard_normal((_ROWS, m)) @ root)
        left = np.maximum.accumulate(drawn[:, ::-1], axis=1)[:, ::-1]
        exceeded += (left >= size).sum(axis=0)
    holm = (m - np.arange(m)) * p_value[order]
    stepped = np.minimum((exceeded + 1.0) / (_DRAWS + 1.0), holm)
    adjusted = np.empty(m)
    adjusted[order] = np.minimum(np.maximum.accumulate(np.maximum(stepped, p_value[order])), 1.0)
    return adjusted


def holm(p_value: Sequence[float]) -> Floats:
    """Adjust p-values whose joint law is not known (Holm 1979).

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    given = np.asarray(p_value, dtype=np.float64)
    order = np.argsort(given, kind="stable")
    adjusted = np.empty(given.size)
    stepped = np.maximum.accumulate((given.size - np.arange(given.size)) * given[order])
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def level_of_picked(level: float, *, picked: int, tried: int) -> float:
    """Level of intervals of which, among those picked, a share 1 − `level` miss on average.

    ``1 − α R / m`` with R of m picked; with none picked, as if one had been.

    References
    ----------
    Benjamini & Yekutieli (2005), Journal of the American Statistical Association 100(469), 71–81,
    definition 1.

    Examples
    --------
    >>> level_of_picked(0.95, picked=2, tried=10)
    0.99
    """
    return 1.0 - (1.0 - level) * max(picked, 1) / tried


def _root(covariance: Floats) -> Floats:
    error = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    scale = np.where(error > 0, error, 1.0)
    values, vectors = np.linalg.eigh(covariance / np.outer(scale, scale))
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T)
