"""Is an effect seen as often as power says it is? Simulated studies of returning customers.

The plan is made from past sessions without any arm; then studies of the planned size are drawn with
the effect that the plan calls the smallest it sees four times in five, and read as a run reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np
import pandas as pd

from tests.benchmarks.running import replicated
from tests.builders import scores as scores_of
from whatif.base.arrays import Floats, Ints
from whatif.base.rng import generator
from whatif.contract.spec import StudySpec
from whatif.effects.power.before import Plan, sizes_planned
from whatif.effects.power.history import PastRows, Way, history
from whatif.effects.power.precision import SEEN
from whatif.effects.table import effect_rows

ARMS = ("folded", "expanded")
CHANCES = (0.6, 0.4)
CUSTOMERS, SESSIONS = 1_000, 4_000
WAYS = ("session", "customer")
METRICS = ("converted", "cost", "cost_per_order")
_SHARE, _CORRELATION, _TAIL = 0.3, 0.3, 0.7
_PAST = 100  # times the study


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sessions:
    """Sessions without an arm: who, a uniform draw that decides the order, and what it would cost.

    An order is placed where `draw` lies below the customer's own chance, ``share ± √…``.
    """

    cluster: Ints
    draw: Floats
    keen: Floats
    price: Floats

    def outcomes(self, *, lift: Floats, dearer: Floats, extra: Floats) -> Floats:
        """Return orders and cost per session: more orders, a dearer order, a dearer session."""
        spread = np.sqrt(_CORRELATION * _SHARE * (1 - _SHARE))
        ordered = (self.draw < _SHARE + lift + spread * self.keen).astype(np.float64)
        return np.column_stack([ordered, ordered * (self.price + dearer) + extra])


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Whether one simulated study saw an effect."""

    way: str
    metric: str
    planted: bool
    seen: bool


def spec() -> StudySpec:
    """Return the study that is planned and simulated."""
    return StudySpec.model_validate(
        {
            "study": "power",
            "treatment": {"column": "arm", "control": ARMS[0]},
            "design": {"kind": "experiment", "probability": dict(zip(ARMS, CHANCES, strict=True))},
            "outcomes": [{"column": "converted", "kind": "binary"}, {"column": "cost"}],
            "ratios": [{"name": "cost_per_order", "numerator": "cost", "denominator": "converted"}],
        }
    )


def sessions(seed: int, *, times: int = 1) -> Sessions:
    """Return sessions of returning customers; costs of an order have a heavy tail."""
    rng = generator(seed, "power benchmark")
    customers, n = times * CUSTOMERS, times * SESSIONS
    who = np.concatenate([np.arange(customers), rng.integers(0, customers, n - customers)])
    own, each = rng.standard_normal(customers)[who], rng.standard_normal(n)
    noise = np.sqrt(_CORRELATION) * own + np.sqrt(1 - _CORRELATION) * each
    return Sessions(
        cluster=who.astype(np.int64),
        draw=rng.random(n),
        keen=rng.choice([-1.0, 1.0], customers)[who],
        price=np.exp(1.0 + _TAIL * noise),
    )


@cache
def smallest(seed: int = 0) -> dict[tuple[str, str], float]:
    """Return the smallest effect that a plan says it sees, by way to assign and metric."""
    past = sessions(seed, times=_PAST)
    n = past.cluster.size
    none = np.zeros(n)
    y = past.outcomes(lift=none, dearer=none, extra=none)
    rows = PastRows(
        outcomes=("converted", "cost"),
        y=y,
        left=y,
        cluster=past.cluster,
        weight=np.ones(n),
        columns=pd.DataFrame(index=range(n)),
    )
    ways = (
        Way(name=WAYS[0], code=np.arange(n, dtype=np.int64), by_cluster=False),
        Way(name=WAYS[1], code=past.cluster, by_cluster=True),
    )
    plan = Plan(arms=ARMS, chances=CHANCES, units=SESSIONS, days=None)
    study = spec()
    sizes = sizes_planned(history(rows, ways, study), plan, study, binary=frozenset({"converted"}))
    return {(s.row.assigned, s.row.outcome): s.row.smallest or np.nan for s in sizes}


def look(seed: int, *, sizes: dict[tuple[str, str], float]) -> Sequence[Look]:
    """Draw one study for every way to assign, metric and effect, and read it."""
    found = sessions(seed)
    rng = generator(seed, "power arms")
    looks = []
    for way in WAYS:
        by_customer = way == WAYS[1]
        coins = rng.random(CUSTOMERS)[found.cluster] if by_customer else rng.random(SESSIONS)
        arm = (coins < CHANCES[1]).astype(np.int64)
        for metric in METRICS:
            for planted in (False, True):
                effect: Floats = np.asarray(sizes[way, metric] * planted * arm, dtype=np.float64)
                y = found.outcomes(
                    lift=effect * (metric == METRICS[0]),
                    extra=effect * (metric == METRICS[1]),
                    dearer=effect * (metric == METRICS[2]),
                )
                seen = _seen(y, arm, found.cluster, metric, by_customer=by_customer)
                looks.append(Look(way=way, metric=metric, planted=planted, seen=seen))
    return looks


def _seen(y: Floats, arm: Ints, cluster: Ints, metric: str, *, by_customer: bool) -> bool:
    """Whether the interval of the effect leaves out zero; arm means, weighted by known chances."""
    gamma = np.empty((len(y), 2, 2))
    for a, chance in enumerate(CHANCES):
        inside = (arm == a)[:, None]
        mean = y[arm == a].mean(axis=0)
        gamma[:, a] = mean + inside / chance * (y - mean)
    columns = pd.DataFrame(index=range(len(y)))
    made = replace(scores_of(gamma, cluster, columns, assigned=by_customer), arm=arm, y=y)
    _, effects = effect_rows(made, spec())
    low, high = next(row.ci for row in effects.effects if row.outcome == metric)
    return low is not None and high is not None and (low > 0 or high < 0)


def run(replications: int) -> pd.DataFrame:
    """Return how often effects of the planned size, and of none, were seen."""
    work = partial(look, sizes=smallest())
    return table(replicated(work, range(1, replications + 1), label="power"))


def table(looks: Sequence[Look]) -> pd.DataFrame:
    """Return one row per way to assign, metric and effect."""
    frame = pd.DataFrame(
        [{"way": o.way, "metric": o.metric, "planted": o.planted, "seen": o.seen} for o in looks]
    )
    rows = []
    for (way, metric, planted), part in frame.groupby(["way", "metric", "planted"], sort=False):
        rate, draws = float(part["seen"].mean()), len(part)
        rows.append(
            {
                "check": "power",
                "study": f"{metric}, arms by {way}, {SESSIONS:,} sessions of {CUSTOMERS:,} "
                "customers",
                "planted": "the effect said to be seen four times in five"
                if planted
                else "nothing",
                "rate": rate,
                "mc_error": float(np.sqrt(rate * (1 - rate) / draws)),
                "draws": draws,
                "nominal": SEEN if planted else 0.05,
            }
        )
    return pd.DataFrame(rows)
