"""Did every arm get the share of units it was meant to get?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from scipy import special

from whatif.base.arrays import Floats
from whatif.checks.arrivals import no_chances
from whatif.checks.assignment import MANY_STRATA, first_rows, strata
from whatif.checks.conclude import amount, conclude, listed
from whatif.checks.evidence import Evidence
from whatif.checks.result import CheckResult, Cost, Status
from whatif.design.record import Intake

LEVEL = 0.001
CONCENTRATION = 100.0
MEANINGFUL_SHIFT = 0.02  # 52/48 instead of 50/50: one arm lost 8 % of its units
_TILTS = 0.01 * 2.0 ** np.arange(8)


def log_bayes_factor(counts: Floats, probability: Floats) -> Floats:
    """Evidence against multinomial counts having the known `probability`, on the log scale.

    The alternative is a Dirichlet prior of concentration 100 around `probability`. Under the
    null the factor is a martingale with mean 1, so ``min(1, 1 / factor)`` is a p-value that stays
    honest however often it is looked at.

    Parameters
    ----------
    counts : ndarray, shape (..., A)
        Units per arm.
    probability : ndarray, shape (A,) or (..., A)
        Known chances, rows summing to 1; an arm with chance 0 must have no units.

    Returns
    -------
    ndarray, shape (...)

    Examples
    --------
    >>> log_bayes_factor(np.array([0.0, 0.0]), np.array([0.5, 0.5])).item()
    0.0

    References
    ----------
    Lindon & Malek (2022), Anytime-Valid Inference for Multinomial Count Data, NeurIPS 35,
    section 3.
    """
    offered = probability > 0
    p = np.where(offered, probability, 1.0)
    prior = CONCENTRATION * p
    terms = special.gammaln(prior + counts) - special.gammaln(prior) - counts * np.log(p)
    terms = np.where(offered, terms, np.where(counts > 0, np.inf, 0.0))
    total = special.gammaln(CONCENTRATION) - special.gammaln(CONCENTRATION + counts.sum(axis=-1))
    return np.asarray(total + terms.sum(axis=-1))


def log_evidence(counts: Floats, probability: Floats) -> float:
    """Evidence against the known chances of S strata, on the log scale.

    One stratum: :func:`log_bayes_factor`. Several (phases of a ramp, logged chances): the average
    of two martingales with mean 1 given each unit's own chances, so it is one too. The first
    multiplies the strata's factors and sees a fault in any one of them. The second lets the odds
    of one arm be off by the same factor everywhere, averaged over a grid of factors, and sees a
    fault that is thin in each stratum, also when every unit has its own chance.

    Parameters
    ----------
    counts, probability : ndarray, shape (S, A)
        Units per arm and known chances of each stratum.
    """
    apart = float(log_bayes_factor(counts, probability).sum())
    if len(counts) == 1:
        return apart
    return float(np.logaddexp(apart, _common_tilt(counts, probability)) - np.log(2.0))


def _common_tilt(counts: Floats, probability: Floats) -> float:
    size, total = counts.sum(axis=1), counts.sum(axis=0)
    tilts = np.concatenate([_TILTS, -_TILTS])
    logs = [
        total[a] * t - float(size @ np.log1p(probability[:, a] * np.expm1(t)))
        for a in range(counts.shape[1])
        for t in tilts
    ]
    return float(special.logsumexp(logs) - np.log(len(logs)))


def detectable_shift(size: Floats, probability: Floats) -> float:
    """Return the smallest error in an arm's overall share that is seen about half the time.

    One arm's odds are raised until the counts expected then carry evidence of 1 / .001; the
    largest answer over the arms is returned, 1.0 when there is too little data for any.

    Parameters
    ----------
    size : ndarray, shape (S,)
        Units per stratum.
    probability : ndarray, shape (S, A)
        Known chances.
    """
    if len(size) > MANY_STRATA:
        code, probability = strata(np.round(probability, 2))
        size = np.bincount(code, weights=size).astype(np.float64)
        probability = probability / probability.sum(axis=1, keepdims=True)
    shifts = [_shift_of_arm(size, probability, a) for a in range(probability.shape[1])]
    return max(shifts)


def _shift_of_arm(size: Floats, probability: Floats, arm: int) -> float:
    low, high = 0.0, 6.0
    if not _seen(size, probability, arm, high):
        return 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if _seen(size, probability, arm, middle) else (middle, high)
    moved = _tilted(probability, arm, high)[:, arm] - probability[:, arm]
    return float(size @ moved / size.sum())


def _seen(size: Floats, probability: Floats, arm: int, tilt: float) -> bool:
    expected = size[:, None] * _tilted(probability, arm, tilt)
    return bool(log_evidence(expected, probability) >= -np.log(LEVEL))


def _tilted(probability: Floats, arm: int, tilt: float) -> Floats:
    weight = probability.copy()
    weight[:, arm] *= np.exp(tilt)
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))


def first_exposure_counts(intake: Intake, known: Floats) -> tuple[Floats, Floats]:
    """Count units of assignment, each once at first exposure.

    Returns
    -------
    counts, probability : ndarray, shape (S, A)
        Units per arm and known chances, by stratum of equal chances.
    """
    first, _ = first_rows(intake.assigned, intake.order)
    code, probability = strata(known[first])
    n_arms = known.shape[1]
    cell = code * n_arms + intake.arm[first]
    counts = np.bincount(cell, minlength=len(probability) * n_arms).astype(np.float64)
    return counts.reshape(len(probability), n_arms), probability


class SampleRatio:
    """Count units of assignment per arm against the known chances (rulings 1 and 23).

    The statistic is an anytime-valid p-value: the chance of a false alarm at any of the study's
    looks is at most .001. *Held* also needs an even chance of seeing a shift of 2 percentage
    points.
    """

    code: ClassVar[str] = "WI-SRM-01"
    name: ClassVar[str] = "sample_ratio"
    cost: ClassVar[Cost] = Cost.VIEW
    integrity: ClassVar[bool] = True
    what: ClassVar[str] = "Whether each arm got the share of units it was meant to get."
    why: ClassVar[str] = (
        "A wrong share means units were lost or moved after assignment, and those that are left "
        "are not comparable."
    )
    blind: ClassVar[str] = "Units lost in equal shares from every arm, whoever they were."
    fix: ClassVar[str] = (
        "Find where units go missing between assignment and logging (redirects, crashes, bot "
        "filters); do not use these numbers until it is fixed."
    )

    def run(self, evidence: Evidence) -> CheckResult:
        """Compare counts at first exposure with the known chances."""
        design, spec = evidence.design, evidence.spec
        refused = no_chances(evidence)
        if refused is not None:
            return conclude(self, *refused)
        counts, probability = first_exposure_counts(design.intake, np.asarray(design.intake.known))
        p_value = min(1.0, float(np.exp(-log_evidence(counts, probability))))
        shift = detectable_shift(counts.sum(axis=1), probability)
        status, seen = _judged(p_value, shift)
        return conclude(
            self,
            status,
            f"{_counted(counts, probability, design.arms, spec.assigned or spec.unit)}; {seen}",
            statistic=p_value,
            threshold=LEVEL,
        )


def _judged(p_value: float, shift: float) -> tuple[Status, str]:
    points = f"{100 * shift:.2g} percentage points"
    if p_value < LEVEL:
        return Status.BROKE, "luck does not explain the gap."
    if shift > MEANINGFUL_SHIFT:
        least = f"only a shift of {points} or more" if shift < 1 else "no shift"
        return Status.DID_NOT_RUN, f"too little data: {least} in a share could have been seen."
    return Status.HELD, f"a shift of {points} in a share could have been seen."


def _counted(counts: Floats, probability: Floats, arms: tuple[str, ...], unit: str | None) -> str:
    seen, expected = counts.sum(axis=0), counts.sum(axis=1) @ probability
    parts = [
        f"{arm} got {s:,.0f} ({amount(e) if e < 1000 else format(e, ',.0f')} expected)"  # noqa: PLR2004
        for arm, s, e in zip(arms, seen, expected, strict=True)
    ]
    once = f"each {unit} counted once" if unit else "each row counted once"
    return f"{listed(parts)}, {once}"
