"""Effects against closed forms, statsmodels, and laws that hold for any scores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tests import builders
from whatif.base.arrays import Floats, Ints
from whatif.contract.segments import MISSING
from whatif.contract.spec import StudySpec
from whatif.effects.bands import sup_t, t_critical
from whatif.effects.cells import cut
from whatif.effects.contrasts import contrast
from whatif.effects.heterogeneity import equality_test
from whatif.effects.joint import Joint, joint
from whatif.effects.rows import EffectRow
from whatif.effects.shrinkage import main_effects, shrink
from whatif.effects.table import effect_rows, metrics_of
from whatif.scores.fit import fit_scores
from whatif.scores.record import Scores

CONVERTED, COST, COST_PER_ORDER = metrics_of(builders.spec())


def _scores(n: int = 600, clusters: int = 120, seed: int = 0, **more: bool) -> Scores:
    rng = np.random.default_rng(seed)
    cluster = rng.integers(0, clusters, n)
    gamma = rng.normal(size=(n, 2, 2)) + rng.normal(size=(clusters, 2, 2))[cluster] + 3.0
    columns = pd.DataFrame(
        {"region": rng.choice(list("abc"), n), "device": rng.choice(["m", "d"], n)}
    )
    return builders.scores(gamma, cluster, columns, **more)


def _joint(scores: Scores) -> Joint:
    return joint(scores, cut(scores.columns, (("region",), ("region", "device"))))


def _clustered_error(values: Floats, cluster: Ints) -> float:
    fit = sm.OLS(values, np.ones(values.size)).fit(
        cov_type="cluster",
        cov_kwds={"groups": cluster, "use_correction": False, "df_correction": False},
    )
    clusters = np.unique(cluster).size
    return float(fit.bse[0] * np.sqrt(clusters / (clusters - 1)))


def test_error_of_a_difference_equals_statsmodels_after_its_own_factor() -> None:
    scores = _scores()
    means = _joint(scores)
    made = contrast(means, CONVERTED, cell=0, arm=1)
    gain = scores.gamma[:, 1, 0] - scores.gamma[:, 0, 0]
    assert made.difference == pytest.approx(gain.mean(), abs=1e-12)
    error = np.sqrt(made.gradient @ means.sigma @ made.gradient)
    assert error == pytest.approx(_clustered_error(gain, scores.cluster), rel=1e-10)


def test_error_inside_a_segment_equals_statsmodels_on_its_rows() -> None:
    scores = _scores()
    means = _joint(scores)
    inside = (scores.columns["region"] == "b").to_numpy()
    made = contrast(means, COST, cell=2, arm=1)
    assert means.cells.segments[2] == (("region", "b"),)
    gain = (scores.gamma[:, 1, 1] - scores.gamma[:, 0, 1])[inside]
    total = np.unique(scores.cluster).size
    within = np.unique(scores.cluster[inside]).size
    expected = _clustered_error(gain, scores.cluster[inside])
    expected *= np.sqrt((total / (total - 1)) / (within / (within - 1)))
    error = np.sqrt(made.gradient @ means.sigma @ made.gradient)
    assert error == pytest.approx(expected, rel=1e-10)


def test_error_of_money_equals_the_direct_clustered_error() -> None:
    scores = _scores()
    means = _joint(scores)
    orders, cost = (contrast(means, m, cell=0, arm=1).gradient for m in (CONVERTED, COST))
    weights = 18.0 * orders - cost
    direct = 18.0 * (scores.gamma[:, 1, 0] - scores.gamma[:, 0, 0]) - (
        scores.gamma[:, 1, 1] - scores.gamma[:, 0, 1]
    )
    from_sigma = np.sqrt(weights @ means.sigma @ weights)
    assert from_sigma == pytest.approx(_clustered_error(direct, scores.cluster), rel=1e-12)


def test_ratio_error_is_the_delta_method_and_needs_the_covariance_of_orders_and_cost() -> None:
    rng = np.random.default_rng(1)
    n, cluster = 4_000, np.repeat(np.arange(1_000), 4)
    orders = 0.4 + 0.2 * rng.normal(size=(n, 2))
    gamma = np.stack([orders, 5 * orders + 0.1 * rng.normal(size=(n, 2))], axis=2)
    scores = builders.scores(gamma, cluster, pd.DataFrame(index=range(n)))
    means = joint(scores, cut(scores.columns, ()))
    made = contrast(means, COST_PER_ORDER, cell=0, arm=1)
    theta = gamma.mean(axis=0)
    ratio = theta[:, 1] / theta[:, 0]
    influence = (gamma[:, :, 1] - ratio * gamma[:, :, 0]) / theta[:, 0]
    direct = _clustered_error(influence[:, 1] - influence[:, 0], cluster)
    error = np.sqrt(made.gradient @ means.sigma @ made.gradient)
    assert made.difference == pytest.approx(ratio[1] - ratio[0], abs=1e-12)
    assert error == pytest.approx(direct, rel=1e-9)
    alone = np.diag(np.diag(means.sigma))
    assert np.sqrt(made.gradient @ alone @ made.gradient) > 5 * error


@given(seed=st.integers(0, 10_000))
def test_segments_average_back_to_everyone(seed: int) -> None:
    scores = _scores(n=200, clusters=40, seed=seed)
    means = _joint(scores)
    for d in range(2):
        cells = list(means.cells.of_dimension(d))
        share = means.counts.units[cells] / scores.n
        rebuilt = np.tensordot(share, means.theta[cells], axes=1)
        np.testing.assert_allclose(rebuilt, means.theta[0], rtol=1e-10)


@given(factor=st.sampled_from([-3.0, 0.01, 100.0]))
def test_changing_currency_scales_estimate_and_error(factor: float) -> None:
    scores = _scores(n=200, clusters=40)
    scaled = builders.scores(scores.gamma * factor, scores.cluster, scores.columns)
    one, two = _joint(scores), _joint(scaled)
    np.testing.assert_allclose(two.theta, one.theta * factor, rtol=1e-10)
    np.testing.assert_allclose(two.sigma, one.sigma * factor**2, rtol=1e-9, atol=1e-18)


def test_covariance_does_not_depend_on_row_order() -> None:
    scores = _scores()
    order = np.random.default_rng(5).permutation(scores.n)
    shuffled = builders.scores(
        scores.gamma[order], scores.cluster[order], scores.columns.iloc[order]
    )
    np.testing.assert_allclose(_joint(shuffled).sigma, _joint(scores).sigma, rtol=1e-9, atol=1e-15)


def test_blocks_of_clusters_add_up_like_one_block(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = _scores()
    whole = _joint(scores).sigma
    monkeypatch.setattr("whatif.effects.cluster_sums._BLOCK", 7 * 40)
    np.testing.assert_allclose(_joint(scores).sigma, whole, rtol=1e-10, atol=1e-16)


def test_a_missing_level_is_a_segment_of_its_own() -> None:
    cells = cut(pd.DataFrame({"region": ["a", None, "b"]}), (("region",),))
    assert [s[0][1] for s in cells.segments[1:]] == ["a", "b", MISSING]
    assert cells.code[:, 0].tolist() == [1, 3, 2]


def test_levels_keep_their_type() -> None:
    cells = cut(pd.DataFrame({"member": [True, False], "n": [3, 4]}), (("member", "n"),))
    assert cells.segments[1:] == ((("member", False), ("n", 4)), (("member", True), ("n", 3)))


@pytest.mark.parametrize("m", [2, 5, 10])
def test_band_of_independent_effects_is_sidak(m: int) -> None:
    sidak = stats.norm.ppf(0.5 + 0.95 ** (1 / m) / 2)
    assert sup_t(np.eye(m), level=0.95, df=10**7, seed=0) == pytest.approx(sidak, abs=0.015)


def test_band_of_identical_effects_is_one_interval() -> None:
    assert sup_t(np.ones((4, 4)), level=0.9, df=30, seed=0) == pytest.approx(
        t_critical(0.9, 30), abs=0.02
    )


def test_band_widens_with_few_clusters() -> None:
    assert sup_t(np.eye(3), level=0.95, df=8, seed=0) > sup_t(np.eye(3), level=0.95, df=80, seed=0)


def test_segment_test_is_hotellings() -> None:
    rng = np.random.default_rng(3)
    sample = rng.normal(size=(60, 4))
    estimate, covariance = sample.mean(axis=0), np.cov(sample.T) / 60
    statistic, p_value, df = equality_test(estimate, covariance, clusters=61)
    gaps = sample[:, 1:] - sample[:, [0]]
    t2 = 60 * gaps.mean(axis=0) @ np.linalg.solve(np.cov(gaps.T), gaps.mean(axis=0))
    assert df == (3, 57)
    assert statistic == pytest.approx(t2 * 57 / (3 * 59), rel=1e-10)
    assert p_value == pytest.approx(stats.f.sf(statistic, 3, 57), rel=1e-10)


def test_segment_test_has_its_size_where_chi_squared_has_not() -> None:
    rng = np.random.default_rng(7)
    clusters, cells, draws = 60, 8, 2_000
    rejects, naive = 0, 0
    for _ in range(draws):
        sample = rng.standard_t(8, size=(clusters, cells))
        covariance = np.cov(sample.T) / clusters
        statistic, p_value, (q, rest) = equality_test(
            sample.mean(axis=0), covariance, clusters=clusters
        )
        assert statistic is not None
        assert p_value is not None
        rejects += p_value < 0.05
        wald = statistic * q * (clusters - 2) / rest
        naive += stats.chi2.sf(wald, q) < 0.05
    assert rejects / draws == pytest.approx(0.05, abs=0.015)
    assert naive / draws > 0.08


def test_too_few_clusters_give_no_segment_test() -> None:
    assert equality_test(np.arange(4.0), np.eye(4), clusters=10)[:2] == (None, None)


def test_shrinkage_with_a_known_spread_is_the_normal_posterior() -> None:
    estimate, covariance = np.array([1.0, 2.0, 3.0, 6.0]), np.diag([0.5, 0.5, 1.0, 1.0])
    towards = main_effects([(0,), (1,), (2,), (3,)])
    little = shrink(estimate, covariance, towards, scale=1e-6)
    weights = 1 / np.diag(covariance)
    np.testing.assert_allclose(little, weights @ estimate / weights.sum(), atol=1e-6)
    much = shrink(estimate, covariance * 1e-8, towards, scale=3.0)
    np.testing.assert_allclose(much, estimate, atol=1e-4)


def test_shrinkage_lowers_the_error_of_noisy_segments() -> None:
    rng = np.random.default_rng(0)
    towards = main_effects([(i,) for i in range(6)])
    raw, shrunk = 0.0, 0.0
    for _ in range(300):
        truth = 1 + 0.5 * rng.normal(size=6)
        seen = truth + rng.normal(size=6)
        raw += ((seen - truth) ** 2).sum()
        shrunk += ((shrink(seen, np.eye(6), towards, scale=0.5) - truth) ** 2).sum()
    assert shrunk < 0.5 * raw


def test_crosses_shrink_towards_main_effects() -> None:
    assert main_effects([(0, 0), (0, 1), (1, 0), (1, 1)]).shape == (4, 3)
    assert main_effects([(0, 0), (1, 1)]).shape == (2, 2)


def _table(n: int = 3_000) -> list[tuple[str, str]]:
    design = builders.design(n)
    spec = builders.spec()
    scores = fit_scores(design, rule=spec.overlap, seed=0, key="k", learners=("glm",))
    return [(row.outcome, row.shown) for row in effect_rows(scores, spec)[1].effects]


def test_rows_come_overall_first_for_every_metric_and_cell() -> None:
    rows = _table()
    assert [name for name, _ in rows[:3]] == ["converted", "cost", "cost_per_order"]
    assert len(rows) == 3 * (1 + 3 + 6)
    assert {shown for _, shown in rows} == {"shown"}


def test_small_cells_are_suppressed_and_empty_ones_have_no_overlap() -> None:
    scores = _scores(n=4_000, clusters=2_000)
    columns = scores.columns.assign(region="a")
    columns.loc[:20, "region"] = "small"
    alone = int(np.flatnonzero(scores.arm == 1)[-1])
    columns.loc[alone, "region"] = "alone"
    changed = builders.scores(scores.gamma, scores.cluster, columns)
    spec = builders.spec(segments=["region"])
    rows = effect_rows(changed, spec)[1].effects
    shown = {dict(r.segment)["region"]: r for r in rows if r.segment and r.outcome == "converted"}
    assert shown["a"].shown == "shown"
    assert shown["small"].shown == "suppressed"
    assert shown["small"].relative is None
    assert shown["alone"].shown == "no_overlap"
    assert shown["alone"].estimate is None


def test_fewer_than_ten_clusters_in_an_arm_give_no_interval() -> None:
    rng = np.random.default_rng(0)
    cluster = np.repeat(np.arange(12), 50)
    columns = pd.DataFrame({"region": ["a"] * 600, "device": ["m"] * 600})
    scores = builders.scores(rng.normal(size=(600, 2, 2)) + 2, cluster, columns)
    few = builders.scores(scores.gamma, cluster, columns, assigned=True)
    object.__setattr__(few, "arm", (cluster < 6).astype(np.int64))
    row = effect_rows(few, builders.spec(segments=[]))[1].effects[0]
    assert row.estimate is not None
    assert row.ci == (None, None)


def test_degrees_of_freedom_count_the_smallest_arm_when_clusters_are_assigned() -> None:
    scores = _scores(n=900, clusters=90, assigned=True)
    object.__setattr__(scores, "arm", (scores.cluster < 30).astype(np.int64))
    assert _joint(scores).degrees(0, 1) == np.unique(scores.cluster[scores.arm == 1]).size - 1


def _three_arms(third: int, level: str) -> Scores:
    """Two arms of thousands and a third with a few rows, all of them in one region."""
    rng = np.random.default_rng(8)
    n = 6_000
    gamma = rng.normal(size=(n, 2, 2)) + 2
    columns = pd.DataFrame({"region": rng.choice(list("ab"), n), "device": "m"})
    columns.loc[: third - 1, "region"] = level
    two = builders.scores(gamma, np.arange(n), columns, assigned=True)
    arm = two.arm.copy()
    arm[:third] = 2
    return replace(
        two,
        arms=("folded", "expanded", "third"),
        gamma=np.concatenate([gamma, rng.normal(size=(n, 1, 2)) + 2], axis=1),
        propensity=np.full((n, 3), 1 / 3),
        arm=arm,
    )


def test_a_tiny_third_arm_does_not_move_the_other_comparison() -> None:
    spec = builders.spec(segments=["region"])
    tiny = {r.segment: r for r in _of(_three_arms(3, "a"), spec) if r.arm == "expanded"}
    full = {r.segment: r for r in _of(_three_arms(2_000, "a"), spec) if r.arm == "expanded"}
    for segment in ((), (("region", "a"),), (("region", "b"),)):
        assert tiny[segment].critical < 2.3
        assert tiny[segment].critical == pytest.approx(full[segment].critical, rel=0.01)
    assert tiny[("region", "a"),].critical > 2.2


def _of(scores: Scores, spec: StudySpec) -> list[EffectRow]:
    return [r for r in effect_rows(scores, spec)[1].effects if r.outcome == "converted"]


def test_the_segment_test_counts_all_clusters_of_the_two_arms() -> None:
    tests = effect_rows(_three_arms(2_000, "a"), builders.spec(segments=["region"]))[1]
    by_arm = {t.arm: t.df for t in tests.heterogeneity if t.outcome == "converted"}
    counted = np.bincount(_three_arms(2_000, "a").arm)
    assert by_arm["expanded"] == (1, counted[0] + counted[1] - 2)


def test_relative_lift_needs_a_control_mean_clearly_above_zero() -> None:
    scores = _scores(n=4_000, clusters=4_000)
    for shift, shown in ((0.0, True), (-3.0, False), (-13.0, False)):
        moved = replace(scores, gamma=scores.gamma + shift)
        row = effect_rows(moved, builders.spec(segments=[], ratios=[]))[1].effects[0]
        assert (row.relative is not None) == shown


def test_whole_numbers_with_gaps_stay_whole() -> None:
    cells = cut(pd.DataFrame({"n": [1.0, None, 2.0]}), (("n",),))
    levels = [s[0][1] for s in cells.segments[1:]]
    assert levels == [1, 2, MISSING]
    assert [type(level) for level in levels] == [int, int, str]
