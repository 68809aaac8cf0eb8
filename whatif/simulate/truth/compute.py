"""Population values by an independent draw of customers, with exact expectations inside.

Outcomes are never drawn: every session adds its exact chance of ordering and expected cost under
both presentations, given what is measured and the hidden taste. All values are ratios of customer
totals, so their Monte Carlo errors come from one covariance of totals over independent customers
(delta method).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np

from whatif.base.arrays import Bools, Floats, Ints
from whatif.base.rng import generator
from whatif.simulate.assign import MODES, Mode
from whatif.simulate.choice import mean_costs, option_chances
from whatif.simulate.truth import SCHEMA, Known, TruthRow
from whatif.simulate.world import (
    DAY,
    DAYS,
    DEVICES,
    URBANICITY,
    Customers,
    Sessions,
    draw_customers,
    draw_sessions,
)

WINDOW_DAYS: Final = 28
_BLOCK: Final = 100_000
_CELLS: Final = len(URBANICITY) * len(DEVICES)
_MEASURES: Final = 5  # count, orders folded and expanded, cost folded and expanded
_WIDTH: Final = _CELLS * _MEASURES
_OUTCOMES: Final = {  # numerators (folded, expanded) and denominators, as measures
    "converted": ((1, 2), (0, 0)),
    "shipping_cost": ((3, 4), (0, 0)),
    "cost_per_order": ((3, 4), (1, 2)),
}
Per = Literal["session", "customer", "customer_28d"]
PERS: Final[tuple[Per, ...]] = ("session", "customer", "customer_28d")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Totals:
    """Sums over customers of their cell-by-measure totals, and of the totals' products.

    Attributes
    ----------
    customers : int
        Independent customers, robots not counted.
    first : ndarray of float64, shape (50,)
        Sum of the totals: cell (urbanicity by device) by measure, flattened.
    second : ndarray of float64, shape (50, 50)
        Sum of their outer products.
    """

    customers: int
    first: Floats
    second: Floats


def draw_totals(customers: int, *, seed: int) -> dict[Per, Totals]:
    """Return the totals of about `customers` independent customers, in blocks of 100,000."""
    sums = {per: (0, np.zeros(_WIDTH), np.zeros((_WIDTH, _WIDTH))) for per in PERS}
    for block, start in enumerate(range(0, customers, _BLOCK)):
        rng = generator(seed, f"truth block {block}")
        for per, totals in _block(rng, min(_BLOCK, customers - start)).items():
            count, first, second = sums[per]
            sums[per] = (
                count + totals.shape[0],
                first + totals.sum(axis=0),
                second + totals.T @ totals,
            )
    return {
        per: Totals(customers=count, first=first, second=second)
        for per, (count, first, second) in sums.items()
    }


def truth_rows(totals: Totals, per: Per) -> tuple[TruthRow, ...]:
    """Return the truth of every outcome in every segment, everyone first."""
    return tuple(
        _truth_row(totals, per, dict(segment), cells, outcome)
        for segment, cells in _segments()
        for outcome in _OUTCOMES
    )


def write_tables(folder: Path, *, customers: int, seed: int) -> int:
    """Write one table per mode into `folder` and return how many sessions they rest on."""
    totals = draw_totals(customers, seed=seed)
    sessions = round(float(totals["session"].first[::_MEASURES].sum()))
    for mode in MODES:
        rows = [
            _plain(row)
            for per in (PERS if mode == "by-customer" else PERS[:1])
            for row in truth_rows(totals[per], per)
        ]
        table = {
            "schema": SCHEMA,
            "mode": mode,
            "population": _population(mode),
            "arms": ["folded", "expanded"],
            "draw": {
                "customers": totals["session"].customers,
                "sessions": sessions,
                "seed": seed,
                "window_days": WINDOW_DAYS,
            },
            "rows": rows,
        }
        text = json.dumps(table, indent=1, allow_nan=False)
        (folder / f"{mode}.json").write_text(text + "\n", encoding="utf-8")
    return sessions


def _population(mode: Mode) -> str:
    text = "sessions of customers who are not robots, over 8 weeks that end on 2026-10-31"
    if mode == "srm":
        return text + ", including the sessions that were lost before they were logged"
    return text


def _block(rng: np.random.Generator, count: int) -> dict[Per, Floats]:
    """Return totals of each customer of one block, shape (people, 50), by what is counted."""
    customers = draw_customers(rng, count)
    sessions = draw_sessions(rng, customers)
    people = ~customers.bot
    values = _expected(customers, sessions)
    cell = sessions.context.urbanicity * len(DEVICES) + ~sessions.context.mobile
    start, first_cell = _first(customers, sessions, cell)
    end = start + WINDOW_DAYS * DAY
    window = sessions.micros < end[sessions.customer]
    by_session = _sum(values, sessions.customer, cell, count)
    by_customer = _sum(
        values * window[:, None], sessions.customer, first_cell[sessions.customer], count
    ).reshape(count, _CELLS, _MEASURES)
    by_customer[:, :, 0] = np.arange(_CELLS) == first_cell[:, None]
    flat = by_customer.reshape(count, _WIDTH)
    return {
        "session": by_session[people],
        "customer": flat[people],
        "customer_28d": flat[people & (end <= DAYS * DAY)],
    }


def _expected(customers: Customers, sessions: Sessions) -> Floats:
    """Return the expected measures of each session, shape (n, 5)."""
    taste = customers.taste[sessions.customer]
    cost = mean_costs(sessions.context, taste)
    values = np.ones((taste.size, _MEASURES))
    for arm in (0, 1):
        chances = option_chances(sessions.context, taste, np.full(taste.size, bool(arm)))
        values[:, 1 + arm] = chances.sum(axis=1)
        values[:, 3 + arm] = (chances * cost).sum(axis=1)
    return values


def _first(customers: Customers, sessions: Sessions, cell: Ints) -> tuple[Ints, Ints]:
    """Return start and cell of each customer's first session."""
    ends = np.cumsum(customers.visits)
    start = np.minimum.reduceat(sessions.micros, ends - customers.visits)
    is_first = sessions.micros == start[sessions.customer]
    first_cell = np.zeros(customers.visits.size, dtype=np.int64)
    first_cell[sessions.customer[is_first]] = cell[is_first]
    return start, first_cell


