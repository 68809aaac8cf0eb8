"""What a session ends in: one of four delivery options or no order, and what shipping costs.

A nested logit (McFadden 1978): options compete with each other more than with leaving. Options
other than the default lose salience when they are folded away, much more on a phone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from whatif.base.arrays import Bools, Floats, Ints
from whatif.simulate.world import Context

OPTIONS: Final = ("standard", "express", "no_rush", "pickup")
NO_ORDER: Final = len(OPTIONS)

_NEST: Final = 0.19  # how much of a better set of options reaches the wish to order
_FOLD_MOBILE, _FOLD_DESKTOP = 2.2, 0.12
_PER_USD, _PER_DAY = 0.20, 0.38
_DAYS_STANDARD: Final = np.array([2.0, 2.5, 3.0, 4.5, 6.0])
_DAYS_EXPRESS: Final = np.array([1.0, 1.0, 1.0, 1.5, 2.0])
_DAYS_NO_RUSH: Final = np.array([6.0, 6.0, 6.0, 6.0, 7.0])
_DAYS_PICKUP: Final = np.array([3.5, 3.5, 3.0, 2.5, 3.0])
_FEES: Final = np.array([[5.5, 12.0, 3.5, 1.0], [2.0, 8.0, 0.5, 0.0]])  # guest, member; USD
_LIKING: Final = np.array([0.0, -1.10, -0.45, -1.40])
_TASTE_FOR: Final = np.array([0.0, 0.20, -0.15, -0.15])
_FIRST_COUNT: Final = np.array([2, 4, 2, 3])  # n_options from which an option is offered
_SECOND_COUNT: Final = np.array([9, 6, 9, 5])  # n_options from which there are two of it
_START_USD: Final = np.array([2.4, 4.8, 1.9, 1.6])
_USD_PER_KM: Final = np.array([0.034, 0.052, 0.030, 0.026])
_USD_PER_BOX: Final = np.array([1.9, 2.4, 1.7, 1.6])
_MORE_BOXES: Final = np.array([1.0, 1.0, 0.6, 0.9])  # a slow order travels in fewer boxes
_EXTRA_BOXES: Final = 5
_COST_NOISE, _COST_TASTE = 0.35, 0.25


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcomes:
    """What happened in n sessions; arrays of shape (n,).

    `option` is a code into `OPTIONS`, `NO_ORDER` when nothing was ordered; `shipping_cost` is in
    USD and `boxes` a count, both 0 when nothing was ordered.
    """

    option: Ints
    shipping_cost: Floats
    boxes: Ints


def option_chances(context: Context, taste: Floats, expanded: Bools) -> Floats:
    """Return the chance of ordering with each option, shape (n, 4); the rest is no order.

    Parameters
    ----------
    context : Context
        Measured columns of n sessions.
    taste : ndarray, shape (n,)
        The customers' hidden keenness, standard normal.
    expanded : ndarray of bool, shape (n,)
        Whether every option is shown.
    """
    odds = _attractions(context, taste, expanded)
    total = odds.sum(axis=1)
    wish = _keenness(context) + taste + _NEST * np.log(total)
    chances: Floats = odds * (1.0 / (total * (1.0 + np.exp(-wish))))[:, None]
    return chances


def mean_costs(context: Context, taste: Floats) -> Floats:
    """Return the expected shipping cost of an order by option, USD, shape (n, 4)."""
    boxes = 1.0 + _EXTRA_BOXES * _box_chance(context)[:, None] * _MORE_BOXES
    usual = _START_USD + _USD_PER_KM * context.distance_km[:, None] + _USD_PER_BOX * boxes
    return np.asarray(np.exp(_COST_TASTE * taste)[:, None] * usual)


def draw_outcomes(
    rng: np.random.Generator, context: Context, taste: Floats, expanded: Bools, *, bot: Bools
) -> Outcomes:
    """Return one outcome per session; robots never order."""
    n = taste.size
    steps = np.cumsum(option_chances(context, taste, expanded), axis=1)
    option = (rng.random(n)[:, None] >= steps).sum(axis=1)
    option[bot] = NO_ORDER
    ordered = option < NO_ORDER
    pick = np.where(ordered, option, 0)
    boxes = 1 + rng.binomial(_EXTRA_BOXES, _box_chance(context) * _MORE_BOXES[pick])
    usual = _START_USD[pick] + _USD_PER_KM[pick] * context.distance_km + _USD_PER_BOX[pick] * boxes
    noise = rng.normal(-(_COST_NOISE**2) / 2, _COST_NOISE, n)
    cost = usual * np.exp(_COST_TASTE * taste + noise)
    return Outcomes(
        option=option,
        shipping_cost=np.where(ordered, cost, 0.0),
        boxes=np.where(ordered, boxes, 0),
    )


def _keenness(context: Context) -> Floats:
    """Wish to order before the options are looked at, on the logit scale."""
    cart = np.log(context.cart_value / 55.0)
    years = np.log1p(context.tenure_days / 365.0)
    late = np.cos(2 * np.pi * (context.hour - 20) / 24)
    return np.asarray(
        -1.12
        + 0.60 * context.member
        - 0.35 * context.mobile
        + 0.30 * (years - 0.7)
        + (0.40 - 0.25 * context.mobile) * cart
        - 0.10 * cart**2
        + 0.18 * late
        - 0.14 * np.log(context.distance_km / 15.0)
        + 0.02 * (context.week - 4.5)
    )


def _attractions(context: Context, taste: Floats, expanded: Bools) -> Floats:
    """Odds of each option against the default one, shape (n, 4); 0 where it is not offered."""
    place, member = context.urbanicity, context.member.astype(np.int64)
    standard = _DAYS_STANDARD[place]
    saved_days = (
        np.zeros(place.size),
        standard - _DAYS_EXPRESS[place],
        standard - _DAYS_NO_RUSH[place],
        standard - _DAYS_PICKUP[place],
    )
    hidden = np.where(expanded, 0.0, np.where(context.mobile, _FOLD_MOBILE, _FOLD_DESKTOP))
    odds = np.empty((place.size, len(OPTIONS)))
    for j in range(len(OPTIONS)):
        saved_usd = (_FEES[:, 0] - _FEES[:, j])[member]
        appeal = _PER_USD * saved_usd + _PER_DAY * saved_days[j] + _LIKING[j]
        appeal += _TASTE_FOR[j] * taste - (hidden if j else 0.0)
        offered = (context.n_options >= _FIRST_COUNT[j]) + 0.6 * (
            context.n_options >= _SECOND_COUNT[j]
        )
        odds[:, j] = offered * np.exp(appeal)
    return odds


def _box_chance(context: Context) -> Floats:
    return np.asarray(-np.expm1(-context.cart_value / 400.0))
