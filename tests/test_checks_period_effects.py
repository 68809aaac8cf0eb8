"""Maths of effects in periods: equal to references by hand and by another library; their size."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Protocol

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tests.benchmarks.checks_periods import (
    log_of,
    study,
)
from tests.builders import scores as built_scores
from tests.builders import spec as built_spec
from whatif.base.arrays import Floats, Ints
from whatif.base.rng import generator
from whatif.checks.leave_one_period_out import cut_periods, effects_without
from whatif.checks.novelty import scores_of_halves
from whatif.checks.period_effects import (
    Part,
    compare,
    compared_periods,
    judged,
    period_means,
    watched_metrics,
    worded,
)
from whatif.checks.period_words import dates, day_number, local_days, signed
from whatif.contract.clock import read_moments
from whatif.contract.spec import StudySpec
from whatif.effects.contrasts import Metric, contrast
from whatif.run.analysis import design_of_frame
from whatif.scores.record import Scores

CONVERTED = Metric(name="converted", numerator=0)
RATIO = Metric(name="cost_per_order", numerator=1, denominator=0)


def scored(seed: int, n: int = 3_000, customers: int = 500) -> tuple[Scores, Ints]:
    """Scores of customers who stand in several of four periods."""
    rng = generator(seed, "periods")
    cluster = rng.integers(0, customers, n)
    code = (cluster % 4 + (rng.random(n) < 0.3)) % 4
    taste = rng.normal(size=(customers, 1, 1))[cluster]
    gamma = 3.0 + taste * np.array([[[1.0], [2.0]]]) + rng.normal(size=(n, 2, 2))
    return built_scores(gamma, cluster, pd.DataFrame(index=range(n))), code.astype(np.int64)


def test_equality_of_periods_equals_a_clustered_regression() -> None:
    scores, code = scored(0)
    (one,) = compared_periods(scores, built_spec(ratios=[]), code, ("p0", "p1", "p2", "p3"))
    difference = scores.gamma[:, 1, 0] - scores.gamma[:, 0, 0]
    dummies = (code[:, None] == np.arange(4)).astype(float)
    fit = sm.OLS(difference, dummies).fit(
        cov_type="cluster", cov_kwds={"groups": scores.cluster, "use_correction": False}
    )
    clusters = np.unique(scores.cluster).size
    factor = clusters / (clusters - 1)
    np.testing.assert_allclose([e.value for e in one.effects], fit.params, rtol=1e-10)
    covariance = factor * fit.cov_params()
    rows = np.column_stack([-np.ones(3), np.eye(3)])
    gap = rows @ fit.params
    wald = gap @ np.linalg.solve(rows @ covariance @ rows.T, gap)
    smallest = min(np.unique(scores.cluster[code == p]).size for p in range(4))
    nu = smallest - 2
    expected = stats.f.sf(wald * (nu - 2) / (3 * nu), 3, nu - 2)
    assert one.p_value == pytest.approx(expected, rel=1e-9)
    assert one.df == (3, nu - 2)
    half = np.array([e.ci[1] - e.value for e in one.effects])
    sizes = [np.unique(scores.cluster[code == p]).size for p in range(4)]
    errors = half / stats.t.ppf(0.975, np.array(sizes) - 1)
    np.testing.assert_allclose(errors, np.sqrt(np.diag(covariance)), rtol=1e-10)


def test_the_effect_without_a_period_and_the_error_of_its_move_by_hand() -> None:
    scores, code = scored(1)
    means = period_means(scores, code, 4)
    found = effects_without(means, CONVERTED, arm=1, names=tuple("abcd"), spec=built_spec())
    difference = scores.gamma[:, 1, 0] - scores.gamma[:, 0, 0]
    clusters = np.unique(scores.cluster).size
    for p, one in enumerate(found):
        kept = code != p
        rest, whole = difference[kept].mean(), difference.mean()
        assert one.detail.estimate == pytest.approx(rest, rel=1e-12)
        assert one.move == pytest.approx(rest - whole, rel=1e-9)
        assert one.detail.n == kept.sum()
        influence = kept / kept.mean() * (difference - rest) - (difference - whole)
        sums = np.bincount(scores.cluster, weights=influence)
        error = np.sqrt(clusters / (clusters - 1) * (sums**2).sum()) / code.size
        assert one.error == pytest.approx(error, rel=1e-10)


def test_a_ratio_without_a_period_is_that_of_the_rows_that_are_left() -> None:
    scores, code = scored(2)
    means = period_means(scores, code, 4)
    found = effects_without(means, RATIO, arm=1, names=tuple("abcd"), spec=built_spec())
    kept = scores.gamma[code != 2].mean(axis=0)
    expected = kept[1, 1] / kept[1, 0] - kept[0, 1] / kept[0, 0]
    assert found[2].detail.estimate == pytest.approx(expected, rel=1e-10)
    take = [replaced(scores, np.flatnonzero(code != 2)), scores]
    ends = [contrast(period_means(s, np.zeros(s.n, dtype=np.int64), 1), RATIO, cell=0, arm=1)
            for s in take]  # fmt: skip
    assert found[2].move == pytest.approx(ends[0].difference - ends[1].difference, rel=1e-9)


def replaced(scores: Scores, rows: Ints) -> Scores:
    return replace(
        scores,
        gamma=scores.gamma[rows],
        mass=scores.mass[rows],
        arm=scores.arm[rows],
        y=scores.y[rows],
        cluster=scores.cluster[rows],
        weight=scores.weight[rows],
    )


def test_halves_under_constant_chances_are_differences_of_arm_means() -> None:
    rng = generator(3, "halves")
    scores = built_scores(
        np.zeros((2_000, 2, 2)), np.arange(2_000), pd.DataFrame(index=range(2_000)), assigned=True
    )
    halves = rng.poisson(1.0, size=(2_000, 2, 2)).astype(np.float64)
    made = scores_of_halves(scores, halves, np.zeros(2_000, dtype=np.int64))
    means = period_means(made, np.zeros(2_000, dtype=np.int64), 1)
    arm = scores.arm
    for block, y in enumerate((halves[:, 0], halves[:, 1], halves.sum(axis=1))):
        metric = Metric(name="y", numerator=2 * block)
        found = contrast(means, metric, cell=1, arm=1)
        by_arm = [y[arm == a, 0] for a in (0, 1)]
        assert found.difference == pytest.approx(by_arm[1].mean() - by_arm[0].mean(), abs=1e-12)
        share = np.bincount(arm) / arm.size
        residual = [(y[arm == a, 0] - by_arm[a].mean()) / 0.5 for a in (0, 1)]
        error = np.sqrt(sum((r**2).sum() for r in residual) / 2_000 / 1_999)
        assert means.error(found.gradient) == pytest.approx(error, rel=1e-9)
        assert share == pytest.approx([0.5, 0.5], abs=0.05)


def test_halves_of_a_ramp_are_compared_within_phases() -> None:
    rng = generator(4, "ramp")
    phase = np.repeat([0, 1], 4_000)
    chance = np.where(phase == 0, 0.1, 0.5)
    scores = built_scores(
        np.zeros((8_000, 2, 1)), np.arange(8_000), pd.DataFrame(index=range(8_000)), assigned=True
    )
    arm = (rng.random(8_000) < chance).astype(np.int64)
    scores = replace(
        scores, arm=arm, outcomes=("y",), propensity=np.column_stack([1 - chance, chance])
    )
    y = (5.0 * phase + rng.normal(size=8_000))[:, None, None] * np.ones((1, 2, 1))
    means = period_means(scores_of_halves(scores, y, phase), np.zeros(8_000, dtype=np.int64), 1)
    found = contrast(means, Metric(name="y", numerator=0), cell=1, arm=1)
    assert abs(found.difference) < 4 * means.error(found.gradient) < 0.25
    assert y[arm == 1, 0, 0].mean() - y[arm == 0, 0, 0].mean() > 1.0


class HalvesTest(Protocol):
    """The p-value of a comparison of halves."""

    def __call__(self, *, relative: bool) -> float: ...


def halves_study(seed: int, visits: tuple[float, float], effect: float = 0.4) -> HalvesTest:
    """Customers whose visits thin out while each visit keeps the same relative effect."""
    rng, n = generator(seed, "thin"), 4_000
    scores = built_scores(
        np.zeros((n, 2, 2)), np.arange(n), pd.DataFrame(index=range(n)), assigned=True
    )
    seen = rng.poisson(visits, size=(n, 2))
    orders = rng.binomial(seen, 0.3 * (1 + effect * scores.arm[:, None]))
    cost = orders * rng.lognormal(1.0, 0.5, size=(n, 2))
    halves = np.stack([orders, cost], axis=2).astype(np.float64)
    made = scores_of_halves(scores, halves, np.zeros(n, dtype=np.int64))
    means = period_means(made, np.zeros(n, dtype=np.int64), 1)

    def test(*, relative: bool) -> float:
        parts = [
            Part(name=str(b), cell=1, metric=Metric(name="converted", numerator=2 * b))
            for b in (0, 1, 2)
        ]
        found = compare(
            means, parts[:2], whole=parts[2], arm=1, spec=built_spec(), relative=relative
        )
        assert found.p_value is not None
        return found.p_value

    return test


def test_thinning_visits_are_no_novelty() -> None:
    tests = [halves_study(seed, (3.0, 1.0)) for seed in range(100, 220)]
    assert max(test(relative=False) for test in tests) < 0.01
    assert 1 <= sum(test(relative=True) < 0.05 for test in tests) <= 14  # 6 expected


def clustered_in_time(rng: np.random.Generator, effect: Floats) -> tuple[Scores, Ints]:
    """600 customers with three sessions each, nearly all in one of three periods."""
    cluster = np.repeat(np.arange(600), 3)
    n = cluster.size
    code = np.where(rng.random(n) < 0.9, cluster % 3, rng.integers(0, 3, n))
    arm = rng.integers(0, 2, 600)[cluster]
    noise = np.sqrt(0.3) * rng.normal(size=600)[cluster] + np.sqrt(0.7) * rng.normal(size=n)
    y = 1.0 + effect[code] * arm + noise
    gamma = np.zeros((n, 2, 2))
    gamma[np.arange(n), arm] = 2 * (y - 1.0)[:, None]
    scores = built_scores(1.0 + gamma, cluster, pd.DataFrame(index=range(n)), assigned=True)
    return replace(scores, arm=arm), code.astype(np.int64)


def test_size_with_repeated_customers_and_rows_alone_alarm_more() -> None:
    rng, alone, clustered = generator(6, "size"), 0, 0
    plain = built_spec(ratios=[])
    for _ in range(250):
        scores, code = clustered_in_time(rng, np.full(3, 0.2))
        clustered += _rejects(scores, plain, code)
        rows = replace(scores, cluster=np.arange(scores.n), clusters_assigned=False)
        alone += _rejects(rows, plain, code)
    assert 3 <= clustered <= 24  # 12.5 expected at .05
    assert alone > 27


def _rejects(scores: Scores, spec: StudySpec, code: Ints) -> int:
    (one,) = compared_periods(scores, spec, code, ("a", "b", "c"))
    assert one.p_value is not None
    return int(one.p_value < 0.05)


def test_leaving_out_a_period_raises_few_false_alarms() -> None:
    rng, alarms = generator(7, "size"), 0
    for _ in range(200):
        scores, code = clustered_in_time(rng, np.full(3, 0.2))
        means = period_means(scores, code, 3)
        found = effects_without(means, CONVERTED, arm=1, names=tuple("abc"), spec=built_spec())
        alarms += min(one.p_value for one in found) < 0.05 / 3
    assert 1 <= alarms <= 21  # 10 expected at most


def test_the_stated_gap_is_seen_about_half_the_time() -> None:
    scores, code = scored(0)
    (one,) = compared_periods(scores, built_spec(ratios=[]), code, tuple("abcd"))
    means = period_means(scores, code, 4)
    gradients = [contrast(means, CONVERTED, cell=p + 1, arm=1).gradient for p in range(4)]
    covariance = np.array(gradients) @ means.sigma @ np.array(gradients).T
    rows = np.column_stack([-np.ones(3), np.eye(3)])
    weight = rows.T @ np.linalg.inv(rows @ covariance @ rows.T) @ rows
    q, rest = one.df
    line = stats.f.isf(0.01, q, rest) * q * (rest + q - 1) / rest
    drawn = generator(8, "power").multivariate_normal(np.zeros(4), covariance, size=4_000)
    powers = []
    for j in range(4):
        moved = drawn + one.visible(0.01) * np.eye(4)[j]
        powers.append((np.einsum("ri,ij,rj->r", moved, weight, moved) > line).mean())
    assert min(powers) == pytest.approx(0.5, abs=0.03)


def test_days_begin_at_midnight_of_the_study() -> None:
    stamps = pd.to_datetime(["2026-06-07T22:30:00Z", "2026-06-07T21:30:00Z"], utc=True)
    zone = {"cron": "0 6 * * 1", "timezone": "Europe/Berlin"}
    spec = built_spec(time="at", schedule=zone)
    moments = read_moments(spec, pd.DataFrame({"at": stamps}))
    assert moments is not None
    sunday = day_number(dt.date(2026, 6, 7))
    assert local_days(moments).tolist() == [sunday + 1, sunday]


@settings(max_examples=60, deadline=None)
@given(st.integers(4, 1_500), st.integers(0, 25_000))
def test_periods_cover_every_day_once(days: int, first: int) -> None:
    day = first + np.arange(days)
    periods = cut_periods(day)
    sizes = np.bincount(periods.code)
    assert sizes.size == len(periods.names) == len(set(periods.names))
    assert (np.diff(periods.code) >= 0).all()
    assert (sizes[:-1] == sizes[0]).all()
    assert sizes[0] <= sizes[-1] < 2 * sizes[0]
    assert 4 <= sizes.size <= 28


def test_halves_of_the_window_are_added_up_with_zeros() -> None:
    day = pd.Timestamp("2026-06-01")
    rows = [("a", 0, 1.0), ("a", 13, 2.0), ("a", 14, 4.0), ("a", 28, 8.0), ("b", 1, 1.0),
            ("c", 2, np.nan), ("c", 3, 1.0), ("d", 4, 3.0), ("d", 20, np.nan),
            ("e", 0, 5.0), ("e", 27, 6.0), ("f", 0, 0.0), ("z", 40, 1.0)]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["customer", "day", "cost"])
    frame = frame.assign(
        at=day + pd.to_timedelta(frame["day"], unit="D"),
        arm=np.where(frame["customer"].isin(["a", "b", "c"]), "a0", "a1"),
    )
    spec = study(by_customer=True).model_dump(exclude_none=True) | {
        "outcomes": [{"column": "cost"}], "ratios": [], "covariates": [],
    }  # fmt: skip
    design = design_of_frame(StudySpec.model_validate(spec), frame)
    assert design.unit.tolist() == ["a", "e", "f", "b"]
    assert design.halves is not None
    assert design.halves[:, :, 0].tolist() == [[3, 4], [5, 6], [0, 0], [1, 0]]
    np.testing.assert_array_equal(design.halves.sum(axis=1), design.y)
    taken = design.take(np.array([1])).halves
    assert taken is not None
    assert taken.tolist() == [[[5], [6]]]
    assert design_of_frame(study(), log_of(1, customers=100)).halves is None


def test_only_the_primary_metric_and_guardrails_are_watched() -> None:
    roles = {"outcomes": [{"column": "a"}, {"column": "b", "role": "primary"}, {"column": "c"}]}
    assert watched_metrics(built_spec(ratios=[], **roles)) == (Metric(name="b", numerator=1),)
    scores, code = scored(9)
    three = replace(
        scores,
        outcomes=("a", "b", "c"),
        gamma=np.concatenate([np.zeros((scores.n, 2, 1)), scores.gamma], axis=2),
        y=np.ones((scores.n, 3)),
    )
    (narrow,) = compared_periods(three, built_spec(ratios=[], **roles), code, tuple("abcd"))
    (plain,) = compared_periods(scores, built_spec(ratios=[]), code, tuple("abcd"))
    assert narrow.p_value == plain.p_value
    assert narrow.outcome == "b"


def test_words() -> None:
    assert signed(0.0) == "+0"
    assert dates(20819, 20820) == "1–2 January 2027"
    assert dates(20818, 20820) == "31 December 2026 – 2 January 2027"
    assert judged([]).because.startswith("Too little data: every period has fewer than")
    scores, code = scored(10)
    (one,) = compared_periods(scores, built_spec(ratios=[]), code, tuple("abcd"))
    assert worded(one.effects[0]).count("(") == 1
