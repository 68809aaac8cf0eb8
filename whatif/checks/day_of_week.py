"""Is the effect the same on every day of the week?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from whatif.checks.conclude import conclude
from whatif.checks.evidence import Evidence
from whatif.checks.period_effects import (
    LEVEL,
    NO_TIME,
    Compared,
    all_details,
    compared_periods,
    judged,
    worded,
)
from whatif.checks.period_words import local_days
from whatif.checks.result import CheckResult, Cost, Status
from whatif.contract.clock import read_moments

WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
FEWEST_DAYS = 14
_FIRST_WEEKDAY = 3  # 1970-01-01 was a Thursday


class DayOfWeek:
    """Test that the effect is equal on all weekdays that the data hold, in the study's zone.

    A unit counts on the day of its row; a customer whose outcomes are added up over a window, on
    the day of first exposure. The statistic is the smallest p-value (Holm).
    """

    code: ClassVar[str] = "WI-DOW-01"
    name: ClassVar[str] = "day_of_week"
    cost: ClassVar[Cost] = Cost.VIEW
    integrity: ClassVar[bool] = False
    what: ClassVar[str] = "Whether the effect is the same on every day of the week."
    why: ClassVar[str] = (
        "An effect that hangs on the weekday holds for the mix of days that was measured; other "
        "hours, campaigns or seasons shift that mix."
    )
    blind: ClassVar[str] = "A pattern over the hours of a day, or over months."
    fix: ClassVar[str] = (
        "Measure whole weeks, read the effect by weekday below, and find out who comes on the "
        "days that differ."
    )

    def run(self, evidence: Evidence) -> CheckResult:
        """Compare the effect between weekdays."""
        moments = read_moments(evidence.spec, evidence.scores.columns)
        if moments is None:
            return conclude(self, Status.NOT_APPLICABLE, NO_TIME)
        day = local_days(moments)
        covered = int(np.ptp(day)) + 1
        if covered < FEWEST_DAYS:
            return conclude(
                self,
                Status.NOT_APPLICABLE,
                f"The data cover {covered} days; a weekday can be told from a single date only "
                f"from {FEWEST_DAYS} days.",
            )
        weekday = (day + _FIRST_WEEKDAY) % len(WEEK)
        seen = np.flatnonzero(np.bincount(weekday, minlength=len(WEEK)))
        if seen.size == 1:
            reason = f"Every row lies on a {WEEK[seen[0]]}."
            return conclude(self, Status.NOT_APPLICABLE, reason)
        names = [WEEK[which] for which in seen]
        code = np.searchsorted(seen, weekday).astype(np.int64)
        found = compared_periods(evidence.scores, evidence.spec, code, names)
        verdict = judged(found)
        return conclude(
            self,
            verdict.status,
            f"{'' if verdict.worst is None else _finding(verdict.worst)}{verdict.because}",
            statistic=verdict.p_value,
            threshold=LEVEL,
            details=all_details(found),
        )


def _finding(worst: Compared) -> str:
    low, high = (pick(worst.effects, key=lambda effect: effect.value) for pick in (min, max))
    return (
        f"The effect of {worst.arm} on {worst.outcome} runs from {worded(low)} on "
        f"{low.detail.name} to {worded(high)} on {high.detail.name}; "
    )
