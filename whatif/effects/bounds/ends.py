"""Lower and upper end of the effect in each cell, and what each block contributes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from whatif.base.arrays import Bools, Floats, Ints
from whatif.effects.bounds.cells import Blocks, Buyers, Features, enough_buyers, group_sums
from whatif.effects.bounds.trim import Sorted, Tail


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Arms:
    """What is known of the two arms in H finest cells; axis 1 is control, arm.

    Attributes
    ----------
    mass : ndarray, shape (H,)
        Weight of the units of each cell.
    orders, cost : ndarray, shape (H, 2)
        Doubly robust orders per unit, and cost per order; 0 cost in cells that are not usable.
    usable : ndarray of bool, shape (H,)
        Whether both arms have orders.
    wobble : ndarray, shape (H,)
        Error of the logarithm of the ratio of orders.
    settled : ndarray of bool, shape (H,)
        Whether it is clear which arm has more orders.
    """

    mass: Floats
    orders: Floats
    cost: Floats
    usable: Bools
    wobble: Floats
    settled: Bools

    @property
    def fewer(self) -> Ints:
        """The arm with fewer orders, 0 or 1."""
        return (self.orders[:, 1] < self.orders[:, 0]).astype(np.int64)

    @property
    def always(self) -> Floats:
        """Orders per unit under either arm; 0 in cells that are not usable."""
        return np.where(self.usable, self.orders.min(axis=1), 0.0)

    @property
    def kept(self) -> Floats:
        """Share of the orders of the arm with more that is kept; 1 where not usable."""
        ratio = np.ones(self.mass.size)
        np.divide(self.orders.min(axis=1), self.orders.max(axis=1), out=ratio, where=self.usable)
        return ratio


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CellEnds:
    """Bounds of H finest cells.

    Attributes
    ----------
    arms : Arms
        Orders and cost by arm.
    ends : ndarray, shape (H, 2)
        Lower and upper bound of the effect on cost; 0 in cells that are not usable.
    always : ndarray, shape (B,)
        Block sums of the orders of the arm with fewer orders.
    influence : pair of ndarray, each of shape (B,)
        What each block adds to the lower and the upper end, times the orders of the cell.
    """

    arms: Arms
    ends: Floats
    always: Floats
    influence: tuple[Floats, Floats]


def cell_ends(
    features: Features, grouped: Blocks, buyers: Buyers, *, cells: int, critical: float
) -> CellEnds:
    """Trim the arm with more orders in every cell, both in turn where that is not settled.

    With s the orders per unit of the two arms, r = min s / max s and F the cost of orders in the
    arm that is trimmed, the mean cost of those who order under either arm lies between the mean of
    the lowest and of the highest share r of F. F is weighted by the inverse chance of the arm and
    moved to the arm's doubly robust cost per order, so that bounds meet at the difference of costs
    per order as r goes to 1.

    Parameters
    ----------
    features : Features
        Block sums of the weight and of the weighted scores.
    grouped : Blocks
        The blocks.
    buyers : Buyers
        Who ordered, and at what cost.
    cells : int
        H, the number of finest cells.
    critical : float
        Critical value of the interval that settles which arm has more orders.

    References
    ----------
    Lee (2009), Review of Economic Studies 76(3), 1071–1102, propositions 1a and 3; direction by
    cell as in Semenova (2025), Generalized Lee bounds (arXiv:2008.12720).
    """
    owner = grouped.cell
    values = [_sorted(buyers, cells, treated=treated) for treated in (False, True)]
    present = (values[0].total > 0) & (values[1].total > 0)
    enough = enough_buyers(buyers, cells)
    arms = _arms(features, grouped, present=present, enough=enough, critical=critical)
    ends, influence = np.zeros((cells, 2)), []
    for end in (0, 1):
        # the lower end keeps the cheap orders of the arm, or the dear ones of the control
        tails = [v.tail(arms.kept, low=(a == 1) == (end == 0)) for a, v in enumerate(values)]
        pulls = [_pull(tail, values[a], arms) for a, tail in enumerate(tails)]
        moved = [_moved(a, tail, values[a], arms) for a, tail in enumerate(tails)]
        trimmed = np.where(arms.settled, 1 - arms.fewer, _further(moved, lower=end == 0))
        ends[:, end] = np.where(arms.usable, np.choose(trimmed, moved), 0.0)
        summed = _of_means(features, owner, trimmed, np.choose(trimmed, pulls), arms)
        for a, own in enumerate(values):
            part = _of_shape(own, tails[a], arms, a, use=arms.usable & (trimmed == a))
            summed += group_sums(own.block, part, owner.size)
        influence.append(summed * arms.always.take(owner))
    return CellEnds(
        arms=arms,
        ends=ends,
        always=np.where(arms.fewer.take(owner) == 1, features.orders[1], features.orders[0]),
        influence=(influence[0], influence[1]),
    )


def _sorted(buyers: Buyers, cells: int, *, treated: bool) -> Sorted:
    rows = np.flatnonzero(buyers.treated == treated)
    return Sorted.of(
        value=buyers.value.take(rows),
        weight=buyers.weight.take(rows),
        cell=buyers.cell.take(rows),
        block=buyers.block.take(rows),
        cells=cells,
    )


def _arms(
    features: Features, grouped: Blocks, *, present: Bools, enough: Bools, critical: float
) -> Arms:
    """Average scores in every cell and settle which arm has more orders.

    It is settled where the interval of the difference in orders leaves out 0 and both arms have
    enough orders for that interval to be believed.
    """
    owner, cells = grouped.cell, enough.size
    mass = group_sums(owner, features.mass, cells)
    orders = np.column_stack([group_sums(owner, s, cells) for s in features.orders])
    orders /= mass[:, None]
    spent = np.column_stack([group_sums(owner, s, cells) for s in features.cost])
    usable = present & (orders > 0).all(axis=1)
    cost = np.zeros_like(orders)
    np.divide(spent, orders * mass[:, None], out=cost, where=usable[:, None])
    gap = orders[:, 1] - orders[:, 0]
    moved = features.orders[1] - features.orders[0] - gap.take(owner) * features.mass
    each = np.ones_like(orders)
    np.divide(1.0, orders, out=each, where=usable[:, None])
    ratio = [each[:, a].take(owner) * features.orders[a] for a in (0, 1)]
    squares = grouped.squares([moved, ratio[1] - ratio[0]], owner, cells)
    error, wobble = np.sqrt(squares / mass[:, None] ** 2).T
    settled = enough & usable & (error > 0) & (np.abs(gap) > critical * error)
    return Arms(mass=mass, orders=orders, cost=cost, usable=usable, wobble=wobble, settled=settled)


def _moved(arm: int, tail: Tail, own: Sorted, arms: Arms) -> Floats:
    """Return the effect in each cell when `arm` is trimmed to `tail`."""
    kept = tail.mean - own.mean + arms.cost[:, arm]
    return kept - arms.cost[:, 0] if arm == 1 else arms.cost[:, 1] - kept


def _further(moved: list[Floats], *, lower: bool) -> Ints:
    """Return the arm whose trimming puts one end further out, where neither is settled."""
    arm = moved[1] < moved[0] if lower else moved[1] > moved[0]
    return arm.astype(np.int64)


def _pull(tail: Tail, own: Sorted, arms: Arms) -> Floats:
    """Return how the trimmed mean moves with the logarithm of the share kept, shape (H,).

    Its derivative is the value at the cut less the mean. Where it is not settled which arm has
    more orders, the share is close to 1 and the value at the cut close to the most extreme order;
    there it is the slope to the share one error lower, the side on which bounds would be too
    narrow.
    """
    step = np.minimum(arms.kept * arms.wobble, arms.kept / 2.0)
    lower = own.tail(arms.kept - step, low=tail.low)
    pull = tail.cut - tail.mean
    use = arms.usable & ~arms.settled & (step > 0)
    np.divide(arms.kept * (tail.mean - lower.mean), step, out=pull, where=use)
    return pull


def _of_means(features: Features, owner: Ints, trimmed: Ints, pull: Floats, arms: Arms) -> Floats:
    """Sum what the four mean scores add to an end, by block: the trimming share, and the means."""
    out = np.zeros(owner.size)
    for a in (0, 1):
        sign = np.where(trimmed == a, 1.0, -1.0) * np.where(trimmed == 1, 1.0, -1.0)
        towards_orders, towards_cost = np.zeros(sign.size), np.zeros(sign.size)
        by_orders = -sign * (pull + arms.cost[:, a])
        np.divide(by_orders, arms.orders[:, a], out=towards_orders, where=arms.usable)
        np.divide(sign, arms.orders[:, a], out=towards_cost, where=arms.usable)
        out += towards_orders.take(owner) * features.orders[a]
        out += towards_cost.take(owner) * features.cost[a]
    return out


def _of_shape(own: Sorted, tail: Tail, arms: Arms, arm: int, *, use: Bools) -> Floats:
    """Return what each order of a trimmed arm adds to an end by the shape of its distribution."""
    scale, level = np.zeros(use.size), np.zeros(use.size)
    np.divide(arms.mass if arm == 1 else -arms.mass, own.total, out=scale, where=use)
    level[use] = (tail.cut - tail.mean + own.mean)[use]
    beyond = own.value - tail.cut.take(own.cell)
    kept = np.minimum(beyond, 0.0) if tail.low else np.maximum(beyond, 0.0)
    inside = kept / arms.kept.take(own.cell) + level.take(own.cell) - own.value
    return np.asarray(scale.take(own.cell) * own.weight * inside)
