"""From stored scores to how strong a hidden cause would have to be, for one effect."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from whatif.base.arrays import Floats, Ints
from whatif.base.errors import EstimationError, Problem
from whatif.effects.bands import t_critical
from whatif.effects.minimum import LEAST_ARM_CLUSTERS_FOR_INTERVAL
from whatif.effects.rows import Segment
from whatif.effects.sensitivity.bounds import robustness
from whatif.effects.sensitivity.e_value import e_value, e_value_of_interval, ratio_of_difference
from whatif.effects.sensitivity.elements import (
    Elements,
    everyone_elements,
    overlap_elements,
    treated_elements,
)
from whatif.effects.sensitivity.record import EValueFrom, HiddenCause, Resting
from whatif.scores.record import Scores
from whatif.scores.targets import TARGETS

EValues = tuple[float | None, float | None, EValueFrom | None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Worth:
    """A sum of outcomes: one outcome, or money.

    Attributes
    ----------
    name : str
        What it is called.
    per : ndarray, shape (K,)
        Coefficient of each outcome of the scores.
    paid : float
        A known cost of the arm, taken off the difference.
    binary : bool or None
        Whether it is a yes or no; None where an E-value makes no sense.
    """

    name: str
    per: Floats
    paid: float = 0.0
    binary: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Compared:
    """One arm beside the control in n units, as arrays.

    Attributes
    ----------
    gamma : ndarray, shape (2, n)
        Score of the control and of the arm, outcomes summed.
    y, residual : ndarray, shape (n,)
        Observed outcome, and what its prediction under the unit's own arm leaves.
    arm : ndarray of int64, shape (n,)
        1 for the arm, 0 for the control, −1 for other arms.
    chance : ndarray, shape (n, 2)
        Chance of the control and of the arm.
    mass, weight : ndarray, shape (n,)
        As in `Scores`.
    members : ndarray, shape (n,)
        1 for units that got another arm than the control.
    cluster : ndarray of int64, shape (n,)
        Cluster of each unit.
    """

    gamma: Floats
    y: Floats
    residual: Floats
    arm: Ints
    chance: Floats
    mass: Floats
    weight: Floats
    members: Floats
    cluster: Ints

    @property
    def total(self) -> float:
        """Weight of the target population."""
        return float(self.weight @ self.mass)

    @property
    def means(self) -> tuple[float, float]:
        """Mean outcome under the control and under the arm."""
        control, arm = (float(self.weight @ gamma) / self.total for gamma in self.gamma)
        return control, arm

    @property
    def influences(self) -> tuple[Floats, Floats]:
        """Influence values of both means, shape (n,) each; they average 0."""
        share = self.weight * (self.y.size / self.total)
        control, arm = (
            np.asarray(share * (gamma - mean * self.mass))
            for gamma, mean in zip(self.gamma, self.means, strict=True)
        )
        return control, arm

    @property
    def influence(self) -> Floats:
        """Influence values of the difference of the means, shape (n,)."""
        control, arm = self.influences
        return arm - control


def hidden_cause(
    scores: Scores,
    worth: Worth,
    *,
    arm: int,
    level: float,
    rows: Ints | None = None,
    segment: Segment = (),
) -> HiddenCause:
    """Return how one effect moves with the strength of a hidden cause.

    Estimate and error are those of the joint covariance, to rounding; residual and representer are
    recovered from the scores (decision 27). With several drawings of the folds the residual is
    that of their average.

    Parameters
    ----------
    scores : Scores
        Scores whose chances were estimated.
    worth : Worth
        The outcome, or a sum of outcomes with its own residual.
    arm : int
        Index of the arm compared with the control.
    level : float
        Coverage; each end of a bound gets half of what is left.
    rows : ndarray of int64, optional
        Units of a segment; everyone by default.
    segment : tuple of (column, level)
        Name of the segment.

    Raises
    ------
    EstimationError
        If an arm has fewer than ten clusters, a unit was certain of its arm, or the variation of
        the representer does not come out positive.
    """
    label, cluster = (
        (scores.arm, scores.cluster) if rows is None else (scores.arm[rows], scores.cluster[rows])
    )
    df = _degrees(label, cluster, arm, assigned=scores.clusters_assigned)
    part = compared(scores, worth, arm=arm, rows=rows)
    parts = elements(part, scores.target)
    clusters = _clusters(scores.cluster)
    covariance = _covariance(part, [part.influence, parts.psi_scale], clusters=clusters)
    critical, error = t_critical(level, df), float(np.sqrt(covariance[0, 0]))
    estimate = part.means[1] - part.means[0] - worth.paid
    e_values = _e_values(part, worth, clusters=clusters, critical=critical, error=error)
    made = HiddenCause(
        outcome=worth.name,
        arm=scores.arms[arm],
        versus=scores.arms[0],
        segment=segment,
        n=part.y.size,
        clusters=_clusters(part.cluster),
        estimate=estimate,
        std_error=error,
        ci=(estimate - critical * error, estimate + critical * error),
        sigma2=parts.sigma2,
        nu2=parts.nu2,
        scale=parts.scale,
        scale_error=float(np.sqrt(covariance[1, 1])),
        scale_covariance=float(covariance[0, 1]),
        critical=critical,
        df=df,
        rv=0.0,
        rva=0.0,
        e_value=e_values[0],
        e_value_limit=e_values[1],
        e_value_from=e_values[2],
        target=scores.target,
    )
    rv, rva = robustness(made)
    return replace(made, rv=rv, rva=rva)


def compared(scores: Scores, worth: Worth, *, arm: int, rows: Ints | None = None) -> Compared:
    """Return one arm beside the control in the units `rows`, everyone by default.

    Raises
    ------
    EstimationError
        If a unit was certain to get its arm, or scores of the treated were stored without the
        residuals of the treated.
    """
    at: Ints | slice = slice(None) if rows is None else rows
    label = scores.arm[at]
    chance = scores.propensity[at]
    used = np.flatnonzero(worth.per)
    gamma = [sum(worth.per[k] * scores.gamma[at, a, k] for k in used) for a in (0, arm)]
    y = sum(worth.per[k] * scores.y[at, k] for k in used)
    return Compared(
        gamma=np.stack([np.asarray(one) for one in gamma]),
        y=np.asarray(y),
        residual=_residual(scores, at, used, worth.per),
        arm=np.where(label == arm, 1, np.where(label == 0, 0, -1)),
        chance=chance[:, [0, arm]],
        mass=scores.mass[at],
        weight=scores.weight[at],
        members=(label != 0).astype(np.float64),
        cluster=scores.cluster[at],
    )


def elements(part: Compared, target: str) -> Elements:
    """Return the elements of the bound for the study's target."""
    if target == "overlap":
        control, treated = part.means
        arm_residual = (part.arm == 1) - part.chance[:, 1]
        return overlap_elements(
            outcome_residual=(part.gamma[1] - part.gamma[0]) / arm_residual,
            arm_residual=arm_residual,
            theta=treated - control,
            weight=part.weight,
        )
    if target == "att":
        return treated_elements(
            residual=part.residual,
            arm=part.arm,
            chance=part.chance,
            members=part.members,
            weight=part.weight,
        )
    return everyone_elements(
        residual=part.residual, arm=part.arm, chance=part.chance, weight=part.weight
    )


