"""Does any unit stand in several rows?"""

from __future__ import annotations

from typing import ClassVar

from whatif.checks.conclude import conclude
from whatif.checks.evidence import Evidence
from whatif.checks.result import CheckResult, Cost, Status
from whatif.contract.validate import repeated


class Duplicates:
    """Count the ids of units that stand in more than one analysed row.

    Reading the data refuses such ids already, unless rows are added up over a window; this looks
    again at what is about to be analysed. Every copy is seen, so there is no level.
    """

    code: ClassVar[str] = "WI-DUP-01"
    name: ClassVar[str] = "duplicates"
    cost: ClassVar[Cost] = Cost.VIEW
    integrity: ClassVar[bool] = True
    what: ClassVar[str] = "Whether any unit stands in more than one row."
    why: ClassVar[str] = "A unit that counts twice makes the answer look surer than it is."
    blind: ClassVar[str] = "Copies under a new id, and copies that were added up within a window."
    fix: ClassVar[str] = "Remove repeated rows at the source, or name the column that is unique."

    def run(self, evidence: Evidence) -> CheckResult:
        """Count repeated ids."""
        unit, name = evidence.design.unit, evidence.spec.unit
        if name is None:
            return conclude(
                self,
                Status.NOT_APPLICABLE,
                "The study names no unit, so every row is a unit of its own.",
            )
        rows = repeated(unit)
        if not rows.any():
            return conclude(
                self,
                Status.HELD,
                f"Each of {len(unit):,} units ({name}) stands in one row; a single copy would "
                "have been seen.",
                statistic=0.0,
                threshold=0.0,
            )
        several = int(unit[rows].nunique())
        return conclude(
            self,
            Status.BROKE,
            f"{several:,} units ({name}) stand in {int(rows.sum()):,} of {len(unit):,} rows.",
            statistic=float(several),
            threshold=0.0,
        )
