"""Who is shown every option: four ways in which presentations come about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, get_args

import numpy as np

from whatif.base.arrays import Bools, Floats
from whatif.simulate.world import Context, Customers, Sessions

Mode = Literal["randomised", "by-customer", "confounded", "srm"]
MODES: Final[tuple[Mode, ...]] = get_args(Mode)

_LOWEST, _HIGHEST = 0.10, 0.90
_HALF: Final = 0.5
_PLACE: Final = np.array([-0.60, -0.30, 0.0, 0.40, 0.60])
_LOST: Final = 0.18  # of expanded phone sessions of guests, when the new page is slow


def propensity(context: Context) -> Floats:
    """Return the confounded chance of the expanded page, shape (n,), inside (0.1, 0.9).

    It depends on device, membership, cart value, hour, tenure and urbanicity only, with two
    interactions and a curved effect of cart value.
    """
    cart = np.log(context.cart_value / 55.0)
    years = np.log1p(context.tenure_days / 365.0) - 0.7
    late = np.cos(2 * np.pi * (context.hour - 20) / 24)
    score = (
        -0.30
        + _PLACE[context.urbanicity]
        - 0.60 * (context.mobile - 0.6)
        + 1.00 * (context.member - 0.5)
        - 0.25 * years
        + (0.30 + 0.30 * context.member) * cart
        - 0.10 * cart**2
        + 0.30 * (context.mobile - 0.4) * late
    )
    return np.asarray(_LOWEST + (_HIGHEST - _LOWEST) / (1.0 + np.exp(-score)))


def assign(rng: np.random.Generator, mode: Mode, customers: Customers, sessions: Sessions) -> Bools:
    """Return which sessions are shown every option under `mode`, shape (n,)."""
    return _WAYS[mode](rng, customers, sessions)


def arrives(rng: np.random.Generator, mode: Mode, sessions: Sessions, expanded: Bools) -> Bools:
    """Return which sessions reach the log, shape (n,): all of them, unless the ratio is broken."""
    if mode != "srm":
        return np.ones(expanded.size, dtype=np.bool_)
    slow = expanded & sessions.context.mobile & ~sessions.context.member
    return ~(slow & (rng.random(expanded.size) < _LOST))


def _by_session(rng: np.random.Generator, _customers: Customers, sessions: Sessions) -> Bools:
    return rng.random(sessions.customer.size) < _HALF


def _by_customer(rng: np.random.Generator, customers: Customers, sessions: Sessions) -> Bools:
    return (rng.random(customers.visits.size) < _HALF)[sessions.customer]


def _confounded(_rng: np.random.Generator, customers: Customers, sessions: Sessions) -> Bools:
    return customers.latent[sessions.customer] < propensity(sessions.context)


_WAYS: Final[dict[Mode, Callable[[np.random.Generator, Customers, Sessions], Bools]]] = {
    "randomised": _by_session,
    "by-customer": _by_customer,
    "confounded": _confounded,
    "srm": _by_session,
}
