"""Was any unit of assignment seen in more than one arm?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from whatif.base.arrays import Bools, Ints
from whatif.checks.arm_against_log import LogComparison, compare_with_log
from whatif.checks.arrivals import recorded_rows
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
    several, there = _seen_in_several_arms(unit, arm)
    return int(several.sum()), int(there.sum())


def _seen_in_several_arms(unit: Ints, arm: Ints) -> tuple[Bools, Bools]:
    """Flag, by code, units seen in more than one arm, and units that are there at all."""
    size = int(unit.max(initial=-1)) + 1
    lowest = np.full(size, np.iinfo(np.int64).max)
    highest = np.full(size, -1, dtype=np.int64)
    np.minimum.at(lowest, unit, arm)
    np.maximum.at(highest, unit, arm)
    return highest > lowest, highest >= 0


class TwoArms:
    """Look for units of assignment that were seen in two arms and should not have been (ruling 1).

    With an assignment log only units whose arm differs from it count: a ramp moves units between
    arms legitimately. Without one a ramp or logged chances cannot be told from a fault and the
    check does not apply; under constant chances every such unit counts. Rows that were added up
    over a window keep only the log of the first, so there the log is not asked.
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
        moved, units = units_in_several_arms(intake.assigned, intake.arm)
        if units == intake.arm.size:
            return conclude(self, Status.NOT_APPLICABLE, "Every unit of assignment has one row.")
        name = spec.assigned or spec.unit or "row"
        share = percent(moved / units, digits=2)
        finding = (
            f"{moved:,} of {units:,} units of assignment ({name}, {share}) were seen in more than "
            "one arm"
        )
        if intake.logged is not None and recorded_rows(design).stop == intake.arm.size:
            several, _ = _seen_in_several_arms(intake.assigned, intake.arm)
            log = compare_with_log(intake.assigned, intake.arm, intake.logged)
            return self._by_log(finding, several, log)
        if isinstance(spec.design.probability, ColumnProbability | PhaseProbability):
            return conclude(
                self,
                Status.NOT_APPLICABLE,
                "A ramp moves units between arms legitimately, and no assignment log was given.",
            )
        return conclude(
            self,
            Status.BROKE if moved else Status.HELD,
            f"{finding}.",
            statistic=float(moved),
            threshold=0.0,
        )

    def _by_log(self, finding: str, several: Bools, log: LogComparison) -> CheckResult:
        """Judge the units in several arms by their log."""
        moved = int(several.sum())
        against = int((several & log.differs).sum())
        unknown = int((several & log.unlogged & ~log.differs).sum())
        if against:
            status, said = Status.BROKE, f"{against:,} of them against the assignment log"
        elif unknown > moved / 2:
            status, said = (
                Status.DID_NOT_RUN,
                f"but the assignment log does not know every arm of {unknown:,} of them",
            )
        else:
            status, said = Status.HELD, "as the assignment log says"
            said += f", which does not know every arm of {unknown:,} of them" if unknown else ""
        return conclude(
            self,
            status,
            f"{finding}, {said}." if moved else f"{finding}.",
            statistic=float(against),
            threshold=0.0,
        )
