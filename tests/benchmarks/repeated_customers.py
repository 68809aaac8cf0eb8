"""Checkout sessions of returning customers, as arrays small enough to draw thousands of times.

Every effect is known without simulation: given the covariates, the chance of an order and the mean
cost have closed forms, and what is left is a sum over discrete covariates and a Gauss-Hermite
quadrature over the cart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from whatif.base.arrays import Bools, Floats, Ints
from whatif.base.rng import generator
from whatif.effects.rows import Segment

CORRELATION = 0.3
"""Of two sessions of one customer given covariates: of orders exactly, and of log costs."""
URBANICITY = ("city", "suburb", "country")
DEVICES = ("desktop", "mobile")
ARMS = ("folded", "expanded")
ORDER_WORTH = 18.0
MONEY = "money"

_URBANICITY_SHARE = np.array([0.40, 0.35, 0.25])
_MOBILE_CHANCE = 0.6
_MEMBER_CHANCE = 0.5
_SAME_ARM = 0.9  # a session takes its customer's leaning to an arm with this chance
_COST_SPREAD = 0.35
_NODES = 80


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Covariates:
    """What is measured before the presentation; arrays of one shape.

    `urbanicity` holds codes, `cart` is the standardised log value of the cart.
    """

    urbanicity: Ints
    mobile: Bools
    member: Bools
    cart: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Population values of one metric in one segment.

    Attributes
    ----------
    folded : float
        Mean under the control.
    difference : float
        Expanded minus folded.
    """

    folded: float
    difference: float


def expanded_chance(x: Covariates) -> Floats:
    """Chance to be shown every option, between .2 and .8; no covariate changes another's part."""
    lean = 0.7 * x.cart - 0.8 * x.mobile + 0.5 * x.member
    return 0.2 + 0.6 * _expit(lean + 0.3 * (x.urbanicity == 0))


def order_chance(x: Covariates, *, expanded: bool) -> Floats:
    """Chance of an order under an arm, between .25 and .70."""
    base = 0.4 * x.member - 0.6 * x.mobile - 0.2 * x.cart**2 + 0.3 * (x.urbanicity == 1)
    lift = 0.15 + 0.5 * x.mobile * (x.urbanicity == 2) - 0.2 * (x.urbanicity == 0)
    return 0.25 + 0.45 * _expit(base + 0.5 * x.cart + lift * expanded)


def cost_per_order(x: Covariates, *, expanded: bool) -> Floats:
    """Mean shipping cost of an order under an arm, USD."""
    level = 1.3 + 0.35 * x.urbanicity + 0.1 * x.cart - 0.08 * expanded * (1 + (x.urbanicity == 0))
    return np.asarray(np.exp(level + _COST_SPREAD**2 / 2))


def draw(seed: int, *, customers: int = 1_000, sessions: int = 4_000) -> pd.DataFrame:
    """Return `sessions` sessions of exactly `customers` customers.

    Everybody comes once, and the other sessions are anybody's. Given covariates, orders of one
    customer correlate at `CORRELATION`, because some customers are keen and the others are not;
    log costs correlate as much; and a customer mostly sees one arm. None of the three is related
    to another or to a covariate, so that the covariates suffice to adjust.
    """
    rng = generator(seed, "repeated customers")
    who = np.concatenate([np.arange(customers), rng.integers(0, customers, sessions - customers)])
    x = Covariates(
        urbanicity=rng.choice(len(URBANICITY), customers, p=_URBANICITY_SHARE)[who],
        mobile=rng.random(sessions) < _MOBILE_CHANCE,
        member=(rng.random(customers) < _MEMBER_CHANCE)[who],
        cart=_shared(rng, who, 0.5),
    )
    lean = np.where(rng.random(sessions) < _SAME_ARM, rng.random(customers)[who],
                    rng.random(sessions))  # fmt: skip
    expanded = lean < expanded_chance(x)
    chance = np.where(expanded, order_chance(x, expanded=True), order_chance(x, expanded=False))
    keen = np.sqrt(CORRELATION) * rng.choice([-1.0, 1.0], customers)[who]
    ordered = rng.random(sessions) < chance + keen * np.sqrt(chance * (1 - chance))
    noise = _COST_SPREAD * _shared(rng, who, CORRELATION)
    mean = np.where(expanded, cost_per_order(x, expanded=True), cost_per_order(x, expanded=False))
    cost = ordered * mean * np.exp(noise - _COST_SPREAD**2 / 2)
    return pd.DataFrame(
        {
            "session_id": np.arange(sessions),
            "customer_id": who,
            "urbanicity": np.array(URBANICITY)[x.urbanicity],
            "device": np.array(DEVICES)[x.mobile.astype(np.int64)],
            "is_member": x.member,
            "cart_value": np.exp(3.4 + 0.6 * x.cart),
            "presentation": np.array(ARMS)[expanded.astype(np.int64)],
            "converted": ordered.astype(np.int8),
            "shipping_cost": cost,
        }
    )


