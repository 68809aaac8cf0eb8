"""Did units get the arm that the assignment log says they were given?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from whatif.base.arrays import Bools, Ints
from whatif.checks.arrivals import recorded_rows
from whatif.checks.conclude import conclude, percent
from whatif.checks.evidence import Evidence
from whatif.checks.result import CheckResult, Cost, Status

TOLERATED = 0.001
LEAST_LOGGED = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LogComparison:
    """Units of assignment beside their log, by code.

    Attributes
    ----------
    there : ndarray of bool, shape (largest code + 1,)
        Whether the unit is in the data.
    unlogged, differs : ndarray of bool, shape (largest code + 1,)
        Whether the log names no arm of the study in some row of the unit, and whether it names
        another arm than the unit was seen in.
    """

    there: Bools
    unlogged: Bools
    differs: Bools

    @property
    def units(self) -> int:
        """Units in the data."""
        return int(self.there.sum())

    @property
    def unknown(self) -> int:
        """Units that cannot be compared."""
        return int((self.unlogged & ~self.differs).sum())

    @property
    def differing(self) -> int:
        """Units whose arm differs from the log in some row."""
        return int(self.differs.sum())


def compare_with_log(unit: Ints, arm: Ints, logged: Ints) -> LogComparison:
    """Hold the arm of each row against the log, unit by unit.

    Parameters
    ----------
    unit, arm : ndarray of int64, shape (n,)
        Codes ≥ 0 of the unit of assignment, and arm of the row.
    logged : ndarray of int64, shape (n,)
        Arm by the log, −1 where it names none.

    Examples
    --------
    >>> found = compare_with_log(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 0]),
    ...     np.array([0, 1, 0, -1]))
    >>> found.units, found.unknown, found.differing
    (3, 1, 1)
    """
    size = int(unit.max(initial=-1)) + 1
    there, unlogged, differs = (np.zeros(size, dtype=bool) for _ in range(3))
    there[unit] = True
    unlogged[unit[logged < 0]] = True
    differs[unit[(logged >= 0) & (logged != arm)]] = True
    return LogComparison(there=there, unlogged=unlogged, differs=differs)


class ArmAgainstLog:
    """Hold the arm of every unit of assignment against the assignment log (rulings 1 and 23).

    A sound study has no difference, so there is no luck to allow for; breaks when more than one
    unit in 1,000 differs. A unit that moved between arms as the log says does not differ. *Held*
    needs a log that knows half of the units. The statistic is the share of units that differ.
    """

    code: ClassVar[str] = "WI-LOG-01"
    name: ClassVar[str] = "arm_against_log"
    cost: ClassVar[Cost] = Cost.VIEW
    integrity: ClassVar[bool] = True
    what: ClassVar[str] = "Whether units got the arm that the assignment log gave them."
    why: ClassVar[str] = (
        "Units that changed sides did so for a reason, so the arms are no longer a random split."
    )
    blind: ClassVar[str] = (
        "Units that the log does not know, a log that is itself wrong, and rows after the first "
        "where a window adds them up."
    )
    fix: ClassVar[str] = (
        "Take the arm from the log and compare units as they were assigned; then find out why "
        "they were shown something else."
    )

    def run(self, evidence: Evidence) -> CheckResult:
        """Count units whose arm differs from the log."""
        design = evidence.design
        intake = design.intake
        if design.kind != "experiment" or intake.logged is None:
            return conclude(self, Status.NOT_APPLICABLE, "No assignment log was given.")
        rows = recorded_rows(design)
        found = compare_with_log(intake.assigned[rows], intake.arm[rows], intake.logged[rows])
        if found.unknown == found.units:
            return conclude(
                self, Status.DID_NOT_RUN, "The log names an arm of the study for no unit at all."
            )
        share = found.differing / (found.units - found.unknown)
        status, finding = _judged(found, share, evidence.spec.assigned or evidence.spec.unit)
        return conclude(self, status, finding, statistic=share, threshold=TOLERATED)


def _judged(found: LogComparison, share: float, name: str | None) -> tuple[Status, str]:
    compared = found.units - found.unknown
    finding = (
        f"{found.differing:,} of {compared:,} units of assignment ({name or 'row'}, "
        f"{percent(share, digits=2)}) were seen in another arm than the log gives them"
    )
    if found.unknown:
        finding += f"; for {found.unknown:,} more the log names no arm of the study"
    if share > TOLERATED:
        return Status.BROKE, f"{finding}."
    if compared < LEAST_LOGGED * found.units:
        return Status.DID_NOT_RUN, f"{finding}, too many to say that the arms agree with it."
    return Status.HELD, f"{finding}; a single difference would have been seen."
