"""Bounds among those who order either way: closed forms, Lee's formula, brute force, coverage."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tests import builders
from tests.benchmarks import bounds as benchmark
from tests.lee_cases import (
    bounds_row,
    bounds_rows,
    brute_force,
    codes_of,
    directions_of,
    means_of,
    noisy,
    scores_of,
    spec_of,
    taken,
    two_arms,
)
from whatif.base.arrays import Floats
from whatif.effects.bands import t_critical
from whatif.effects.bounds.imbens_manski import imbens_manski
from whatif.effects.bounds.lee import lee_bounds
from whatif.scores.aipw import aipw_scores
from whatif.scores.record import Scores


def test_uniform_costs_give_the_closed_form() -> None:
    even = two_arms((180, 240), units=400, cost=lambda m: (np.arange(m) + 0.5) / m)
    row = bounds_row(scores_of(*even))
    assert row.bounds == pytest.approx((0.75 / 2 - 0.5, 1 - 0.75 / 2 - 0.5), abs=1e-12)
    assert row.share == pytest.approx(0.45, abs=1e-12)
    assert row.trimmed == pytest.approx((0.0, 0.25), abs=1e-12)
    assert (row.settled, row.unsettled, row.left_out) == (1, 0, 0.0)


def test_fewer_orders_in_the_arm_trim_the_control() -> None:
    row = bounds_row(
        scores_of(*two_arms((240, 180), units=400, cost=lambda m: (np.arange(m) + 0.5) / m))
    )
    assert row.bounds == pytest.approx((0.5 - (1 - 0.75 / 2), 0.5 - 0.75 / 2), abs=1e-12)
    assert row.trimmed == pytest.approx((0.25, 0.0), abs=1e-12)


def test_normal_costs_give_the_mean_of_a_truncated_normal() -> None:
    def normal(m: int) -> Floats:
        return np.asarray(stats.norm.ppf((np.arange(m) + 0.5) / m))

    low, high = bounds_row(scores_of(*two_arms((6_000, 8_000), units=20_000, cost=normal))).bounds
    expected = stats.norm.pdf(stats.norm.ppf(0.75)) / 0.75
    assert low == pytest.approx(-expected, abs=2e-4)
    assert high == pytest.approx(expected, abs=2e-4)


def test_errors_equal_the_formula_of_lee() -> None:
    """Lee (2009), proposition 3, with every population value replaced by the sample's."""
    rng = np.random.default_rng(4)
    ordered, cost, arm = two_arms((100, 200), units=400, cost=lambda m: rng.gamma(2.0, size=m))
    row = bounds_row(scores_of(ordered, cost, arm))
    assert row.settled == 1
    control = cost[(arm == 0) & (ordered == 1)]
    treated = np.sort(cost[(arm == 1) & (ordered == 1)])
    p, seen, half, orders = 1 - 100 / 200, 100 / 400, 0.5, 200 / 800
    v_share = (1 - p) ** 2 * (
        (1 - seen / (1 - p)) / (half * seen / (1 - p)) + (1 - seen) / (half * seen)
    )
    for end, kept, at in ((0, treated[:100], treated[99]), (1, treated[100:], treated[100])):
        mean = kept.mean()
        variance = kept.var() / (orders * (1 - p))
        variance += (at - mean) ** 2 * p / (orders * (1 - p))
        variance += ((at - mean) / (1 - p)) ** 2 * v_share
        variance += control.var() / (100 / 800)
        assert row.bounds[end] == pytest.approx(mean - control.mean(), abs=1e-12)
        assert row.std_error[end] == pytest.approx(np.sqrt(variance / 799), rel=1e-10)


