"""Does the pipeline find nothing where there is nothing?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import numpy as np
from scipy import special

from whatif.base.arrays import Floats, Ints
from whatif.base.rng import integer_seed
from whatif.checks.analysed import exposure_order
from whatif.checks.assignment import first_rows
from whatif.checks.conclude import amount, conclude, listed
from whatif.checks.evidence import Evidence
from whatif.checks.refitting import Subsample, held, shuffled_chances, subsample
from whatif.checks.result import CheckResult, Cost, Status
from whatif.contract.spec import ColumnProbability
from whatif.engines import dowhy_refute

LEVEL = 0.01
DRAWS = 99
OWN_DRAWS = 3


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


def inside_the_range(draws: Floats, more: Floats) -> float:
    """Test that further placebo estimates lie where the first ones say they should.

    A new draw from the same normal law misses the mean of R draws by ``s √(1 + 1/R)`` times t with
    R − 1 degrees of freedom; the level is shared by all new draws and arms (Bonferroni).

    Parameters
    ----------
    draws, more : ndarray, shapes (R, m), (S, m)
        Placebo estimates of m arms: those that make the range, and those held against it.

    Returns
    -------
    float
        Smallest p-value times S · m, at most 1; 0 where the first ones have no spread.

    References
    ----------
    Hahn & Meeker (1991), Statistical Intervals, section 4.8: prediction intervals to contain all of
    several future observations.

    Examples
    --------
    >>> inside_the_range(np.array([[-1.0], [0.0], [1.0]]), np.array([[0.0]]))
    1.0
    """
    count = len(draws)
    away = np.abs(more - draws.mean(axis=0))
    reach = draws.std(axis=0, ddof=1) * np.sqrt(1 + 1 / count)
    size = np.where(away > 0, np.inf, 0.0)
    np.divide(away, reach, out=size, where=reach > 0)
    return float(min(1.0, more.size * 2 * special.stdtr(count - 1, -size.max())))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Placebos:
    """Estimates on shuffled arms, shapes (99, m) and (3, m): the GLM's, and the study's learners'.

    `own` has no rows where the study's learners are the GLM alone.
    """

    glm: Floats
    own: Floats

    @property
    def level(self) -> float:
        """Level of each test: the check's, shared by the two."""
        return LEVEL / 2 if len(self.own) else LEVEL

    def seen(self, worst: int) -> float:
        """Return the average that could have been seen half the time."""
        spread, arms = self.glm.std(axis=0, ddof=1), self.glm.shape[1]
        return float(spread[worst] * _quantile(self.level / arms) / DRAWS**0.5)

    def range(self, worst: int) -> tuple[float, float]:
        """Return where the study's learners should land."""
        centre, spread = self.glm.mean(axis=0)[worst], self.glm.std(axis=0, ddof=1)[worst]
        reach = spread * (1 + 1 / DRAWS) ** 0.5 * _quantile(self.level / self.own.size)
        return float(centre - reach), float(centre + reach)


def _quantile(level: float) -> float:
    return float(special.stdtrit(DRAWS - 1, 1 - level / 2))


class PlaceboTreatment:
    """Shuffle arms over units of assignment, train again, and expect zero on average (ruling 29).

    Arms are shuffled within a phase, every row of a unit getting the unit's arm; where each unit
    has its own logged chance they are drawn from it. The pipeline is told the chances that result.
    99 draws on at most 15,000 rows chosen by cluster train the GLM with the penalties chosen for
    the real arms, and a t test asks whether they average zero. Three more draws train the study's
    own learners in full, and must land where the 99 say that a draw lands. The level is shared by
    the two tests; the statistic is the smaller p-value, times two.
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
        found = _placebos(evidence, sample)
        p_value, mean, spread = centred_at_zero(found.glm)
        if not spread.any() and not mean.any():
            return conclude(self, Status.DID_NOT_RUN, "Shuffling arms never changes the estimate.")
        worst = int(np.argmax(np.abs(mean) / np.where(spread > 0, spread, np.inf)))
        if len(found.own):
            p_value = min(1.0, 2 * min(p_value, inside_the_range(found.glm, found.own)))
        return conclude(
            self,
            Status.BROKE if p_value < LEVEL else Status.HELD,
            f"Over {DRAWS} shuffles on {sample.size}, the estimate for "
            f"{sample.design.arms[worst + 1]} averaged {amount(float(mean[worst]))} (spread "
            f"{amount(float(spread[worst]))}); an average of {amount(found.seen(worst))} could "
            f"have been seen. {_own_words(found, evidence.spec.learners, sample)}"
            "This tests the pipeline and says nothing about hidden confounding.",
            statistic=p_value,
            threshold=LEVEL,
        )


def _own_words(found: Placebos, learners: tuple[str, ...], sample: Subsample) -> str:
    """Say where the study's own learners landed, for the arm that is furthest off."""
    if not len(found.own):
        return ""
    spread = found.glm.std(axis=0, ddof=1)
    away = np.abs(found.own - found.glm.mean(axis=0)).max(axis=0)
    worst = int(np.argmax(away / np.where(spread > 0, spread, np.inf)))
    low, high = found.range(worst)
    return (
        f"With the study's learners ({listed(learners)}), {len(found.own)} more shuffles gave "
        f"{listed([amount(float(one)) for one in found.own[:, worst]])} for "
        f"{sample.design.arms[worst + 1]}, where {amount(low)} to {amount(high)} is expected. "
    )


def _placebos(evidence: Evidence, sample: Subsample) -> Placebos:
    design = sample.design
    first, unit = first_rows(design.assigned, exposure_order(design, evidence.spec))
    arm, phase = design.arm[first], design.phase[first]
    logged = isinstance(evidence.spec.design.probability, ColumnProbability)
    chance = None if design.known is None else design.known[first]
    if chance is not None and not logged:
        chance = shuffled_chances(arm, phase, chance)
    shuffles = list(_shuffles(arm, phase, chance if logged else None, evidence.spec.seed))
    known = None if chance is None else chance[unit]
    told = partial(replace, known=known, phase=phase[unit])

    ready, _ = held(evidence, sample)
    whole = told(ready.design)
    glm = ready.each(partial(replace, whole, arm=one[unit]) for one in shuffles[:DRAWS])
    own = np.empty((0, *glm.shape[1:]))
    if evidence.relearn is not None:
        plain = told(design)
        more = [evidence.relearn(replace(plain, arm=one[unit])) for one in shuffles[DRAWS:]]
        own = np.array(more)
    return Placebos(glm=glm[:, :, 0], own=own[:, :, 0])


def _shuffles(arm: Ints, phase: Ints, logged: Floats | None, seed: int) -> Iterator[Ints]:
    own_seed = integer_seed(seed, "placebo treatment")
    draws = DRAWS + OWN_DRAWS
    if logged is not None:
        return dowhy_refute.placebo_redrawn(logged, draws=draws, seed=own_seed)
    if np.ptp(phase):
        return dowhy_refute.placebo_within(arm, phase, draws=draws, seed=own_seed)
    return dowhy_refute.placebo(arm, draws=draws, seed=own_seed)
