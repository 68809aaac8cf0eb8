"""Critical values: Student's for one effect, sup-t for a family read together."""

from __future__ import annotations

import numpy as np
from scipy import stats

from whatif.base.arrays import Floats
from whatif.base.rng import generator

_DRAWS = 50_000


def t_critical(level: float, df: int) -> float:
    """Two-sided Student critical value.

    Examples
    --------
    >>> round(t_critical(0.95, 10), 4)
    2.2281
    """
    return float(stats.t.ppf(0.5 + level / 2, df))


def sup_t(covariance: Floats, *, level: float, df: int, seed: int) -> float:
    """Critical value that covers a whole family at once.

    The c with ``P(max |z_j| ≤ c) = level`` for z ~ N(0, correlation), carried to Student's t by
    ``t⁻¹_df(Φ(c))``. Given the data, the clustered multiplier bootstrap of the influence values
    has exactly this normal law, so the influence matrix is not touched again.

    Parameters
    ----------
    covariance : ndarray, shape (m, m)
        Joint covariance of the family's estimates.
    level : float
        Coverage of the whole family.
    df : int
        Degrees of freedom, counted in the family's smallest cell.
    seed : int
        The study's seed.

    References
    ----------
    Montiel Olea & Plagborg-Møller (2019), Journal of Applied Econometrics 34(1), 1–17, section 3.
    """
    sd = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    used = sd > 0
    if used.sum() <= 1:
        return t_critical(level, df)
    correlation = covariance[np.ix_(used, used)] / np.outer(sd[used], sd[used])
    values, vectors = np.linalg.eigh(correlation)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    draws = generator(seed, "bands").standard_normal((_DRAWS, int(used.sum()))) @ root
    c = np.quantile(np.abs(draws).max(axis=1), level)
    return max(float(stats.t.ppf(stats.norm.cdf(c), df)), t_critical(level, df))
