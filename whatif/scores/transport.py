"""Mean outcomes in another population: predictions, corrected by the study's own units."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from whatif.base.arrays import Bools, Floats, Ints
from whatif.contract.spec import OverlapSpec
from whatif.design.record import Design
from whatif.design.transport import TargetRows, beside
from whatif.scores.choice import choose
from whatif.scores.crossfit import Candidate
from whatif.scores.overlap import TOLERATED
from whatif.scores.record import Refusal, Transported
from whatif.scores.targets import TARGETS, Predictions
from whatif.scores.tasks import PROPENSITY

FEWEST = 100
"""Effective clusters of the study below which nothing is carried over."""

FEWEST_IN_TARGET = 10
"""Clusters of the other population below which its own spread cannot be told."""

Fit = Callable[..., tuple[Candidate, ...]]
"""`cross_fit` with learners, seed and executor settled."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Elsewhere:
    """What the study's models say of the rows of all targets, one below another.

    Attributes
    ----------
    mean : ndarray, shape (N, A, K)
        Predicted outcome under each arm.
    chance : ndarray, shape (N, A), or None
        Chance of each arm; None where it is known by design, not estimated.
    """

    mean: Floats
    chance: Floats | None


def transported(
    design: Design,
    rounds: tuple[Predictions, ...],
    elsewhere: tuple[Elsewhere, ...],
    targets: tuple[TargetRows, ...],
    *,
    rule: OverlapSpec,
    fit: Fit,
) -> tuple[Transported, ...]:
    """Carry mean outcomes to every other population, or say why not.

    Parameters
    ----------
    design : Design
        The study's units that the answer is about.
    rounds : tuple of Predictions
        Their out-of-fold predictions, one or more drawings of the folds.
    elsewhere : tuple of Elsewhere
        The same models at the targets' rows, drawing by drawing.
    targets : tuple of TargetRows
        The other populations.
    rule : OverlapSpec
        Which chances of an arm, and which shares of a kind of unit, are too small.
    fit : callable
        `cross_fit`, which learns from which of two tables a row is.
    """
    if not targets:
        return ()
    mean = np.asarray(sum(one.mean for one in elsewhere) / len(elsewhere))
    chances = [one.chance for one in elsewhere if one.chance is not None]
    chance = np.asarray(sum(chances) / len(chances)) if chances else None
    missed = _missed(design, rounds)
    made, start = [], 0
    for target in targets:
        rows = slice(start, start + target.n)
        start += target.n
        own = None if chance is None else chance[rows]
        closed = np.zeros(target.n, dtype=bool) if own is None else ~_open(own, rule)
        made.append(_carried(design, missed, target, mean[rows], closed, rule=rule, fit=fit))
    return tuple(made)


def _open(chance: Floats, rule: OverlapSpec) -> Bools:
    return TARGETS["ate"].inside(chance, rule)


def _missed(design: Design, rounds: tuple[Predictions, ...]) -> Floats:
    """Return (Y − m) / e under the arm a unit got, averaged over the rounds, shape (n, K)."""
    own = (np.arange(design.n), design.arm)
    parts = ((design.y - one.mean[own]) / one.chance[own][:, None] for one in rounds)
    return np.asarray(sum(parts) / len(rounds))


def _carried(
    design: Design,
    missed: Floats,
    target: TargetRows,
    mean: Floats,
    closed: Bools,
    *,
    rule: OverlapSpec,
    fit: Fit,
) -> Transported:
    ratios = density_ratio(design, target, fit) if _can_compare(target) else None
    rare = np.zeros(target.n, dtype=bool)
    effective: float | None = None
    by_arm: tuple[float, ...] = ()
    if ratios is not None:
        rare = ~(ratios[1] <= 1 / rule.low)
        weight = design.weight * ratios[0]
        effective = effective_clusters(weight, design.cluster)
        inside = [design.arm == a for a in range(len(design.arms))]
        by_arm = tuple(effective_clusters(weight[a], design.cluster[a]) for a in inside)
    out = target.unseen | rare | closed
    outside = float(target.weight[out].sum() / target.weight.sum())
    refused = _refused(effective, outside)
    theta = sigma = None
    if ratios is not None and refused is None:
        theta, sigma = carry(design, missed, ratios[0], target, mean)
    return Transported(
        name=target.name,
        covariates=design.features.names,
        n=target.n,
        clusters=_clusters(target.cluster),
        weighted=target.weighted,
        effective=effective,
        arm_effective=by_arm,
        outside=outside,
        levels=target.levels,
        rare=int(rare.sum()),
        closed=int(closed.sum()),
        refused=refused,
        theta=theta,
        sigma=sigma,
    )


