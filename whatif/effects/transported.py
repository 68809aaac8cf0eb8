"""Effects in another population, from mean outcomes that were carried there."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from whatif.base.arrays import Floats
from whatif.contract.spec import StudySpec
from whatif.effects.bands import t_critical
from whatif.effects.contrasts import Metric
from whatif.effects.populations import difference, difference_gradient
from whatif.effects.table import metrics_of
from whatif.scores.record import Scores, Transported
from whatif.scores.transport import FEWEST_IN_TARGET

FEWEST_IN_ARM = 10
"""Clusters of an arm, as many as they count for, below which there is no interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportedRow:
    """One arm minus control for one outcome or ratio in another population.

    Attributes
    ----------
    population : str
        Its name in the study.
    outcome, arm, versus : str
        What is compared.
    baseline, estimate, std_error : float or None
        Mean under the control, difference and clustered error, in the outcome's unit; None where a
        ratio's denominator is not above 0.
    ci : (float or None, float or None)
        Interval at the study's level; None below ten effective clusters in an arm.
    df : int
        Degrees of freedom behind the interval.
    n, clusters : int
        Rows and clusters of the population.
    effective : float
        Clusters that the study's units count as once weighted to look like it.
    """

    population: str
    outcome: str
    arm: str
    versus: str
    baseline: float | None
    estimate: float | None
    std_error: float | None
    ci: tuple[float | None, float | None]
    df: int
    n: int
    clusters: int
    effective: float


def transported_rows(
    scores: Scores, spec: StudySpec, one: Transported
) -> tuple[TransportedRow, ...]:
    """Return every overall effect in one other population; none where it was refused.

    Degrees of freedom are counted like those of every effect (clusters of the smaller arm less one
    when clusters were assigned, else clusters less one), in effective clusters, and are never more
    than the clusters of the other population less one.

    Parameters
    ----------
    scores : Scores
        Scores of the study.
    spec : StudySpec
        The study: outcomes, ratios and level.
    one : Transported
        The population.
    """
    theta, sigma = one.theta, one.sigma
    if theta is None or sigma is None or one.effective is None:
        return ()
    return tuple(
        _row(scores, spec, one, metric=metric, arm=arm, theta=theta, sigma=sigma)
        for metric in metrics_of(spec)
        for arm in range(1, len(scores.arms))
    )


def _row(
    scores: Scores,
    spec: StudySpec,
    one: Transported,
    *,
    metric: Metric,
    arm: int,
    theta: Floats,
    sigma: Floats,
) -> TransportedRow:
    top, bottom = theta[:, metric.numerator], np.ones(len(theta))
    if metric.denominator is not None:
        bottom = theta[:, metric.denominator]
    defined = bool((bottom[[0, arm]] > 0).all())
    baseline = estimate = error = None
    if defined:
        baseline, estimate = float(top[0] / bottom[0]), difference(theta, metric, arm)
        gradient = difference_gradient(theta, metric, arm)
        error = math.sqrt(max(float(gradient @ sigma @ gradient), 0.0))
    effective = float(one.effective or 0.0)
    smaller = min(one.arm_effective[0], one.arm_effective[arm])
    counted = smaller if scores.clusters_assigned else effective
    df = max(min(math.floor(counted + _ROUNDING), one.clusters) - 1, 0)
    return TransportedRow(
        population=one.name,
        outcome=metric.name,
        arm=scores.arms[arm],
        versus=scores.arms[0],
        baseline=baseline,
        estimate=estimate,
        std_error=error,
        ci=_interval(estimate, error, df, spec.level, enough=smaller >= FEWEST_IN_ARM),
        df=df,
        n=one.n,
        clusters=one.clusters,
        effective=effective,
    )


_ROUNDING = 1e-6  # equal weights make a whole number of clusters, up to the last digits


def _interval(
    estimate: float | None, error: float | None, df: int, level: float, *, enough: bool
) -> tuple[float | None, float | None]:
    if estimate is None or not error or not enough or df < FEWEST_IN_TARGET - 1:
        return None, None
    half = t_critical(level, df) * error
    return estimate - half, estimate + half
