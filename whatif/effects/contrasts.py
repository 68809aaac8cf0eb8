"""Arm minus control as a function of the joint means: value, baseline and gradient."""

from __future__ import annotations

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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contrast:
    """One arm minus control in one cell.

    Attributes
    ----------
    baseline, difference : float
        Control mean and difference, in the metric's unit.
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


def contrast(means: Joint, metric: Metric, *, cell: int, arm: int) -> Contrast:
    """Return arm minus control of `metric` in `cell`, with gradients for the delta method.

    A ratio ``R = N/D`` has influence ``(ψ_N − R ψ_D) / D`` (Deng, Knoblich & Lu 2018, KDD,
    section 3); its denominator must not be 0.
    """
    treated, treated_gradient = _mean(means, metric, cell, arm)
    control, control_gradient = _mean(means, metric, cell, 0)
    gradient = treated_gradient - control_gradient
    lift, lift_gradient = None, np.zeros(gradient.size)
    if control > 0.0:
        lift = treated / control - 1.0
        lift_gradient = (treated_gradient - (treated / control) * control_gradient) / control
    return Contrast(
        baseline=control,
        difference=treated - control,
        gradient=gradient,
        baseline_gradient=control_gradient,
        lift=lift,
        lift_gradient=lift_gradient,
    )


def _mean(means: Joint, metric: Metric, cell: int, arm: int) -> tuple[float, Floats]:
    gradient = np.zeros(means.theta.shape)
    top = float(means.theta[cell, arm, metric.numerator])
    if metric.denominator is None:
        gradient[cell, arm, metric.numerator] = 1.0
        return top, gradient.ravel()
    bottom = float(means.theta[cell, arm, metric.denominator])
    ratio = top / bottom
    gradient[cell, arm, metric.numerator] = 1.0 / bottom
    gradient[cell, arm, metric.denominator] -= ratio / bottom
    return ratio, gradient.ravel()