def test_training_and_earnings_of_the_employed_equal_brute_force(data_folder: Path) -> None:
    """Lee's question on public data: training raises employment, and the earnings of whom?"""
    frame = pd.read_csv(data_folder / "lalonde_nsw_dw.csv.gz")
    earned = frame["re78"].to_numpy(dtype=np.float64)
    employed = (earned > 0).astype(np.float64)
    arm = frame["treat"].to_numpy(dtype=np.int64)
    scores = scores_of(employed, earned, arm, columns={"nodegree": frame["nodegree"]})
    everyone = bounds_row(scores)
    assert everyone.settled == 1
    assert everyone.share == pytest.approx(employed[arm == 0].mean(), rel=1e-12)
    one_cell = np.zeros(arm.size, dtype=np.int64)
    assert everyone.bounds == pytest.approx(brute_force(scores, one_cell, {0: 1}), rel=1e-10)
    tightened, codes = bounds_row(scores, "nodegree"), codes_of(scores, "nodegree")
    directions = directions_of(scores, codes)
    assert tightened.settled == sum(d != 0 for d in directions.values())
    assert tightened.bounds == pytest.approx(brute_force(scores, codes, directions), rel=1e-10)


def test_weights_logged_chances_and_opposite_cells_equal_brute_force() -> None:
    scores = noisy()
    everyone, *regions = bounds_rows(scores, "region")
    cell = codes_of(scores, "region")
    direction = {0: 1, 1: -1, 2: 0}
    assert everyone.bounds == pytest.approx(brute_force(scores, cell, direction), rel=1e-10)
    assert (everyone.settled, everyone.unsettled) == (2, 1)
    for g, row in enumerate(regions):
        assert row.bounds == pytest.approx(brute_force(scores, cell, {g: direction[g]}), rel=1e-10)


def test_errors_equal_the_jackknife_over_customers() -> None:
    scores = noisy(n=3_000)
    scores = taken(scores, np.flatnonzero(scores.columns["region"] != "c"))
    row = bounds_row(scores, "region")
    assert row.unsettled == 0
    cell, group = codes_of(scores, "region"), scores.cluster % 250
    left_out = np.array(
        [
            brute_force(taken(scores, rows), cell[rows], {0: 1, 1: -1})
            for rows in (np.flatnonzero(group != k) for k in range(250))
        ]
    )
    spread = np.sqrt(249 / 250 * ((left_out - left_out.mean(axis=0)) ** 2).sum(axis=0))
    assert row.std_error == pytest.approx(spread, rel=0.08)


def test_ties_at_the_cut_count_in_part() -> None:
    ordered, cost, arm = two_arms(
        (100, 160), units=400, cost=lambda m: 1.0 + np.arange(m, dtype=np.float64) // 40
    )
    scores = scores_of(ordered, cost, arm)
    control = cost[(arm == 0) & (ordered == 1)].mean()
    # of orders at 1, 2, 3, 4 (40 each) the cheapest 100 are all at 1 and 2 and half of those at 3
    low, high = (40 * 1 + 40 * 2 + 20 * 3) / 100, (40 * 4 + 40 * 3 + 20 * 2) / 100
    assert bounds_row(scores).bounds == pytest.approx((low - control, high - control), abs=1e-12)
    shuffled = taken(scores, np.random.default_rng(0).permutation(scores.n))
    assert bounds_row(shuffled).bounds == pytest.approx(bounds_row(scores).bounds, abs=1e-12)


def test_a_weight_of_two_is_the_unit_twice() -> None:
    scores = noisy(1)
    double = replace(scores, weight=np.where(np.arange(scores.n) % 3 == 0, 2.0, 1.0))
    rows = np.sort(np.concatenate([np.arange(scores.n), np.arange(0, scores.n, 3)]))
    twice = replace(taken(scores, rows), weight=np.ones(rows.size))
    one, two = bounds_row(double, "region"), bounds_row(twice, "region")
    assert one.bounds == pytest.approx(two.bounds, rel=1e-10)
    assert one.std_error == pytest.approx(two.std_error, rel=1e-10)


def _constant_cost(seed: int) -> Scores:
    scores = noisy(seed)
    cost = np.array([5.0, 6.0])[scores.arm]
    return scores_of(scores.y[:, 0], cost, scores.arm, columns={"region": scores.columns["region"]})


def test_one_cost_per_arm_leaves_nothing_to_bound() -> None:
    row = bounds_row(_constant_cost(2), "region")
    assert row.bounds == pytest.approx((1.0, 1.0), abs=1e-9)
    assert row.std_error == pytest.approx((0.0, 0.0), abs=1e-9)
    assert row.ci == pytest.approx((1.0, 1.0), abs=1e-8)


