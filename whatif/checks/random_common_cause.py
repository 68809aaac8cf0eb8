"""Does a meaningless covariate move the estimate?"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import ClassVar

import numpy as np
from scipy import special

from whatif.base.arrays import Floats
from whatif.base.rng import generator, integer_seed
from whatif.checks.conclude import amount, conclude
from whatif.checks.evidence import Evidence
from whatif.checks.refitting import Subsample, held, refolded, subsample
from whatif.checks.result import CheckResult, Cost, Status
from whatif.design.record import Design
from whatif.engines import dowhy_refute

LEVEL = 0.01
NOISE_DRAWS = 10
SEED_DRAWS = 20
_NAME = "random_common_cause"


def moved_beyond_seed_error(movement: Floats, reseeded: Floats) -> tuple[float, float, int]:
    """Compare an average movement with what another random seed does to the estimate.

    Parameters
    ----------
    movement : ndarray, shape (R, m)
        Estimate with a random covariate minus estimate without it, m arms.
    reseeded : ndarray, shape (S, m)
        Estimates with folds dealt anew and nothing else changed.

    Returns
    -------
    ratio : float
        Largest ``|mean movement| / sd(reseeded)`` over arms; infinite when the estimate moves
        though another seed would not move it.
    limit : float
        Two-sided t quantile with S − 1 degrees of freedom at .01, shared by the arms.
    worst : int
        The arm with the largest ratio.

    Examples
    --------
    >>> ratio, limit, _ = moved_beyond_seed_error(np.array([[1.0]]), np.array([[0.0], [2.0]]))
    >>> round(ratio, 3), round(limit, 1)
    (0.707, 63.7)
    """
    average, spread = np.abs(movement.mean(axis=0)), reseeded.std(axis=0, ddof=1)
    ratio = np.where(average > 0, np.inf, 0.0)
    np.divide(average, spread, out=ratio, where=spread > 0)
    worst = int(ratio.argmax())
    limit = special.stdtrit(len(reseeded) - 1, 1 - LEVEL / 2 / ratio.size)
    return float(ratio[worst]), float(limit), worst


class RandomCommonCause:
    """Add a random covariate, one value per cluster, and train again (ruling 29).

    The average movement over ten random covariates is held against the seed error: the spread of
    the estimate when clusters are dealt to folds anew. Both keep the penalties chosen without the
    covariate. The statistic is movement over seed error.
    """

    code: ClassVar[str] = "WI-RCC-01"
    name: ClassVar[str] = "random_common_cause"
    cost: ClassVar[Cost] = Cost.REFIT
    integrity: ClassVar[bool] = False
    what: ClassVar[str] = "Whether adding a meaningless covariate leaves the estimate where it is."
    why: ClassVar[str] = (
        "An estimate that follows noise is a product of its models, not of the data."
    )
    blind: ClassVar[str] = "A missing common cause: this one is made of noise."
    fix: ClassVar[str] = "Use fewer covariates or more data; compare with a plain estimator."

    def run(self, evidence: Evidence) -> CheckResult:
        """Compare the movement with the seed error."""
        if not evidence.design.features.names:
            return conclude(self, Status.NOT_APPLICABLE, "No covariate is adjusted for.")
        sample = subsample(evidence)
        if sample.unfit:
            return conclude(self, Status.DID_NOT_RUN, f"Not run: {sample.unfit}.")
        movement, reseeded = _draws(evidence, sample)
        ratio, limit, worst = moved_beyond_seed_error(movement, reseeded)
        if np.isinf(ratio):
            return conclude(
                self,
                Status.DID_NOT_RUN,
                "Dealing the folds anew never changes the estimate, so there is no seed error to "
                "compare with.",
            )
        error = float(reseeded[:, worst].std(ddof=1))
        return conclude(
            self,
            Status.BROKE if ratio > limit else Status.HELD,
            f"A random covariate moved the estimate for {sample.design.arms[worst + 1]} by "
            f"{amount(ratio * error)} on average on {sample.size}; another seed moves it by "
            f"{amount(error)}, and a movement of {amount(limit * error)} could have been seen.",
            statistic=ratio,
            threshold=limit,
        )


def _draws(evidence: Evidence, sample: Subsample) -> tuple[Floats, Floats]:
    """Return what noise adds to the estimate, and estimates with folds dealt anew."""
    ready, whole = held(evidence, sample)
    seed = integer_seed(evidence.spec.seed, "random common cause")
    columns = dowhy_refute.random_common_cause(sample.clusters, draws=NOISE_DRAWS, seed=seed)
    noisy = ready.each(partial(_with_noise, whole, noise) for noise in columns)
    rng = generator(evidence.spec.seed, "seed error")
    deals = [rng.permutation(whole.clusters) % whole.design.n_folds for _ in range(SEED_DRAWS)]
    reseeded = ready.each(partial(refolded, whole, deal) for deal in deals)
    return (noisy - ready.full())[:, :, 0], reseeded[:, :, 0]


def _with_noise(sample: Subsample, noise: Floats) -> Design:
    design = sample.design
    return replace(design, features=design.features.with_column(_NAME, noise[sample.cluster]))
