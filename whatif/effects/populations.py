"""The same question for several populations: trimming rules and targets side by side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from whatif.base.arrays import Floats
from whatif.contract.spec import ColumnProbability, StudySpec
from whatif.effects.contrasts import Metric
from whatif.effects.table import metrics_of
from whatif.scores.populations import populations_of
from whatif.scores.record import Population, Scores, Target

_TWO = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class PopulationRow:
    """One arm minus control for one outcome or ratio, in one population.

    Attributes
    ----------
    population : str
        Rule that makes it: ``"everyone"``, the chances kept such as ``"0.05–0.95"``,
        ``"optimal"`` (least variance), ``"att"`` or ``"overlap"``.
    target : str
        Target of the scores behind it.
    outcome, arm, versus : str
        What is compared.
    estimate, std_error : float or None
        Difference and clustered error in the outcome's unit; None where a ratio's denominator is
        not above 0.
    n, clusters : int
        Units and clusters that enter.
    outside : float
        Share of the population whose chances break the study's overlap rule.
    extrapolates : bool
        Whether that is more than a study tolerates, so that the number is no measurement.
    described : str
        Who the population is.
    """

    population: str
    target: Target
    outcome: str
    arm: str
    versus: str
    estimate: float | None
    std_error: float | None
    n: int
    clusters: int
    outside: float
    extrapolates: bool
    described: str


def population_rows(scores: Scores, spec: StudySpec) -> tuple[PopulationRow, ...]:
    """Return every overall effect in several populations, from the same predictions.

    Empty where the study set every chance itself, and where more than two arms have only the
    chance of the one received: no unit's chances can then be too extreme, or be known to be.

    Parameters
    ----------
    scores : Scores
        Scores of n units.
    spec : StudySpec
        The study; its overlap rule says which numbers are extrapolations.
    """
    logged = isinstance(spec.design.probability, ColumnProbability)
    if logged and len(scores.arms) > _TWO:
        return ()
    if not logged and spec.design.kind == "experiment":
        return ()
    return tuple(
        _row(scores, one, metric, arm)
        for one in populations_of(scores, spec.overlap)
        for metric in metrics_of(spec)
        for arm in range(1, len(scores.arms))
    )


def _row(scores: Scores, one: Population, metric: Metric, arm: int) -> PopulationRow:
    defined = metric.denominator is None or bool(
        (one.theta[[0, arm], metric.denominator] > 0).all()
    )
    estimate = difference(one.theta, metric, arm) if defined else None
    gradient = difference_gradient(one.theta, metric, arm) if defined else None
    return PopulationRow(
        population=one.name,
        target=one.target,
        outcome=metric.name,
        arm=scores.arms[arm],
        versus=scores.arms[0],
        estimate=estimate,
        std_error=None if gradient is None else float(np.sqrt(gradient @ one.sigma @ gradient)),
        n=one.n,
        clusters=one.clusters,
        outside=one.outside,
        extrapolates=one.extrapolates,
        described=one.described,
    )


def difference(theta: Floats, metric: Metric, arm: int) -> float:
    """Return arm minus control of a metric, from mean outcomes `theta` of shape (A, K)."""
    value = theta[:, metric.numerator]
    if metric.denominator is not None:
        value = value / theta[:, metric.denominator]
    return float(value[arm] - value[0])


def difference_gradient(theta: Floats, metric: Metric, arm: int) -> Floats:
    """Return the derivative of `difference` by ``theta.ravel()``, shape (A·K,)."""
    out = np.zeros(theta.shape)
    for a, sign in ((arm, 1.0), (0, -1.0)):
        if metric.denominator is None:
            out[a, metric.numerator] = sign
            continue
        bottom = theta[a, metric.denominator]
        out[a, metric.numerator] = sign / bottom
        out[a, metric.denominator] -= sign * theta[a, metric.numerator] / bottom**2
    return out.ravel()
