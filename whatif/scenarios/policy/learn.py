"""Rules learned on some rows: a tree or forest for each group, kept within a limit by a price."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from whatif.base.arrays import Bools, Floats, Ints
from whatif.base.rng import integer_seed
from whatif.engines.econml_policy import policy_forest, policy_tree
from whatif.scenarios.policy.columns import Codes
from whatif.scenarios.policy.leaves import Leaf, Learning, leaves
from whatif.scenarios.policy.lesson import Lesson
from whatif.scores.second_opinion import drawn_rows

MOST_ROWS = 100_000
"""Rows a tree is grown on; whole clusters are drawn. What its leaves get is settled on all."""
DOUBLINGS, HALVINGS = 12, 5
NOBODY = Leaf(arm=0)


class Chooser(Protocol):
    """Anything that gives each unit an arm by its codes."""

    def arms(self, codes: Codes) -> Ints:
        """Return the arm of each unit, shape (n,)."""


class Priced(Protocol):
    """What was learned where every treated unit costs a price."""

    def share(self, price: float) -> float:
        """Return the share treated at the price."""

    def within(self, limit: float) -> tuple[Chooser, float]:
        """Return a rule that treats at most a share of `limit`, and its gain."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Forest:
    """Each unit gets the arm with the largest predicted gain, less its price."""

    gain: Callable[[Ints], Floats]
    price: Floats

    def arms(self, codes: Codes) -> Ints:
        """Return the arm of each unit, shape (n,)."""
        return np.asarray((self.gain(codes.astype(np.int64)) - self.price).argmax(axis=1))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _PricedForest:
    rule: Forest
    treated: float
    gain: float

    def share(self, price: float) -> float:  # noqa: ARG002  (its own price is in its rule)
        """Return the share treated."""
        return self.treated

    def within(self, limit: float) -> tuple[Chooser, float]:
        """Return the rule if it keeps within `limit`."""
        return (self.rule, self.gain) if self.treated <= limit else (NOBODY, 0.0)


def chosen(lesson: Lesson, rules: Sequence[Chooser], rows: Bools) -> Ints:
    """Return the arm that the rules of the groups give to each of `rows`."""
    codes, group = lesson.codes[rows], lesson.group[rows]
    if len(rules) == 1:
        return rules[0].arms(codes)
    out = np.zeros(len(codes), dtype=np.int64)
    for g, rule in enumerate(rules):
        own = group == g
        out[own] = rule.arms(codes[own])
    return out


def single(lesson: Lesson, rows: Bools, limits: Sequence[float | None]) -> tuple[Leaf, ...]:
    """Return the best arm for everyone in `rows`; the control where a limit stands against it."""
    gain = lesson.weight[rows] @ (lesson.reward[rows] - lesson.reward[rows, :1])
    best = Leaf(arm=int(gain.argmax()))
    return tuple(best if limit is None or limit >= 1 else NOBODY for limit in limits)


def learn_within(
    lesson: Lesson, rows: Bools, limits: Sequence[float | None]
) -> tuple[Chooser, ...]:
    """Learn one rule for every limit, from rows of one group.

    Trees grow where every treated unit costs a price, the Lagrange multiplier of the limit: it is
    raised until no more are treated than may be, then halved towards where that just holds. In
    each tree on the way the leaves that gain most for a unit are treated until the limit is
    reached; of these rules the one that gains most is taken.

    Parameters
    ----------
    lesson : Lesson
        Rewards and codes of n units.
    rows : ndarray of bool, shape (n,)
        Units to learn from.
    limits : sequence of float or None
        Largest shares of `rows` that may get another arm than the control; None is no limit.

    References
    ----------
    Sun, Du & Wager (2021), "Treatment allocation under uncertain costs", arXiv:2103.11066, section
    2, for the price of a budget.
    """
    if not rows.any():
        return tuple(NOBODY for _ in limits)
    learning = _learning(lesson, rows)
    grow = _grower(lesson, learning)
    known: dict[float, Priced] = {}

    def at(price: float) -> Priced:
        if price not in known:
            known[price] = grow(price)
        return known[price]

    shares = [1.0 if limit is None else limit for limit in limits]
    return tuple(
        max((one.within(share) for one in _search(at, share)), key=_gain)[0] for share in shares
    )


def _gain(found: tuple[Chooser, float]) -> float:
    return found[1]


def _search(at: Callable[[float], Priced], limit: float) -> list[Priced]:
    """Return what is learned at prices ever closer to the lowest that keeps within `limit`."""
    free = at(0.0)
    treated = free.share(0.0)
    if treated <= limit or limit == 0.0:
        return [free]
    over, within = 0.0, free.within(1.0)[1] / treated
    found = [free, at(within)]
    while at(within).share(within) > limit and len(found) < DOUBLINGS:
        over, within = within, 2 * within
        found.append(at(within))
    for _ in range(HALVINGS):
        middle = (over + within) / 2
        found.append(at(middle))
        keeps = at(middle).share(middle) <= limit
        over, within = (over, middle) if keeps else (middle, within)
    return found


def _learning(lesson: Lesson, rows: Bools) -> Learning:
    at = np.flatnonzero(rows)
    gain = lesson.reward[at] - lesson.reward[at, :1]
    cluster = lesson.cluster[at]
    seed = integer_seed(lesson.seed, "policy rows")
    return Learning(
        codes=lesson.codes[at],
        gain=gain * lesson.weight[at, None],
        weight=lesson.weight[at],
        cluster=cluster,
        drawn=drawn_rows(cluster, most=MOST_ROWS, seed=seed),
        min_leaf=lesson.min_leaf,
    )


def _grower(lesson: Lesson, learning: Learning) -> Callable[[float], Priced]:
    """Return a function from the price of a treated unit to what is learned at it."""
    drawn = learning.drawn
    codes = learning.codes[drawn].astype(np.int64)
    clusters = np.count_nonzero(np.bincount(learning.cluster[drawn]))
    kept = drawn.size / learning.cluster.size
    fewest = max(int(lesson.min_leaf * kept * drawn.size / clusters), 1)
    size = {"depth": lesson.depth, "min_leaf": fewest, "seed": integer_seed(lesson.seed, "policy")}
    treated = np.ones(learning.gain.shape[1])
    treated[0] = 0.0
    if lesson.forest:
        gain = policy_forest(codes, learning.gain[drawn], **size)
        unit = treated * learning.weight.mean()
        return lambda price: _forest(Forest(gain=gain, price=price * unit), learning)

    def tree(price: float) -> Priced:
        cost = price * np.outer(learning.weight[drawn], treated)
        return leaves(policy_tree(codes, learning.gain[drawn] - cost, **size), learning)

    return tree


def _forest(rule: Forest, learning: Learning) -> _PricedForest:
    arm = rule.arms(learning.codes)
    total = learning.weight.sum()
    return _PricedForest(
        rule=rule,
        treated=float(learning.weight[arm != 0].sum() / total),
        gain=float(learning.gain[np.arange(arm.size), arm].sum() / total),
    )