def truth() -> dict[tuple[str, Segment], Known]:
    """Return the population value of every metric, for everyone and by segment.

    Metrics are ``converted`` and ``shipping_cost`` per session, ``cost_per_order`` and ``money``;
    segments are urbanicity, device and their cross.
    """
    x, weight = grid()
    orders = [order_chance(x, expanded=arm) for arm in (False, True)]
    costs = [order_chance(x, expanded=arm) * cost_per_order(x, expanded=arm)
             for arm in (False, True)]  # fmt: skip
    known: dict[tuple[str, Segment], Known] = {}
    for segment, inside in _cells(x):
        share = weight * inside / (weight @ inside)
        order, cost = ([float(share @ mean) for mean in means] for means in (orders, costs))
        for metric, means in {
            "converted": order,
            "shipping_cost": cost,
            "cost_per_order": [c / o for c, o in zip(cost, order, strict=True)],
            MONEY: [ORDER_WORTH * o - c for c, o in zip(cost, order, strict=True)],
        }.items():
            known[metric, segment] = Known(folded=means[0], difference=means[1] - means[0])
    return known


def grid() -> tuple[Covariates, Floats]:
    """Return every combination of covariates and nodes of the cart, with its probability."""
    nodes, mass = np.polynomial.hermite_e.hermegauss(_NODES)
    where, mobile, member, cart = (
        axis.ravel()
        for axis in np.meshgrid(np.arange(3), [False, True], [False, True], nodes, indexing="ij")
    )
    weight = (
        _URBANICITY_SHARE[where]
        * np.where(mobile, _MOBILE_CHANCE, 1 - _MOBILE_CHANCE)
        * np.where(member, _MEMBER_CHANCE, 1 - _MEMBER_CHANCE)
        * np.tile(mass / mass.sum(), where.size // _NODES)
    )
    return Covariates(urbanicity=where, mobile=mobile, member=member, cart=cart), weight


def _cells(x: Covariates) -> list[tuple[Segment, Bools]]:
    cells: list[tuple[Segment, Bools]] = [((), np.ones(x.cart.shape, dtype=np.bool_))]
    for u, place in enumerate(URBANICITY):
        cells.append(((("urbanicity", place),), x.urbanicity == u))
    for m, device in enumerate(DEVICES):
        cells.append(((("device", device),), x.mobile == bool(m)))
        cells += [
            ((("urbanicity", place), ("device", device)), (x.urbanicity == u) & (x.mobile == m))
            for u, place in enumerate(URBANICITY)
        ]
    return cells


def _shared(rng: np.random.Generator, who: Ints, correlation: float) -> Floats:
    """Standard normals that correlate within a customer."""
    own = np.sqrt(1 - correlation) * rng.standard_normal(who.size)
    return np.asarray(own + np.sqrt(correlation) * rng.standard_normal(who.max() + 1)[who])


def _expit(value: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-value)))
