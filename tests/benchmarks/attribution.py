"""Do the parts of a move cover what they estimate, when customers come back in both periods?

6,000 sessions of 1,500 customers and three arms that chance gives out, at other shares in the
later period. Mix, shares of arms, orders and costs all move. Some customers come in one period,
some in both; a customer keeps most of the segment, of the arm and of the taste for ordering. Every
part is known exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import permutations

import numpy as np
import pandas as pd
from scipy import stats

from tests.benchmarks.running import replicated
from whatif.base.arrays import Bools, Floats, Ints
from whatif.base.rng import generator
from whatif.effects.contrasts import Metric
from whatif.scenarios.attribution.attribute import attribute
from whatif.scenarios.attribution.periods import in_time
from whatif.scores.aipw import aipw_scores
from whatif.scores.record import Scores

MIX = np.array([[0.45, 0.30, 0.25], [0.30, 0.30, 0.40]])
SHARES = np.array(
    [
        [[0.50, 0.25, 0.25], [0.40, 0.30, 0.30], [0.30, 0.40, 0.30]],
        [[0.30, 0.40, 0.30], [0.30, 0.30, 0.40], [0.28, 0.37, 0.35]],
    ]
)
ORDERS = np.array(
    [
        [[0.50, 0.55, 0.52], [0.45, 0.50, 0.50], [0.50, 0.60, 0.55]],
        [[0.52, 0.56, 0.54], [0.45, 0.52, 0.50], [0.48, 0.60, 0.55]],
    ]
)
COST = np.array(
    [
        [[4.0, 4.5, 4.2], [6.0, 6.6, 6.3], [9.0, 9.9, 9.4]],
        [[4.2, 4.6, 4.5], [6.1, 6.8, 6.3], [9.3, 9.9, 9.8]],
    ]
)
SPREAD = 1.5
CORRELATION = 0.4
KEPT = 0.6
"""Chance that a session has its customer's own segment, or own arm, rather than a fresh one."""
METRICS = {
    "orders": Metric(name="orders", numerator=0),
    "cost per order": Metric(name="cost per order", numerator=1, denominator=0),
}


def draw(seed: int, *, sessions: int = 6_000, customers: int = 1_500) -> tuple[Scores, Bools]:
    """Scores of one log, and which of its sessions are later."""
    rng = generator(seed, "attribution")
    when = rng.choice(3, customers, p=[0.4, 0.4, 0.2])
    own = rng.integers(0, customers, sessions)
    period = np.where(when[own] == 2, rng.integers(0, 2, sessions), when[own])
    place = _chosen(rng, MIX[period], own)
    chance = SHARES[period, place]
    arm = _chosen(rng, chance, own)
    keen = _normal(rng, own, customers)
    converted = (stats.norm.cdf(keen) < ORDERS[period, place, arm]).astype(np.float64)
    cost = COST[period, place, arm] + SPREAD * _normal(rng, own, customers)
    y = np.column_stack([converted, converted * cost])
    gamma = aipw_scores(y=y, arm=arm, mean=_means(y, period, place, arm), propensity=chance)
    scores = Scores(
        arms=("folded", "expanded", "tabs"),
        outcomes=("converted", "cost"),
        gamma=gamma,
        mass=np.ones(sessions),
        propensity=chance,
        arm=arm,
        y=y,
        cluster=own,
        fold=own % 2,
        weight=np.ones(sessions),
        target="ate",
        unit=pd.Series(np.arange(sessions)),
        columns=pd.DataFrame({"place": np.array(["city", "coast", "hills"])[place]}),
        clusters_assigned=False,
        quality=(),
        overlap=(),
        population="all rows",
        repeats=gamma.mean(axis=0, keepdims=True),
        key="",
    )
    return scores, np.asarray(period == 1)


