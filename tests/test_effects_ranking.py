"""RATE, calibration, projection and sorted groups against definitions and other libraries."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tests import builders
from tests.benchmarks import heterogeneity as benchmark
from whatif.base.arrays import Floats, Ints
from whatif.base.errors import EstimationError
from whatif.effects.predicted.calibration import calibration_slope
from whatif.effects.predicted.clustered import degrees, least_squares
from whatif.effects.predicted.in_turn import Part, combine
from whatif.effects.predicted.projection import (
    EVERY_SLOPE,
    best_linear_projection,
    projection_columns,
)
from whatif.effects.predicted.ranking import Measure, pooled_curve, rate
from whatif.effects.predicted.sorted_groups import Split, medians, one_split, sort_into_groups

BOTH = list(Measure)
SEEDS = st.integers(0, 10_000)


def log(n: int = 400, *, seed: int = 0, slope: float = 1.0) -> dict[str, np.ndarray]:
    """Score differences with a customer's share in them, a priority and uneven weights."""
    rng = np.random.default_rng(seed)
    cluster = rng.integers(0, n // 4, n)
    x = rng.normal(size=n // 4)[cluster] + 0.5 * rng.normal(size=n)
    gap = 1 + slope * x + rng.normal(size=n // 4)[cluster] + 2 * rng.normal(size=n)
    return {"gap": gap, "x": x, "cluster": cluster, "weight": rng.uniform(0.5, 2, n)}


def by_definition(gap: Floats, priority: Floats, measure: Measure) -> float:
    """Average over shares of the effect among those ranked first minus the average effect."""
    ranked = gap[np.argsort(-priority, kind="stable")]
    shares = np.arange(1, gap.size + 1) / gap.size
    toc = np.array([ranked[: k + 1].mean() - gap.mean() for k in range(gap.size)])
    return float(np.mean(toc if measure is Measure.AUTOC else shares * toc))


@given(seed=SEEDS, n=st.integers(2, 60), measure=st.sampled_from(BOTH))
@settings(max_examples=60, deadline=None)
def test_rate_is_the_area_under_its_curve_and_only_ranks_count(
    seed: int, n: int, measure: Measure
) -> None:
    rng = np.random.default_rng(seed)
    gap, priority, cluster = rng.normal(size=n), rng.permutation(n) / 7, np.arange(n)
    made = rate(gap, priority, cluster=cluster, weight=np.ones(n), measure=measure)
    assert made.estimate == pytest.approx(by_definition(gap, priority, measure), abs=1e-12)
    moved = rate(
        2 * gap + 5, np.exp(priority), cluster=cluster, weight=np.full(n, 3.0), measure=measure
    )
    assert moved.estimate == pytest.approx(2 * made.estimate, abs=1e-10)
    assert moved.std_error == pytest.approx(2 * made.std_error, abs=1e-10)


@pytest.mark.parametrize("measure", BOTH)
def test_rate_of_a_known_effect_has_its_closed_form(measure: Measure) -> None:
    """For priority and effect uniform on [0, 1], TOC(q) is (1 − q)/2: areas 1/4 and 1/12."""
    x = (np.arange(100_000) + 0.5) / 100_000
    made = rate(x, x, cluster=np.arange(x.size), weight=np.ones(x.size), measure=measure)
    area = 1 / 4 if measure is Measure.AUTOC else 1 / 12
    assert made.estimate == pytest.approx(area, abs=1e-4)


@pytest.mark.parametrize("measure", BOTH)
def test_equal_priorities_share_the_average_over_their_orders(measure: Measure) -> None:
    gap, priority = np.array([3.0, -1.0, 4.0, 1.0, 5.0]), np.array([2.0, 1.0, 1.0, 1.0, 0.0])
    every = [by_definition(gap[[0, *o, 4]], -np.arange(5.0), measure)
             for o in permutations([1, 2, 3])]  # fmt: skip
    made = rate(gap, priority, cluster=np.arange(5), weight=np.ones(5), measure=measure)
    assert made.estimate == pytest.approx(np.mean(every))


@pytest.mark.parametrize("measure", BOTH)
def test_a_ranking_without_differences_has_neither_gain_nor_error(measure: Measure) -> None:
    d = log()
    made = rate(d["gap"], np.ones(400), cluster=d["cluster"], weight=d["weight"], measure=measure)
    assert (made.estimate, made.std_error) == (0.0, 0.0)


@pytest.mark.parametrize("measure", BOTH)
@pytest.mark.parametrize("slope", [0.0, 2.0])
def test_the_error_is_near_the_jackknife_s_over_clusters(measure: Measure, slope: float) -> None:
    d = log(1_600, seed=1, slope=slope)
    codes = np.unique(d["cluster"])

    def estimate(rows: Ints) -> float:
        gap, x, cluster, weight = (d[name][rows] for name in ("gap", "x", "cluster", "weight"))
        return rate(gap, x, cluster=cluster, weight=weight, measure=measure).estimate

    without = np.array([estimate(np.flatnonzero(d["cluster"] != c)) for c in codes])
    jackknife = np.sqrt((codes.size - 1) / codes.size * ((without - without.mean()) ** 2).sum())
    made = rate(d["gap"], d["x"], cluster=d["cluster"], weight=d["weight"], measure=measure)
    assert made.std_error == pytest.approx(jackknife, rel=0.05)


@pytest.mark.parametrize("measure", BOTH)
@pytest.mark.parametrize("slope", [0.0, 2.0])
def test_the_error_is_the_spread_over_repeated_logs(measure: Measure, slope: float) -> None:
    made, alone = [], []
    for seed in range(600):
        d = log(seed=seed, slope=slope)
        gap, x, weight = d["gap"], d["x"], d["weight"]
        made.append(rate(gap, x, cluster=d["cluster"], weight=weight, measure=measure))
        alone.append(rate(gap, x, cluster=np.arange(400), weight=weight, measure=measure))
    spread = np.std([one.estimate for one in made])
    assert np.mean([one.std_error for one in made]) == pytest.approx(spread, rel=0.08)
    assert np.mean([one.std_error for one in alone]) < 0.88 * spread


@pytest.mark.parametrize(("measure", "theirs"), [(Measure.AUTOC, "toc"), (Measure.QINI, "qini")])
def test_estimates_agree_with_econml_on_independent_units(measure: Measure, theirs: str) -> None:
    from econml.validate.utils import calc_uplift

    rng = np.random.default_rng(3)
    x = rng.normal(size=2_000)
    noise = rng.normal(size=2_000)
    percentiles, every = np.linspace(0.05, 99.95, 2_000), np.arange(2_000)
    value, _, _ = calc_uplift(x, x, x + noise, percentiles, theirs, n_bootstrap=2)
    made = rate(x + noise, x, cluster=every, weight=np.ones(2_000), measure=measure)
    assert made.estimate == pytest.approx(value, rel=0.02)
    # Its errors leave the effect of the first share out, so they are compared without one.
    _, error, _ = calc_uplift(x, x, noise, percentiles, theirs, n_bootstrap=2)
    made = rate(noise, x, cluster=every, weight=np.ones(2_000), measure=measure)
    assert made.std_error == pytest.approx(error, rel=0.02)


def test_econml_s_tester_is_one_sided_and_unseeded() -> None:
    from econml.validate import DRTester

    rng = np.random.default_rng(0)
    tester = DRTester(model_regression=None, model_propensity=None, cate=None)
    tester.treatments, tester.n_treat = np.array([0, 1]), 1
    tester.cate_preds_train_ = tester.cate_preds_val_ = rng.normal(size=(300, 1))
    tester.dr_val_ = rng.normal(size=(300, 1)) - 0.1 * tester.cate_preds_val_
    first, second = (tester.evaluate_uplift(n_bootstrap=20) for _ in range(2))
    z = first.params[0] / first.errs[0]
    assert z < 0
    assert first.pvals[0] == pytest.approx(stats.norm.sf(abs(z)))
    curves = [made.curves[1]["uniform_critical_value"].iloc[0] for made in (first, second)]
    assert curves[0] != curves[1]


def test_the_pooled_curve_ranks_within_folds_and_ends_at_the_average() -> None:
    gap = np.array([4.0, 0.0, 2.0, 2.0, 8.0, 0.0, 0.0, 0.0])
    priority = np.array([9.0, 1.0, 8.0, 2.0, 0.4, 0.3, 0.2, 0.1])
    fold = np.repeat([0, 1], 4)
    share, gain = pooled_curve(gap, priority, fold=fold, weight=np.ones(8), points=4)
    assert share.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert gain == pytest.approx([(2 + 6) / 2, (1 + 2) / 2, (2 / 3 + 2 / 3) / 2, 0.0])


def test_parts_add_up_their_z_values() -> None:
    parts = [Part(estimate=e, std_error=s, df=199) for e, s in ((1.0, 0.5), (0.2, 0.1), (0, 2))]
    made = combine([*parts, Part(estimate=0.0, std_error=0.0, df=5)], level=0.9)
    assert made.parts == 3
    assert made.statistic == pytest.approx((2 + 2 + 0) / np.sqrt(3))
    assert made.p_value == pytest.approx(2 * stats.t.sf(4 / np.sqrt(3), 199))
    assert made.estimate is not None
    assert made.std_error is not None
    half = stats.t.ppf(0.95, 199) * made.std_error
    assert made.ci == pytest.approx((made.estimate - half, made.estimate + half))
    assert combine([], level=0.95).p_value is None


def test_the_calibration_slope_is_clustered_least_squares() -> None:
    d = log()
    made = calibration_slope(d["gap"], d["x"], cluster=d["cluster"], weight=d["weight"])
    fitted = _statsmodels(d["gap"], sm.add_constant(d["x"]), d["cluster"], d["weight"])
    assert made == pytest.approx((fitted[0][1], np.sqrt(fitted[1][1, 1])), rel=1e-9)
    flat = calibration_slope(d["gap"], np.ones(400), cluster=d["cluster"], weight=d["weight"])
    assert flat == (0.0, 0.0)


def _statsmodels(y: Floats, x: Floats, cluster: Ints, weight: Floats) -> tuple[Floats, Floats]:
    """Its clustered regression, without its factor (n − 1)/(n − p)."""
    fitted = sm.WLS(y, x, weights=weight).fit(cov_type="cluster", cov_kwds={"groups": cluster})
    n, p = x.shape
    return np.asarray(fitted.params), np.asarray(fitted.cov_params()) * (n - p) / (n - 1)


@given(seed=SEEDS)
@settings(max_examples=20, deadline=None)
def test_least_squares_is_statsmodels_with_clusters(seed: int) -> None:
    d = log(200, seed=seed)
    years = np.random.default_rng(seed).integers(0, 9, 200)
    x = np.column_stack([np.ones(200), d["x"], d["x"] ** 2, years])
    made = least_squares(d["gap"], x, cluster=d["cluster"], weight=d["weight"])
    coefficient, covariance = _statsmodels(d["gap"], x, d["cluster"], d["weight"])
    assert made.coefficient == pytest.approx(coefficient, rel=1e-9, abs=1e-9)
    assert np.diag(made.covariance) == pytest.approx(np.diag(covariance), rel=1e-9)
    # Far from 0, where statsmodels itself keeps only nine digits, slopes must not move.
    x[:, 3] += 2_000
    far = least_squares(d["gap"], x, cluster=d["cluster"], weight=d["weight"])
    assert far.coefficient[1:] == pytest.approx(made.coefficient[1:], rel=1e-9, abs=1e-9)
    assert far.covariance[1:, 1:] == pytest.approx(made.covariance[1:, 1:], rel=1e-9, abs=1e-12)


def columns(n: int) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    hour = rng.normal(size=n)
    return pd.DataFrame(
        {
            "hour": np.where(np.arange(n) % 10 == 0, np.nan, hour),
            "device": np.array(["mobile", "desktop", None], dtype=object)[rng.integers(0, 3, n)],
            "day": pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 30, n), unit="D"),
        }
    )


def test_the_projection_is_statsmodels_on_the_score_difference() -> None:
    rng = np.random.default_rng(2)
    frame, cluster = columns(600), rng.integers(0, 150, 600)
    scores = builders.scores(rng.normal(size=(600, 2, 2)), cluster, frame)
    names, x = projection_columns(frame)
    assert "hour = (missing)" in names
    assert [name for name in names if name.startswith("day")] == ["day"]
    assert sum(name.startswith("device = ") for name in names) == 2
    rows = best_linear_projection(scores, frame, outcome=1, arm=1, level=0.95)
    gap = scores.gamma[:, 1, 1] - scores.gamma[:, 0, 1]
    coefficient, covariance = _statsmodels(gap, x, cluster, np.ones(600))
    assert [row.estimate for row in rows[:-1]] == pytest.approx(coefficient, abs=1e-9)
    errors = np.sqrt(np.diag(covariance))
    assert [row.std_error for row in rows[:-1]] == pytest.approx(errors, abs=1e-9)
    assert [row.term for row in rows] == [*names, EVERY_SLOPE]
    slopes, spread = coefficient[1:], covariance[1:, 1:]
    q, nu = slopes.size, np.unique(cluster).size - 2
    f = slopes @ np.linalg.solve(spread, slopes) * (nu - q + 1) / (q * nu)
    assert rows[-1].statistic == pytest.approx(f)
    assert rows[-1].p_value == pytest.approx(stats.f.sf(f, q, nu - q + 1))


def test_columns_without_a_slope_of_their_own_are_named() -> None:
    frame = columns(300).assign(same=1.0, again=lambda f: f["day"])
    scores = builders.scores(np.zeros((300, 2, 2)), np.arange(300), frame)
    with pytest.raises(EstimationError, match="cannot be projected on same, again"):
        best_linear_projection(scores, frame, outcome=0, arm=1, level=0.95)
    with pytest.raises(EstimationError, match="cannot be projected on nothing"):
        best_linear_projection(
            scores, pd.DataFrame({"empty": np.full(300, np.nan)}), outcome=0, arm=1, level=0.95
        )


def test_too_few_clusters_in_an_arm_are_refused() -> None:
    cluster, arm = np.repeat(np.arange(40), 2), np.repeat([0, 1], 40)
    assert degrees(cluster=cluster, arm=arm, compared=(0, 1), assigned=True) == 19
    assert degrees(cluster=cluster, arm=arm, compared=(0, 1), assigned=False) == 39
    with pytest.raises(EstimationError, match="only 9 clusters in an arm; 10 are needed"):
        degrees(cluster=cluster[22:58], arm=arm[22:58], compared=(0, 1), assigned=False)


@given(seed=SEEDS, groups=st.integers(2, 6))
@settings(max_examples=30, deadline=None)
def test_groups_are_sorted_and_equal_in_weight(seed: int, groups: int) -> None:
    rng = np.random.default_rng(seed)
    priority, weight = rng.integers(0, 4, 200).astype(float), rng.uniform(0.5, 2, 200)
    group = sort_into_groups(priority, weight=weight, groups=groups, draws=rng)
    for g in range(groups - 1):
        assert priority[group == g].max() <= priority[group == g + 1].min()
    share = np.bincount(group, weights=weight, minlength=groups) / weight.sum()
    assert share == pytest.approx(1 / groups, abs=2 * weight.max() / weight.sum())


def test_one_split_is_clustered_least_squares_on_group_indicators() -> None:
    d = log()
    group = np.arange(400) % 3
    made = one_split(
        d["gap"], d["x"], group, cluster=d["cluster"], weight=d["weight"], df=50
    )  # fmt: skip
    member = (group[:, None] == np.arange(3)).astype(float)
    coefficient, covariance = _statsmodels(d["gap"], member, d["cluster"], d["weight"])
    assert made.estimate[:3] == pytest.approx(coefficient)
    assert made.estimate[3] == pytest.approx(coefficient[2] - coefficient[0])
    gap_error = np.sqrt(covariance[0, 0] + covariance[2, 2] - 2 * covariance[0, 2])
    assert made.std_error[3] == pytest.approx(gap_error)


def test_medians_over_splits_count_the_choice_of_a_split() -> None:
    splits = [
        Split(predicted=np.array([e]), estimate=np.array([e]), std_error=np.array([s]), df=99)
        for e, s in ((1.0, 0.5), (2.0, 0.8), (4.0, 1.0))
    ]
    made = medians(splits, level=0.95)
    half = stats.t.ppf(0.9875, 99)
    low = np.median([1 - 0.5 * half, 2 - 0.8 * half, 4 - half])
    assert made.ci[0] == pytest.approx([low, np.median([1 + 0.5 * half, 2 + 0.8 * half, 4 + half])])
    assert made.estimate[0] == 2.0
    p = np.median(2 * stats.t.sf([2.0, 2.5, 4.0], 99))
    assert made.p_value[0] == pytest.approx(2 * p)


def test_equal_effects_are_rarely_called_different() -> None:
    """A small version of the benchmark, each sound test on 20 logs of equal effects.

    A test of exact size .05 rejects more than 5 of 20 in .03 % of such tables.
    """
    drawn = pd.DataFrame(
        [
            {"test": name, "rejected": p < 0.05}
            for seed in range(20)
            for name, p in benchmark.sound(
                benchmark.simulated_scores(seed, planted=0.0), benchmark.study()
            )
        ]
    )
    rejected = drawn.groupby("test")["rejected"].sum()
    assert len(rejected) == 5
    assert (rejected <= 5).all()


def test_the_benchmark_s_table_has_size_error_and_power() -> None:
    draws = [
        benchmark.Draw(test="one", planted=planted, rejected=rejected)
        for planted, rejected in ((False, False), (False, True), (True, True), (True, True))
    ]
    row = benchmark.table(draws).iloc[0].to_dict()
    error = np.sqrt(0.5 * 0.5 / 2)
    assert row == {"test": "one", "size": 0.5, "mc_error": error, "power": 1.0, "replications": 2}
    assert benchmark.replication(1)[0].test == "AUTOC, in turn"


def test_what_the_benchmark_calls_unsound_is_told_apart() -> None:
    scores = benchmark.simulated_scores(0, planted=0.0)
    names = [name for name, _ in benchmark.slow(scores, benchmark.study())]
    assert [name.startswith("unsound") for name in names] == [False, True, True, True]
