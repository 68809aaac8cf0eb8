"""Bounds on an effect at a given strength of confounding, and the strength that erases it."""

from __future__ import annotations

import numpy as np
from scipy import optimize

from whatif.effects.sensitivity.record import Benchmark, BoundedEffect, Bounds, HiddenCause


def strength(cf_y: float, cf_d: float, rho: float = 1.0) -> float:
    """Return ``|ρ| √(cf_y · cf_d / (1 − cf_d))``: bias as a multiple of ``√(σ² ν²)``.

    Parameters
    ----------
    cf_y, cf_d, rho : float
        As in `HiddenCause`.

    Raises
    ------
    ValueError
        If a share is outside [0, 1), or ρ outside [−1, 1].

    References
    ----------
    Chernozhukov et al. (2022), NBER Working Paper 30302, section 3, corollary 2.

    Examples
    --------
    >>> round(strength(0.03, 0.03), 6)
    0.03046
    """
    if not (0.0 <= cf_y < 1.0 and 0.0 <= cf_d < 1.0 and abs(rho) <= 1.0):
        raise ValueError(f"cf_y={cf_y}, cf_d={cf_d}, rho={rho}: a strength lies in [0, 1).")
    return float(abs(rho) * np.sqrt(cf_y * cf_d / (1.0 - cf_d)))


def equal_strength(multiple: float) -> float:
    """Return the r with ``strength(r, r) = multiple``: ``(√(c⁴ + 4c²) − c²) / 2``.

    Examples
    --------
    >>> round(equal_strength(strength(0.2, 0.2)), 12)
    0.2
    """
    square = multiple**2
    if square == 0.0:
        return 0.0
    return float(2.0 / (1.0 + np.sqrt(1.0 + 4.0 / square)))


def bounds(about: HiddenCause, *, cf_y: float, cf_d: float, rho: float = 1.0) -> Bounds:
    """Return where the effect can lie when a hidden cause is this strong.

    ``θ ± c · S`` with ``S = √(σ² ν²)``; the error of each end counts that S is estimated too, and
    each end is covered one-sided at ``(1 + level) / 2``: 97.5 % where the level is 95 %.

    Parameters
    ----------
    about : HiddenCause
        The effect.
    cf_y, cf_d, rho : float
        As in `HiddenCause`.

    Raises
    ------
    ValueError
        If the strength is not one.

    References
    ----------
    Chernozhukov et al. (2022), NBER Working Paper 30302, section 4, theorem 4.
    """
    multiple = strength(cf_y, cf_d, rho)
    errors = (_error(about, -multiple), _error(about, multiple))
    low = about.estimate - multiple * about.scale
    high = about.estimate + multiple * about.scale
    return Bounds(
        cf_y=cf_y,
        cf_d=cf_d,
        rho=rho,
        bounds=(low, high),
        std_error=errors,
        ci=(low - about.critical * errors[0], high + about.critical * errors[1]),
    )


def bounded(
    about: HiddenCause, *, cf_y: float, cf_d: float, rho: float = 1.0, like: str = ""
) -> BoundedEffect:
    """Return `bounds` beside the effect; without ends where the strength has no limit."""
    endless = max(cf_y, cf_d) >= 1.0
    at = None if endless else bounds(about, cf_y=cf_y, cf_d=cf_d, rho=rho)
    return BoundedEffect(
        outcome=about.outcome,
        arm=about.arm,
        versus=about.versus,
        segment=about.segment,
        like=like,
        cf_y=cf_y,
        cf_d=cf_d,
        rho=rho,
        estimate=about.estimate,
        bounds=(None, None) if at is None else at.bounds,
        ci=(None, None) if at is None else at.ci,
        rv=about.rv,
        rva=about.rva,
        e_value=about.e_value,
        e_value_limit=about.e_value_limit,
    )


def bounded_like(about: HiddenCause, like: Benchmark) -> BoundedEffect:
    """Return bounds for a hidden cause as strong as a measured covariate, at its worst (ρ = 1)."""
    return bounded(about, cf_y=like.cf_y, cf_d=like.cf_d, like=like.covariate)


def robustness(about: HiddenCause, *, null: float = 0.0) -> tuple[float, float]:
    """Return the equal strengths at which the bound, and its interval, reach `null`.

    The first is a closed form: with ``f = |θ − null| / S`` it is ``(√(f⁴ + 4f²) − f²) / 2``.

    References
    ----------
    Chernozhukov et al. (2022), section 5; Cinelli & Hazlett (2020), JRSS B 82(1), 39–67, section
    4.1, for the same function of a partial R².
    """
    gap = about.estimate - null
    most = abs(gap) / about.scale
    side = -1.0 if gap > 0 else 1.0

    def room(multiple: float) -> float:
        error = _error(about, side * multiple)
        return abs(gap) - multiple * about.scale - about.critical * error

    if room(0.0) <= 0.0:
        return equal_strength(most), 0.0
    least = optimize.brentq(room, 0.0, most, xtol=1e-15, rtol=1e-14) if room(most) < 0.0 else most
    return equal_strength(most), equal_strength(float(least))


def _error(about: HiddenCause, multiple: float) -> float:
    """Return the error of ``θ + multiple · S``."""
    variance = (
        about.std_error**2
        + 2.0 * multiple * about.scale_covariance
        + (multiple * about.scale_error) ** 2
    )
    return float(np.sqrt(max(variance, 0.0)))
