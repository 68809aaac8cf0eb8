"""What things are worth in a what-if, and what its averages make of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from whatif.base.arrays import Floats
from whatif.base.records import BreakEven
from whatif.effects.contrasts import Metric
from whatif.effects.fieller import fieller
from whatif.effects.ratio_sets import NEAR_ZERO
from whatif.scenarios.moments import Moments


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prices:
    """Worth of outcomes and cost of an arm; K outcomes.

    Attributes
    ----------
    per : ndarray, shape (K,)
        Worth of one of each outcome, in `currency`; costs are negative.
    factor : ndarray, shape (K,)
        Price level of each outcome against the data: 1.1 makes every parcel a tenth dearer.
    arm_cost : float
        Cost of giving the arm to one unit rather than the control.
    price : float
        What an order pays under the arm, on top of its worth.
    order : int or None
        The first outcome with a positive worth; None without one.
    currency : str
        Code such as ``"USD"``; empty where nobody said.
    units_per_month : float or None
        Units a month in the whole population; None where nobody knows.
    """

    per: Floats
    factor: Floats
    arm_cost: float
    price: float
    order: int | None
    currency: str
    units_per_month: float | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Number:
    """An estimate per unit and its gradient by the averages of `Moments`."""

    value: float
    gradient: Floats


def change_of(made: Moments, metric: Metric, prices: Prices) -> Number | None:
    """Return the change of an outcome or ratio; None for a ratio with nothing to divide by.

    A ratio's numerator and denominator are shifted, never its segments' ratios averaged.
    """
    outcomes, f = made.base.size, prices.factor
    gradient = np.zeros(2 * outcomes + 2)
    i, j = metric.numerator, metric.denominator
    if j is None:
        gradient[i] = f[i]
        return Number(value=float(f[i] * made.change[i]), gradient=gradient)
    before, after = f * made.base, f * (made.base + made.change)
    if before[j] <= 0 or after[j] <= 0:
        return None
    was, becomes = before[i] / before[j], after[i] / after[j]
    gradient[i] = f[i] / after[j]
    gradient[j] = -becomes * f[j] / after[j]
    gradient[outcomes + i] = f[i] / after[j] - f[i] / before[j]
    gradient[outcomes + j] = -becomes * f[j] / after[j] + was * f[j] / before[j]
    return Number(value=float(becomes - was), gradient=gradient)


def near_zero(made: Moments, metric: Metric, critical: float | None) -> bool:
    """Return whether a ratio's denominator, before or after, is too uncertain to divide by."""
    j = metric.denominator
    if j is None or critical is None:
        return False
    outcomes = made.base.size
    before, after = made.base[j], made.base[j] + made.change[j]
    gradient = np.zeros(2 * outcomes + 2)
    gradient[outcomes + j] = 1.0
    uncertain = critical * made.error(gradient) > np.sqrt(NEAR_ZERO) * before
    gradient[j] = 1.0
    return bool(uncertain or critical * made.error(gradient) > np.sqrt(NEAR_ZERO) * after)


def profit_of(made: Moments, prices: Prices) -> Number:
    """Return the profit per unit: worth of the changes, less what the arm costs, plus its price."""
    worth = prices.per * prices.factor
    free = np.zeros(made.base.size)
    gradient = np.concatenate([worth, free, [-prices.arm_cost, prices.price]])
    value = worth @ made.change - prices.arm_cost * made.given + prices.price * made.paid
    return Number(value=float(value), gradient=gradient)


def break_even_of(
    made: Moments, prices: Prices, *, outcomes: tuple[str, ...], critical: float | None
) -> BreakEven | None:
    """Return the worth of one more order at which nothing is gained or lost (Fieller's set).

    None without an outcome that is worth something, or without an interval.
    """
    if prices.order is None or critical is None:
        return None
    metric = Metric(name=outcomes[prices.order], numerator=prices.order)
    gain, profit = change_of(made, metric, prices), profit_of(made, prices)
    if gain is None:
        return None
    worth = float(prices.per[prices.order])
    rest = worth * gain.gradient - profit.gradient
    pair = np.stack([rest, gain.gradient])
    spread = pair @ made.covariance @ pair.T
    top = worth * gain.value - profit.value
    found = fieller(
        top,
        gain.value,
        variances=(float(spread[0, 0]), float(spread[1, 1]), float(spread[0, 1])),
        critical=critical,
    )
    return BreakEven(
        outcome=metric.name,
        value=top / gain.value if gain.value != 0 else None,
        kind=found.kind,
        ends=found.ends,
        pays_above=gain.value > 0,
    )