def test_equal_conversion_gives_the_difference_in_cost_per_order() -> None:
    rng = np.random.default_rng(3)
    ordered, cost, arm = two_arms((200, 200), units=500, cost=lambda m: rng.gamma(3.0, size=m))
    scores = scores_of(ordered, cost, arm)
    theta = means_of(scores, spec_of()).theta[0]
    difference = theta[1, 1] / theta[1, 0] - theta[0, 1] / theta[0, 0]
    row = bounds_row(scores)
    assert row.bounds == pytest.approx((difference, difference), abs=1e-12)
    assert (row.settled, row.unsettled) == (0, 1)
    assert row.share == pytest.approx(0.4, abs=1e-12)


def test_adjusted_means_enter_the_shares_and_the_mean_cost() -> None:
    design_scores = noisy(5)
    theta = means_of(design_scores, spec_of()).theta[0]
    row = bounds_row(design_scores)
    assert row.share == pytest.approx(theta[:, 0].min(), rel=1e-12)
    low, high = row.bounds
    assert low is not None
    assert high is not None
    assert low < theta[1, 1] / theta[1, 0] - theta[0, 1] / theta[0, 0] < high


def test_a_cell_where_an_arm_has_no_orders_is_left_out_and_counted() -> None:
    scores = noisy(6)
    barren = (scores.columns["region"] == "b").to_numpy() & (scores.arm == 1)
    y = np.where(barren[:, None], 0.0, scores.y)
    empty = replace(
        scores, y=y, gamma=aipw_scores(y=y, arm=scores.arm, mean=np.zeros((scores.n, 2, 2)),
                                       propensity=scores.propensity),
    )  # fmt: skip
    everyone, *regions = bounds_rows(empty, "region")
    inside = empty.columns["region"] == "b"
    assert everyone.left_out == pytest.approx(empty.weight[inside].sum() / empty.weight.sum())
    cell = codes_of(empty, "region")
    directions = {g: d for g, d in directions_of(empty, cell).items() if g != 1}
    assert everyone.bounds == pytest.approx(brute_force(empty, cell, directions), rel=1e-10)
    assert regions[1].shown == "no_overlap"
    assert regions[1].bounds == regions[1].ci == (None, None)
    assert regions[1].left_out == 1.0
    nobody = replace(empty, y=np.where((empty.arm == 1)[:, None], 0.0, empty.y))
    assert {row.shown for row in bounds_rows(nobody, "region")} == {"no_overlap"}


def test_a_cell_with_few_orders_is_trimmed_in_both_directions() -> None:
    scores = noisy(7)
    rng = np.random.default_rng(7)
    rare = (scores.columns["region"] == "a") & (rng.uniform(size=scores.n) < 0.1)
    scores = replace(scores, columns=scores.columns.assign(kind=np.where(rare, "rare", "usual")))
    everyone, *rows = bounds_rows(scores, "region", ["region", "kind"])
    cell = codes_of(scores, "region", "kind")
    directions = directions_of(scores, cell)
    assert directions[0] == 0
    assert (everyone.settled, everyone.unsettled) == (2, 2)
    assert everyone.bounds == pytest.approx(brute_force(scores, cell, directions), rel=1e-10)
    by_segment = {row.segment: row for row in rows}
    whole = by_segment[("region", "a"),]
    assert whole.bounds == pytest.approx(
        brute_force(scores, cell, {g: directions[g] for g in (0, 1)}), rel=1e-10
    )
    assert (whole.settled, whole.unsettled, whole.shown) == (1, 1, "shown")
    small = by_segment[("region", "a"), ("kind", "rare")]
    assert (small.settled, small.unsettled, small.shown) == (0, 1, "suppressed")
    assert small.bounds == pytest.approx(brute_force(scores, cell, {0: 0}), rel=1e-10)


def test_cells_so_fine_that_a_tenth_is_left_out_are_not_shown() -> None:
    scores = noisy(10, n=2_000)
    fine = np.random.default_rng(10).integers(0, 200, scores.n).astype(str)
    scores = replace(scores, columns=scores.columns.assign(fine=fine))
    row = bounds_row(scores, "fine")
    assert row.left_out > 0.1
    assert row.shown == "suppressed"
    assert bounds_row(scores, "region").shown == "shown"


