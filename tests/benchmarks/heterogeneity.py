"""How often tests of differing effects reject when effects are equal, and when they differ.

4,000 sessions of 1,000 customers with intra-customer correlation .3, customers assigned by coin,
noise that grows with a covariate. Equal effects give the size at 5 %, a planted slope the power.
Surfaces are linear unless a causal forest is named. Rows called unsound are there to fail: errors
of single rows, and the ranking pooled over folds. Slow tests are tried less often, as the last
column says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain

import numpy as np
import pandas as pd
from scipy import stats

from tests import builders
from tests.benchmarks.running import replicated
from whatif.base.arrays import Floats, Ints
from whatif.contract.spec import StudySpec
from whatif.effects.predicted.projection import EVERY_SLOPE
from whatif.effects.predicted.ranking import Measure, rate
from whatif.effects.predicted.sorted_groups import TOP_MINUS_BOTTOM
from whatif.effects.table import effect_rows
from whatif.run.effect_question import question
from whatif.run.heterogeneity import calibration, cate, projection, ranking, sorted_groups
from whatif.scores.aipw import aipw_scores
from whatif.scores.record import Scores

SESSIONS, CUSTOMERS, FOLDS = 4_000, 1_000, 5
CORRELATION = 0.3
PLANTED = 0.12
LEVEL = 0.05
SLOW_EVERY, FOREST_EVERY = 10, 40
"""Many splits, unsound tests and forests are tried in one replication of so many."""


def study() -> StudySpec:
    """One amount, one segment column; customers assigned."""
    return builders.spec(
        outcomes=[{"column": "spend", "kind": "amount", "role": "primary"}],
        ratios=[],
        segments=["region"],
    )


def simulated_scores(seed: int, *, planted: float) -> Scores:
    """Cross-fitted scores of one simulated experiment.

    The effect is ``.2 + planted · x0``, and `planted` more or less by region.
    """
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(CUSTOMERS), SESSIONS // CUSTOMERS)
    n = cluster.size
    x = np.column_stack([rng.normal(size=CUSTOMERS)[cluster], rng.normal(size=n)])
    region = rng.integers(0, 4, CUSTOMERS)[cluster]
    arm = rng.integers(0, 2, CUSTOMERS)[cluster]
    shared = np.sqrt(CORRELATION) * rng.normal(size=CUSTOMERS)[cluster]
    own = np.sqrt(1 - CORRELATION) * rng.normal(size=n) * np.sqrt((1 + x[:, 0] ** 2) / 2)
    y = (
        0.5 * x.sum(axis=1)
        + shared
        + own
        + arm * (0.2 + planted * (x[:, 0] + np.where(region < 2, 1, -1)))
    )
    fold = rng.permutation(CUSTOMERS)[cluster] % FOLDS
    chance = np.full((n, 2), 0.5)
    gamma = aipw_scores(
        y=y[:, None], arm=arm, mean=_predicted(x, y, arm, fold)[:, :, None], propensity=chance
    )
    columns = pd.DataFrame({"x0": x[:, 0], "x1": x[:, 1], "region": np.array(list("abcd"))[region]})
    base = builders.scores(np.tile(gamma, (1, 1, 2)), cluster, columns, assigned=True)
    return replace(
        base,
        outcomes=("spend",),
        gamma=gamma,
        arm=arm,
        y=y[:, None],
        fold=fold,
        repeats=gamma.mean(axis=0, keepdims=True),
    )


def _predicted(x: Floats, y: Floats, arm: Ints, fold: Ints) -> Floats:
    """Least squares of the outcome by arm, learned on the other folds, shape (n, 2)."""
    design = np.column_stack([np.ones(len(x)), x])
    out = np.empty((len(x), 2))
    for k in range(FOLDS):
        for a in (0, 1):
            rows = (fold != k) & (arm == a)
            beta = np.linalg.lstsq(design[rows], y[rows], rcond=None)[0]
            out[fold == k, a] = design[fold == k] @ beta
    return out


Tests = Iterator[tuple[str, float]]


def sound(scores: Scores, spec: StudySpec) -> Tests:
    """Yield name and p-value of the tests that a reader is shown, with a linear surface."""
    linear = question(scores, spec, outcome=None, final="linear")
    for row in ranking(linear):
        yield f"{row.measure}, in turn", _known(row.p_value)
    yield "calibration, in turn", _known(calibration(linear)[0].p_value)
    yield "best linear projection", _all_slopes(scores, spec)
    yield "segments differ", _known(effect_rows(scores, spec)[1].heterogeneity[0].p_value)


def _known(p_value: float | None) -> float:
    assert p_value is not None
    return p_value


def _all_slopes(scores: Scores, spec: StudySpec) -> float:
    test = projection(scores, spec, on=("x0", "x1", "region"), outcome=None)[-1]
    assert test.term == EVERY_SLOPE
    return _known(test.p_value)


def slow(scores: Scores, spec: StudySpec) -> Tests:
    """Yield name and p-value of the test with many splits, and of three that are unsound."""
    linear = question(scores, spec, outcome=None, final="linear")
    groups = sorted_groups(linear)[-1]
    assert groups.group == TOP_MINUS_BOTTOM
    yield "sorted groups, most minus least", groups.p_value
    alone = replace(scores, cluster=np.arange(scores.n), clusters_assigned=False)
    yield "unsound: best linear projection, errors of single rows", _all_slopes(alone, spec)
    pooled = cate(linear).effect[:, 0]
    for name, one in (("", scores), (", errors of single rows", alone)):
        made = rate(
            one.gamma[:, 1, 0] - one.gamma[:, 0, 0],
            pooled,
            cluster=one.cluster,
            weight=one.weight,
            measure=Measure.AUTOC,
        )
        z = made.estimate / made.std_error
        yield f"unsound: AUTOC, pooled ranking{name}", float(2 * stats.norm.sf(abs(z)))


def forest(scores: Scores, spec: StudySpec) -> Tests:
    """Yield name and p-value of the tests of a causal forest's ranking."""
    for row in ranking(question(scores, spec, outcome=None, final="causal_forest")):
        yield f"{row.measure}, in turn, causal forest", _known(row.p_value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """One test of one simulated experiment."""

    test: str
    planted: bool
    rejected: bool


def replication(seed: int) -> list[Draw]:
    """Run every test that is due, once with equal effects and once with planted ones."""
    spec, draws = study(), list[Draw]()
    for planted in (0.0, PLANTED):
        scores = simulated_scores(seed, planted=planted)
        tests = [sound(scores, spec)]
        tests += [slow(scores, spec)] * (seed % SLOW_EVERY == 0)
        tests += [forest(scores, spec)] * (seed % FOREST_EVERY == 0)
        draws += [
            Draw(test=name, planted=planted > 0, rejected=p_value < LEVEL)
            for name, p_value in chain(*tests)
        ]
    return draws


def table(draws: Sequence[Draw]) -> pd.DataFrame:
    """Return ``test, size, mc_error, power, replications``, one row per test.

    `mc_error` is the Monte Carlo standard error of `size`.
    """
    drawn = pd.DataFrame([asdict(draw) for draw in draws])
    equal = drawn[~drawn["planted"]].groupby("test", sort=False)["rejected"]
    differ = drawn[drawn["planted"]].groupby("test", sort=False)["rejected"]
    size, times = equal.mean(), equal.size()
    return pd.DataFrame(
        {
            "test": size.index,
            "size": size.to_numpy(),
            "mc_error": np.sqrt(size * (1 - size) / times).to_numpy(),
            "power": differ.mean().to_numpy(),
            "replications": times.to_numpy(),
        }
    )


def run(replications: int) -> pd.DataFrame:
    """Simulate `replications` experiments with equal effects and as many with planted ones."""
    draws = replicated(replication, range(replications), label="tests of differing effects")
    return table(draws)
