"""The set of values a ratio may have when its denominator is uncertain."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Shape = Literal["interval", "rays", "all", "empty"]


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalSet:
    """A set of numbers: an interval, everything outside one (rays), everything, or nothing.

    Attributes
    ----------
    kind : str
        Shape of the set.
    ends : (float or None, float or None)
        Ends of the interval, or where the rays begin; None is unbounded.
    """

    kind: Shape
    ends: tuple[float | None, float | None]


def fieller(
    numerator: float,
    denominator: float,
    *,
    variances: tuple[float, float, float],
    critical: float,
) -> IntervalSet:
    """Return every r with ``|numerator − r · denominator| ≤ critical · its error``.

    Parameters
    ----------
    numerator, denominator : float
        Estimates.
    variances : (float, float, float)
        Variance of the numerator, of the denominator, and their covariance.
    critical : float
        Two-sided critical value.

    References
    ----------
    Fieller (1954), Journal of the Royal Statistical Society B 16(2), 175–185.

    Examples
    --------
    >>> fieller(2.0, 4.0, variances=(0.0, 0.0, 0.0), critical=1.96)
    IntervalSet(kind='interval', ends=(0.5, 0.5))
    >>> fieller(1.0, 0.1, variances=(0.01, 1.0, 0.0), critical=1.96).kind
    'rays'
    """
    top, bottom, shared = variances
    square = critical**2
    a = denominator**2 - square * bottom
    b = numerator * denominator - square * shared
    c = numerator**2 - square * top
    inside = b**2 - a * c
    if a == 0.0:
        return IntervalSet(kind="all", ends=(None, None))
    if inside < 0.0:
        return IntervalSet(kind="empty" if a > 0 else "all", ends=(None, None))
    root = math.sqrt(inside)
    ends = sorted((float((b - root) / a), float((b + root) / a)))
    return IntervalSet(kind="interval" if a > 0 else "rays", ends=(ends[0], ends[1]))