def _chosen(rng: np.random.Generator, chance: Floats, own: Ints) -> Ints:
    """Draw one of several by chance; most sessions of a customer share what luck decides."""
    shared = rng.uniform(size=int(own.max()) + 1)[own]
    luck = np.where(rng.uniform(size=own.size) < KEPT, shared, rng.uniform(size=own.size))
    return np.asarray((luck[:, None] > chance.cumsum(axis=1)[:, :-1]).sum(axis=1), np.int64)


def _normal(rng: np.random.Generator, own: Ints, customers: int) -> Floats:
    shared = rng.normal(size=customers)[own]
    return np.asarray(
        np.sqrt(CORRELATION) * shared + np.sqrt(1 - CORRELATION) * rng.normal(size=own.size)
    )


def _means(y: Floats, period: Ints, place: Ints, arm: Ints) -> Floats:
    """Mean outcomes by period and place under each arm, for every session."""
    out = np.zeros((len(y), 3, y.shape[1]))
    for t in (0, 1):
        for p in range(3):
            here = (period == t) & (place == p)
            for a in range(3):
                out[here, a] = y[here & (arm == a)].mean(axis=0)
    return out


@cache
def truth(metric: str) -> dict[str, float]:
    """Exact parts: every order of the three changes, one after the other."""
    tops = ORDERS if metric == "orders" else ORDERS * COST
    below = np.ones_like(ORDERS) if metric == "orders" else ORDERS
    both = MIX[:, :, None] / MIX.sum(axis=0)[:, None]
    pooled = [np.stack([(both * one).sum(axis=0)] * 2) for one in (tops, below)]

    def parts(above: Floats, under: Floats) -> Floats:
        def value(state: Sequence[int]) -> float:
            weight = MIX[state[0]][:, None] * SHARES[state[1]]
            return float((weight * above[state[2]]).sum() / (weight * under[state[2]]).sum())

        found = np.zeros(3)
        for order in permutations(range(3)):
            state = [0, 0, 0]
            for one in order:
                before = value(state)
                state[one] = 1
                found[one] += (value(state) - before) / 6
        return found

    mix, share, mechanism = parts(tops, below).tolist()
    return {
        "total": mix + share + mechanism,
        "mix": mix,
        "treatment_share": share,
        "mechanism": mechanism,
        "measured_effect_of_shares": float(parts(*pooled)[1]),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """One part of one replication."""

    errors: str
    metric: str
    part: str
    covered: bool
    z: float
    width: float


def replicate(seed: int) -> Sequence[Draw]:
    """Split one log's moves, with its customers and with sessions taken as independent."""
    scores, later = draw(seed)
    alone = replace(scores, cluster=np.arange(scores.n))
    return [*_draws("clustered", scores, later), *_draws("independent", alone, later)]


def _draws(name: str, scores: Scores, later: Bools) -> Iterator[Draw]:
    for metric, where in METRICS.items():
        periods = in_time(scores, where, [("place",)], earlier=~later, later=later)
        for part in attribute(periods, level=0.95).parts:
            low, high = part.ci
            assert low is not None and high is not None  # noqa: PT018
            known = truth(metric)[part.part]
            yield Draw(
                errors=name,
                metric=metric,
                part=part.part,
                covered=low <= known <= high,
                z=(part.estimate - known) / part.std_error,
                width=high - low,
            )


def run(replications: int) -> pd.DataFrame:
    """Return coverage of the total, its parts and the measured effect of the shares.

    Parameters
    ----------
    replications : int
        Draws of 6,000 sessions; a thousand take a minute or two on two cores.
    """
    return table(replicated(replicate, range(replications), label="attribution"))


def table(draws: Sequence[Draw]) -> pd.DataFrame:
    """Return coverage, mean and spread of z, and width by errors, metric and part."""
    grouped = pd.DataFrame(draws).groupby(["errors", "metric", "part"], sort=False)
    return pd.DataFrame(
        {
            "coverage": grouped["covered"].mean(),
            "mean of z": grouped["z"].mean(),
            "sd of z": grouped["z"].std(),
            "width": grouped["width"].mean(),
            "replications": grouped.size(),
        }
    ).reset_index()