def test_fewer_than_ten_clusters_in_an_arm_give_no_interval() -> None:
    scores = noisy(8)
    row = bounds_row(replace(scores, cluster=scores.cluster % 9))
    assert row.bounds[0] is not None
    assert row.ci == (None, None)


def test_each_arm_is_compared_with_the_control() -> None:
    scores = noisy(9)
    rng = np.random.default_rng(9)
    third = np.flatnonzero(rng.uniform(size=scores.n) < 0.5)
    two = replace(
        scores,
        arms=("folded", "third", "expanded"),
        gamma=np.insert(scores.gamma, 1, rng.normal(size=(scores.n, 2)), axis=1),
        propensity=np.insert(scores.propensity, 1, 0.3, axis=1),
        arm=2 * scores.arm,
    )
    with_third = replace(two, arm=two.arm.copy())
    with_third.arm[third] = 1
    names = [(row.arm, row.versus) for row in bounds_rows(with_third)]
    assert names == [("third", "folded"), ("expanded", "folded")]
    assert bounds_rows(two)[1].bounds == bounds_row(scores).bounds
    assert bounds_rows(two)[1].std_error == bounds_row(scores).std_error


@settings(max_examples=25, deadline=None)
@given(
    factor=st.sampled_from([0.01, 3.0, 100.0]),
    shift=st.sampled_from([0.0, -7.0, 40.0]),
    seed=st.integers(0, 50),
)
def test_currency_and_a_fixed_fee_per_order_move_bounds_as_they_should(
    factor: float, shift: float, seed: int
) -> None:
    scores = noisy(seed, n=1_500, customers=400)
    change = np.array([[1.0, 0.0], [shift, factor]])
    moved = replace(scores, y=scores.y @ change.T, gamma=scores.gamma @ change.T)
    one, two = bounds_row(scores, "region"), bounds_row(moved, "region")
    for before, after in ((one.bounds, two.bounds), (one.std_error, two.std_error)):
        assert after == pytest.approx([factor * float(v or 0.0) for v in before], rel=1e-7)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 200))
def test_swapping_the_arms_mirrors_the_bounds(seed: int) -> None:
    scores = noisy(seed, n=1_500, customers=400)
    swapped = replace(
        scores,
        arm=1 - scores.arm,
        gamma=scores.gamma[:, ::-1],
        propensity=scores.propensity[:, ::-1],
    )
    one, two = bounds_row(scores, "region"), bounds_row(swapped, "region")
    assert one.bounds[0] is not None
    assert one.bounds[1] is not None
    assert one.ci[0] is not None
    assert one.ci[1] is not None
    assert one.ci[0] < one.bounds[0] <= one.bounds[1] < one.ci[1]
    assert two.bounds == pytest.approx((-one.bounds[1], -one.bounds[0]), rel=1e-9)
    assert two.ci == pytest.approx((-one.ci[1], -one.ci[0]), rel=1e-9)
    assert two.trimmed == pytest.approx(one.trimmed[::-1] if one.trimmed else None)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 200))
def test_bounds_do_not_depend_on_the_order_of_rows(seed: int) -> None:
    scores = noisy(seed, n=1_500, customers=400)
    shuffled = taken(scores, np.random.default_rng(seed).permutation(scores.n))
    segments: tuple[str | list[str], ...] = ("device", ["region", "device"])
    for one, two in zip(
        bounds_rows(scores, *segments), bounds_rows(shuffled, *segments), strict=True
    ):
        assert two.bounds == pytest.approx(one.bounds, rel=1e-8)
        assert two.std_error == pytest.approx(one.std_error, rel=1e-7)
        assert replace(two, bounds=one.bounds, std_error=one.std_error, ci=one.ci, share=one.share,
                       trimmed=one.trimmed, left_out=one.left_out) == one  # fmt: skip


