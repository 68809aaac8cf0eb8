"""Do the parts of a move between two runs cover what they estimate, when customers come back?

An older run of 3,800 sessions by 400 customers, and a newer one with 2,000 more, by these and 120
new customers, who keep most of their segment and their taste for ordering. In every world 200
sessions of the older run are gone, 200 of its days came late, and models differ between the runs.
*Mix*: new sessions come from other places. *Mechanism*: they respond otherwise. *Revised*: the
older run missed three tenths of the orders of one arm in one place. Every part is known exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats

from tests.benchmarks.running import replicated
from whatif.base.arrays import Bools, Floats, Ints
from whatif.base.rng import generator
from whatif.scenarios.changes.cells import cut_by
from whatif.scenarios.changes.runs import Compared, match
from whatif.scenarios.changes.split import split
from whatif.scores.aipw import aipw_scores
from whatif.scores.record import Scores

WORLDS = ("null", "mix", "mechanism", "revised")
EARLY, NEW, LOST = 4_000, 2_000, 200
CUSTOMERS = (400, 520)
MIX = np.array([0.45, 0.30, 0.25])
OTHER_MIX = np.array([0.20, 0.30, 0.50])
ORDERS = np.array([[0.45, 0.55], [0.40, 0.48], [0.35, 0.30]])
OTHER_ORDERS = np.array([[0.45, 0.45], [0.40, 0.40], [0.35, 0.22]])
COST = np.array([[4.0, 4.4], [6.0, 6.6], [9.0, 9.9]])
MISSED = 0.3
SPREAD, CORRELATION, KEPT = 1.5, 0.5, 0.75
METRICS = {
    "orders": Compared(
        arm="expanded", versus="folded", numerator="converted", denominator=None
    ),
    "cost per order": Compared(
        arm="expanded", versus="folded", numerator="cost", denominator="converted"
    ),
}  # fmt: skip


def _mix(world: str) -> Floats:
    return np.stack([MIX, OTHER_MIX if world == "mix" else MIX])


def _orders(world: str) -> Floats:
    """Chance of an order by period, place and arm."""
    return np.stack([ORDERS, OTHER_ORDERS if world == "mechanism" else ORDERS])


def _recorded(world: str) -> Floats:
    """Share of orders that the older run had, by place and arm."""
    share = np.ones_like(ORDERS)
    share[2, 1] -= MISSED if world == "revised" else 0.0
    return share


def draw(world: str, seed: int) -> tuple[Scores, Scores, Bools]:
    """Scores of both runs, and which sessions of the newer one are of the older one's days."""
    rng = generator(seed, f"changes {world}")
    period = np.repeat([0, 1], [EARLY, NEW])
    own = rng.integers(0, np.array(CUSTOMERS)[period])
    place = _chosen(rng, _mix(world)[period], own)
    arm = _chosen(rng, np.full((own.size, 2), 0.5), own)
    chance = _orders(world)[period, place]
    keen = _normal(rng, own)
    converted = (stats.norm.cdf(keen) < chance[np.arange(arm.size), arm]).astype(np.float64)
    cost = converted * (COST[place, arm] + SPREAD * _normal(rng, own))
    seen = rng.uniform(size=arm.size) < _recorded(world)[place, arm]
    covariate = rng.standard_normal(arm.size)
    unit = np.arange(arm.size)
    gone, late = unit < LOST, (unit >= LOST) & (unit < 2 * LOST)
    log = _Log(unit=unit, own=own, place=place, arm=arm)
    y = np.column_stack([converted, cost])
    now = _scores(log, y, chance, 0.05 * covariate)
    recorded = chance * _recorded(world)[place]
    then = _scores(log, y * seen[:, None], recorded, -0.1 * covariate)
    newer = taken(now, ~gone)
    return taken(then, (period == 0) & ~late), newer, np.asarray(period[~gone] == 0)


def _chosen(rng: np.random.Generator, chance: Floats, own: Ints) -> Ints:
    """Draw one of several by chance; most sessions of a customer share what luck decides."""
    shared = rng.uniform(size=CUSTOMERS[1])[own]
    luck = np.where(rng.uniform(size=own.size) < KEPT, shared, rng.uniform(size=own.size))
    return np.asarray((luck[:, None] > chance.cumsum(axis=1)[:, :-1]).sum(axis=1), np.int64)


def _normal(rng: np.random.Generator, own: Ints) -> Floats:
    alike = rng.standard_normal(CUSTOMERS[1])[own]
    rest = rng.standard_normal(own.size)
    return np.asarray(np.sqrt(CORRELATION) * alike + np.sqrt(1 - CORRELATION) * rest)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Log:
    """Sessions of both runs: their ids, customers, places and arms."""

    unit: Ints
    own: Ints
    place: Ints
    arm: Ints


