"""Measured covariates as a yardstick: what leaving them out does to residual and representer."""

from __future__ import annotations

import numpy as np

from whatif.base.arrays import Floats
from whatif.effects.sensitivity.assess import Compared, elements, without_covariates
from whatif.effects.sensitivity.bounds import equal_strength, strength
from whatif.effects.sensitivity.elements import Elements
from whatif.effects.sensitivity.record import Benchmark


def gain(
    covariate: str,
    *,
    about: tuple[str, str],
    long: tuple[Elements, float],
    short: tuple[Elements, float],
) -> Benchmark:
    """Compare the models with and without covariates.

    ``cf_y = (σ²_short − σ²_long) / σ²_long`` and ``cf_d = (ν²_long − ν²_short) / ν²_short``, each
    held within 0 and 1; ρ is the change of the estimate over the largest that both could bring.

    Parameters
    ----------
    covariate : str
        What was left out; ``""`` for everything.
    about : (str, str)
        Outcome and arm.
    long, short : (Elements, float)
        Elements and estimate with, and without, the covariate.

    References
    ----------
    Chernozhukov et al. (2022), NBER Working Paper 30302, section 6.
    """
    (full, theta), (left, moved) = long, short
    cf_y = float(np.clip(left.sigma2 / full.sigma2 - 1.0, 0.0, 1.0))
    cf_d = float(np.clip(full.nu2 / left.nu2 - 1.0, 0.0, 1.0))
    open_y, open_d = left.sigma2 - full.sigma2, full.nu2 - left.nu2
    most = float(np.sqrt(open_y * open_d)) if min(open_y, open_d) > 0.0 else 0.0
    change = moved - theta
    lined_up = min(abs(change) / most, 1.0) if most > 0.0 else 1.0
    return Benchmark(
        covariate=covariate,
        outcome=about[0],
        arm=about[1],
        cf_y=cf_y,
        cf_d=cf_d,
        rho=float(np.sign(change)) * lined_up,
        change=change,
        strength=as_equal_strength(cf_y, cf_d),
    )


def as_equal_strength(cf_y: float, cf_d: float) -> float:
    """Return the equal strength that moves an effect as far at ρ = 1; 1 without limit.

    Examples
    --------
    >>> round(as_equal_strength(0.1, 0.1), 12), as_equal_strength(0.1, 1.0)
    (0.1, 1.0)
    """
    if cf_d >= 1.0:
        return 1.0 if cf_y > 0.0 else 0.0
    return equal_strength(strength(min(cf_y, np.nextafter(1.0, 0.0)), cf_d))


def everything_measured(part: Compared, target: str, about: tuple[str, str]) -> Benchmark:
    """Return what all covariates together explain, from the scores alone."""
    control, treated = part.means
    return gain(
        "",
        about=about,
        long=(elements(part, target), treated - control),
        short=without_covariates(part, target),
    )


def explained_share(column: Floats, predicted: Floats, *, categorical: bool) -> float:
    """Return the share of the variation of a prediction between the levels of one covariate.

    A number is cut at its deciles; missing values are a level of their own.

    Parameters
    ----------
    column : ndarray, shape (n,)
        Level codes 0, 1, … or numbers; NaN is missing.
    predicted : ndarray, shape (n,)
        Prediction by all covariates.
    categorical : bool
        Whether `column` holds level codes.

    Examples
    --------
    >>> explained_share(np.array([0.0, 0, 1, 1]), np.array([1.0, 1, 3, 3]), categorical=True)
    1.0
    """
    known = ~np.isnan(column)
    if not known.any():
        return 0.0
    level = np.zeros(column.size, dtype=np.int64)
    if categorical:
        level[known] = column[known].astype(np.int64) + 1
    else:
        cuts = np.unique(np.quantile(column[known], np.linspace(0.1, 0.9, 9)))
        level[known] = np.searchsorted(cuts, column[known], side="right") + 1
    away = predicted - predicted.mean()
    total = float(away @ away)
    if total <= 0.0:
        return 0.0
    count = np.bincount(level)
    sums = np.bincount(level, weights=away)
    return float((sums[count > 0] ** 2 / count[count > 0]).sum() / total)


def predictions(part: Compared, target: str) -> tuple[Floats, Floats]:
    """Return what covariates say of the outcome within arms, and of the log odds of the arm.

    Shape (n,) each; the mean of every arm is taken off the outcome, and units of other arms are 0.
    """
    odds = np.log(part.chance[:, 1] / part.chance[:, 0])
    residual = part.residual
    if target == "overlap":
        residual = (part.gamma[1] - part.gamma[0]) / ((part.arm == 1) - part.chance[:, 1])
    predicted = part.y - residual
    out = np.zeros(predicted.size)
    for a in (0, 1):
        inside = part.arm == a
        out[inside] = predicted[inside] - predicted[inside].mean()
    return out, odds
