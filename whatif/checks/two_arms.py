"""Was any unit of assignment seen in more than one arm?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from whatif.base.arrays import Ints
from whatif.checks.conclude import conclude, percent
from whatif.checks.evidence import Evidence
from whatif.checks.result import CheckResult, Cost, Status
from whatif.contract.spec import ColumnProbability, PhaseProbability


def units_in_several_arms(unit: Ints, arm: Ints) -> tuple[int, int]:
    """Count units seen in more than one arm, and all units.

    Parameters
    ----------
    unit, arm : ndarray of int64, shape (n,)
        Codes ≥ 0 of the unit of assignment, and arm of the row.

    Examples
    --------
    >>> units_in_several_arms(np.array([0, 0, 1]), np.array([0, 1, 1]))
    (1, 2)
    """
    size = int(unit.max(initial=-1)) + 1
    lowest = np.full(size, np.iinfo(np.int64).max)
    highest = np.full(size, -1, dtype=np.int64)
    np.minimum.at(lowest, unit, arm)
    np.maximum.at(highest, unit, arm)
    return int((highest > lowest).sum()), int((highest >= 0).sum())


class TwoArms:
    """Look for units of assignment in two arms under constant chances (ruling 1).

    A ramp or a logged chance moves units between arms legitimately, and only an assignment log
    could tell those apart; without one the check does not apply.
    """

    code: ClassVar[str] = "WI-ARM-01"
    name: ClassVar[str] = "two_arms"
    cost: ClassVar[Cost] = Cost.VIEW
    integrity: ClassVar[bool] = False
    what: ClassVar[str] = "Whether any unit of assignment was seen in more than one arm."
    why: ClassVar[str] = "Such units had both versions, so their outcomes belong to neither arm."
    blind: ClassVar[str] = "Units that changed arms but were recorded under one."
    fix: ClassVar[str] = (
        "Check that `assigned` names what was randomised, and that the arm is stored at "
        "assignment and not computed again on every visit."
    )

    def run(self, evidence: Evidence) -> CheckResult:
        """Count units with more than one arm."""
        design, spec = evidence.design, evidence.spec
        if design.kind != "experiment":
            return conclude(self, Status.NOT_APPLICABLE, "Nothing was assigned at random.")
        intake = design.intake
        several, units = units_in_several_arms(intake.assigned, intake.arm)
        if units == intake.arm.size:
            return conclude(self, Status.NOT_APPLICABLE, "Every unit of assignment has one row.")
        if isinstance(spec.design.probability, ColumnProbability | PhaseProbability):
            return conclude(
                self,
                Status.NOT_APPLICABLE,
                "A ramp moves units between arms legitimately, and no assignment log was given.",
            )
        name = spec.assigned or spec.unit or "row"
        share = percent(several / units, digits=2)
        return conclude(
            self,
            Status.BROKE if several else Status.HELD,
            f"{several:,} of {units:,} units of assignment ({name}, {share}) were seen "
            "in more than one arm.",
            statistic=float(several),
            threshold=0.0,
        )
