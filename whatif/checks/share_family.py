"""One verdict over the shares of arms in many groups, such as all segments or all days."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from whatif.checks.conclude import conclude, percent
from whatif.checks.evidence import Check
from whatif.checks.result import CheckResult, Status
from whatif.checks.shares import Shares, for_most
from whatif.effects.stepdown import holm

LEVEL = 0.01


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShareFamily:
    """Groups that share one level.

    Attributes
    ----------
    parts : tuple of Shares
        Shares by cut, such as one per segment column.
    names : tuple of str
        Where every group of every cut is, in order, such as ``"in device = mobile"``.
    arms : tuple of str
        Labels.
    counted : str
        How units were counted, for the sentence.
    kind : str
        What a group is, in the plural: ``"levels"``.
    matters_from : float
        Loss, as a share of one arm's units in a group, that the check must be able to see.
    """

    parts: tuple[Shares, ...]
    names: tuple[str, ...]
    arms: tuple[str, ...]
    counted: str
    kind: str
    matters_from: float

    def judged(self, check: Check) -> CheckResult:
        """Return the result: Holm at .01 over all groups; the worst group and arm are named."""
        p_values = holm([p for shares in self.parts for p in shares.p_value])
        worst = int(np.argmin(p_values))
        smallest = float(p_values[worst])
        status, finding = self._broke(worst) if smallest < LEVEL else self._seen()
        return conclude(check, status, finding, statistic=smallest, threshold=LEVEL)

    def _broke(self, worst: int) -> tuple[Status, str]:
        shares, group = [(one, g) for one in self.parts for g in range(one.size.size)][worst]
        arm, name = shares.furthest(group), self.names[worst]
        seen, expected = shares.counts[group, arm], shares.expected[group, arm]
        return Status.BROKE, (
            f"{name[0].upper()}{name[1:]}, {self.arms[arm]} got {seen:,.0f} units ({expected:,.0f} "
            f"expected), {self.counted}; luck does not explain this gap, the least likely of "
            f"{len(self.names)} {self.kind}."
        )

    def _seen(self) -> tuple[Status, str]:
        each = LEVEL / len(self.names)
        visible = max(for_most(one.visible_loss(each), one.size) for one in self.parts)
        compared = f"{len(self.names)} {self.kind} compared, {self.counted}; "
        where = f"in {self.kind} with half of the units or more"
        if visible <= self.matters_from:
            return Status.HELD, (
                f"{compared}a loss of {percent(visible)} of an arm could have been seen {where}."
            )
        least = f"only a loss of {percent(visible)}" if visible <= 1 else "not even the loss"
        return Status.DID_NOT_RUN, (
            f"{compared}too little data: {least} of an arm could have been seen {where}."
        )
