"""Critical values for looking more than once: confidence sequences and spent error."""

from __future__ import annotations

import functools

import numpy as np
from scipy import optimize, special, stats

from whatif.base.arrays import Floats
from whatif.base.rng import generator

_POINTS = 512
_NEGLIGIBLE = 1e-4  # looks that spent less than this share of what the current one may spend
_NUGGET = 1e-10


def anytime_critical(alpha: float, progress: float) -> float:
    """Critical value of a confidence sequence: valid at every look at once, however many.

    ``√((1 + 1/kη)·log((kη + 1)/α²))`` with ``k = −2 log α + log(1 − 2 log α)``, the choice that
    makes the sequence about as narrow as it can be where η = 1.

    Parameters
    ----------
    alpha : float
        Chance that the range misses at any look, between 0 and 1.
    progress : float
        η, the planned error squared over today's; positive.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    References
    ----------
    Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas (2024), Time-uniform central limit theory and
    asymptotic confidence sequences, Annals of Statistics 52(6), section 2.

    Examples
    --------
    >>> round(anytime_critical(0.05, 1.0), 4)
    3.0352
    """
    if not 0 < alpha < 1 or not progress > 0:
        raise ValueError(f"Not a chance and a share of a plan: {alpha}, {progress}.")
    wide = -2 * np.log(alpha)
    grown = (wide + np.log1p(wide)) * progress
    return float(np.sqrt((1 + 1 / grown) * (np.log1p(grown) + wide)))


def spent(alpha: float, fraction: Floats) -> Floats:
    """Error of both sides together that may be spent by each fraction of the study.

    The spending function of the O'Brien–Fleming type, α/2 a side: ``4 − 4 Φ(z_{α/4}/√t)``. It
    spends next to nothing early and all of α at 1.

    Parameters
    ----------
    alpha : float
        Error of the whole study.
    fraction : ndarray, shape (J,)
        Above 0, at most 1.

    References
    ----------
    Lan & DeMets (1983), Discrete sequential boundaries for clinical trials, Biometrika 70(3),
    659–663.

    Examples
    --------
    >>> spent(0.05, np.array([0.5, 1.0])).round(5)
    array([0.00305, 0.05   ])
    """
    return np.asarray(4 * special.ndtr(-stats.norm.isf(alpha / 4) / np.sqrt(fraction)))


def boundaries(correlation: Floats, fraction: Floats, alpha: float) -> Floats:
    """Critical values of looks that together spend `alpha`, two-sided, shape (J,).

    The j-th is the c with ``P(|z_i| ≤ c_i for i < j, |z_j| > c) = α*(t_j) − α*(t_{j−1})`` for
    z ~ N(0, correlation), α* from :func:`spent`. Increments need not be independent: customers
    who come back tie them. It is infinite where nothing is left to spend.

    Parameters
    ----------
    correlation : ndarray, shape (J, J)
        Correlation of the estimates across looks, oldest first.
    fraction : ndarray, shape (J,)
        How much of the study lies behind each look, increasing to at most 1.
    alpha : float
        Error of the whole study.

    References
    ----------
    Lan & DeMets (1983), Biometrika 70(3), 659–663; Jennison & Turnbull (2000), Group Sequential
    Methods, sections 7.2 and 9.1 (repeated intervals ``estimate ± c_j · error_j``).
    """
    total = spent(alpha, fraction)
    error = np.diff(total, prepend=0.0)
    critical = np.full(fraction.size, np.inf)
    for j in np.flatnonzero(error > 0):
        before = [i for i in range(j - 1, -1, -1) if total[i] > _NEGLIGIBLE * error[j]]
        order = [int(j), *before]
        nugget = _NUGGET * np.eye(len(order))
        root = np.asarray(np.linalg.cholesky(correlation[np.ix_(order, order)] + nugget))
        critical[j] = _solve(root, critical[before], float(error[j]))
    return critical


def _solve(root: Floats, before: Floats, error: float) -> float:
    """Return the c that the current look passes first with chance `error`."""

    def excess(c: float) -> float:
        return float(np.log(_first_passage(c, root, before) / error + 1e-12))

    widest = -float(special.ndtri(error / 2))
    return float(optimize.brentq(excess, 0.0, widest, xtol=1e-8)) if before.size else widest


def _first_passage(c: float, root: Floats, before: Floats) -> float:
    """Chance that the current look passes ±c and no look `before`, newest first, passed its own.

    Genz's integration variable by variable (1992, JCGS 1(2), 141–149), begun in the tail of the
    current look so that few points are enough; by symmetry one tail is counted twice.
    """
    points = _points(before.size + 1)
    tail = float(special.ndtr(-c))
    normal = np.empty_like(points)
    normal[0] = -special.ndtri(points[0] * tail)
    inside = np.full(points.shape[1], 2 * tail)
    for k, bound in enumerate(before, start=1):
        centre, sd = root[k, :k] @ normal[:k], root[k, k]
        low = special.ndtr((-bound - centre) / sd)
        high = special.ndtr((bound - centre) / sd)
        inside *= high - low
        normal[k] = special.ndtri(low + points[k] * (high - low))
    return float(inside.mean())


@functools.cache
def _points(looks: int) -> Floats:
    """Return fixed Sobol points strictly inside the unit cube, shape (looks, points)."""
    cube = stats.qmc.Sobol(looks, rng=generator(0, "looks")).random(_POINTS)
    return np.ascontiguousarray(np.clip(cube, 2.0**-40, 1 - 2.0**-40).T)
