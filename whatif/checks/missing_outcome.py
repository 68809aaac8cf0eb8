"""Are outcomes missing as often in one arm as in another?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from whatif.base.arrays import Bools, Floats, Ints
from whatif.base.rng import generator
from whatif.checks.assignment import (
    Imbalance,
    arm_imbalance,
    chances,
    first_rows,
    noticeable,
    quadratic_form,
)
from whatif.checks.conclude import conclude, percent
from whatif.checks.evidence import Evidence
from whatif.checks.result import CheckResult, Cost, Status
from whatif.design.record import Design

LEVEL = 0.001
MEANINGFUL = 0.02
FEW_UNITS = 200
DRAWS = 20_000


def redrawn_p_value(
    missing: Floats, arm: Ints, chance: Floats, *, rng: np.random.Generator
) -> float:
    """Judge a handful of units with a missing outcome by drawing their arms again.

    The χ² tail is wrong when only a few units lack an outcome and one arm is small; drawing the
    arms of those units from their own chances is exact up to the number of draws.

    Parameters
    ----------
    missing : ndarray, shape (m,)
        Missing rows of each unit that has any.
    arm : ndarray of int64, shape (m,)
        Arm of the unit.
    chance : ndarray, shape (m, A)
        Chance of each arm.

    References
    ----------
    Phipson & Smyth (2010), Statistical Applications in Genetics and Molecular Biology 9(1), 39:
    one is added to both counts, so that the p-value is never 0.
    """
    n_arms = chance.shape[1]
    weight = chance * missing[:, None] ** 2
    covariance = np.diag(weight.sum(axis=0)) - chance.T @ weight
    upper = np.cumsum(chance, axis=1)[:, :-1]
    drawn = (rng.random((DRAWS, missing.size))[:, :, None] > upper).sum(axis=2)
    expected = missing @ chance
    scores = np.stack([(drawn == a) @ missing - expected[a] for a in range(1, n_arms)], axis=1)
    observed = np.array([missing[arm == a].sum() - expected[a] for a in range(1, n_arms)])
    weights = np.linalg.pinv(covariance[1:, 1:], hermitian=True)
    at_least = np.einsum("da,ab,db->d", scores, weights, scores) >= (
        quadratic_form(observed, covariance[1:, 1:])[0] * (1 - 1e-9)
    )
    return float((at_least.sum() + 1) / (DRAWS + 1))


class MissingOutcome:
    """Compare the share of missing outcomes between arms (ruling 23).

    The error comes from the assignment itself, whole units of assignment at a time, each with the
    arm and the chances of its first exposure: a ramp moves units later, and those moves hang
    together in a way that nobody wrote down. In observational data whole clusters are treated as
    if they had one arm, which does not understate it. Several outcomes share the level
    (Bonferroni). The statistic is the p-value; it is 0 without a threshold when nothing is
    missing.
    """

    code: ClassVar[str] = "WI-MISS-01"
    name: ClassVar[str] = "missing_outcome"
    cost: ClassVar[Cost] = Cost.VIEW
    integrity: ClassVar[bool] = True
    what: ClassVar[str] = "Whether outcomes are missing more often in one arm than in another."
    why: ClassVar[str] = (
        "Units without an outcome are set aside; if one arm loses more of them, those that are "
        "left are not comparable."
    )
    blind: ClassVar[str] = (
        "Outcomes that are missing in equal shares but for different units in each arm."
    )
    fix: ClassVar[str] = (
        "Find out why they are missing; if missing means that nothing happened, write 0."
    )

    def run(self, evidence: Evidence) -> CheckResult:
        """Compare missing shares, outcome by outcome."""
        design = evidence.design
        missing = design.intake.missing
        columns = np.flatnonzero(missing.any(axis=0))
        if not columns.size:
            return conclude(self, Status.HELD, "No outcome is missing.", statistic=0.0)
        tests = [
            _compared(design, missing[:, k], seed=evidence.spec.seed, outcome=design.outcomes[k])
            for k in columns
        ]
        if all(test.rank == 0 for test, _ in tests):
            return conclude(self, Status.DID_NOT_RUN, "Every unit lacks the same outcomes.")
        worst = int(np.argmin([p for _, p in tests]))
        test, p_value = tests[worst]
        k = columns[worst]
        p_value = min(1.0, p_value * len(tests))
        visible = noticeable(test.rank, LEVEL / len(tests)) * float(test.std_error.max())
        status, seen = _judged(p_value, visible)
        return conclude(
            self,
            status,
            f"{_shares(design, missing[:, k], design.outcomes[k])}; {seen}",
            statistic=p_value,
            threshold=LEVEL,
        )


def _compared(
    design: Design, missing: Bools, *, seed: int, outcome: str
) -> tuple[Imbalance, float]:
    intake = design.intake
    whole = intake.assigned if design.kind == "experiment" else intake.cluster
    first, unit = first_rows(whole, intake.order)
    arm, chance = intake.arm, chances(intake.arm, intake.known, arms=len(design.arms))
    if design.kind == "experiment" and first.size < arm.size:
        arm, chance = arm[first][unit], chance[first][unit]
    test = arm_imbalance(missing[:, None].astype(np.float64), arm=arm, chance=chance, unit=unit)
    per_unit = np.bincount(unit, weights=missing).astype(np.float64)
    some = np.flatnonzero(per_unit)
    mixed = design.kind != "experiment" and per_unit.size < intake.arm.size
    if some.size > FEW_UNITS or test.rank == 0 or mixed:
        return test, test.p_value
    rows = first[some]
    rng = generator(seed, f"missing outcome {outcome}")
    return test, redrawn_p_value(per_unit[some], intake.arm[rows], chance[rows], rng=rng)


def _judged(p_value: float, visible: float) -> tuple[Status, str]:
    if p_value < LEVEL:
        return Status.BROKE, "luck does not explain the gap."
    points = f"{100 * visible:.2g} percentage points"
    if visible > MEANINGFUL:
        return Status.DID_NOT_RUN, (
            f"too little data: only a gap of {points} or more could have been seen."
        )
    return Status.HELD, f"a gap of {points} could have been seen."


def _shares(design: Design, missing: Bools, outcome: str) -> str:
    arm = design.intake.arm
    parts = [
        f"{percent(float(missing[arm == a].mean()), digits=2)} in {label}"
        for a, label in enumerate(design.arms)
    ]
    return f"{outcome} is missing for {', '.join(parts)}"
