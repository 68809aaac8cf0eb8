"""Do bounds for those who order either way cover, when customers come back and directions differ?

4,000 sessions of 1,000 customers who are assigned whole. In one kind of place the arm brings
orders, in another it loses them, in a third it does neither; costs differ between places and rise
with the reluctance to order. Every end of every bound is known exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pandas as pd
from scipy import optimize, stats

from tests.benchmarks.running import replicated
from whatif.base.arrays import Floats, Ints
from whatif.base.rng import generator
from whatif.contract.spec import StudySpec
from whatif.effects.bounds.lee import lee_bounds
from whatif.effects.bounds.row import BoundsRow
from whatif.effects.cells import cut
from whatif.effects.joint import joint
from whatif.effects.rows import Segment
from whatif.scores.aipw import aipw_scores
from whatif.scores.record import Scores

PLACES = ("city", "coast", "hills")
SHARE = np.array([0.4, 0.35, 0.25])
ORDERS = np.array([[0.40, 0.62], [0.62, 0.40], [0.50, 0.50]])
"""Chance of an order by place, control then arm."""
COST = np.array([[4.0, 4.3], [9.0, 9.3], [5.0, 5.3]])
"""Mean cost of the keenest buyer, USD."""
RELUCTANCE = np.array([2.0, -1.0, 0.0])
"""How much dearer the most reluctant unit's order would be than the keenest's, USD."""
SPREAD = 1.0
CORRELATION = 0.3
"""Of two sessions of one customer: of the normal scores of reluctance and of cost."""


def study(*segments: str) -> StudySpec:
    """Orders, cost and cost per order, cut by `segments`."""
    return StudySpec.model_validate(
        {
            "study": "bounds",
            "treatment": {"column": "presentation", "control": "folded"},
            "outcomes": [
                {"column": "converted", "kind": "binary"},
                {"column": "cost", "kind": "cost", "better": "lower"},
            ],
            "ratios": [{"name": "cost_per_order", "numerator": "cost", "denominator": "converted"}],
            "segments": list(segments),
        }
    )


def draw(seed: int, *, sessions: int = 4_000, customers: int = 1_000) -> Scores:
    """Scores of one experiment with known chances of one half, adjusted for the place."""
    rng = generator(seed, "bounds")
    own = rng.integers(0, customers, sessions)
    place = rng.choice(3, customers, p=SHARE)[own]
    arm = rng.integers(0, 2, customers)[own]
    keen, dear = (_correlated(rng, own, customers) for _ in range(2))
    reluctance = np.asarray(stats.norm.cdf(keen))
    converted = (reluctance < ORDERS[place, arm]).astype(np.float64)
    cost = COST[place, arm] + RELUCTANCE[place] * reluctance + SPREAD * dear
    y = np.column_stack([converted, converted * cost])
    mean = np.zeros((sessions, 2, 2))
    for p in range(3):
        for a in (0, 1):
            mean[place == p, a] = y[(place == p) & (arm == a)].mean(axis=0)
    chance = np.full((sessions, 2), 0.5)
    gamma = aipw_scores(y=y, arm=arm, mean=mean, propensity=chance)
    return Scores(
        arms=("folded", "expanded"),
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
        columns=pd.DataFrame({"place": np.array(PLACES)[place]}),
        clusters_assigned=True,
        quality=(),
        overlap=(),
        population="all rows",
        repeats=gamma.mean(axis=0, keepdims=True),
        key="",
    )


def _correlated(rng: np.random.Generator, own: Ints, customers: int) -> Floats:
    shared = rng.normal(size=customers)[own]
    alone = rng.normal(size=own.size)
    return np.asarray(np.sqrt(CORRELATION) * shared + np.sqrt(1 - CORRELATION) * alone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Exact values in one segment: the effect on those who order either way, and its bounds."""

    effect: float
    low: float
    high: float


