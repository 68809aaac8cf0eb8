"""Ratios: Fieller's set near zero, the delta method away from it, lifts against the truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tests import builders
from whatif.base.arrays import Floats, Ints
from whatif.effects.bands import t_critical
from whatif.effects.cells import cut
from whatif.effects.contrasts import Metric, Term, contrast, total
from whatif.effects.fieller import fieller
from whatif.effects.joint import Joint, joint
from whatif.effects.ratio_sets import interval_of
from whatif.effects.table import effect_rows
from whatif.scores.record import Scores

COST_PER_ORDER = Metric(name="cost_per_order", numerator=1, denominator=0)
PAIR = tuple(
    Term(coefficient=c, metric=COST_PER_ORDER, cell=0, arm=a) for c, a in ((1.0, 1), (-1.0, 0))
)


def _scores(orders: float, *, n: int = 600, seed: int = 0) -> Scores:
    """Orders with a mean of exactly `orders` and an error of 0.04; cost of 5 an order."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(n, 2))
    made = orders + noise - noise.mean(axis=0)
    gamma = np.stack([made, 5.0 * made + rng.normal(size=(n, 2))], axis=2)
    return builders.scores(gamma, np.arange(n), pd.DataFrame(index=range(n)))


def _means(orders: float, **more: int) -> Joint:
    scores = _scores(orders, **more)
    return joint(scores, cut(scores.columns, ()))


def test_far_from_zero_the_interval_is_the_delta_methods() -> None:
    means = _means(3.0)
    made = total(means, PAIR)
    half = 1.96 * means.error(made.gradient)
    found = interval_of(means, PAIR, 1.96)
    assert found.kind == "interval"
    assert found.ends == pytest.approx((made.value - half, made.value + half), rel=1e-12)


def test_where_the_methods_meet_they_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    means = _means(8.0)
    delta = interval_of(means, PAIR, 1.96).ends
    monkeypatch.setattr("whatif.effects.ratio_sets.NEAR_ZERO", 0.0)
    recovered = interval_of(means, PAIR, 1.96).ends
    assert recovered == pytest.approx(delta, rel=2e-3)


def test_one_ratio_near_zero_has_fiellers_set() -> None:
    kinds = set()
    for orders in (0.3, 0.15, 0.03, 0.0):
        means = _means(orders)
        found = interval_of(means, PAIR[:1], 1.96)
        spread = means.sigma[2:, 2:]
        variances = (float(spread[1, 1]), float(spread[0, 0]), float(spread[0, 1]))
        top, bottom = means.theta[0, 1, 1], means.theta[0, 1, 0]
        expected = fieller(float(top), float(bottom), variances=variances, critical=1.96)
        assert found.kind == expected.kind
        ours, known = (np.array(one.ends, dtype=np.float64) for one in (found, expected))
        np.testing.assert_allclose(ours, known, rtol=1e-9)
        kinds.add(found.kind)
    assert {"interval"} < kinds


def test_a_difference_of_ratios_is_unbounded_as_soon_as_one_of_them_is() -> None:
    means = _means(0.05)
    assert interval_of(means, PAIR, 1.96).kind == "all"
    assert interval_of(means, PAIR, 1.96).ends == (None, None)


def test_near_zero_the_difference_covers_as_it_says_and_the_delta_method_does_not() -> None:
    draws, truth = 500, 0.0
    recovered, delta = 0, 0
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        made = 0.12 + 0.6 * rng.normal(size=(400, 2))
        gamma = np.stack([made, 0.6 + 2.0 * rng.normal(size=(400, 2))], axis=2)
        scores = builders.scores(gamma, np.arange(400), pd.DataFrame(index=range(400)))
        means = joint(scores, cut(scores.columns, ()))
        low, high = interval_of(means, PAIR, t_critical(0.95, 399)).ends
        recovered += (low is None or low <= truth) and (high is None or truth <= high)
        half = 1.9659 * means.error(total(means, PAIR).gradient)
        delta += abs(total(means, PAIR).value - truth) <= half
    assert recovered / draws == pytest.approx(0.95, abs=3 * np.sqrt(0.05 * 0.95 / draws))
    assert delta / draws > 0.99


@settings(max_examples=20)
@given(factor=st.sampled_from([-2.0, 0.5, 3.0]), orders=st.sampled_from([0.1, 0.2, 3.0]))
def test_scaling_a_sum_scales_its_interval(factor: float, orders: float) -> None:
    means = _means(orders)
    plain = interval_of(means, PAIR, 1.96)
    terms = [replace(term, coefficient=factor * term.coefficient) for term in PAIR]
    scaled = interval_of(means, terms, 1.96)
    assert scaled.kind == plain.kind
    if plain.kind == "interval":
        ends = sorted(factor * end for end in plain.ends if end is not None)
        assert scaled.ends == pytest.approx(tuple(ends), rel=1e-9)


def test_a_row_with_hardly_any_orders_is_unbounded_and_the_others_stay_delta() -> None:
    spec = builders.spec(segments=[])
    few = effect_rows(_scores(0.05), spec)[1].effects[2]
    many = effect_rows(_scores(3.0), spec)[1].effects[2]
    assert few.outcome == many.outcome == "cost_per_order"
    assert few.ci == (None, None)
    assert few.estimate is not None
    assert many.estimate is not None
    assert many.std_error is not None
    half = t_critical(0.95, many.df) * many.std_error
    assert many.ci == pytest.approx((many.estimate - half, many.estimate + half), rel=1e-12)


def _clusters(rng: np.random.Generator, n: int) -> tuple[Floats, Ints]:
    cluster = np.repeat(np.arange(n // 4), 4)
    noise = rng.normal(size=(n, 2)) + rng.normal(size=(n // 4, 2))[cluster]
    return noise, cluster


def test_a_relative_lift_covers_the_truth_because_the_baselines_noise_counts() -> None:
    draws, n = 1_000, 400
    counted, ignored = 0, 0
    for seed in range(draws):
        noise, cluster = _clusters(np.random.default_rng(seed), n)
        gamma = np.stack([np.array([1.0, 2.5]) + noise, np.ones((n, 2))], axis=2)
        scores = builders.scores(gamma, cluster, pd.DataFrame(index=range(n)))
        means = joint(scores, cut(scores.columns, ()))
        made = contrast(means, Metric(name="converted", numerator=0), cell=0, arm=1)
        assert made.lift is not None
        t = stats.t.ppf(0.975, means.degrees(0, 1))
        counted += abs(made.lift - 1.5) <= t * means.error(made.lift_gradient)
        ignored += abs(made.lift - 1.5) <= t * means.error(made.gradient) / made.baseline
    assert counted / draws == pytest.approx(0.95, abs=3 * np.sqrt(0.95 * 0.05 / draws))
    assert ignored / draws < 0.9
