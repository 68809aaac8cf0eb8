"""Power as tables: what a plan will see, and how often it reads each word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from whatif.api.tables import RecordTable

if TYPE_CHECKING:
    from whatif.effects.rows import Segment
    from whatif.run.planned_power import PlannedPower
    from whatif.verdict.chances import Power
    from whatif.verdict.record import Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadAt:
    """How likely a metric reads so at a true effect.

    Attributes
    ----------
    outcome, arm, assigned : str
        What is read, of which arm, and what gets an arm.
    segment : tuple of (column, level)
        Empty for everyone.
    effect : float
        True effect, signed, in the metric's unit.
    reading : Reading
        The word.
    chance : float
        Its chance.
    """

    outcome: str
    arm: str
    assigned: str
    segment: Segment
    effect: float
    reading: Reading
    chance: float


def chances_table(powers: tuple[Power, ...]) -> RecordTable:
    """Return the chance of every reading, one a row."""
    return RecordTable(
        title="What would be read",
        note="At true effects of 0, once and twice the effect asked for: gains, harms for a "
        "guardrail with a limit.",
        records=tuple(
            ReadAt(
                outcome=one.row.outcome,
                arm=one.row.arm,
                assigned=one.row.assigned,
                segment=one.row.segment,
                effect=made.effect,
                reading=made.reading,
                chance=made.chance,
            )
            for one in powers
            for made in one.chances
        ),
        shown=("outcome", "arm", "assigned", "effect", "reading", "chance"),
    )


def plan_table(planned: PlannedPower) -> RecordTable:
    """Return what a plan will see, one row per way to assign, metric, arm and segment."""
    plan = planned.plan
    during = "" if plan.days is None else f" in {plan.days:,} days"
    noticed = "".join(f" {notice.problem.what}" for notice in planned.notices)
    return RecordTable(
        title="The smallest effect this plan will see",
        note=f"{plan.units:,} units{during}, {planned.clusters:,} clusters; means and errors of "
        f"{planned.past_units:,} past units, whatever their arm.{noticed}",
        records=tuple(one.row for one in planned.powers),
        shown=(
            "assigned", "outcome", "arm", "segment", "smallest", "relative", "asked", "chance",
            "units_needed", "days_needed",
        ),
    )  # fmt: skip
