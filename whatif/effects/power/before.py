"""The smallest effects a planned study will see, from the variances of past data."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from whatif.base.arrays import Floats
from whatif.contract.spec import DecisionSpec, StudySpec, metric_name
from whatif.effects.bands import sup_t
from whatif.effects.cells import EVERYONE
from whatif.effects.contrasts import Metric, mean
from whatif.effects.joint import Joint
from whatif.effects.looks.anytime import UNITS_PLANNED
from whatif.effects.looks.critical import boundaries
from whatif.effects.looks.ranges import metrics_read
from whatif.effects.looks.rules import FIRST_LOOK_CLUSTERS
from whatif.effects.looks.scheduled import look_days
from whatif.effects.minimum import (
    LEAST_ARM_CLUSTERS_FOR_INTERVAL,
    LEAST_CLUSTERS,
    LEAST_EVENTS,
    LEAST_ORDERS,
    has_mean,
)
from whatif.effects.power.history import History, Way
from whatif.effects.power.precision import AtAnyTime, Critical, Fixed, Precision
from whatif.effects.power.row import PowerRow
from whatif.effects.power.sized import Extent, Sized, sized
from whatif.effects.rows import Shown
from whatif.effects.table import metrics_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A study to come.

    Attributes
    ----------
    arms : tuple of str
        Control first.
    chances : tuple of float
        Chance of each arm.
    units : int
        Units to analyse.
    days : int or None
        Days they take; None where the past has no time.
    """

    arms: tuple[str, ...]
    chances: tuple[float, ...]
    units: int
    days: int | None


