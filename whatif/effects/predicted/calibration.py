"""Do predicted effects mean what they say? The slope of effects on held-out predictions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from whatif.base.arrays import Floats, Ints
from whatif.effects.predicted.clustered import least_squares
from whatif.effects.rows import Ends


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationRow:
    """How far effects follow their predictions, on data that the predictions never saw.

    Attributes
    ----------
    outcome, arm, versus : str
        What was compared.
    slope, std_error : float or None
        Change of the effect per unit of predicted effect: 1 when predictions are right on average,
        0 when they say nothing. None when predictions did not vary.
    ci : (low, high)
        Its interval.
    statistic, p_value : float or None
        Two-sided test that it is 0.
    informative : bool
        Whether it is significantly positive at the study's level.
    parts : int
        Held-out parts that were tested, each predicted by models from the parts before it.
    final : str
        Name of the surface.
    """

    outcome: str
    arm: str
    versus: str
    slope: float | None
    std_error: float | None
    ci: Ends
    statistic: float | None
    p_value: float | None
    informative: bool
    parts: int
    final: str


def calibration_slope(
    difference: Floats, predicted: Floats, *, cluster: Ints, weight: Floats
) -> tuple[float, float]:
    """Slope of score differences on demeaned held-out predictions, and its clustered error.

    Shapes (n,) throughout; (0.0, 0.0) when all predictions are equal. The intercept is then the
    average effect.

    References
    ----------
    Chernozhukov, Demirer, Duflo & Fernández-Val (2025), Econometrica 93(4), 1121–1164 (best
    linear predictor), with doubly robust scores in place of weighted outcomes.
    """
    if np.ptp(predicted) == 0:
        return 0.0, 0.0
    centred = predicted - np.average(predicted, weights=weight)
    x = np.column_stack([np.ones(centred.size), centred])
    fitted = least_squares(difference, x, cluster=cluster, weight=weight)
    return float(fitted.coefficient[1]), float(np.sqrt(fitted.covariance[1, 1]))