@cache
def truth() -> dict[Segment, Known]:
    """Exact effects and bounds, everyone first."""
    cells = [_cell(p) for p in range(3)]
    always = SHARE * ORDERS.min(axis=1)
    everyone = np.array([[c.effect, c.low, c.high] for c in cells]).T @ always / always.sum()
    effect, low, high = everyone.tolist()
    return {
        (): Known(effect=effect, low=low, high=high),
        **{(("place", name),): known for name, known in zip(PLACES, cells, strict=True)},
    }


def _cell(place: int) -> Known:
    fewer = int(np.argmin(ORDERS[place]))
    more = 1 - fewer
    kept = float(ORDERS[place].min() / ORDERS[place].max())
    most = float(ORDERS[place, more])
    rise = float(RELUCTANCE[place])
    other = COST[place, fewer] + rise * ORDERS[place, fewer] / 2
    cheap = COST[place, more] + _lowest(kept, rise * most)
    dear = COST[place, more] - _lowest(kept, -rise * most)
    ends = (cheap - other, dear - other) if more == 1 else (other - dear, other - cheap)
    effect = COST[place, 1] - COST[place, 0]
    return Known(effect=float(effect), low=float(ends[0]), high=float(ends[1]))


def _lowest(share: float, rise: float) -> float:
    """Mean of the lowest `share` of a normal around a uniform on [0, `rise`]."""
    nodes, weights = np.polynomial.legendre.leggauss(64)
    centre, weight = rise * (nodes + 1) / 2, weights / 2
    if share == 1.0:
        return rise / 2

    def below(q: float) -> float:
        return float(weight @ stats.norm.cdf((q - centre) / SPREAD)) - share

    q = optimize.brentq(below, -20.0, 20.0)
    z = (q - centre) / SPREAD
    return float(weight @ (centre * stats.norm.cdf(z) - SPREAD * stats.norm.pdf(z))) / share


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """One segment of one replication: were its effect and its ends covered?"""

    bounds: str
    segment: Segment
    effect: bool
    low: bool
    high: bool
    z_low: float
    z_high: float
    width: float


def replicate(seed: int) -> Sequence[Draw]:
    """Bound one draw cell by cell, with sessions taken as independent, and without cells."""
    scores = draw(seed)
    alone = replace(scores, cluster=np.arange(scores.n))
    return [
        *_draws("cell by cell", _rows(scores, study("place"))),
        *_draws("independent errors", _rows(alone, study("place"))),
        *_draws("one pool", _rows(scores, study())),
    ]


def _rows(scores: Scores, spec: StudySpec) -> tuple[BoundsRow, ...]:
    return lee_bounds(scores, spec, joint(scores, cut(scores.columns, spec.segments)))


def _draws(name: str, rows: tuple[BoundsRow, ...]) -> Iterator[Draw]:
    for row in rows:
        known = truth()[row.segment]
        (low, high), (below, above), errors = row.ci, row.bounds, row.std_error
        assert low is not None and high is not None  # noqa: PT018
        assert below is not None and above is not None  # noqa: PT018
        yield Draw(
            bounds=name,
            segment=row.segment,
            effect=low <= known.effect <= high,
            low=low <= known.low <= high,
            high=low <= known.high <= high,
            z_low=(below - known.low) / (errors[0] or np.nan),
            z_high=(above - known.high) / (errors[1] or np.nan),
            width=high - low,
        )


def run(replications: int) -> pd.DataFrame:
    """Return coverage of the effect and of both ends of the identified interval, by segment.

    Parameters
    ----------
    replications : int
        Draws of 4,000 sessions; a thousand take a minute or two on two cores.
    """
    draws = pd.DataFrame(replicated(replicate, range(replications), label="bounds"))
    draws["where"] = [dict(s).get("place", "everyone") for s in draws["segment"]]
    grouped = draws.groupby(["bounds", "where"], sort=False)
    return pd.DataFrame(
        {
            "effect": grouped["effect"].mean(),
            "lower end": grouped["low"].mean(),
            "upper end": grouped["high"].mean(),
            "sd of z, lower": grouped["z_low"].std(),
            "sd of z, upper": grouped["z_high"].std(),
            "width": grouped["width"].mean(),
            "replications": grouped.size(),
        }
    ).reset_index()
