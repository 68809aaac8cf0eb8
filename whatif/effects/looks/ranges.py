"""Ranges that stay valid when results are looked at more than once, for every planned effect."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from whatif.base.arrays import Floats
from whatif.base.errors import Notice, Problem
from whatif.contract.spec import StudySpec
from whatif.effects.joint import Joint
from whatif.effects.looks.anytime import anytime_range, unit_products
from whatif.effects.looks.rules import Quantity
from whatif.effects.looks.scheduled import Past, Schedule, past_means, schedule_of, scheduled_range
from whatif.effects.rows import EffectRow, EffectRows, Ends
from whatif.effects.table import metrics_of
from whatif.scores.record import Scores


class Looks(Protocol):
    """How often a study is looked at."""

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What a reader must know about the looks."""

    def alpha(self, family: int, *, overall: bool) -> float:
        """Return the error allowed to one range of a family."""

    def range(self, quantity: Quantity, *, cell: int, arm: int, alpha: float) -> Ends:
        """Return the range of a quantity in a cell, valid at every look at once."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AnytimeLooks:
    """Any number of looks at any time: confidence sequences (ruling 13).

    The error is split evenly, over the metrics as over the segments of a dimension.
    """

    means: Joint
    products: Floats
    level: float

    @property
    def notices(self) -> tuple[Notice, ...]:
        """None: nothing waits for a later look."""
        return ()

    def alpha(self, family: int, *, overall: bool) -> float:  # noqa: ARG002
        """Return α/m."""
        return (1 - self.level) / family

    def range(self, quantity: Quantity, *, cell: int, arm: int, alpha: float) -> Ends:
        """Return the confidence sequence of today; unbounded before the first look."""
        return anytime_range(self.means, self.products, quantity, cell=cell, arm=arm, alpha=alpha)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScheduledLooks:
    """Looks on fixed days that spend one error between them (Lan & DeMets 1983)."""

    schedule: Schedule
    past: dict[int, Past | None]
    level: float

    @property
    def notices(self) -> tuple[Notice, ...]:
        """Say which rows wait for the next look, when some do."""
        reached, days = self.schedule.reached, self.schedule.days
        waiting = int((self.schedule.look >= reached).sum())
        if waiting == 0:
            return ()
        rest = f"{waiting:,} later units are in the estimates but not in the words."
        return (
            Notice(
                code="between_looks",
                problem=Problem(
                    what=f"The words rest on look {reached} of {len(days)} ({days[reached - 1]}); "
                    f"{rest}"
                    if reached
                    else f"The first of {len(days)} looks is on {days[0]}; {rest}",
                    why="results are read on the days of the schedule only, so that looking often "
                    "does not make chance findings likely.",
                    fix="read again after the next look."
                    if reached < len(days)
                    else "decide from the last look; later data are for another study.",
                ),
            ),
        )

    def alpha(self, family: int, *, overall: bool) -> float:
        """Return α for a metric overall, α/m for one of m segments."""
        return (1 - self.level) / (1 if overall else family)

    def range(self, quantity: Quantity, *, cell: int, arm: int, alpha: float) -> Ends:
        """Return the repeated interval of the last look; unbounded before the first."""
        past = self.past.get(cell)
        if past is None:
            return (None, None)
        return scheduled_range(past, quantity, arm=arm, alpha=alpha)


def take_looks(scores: Scores, means: Joint, spec: StudySpec) -> Looks | None:
    """Return the looks of a study; None when results are looked at once.

    Parameters
    ----------
    scores : Scores
        Scores of n units, the time column among their columns.
    means : Joint
        Their means in every cell of the study.
    spec : StudySpec
        The study.

    Raises
    ------
    UsageError
        If the days of the looks cannot be laid out.
    """
    if spec.decision.looks == "once":
        return None
    if spec.decision.looks == "anytime":
        products = unit_products(scores, means)
        return AnytimeLooks(means=means, products=products, level=spec.level)
    schedule = schedule_of(scores, spec)
    past = {0: past_means(scores, schedule, np.arange(scores.n))}
    for d in range(len(means.cells.dimensions)):
        code = means.cells.code[:, d]
        for cell in means.cells.of_dimension(d):
            past[cell] = past_means(scores, schedule, np.flatnonzero(code == cell))
    return ScheduledLooks(schedule=schedule, past=past, level=spec.level)


def with_looks(
    effects: EffectRows, looks: Looks | None, means: Joint, spec: StudySpec
) -> EffectRows:
    """Return the effects with the ranges that readings come from under repeated looks.

    Planned effects alone have one; it is unbounded before the first look and where an effect is
    not shown. The family of a metric overall are all outcomes, ratios and the money; that of a
    segment are the segments of its dimension.
    """
    if looks is None:
        return effects
    places = {segment: cell for cell, segment in enumerate(means.cells.segments)}

    def ranged(row: EffectRow) -> EffectRow:
        if not row.planned or row.segment not in places:
            return row
        if row.shown != "shown":
            return replace(row, sequential=(None, None))
        alpha = looks.alpha(family_size(row, means, spec), overall=not row.segment)
        arm = means.arms.index(row.arm)
        quantity = _quantity(spec, row.outcome)
        ends = looks.range(quantity, cell=places[row.segment], arm=arm, alpha=alpha)
        return replace(row, sequential=ends)

    return replace(effects, effects=tuple(ranged(row) for row in effects.effects))


def net_value(looks: Looks, means: Joint, spec: StudySpec, *, arm: int) -> Ends:
    """Return the range of the value per unit of `arm` over the control, valid at every look.

    Raises
    ------
    ValueError
        If the study declares no value.
    """
    if spec.value is None:
        raise ValueError("The study declares no value.")
    paid = spec.value.arm_cost
    quantity = Quantity(
        parts=tuple(
            (metric, spec.value.per[metric.name])
            for metric in metrics_of(spec)
            if spec.value.per.get(metric.name)
        ),
        paid=paid.get(means.arms[arm], 0.0) - paid.get(means.arms[0], 0.0),
    )
    alpha = looks.alpha(metrics_read(spec), overall=True)
    return looks.range(quantity, cell=0, arm=arm, alpha=alpha)


def outcome_value(looks: Looks, spec: StudySpec, *, arm: int, outcome: str) -> Ends:
    """Return the range of what one outcome alone is worth a unit, valid at every look.

    It is the outcome's own range times its worth, so it costs no error of its own.

    Raises
    ------
    ValueError
        If the study says nothing of what the outcome is worth.
    """
    worth = 0.0 if spec.value is None else spec.value.per.get(outcome, 0.0)
    if not worth:
        raise ValueError(f"The study does not say what {outcome!r} is worth.")
    alpha = looks.alpha(metrics_read(spec), overall=True)
    ends = looks.range(_quantity(spec, outcome), cell=0, arm=arm, alpha=alpha)
    low, high = (None if end is None else worth * end for end in ends)
    return (low, high) if worth > 0 else (high, low)


def _quantity(spec: StudySpec, name: str) -> Quantity:
    metric = next(metric for metric in metrics_of(spec) if metric.name == name)
    return Quantity(parts=((metric, 1.0),))


def family_size(row: EffectRow, means: Joint, spec: StudySpec) -> int:
    """Return how many ranges share the error of a row's: metrics for everyone, else segments."""
    if not row.segment:
        return metrics_read(spec)
    columns = [name for name, _ in row.segment]
    return sum([name for name, _ in segment] == columns for segment in means.cells.segments)


def metrics_read(spec: StudySpec) -> int:
    """Return how many numbers about everyone are read: outcomes, ratios and the money."""
    return len(spec.metrics) + (spec.value is not None)