def test_another_target_holds_no_numbers() -> None:
    for target in ("att", "overlap"):
        (row,) = bounds_rows(replace(noisy(), target=target), "region")
        assert (row.shown, row.target) == ("other_target", target)
        assert row.bounds == row.ci == row.std_error == (None, None)
        assert row.share is None


def test_a_cost_without_an_order_holds_no_numbers() -> None:
    scores = noisy()
    y = scores.y.copy()
    y[np.flatnonzero(y[:, 0] == 0)[0], 1] = 3.0
    (row,) = bounds_rows(replace(scores, y=y), "region")
    assert row.shown == "not_only_among"
    assert row.bounds == (None, None)


def test_only_a_cost_or_amount_over_a_binary_outcome_is_bounded() -> None:
    scores = noisy()
    cost = {"column": "cost", "kind": "count", "better": "lower"}
    converted = {"column": "converted", "kind": "binary"}
    counted = builders.spec(outcomes=[converted, cost])
    assert lee_bounds(scores, counted, means_of(scores, spec_of())) == ()
    turned = [{"name": "per_dollar", "numerator": "converted", "denominator": "cost"}]
    assert lee_bounds(scores, builders.spec(ratios=turned), means_of(scores, spec_of())) == ()
    assert lee_bounds(scores, builders.spec(ratios=[]), means_of(scores, spec_of())) == ()
    amount = builders.spec(segments=[], outcomes=[converted, cost | {"kind": "amount"}])
    assert lee_bounds(scores, amount, means_of(scores, amount))[0] == bounds_row(scores)


def test_the_interval_of_imbens_and_manski_runs_from_two_sided_to_one_sided() -> None:
    meet = imbens_manski(1.0, 1.0, errors=(0.5, 0.2), level=0.95, df=12)
    two_sided = t_critical(0.95, 12)
    assert meet == pytest.approx((1 - two_sided * 0.5, 1 + two_sided * 0.2), abs=1e-9)
    apart = imbens_manski(-100.0, 100.0, errors=(0.5, 0.2), level=0.95, df=12)
    one_sided = float(stats.t.ppf(0.95, 12))
    assert apart == pytest.approx((-100 - one_sided * 0.5, 100 + one_sided * 0.2), abs=1e-9)


@given(width=st.floats(0.0, 4.0), level=st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_the_interval_of_imbens_and_manski_solves_its_equation(width: float, level: float) -> None:
    low, high = imbens_manski(0.0, width, errors=(1.0, 1.0), level=level, df=10**9)
    c = -low
    assert high - width == pytest.approx(c, abs=1e-9)
    covered = stats.norm.cdf(c + width) - stats.norm.cdf(-c)
    assert covered == pytest.approx(level, abs=1e-7)


def test_job_corps_figures_give_the_published_interval() -> None:
    """Bounds −.016 (.017) and .100 (.014) of log wages in week 208 give [−.044, .123]."""
    found = imbens_manski(-0.016, 0.100, errors=(0.017, 0.014), level=0.95, df=10**9)
    assert [round(end, 3) for end in found] == [-0.044, 0.123]


@cache
def _draws() -> pd.DataFrame:
    draws = pd.DataFrame([draw for seed in range(100) for draw in benchmark.replicate(seed)])
    return draws.assign(where=[dict(s).get("place", "everyone") for s in draws["segment"]])


def _covered(bounds: str, places: tuple[str, ...], *what: str) -> float:
    draws = _draws()
    rows = (draws["bounds"] == bounds) & draws["where"].isin(places)
    return float(draws.loc[rows, list(what)].to_numpy(dtype=np.float64).mean())


def test_ends_of_the_identified_interval_are_covered_when_customers_return() -> None:
    """Nominal is .95; a sound engine stays above .93 in about 95 of 100 such runs."""
    settled = ("city", "coast")
    assert 0.93 <= _covered("cell by cell", settled, "low", "high") <= 0.98
    assert _covered("cell by cell", ("everyone",), "effect", "low", "high") >= 0.95
    assert _covered("independent errors", settled, "low", "high") < 0.92


def test_pooled_bounds_miss_the_effect_where_directions_differ() -> None:
    assert _covered("one pool", ("everyone",), "effect") < 0.5
    assert _covered("cell by cell", ("everyone",), "effect") > 0.95
