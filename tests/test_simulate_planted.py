"""Worlds made from a study's rows: arms met chance by chance, effects of exactly known size."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whatif.simulate.fitted import fitted
from whatif.simulate.planted import flip, redrawn_arms, resampled, scale, turned_arms


@given(st.lists(st.integers(0, 6), min_size=1, max_size=40), st.integers(0, 99))
def test_resampled_clusters_are_whole_and_as_many_as_before(codes: list[int], seed: int) -> None:
    cluster = pd.factorize(np.array(codes))[0].astype(np.int64)
    rows, copy = resampled(cluster, np.random.default_rng(seed))
    assert copy.max() + 1 == cluster.max() + 1
    for one in np.unique(copy):
        drawn = rows[copy == one]
        own = np.flatnonzero(cluster == cluster[drawn[0]])
        assert sorted(drawn.tolist()) == own.tolist()


def test_a_ramp_moves_units_one_way_and_gives_every_row_its_chance() -> None:
    units = 20_000
    unit = np.tile(np.arange(units), 2)
    share = np.repeat([0.05, 0.5], units)
    chance = np.column_stack([1 - share, share])
    arm = redrawn_arms(chance, unit, np.random.default_rng(0))
    early, late = arm[:units], arm[units:]
    assert (late >= early).all()
    assert early.mean() == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / units))
    assert late.mean() == pytest.approx(0.5, abs=4 * np.sqrt(0.25 / units))


def test_fitted_chances_are_met_row_by_row_and_clusters_stay_alike() -> None:
    rng = np.random.default_rng(1)
    cluster = np.repeat(np.arange(300), 2)
    chance = np.repeat([[0.7, 0.3], [0.4, 0.6]], 150, axis=0)[cluster]
    latent = rng.random(300)[cluster]
    arm = (latent >= chance[:, 0]).astype(np.int64)
    arm[::50] = 1 - arm[::50]
    draws = np.array([turned_arms(chance, arm, cluster, rng) for _ in range(2_000)])
    error = np.sqrt(chance[:, 1] * chance[:, 0] / len(draws))
    z = (draws.mean(axis=0) - chance[:, 1]) / error
    assert abs(z).max() < 4.5
    assert z.std() == pytest.approx(1.0, abs=0.15)  # also where the arm was the rarer one
    alike = (draws[:, ::2] == draws[:, 1::2]).mean()
    by_chance = (chance**2).sum(axis=1).mean()
    assert alike > by_chance + 0.05


def test_clusters_of_one_arm_stay_in_one_arm() -> None:
    cluster = np.repeat(np.arange(50), 3)
    arm = np.repeat(np.arange(50) % 2, 3)
    drawn = turned_arms(np.full((150, 2), 0.5), arm, cluster, np.random.default_rng(0))
    assert (drawn.reshape(50, 3) == drawn[::3, None]).all()


@settings(max_examples=50)
@given(st.floats(0.01, 0.2), st.booleans(), st.integers(0, 99))
def test_flips_have_exactly_the_effect_and_costs_follow_orders(
    effect: float, up: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    came = (rng.random(200) < 0.4).astype(float)
    y = np.column_stack([came, came * rng.lognormal(size=200)])
    weight = rng.uniform(0.5, 2.0, 200)
    signed = effect if up else -effect
    made = flip(y, weight, column=0, effect=signed)
    assert made is not None
    moved = weight @ (made.expected(y) - y)[:, 0] / weight.sum()
    assert moved == pytest.approx(signed, rel=1e-9)
    drawn = made.drawn(y, np.arange(200) < 150, rng)
    assert ((drawn[:, 0] == 0) == (drawn[:, 1] == 0)).all()
    assert (drawn[150:] == y[150:]).all()


def test_drawn_flips_average_to_what_is_expected() -> None:
    rng = np.random.default_rng(0)
    came = (rng.random(300) < 0.3).astype(float)
    y = np.column_stack([came, came * rng.lognormal(size=300)])
    made = flip(y, np.ones(300), column=0, effect=0.1)
    assert made is not None
    everyone = np.ones(300, dtype=bool)
    draws = np.array([made.drawn(y, everyone, rng).mean(axis=0) for _ in range(3_000)])
    error = draws.std(axis=0) / np.sqrt(len(draws))
    assert (abs(draws.mean(axis=0) - made.expected(y).mean(axis=0)) < 4 * error).all()


def test_effects_on_amounts_and_ratios_are_planted_by_scaling_and_shifting() -> None:
    y = np.array([[2.0, 1.0], [6.0, 1.0], [0.0, 0.0]])
    scaled = scale(y, np.ones(3), column=0, effect=0.5, over=1)
    assert scaled is not None
    after = scaled.expected(y).sum(axis=0)
    assert after[0] / after[1] - 8 / 2 == pytest.approx(0.5)
    signed = np.array([[-1.0], [2.0]])
    shifted = scale(signed, np.ones(2), column=0, effect=0.5)
    assert shifted is not None
    assert shifted.expected(signed).tolist() == [[-0.5], [2.5]]
    drawn = shifted.drawn(signed, np.array([False, True]), np.random.default_rng(0))
    assert drawn.tolist() == [[-1.0], [2.5]]
    assert scale(np.zeros((2, 1)), np.ones(2), column=0, effect=0.5) is None
    assert flip(y[:, 1:], np.ones(3), column=0, effect=0.5) is None


def test_outcomes_as_fitted_have_the_fitted_means_and_keep_their_zeros() -> None:
    """Rows drawn from the model itself: what is expected of them averages to the model's means."""
    rng = np.random.default_rng(0)
    n = 40_000
    x, arm = rng.normal(size=n), rng.integers(0, 2, n)
    order = 1 / (1 + np.exp(-(x[:, None] + [0.0, 0.5])))
    per_order = np.exp(1 + 0.3 * x[:, None] + [0.0, -0.2])
    other = x[:, None] + [0.0, 1.0]
    rows = np.arange(n)
    came = (rng.random(n) < order[rows, arm]).astype(float)
    cost = came * per_order[rows, arm] * rng.gamma(2.0, 0.5, n)
    y = np.column_stack([came, cost, other[rows, arm] + rng.normal(size=n)])
    mean = np.stack([order, order * per_order, other], axis=2)
    made = fitted(y, arm, mean, binary=(True, False, False))
    potential = made.potential()
    error = (potential - mean).std(axis=0) / np.sqrt(n)
    assert (abs((potential - mean).mean(axis=0)) < 4 * error).all()
    assert potential[rows, arm] == pytest.approx(y)
    for a in (0, 1):
        drawn = np.mean([made.drawn(rows, np.full(n, a), rng) for _ in range(20)], axis=0)
        gap = drawn - potential[:, a]
        spread = gap.std(axis=0) / np.sqrt(n)
        assert (abs(gap.mean(axis=0)) <= 4 * spread + 1e-12).all()
    once = made.drawn(rows, 1 - arm, rng)
    assert ((once[:, 0] == 0) == (once[:, 1] == 0)).all()
