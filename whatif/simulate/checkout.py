"""A checkout log whose true effects are known, as one frame of contract `checkout_sessions.v1`."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from whatif.base.arrays import Bools, Ints
from whatif.base.errors import Problem, UsageError, did_you_mean
from whatif.base.rng import generator
from whatif.simulate.assign import MODES, Mode, arrives, assign
from whatif.simulate.choice import NO_ORDER, OPTIONS, Outcomes, draw_outcomes
from whatif.simulate.world import (
    DEVICES,
    MEAN_VISITS,
    START,
    URBANICITY,
    Customers,
    Sessions,
    draw_customers,
    draw_sessions,
)

PRESENTATIONS: Final = ("folded", "expanded")
FEWEST: Final = 100


def simulate_checkout(sessions: int, *, seed: int, mode: Mode) -> pd.DataFrame:
    """Simulate a checkout log of exactly `sessions` rows, in order of time.

    Customers are independent and return 4 to 5 times on average within 8 weeks that end on
    2026-10-31; a hidden taste makes a customer's sessions alike. The population and what happens
    under each presentation are the same in every mode; only the way presentations come about
    differs, so all modes share one truth per session (see `whatif.simulate.truth`).

    Parameters
    ----------
    sessions : int
        Rows of the log, at least 100.
    seed : int
        Not negative; an equal seed gives an equal log.
    mode : {"randomised", "by-customer", "confounded", "srm"}
        ``randomised``: half of the sessions, by chance. ``by-customer``: half of the customers,
        for good. ``confounded``: by measured columns, and sticky within a customer. ``srm``: as
        randomised, but a slow page loses expanded phone sessions of guests before they are
        logged, so that the sample ratio is broken.

    Returns
    -------
    DataFrame
        One row per session; columns, types and units of ``data_schemas/checkout_sessions.v1``.

    Raises
    ------
    UsageError
        If there are too few sessions, the mode is unknown or the seed is negative.

    Examples
    --------
    >>> simulate_checkout(500, seed=1, mode="randomised")["presentation"].nunique()
    2
    """
    _check(sessions, seed, mode)
    wanted = sessions if mode != "srm" else int(1.04 * sessions + 6 * sessions**0.5)
    rng = generator(seed, "simulate population")
    customers = draw_customers(rng, int(wanted / MEAN_VISITS + 10 * wanted**0.5) + 10)
    drawn = draw_sessions(rng, customers)
    drawn = drawn.take(np.arange(wanted))
    expanded = assign(generator(seed, "simulate arms"), mode, customers, drawn)
    logged = arrives(generator(seed, "simulate losses"), mode, drawn, expanded)
    rows = np.flatnonzero(logged)[:sessions]
    rows = rows[np.argsort(drawn.micros[rows], kind="stable")]
    drawn, expanded = drawn.take(rows), expanded[rows]
    outcomes = draw_outcomes(
        generator(seed, "simulate outcomes"),
        drawn.context,
        customers.taste[drawn.customer],
        expanded,
        bot=customers.bot[drawn.customer],
    )
    return _frame(customers, drawn, expanded, outcomes)


def _check(sessions: int, seed: int, mode: str) -> None:
    problems = []
    if sessions < FEWEST:
        problems.append(
            Problem(
                what=f"{sessions} sessions were asked for.",
                why="a log this small leaves segments without a single order.",
                fix=f"ask for at least {FEWEST} sessions; 100000 shows every segment.",
            )
        )
    if seed < 0:
        problems.append(
            Problem(
                what=f"the seed is {seed}.",
                why="random streams start from whole numbers that are not negative.",
                fix="give a seed of 0 or more.",
            )
        )
    if mode not in MODES:
        problems.append(
            Problem(
                what=f"there is no simulation mode {mode!r}.",
                why="the mode says how sessions came to be shown every option.",
                fix=did_you_mean(mode, list(MODES)),
            )
        )
    if problems:
        raise UsageError(*problems)


def _frame(
    customers: Customers, sessions: Sessions, expanded: Bools, outcomes: Outcomes
) -> pd.DataFrame:
    context, who = sessions.context, sessions.customer
    names = [f"c{number:06d}" for number in range(1, int(who.max()) + 2)]
    started = (START + sessions.micros.astype("timedelta64[us]")).astype("datetime64[us]")
    return pd.DataFrame(
        {
            "session_id": _text([f"s{number:07d}" for number in range(1, who.size + 1)]),
            "customer_id": _text(names, who),
            "started_at": pd.Series(started).dt.tz_localize("UTC"),
            "week": context.week.astype(np.int8),
            "hour": context.hour.astype(np.int8),
            "urbanicity": _text(URBANICITY, context.urbanicity),
            "is_member": context.member,
            "tenure_days": context.tenure_days.astype(np.int32),
            "device": _text(DEVICES, (~context.mobile).astype(np.int64)),
            "viewport_width": sessions.viewport.astype(np.int16),
            "cart_value": context.cart_value,
            "distance_km": context.distance_km,
            "n_options": context.n_options.astype(np.int8),
            "is_bot": customers.bot[who],
            "presentation": _text(PRESENTATIONS, expanded.astype(np.int64)),
            "option": _text((*OPTIONS, None), outcomes.option),
            "converted": (outcomes.option < NO_ORDER).astype(np.int8),
            "shipping_cost": outcomes.shipping_cost,
            "boxes": outcomes.boxes.astype(np.int8),
        }
    )


def _text(levels: list[str] | tuple[str | None, ...], codes: Ints | None = None) -> pd.Series:
    """Return the levels that `codes` point at, as a text column; None is missing."""
    column = pd.Series(levels, dtype="str")
    return column if codes is None else column.take(codes).reset_index(drop=True)
