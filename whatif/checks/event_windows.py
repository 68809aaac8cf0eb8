"""Was the effect another one during a declared event?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from whatif.base.arrays import Ints
from whatif.checks.conclude import conclude, listed
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
from whatif.checks.period_words import dates, day_number, local_days
from whatif.checks.result import CheckResult, Cost, Status
from whatif.contract.clock import read_moments
from whatif.contract.spec import EventSpec

BEFORE, DURING, AFTER = "before", "during", "after"


class EventWindows:
    """Compare the effect before, during and after every declared event.

    A unit counts on the day of its row; a customer whose outcomes are added up over a window, on
    the day of first exposure. One family over events, metrics and arms; the statistic is the
    smallest p-value (Holm).
    """

    code: ClassVar[str] = "WI-EVT-01"
    name: ClassVar[str] = "event_windows"
    cost: ClassVar[Cost] = Cost.VIEW
    integrity: ClassVar[bool] = False
    what: ClassVar[str] = "Whether the effect before, during and after each declared event differs."
    why: ClassVar[str] = (
        "An effect that a sale or a storm made larger does not carry over to ordinary days."
    )
    blind: ClassVar[str] = (
        "Events that nobody declared, and whatever else changed on the same days."
    )
    fix: ClassVar[str] = (
        "Report the effect without the event (`where` on the time column), or run long enough "
        "after it to measure ordinary days."
    )

    def run(self, evidence: Evidence) -> CheckResult:
        """Compare the effect around every event."""
        spec, scores = evidence.spec, evidence.scores
        if not spec.events:
            return conclude(self, Status.NOT_APPLICABLE, "No event is declared under `events`.")
        moments = read_moments(spec, scores.columns)
        if moments is None:
            return conclude(self, Status.NOT_APPLICABLE, NO_TIME)
        day = local_days(moments)
        inside = [event for event in spec.events if _met(event, day)]
        outside = _outside(tuple(event for event in spec.events if event not in inside), day)
        if not inside:
            return conclude(self, Status.NOT_APPLICABLE, outside)
        found = [
            one
            for event in inside
            for one in compared_periods(
                scores, spec, _sides(event, day), (BEFORE, DURING, AFTER), about=_called(event)
            )
        ]
        verdict = judged(found)
        status = Status.DID_NOT_RUN if outside and verdict.status is Status.HELD else verdict.status
        told = "" if verdict.worst is None else _finding(verdict.worst)
        return conclude(
            self,
            status,
            f"{told}{verdict.because}{f' {outside}' if outside else ''}",
            statistic=verdict.p_value,
            threshold=LEVEL,
            details=all_details(found),
        )


def _called(event: EventSpec) -> str:
    return f"{event.name} ({dates(day_number(event.start), day_number(event.end))})"


def _sides(event: EventSpec, day: Ints) -> Ints:
    after_start = (day >= day_number(event.start)).astype(np.int64)
    return after_start + (day > day_number(event.end))


def _met(event: EventSpec, day: Ints) -> bool:
    """Whether rows lie inside the event and outside it."""
    during = int((_sides(event, day) == 1).sum())
    return 0 < during < day.size


def _outside(events: tuple[EventSpec, ...], day: Ints) -> str:
    if not events:
        return ""
    covered = dates(int(day.min()), int(day.max()))
    return (
        f"Nothing to compare for {listed([_called(event) for event in events])}: the data "
        f"({covered}) have no rows inside or none outside."
    )


def _finding(worst: Compared) -> str:
    told = {effect.detail.name: worded(effect) for effect in worst.effects}
    during = told.pop(DURING, None)
    others = ", ".join(f"{side} {effect}" for side, effect in told.items())
    effect = f"the effect of {worst.arm} on {worst.outcome} was"
    if during is None:
        return f"Around {worst.about} {effect} {others}; "
    return f"During {worst.about} {effect} {during}, {others}; "