def _scores(log: _Log, y: Floats, chance: Floats, off: Floats) -> Scores:
    """Scores with predictions that are off by a little, which costs precision and no bias."""
    own, arm = log.own, log.arm
    mean = np.stack([chance, chance * COST[log.place]], axis=2) + off[:, None, None]
    even = np.full((arm.size, 2), 0.5)
    gamma = aipw_scores(y=y, arm=arm, mean=mean, propensity=even)
    return Scores(
        arms=("folded", "expanded"),
        outcomes=("converted", "cost"),
        gamma=gamma,
        mass=np.ones(arm.size),
        propensity=even,
        arm=arm,
        y=y,
        cluster=own,
        fold=own % 2,
        weight=np.ones(arm.size),
        target="ate",
        unit=pd.Series(log.unit),
        columns=pd.DataFrame({"place": np.array(["city", "coast", "hills"])[log.place]}),
        clusters_assigned=False,
        quality=(),
        overlap=(),
        population="all rows",
        repeats=gamma.mean(axis=0, keepdims=True),
        key="",
    )


def taken(scores: Scores, rows: Bools) -> Scores:
    """Return some sessions of a run."""
    names = ("gamma", "mass", "propensity", "arm", "y", "fold", "weight", "cluster")
    return replace(
        scores,
        **{name: getattr(scores, name)[rows] for name in names},
        unit=scores.unit[rows].reset_index(drop=True),
        columns=scores.columns[rows].reset_index(drop=True),
    )


def truth(world: str, metric: str) -> dict[str, float]:
    """Exact parts, from means by place and arm above and below."""
    early, new = EARLY - LOST, NEW
    orders, mix = _orders(world), _mix(world)
    counts = np.stack([early * mix[0], new * mix[1]])
    both = counts.sum(axis=0)
    pooled = (counts[:, :, None] * orders).sum(axis=0) / both[:, None]

    def value(share: Floats, chance: Floats) -> float:
        below = share @ chance
        above = below if metric == "orders" else share @ (chance * COST)
        made = above if metric == "orders" else above / below
        return float(made[1] - made[0])

    whole = both / both.sum()
    then = value(mix[0], orders[0] * _recorded(world))
    again, now = value(mix[0], orders[0]), value(whole, pooled)
    mixed = value(whole, orders[0]) - again + now - value(mix[0], pooled)
    return {
        "total": now - then,
        "counted": 0.0,
        "rescored": again - then,
        "mix": mixed / 2,
        "mechanism": now - again - mixed / 2,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """One part of one replication."""

    errors: str
    world: str
    metric: str
    part: str
    ranged: bool
    covered: bool
    zero: bool
    z: float


def replicate(seed: int) -> Sequence[Draw]:
    """Split the moves of every world, with its customers and with sessions as independent."""
    return [*clustered(seed), *independent(seed)]


def clustered(seed: int) -> Iterator[Draw]:
    """Split the moves of every world with its customers."""
    for world in WORLDS:
        older, newer, again = draw(world, seed)
        yield from _draws("clustered", world, (older, newer), again)


def independent(seed: int) -> Iterator[Draw]:
    """Split the moves of every world with every session a cluster of its own."""
    for world in WORLDS:
        older, newer, again = draw(world, seed)
        first, second = (replace(one, cluster=one.unit.to_numpy()) for one in (older, newer))
        yield from _draws("independent", world, (first, second), again)


def _draws(errors: str, world: str, pair: tuple[Scores, Scores], again: Bools) -> Iterator[Draw]:
    older, newer = pair
    for metric, compared in METRICS.items():
        runs = cut_by(match(older, newer, compared, again), newer.columns, (("place",),))
        move = split(runs, level=0.95)
        assert move is not None
        known = truth(world, metric)
        for part in (move.total, *move.parts):
            low, high = part.ci
            if low is None or high is None:  # a single customer carries the part
                low, high = np.nan, np.nan
            yield Draw(
                errors=errors,
                world=world,
                metric=metric,
                part=part.part,
                ranged=bool(np.isfinite(low)),
                covered=low <= known[part.part] <= high,
                zero=low <= 0 <= high,
                z=(part.estimate - known[part.part]) / part.std_error,
            )


def run(replications: int) -> pd.DataFrame:
    """Return coverage of the total and its parts in every world.

    Parameters
    ----------
    replications : int
        Pairs of runs a world; 400 take about a minute on two cores.
    """
    return table(replicated(replicate, range(replications), label="changes"))


def table(draws: Sequence[Draw]) -> pd.DataFrame:
    """Return coverage, how often a range holds zero, mean and spread of z, and missing ranges."""
    by = ["errors", "world", "metric", "part"]
    every = pd.DataFrame(draws)
    grouped = every[every["ranged"]].groupby(by, sort=False)
    return pd.DataFrame(
        {
            "coverage": grouped["covered"].mean(),
            "holds zero": grouped["zero"].mean(),
            "mean of z": grouped["z"].mean(),
            "sd of z": grouped["z"].std(),
            "without a range": 1 - every.groupby(by, sort=False)["ranged"].mean(),
        }
    ).reset_index()
