"""Did the arms start out alike?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

import numpy as np

from whatif.base.arrays import Floats, Ints
from whatif.checks.analysed import analysed_rows, covariate_columns, exposure_order
from whatif.checks.assignment import Imbalance, arm_imbalance, chances, first_rows, noticeable
from whatif.checks.conclude import conclude
from whatif.checks.evidence import Evidence
from whatif.checks.result import CheckResult, Cost, Status
from whatif.design.record import Features
from whatif.scores.targets import TARGETS

LEVEL = 0.01
LARGEST_DIFFERENCE = 0.1
UNITS_PER_COLUMN = 3


def standardised_differences(
    columns: Iterable[Floats], *, arm: Ints, weights: tuple[Floats, ...], arms: int
) -> Floats:
    """Compare weighted means of each arm with the control's, in standard deviations.

    Parameters
    ----------
    columns : iterable of ndarray, q of shape (n,)
        Covariate columns; read once.
    arm : ndarray of int64, shape (n,)
        0 is the control.
    weights : tuple of ndarray, W of shape (n,)
        Ways of weighting: 1 before; one over the chance of the unit's own arm after.
    arms : int
        Number of arms A.

    Returns
    -------
    ndarray, shape (W, A − 1, q)
        The deviation is the unweighted one, pooled over the two arms.

    References
    ----------
    Austin & Stuart (2015), Statistics in Medicine 34(28), 3661–3679, section 4.
    """
    count = np.bincount(arm, minlength=arms)
    total = [np.bincount(arm, weights=weight, minlength=arms) for weight in weights]
    found: list[Floats] = []
    for column in columns:
        centred = column - column.mean()
        mean = np.bincount(arm, weights=centred, minlength=arms) / count
        square = np.bincount(arm, weights=centred**2, minlength=arms)
        variance = np.maximum(square / count - mean**2, 0.0)  # rounding
        pooled = np.sqrt((variance[1:] + variance[0]) / 2)
        deviation = np.where(pooled > 0, pooled, np.sqrt(square.sum() / arm.size))
        out = np.zeros((len(weights), arms - 1))
        for w, weight in enumerate(weights):
            means = np.bincount(arm, weights=weight * centred, minlength=arms) / total[w]
            gap = means[1:] - means[0]
            np.divide(gap, deviation, out=out[w], where=deviation > 0)
        found.append(out)
    return np.stack(found, axis=-1) if found else np.zeros((len(weights), arms - 1, 0))


def noise_of_difference(*, arm: Ints, weight: Floats, cluster: Ints, arms: int) -> float:
    """Return the standard deviation that luck alone gives a standardised difference.

    Uses Kish's effective number of clusters per arm; the worst arm counts.
    """
    effective = []
    for a in range(arms):
        total = np.bincount(cluster[arm == a], weights=weight[arm == a])
        effective.append(total.sum() ** 2 / (total**2).sum())
    return float(max(np.sqrt(1 / effective[0] + 1 / e) for e in effective[1:]))


class Balance:
    """Compare covariates between arms.

    Experiments: one omnibus test at .01 whose error comes from the assignment of whole units, so
    it is right for repeated customers; the statistic is its p-value. Observational studies: the
    largest standardised difference after weighting each arm to the study's target, at most .1;
    it did not run where luck alone moves differences by that much.
    """

    code: ClassVar[str] = "WI-BAL-01"
    name: ClassVar[str] = "balance"
    cost: ClassVar[Cost] = Cost.VIEW
    integrity: ClassVar[bool] = False
    what: ClassVar[str] = "Whether the arms are alike in everything measured before treatment."
    why: ClassVar[str] = "Arms that start out different would differ later without any treatment."
    blind: ClassVar[str] = "Differences in what was not measured."
    fix: ClassVar[str] = (
        "In an experiment, look for a fault in the assignment or for a covariate measured after "
        "it; in past data, add the covariate's causes or limit the study to comparable units."
    )

    def run(self, evidence: Evidence) -> CheckResult:
        """Test balance by design in an experiment, after weighting otherwise."""
        if evidence.design.kind == "experiment":
            return self._randomised(evidence)
        return self._weighted(evidence)

    def _nothing(self) -> CheckResult:
        why = "No covariate that varies was given to compare."
        return conclude(self, Status.NOT_APPLICABLE, why)

    def _randomised(self, evidence: Evidence) -> CheckResult:
        design = evidence.design
        found = list(covariate_columns(design.features))
        if not found:
            return self._nothing()
        names, values = [name for name, _ in found], np.stack([one for _, one in found], axis=1)
        _, unit = first_rows(design.assigned, exposure_order(design, evidence.spec))
        chance = chances(design.arm, design.known, arms=len(design.arms))
        test = arm_imbalance(values, arm=design.arm, chance=chance, unit=unit)
        deviation = values.std(axis=0)
        if test.units - 2 < UNITS_PER_COLUMN * test.rank:
            return conclude(
                self,
                Status.DID_NOT_RUN,
                f"Too little data: {test.units:,} units of assignment for {test.rank} comparisons.",
            )
        visible = noticeable(test.rank, LEVEL) * float((test.std_error / deviation).max())
        a, j, difference = _largest(test.difference / deviation)
        broke = test.p_value < LEVEL
        status = Status.BROKE if broke else _powered(visible)
        return conclude(
            self,
            status,
            f"The largest gap is in {names[j]}: {design.arms[a]} differs from the rest by "
            f"{difference:.3f} standard deviations; {_seen(status, test, visible)}",
            statistic=test.p_value,
            threshold=LEVEL,
        )

    def _weighted(self, evidence: Evidence) -> CheckResult:
        rows, scores = analysed_rows(evidence), evidence.scores
        features, arms = evidence.design.features, len(scores.arms)
        names: list[str] = []
        tilt = TARGETS[scores.target].tilt(scores.propensity)
        weight = scores.weight * tilt / scores.propensity[np.arange(scores.n), scores.arm]
        before, after = standardised_differences(
            _named(features if scores.n == len(features.values) else features.take(rows), names),
            arm=scores.arm,
            weights=(scores.weight, weight),
            arms=arms,
        )
        if not names:
            return self._nothing()
        noise = noise_of_difference(
            arm=scores.arm, weight=weight, cluster=scores.cluster, arms=arms
        )
        a, j, worst = _largest(after)
        was = _largest(before)[2]
        finding = (
            f"The largest gap is in {names[j]}: {scores.arms[a + 1]} differs from {scores.arms[0]} "
            f"by {worst:.3f} standard deviations after weighting (largest before: {was:.3f})"
        )
        unsure = noise > LARGEST_DIFFERENCE and worst < 3 * noise
        if unsure:
            finding += f"; too little data: luck alone gives gaps of {noise:.2f}"
        status = Status.BROKE if worst > LARGEST_DIFFERENCE else Status.HELD
        return conclude(
            self,
            Status.DID_NOT_RUN if unsure else status,
            f"{finding}.",
            statistic=worst,
            threshold=LARGEST_DIFFERENCE,
        )


def _named(features: Features, names: list[str]) -> Iterator[Floats]:
    """Yield the columns one at a time, so that memory holds one, and note their names."""
    for name, column in covariate_columns(features):
        names.append(name)
        yield column


def _largest(differences: Floats) -> tuple[int, int, float]:
    a, j = np.unravel_index(int(np.abs(differences).argmax()), differences.shape)
    return int(a), int(j), float(abs(differences[a, j]))


def _powered(visible: float) -> Status:
    return Status.HELD if visible <= LARGEST_DIFFERENCE else Status.DID_NOT_RUN


def _seen(status: Status, test: Imbalance, visible: float) -> str:
    if status is Status.BROKE:
        return f"luck does not explain the gaps over {test.rank} comparisons together."
    if status is Status.DID_NOT_RUN:
        return f"too little data: only a gap of {visible:.2f} or more could have been seen."
    return f"a gap of {visible:.3f} in any covariate could have been seen."