def sizes_planned(
    past: History,
    plan: Plan,
    spec: StudySpec,
    *,
    binary: frozenset[str],
    effect: float | None = None,
) -> tuple[Sized, ...]:
    """Return how small an effect a plan will see, by way to assign, metric, arm and segment.

    Units come as in the past: as many sessions a customer, as large segments, as varied outcomes.
    The arm moves a yes-or-no outcome by the effect, and its variance with it; it adds the effect
    to other outcomes, and to each order's cost for a ratio, which leaves variances alone. When
    single units are assigned, effects are taken to be the same for all.

    Parameters
    ----------
    past : History
        Means and variances of past data.
    plan : Plan
        How many units, and the chances of the arms.
    spec : StudySpec
        The study.
    binary : frozenset of str
        Outcomes that are yes or no.
    effect : float, optional
        Size of an effect on the primary metric to see, in place of what matters.

    Raises
    ------
    UsageError
        If the looks of a schedule cannot be laid out over the plan's days.
    """
    return tuple(
        one
        for way, spread in past.ways
        for d in (EVERYONE, *range(len(spec.segments)))
        for metric, arm in product(metrics_of(spec), range(1, len(plan.arms)))
        for one in _Family(
            past=past, spread=spread, way=way, plan=plan, spec=spec, metric=metric, arm=arm, d=d
        ).sizes(binary=binary, effect=effect)
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Family:
    """One metric, arm and dimension under one way to assign; `spread` holds its covariance."""

    past: History
    spread: Joint
    way: Way
    plan: Plan
    spec: StudySpec
    metric: Metric
    arm: int
    d: int

    def sizes(self, *, binary: frozenset[str], effect: float | None) -> Iterator[Sized]:
        """Yield one row per cell."""
        declared = next(m for m in self.spec.metrics if metric_name(m) == self.metric.name)
        wanted = effect if declared == self.spec.primary else None
        whole = Extent(units=self.plan.units, days=self.plan.days)
        cells = list(self.past.means.cells.of_dimension(self.d))
        criticals = self._criticals([cell for cell in cells if self._shown(cell) == "shown"])
        for cell in cells:
            critical = criticals.get(cell)
            precision = None
            if critical is not None and self._enough(cell):
                precision = self._precision(cell, critical, binary=self.metric.name in binary)
            yield sized(self._row(cell), precision, declared, whole, effect=wanted)

    @property
    def _scale(self) -> float:
        return self.plan.units / int(self.past.means.counts.units[0])

    @property
    def _pair(self) -> tuple[float, float]:
        return self.plan.chances[0], self.plan.chances[self.arm]

    def _clusters(self, cell: int) -> float:
        return float(self.past.means.counts.clusters[cell] * self._scale)

    def _events(self, cell: int) -> float:
        """Fewest events to expect in an arm: orders under a ratio."""
        ratio = self.metric.denominator
        counted = self.metric.numerator if ratio is None else ratio
        return float(self.past.means.counts.events[cell, 0, counted] * self._scale) * min(
            self._pair
        )

    def _degrees(self, cell: int) -> float:
        clusters = self._clusters(cell)
        return max((min(self._pair) * clusters if self.way.by_cluster else clusters) - 1, 1.0)

    def _shown(self, cell: int) -> Shown:
        if not has_mean(self.past.means, self.metric, cell, (0,)):
            return "suppressed"
        if cell == 0:
            return "shown"
        least = LEAST_EVENTS if self.metric.denominator is None else LEAST_ORDERS
        arm_clusters = min(self._pair) * self._clusters(cell)
        enough = arm_clusters >= LEAST_CLUSTERS and self._events(cell) >= least
        return "shown" if enough else "suppressed"

    def _enough(self, cell: int) -> bool:
        """Whether a range can be had at all: ten clusters an arm, or what a first look needs."""
        arm_clusters = min(self._pair) * self._clusters(cell)
        if self.spec.decision.looks == "once":
            return arm_clusters >= LEAST_ARM_CLUSTERS_FOR_INTERVAL
        least = LEAST_EVENTS if self.metric.denominator is None else LEAST_ORDERS
        return arm_clusters >= FIRST_LOOK_CLUSTERS and self._events(cell) >= least

    def _gradient(self, cell: int) -> Floats:
        return mean(self.past.means, self.metric, cell=cell, arm=0).gradient

    def _criticals(self, cells: list[int]) -> dict[int, Critical]:
        looks, family = self.spec.decision.looks, len(self.past.means.cells.of_dimension(self.d))
        alpha = 1 - self.spec.level
        if not cells:
            return {}
        if looks == "anytime":
            shares = metrics_read(self.spec) if self.d == EVERYONE else family
            return {
                cell: AtAnyTime(alpha=alpha / shares, progress=self._worth(cell) / UNITS_PLANNED)
                for cell in cells
            }
        if looks == "scheduled":
            fractions = _fractions(self.spec.decision, self.plan.days or 1)
            return dict.fromkeys(cells, _last(fractions, alpha / family))
        gradients = np.stack([self._gradient(cell) for cell in cells])
        covariance = gradients @ self.spread.sigma @ gradients.T
        df = max(int(min(self._degrees(cell) for cell in cells)), 1)
        c = sup_t(covariance, level=self.spec.level, df=df, seed=self.spec.seed)
        return dict.fromkeys(cells, Fixed.of(c, df))

    def _worth(self, cell: int) -> float:
        """Planned units that are independent of each other."""
        gradient = self._gradient(cell)
        units = float(self.past.means.counts.units[cell] * self._scale)
        error = self.spread.error(gradient)
        return units * (self.past.alone.error(gradient) / error) ** 2 if error > 0 else units

    def _precision(self, cell: int, critical: Critical, *, binary: bool) -> Precision | None:
        variance = self.spread.error(self._gradient(cell)) ** 2 / self._scale
        if not variance > 0:
            return None
        control, arm = self._pair
        same = self.past.means.cells.of_dimension(self.d)
        shown = [one for one in same if self._shown(one) == "shown"]
        return Precision(
            still=variance / control,
            moved=variance / arm,
            share=float(self.past.means.theta[cell, 0, self.metric.numerator]) if binary else None,
            clusters=min(self._degrees(one) for one in shown) + 1,
            critical=critical,
        )

    def _row(self, cell: int) -> PowerRow:
        means, shown = self.past.means, self._shown(cell)
        there = has_mean(means, self.metric, cell, (0,))
        return PowerRow(
            outcome=self.metric.name,
            arm=self.plan.arms[self.arm],
            versus=self.plan.arms[0],
            segment=means.cells.segments[cell],
            assigned=self.way.name,
            units=round(means.counts.units[cell] * self._scale),
            clusters=round(self._clusters(cell)),
            baseline=mean(means, self.metric, cell=cell, arm=0).value if there else None,
            std_error=None,
            half_width=None,
            df=int(self._degrees(cell)),
            smallest=None,
            relative=None,
            asked=None,
            chance=None,
            times=None,
            units_needed=None,
            days_needed=None,
            shown=shown,
        )


def _fractions(decision: DecisionSpec, days: int) -> tuple[float, ...]:
    """Return the share of a plan of so many days that lies behind each of its looks."""
    begun = decision.start or dt.date(2000, 1, 1)
    last = begun + dt.timedelta(days=days - 1)
    plan = decision.model_copy(update={"on": last, "start": begun})
    elapsed = [(day - begun).days + 1 for day in look_days(plan, first=begun)]
    return tuple(one / elapsed[-1] for one in elapsed)


@functools.cache
def _last(fractions: tuple[float, ...], alpha: float) -> Fixed:
    """Return the critical value of the last look, had data come evenly."""
    passed = np.array(fractions)
    correlation = np.sqrt(np.minimum.outer(passed, passed) / np.maximum.outer(passed, passed))
    return Fixed(normal=float(boundaries(correlation, passed, alpha)[-1]))
