"""The two pieces of omitted-variable bias, unit by unit: residual and representer variation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from whatif.base.arrays import Floats, Ints
from whatif.base.errors import EstimationError, Problem


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Elements:
    """What bounds on one effect are made of, n units.

    Attributes
    ----------
    sigma2 : float
        ``E (Y − g)²``: what covariates and arm leave open in the outcome, in its unit squared.
    nu2 : float
        ``E α²``, estimated as ``2 E m(α) − E α²``: variation of the Riesz representer α, the
        weights that turn outcomes into the effect.
    psi_sigma2, psi_nu2 : ndarray, shape (n,)
        Influence values of both; their mean is 0.
    """

    sigma2: float
    nu2: float
    psi_sigma2: Floats
    psi_nu2: Floats

    @property
    def scale(self) -> float:
        """Bias per unit of strength, ``√(σ² ν²)``, in the outcome's unit."""
        return float(np.sqrt(self.sigma2 * self.nu2))

    @property
    def psi_scale(self) -> Floats:
        """Influence values of `scale`, shape (n,)."""
        both = self.sigma2 * self.psi_nu2 + self.nu2 * self.psi_sigma2
        return np.asarray(both / (2.0 * self.scale))


def everyone_elements(*, residual: Floats, arm: Ints, chance: Floats, weight: Floats) -> Elements:
    """Return the elements of the average effect over everyone.

    ``α = 1{T=1}/e₁ − 1{T=0}/e₀`` and ``m(α) = 1/e₁ + 1/e₀``; only units of the two arms have a
    part in the bias, so only their residuals count.

    Parameters
    ----------
    residual : ndarray, shape (n,)
        Outcome minus its prediction under the unit's own arm.
    arm : ndarray of int64, shape (n,)
        1 for the arm, 0 for the control, −1 for any other arm.
    chance : ndarray, shape (n, 2)
        Chance of the control and of the arm, positive.
    weight : ndarray, shape (n,)
        Sampling weight of each unit; only proportions matter.

    References
    ----------
    Chernozhukov, Cinelli, Newey, Sharma & Syrgkanis (2022), NBER Working Paper 30302, "Long story
    short: omitted variable bias in causal machine learning", sections 3 and 4.

    Examples
    --------
    >>> sound = everyone_elements(residual=np.array([1.0, -1.0]), arm=np.array([0, 1]),
    ...     chance=np.full((2, 2), 0.5), weight=np.ones(2))
    >>> sound.sigma2, sound.nu2
    (1.0, 4.0)
    """
    inverse = 1.0 / chance
    alpha = (arm == 1) * inverse[:, 1] - (arm == 0) * inverse[:, 0]
    return _elements(residual * (arm >= 0), alpha, inverse.sum(axis=1), weight)


def treated_elements(
    *, residual: Floats, arm: Ints, chance: Floats, members: Floats, weight: Floats
) -> Elements:
    """Return the elements of the average effect over units that got an arm other than the control.

    With P the share of such units, ``α = (1 − e₀)/P · (1{T=1}/e₁ − 1{T=0}/e₀)`` and
    ``m(α) = 1{T≠0}/P · (1 − e₀)/P · (1/e₁ + 1/e₀)``. `members` is 1 for these units, else 0; other
    parameters as in `everyone_elements`.
    """
    share = float(weight @ members / weight.sum())
    tilt = (1.0 - chance[:, 0]) / share
    inverse = 1.0 / chance
    alpha = tilt * ((arm == 1) * inverse[:, 1] - (arm == 0) * inverse[:, 0])
    return _elements(
        residual * (arm >= 0), alpha, members / share * tilt * inverse.sum(axis=1), weight
    )


def overlap_elements(
    *, outcome_residual: Floats, arm_residual: Floats, theta: float, weight: Floats
) -> Elements:
    """Return the elements of the overlap-weighted effect: those of the partially linear model.

    ``σ² = E (Y − ℓ − θ (T − e))²`` and ``ν² = 1 / E (T − e)²``.

    Parameters
    ----------
    outcome_residual, arm_residual : ndarray, shape (n,)
        ``Y − ℓ`` and ``T − e``.
    theta : float
        The effect.
    weight : ndarray, shape (n,)
        Sampling weight of each unit.
    """
    share = weight / weight.mean()
    error = (outcome_residual - theta * arm_residual) ** 2
    spread = arm_residual**2
    sigma2, open_arm = float((share * error).mean()), float((share * spread).mean())
    nu2 = 1.0 / open_arm
    return Elements(
        sigma2=sigma2,
        nu2=nu2,
        psi_sigma2=share * (error - sigma2),
        psi_nu2=-(nu2**2) * share * (spread - open_arm),
    )


def _elements(residual: Floats, alpha: Floats, functional: Floats, weight: Floats) -> Elements:
    share = weight / weight.mean()
    error, variation = residual**2, 2.0 * functional - alpha**2
    sigma2, nu2 = float((share * error).mean()), float((share * variation).mean())
    _require_positive(sigma2, nu2)
    return Elements(
        sigma2=sigma2,
        nu2=nu2,
        psi_sigma2=share * (error - sigma2),
        psi_nu2=share * (variation - nu2),
    )


def _require_positive(sigma2: float, nu2: float) -> None:
    if sigma2 > 0.0 and nu2 > 0.0:
        return
    what = (
        "The models leave nothing open in the outcome."
        if nu2 > 0.0
        else "The estimated chances do not fit the arms that units got: the variation of the "
        "weights comes out negative."
    )
    raise EstimationError(
        Problem(
            what=what,
            why="how much a cause that was not measured could move the effect is then unknown.",
            fix="limit the study to units that could get either arm (`overlap: {rule: trim}` or "
            "`where`), or look for a covariate that repeats the outcome.",
        )
    )
