"""Who comes to the checkout, and with what: customers and sessions before any presentation.

Customers are independent draws. Nothing hidden about a customer (`taste`, `latent`) is related
to anything measured, so the measured columns suffice to adjust for confounding.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final, Self

import numpy as np

from whatif.base.arrays import Bools, Floats, Ints

START: Final = np.datetime64("2026-09-06T00:00:00", "us")
DAYS: Final = 56
DAY: Final = 86_400_000_000  # microseconds
URBANICITY: Final = ("dense_urban", "urban", "suburban", "rural", "remote_rural")
DEVICES: Final = ("mobile", "desktop")
MEAN_VISITS: Final = 4.4  # a little below the true mean, for sizing draws

_MAX_VISITS: Final = 30
_BOT_SHARE: Final = 0.005
_URBANICITY_SHARE: Final = np.array([0.20, 0.25, 0.27, 0.16, 0.12])
_MEMBER_CHANCE: Final = np.array([0.52, 0.50, 0.48, 0.42, 0.38])
_MOBILE_CHANCE: Final = np.array([0.68, 0.64, 0.58, 0.55, 0.55])
_MEDIAN_KM: Final = np.array([4.0, 8.0, 18.0, 45.0, 90.0])
_OPTION_COUNTS: Final = np.arange(2, 7)
_OPTION_SHARES: Final = np.array(
    [
        [0.02, 0.08, 0.25, 0.35, 0.30],
        [0.04, 0.13, 0.33, 0.30, 0.20],
        [0.08, 0.22, 0.40, 0.20, 0.10],
        [0.14, 0.36, 0.35, 0.11, 0.04],
        [0.20, 0.45, 0.28, 0.06, 0.01],
    ]
)
_HOUR_LOAD: Final = 1.0 + 0.85 * np.cos(2 * np.pi * (np.arange(24) - 18.5) / 24)
_PHONES: Final = np.array([360, 375, 390, 412])
_PHONE_SHARES: Final = np.array([0.35, 0.15, 0.35, 0.15])
_SCREENS: Final = np.array([1280, 1366, 1440, 1536, 1920])
_SCREEN_SHARES: Final = np.array([0.12, 0.22, 0.16, 0.22, 0.28])
_ODD_WIDTH: Final = 0.12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Customers:
    """C independent customers; every array has shape (C,).

    Attributes
    ----------
    urbanicity : ndarray of int64
        Code into `URBANICITY`.
    member, bot, prefers_mobile : ndarray of bool
        Membership, whether a robot, and the device usually used.
    tenure : ndarray of int64
        Days since the first order, on the first day of the log.
    n_options : ndarray of int64
        Delivery options the address allows.
    phone, screen : ndarray of int64
        Viewport width of the customer's phone and desktop, CSS px.
    cart, distance : ndarray of float64
        The customer's own shift of log cart value and log distance.
    taste, latent : ndarray of float64
        Hidden: standard normal keenness to order; uniform propensity to be shown everything.
    visits : ndarray of int64
        Sessions in the log, 1 to 30.
    """

    urbanicity: Ints
    member: Bools
    bot: Bools
    prefers_mobile: Bools
    tenure: Ints
    n_options: Ints
    phone: Ints
    screen: Ints
    cart: Floats
    distance: Floats
    taste: Floats
    latent: Floats
    visits: Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Context:
    """What is measured before the presentation and moves choices; arrays of shape (n,).

    `urbanicity` holds codes, `mobile` is true on a phone, `cart_value` is in USD.
    """

    urbanicity: Ints
    member: Bools
    tenure_days: Ints
    mobile: Bools
    hour: Ints
    week: Ints
    cart_value: Floats
    distance_km: Floats
    n_options: Ints

    def take(self, rows: Ints) -> Self:
        """Return the context of `rows`."""
        return type(self)(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sessions:
    """n sessions, all of one customer together; arrays of shape (n,).

    Attributes
    ----------
    customer : ndarray of int64
        Row of the customer.
    micros : ndarray of int64
        Start, in microseconds since `START`.
    viewport : ndarray of int64
        Width in CSS px.
    context : Context
        The measured columns that move choices.
    """

    customer: Ints
    micros: Ints
    viewport: Ints
    context: Context

    def take(self, rows: Ints) -> Self:
        """Return the sessions of `rows`, in that order."""
        return type(self)(
            customer=self.customer[rows],
            micros=self.micros[rows],
            viewport=self.viewport[rows],
            context=self.context.take(rows),
        )


def draw_customers(rng: np.random.Generator, count: int) -> Customers:
    """Return `count` independent customers."""
    urbanicity = _pick(rng, np.arange(len(URBANICITY)), _URBANICITY_SHARE, count)
    member = rng.random(count) < _MEMBER_CHANCE[urbanicity]
    rate = rng.gamma(0.9, 3.6 / 0.9, count) * np.where(member, 1.2, 0.85)
    return Customers(
        urbanicity=urbanicity,
        member=member,
        bot=rng.random(count) < _BOT_SHARE,
        prefers_mobile=rng.random(count) < _MOBILE_CHANCE[urbanicity],
        tenure=np.floor(rng.gamma(1.3, np.where(member, 520.0, 300.0))).astype(np.int64),
        n_options=_option_count(rng, urbanicity),
        phone=_widths(rng, _PHONES, _PHONE_SHARES, count, low=320, high=480),
        screen=_widths(rng, _SCREENS, _SCREEN_SHARES, count, low=1024, high=2560),
        cart=rng.normal(0.0, 0.35, count),
        distance=rng.normal(0.0, 0.25, count),
        taste=rng.normal(0.0, 1.0, count),
        latent=rng.random(count),
        visits=np.minimum(1 + rng.poisson(rate), _MAX_VISITS),
    )


def draw_sessions(rng: np.random.Generator, customers: Customers) -> Sessions:
    """Return every session of `customers`, customer by customer."""
    who = np.repeat(np.arange(customers.visits.size), customers.visits)
    n = who.size
    day = rng.integers(0, DAYS, n)
    hour = _pick(rng, np.arange(24), _HOUR_LOAD / _HOUR_LOAD.sum(), n)
    late = np.cos(2 * np.pi * (hour - 21) / 24)
    mobile = rng.random(n) < np.where(customers.prefers_mobile[who], 0.86, 0.16) + 0.05 * late
    member, urbanicity = customers.member[who], customers.urbanicity[who]
    log_cart = 4.0 + 0.10 * member - 0.12 * mobile + customers.cart[who]
    log_km = np.log(_MEDIAN_KM)[urbanicity] + customers.distance[who]
    context = Context(
        urbanicity=urbanicity,
        member=member,
        tenure_days=customers.tenure[who] + day,
        mobile=mobile,
        hour=hour,
        week=day // 7 + 1,
        cart_value=np.clip(np.round(np.exp(log_cart + rng.normal(0.0, 0.45, n)), 2), 5.0, 900.0),
        distance_km=np.clip(np.round(np.exp(log_km + rng.normal(0.0, 0.35, n)), 1), 0.5, 400.0),
        n_options=customers.n_options[who],
    )
    return Sessions(
        customer=who,
        micros=day * DAY + hour * (DAY // 24) + rng.integers(0, DAY // 24, n),
        viewport=np.where(mobile, customers.phone[who], customers.screen[who]),
        context=context,
    )


def _pick(rng: np.random.Generator, levels: Ints, shares: Floats, count: int) -> Ints:
    cuts = np.cumsum(shares)[:-1]
    return np.asarray(levels[np.searchsorted(cuts, rng.random(count), side="right")])


def _option_count(rng: np.random.Generator, urbanicity: Ints) -> Ints:
    cuts = np.cumsum(_OPTION_SHARES, axis=1)[:, :-1][urbanicity]
    return np.asarray(_OPTION_COUNTS[(rng.random(urbanicity.size)[:, None] >= cuts).sum(axis=1)])


def _widths(
    rng: np.random.Generator, common: Ints, shares: Floats, count: int, *, low: int, high: int
) -> Ints:
    odd = rng.random(count) < _ODD_WIDTH
    anywhere = rng.integers(low, high + 1, count)
    return np.where(odd, anywhere, _pick(rng, common, shares, count))
