"""The E-value: how strongly a hidden cause must go with arm and outcome to explain a risk ratio."""

from __future__ import annotations

import numpy as np

LOG_RATIO_PER_DEVIATION = 0.91
"""Log of the risk ratio that one standard deviation stands for, roughly."""


def e_value(ratio: float) -> float:
    """Return ``RR + √(RR (RR − 1))``, of ``1 / RR`` for a ratio below 1.

    Parameters
    ----------
    ratio : float
        Risk ratio, positive.

    Raises
    ------
    ValueError
        If the ratio is not positive.

    References
    ----------
    VanderWeele & Ding (2017), Annals of Internal Medicine 167(4), 268–274.

    Examples
    --------
    >>> round(e_value(3.9), 2), e_value(1.0)
    (7.26, 1.0)
    """
    if not ratio > 0.0:
        raise ValueError(f"A risk ratio of {ratio} is not positive.")
    above = max(ratio, 1.0 / ratio)
    return float(above + np.sqrt(above * (above - 1.0)))


def e_value_of_interval(low: float, high: float) -> float:
    """Return the E-value of the end next to 1; 1 where the interval holds 1.

    Examples
    --------
    >>> round(e_value_of_interval(1.8, 8.7), 1), e_value_of_interval(0.9, 1.2)
    (3.0, 1.0)
    """
    if low <= 1.0 <= high:
        return 1.0
    return e_value(low if low > 1.0 else high)


def ratio_of_difference(deviations: float) -> float:
    """Return the risk ratio that a difference in standard deviations stands for, ``exp(.91 d)``.

    An approximation for outcomes that are not yes or no (VanderWeele & Ding 2017, table 2).
    """
    return float(np.exp(LOG_RATIO_PER_DEVIATION * deviations))