def without_covariates(part: Compared, target: str) -> tuple[Elements, float]:
    """Return the elements, and the difference of means, had nothing been adjusted for."""
    weight, both = part.weight, part.arm >= 0
    residual, chance, means = np.zeros(part.y.size), np.zeros((part.y.size, 2)), [0.0, 0.0]
    for a in (0, 1):
        inside = part.arm == a
        means[a] = float(weight[inside] @ part.y[inside] / weight[inside].sum())
        residual[inside] = part.y[inside] - means[a]
        chance[:, a] = weight[inside].sum() / weight.sum()
    theta = means[1] - means[0]
    if target == "overlap":
        arm_residual = part.arm - chance[:, 1]
        made = overlap_elements(
            outcome_residual=residual + theta * arm_residual,
            arm_residual=arm_residual,
            theta=theta,
            weight=weight,
        )
    elif target == "att":
        made = treated_elements(
            residual=residual, arm=part.arm, chance=chance, members=part.members, weight=weight
        )
    else:
        made = everyone_elements(
            residual=residual * both, arm=part.arm, chance=chance, weight=weight
        )
    return made, theta


def resting(scores: Scores, *, arm: int) -> tuple[Resting, Resting]:
    """Return how many clusters carry the comparison on the control's side and on the arm's.

    Units count by the size of their representer; a few with most of the weight are few.
    """
    label, own = scores.arm, (np.arange(scores.n), scores.arm)
    weight = scores.weight * TARGETS[scores.target].tilt(scores.propensity)
    weight = weight / scores.propensity[own]
    made = []
    for side in (0, arm):
        inside = label == side
        sums = np.bincount(scores.cluster[inside], weights=weight[inside])
        made.append(
            Resting(
                arm=scores.arms[arm],
                side=scores.arms[side],
                clusters=_clusters(scores.cluster[inside]),
                effective=float(sums.sum() ** 2 / (sums @ sums)),
            )
        )
    return made[0], made[1]


