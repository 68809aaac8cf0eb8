"""Does giving the arm to those predicted to gain most gain more? RATE: AUTOC and Qini."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from whatif.base.arrays import Floats, Ints
from whatif.effects.predicted.clustered import cluster_covariance
from whatif.effects.rows import Ends


class Measure(StrEnum):
    """How the gain over the average is added up over the share that gets the arm."""

    AUTOC = "AUTOC"
    QINI = "Qini"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A rank-weighted average effect and its clustered error, in the outcome's unit."""

    estimate: float
    std_error: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RankingRow:
    """Whether ranking units by predicted effect works, on data that the ranking never saw.

    Attributes
    ----------
    outcome, arm, versus : str
        What was compared.
    measure : str
        ``"AUTOC"``, which favours few who gain much, or ``"Qini"``, which favours many.
    estimate, std_error : float or None
        Rank-weighted average effect in the outcome's unit, positive when those ranked first gain
        more (for an outcome where lower is better: lose more). A cost of the arm that is the same
        for everyone changes nothing. None when the ranking made no difference between units.
    ci : (low, high)
        Its interval.
    statistic, p_value : float or None
        Two-sided test that it is 0.
    works : bool
        Whether it is significantly positive at the study's level.
    parts : int
        Held-out parts that were tested, each ranked by models from the parts before it.
    final : str
        Name of the surface.
    """

    outcome: str
    arm: str
    versus: str
    measure: str
    estimate: float | None
    std_error: float | None
    ci: Ends
    statistic: float | None
    p_value: float | None
    works: bool
    parts: int
    final: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """One point of the pooled curve, a picture without error: it has no valid test.

    Attributes
    ----------
    arm : str
        The arm.
    share : float
        Share of units, those ranked first, that get the arm.
    gain : float
        Their effect minus the average effect, in the outcome's unit, positive when better.
    """

    arm: str
    share: float
    gain: float


def rate(
    difference: Floats, priority: Floats, *, cluster: Ints, weight: Floats, measure: Measure
) -> Rate:
    """Rank-weighted average effect of a ranking that does not depend on these units' outcomes.

    With TOC(q) the effect among the first share q minus the average effect, AUTOC is
    ``∫ TOC(q) dq`` and Qini ``∫ q TOC(q) dq``. Both are ``Σ a(rank) Γ`` with fixed weights; equal
    priorities share the average of theirs. The error comes from influence values, summed within
    clusters: ``a(rank) (Γ − Γ̄)`` and, because ranks are estimated too, minus the (Γ − Γ̄) of the
    units behind, each over its rank for AUTOC.

    Parameters
    ----------
    difference : ndarray, shape (n,)
        Score differences Γ, positive is better.
    priority : ndarray, shape (n,)
        Largest first.
    cluster, weight : ndarray, shape (n,)
        Cluster codes and sampling weights.
    measure : Measure
        AUTOC or Qini.

    References
    ----------
    Yadlowsky, Fleming, Shah, Brunskill & Wager (2025), Journal of the American Statistical
    Association 120(549), 38–51, sections 2 and 3.

    Examples
    --------
    >>> made = rate(
    ...     np.array([4.0, 2.0, 0.0, 0.0]), np.array([4.0, 3.0, 2.0, 1.0]), cluster=np.arange(4),
    ...     weight=np.ones(4), measure=Measure.QINI,
    ... )
    >>> made.estimate
    0.4375
    """
    order = np.argsort(-priority, kind="stable")
    share = weight[order] / weight.sum()
    score = difference[order] - share @ difference[order]
    tied = np.cumsum(np.diff(priority[order], prepend=priority[order[0]]) != 0)
    reached = np.cumsum(share)
    step = share / reached if measure is Measure.AUTOC else share
    weights = _from_here(step)
    weights = _shared(weights - share @ weights, share, tied)
    estimate = float(share @ (weights * score))
    behind = _shared(_from_here(step * score) - step * score, share, tied)
    influence = share * (weights * score - behind)
    influence -= share * influence.sum()
    covariance = cluster_covariance(influence[:, None], cluster[order])
    untold = bool(tied[-1] == 0)
    error = 0.0 if untold else float(np.sqrt(covariance[0, 0]))
    return Rate(estimate=0.0 if untold else estimate, std_error=error)


def _from_here(values: Floats) -> Floats:
    """Return the sum of this and all later values, shape (n,)."""
    return np.asarray(np.cumsum(values[::-1])[::-1])


def _shared(values: Floats, share: Floats, tied: Ints) -> Floats:
    """Give units of equal priority the average value of their group."""
    mass = np.bincount(tied, weights=share)
    return np.asarray((np.bincount(tied, weights=share * values) / mass)[tied])


def pooled_curve(
    difference: Floats, priority: Floats, *, fold: Ints, weight: Floats, points: int = 20
) -> tuple[Floats, Floats]:
    """Effect among the first share of units minus the average effect, ranked within each fold.

    A picture only: predictions of one fold were learned from the scores of the others, and a test
    of the pooled ranking rejects far too often when effects do not differ.

    Returns
    -------
    share, gain : ndarray, shape (points,)
        Shares 1/points … 1, and the curve averaged over folds.
    """
    shares = np.arange(1, points + 1) / points
    gain, mass = np.zeros(points), 0.0
    for k in np.unique(fold):
        rows = np.flatnonzero(fold == k)
        rows = rows[np.argsort(-priority[rows], kind="stable")]
        part = weight[rows]
        reached = np.cumsum(part) / part.sum()
        total = np.cumsum(part * difference[rows])
        at = np.minimum(np.searchsorted(reached, shares - 1e-12), rows.size - 1)
        toc = total[at] / (reached[at] * part.sum()) - total[-1] / part.sum()
        gain, mass = gain + part.sum() * toc, mass + part.sum()
    return shares, gain / mass
