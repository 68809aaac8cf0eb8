"""What sensitivity to hidden causes looks like: plain frozen records, nothing computed here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from whatif.effects.rows import Ends, Segment
from whatif.scores.record import Target

EValueFrom = Literal["risk_ratio", "standardised_difference"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenCause:
    """How one effect moves with the strength of a cause that was not measured.

    A hidden cause of strength ``c = |ρ| √(cf_y · cf_d / (1 − cf_d))`` moves the effect by at most
    ``c · scale``. `cf_y` is the share it explains of what covariates and arm leave open in the
    outcome; `cf_d` is its share of the variation of the Riesz representer, the weights that make
    the arms comparable, which is not a share of the arm's own variation.

    Attributes
    ----------
    outcome, arm, versus : str
        What is compared; ``"money"`` for the value of all outcomes together.
    segment : tuple of (column, level)
        Empty for everyone; everything is then measured inside the segment.
    n, clusters : int
        Units and clusters.
    estimate, std_error : float
        Arm minus control and its clustered error, in the outcome's unit.
    ci : (low, high)
        Its interval at the study's level.
    sigma2, nu2 : float
        Residual variation of the outcome, and variation of the representer.
    scale, scale_error, scale_covariance : float
        ``√(σ² ν²)``, its clustered error, and its covariance with the estimate.
    critical : float
        Critical value of one end: half of 1 − level on each side.
    df : int
        Degrees of freedom behind it.
    rv, rva : float
        Robustness values: the strength ``cf_y = cf_d`` at which a bound, and the end of its
        interval, reaches zero; 0 where the interval holds zero already.
    e_value, e_value_limit : float or None
        E-value of the estimate and of the end of its interval next to no effect.
    e_value_from : str or None
        ``"risk_ratio"``, or ``"standardised_difference"`` for the approximation.
    target : str
        Whom the effect speaks of.
    """

    outcome: str
    arm: str
    versus: str
    segment: Segment
    n: int
    clusters: int
    estimate: float
    std_error: float
    ci: Ends
    sigma2: float
    nu2: float
    scale: float
    scale_error: float
    scale_covariance: float
    critical: float
    df: int
    rv: float
    rva: float
    e_value: float | None
    e_value_limit: float | None
    e_value_from: EValueFrom | None
    target: Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Where an effect can lie when a hidden cause has a given strength.

    Attributes
    ----------
    cf_y, cf_d, rho : float
        The strength; see `HiddenCause`.
    bounds, std_error : (float, float)
        Lower and upper bound with their clustered errors, in the outcome's unit.
    ci : (float, float)
        Lower end of the lower bound and upper end of the upper one.
    """

    cf_y: float
    cf_d: float
    rho: float
    bounds: tuple[float, float]
    std_error: tuple[float, float]
    ci: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """What leaving out measured covariates does: a yardstick for causes that were not measured.

    Attributes
    ----------
    covariate : str
        The covariate; ``""`` for all of them together.
    outcome, arm : str
        Which effect it is about.
    cf_y, cf_d : float
        Share of the residual variation of the outcome that it explains, and gain in the variation
        of the representer, both between 0 and 1.
    rho : float
        How far both line up, with the sign of `change`.
    change : float
        Estimate without the covariates minus estimate with them.
    strength : float
        The equal strength ``cf_y = cf_d`` that can move the effect as far, to be held against
        robustness values; 1 for a covariate that can move it without limit.
    """

    covariate: str
    outcome: str
    arm: str
    cf_y: float
    cf_d: float
    rho: float
    change: float
    strength: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundedEffect:
    """One effect at one strength of a hidden cause: a row of ``answer.sensitivity``.

    Attributes
    ----------
    outcome, arm, versus : str
        What is compared.
    segment : tuple of (column, level)
        Empty for everyone.
    like : str
        The measured covariate that is as strong; ``""`` for the strength that was asked for.
    cf_y, cf_d, rho : float
        The strength; see `HiddenCause`.
    estimate : float
        Arm minus control, in the outcome's unit.
    bounds, ci : (low, high)
        Where the effect can lie, and the interval around that; None is unbounded.
    rv, rva : float
        Robustness values; see `HiddenCause`.
    e_value, e_value_limit : float or None
        E-values; see `HiddenCause`.
    """

    outcome: str
    arm: str
    versus: str
    segment: Segment
    like: str
    cf_y: float
    cf_d: float
    rho: float
    estimate: float
    bounds: Ends
    ci: Ends
    rv: float
    rva: float
    e_value: float | None
    e_value_limit: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resting:
    """How many clusters of one side really carry a comparison.

    Attributes
    ----------
    arm : str
        The arm compared with the control.
    side : str
        The arm whose units are counted: `arm` or the control.
    clusters : int
        Clusters with units that got it.
    effective : float
        Clusters of equal weight that would know as much (Kish).
    """

    arm: str
    side: str
    clusters: int
    effective: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity:
    """What a run says about hidden causes.

    Attributes
    ----------
    effects : tuple of HiddenCause
        One per outcome and arm, for everyone, and per arm for money where the study values it.
    benchmarks : tuple of Benchmark
        Measured covariates for the primary metric, strongest first; empty when no model was
        trained again.
    resting : tuple of Resting
        What each comparison rests on, both sides.
    """

    effects: tuple[HiddenCause, ...]
    benchmarks: tuple[Benchmark, ...] = ()
    resting: tuple[Resting, ...] = ()