def _residual(scores: Scores, at: Ints | slice, used: Ints, per: Floats) -> Floats:
    """Return outcome minus prediction under the unit's own arm: ``(Γ − y) e / (1 − e)``."""
    if scores.residual is not None:
        return np.asarray(sum(per[k] * scores.residual[at, k] for k in used))
    label = scores.arm[at]
    if scores.target == "overlap":
        return np.zeros(label.size)  # the partially linear model has its own
    if scores.target == "att":
        raise _lost("The models' predictions for the units that got the arm were not stored.")
    own = (np.arange(label.size), label)
    chance = scores.propensity[at][own]
    if (chance >= 1.0).any():
        raise _lost(f"{int((chance >= 1.0).sum()):,} units were certain to get their arm.")
    odds = chance / (1.0 - chance)
    gamma, y = scores.gamma[at], scores.y[at]
    return np.asarray(sum(per[k] * (gamma[:, :, k][own] - y[:, k]) * odds for k in used))


def _lost(what: str) -> EstimationError:
    return EstimationError(
        Problem(
            what=what,
            why="without the models' residuals nothing can be said about hidden causes.",
            fix="run the study again; leave out units that could get one arm only.",
        )
    )


def _covariance(part: Compared, influences: list[Floats], *, clusters: int) -> Floats:
    """Covariance of numbers with these influence values; `clusters` of all units make the factor.

    The factor C/(C − 1) is that of the joint covariance, also inside a segment.
    """
    sums = np.stack([np.bincount(part.cluster, weights=one) for one in influences])
    return np.asarray(clusters / (clusters - 1) * (sums @ sums.T) / part.y.size**2)


def _clusters(cluster: Ints) -> int:
    return int(np.count_nonzero(np.bincount(cluster)))


def _degrees(label: Ints, cluster: Ints, arm: int, *, assigned: bool) -> int:
    """Clusters − 1; those of the smaller arm where clusters were assigned."""
    by_arm = [_clusters(cluster[label == a]) if (label == a).any() else 0 for a in (0, arm)]
    if min(by_arm) < LEAST_ARM_CLUSTERS_FOR_INTERVAL:
        raise EstimationError(
            Problem(
                what=f"Too little data: {min(by_arm)} clusters in an arm, "
                f"{LEAST_ARM_CLUSTERS_FOR_INTERVAL} needed.",
                why="there is no range that a hidden cause could move.",
                fix="wait for more data.",
            )
        )
    return (min(by_arm) if assigned else _clusters(cluster)) - 1


def _e_values(
    part: Compared,
    worth: Worth,
    *,
    clusters: int,
    critical: float,
    error: float,
) -> EValues:
    control, treated = part.means
    if worth.binary is None or (worth.binary and min(control, treated) <= 0.0):
        return None, None, None
    if worth.binary:
        middle = float(np.log(treated / control))
        of_control, of_arm = part.influences
        relative = of_arm / treated - of_control / control
        spread = float(np.sqrt(_covariance(part, [relative], clusters=clusters)[0, 0]))
        low, high = (float(np.exp(middle + side * critical * spread)) for side in (-1, 1))
        return e_value(treated / control), e_value_of_interval(low, high), "risk_ratio"
    deviation = _deviation(part)
    if deviation <= 0.0:
        return None, None, None
    middle, spread = (treated - control) / deviation, critical * error / deviation
    low, high = ratio_of_difference(middle - spread), ratio_of_difference(middle + spread)
    nearest = e_value_of_interval(low, high)
    return e_value(ratio_of_difference(middle)), nearest, "standardised_difference"


def _deviation(part: Compared) -> float:
    """Return the standard deviation of the outcome within the two arms."""
    left, size = 0.0, 0.0
    for a in (0, 1):
        inside = part.arm == a
        weight, y = part.weight[inside], part.y[inside]
        left += float(weight @ (y - weight @ y / weight.sum()) ** 2)
        size += float(weight.sum())
    return float(np.sqrt(left / size))
