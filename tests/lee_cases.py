"""Logs of orders and costs, and brute-force bounds to compare with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from tests import builders
from whatif.base.arrays import Floats, Ints
from whatif.contract.spec import StudySpec
from whatif.effects.bands import t_critical
from whatif.effects.bounds.lee import lee_bounds
from whatif.effects.bounds.row import BoundsRow
from whatif.effects.cells import cut
from whatif.effects.joint import Joint, joint
from whatif.scores.aipw import aipw_scores
from whatif.scores.record import Scores

Direction = int  # +1: the arm orders more, −1: less, 0: not settled


def scores_of(
    ordered: Floats,
    cost: Floats,
    arm: Ints,
    *,
    columns: dict[str, object] | None = None,
    cluster: Ints | None = None,
    chance: Floats | None = None,
    mean: Floats | None = None,
    weight: Floats | None = None,
) -> Scores:
    """Scores of an experiment; without `mean` or `chance`, plain arm means over everyone."""
    n = arm.size
    y = np.column_stack([ordered, ordered * cost])
    if mean is None:
        mean = np.tile(np.stack([y[arm == a].mean(axis=0) for a in (0, 1)]), (n, 1, 1))
    if chance is None:
        chance = np.tile(np.bincount(arm, minlength=2) / n, (n, 1))
    return Scores(
        arms=("folded", "expanded"),
        outcomes=("converted", "cost"),
        gamma=aipw_scores(y=y, arm=arm, mean=mean, propensity=chance),
        mass=np.ones(n),
        propensity=chance,
        arm=arm,
        y=y,
        cluster=np.arange(n) if cluster is None else cluster,
        fold=np.zeros(n, dtype=np.int64),
        weight=np.ones(n) if weight is None else weight,
        target="ate",
        unit=pd.Series(np.arange(n)),
        columns=pd.DataFrame(columns or {}, index=range(n)),
        clusters_assigned=False,
        quality=(),
        overlap=(),
        population="all rows",
        repeats=np.zeros((1, 2, 2)),
        key="k",
    )


def taken(scores: Scores, rows: Ints) -> Scores:
    names = ("gamma", "mass", "propensity", "arm", "y", "cluster", "fold", "weight")
    changed = {name: getattr(scores, name)[rows] for name in names}
    columns = scores.columns.iloc[rows].reset_index(drop=True)
    return replace(scores, **changed, unit=scores.unit.iloc[rows], columns=columns)


def spec_of(*segments: str | list[str]) -> StudySpec:
    return builders.spec(segments=list(segments))


def means_of(scores: Scores, spec: StudySpec) -> Joint:
    return joint(scores, cut(scores.columns, spec.segments))


def bounds_rows(scores: Scores, *segments: str | list[str]) -> tuple[BoundsRow, ...]:
    spec = spec_of(*segments)
    return lee_bounds(scores, spec, means_of(scores, spec))


def bounds_row(scores: Scores, *segments: str | list[str]) -> BoundsRow:
    return bounds_rows(scores, *segments)[0]


def two_arms(
    orders: tuple[int, int], *, units: int, cost: Callable[[int], Floats]
) -> tuple[Floats, Floats, Ints]:
    """Two arms of `units` each, of which so many order, at costs that `cost` spreads out."""
    ordered, spent = np.zeros(2 * units), np.zeros(2 * units)
    for a, count in enumerate(orders):
        ordered[a * units : a * units + count] = 1.0
        spent[a * units : a * units + count] = cost(count)
    return ordered, spent, np.repeat([0, 1], units)


def noisy(seed: int = 0, n: int = 4_000, customers: int = 1_000) -> Scores:
    """Three regions of opposite directions, returning customers, logged chances, weights."""
    rng = np.random.default_rng(seed)
    cluster = rng.integers(0, customers, n)
    taste = rng.normal(size=customers)[cluster]
    region = rng.integers(0, 3, n)
    chance = rng.choice(np.array([0.3, 0.5, 0.6]), n)
    arm = (rng.uniform(size=n) < chance).astype(np.int64)
    ordered = rng.uniform(size=n) < 0.4 + np.array([0.2, -0.2, 0.0])[region] * arm
    cost = np.exp(1 + 0.3 * taste + 0.4 * rng.normal(size=n) + 0.1 * arm).round(1)
    return scores_of(
        ordered.astype(np.float64),
        cost,
        arm,
        columns={"region": np.array(list("abc"))[region], "device": rng.choice(["m", "d"], n)},
        cluster=cluster,
        chance=np.column_stack([1 - chance, chance]),
        mean=0.5 + 0.1 * rng.normal(size=(n, 2, 2)),
        weight=rng.uniform(0.5, 2.0, n),
    )


# An independent implementation: one pass over sorted lists, nothing shared with the package.


def kept_mean(cost: Floats, weight: Floats, share: float, *, dearest: bool) -> float:
    pairs = sorted(zip(cost.tolist(), weight.tolist(), strict=True), reverse=dearest)
    room = share * sum(w for _, w in pairs)
    spent, filled = 0.0, 0.0
    for value, w in pairs:
        used = min(w, room - filled)
        spent, filled = spent + used * value, filled + used
    return spent / filled


def brute_force(scores: Scores, cell: Ints, direction: dict[int, Direction]) -> Floats:
    ends, always = np.zeros(2), 0.0
    for g, known in direction.items():
        rows = np.flatnonzero(cell == g)
        w, gamma = scores.weight[rows], scores.gamma[rows]
        orders = [float(w @ gamma[:, a, 0]) for a in (0, 1)]
        level = [float(w @ gamma[:, a, 1]) / orders[a] for a in (0, 1)]
        share = min(orders) / max(orders)
        kept = {}
        for a in (0, 1):
            mine = rows[(scores.arm[rows] == a) & (scores.y[rows, 0] == 1)]
            cost, weight = scores.y[mine, 1], scores.weight[mine] / scores.propensity[mine, a]
            shift = level[a] - float(cost @ weight / weight.sum())
            for dearest in (False, True):
                found = kept_mean(cost, weight, share, dearest=dearest)
                kept[a, dearest] = found + shift
        more = (kept[1, False] - level[0], kept[1, True] - level[0])
        fewer = (level[1] - kept[0, True], level[1] - kept[0, False])
        both = (min(more[0], fewer[0]), max(more[1], fewer[1]))
        ends += min(orders) * np.array({1: more, -1: fewer, 0: both}[known])
        always += min(orders)
    return ends / always


def directions_of(scores: Scores, cell: Ints) -> dict[int, Direction]:
    """Which arm orders more in each cell, where a clustered 95 % interval says so."""
    out = {}
    critical = t_critical(0.95, np.unique(scores.cluster).size - 1)
    for g in np.unique(cell):
        rows = np.flatnonzero(cell == g)
        gain, w = scores.gamma[rows, 1, 0] - scores.gamma[rows, 0, 0], scores.weight[rows]
        mean = w @ gain / w.sum()
        summed = pd.Series(w * (gain - mean)).groupby(scores.cluster[rows]).sum()
        clear = abs(mean) > critical * np.sqrt((summed**2).sum()) / w.sum()
        bought = rows[scores.y[rows, 0] == 1]
        small = any(np.unique(scores.cluster[bought][scores.arm[bought] == a]).size < 50
                    for a in (0, 1))  # fmt: skip
        out[int(g)] = int(np.sign(mean)) if clear and not small else 0
    return out


def codes_of(scores: Scores, *names: str) -> Ints:
    return np.asarray(scores.columns.groupby(list(names)).ngroup().to_numpy())
