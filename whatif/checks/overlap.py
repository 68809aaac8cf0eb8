"""Could every unit have received every arm?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from whatif.base.arrays import Bools, Floats
from whatif.checks.conclude import amount, conclude, percent
from whatif.checks.evidence import Evidence
from whatif.checks.result import CheckResult, Cost, Status


def outside(propensity: Floats, *, low: float, high: float) -> Bools:
    """Return which units have a chance of some arm below `low` or above `high`, shape (n,)."""
    return np.asarray(((propensity < low) | (propensity > high)).any(axis=1))


class Overlap:
    """Look for units that were nearly certain to get, or not to get, an arm.

    The statistic is the smallest chance of any arm, the threshold the study's ``overlap.low``.
    """

    code: ClassVar[str] = "WI-OVL-01"
    name: ClassVar[str] = "overlap"
    cost: ClassVar[Cost] = Cost.VIEW
    integrity: ClassVar[bool] = False
    what: ClassVar[str] = "Whether every unit could have received every arm."
    why: ClassVar[str] = (
        "Units that could only ever get one arm have nobody comparable on the other side."
    )
    fix: ClassVar[str] = (
        "Limit the study to units that could get either arm (`overlap: {rule: trim}` or `where`)."
    )

    def run(self, evidence: Evidence) -> CheckResult:
        """Find the smallest chance and count units outside the accepted range."""
        scores, rule = evidence.scores, evidence.spec.overlap
        out = outside(scores.propensity, low=rule.low, high=rule.high)
        column = int(scores.propensity.min(axis=0).argmin())
        smallest = float(scores.propensity[:, column].min())
        known = evidence.design.kind == "experiment" and evidence.design.known is not None
        source = "known from the assignment" if known else "estimated from the covariates"
        if evidence.design.kind == "experiment" and not known:
            source = "taken as the share of the arm"
        broke = bool(out.any())
        return conclude(
            self,
            Status.BROKE if broke else Status.HELD,
            f"{int(out.sum()):,} of {scores.n:,} units ({percent(float(out.mean()))}) have a "
            f"chance of an arm below {percent(rule.low, digits=0)} or above "
            f"{percent(rule.high, digits=0)}; the smallest is {amount(smallest)} "
            f"({scores.arms[column]}), {source}.",
            statistic=smallest,
            threshold=rule.low,
        )
