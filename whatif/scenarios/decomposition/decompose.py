"""Why cost per unit moved: more orders, other options, or another cost within an option."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from whatif.base.arrays import Bools, Floats, Ints
from whatif.design.options import LEAST_OF_OPTION, OTHER
from whatif.effects.bands import t_critical
from whatif.effects.cells import cut
from whatif.effects.joint import Joint, joint
from whatif.effects.minimum import LEAST_CLUSTERS, LEAST_ORDERS, enough_for_interval
from whatif.effects.rows import Ends, Segment, Shown
from whatif.scenarios.decomposition.shapley import split_cost
from whatif.scores.record import OptionScores, Scores, Target

Part = Literal["volume", "mix", "rate", "total"]
PARTS: Final[tuple[Part, ...]] = ("volume", "mix", "rate", "total")


@dataclass(frozen=True, slots=True, kw_only=True)
class DecompositionRow:
    """One part of the difference in cost per unit between two arms, or the whole of it.

    Attributes
    ----------
    part : str
        ``"volume"``: more orders; ``"mix"``: other options chosen; ``"rate"``: another cost within
        an option, who chooses it included; ``"total"``: their sum, the effect itself.
    outcome : str
        The cost that is split.
    arm, versus : str
        The arm and the one it is compared with.
    segment : tuple of (column, level)
        Empty for everyone.
    n, clusters : int
        Units and clusters in the segment.
    estimate, std_error : float or None
        In the cost's unit per unit of analysis; None where a part cannot be told apart, and the
        error where an interval would be dishonest.
    ci : (low, high)
        Interval of this part alone.
    critical : float or None
        Student critical value behind it.
    df : int
        Its degrees of freedom.
    shown : str
        ``"suppressed"`` below 50 clusters or 50 orders an arm, ``"no_overlap"`` without both arms.
    target : str
        Whom the number speaks of.
    """

    part: Part
    outcome: str
    arm: str
    versus: str
    segment: Segment
    n: int
    clusters: int
    estimate: float | None
    std_error: float | None
    ci: Ends
    critical: float | None
    df: int
    shown: Shown
    target: Target


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionRow:
    """One option under the two arms: its share of orders, and what an order with it costs.

    Pairs hold `versus`, then `arm`. A cost is None where the arm never had the option; the split
    then takes the other arm's.
    """

    option: str
    arm: str
    versus: str
    segment: Segment
    share: tuple[float, float]
    cost: tuple[float | None, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decomposition:
    """The split of a difference in cost, by arm and segment.

    Attributes
    ----------
    cost : str
        The outcome that is split.
    level : float
        Coverage of the intervals.
    rows : tuple of DecompositionRow
        Volume, mix, rate and total of each arm and segment, everyone first.
    options : tuple of OptionRow
        What stands behind them, where the parts can be told apart.
    """

    cost: str
    level: float
    rows: tuple[DecompositionRow, ...]
    options: tuple[OptionRow, ...]


def decomposition(
    scores: Scores, options: OptionScores, dimension: tuple[str, ...] = (), *, level: float
) -> Decomposition:
    """Split the difference in cost per unit of every arm and cell into three parts.

    In each cell, options with fewer than 30 orders in one of the two arms are counted together,
    unless the arm never had them; errors follow from the joint clustered covariance by the exact
    gradients of `whatif.scenarios.decomposition.shapley.split_cost`.

    Parameters
    ----------
    scores : Scores
        Scores of n units.
    options : OptionScores
        Their scores by option.
    dimension : tuple of str
        Columns of the cut; empty for everyone.
    level : float
        Coverage of the intervals.
    """
    table = replace(
        scores,
        outcomes=options.columns,
        gamma=options.gamma,
        y=options.y,
        residual=None,
        options=None,
    )
    means = joint(table, cut(scores.columns, (dimension,) if dimension else ()))
    cells = means.cells.of_dimension(0) if dimension else range(1)
    places = [(cell, arm) for arm in range(1, len(means.arms)) for cell in cells]
    made = [_Pair.of(means, options, cell=cell, arm=arm) for cell, arm in places]
    return Decomposition(
        cost=options.cost,
        level=level,
        rows=tuple(row for pair in made for row in pair.rows(level)),
        options=tuple(row for pair in made for row in pair.options()),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Pair:
    """One arm and the control in one cell.

    `groups` are the options that are counted together; the first half of the joint means' outcomes
    are orders, the second costs.
    """

    means: Joint
    cost: str
    cell: int
    arm: int
    groups: tuple[tuple[str, Ints], ...]
    absent: Bools
    shown: Shown

    @classmethod
    def of(cls, means: Joint, options: OptionScores, *, cell: int, arm: int) -> _Pair:
        size, used = len(options.names), [0, arm]
        counts = means.counts.events[cell][used, :size]
        ever = means.counts.events[0][used, :size] > 0
        groups = tuple(_groups(options.names, counts, ever))
        absent = [~ever[:, inside].any(axis=1) for _, inside in groups]
        return cls(
            means=means,
            cost=options.cost,
            cell=cell,
            arm=arm,
            groups=groups,
            absent=np.stack(absent, axis=1) if groups else np.zeros((2, 0), dtype=np.bool_),
            shown=_shown(means, cell, used, counts),
        )

    def rows(self, level: float) -> Iterator[DecompositionRow]:
        """Yield volume, mix, rate and total."""
        means, cell, arm = self.means, self.cell, self.arm
        places = [(cell, 0), (cell, arm)]
        df = means.degrees(cell, arm)
        honest = df > 0 and enough_for_interval(means, places)
        critical = t_critical(level, df) if honest else None
        for part, (estimate, gradient) in zip(PARTS, self._estimates(), strict=True):
            error = None if estimate is None or critical is None else means.error(gradient)
            yield DecompositionRow(
                part=part,
                outcome=self.cost,
                arm=means.arms[arm],
                versus=means.arms[0],
                segment=means.cells.segments[cell],
                n=int(means.counts.units[cell]),
                clusters=int(means.counts.clusters[cell]),
                estimate=estimate,
                std_error=error,
                ci=_ends(estimate, error, critical),
                critical=critical,
                df=df,
                shown=self.shown,
                target=means.target,
            )

    def options(self) -> Iterator[OptionRow]:
        """Yield what the two arms' orders chose and cost."""
        if not self._can_split():
            return
        orders, cost = self._grouped()
        share = orders / orders.sum(axis=1, keepdims=True)
        for g, (name, _) in enumerate(self.groups):
            each = [
                None if self.absent[a, g] else float(cost[a, g] / orders[a, g]) for a in range(2)
            ]
            yield OptionRow(
                option=name,
                arm=self.means.arms[self.arm],
                versus=self.means.arms[0],
                segment=self.means.cells.segments[self.cell],
                share=(float(share[0, g]), float(share[1, g])),
                cost=(each[0], each[1]),
            )

    def _grouped(self) -> tuple[Floats, Floats]:
        """Return mean orders and mean cost by arm and group, shapes (2, G)."""
        theta = self.means.theta[self.cell, [0, self.arm]]
        size = theta.shape[1] // 2
        by_group = [
            np.stack([half[:, inside].sum(axis=1) for _, inside in self.groups], axis=1)
            for half in (theta[:, :size], theta[:, size:])
        ]
        return by_group[0], by_group[1]

    def _can_split(self) -> bool:
        if self.shown == "no_overlap" or self.absent.all(axis=1).any():
            return False
        orders, _ = self._grouped()
        return bool((orders[~self.absent] > 0).all())

    def _estimates(self) -> Iterator[tuple[float | None, Floats]]:
        """Yield each part and its gradient by ``theta.ravel()``."""
        theta = self.means.theta
        size, used = theta.shape[2] // 2, [0, self.arm]
        if not self._can_split():
            yield from ((None, np.empty(0)) for _ in PARTS[:-1])
        else:
            split = split_cost(*self._grouped(), self.absent)
            for k, value in enumerate(split.parts):
                gradient = np.zeros(theta.shape)
                for g, (_, inside) in enumerate(self.groups):
                    for a, own in enumerate(used):
                        gradient[self.cell, own, inside] = split.by_orders[k, a, g]
                        gradient[self.cell, own, size + inside] = split.by_cost[k, a, g]
                yield float(value), gradient.ravel()
        gradient = np.zeros(theta.shape)
        gradient[self.cell, 0, size:], gradient[self.cell, self.arm, size:] = -1.0, 1.0
        there = self.shown != "no_overlap"
        low, high = theta[self.cell, used, size:].sum(axis=1)
        yield (float(high - low) if there else None), gradient.ravel()


