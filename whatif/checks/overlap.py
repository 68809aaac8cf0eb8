"""Could every unit have received every arm?"""

from __future__ import annotations

from typing import ClassVar

from whatif.checks.conclude import amount, conclude, percent
from whatif.checks.evidence import Evidence
from whatif.checks.result import CheckResult, Cost, Status
from whatif.scores.overlap import beyond, share_outside, units
from whatif.scores.targets import TARGETS


class Overlap:
    """Look for units that were nearly certain to get, or not to get, an arm.

    For everyone the statistic is the smallest chance of any arm and the threshold the study's
    ``overlap.low``; for units that got another arm than the control, their smallest chance of the
    control and ``1 − overlap.high``. Shares are weighted as the study weighs units.
    """

    code: ClassVar[str] = "WI-OVL-01"
    name: ClassVar[str] = "overlap"
    cost: ClassVar[Cost] = Cost.VIEW
    integrity: ClassVar[bool] = False
    what: ClassVar[str] = "Whether every unit could have received every arm."
    why: ClassVar[str] = (
        "Units that could only ever get one arm have nobody comparable on the other side."
    )
    blind: ClassVar[str] = "Units without a counterpart on something that was not measured."
    fix: ClassVar[str] = (
        "Limit the study to units that could get either arm (`overlap: {rule: trim}` or `where`)."
    )

    def run(self, evidence: Evidence) -> CheckResult:
        """Find the smallest chance that counts and the share of units outside the rule."""
        scores, rule = evidence.scores, evidence.spec.overlap
        target = TARGETS[scores.target]
        chance = target.judged(scores.propensity)
        if chance.shape[1] == 0:
            return conclude(
                self,
                Status.NOT_APPLICABLE,
                "Every unit counts by how open its arm was, so nobody is without a counterpart.",
            )
        kept, members = target.inside(scores.propensity, rule), target.members(scores.arm)
        share = share_outside(target, kept=kept, arm=scores.arm, weight=scores.weight)
        column = int(chance[members].min(axis=0).argmin())
        smallest = float(chance[members, column].min())
        return conclude(
            self,
            Status.BROKE if share > 0 else Status.HELD,
            f"{int((members & ~kept).sum()):,} of {int(members.sum()):,} "
            f"{units(target, scores.arms)} ({percent(share)}) {beyond(target, rule)}; the smallest "
            f"is {amount(smallest)} ({scores.arms[column]}), {_source(evidence)}.",
            statistic=smallest,
            threshold=rule.low if scores.target == "ate" else 1.0 - rule.high,
        )


def _source(evidence: Evidence) -> str:
    if evidence.design.kind != "experiment":
        return "estimated from the covariates"
    known = evidence.design.known is not None
    return "known from the assignment" if known else "taken as the share of the arm"
