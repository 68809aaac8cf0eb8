"""Does the pipeline find nothing where there is nothing?"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
from scipy import special

from whatif.base.arrays import Floats, Ints
from whatif.base.rng import integer_seed
from whatif.checks.analysed import exposure_order
from whatif.checks.assignment import first_rows
from whatif.checks.conclude import amount, conclude
from whatif.checks.evidence import Evidence
from whatif.checks.refitting import Subsample, shuffled_chances, subsample
from whatif.checks.result import CheckResult, Cost, Status
from whatif.contract.spec import ColumnProbability
from whatif.engines import dowhy_refute

LEVEL = 0.01
DRAWS = 99


def centred_at_zero(draws: Floats) -> tuple[float, Floats, Floats]:
    """Test that placebo estimates average zero.

    Given the data the draws are independent, so the error of their mean is their spread over
    √draws; one t test per arm, the level shared by the arms (Bonferroni).

    Parameters
    ----------
    draws : ndarray, shape (R, m)
        Placebo estimates of m arms.

    Returns
    -------
    p_value : float
        Smallest p-value times m, at most 1; 0 where estimates are off zero without any spread.
    mean, spread : ndarray, shape (m,)
        Mean and standard deviation over draws.

    Examples
    --------
    >>> centred_at_zero(np.array([[1.0], [-1.0]]))[0]
    1.0
    """
    count, arms = draws.shape
    mean, spread = draws.mean(axis=0), draws.std(axis=0, ddof=1)
    error = spread / np.sqrt(count)
    size = np.full(arms, np.inf)
    np.divide(np.abs(mean), error, out=size, where=error > 0)
    size[np.abs(mean) == 0] = 0.0
    p_value = 2 * special.stdtr(count - 1, -size)
    return float(min(1.0, arms * p_value.min())), mean, spread


class PlaceboTreatment:
    """Shuffle arms over units of assignment, train again, and expect zero on average (ruling 29).

    Arms are shuffled within a phase, every row of a unit getting the unit's arm; where each unit
    has its own logged chance they are drawn from it. The pipeline is told the chances that result.
    99 draws on at most 15,000 rows chosen by cluster. The statistic is the p-value of a t test of
    their mean.
    """

    code: ClassVar[str] = "WI-PLA-01"
    name: ClassVar[str] = "placebo_treatment"
    cost: ClassVar[Cost] = Cost.REFIT
    integrity: ClassVar[bool] = False
    what: ClassVar[str] = "Whether shuffled arms, which can have no effect, show none."
    why: ClassVar[str] = "A pipeline that finds an effect of shuffled arms also bends the real one."
    blind: ClassVar[str] = "Hidden confounding: shuffled arms have no causes at all."
    fix: ClassVar[str] = (
        "Add a plain estimator under `estimators`; if the two disagree, the models or weights of "
        "this one are at fault."
    )

    def run(self, evidence: Evidence) -> CheckResult:
        """Train on shuffled arms and test that the estimates centre at zero."""
        sample = subsample(evidence)
        if sample.unfit:
            return conclude(self, Status.DID_NOT_RUN, f"Not run: {sample.unfit}.")
        p_value, mean, spread = centred_at_zero(_draws(evidence, sample))
        if not spread.any() and not mean.any():
            return conclude(self, Status.DID_NOT_RUN, "Shuffling arms never changes the estimate.")
        worst = int(np.argmax(np.abs(mean) / np.where(spread > 0, spread, np.inf)))
        seen = spread[worst] * special.stdtrit(DRAWS - 1, 1 - LEVEL / 2 / mean.size) / DRAWS**0.5
        return conclude(
            self,
            Status.BROKE if p_value < LEVEL else Status.HELD,
            f"Over {DRAWS} shuffles on {sample.size}, the estimate for "
            f"{sample.design.arms[worst + 1]} averaged {amount(float(mean[worst]))} (spread "
            f"{amount(float(spread[worst]))}); an average of {amount(float(seen))} could have been "
            "seen. This tests the pipeline and says nothing about hidden confounding.",
            statistic=p_value,
            threshold=LEVEL,
        )


def _draws(evidence: Evidence, sample: Subsample) -> Floats:
    design, spec = sample.design, evidence.spec
    first, unit = first_rows(design.assigned, exposure_order(design, spec))
    seed = integer_seed(spec.seed, "placebo treatment")
    arm, phase = design.arm[first], design.phase[first]

    logged = isinstance(spec.design.probability, ColumnProbability)
    chance = None if design.known is None else design.known[first]
    if chance is not None and not logged:
        chance = shuffled_chances(arm, phase, chance)
    known = None if chance is None else chance[unit]
    whole = replace(design, known=known, phase=phase[unit])

    def estimate(placebo: Ints) -> Floats:
        return evidence.refit(replace(whole, arm=placebo[unit]))[:, 0]

    if chance is not None and logged:
        return dowhy_refute.placebo_redrawn(chance, estimate, draws=DRAWS, seed=seed)
    if np.ptp(phase):
        return dowhy_refute.placebo_within(arm, phase, estimate, draws=DRAWS, seed=seed)
    return dowhy_refute.placebo(arm, estimate, draws=DRAWS, seed=seed)