def _sum(values: Floats, customer: Ints, cell: Ints, count: int) -> Floats:
    """Return sums by customer and cell, shape (count, 50)."""
    slot = customer * _CELLS + cell
    out = np.empty((count * _CELLS, _MEASURES))
    for k in range(_MEASURES):
        out[:, k] = np.bincount(slot, weights=values[:, k], minlength=count * _CELLS)
    return out.reshape(count, _WIDTH)


def _segments() -> list[tuple[tuple[tuple[str, str], ...], Bools]]:
    """Return every segment with the cells it is made of, shape (10,)."""
    place, device = np.divmod(np.arange(_CELLS), len(DEVICES))
    out: list[tuple[tuple[tuple[str, str], ...], Bools]] = [((), np.ones(_CELLS, dtype=np.bool_))]
    out += [((("urbanicity", u),), place == i) for i, u in enumerate(URBANICITY)]
    out += [((("device", d),), device == j) for j, d in enumerate(DEVICES)]
    out += [
        ((("urbanicity", u), ("device", d)), (place == i) & (device == j))
        for i, u in enumerate(URBANICITY)
        for j, d in enumerate(DEVICES)
    ]
    return out


def _truth_row(
    totals: Totals, per: Per, segment: dict[str, str], cells: Bools, outcome: str
) -> TruthRow:
    over, under = _OUTCOMES[outcome]
    folded, slope_0 = _ratio(totals, _pick(cells, over[0]), _pick(cells, under[0]))
    expanded, slope_1 = _ratio(totals, _pick(cells, over[1]), _pick(cells, under[1]))
    everyone = np.ones(_CELLS, dtype=np.bool_)
    share, slope_share = _ratio(totals, _pick(cells, 0), _pick(everyone, 0))
    return TruthRow(
        per=per,
        segment=tuple(segment.items()),
        outcome=outcome,
        share=_known(totals, share, slope_share),
        folded=_known(totals, folded, slope_0),
        expanded=_known(totals, expanded, slope_1),
        difference=_known(totals, expanded - folded, slope_1 - slope_0),
    )


def _pick(cells: Bools, measure: int) -> Floats:
    chosen = np.zeros((_CELLS, _MEASURES))
    chosen[cells, measure] = 1.0
    return chosen.ravel()


def _ratio(totals: Totals, over: Floats, under: Floats) -> tuple[float, Floats]:
    """Return a ratio of two sums of totals, and its gradient in the totals."""
    bottom = float(under @ totals.first)
    value = float(over @ totals.first) / bottom
    return value, (over - value * under) / bottom


def _known(totals: Totals, value: float, slope: Floats) -> Known:
    spread = totals.second - np.outer(totals.first, totals.first) / totals.customers
    variance = float(slope @ spread @ slope) * totals.customers / (totals.customers - 1)
    return Known(value=value, mc_error=max(variance, 0.0) ** 0.5)


def _plain(row: TruthRow) -> dict[str, object]:
    return asdict(row) | {"segment": dict(row.segment)}
