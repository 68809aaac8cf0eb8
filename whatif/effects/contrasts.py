"""Functions of the joint means with their gradients: means of metrics and sums of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from whatif.base.arrays import Floats
from whatif.effects.joint import Joint


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """An outcome, or a ratio of two outcomes, by index into ``Joint.outcomes``.

    `denominator` is None for an outcome.
    """

    name: str
    numerator: int
    denominator: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A coefficient times the mean of a metric in one cell and arm, by index into a `Joint`."""

    coefficient: float
    metric: Metric
    cell: int
    arm: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Estimate:
    """A number that follows from the joint means, with its gradient.

    Attributes
    ----------
    value : float
        In the metric's unit.
    gradient : ndarray, shape (S·A·K,)
        Derivative by ``theta.ravel()``.
    """

    value: float
    gradient: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contrast:
    """One arm minus another in one cell.

    Attributes
    ----------
    baseline, difference : float
        Mean of the arm compared with, and difference, in the metric's unit.
    gradient : ndarray, shape (S·A·K,)
        Derivative of `difference` by ``theta.ravel()``.
    baseline_gradient : ndarray, shape (S·A·K,)
        Derivative of `baseline`.
    lift : float or None
        Difference as a share of the baseline; None unless the baseline is positive.
    lift_gradient : ndarray, shape (S·A·K,)
        Derivative of `lift`.
    """

    baseline: float
    difference: float
    gradient: Floats
    baseline_gradient: Floats
    lift: float | None
    lift_gradient: Floats


def mean(means: Joint, metric: Metric, *, cell: int, arm: int) -> Estimate:
    """Return the mean of `metric` in a cell, had everyone there got the arm.

    A ratio ``R = N/D`` has influence ``(ψ_N − R ψ_D) / D`` (Deng, Knoblich & Lu 2018, KDD,
    section 3); its denominator must not be 0.
    """
    gradient = np.zeros(means.theta.shape)
    top = float(means.theta[cell, arm, metric.numerator])
    if metric.denominator is None:
        gradient[cell, arm, metric.numerator] = 1.0
        return Estimate(value=top, gradient=gradient.ravel())
    bottom = float(means.theta[cell, arm, metric.denominator])
    ratio = top / bottom
    gradient[cell, arm, metric.numerator] = 1.0 / bottom
    gradient[cell, arm, metric.denominator] -= ratio / bottom
    return Estimate(value=ratio, gradient=gradient.ravel())


def total(means: Joint, terms: Iterable[Term]) -> Estimate:
    """Return the sum of `terms`, with its gradient for the delta method."""
    value, gradient = 0.0, np.zeros(means.theta.size)
    for term in terms:
        part = mean(means, term.metric, cell=term.cell, arm=term.arm)
        value += term.coefficient * part.value
        gradient += term.coefficient * part.gradient
    return Estimate(value=value, gradient=gradient)


def contrast(means: Joint, metric: Metric, *, cell: int, arm: int, versus: int = 0) -> Contrast:
    """Return `arm` minus `versus` of `metric` in `cell`, with gradients for the delta method."""
    treated = mean(means, metric, cell=cell, arm=arm)
    control = mean(means, metric, cell=cell, arm=versus)
    gradient = treated.gradient - control.gradient
    lift, lift_gradient = None, np.zeros(gradient.size)
    if control.value > 0.0:
        lift = treated.value / control.value - 1.0
        lift_gradient = (
            treated.gradient - (treated.value / control.value) * control.gradient
        ) / control.value
    return Contrast(
        baseline=control.value,
        difference=treated.value - control.value,
        gradient=gradient,
        baseline_gradient=control.gradient,
        lift=lift,
        lift_gradient=lift_gradient,
    )
