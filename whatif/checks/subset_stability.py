"""Does the answer survive leaving out a fifth of the clusters?"""

from __future__ import annotations

from functools import partial
from typing import ClassVar

import numpy as np
from scipy import special

from whatif.base.arrays import Floats
from whatif.base.rng import integer_seed
from whatif.checks.assignment import POWER
from whatif.checks.conclude import amount, conclude
from whatif.checks.evidence import Evidence
from whatif.checks.refitting import Subsample, clustered_variance, held, subsample
from whatif.checks.result import CheckResult, Cost, Status
from whatif.engines import dowhy_refute
from whatif.scores.fit import estimates_propensity

LEVEL = 0.01
DRAWS = 20
SHARE = 0.8
FEWEST_WITH_ESTIMATED_CHANCES = 250  # below, the χ² of estimates with fitted weights is off
TOLERATED = 1.25  # scatter may be a quarter larger: refits use the simpler models


def scatter_p_value(gaps: Floats, expected: Floats) -> float:
    """Test that subset estimates scatter around the full one no more than they should.

    Given the data, subset estimates drawn independently have variance V_sub − V_full around the
    full estimate, so ``Σ_r (gap_r / expected)²`` is χ² with R degrees of freedom. One-sided: only
    too much scatter, or a systematic gap, is a fault. The level is shared by the arms (Bonferroni).

    Parameters
    ----------
    gaps : ndarray, shape (R, m)
        Subset estimate minus full estimate of m arms.
    expected : ndarray, shape (m,)
        ``√(V_sub − V_full)``, positive.

    References
    ----------
    Hausman (1978), Econometrica 46(6), 1251–1271, lemma 2.1: the variance of the difference from
    an efficient estimate on the same data is the difference of variances.
    """
    tails = special.chdtrc(len(gaps), ((gaps / expected) ** 2).sum(axis=0))
    return float(min(1.0, gaps.shape[1] * tails.min()))


class SubsetStability:
    """Train again on random 80 % of the clusters and compare with the full estimate (ruling 29).

    The expected scatter √(V_sub − V_full) uses the clustered variance of the stored scores. A
    quarter more is tolerated, because the refits use simpler models, trained on fewer rows, than
    the scores. Refits keep the penalties chosen on the whole subsample. Where the chances are
    estimated, an arm needs 250 clusters: with fewer, a fitted chance near zero in one subset
    makes sound studies alarm at twice the level. The statistic is the p-value of a χ² test over
    20 subsets.
    """

    code: ClassVar[str] = "WI-SUB-01"
    name: ClassVar[str] = "subset_stability"
    cost: ClassVar[Cost] = Cost.REFIT
    integrity: ClassVar[bool] = False
    what: ClassVar[str] = "Whether leaving out a fifth of the clusters moves the estimate too much."
    why: ClassVar[str] = (
        "An estimate that hangs on a few clusters is less certain than its range says."
    )
    blind: ClassVar[str] = "A bias that every part of the data shares."
    fix: ClassVar[str] = (
        "Look for clusters with extreme values (bots, resellers); set a cap in advance and say so."
    )

    def run(self, evidence: Evidence) -> CheckResult:
        """Compare the scatter over subsets with its expectation."""
        sample = subsample(evidence)
        if sample.unfit:
            return conclude(self, Status.DID_NOT_RUN, f"Not run: {sample.unfit}.")
        fewest = sample.fewest_clusters
        if estimates_propensity(sample.design) and fewest < FEWEST_WITH_ESTIMATED_CHANCES:
            return conclude(
                self,
                Status.DID_NOT_RUN,
                f"Not run: too little data: {fewest} clusters in an arm, "
                f"{FEWEST_WITH_ESTIMATED_CHANCES} needed where chances are estimated.",
            )
        expected = expected_scatter(evidence, sample)
        if not (expected > 0).all():
            return conclude(self, Status.DID_NOT_RUN, "The scores of an arm do not vary.")
        gaps = _gaps(evidence, sample)
        p_value = scatter_p_value(gaps, TOLERATED * expected)
        scatter = np.sqrt((gaps**2).mean(axis=0))
        worst = int((scatter / expected).argmax())
        seen = TOLERATED * float(expected[worst]) * _noticeable_ratio(gaps.shape[1]) ** 0.5
        return conclude(
            self,
            Status.BROKE if p_value < LEVEL else Status.HELD,
            f"On {DRAWS} random {100 * SHARE:.0f} % subsets of {sample.size}, the estimate for "
            f"{sample.design.arms[worst + 1]} moved by {amount(float(scatter[worst]))}, where "
            f"{amount(float(expected[worst]))} is expected; {amount(seen)} could have "
            "been seen.",
            statistic=p_value,
            threshold=LEVEL,
        )


def expected_scatter(evidence: Evidence, sample: Subsample) -> Floats:
    """Return ``√(V_sub − V_full)`` of each arm, from its stored scores, shape (A − 1,)."""
    scores = evidence.scores
    k = scores.outcomes.index(sample.design.outcomes[0])
    kept = round(SHARE * sample.clusters)
    gamma = scores.gamma[sample.scored, :, k]
    weight, mass = scores.weight[sample.scored], scores.mass[sample.scored]
    full = []
    for a in range(1, len(scores.arms)):
        difference = gamma[:, a] - gamma[:, 0]
        theta = weight @ difference / (weight @ mass)
        influence = weight * (difference - theta * mass) / (weight @ mass / weight.size)
        full.append(clustered_variance(influence, sample.cluster))
    return np.sqrt(np.array(full) * (sample.clusters / kept - 1))


def _gaps(evidence: Evidence, sample: Subsample) -> Floats:
    ready, whole = held(evidence, sample)
    seed = integer_seed(evidence.spec.seed, "subset stability")
    parts = dowhy_refute.subsets(sample.clusters, share=SHARE, draws=DRAWS, seed=seed)
    found = ready.each(partial(whole.of_clusters, kept) for kept in parts)
    return np.asarray((found - ready.full())[:, :, 0])


def _noticeable_ratio(arms: int) -> float:
    critical = special.chdtri(DRAWS, LEVEL / arms)
    return float(critical / special.chdtri(DRAWS, POWER))
