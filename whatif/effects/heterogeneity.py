"""Do segments differ? One clustered test, asked before any segment is told apart."""

from __future__ import annotations

import numpy as np
from scipy import stats

from whatif.base.arrays import Floats


def equality_test(
    estimate: Floats, covariance: Floats, *, clusters: int
) -> tuple[float | None, float | None, tuple[int, int]]:
    """Test that all `estimate` are equal, with a small-sample F reference.

    ``W = (Rθ)ᵀ (RΣRᵀ)⁻¹ (Rθ)`` for the differences from the first, of rank q, and
    ``F = W (ν − q + 1) / (q ν)`` on (q, ν − q + 1) degrees of freedom with ν = clusters − 2.

    Parameters
    ----------
    estimate : ndarray, shape (m,)
        Effects of the segments.
    covariance : ndarray, shape (m, m)
        Their joint covariance.
    clusters : int
        Clusters behind them.

    Returns
    -------
    statistic, p_value : float or None
        None where ν < 3q (no honest test), or fewer than two segments.
    df : (int, int)
        Numerator and denominator degrees of freedom.

    References
    ----------
    Hotelling (1931), Annals of Mathematical Statistics 2(3), 360–378; used for clusters as in
    Pustejovsky & Tipton (2018), JBES 36(4), 672–683.
    """
    if estimate.size < 2:  # noqa: PLR2004  (nothing to compare)
        return None, None, (0, 0)
    differences = np.hstack([-np.ones((estimate.size - 1, 1)), np.eye(estimate.size - 1)])
    spread = differences @ covariance @ differences.T
    gap = differences @ estimate
    q = int(np.linalg.matrix_rank(spread, hermitian=True))
    nu = clusters - 2
    if q == 0 or nu < 3 * q:
        return None, None, (q, max(nu - q + 1, 0))
    wald = float(gap @ np.linalg.pinv(spread, hermitian=True) @ gap)
    f = wald * (nu - q + 1) / (q * nu)
    return f, float(stats.f.sf(f, q, nu - q + 1)), (q, nu - q + 1)