def _can_compare(target: TargetRows) -> bool:
    """Return whether the target has clusters enough, on the training side of every fold."""
    return _clusters(target.cluster) >= FEWEST_IN_TARGET and np.unique(target.fold).size > 1


def _refused(effective: float | None, outside: float) -> Refusal | None:
    if effective is None:
        return "small_target"
    if not effective >= FEWEST:
        return "few_clusters"
    return "outside" if outside > TOLERATED else None


def density_ratio(design: Design, target: TargetRows, fit: Fit) -> tuple[Floats, Floats]:
    """Return how much more often such a unit occurs in the target, for the study's units and its.

    The odds of being a row of the target, learnt out of fold from both tables together, scaled so
    that their weighted mean over the study's units is 1. Shapes (n,) and (N,); infinite where the
    classifier is sure.

    References
    ----------
    Sugiyama, Suzuki & Kanamori (2012), Density Ratio Estimation in Machine Learning, chapter 4.
    """
    both = beside(design, target)
    chosen, _ = choose(both, fit(both, propensity=True))
    chance = chosen[PROPENSITY, -1].predicted
    with np.errstate(divide="ignore", invalid="ignore"):
        odds = chance[:, 1] / chance[:, 0]
        ours = odds[: design.n]
        scale = np.average(ours, weights=design.weight)
        return ours / scale, odds[design.n :] / scale


def effective_clusters(weight: Floats, cluster: Ints) -> float:
    """Return ``(Σ R_c)² / Σ R_c²`` with R_c the weight of cluster c (Kish).

    0 where no unit weighs anything, or one weighs infinitely much.

    Examples
    --------
    >>> effective_clusters(np.array([1.0, 1.0, 2.0]), np.array([0, 0, 1]))
    2.0
    """
    if not np.isfinite(weight).all():
        return 0.0
    total = np.bincount(cluster, weights=weight)
    squares = float((total**2).sum())
    return float(total.sum()) ** 2 / squares if squares > 0 else 0.0


def carry(
    design: Design, missed: Floats, ratio: Floats, target: TargetRows, mean: Floats
) -> tuple[Floats, Floats]:
    """Return mean outcomes in the target and their covariance, shapes (A, K) and (A·K, A·K).

    ``θ_a = Σ_T w m_a / Σ_T w + Σ_S w r 1{T=a} (Y − m_a) / e_a / Σ_S w r``. Influence values of both
    tables are summed within clusters, one that occurs in both once; each table has its own factor
    C/(C − 1).

    Parameters
    ----------
    design : Design
        The study's n units.
    missed : ndarray, shape (n, K)
        Outcome minus prediction over the chance, for the arm a unit got.
    ratio : ndarray, shape (n,)
        How much more often such a unit occurs in the target; only proportions matter.
    target : TargetRows
        The N rows of the other population.
    mean : ndarray, shape (N, A, K)
        Their predicted outcomes.

    References
    ----------
    Dahabreh, Robertson, Steingrimsson, Stuart & Hernán (2020), Statistics in Medicine 39(14),
    1999–2014, section 4 (the augmented inverse odds weighting estimator).
    """
    arms, outcomes = len(design.arms), missed.shape[1]
    share = target.weight / target.weight.sum()
    counts = design.weight * ratio / (design.weight @ ratio)
    size = int(max(design.cluster.max(), target.cluster.max())) + 1
    ours = np.bincount(design.cluster, weights=counts, minlength=size)
    theirs = np.bincount(target.cluster, weights=share, minlength=size)
    factors = [_factor(design.cluster), _factor(target.cluster)]
    theta, psi = np.empty((arms, outcomes)), np.empty((size, arms, outcomes))
    for a in range(arms):
        inside = np.flatnonzero(design.arm == a)
        code, weight = design.cluster[inside], counts[inside]
        for k in range(outcomes):
            corrected = np.bincount(code, weights=weight * missed[inside, k], minlength=size)
            said = np.bincount(target.cluster, weights=share * mean[:, a, k], minlength=size)
            moved, told = float(corrected.sum()), float(said.sum())
            theta[a, k] = told + moved
            psi[:, a, k] = factors[0] * (corrected - moved * ours)
            psi[:, a, k] += factors[1] * (said - told * theirs)
    flat = psi.reshape(size, -1)
    return theta, flat.T @ flat


def _factor(cluster: Ints) -> float:
    clusters = _clusters(cluster)
    return float(np.sqrt(clusters / (clusters - 1)))


def _clusters(cluster: Ints) -> int:
    return int(np.count_nonzero(np.bincount(cluster)))
