"""One result from tests that came one after the other, each honest given those before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from whatif.effects.bands import t_critical
from whatif.effects.rows import Ends


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Estimate of one held-out part, its clustered error and its degrees of freedom."""

    estimate: float
    std_error: float
    df: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Combined:
    """Average over parts, in proportion to their precision.

    Attributes
    ----------
    estimate, std_error : float or None
        Average and its error; None when no part had anything to say.
    statistic, p_value : float or None
        Their ratio and its two-sided p-value.
    ci : (low, high)
        Interval; None is unbounded.
    parts : int
        Parts that were averaged.
    """

    estimate: float | None
    std_error: float | None
    statistic: float | None
    p_value: float | None
    ci: Ends
    parts: int


def combine(parts: Sequence[Part], *, level: float) -> Combined:
    """Average parts with weights 1/error, so that the test adds up their z's.

    ``θ̂ = Σ (θ_k/s_k) / Σ (1/s_k)`` with error ``√m / Σ (1/s_k)``: its ratio is ``Σ z_k / √m``.
    Parts with error 0, such as a ranking without differences, are left out. The reference is
    Student's t with the degrees of freedom of the smallest part.

    References
    ----------
    Luedtke & van der Laan (2016), Annals of Statistics 44(2), 713–742 (the online
    estimator).

    Examples
    --------
    >>> two = [Part(estimate=1.0, std_error=1.0, df=99), Part(estimate=4.0, std_error=2.0, df=99)]
    >>> made = combine(two, level=0.95)
    >>> made.estimate, round(made.statistic, 4)
    (2.0, 2.1213)
    """
    used = [part for part in parts if part.std_error > 0]
    if not used:
        return Combined(
            estimate=None, std_error=None, statistic=None, p_value=None, ci=(None, None), parts=0
        )
    precision = np.array([1 / part.std_error for part in used])
    values = np.array([part.estimate for part in used])
    df = min(part.df for part in used)
    estimate = float(precision @ values / precision.sum())
    error = float(np.sqrt(len(used)) / precision.sum())
    half = t_critical(level, df) * error
    return Combined(
        estimate=estimate,
        std_error=error,
        statistic=estimate / error,
        p_value=float(2 * stats.t.sf(abs(estimate / error), df)),
        ci=(estimate - half, estimate + half),
        parts=len(used),
    )
