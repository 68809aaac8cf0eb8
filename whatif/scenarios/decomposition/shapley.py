"""A difference of a product of three factors split evenly between them, with exact gradients."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import factorial
from typing import Final

import numpy as np

from whatif.base.arrays import Bools, Floats

_FACTORS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Split:
    """Volume, mix and rate, with their derivatives.

    Attributes
    ----------
    parts : ndarray, shape (3,)
        What each of the three contributes; they add up to the difference.
    by_orders, by_cost : ndarray, shape (3, 2, J)
        Derivative of each part by orders and by cost of each arm and option.
    """

    parts: Floats
    by_orders: Floats
    by_cost: Floats


def split_cost(orders: Floats, cost: Floats, absent: Bools) -> Split:
    """Split the difference of the mean cost of two arms into volume, mix and rate.

    The cost of an arm is ``S · Σ_j q_j c_j`` with S its orders, q the share of each option and c
    the cost of an order with that option. Each factor gets its Shapley value: what switching it
    from the first arm to the second changes, averaged over the orders in which the three can be
    switched. Volume is ``ΔS [⅓(q₀c₀ + q₁c₁) + ⅙(q₀c₁ + q₁c₀)]``; mix and rate by symmetry. An
    option absent from one arm takes its cost there from the other, so that it counts as mix.

    Parameters
    ----------
    orders, cost : ndarray, shape (2, J)
        Mean orders and mean cost by arm and option; both 0 where absent, orders else above 0.
    absent : ndarray of bool, shape (2, J)
        Options that an arm never had; none is absent from both.

    References
    ----------
    Shapley (1953), in Contributions to the Theory of Games II, 307–317; Shorrocks (2013), Journal
    of Economic Inequality 11(1), 99–126, section 2.

    Examples
    --------
    >>> orders, cost = np.array([[0.2, 0.2], [0.3, 0.3]]), np.array([[1.0, 2.0], [1.5, 3.0]])
    >>> split_cost(orders, cost, np.zeros((2, 2), dtype=bool)).parts.round(12).tolist()
    [1.5, 0.0, 0.0]
    """
    volume = orders.sum(axis=1)
    share = orders / volume[:, None]
    own = np.arange(2)[:, None]
    source = np.where(absent, 1 - own, own)
    rate = np.divide(cost, orders, out=np.zeros_like(cost), where=~absent)
    rate = np.take_along_axis(rate, source, axis=0)
    parts = np.zeros(_FACTORS)
    by_orders, by_cost = np.zeros((2, _FACTORS, *orders.shape))
    columns = np.arange(orders.shape[1])
    for corner in product((0, 1), repeat=_FACTORS):
        v, q, c = corner
        weight = _weights(corner)
        mean = float(share[q] @ rate[c])
        parts += weight * volume[v] * mean
        by_orders[:, v] += weight[:, None] * mean
        by_orders[:, q] += np.outer(weight, volume[v] / volume[q] * (rate[c] - mean))
        lever = volume[v] * share[q] / orders[source[c], columns]
        by_cost[:, source[c], columns] += np.outer(weight, lever)
        by_orders[:, source[c], columns] -= np.outer(weight, lever * rate[c])
    return Split(parts=parts, by_orders=by_orders, by_cost=by_cost)


def _weights(corner: tuple[int, ...]) -> Floats:
    """Return how each factor's Shapley value counts the product at `corner`, shape (3,)."""
    on = sum(corner)
    gained, lost = (
        factorial(most) * factorial(_FACTORS - 1 - most) / factorial(_FACTORS) if most >= 0 else 0.0
        for most in (on - 1, on if on < _FACTORS else -1)
    )
    return np.where(np.array(corner) == 1, gained, -lost)
