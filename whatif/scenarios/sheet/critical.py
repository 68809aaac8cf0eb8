"""Critical values for a reader who moves sliders until an answer pleases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from whatif.base.arrays import Floats
from whatif.base.rng import generator

_MOST_DRAWS = 500  # as exact as 2,000 draws of z: a draw of a direction stands for every length
_LEAST_DRAWS = 200
_WORK = 400_000  # draws × generators², what projections take time for
_FLAT = 1e-10


@dataclass(frozen=True, slots=True, kw_only=True)
class ConeValue:
    """A simulated critical value.

    Attributes
    ----------
    critical : float
        The value.
    mc_error : float
        Its Monte Carlo error.
    draws : int
        Directions drawn.
    rank : int
        Dimension of what the generators span.
    """

    critical: float
    mc_error: float
    draws: int
    rank: int


def span_critical(level: float, *, rank: int, df: int) -> float:
    """Critical value of every linear combination of `rank` estimates at once: ``√(q F)``.

    References
    ----------
    Scheffé (1953), Biometrika 40(1/2), 87–110.

    Examples
    --------
    >>> round(span_critical(0.95, rank=2, df=10**6), 2)  # √χ²: many clusters
    2.45
    >>> round(span_critical(0.95, rank=1, df=10), 4)  # Student's
    2.2281
    """
    return float(np.sqrt(rank * stats.f.ppf(level, rank, df)))


def cone_critical(
    covariance: Floats, groups: tuple[tuple[int, ...], ...], *, level: float, df: int, seed: int
) -> ConeValue:
    """Critical value of every combination of estimates with weights of one sign.

    The c with ``P(sup |λᵀz| / √(λᵀΣλ) ≤ c) = level`` over all λ ≥ 0 that leave zero outside one
    group, for z multivariate t with covariance Σ. With ``Σ = UᵀU`` and ``z = Uᵀw`` the supremum is
    the length of the projection of w, or of −w, onto the cone of U's columns (least squares with
    λ ≥ 0). A length is |w| times that of the direction of w, and independent of it. So only
    directions are drawn; given directions ρ, ``P(c) = mean F(c² / (q ρ²); q, df)`` is exact.

    Parameters
    ----------
    covariance : ndarray, shape (m, m)
        Joint covariance of the m estimates that are combined, each with the sign that it enters
        with.
    groups : tuple of tuple of int
        Estimates that may be combined with each other.
    level : float
        Coverage of all of them together.
    df : int
        Degrees of freedom of the smallest cell.
    seed : int
        The study's seed.

    References
    ----------
    Berk, Brown, Buja, Zhang & Zhao (2013), Annals of Statistics 41(2), 802–837, section 4, for all
    selections at once; Silvapulle & Sen (2005), Constrained Statistical Inference, chapter 3, for
    projections onto cones.

    Examples
    --------
    >>> made = cone_critical(np.eye(1), ((0,),), level=0.95, df=10, seed=0)
    >>> round(made.critical, 4)
    2.2281
    """
    root = _root(covariance)
    rank = int(root.shape[0])
    if rank == 0:
        return ConeValue(
            critical=span_critical(level, rank=1, df=df), mc_error=0.0, draws=0, rank=0
        )
    cones = [cone for cone in (_columns(root, group) for group in groups) if cone.shape[1]]
    draws = int(np.clip(_WORK // root.shape[1] ** 2, _LEAST_DRAWS, _MOST_DRAWS))
    normal = generator(seed, "scenario cone").standard_normal((draws, rank))
    directions = normal / np.linalg.norm(normal, axis=1, keepdims=True)
    reach = np.array([_reach(cones, direction) for direction in directions])
    square = np.minimum(reach**2, 1.0) * rank

    def missing(c: float) -> float:
        return float(stats.f.cdf(c**2 / square, rank, df).mean()) - level

    most = span_critical(level, rank=rank, df=df)
    low = span_critical(level, rank=1, df=df) / 2
    critical = float(optimize.brentq(missing, low, most * (1 + 1e-9), xtol=1e-10))
    covered = stats.f.cdf(critical**2 / square, rank, df)
    density = (2 * critical / square * stats.f.pdf(critical**2 / square, rank, df)).mean()
    error = float(covered.std(ddof=1) / np.sqrt(draws) / density)
    return ConeValue(critical=critical, mc_error=error, draws=draws, rank=rank)


def _root(covariance: Floats) -> Floats:
    """Return U with ``UᵀU`` the correlation, of shape (rank, m); estimates without error are 0."""
    sd = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    scale = np.where(sd > 0, sd, 1.0)
    values, vectors = np.linalg.eigh(covariance / np.outer(scale, scale))
    kept = values > _FLAT * max(float(values.max(initial=0.0)), 1.0)
    return np.asarray(np.sqrt(values[kept])[:, None] * vectors[:, kept].T)


def _columns(root: Floats, group: tuple[int, ...]) -> Floats:
    columns = root[:, list(group)]
    return np.asarray(columns[:, np.linalg.norm(columns, axis=0) > _FLAT])


def _reach(cones: list[Floats], direction: Floats) -> float:
    """Return the longest projection of a direction or its opposite onto the cones."""
    rests = [
        float(optimize.nnls(cone, sign * direction, maxiter=30 * cone.shape[1])[1])
        for cone in cones
        for sign in (1.0, -1.0)
    ]
    return float(np.sqrt(max(1.0 - min(rests) ** 2, 0.0)))