def _groups(names: tuple[str, ...], counts: Ints, ever: Bools) -> Iterator[tuple[str, Ints]]:
    """Yield options alone or together, with their places.

    Parameters
    ----------
    names : tuple of str, length J
        Options.
    counts : ndarray of int, shape (2, J)
        Units with an order, in the cell by arm.
    ever : ndarray of bool, shape (2, J)
        Whether the arm had the option anywhere.
    """
    few: Bools = np.any(ever & (counts < LEAST_OF_OPTION), axis=0)
    there = [j for j in range(len(names)) if ever[:, j].any()]
    own = [j for j in there if not few[j]]
    pool = [j for j in there if few[j]]
    while pool and own and _is_few(counts, ever, pool):
        least = min(own, key=lambda j: (counts[:, j].sum(), names[j]))
        own.remove(least)
        pool.append(least)
    if pool and len(pool) < len(there):
        pool += [j for j in own if names[j] == OTHER]
    own = [j for j in own if j not in pool]
    yield from ((names[j], np.array([j])) for j in own)
    if pool:
        yield (names[pool[0]] if len(pool) == 1 else OTHER), np.array(sorted(pool))


def _is_few(counts: Ints, ever: Bools, pool: list[int]) -> bool:
    together = counts[:, pool].sum(axis=1)
    return bool((ever[:, pool].any(axis=1) & (together < LEAST_OF_OPTION)).any())


def _shown(means: Joint, cell: int, used: list[int], counts: Ints) -> Shown:
    arm_units = means.counts.arm_units[cell, used]
    if (arm_units == 0).any() or not means.share[cell] > 0:
        return "no_overlap"
    few = (means.counts.arm_clusters[cell, used] < LEAST_CLUSTERS).any() and cell != 0
    return "suppressed" if few or (counts.sum(axis=1) < LEAST_ORDERS).any() else "shown"


def _ends(estimate: float | None, error: float | None, critical: float | None) -> Ends:
    if estimate is None or error is None or critical is None:
        return None, None
    return estimate - critical * error, estimate + critical * error
