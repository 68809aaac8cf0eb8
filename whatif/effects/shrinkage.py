"""Segments shrunk towards each other: the winner's-curse correction beside the raw number."""

from __future__ import annotations

import numpy as np

from whatif.base.arrays import Floats

_GRID = 200
LEAST_SEGMENTS = 4


def main_effects(codes: list[tuple[int, ...]]) -> Floats:
    """Return the columns segments shrink towards: an intercept, plus main effects of a cross.

    Parameters
    ----------
    codes : list of tuple of int
        Level codes of each segment, one per crossed column.

    Examples
    --------
    >>> main_effects([(0,), (1,), (2,)])
    array([[1.],
           [1.],
           [1.]])
    """
    codes_ = np.asarray(codes)
    columns = [np.ones(len(codes))]
    if codes_.shape[1] > 1:
        for axis in codes_.T:
            columns += [(axis == level).astype(float) for level in np.unique(axis)[1:]]
    independent: list[Floats] = []
    for column in columns:  # a cross with empty cells can repeat a column
        if np.linalg.matrix_rank(np.column_stack([*independent, column])) > len(independent):
            independent.append(column)
    return np.column_stack(independent)


def shrink(estimate: Floats, covariance: Floats, towards: Floats, *, scale: float) -> Floats:
    """Posterior mean of each segment's effect under a normal spread around `towards`.

    For a given spread τ: ``μ̂ + τ² (τ²I + Σ)⁻¹ (θ̂ − μ̂)`` with μ̂ the generalised least squares fit
    on `towards`; τ is integrated over a half-normal prior, so that an estimated spread of zero
    does not erase every difference. A point beside the raw band, never an interval.

    Parameters
    ----------
    estimate, covariance : ndarray, shapes (m,), (m, m)
        Raw effects and their joint covariance.
    towards : ndarray, shape (m, q)
        From `main_effects`.
    scale : float
        Scale of the half-normal prior on τ, in the effect's unit.

    References
    ----------
    Gelman (2006), Bayesian Analysis 1(3), 515–533, section 3 (half-normal spread); Morris (1983),
    JASA 78(381), 47–55.
    """
    taus = np.linspace(0.0, 4.0 * scale, _GRID)
    log_weight, means = np.empty(_GRID), np.empty((_GRID, estimate.size))
    for i, tau in enumerate(taus):
        total = covariance + tau**2 * np.eye(estimate.size)
        precision = np.linalg.inv(total)
        information = towards.T @ precision @ towards
        centre = towards @ np.linalg.solve(information, towards.T @ precision @ estimate)
        residual = estimate - centre
        fit = residual @ precision @ residual
        log_det = np.linalg.slogdet(total)[1] + np.linalg.slogdet(information)[1]
        log_weight[i] = -0.5 * (log_det + fit) - 0.5 * (tau / scale) ** 2
        means[i] = centre + tau**2 * precision @ residual
    weight = np.exp(log_weight - log_weight.max())
    return np.asarray(weight @ means / weight.sum())
