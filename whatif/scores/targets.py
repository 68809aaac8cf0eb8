"""Whom an average speaks of: everyone, those who got another arm, or those whose arm was open."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce

import numpy as np

from whatif.base.arrays import Bools, Floats, Ints
from whatif.contract.spec import OverlapSpec
from whatif.scores.aipw import aipw_scores
from whatif.scores.record import Target

_TWO = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRule:
    """A target population: its scores, its members, and the chances it can be answered for.

    Attributes
    ----------
    name : str
        ``"ate"``, ``"att"`` or ``"overlap"``.
    scores : callable
        From outcomes (n, K), arms (n,), predictions (n, A, K) and chances (n, A) to `gamma` and
        `mass`; a mean is ``Σ w · gamma / Σ w · mass``, its influence ``w · (gamma − θ · mass)``.
    tilt : callable
        From chances to how much of the population a unit with such chances stands for, (n,).
    members : callable
        From arms to the units that make up the population, (n,).
    judged : callable
        From chances to those that may not be small, shape (n, J).
    inside : callable
        From chances and the study's rule to the units that can be answered for, (n,).
    who : str
        The population, after "all rows in the data"; a place for ``control``.
    units : str
        Its members, after a count; a place for ``control``.
    within, beyond : str
        Those that `inside` accepts, and what the rest do; places for ``low``, ``high``, ``least``.
    """

    name: Target
    scores: Callable[[Floats, Ints, Floats, Floats], tuple[Floats, Floats]]
    tilt: Callable[[Floats], Floats]
    members: Callable[[Ints], Bools]
    judged: Callable[[Floats], Floats]
    inside: Callable[[Floats, OverlapSpec], Bools]
    who: str
    units: str
    within: str
    beyond: str


def everyone_scores(
    y: Floats, arm: Ints, mean: Floats, propensity: Floats
) -> tuple[Floats, Floats]:
    """Return the scores of the average over everyone, with mass 1; see `aipw_scores`."""
    gamma = aipw_scores(y=y, arm=arm, mean=mean, propensity=propensity)
    return gamma, np.ones(arm.size)


def treated_scores(y: Floats, arm: Ints, mean: Floats, propensity: Floats) -> tuple[Floats, Floats]:
    """Return the scores of the average over units that got an arm other than the control.

    ``gamma_a = 1{T≠0} m_a + 1{T=a} (1 − e_0)/e_a (Y − m_a)`` with mass ``1{T≠0}``. With two arms
    gamma_1 is Y of the treated, and the difference is the usual effect on the treated.

    Parameters
    ----------
    y : ndarray, shape (n, K)
        Observed outcomes.
    arm : ndarray of int, shape (n,)
        Arm each unit got; 0 is the control.
    mean : ndarray, shape (n, A, K)
        Predicted outcome under each arm.
    propensity : ndarray, shape (n, A)
        Chance of each arm, strictly positive.

    Returns
    -------
    gamma : ndarray, shape (n, A, K)
    mass : ndarray, shape (n,)

    References
    ----------
    Hahn (1998), Econometrica 66(2), 315–331; Chernozhukov et al. (2018), The Econometrics Journal
    21(1), C1–C68, section 5.1.

    Examples
    --------
    >>> y, arm = np.array([[1.0], [3.0]]), np.array([0, 1])
    >>> gamma, mass = treated_scores(y, arm, np.zeros((2, 2, 1)), np.full((2, 2), 0.5))
    >>> gamma[:, :, 0].tolist(), mass.tolist()
    ([[1.0, 0.0], [0.0, 3.0]], [0.0, 1.0])
    """
    rows, mass = np.arange(arm.size), (arm != 0).astype(np.float64)
    gamma = mean * mass[:, None, None]
    odds = (1.0 - propensity[:, 0]) / propensity[rows, arm]
    gamma[rows, arm] += odds[:, None] * (y - mean[rows, arm])
    return gamma, mass


def overlap_scores(y: Floats, arm: Ints, mean: Floats, propensity: Floats) -> tuple[Floats, Floats]:
    """Return the scores of the average weighted by e(1 − e), for two arms.

    ``gamma_a = (T − e)² m_a + 1{T=a} (1 − e_a) (Y − m_a)`` with mass ``(T − e)²``. The difference
    of the arms is the partialling-out score ``(T − e)(Y − ℓ) − θ (T − e)²`` of the partially
    linear model with ``ℓ = e m_1 + (1 − e) m_0``, term by term; each arm's mean is orthogonal to
    errors of m and e too. Parameters and return values as in `treated_scores`.

    References
    ----------
    Robinson (1988), Econometrica 56(4), 931–954; Crump, Hotz, Imbens & Mitnik (2006), NBER
    Technical Working Paper 330; Li, Morgan & Zaslavsky (2018), JASA 113(521), 390–400.

    Examples
    --------
    >>> y, arm = np.array([[1.0], [3.0]]), np.array([0, 1])
    >>> gamma, mass = overlap_scores(y, arm, np.zeros((2, 2, 1)), np.full((2, 2), 0.5))
    >>> gamma[:, :, 0].tolist(), mass.tolist()
    ([[0.5, 0.0], [0.0, 1.5]], [0.25, 0.25])
    """
    rows = np.arange(arm.size)
    slack = 1.0 - propensity[rows, arm]  # |T − e|
    mass = slack**2
    gamma = mean * mass[:, None, None]
    gamma[rows, arm] += slack[:, None] * (y - mean[rows, arm])
    return gamma, mass


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Predictions:
    """Out-of-fold predictions from one drawing of the folds.

    Attributes
    ----------
    mean : ndarray, shape (n, A, K)
        Predicted outcome under each arm.
    chance : ndarray, shape (n, A)
        Chance of each arm.
    """

    mean: Floats
    chance: Floats

    def take(self, rows: Ints) -> Predictions:
        """Return the predictions for `rows`."""
        return Predictions(mean=self.mean[rows], chance=self.chance[rows])


def averaged_scores(
    rule: TargetRule, *, y: Floats, arm: Ints, rounds: tuple[Predictions, ...]
) -> tuple[Floats, Floats]:
    """Return `gamma` and `mass` averaged over the drawings of the folds: one influence matrix."""
    gamma, mass = rule.scores(y, arm, rounds[0].mean, rounds[0].chance)
    for one in rounds[1:]:
        more, heavier = rule.scores(y, arm, one.mean, one.chance)
        gamma += more
        mass += heavier
    if len(rounds) > 1:
        gamma /= len(rounds)
        mass /= len(rounds)
    return gamma, mass


def averaged_chance(rounds: tuple[Predictions, ...]) -> Floats:
    """Return the chance of each arm averaged over the drawings of the folds, shape (n, A)."""
    if len(rounds) == 1:
        return rounds[0].chance
    return np.asarray(sum(one.chance for one in rounds) / len(rounds))


def _all(rows: int) -> Bools:
    return np.ones(rows, dtype=bool)


def _every_chance_inside(propensity: Floats, rule: OverlapSpec) -> Bools:
    low, high = reduce(np.minimum, propensity.T), reduce(np.maximum, propensity.T)
    return np.asarray((low >= rule.low) & (high <= rule.high))


def _treated_inside(propensity: Floats, rule: OverlapSpec) -> Bools:
    """Only a small chance of the control hurts; several arms must also overlap one another."""
    treated = 1.0 - propensity[:, 0]
    inside = np.asarray(treated <= rule.high)
    if propensity.shape[1] > _TWO:
        inside &= _every_chance_inside(propensity[:, 1:] / treated[:, None], rule)
    return inside


TARGETS: Mapping[Target, TargetRule] = {
    "ate": TargetRule(
        name="ate",
        scores=everyone_scores,
        tilt=lambda chance: np.ones(len(chance)),
        members=lambda arm: _all(arm.size),
        judged=lambda chance: chance,
        inside=_every_chance_inside,
        who="",
        units="units",
        within="whose chance of every arm lies between {low:g} and {high:g}",
        beyond="have a chance of some arm outside {low:g}–{high:g}",
    ),
    "att": TargetRule(
        name="att",
        scores=treated_scores,
        tilt=lambda chance: 1.0 - chance[:, 0],
        members=lambda arm: np.asarray(arm != 0),
        judged=lambda chance: chance[:, :1],
        inside=_treated_inside,
        who=", those that got another arm than {control}",
        units="units that got another arm than {control}",
        within="whose chance of the control is {least:g} or more",
        beyond="have a chance of the control below {least:g}",
    ),
    "overlap": TargetRule(
        name="overlap",
        scores=overlap_scores,
        tilt=lambda chance: chance[:, 0] * chance[:, 1],
        members=lambda arm: _all(arm.size),
        judged=lambda chance: chance[:, :0],
        inside=lambda chance, _rule: _all(len(chance)),
        who=", weighted towards those whose arm was most open (chance × (1 − chance))",
        units="units",
        within="",
        beyond="",
    ),
}
"""What each value of the study's `target` means."""
