"""Does the answer hang on choices that nobody can settle from the data?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from scipy import special

from whatif.base.arrays import Bools, Floats
from whatif.checks.conclude import amount, conclude
from whatif.checks.evidence import Evidence
from whatif.checks.refitting import Subsample, subsample
from whatif.checks.result import CheckResult, Cost, Detail, Status
from whatif.checks.specifications import Specification, gap_errors, specifications
from whatif.design.record import Design

LEVEL = 0.01


class SpecificationCurve:
    """Estimate under other learners, covariates, estimators and populations, and compare.

    Doubly robust estimates on the study's own population are tested against the study's choice;
    the others are drawn beside them and are not tested, because they answer another question or
    have no valid error. A choice breaks the check when it moves the estimate by more than its
    standard error and by more than luck allows: the clustered error of the difference on the same
    rows, Holm at .01 over choices and arms. The statistic is the smallest adjusted p-value.

    References
    ----------
    Simonsohn, Simmons & Nelson (2020), Nature Human Behaviour 4, 1208–1214.
    """

    code: ClassVar[str] = "WI-SPC-01"
    name: ClassVar[str] = "specification_curve"
    cost: ClassVar[Cost] = Cost.REFIT
    integrity: ClassVar[bool] = False
    what: ClassVar[str] = "Whether other defensible choices give the same answer."
    why: ClassVar[str] = "An answer that hangs on the analyst's choices is not the data's answer."
    blind: ClassVar[str] = "A bias that every choice shares, such as a common cause not measured."
    fix: ClassVar[str] = (
        "Read the curve in the appendix: keep the choice that was declared before looking, and say "
        "how far the others lie from it."
    )

    def run(self, evidence: Evidence) -> CheckResult:
        """Fit every choice on the stated subsample and test the comparable ones."""
        if not evidence.design.features.names:
            return conclude(self, Status.NOT_APPLICABLE, "No covariate is adjusted for.")
        sample = subsample(evidence)
        if sample.unfit:
            return conclude(self, Status.DID_NOT_RUN, f"Not run: {sample.unfit}.")
        return self._compared(specifications(evidence, sample), sample, level=evidence.spec.level)

    def _compared(
        self, found: tuple[Specification, ...], sample: Subsample, *, level: float
    ) -> CheckResult:
        own, rivals = found[0], [one for one in found[1:] if one.comparable]
        if not rivals:
            return conclude(self, Status.NOT_APPLICABLE, "The study names no other learner to try.")
        spread = np.ptp([one.estimate for one in found], axis=0)
        a = int(np.argmax(spread))
        details = tuple(_detail(one, a, sample.design, level=level) for one in found)
        error = np.array([gap_errors(one, own, sample.cluster) for one in rivals])
        gaps = np.array([one.estimate - own.estimate for one in rivals])
        p_value, at = _smallest(gaps, error, np.abs(gaps) > own.std_error)
        visible = _visible(error)
        tested = visible <= special.ndtri((1 + level) / 2) * own.std_error
        if p_value < LEVEL:
            words = (
                f"{rivals[at[0]].name.capitalize()} moves the estimate for "
                f"{sample.design.arms[at[1] + 1]} by {amount(float(gaps[at]))}"
            )
        elif tested.any():
            words = (
                "No other choice moves it by more than luck and its own error allow; a gap of "
                f"{amount(float(visible[tested].max()))} could have been seen"
            )
        else:
            words = "Too little data: no other choice could have been told apart from the study's."
            return conclude(self, Status.DID_NOT_RUN, words, details=details)
        low, high = (pick(one.estimate[a] for one in found) for pick in (min, max))
        return conclude(
            self,
            Status.BROKE if p_value < LEVEL else Status.HELD,
            f"{len(found)} ways of estimating the effect of {sample.design.arms[a + 1]} on "
            f"{sample.size} lie between {amount(float(low))} and {amount(float(high))}. {words}.",
            statistic=p_value,
            threshold=LEVEL,
            details=details,
        )


def _visible(error: Floats) -> Floats:
    """Return the gap that each comparison sees half the time at its share of the level."""
    return np.asarray(error * special.ndtri(1 - LEVEL / 2 / max(error.size, 1)))


def _smallest(gaps: Floats, error: Floats, counted: Bools) -> tuple[float, tuple[int, int]]:
    """Return the smallest p-value times the number of comparisons, and where it is."""
    size = np.where(counted & (error == 0) & (gaps != 0), np.inf, 0.0)
    np.divide(np.abs(gaps), error, out=size, where=counted & (error > 0))
    row, arm = np.unravel_index(int(size.argmax()), size.shape)
    return float(min(1.0, gaps.size * 2 * special.ndtr(-size.max()))), (int(row), int(arm))


def _detail(one: Specification, a: int, design: Design, *, level: float) -> Detail:
    reach = float(special.ndtri((1 + level) / 2) * one.std_error[a])
    estimate = float(one.estimate[a])
    return Detail(
        name=one.name,
        outcome=design.outcomes[0],
        arm=design.arms[a + 1],
        n=one.n,
        estimate=estimate,
        ci=(estimate - reach, estimate + reach) if np.isfinite(reach) else (None, None),
    )
