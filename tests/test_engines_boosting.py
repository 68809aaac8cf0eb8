"""Boosting stops where held-back clusters say so, and beats a fixed number of trees on few rows."""

from __future__ import annotations

from functools import partial

import lightgbm as lgb
import numpy as np
import pytest

from whatif.base.arrays import Bools, Floats
from whatif.engines.boosting import SMALL, Matrix, predict_mean, predict_probability

PLAIN: Bools = np.zeros(5, dtype=bool)


def _rows(n: int, seed: int = 0) -> tuple[Matrix, Floats]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 5)).astype(np.float32)
    return x, 1.5 * ((x[:, 0] > 0) ^ (x[:, 1] > 0)) + rng.normal(size=n)


def _fixed(x: Matrix, y: Floats, at: Matrix) -> Floats:
    """A hundred trees of the library, as boosting does on large data."""
    parameters = {"verbose": -1, "num_threads": 1, "num_leaves": 15, "objective": "regression"}
    return np.asarray(lgb.train(parameters, lgb.Dataset(x, y), 100).predict(at), dtype=np.float64)


def test_on_few_rows_it_beats_a_fixed_number_of_trees() -> None:
    fresh, _ = _rows(2_000, seed=1)
    truth = 1.5 * ((fresh[:, 0] > 0) ^ (fresh[:, 1] > 0))
    ours, fixed, noise = [], [], []
    for seed in range(8):
        x, y = _rows(400, seed=10 + seed)
        found = predict_mean(x, y, fresh, categorical=PLAIN, seed=0, binary=False)
        ours.append(((found - truth) ** 2).mean())
        fixed.append(((_fixed(x, y, fresh) - truth) ** 2).mean())
        nothing = np.random.default_rng(seed).normal(size=400)
        found = predict_mean(x, nothing, fresh, categorical=PLAIN, seed=0, binary=False)
        noise.append((found**2).mean())
    assert np.mean(ours) < 0.7 * np.mean(fixed)
    assert np.mean(ours) < 0.5 * truth.var()
    assert np.mean(noise) < 0.06


def test_inner_folds_keep_clusters_whole_so_copies_do_not_pass_for_news() -> None:
    rng = np.random.default_rng(2)
    one = rng.normal(size=(60, 5)).astype(np.float32)
    x, y = np.repeat(one, 10, axis=0), np.repeat(rng.normal(size=60), 10)
    cluster = np.repeat(np.arange(60), 10)
    fresh = rng.normal(size=(500, 5)).astype(np.float32)
    fooled, careful = (
        predict_mean(x, y, fresh, categorical=PLAIN, seed=0, binary=False, cluster=own).std()
        for own in (None, cluster)
    )
    assert careful < 0.5 * fooled


def test_probabilities_of_two_and_three_levels() -> None:
    x, y = _rows(600)
    label = (y > 0.5).astype(np.int64)
    two = predict_probability(x, label, x, levels=2, categorical=PLAIN, seed=0)
    mean = predict_mean(x, label.astype(float), x, categorical=PLAIN, seed=0, binary=True)
    assert (two[:, 1] == mean).all()
    three = predict_probability(x, label + (y > 1.5), x, levels=3, categorical=PLAIN, seed=0)
    np.testing.assert_allclose(three.sum(axis=1), 1.0)
    shares = np.bincount(label + (y > 1.5)) / 600
    np.testing.assert_allclose(three.mean(axis=0), shares, atol=0.03)


def test_missing_values_and_new_levels_are_legal_and_informative() -> None:
    x, y = _rows(800)
    coded = np.arange(5) == 4
    x[:, 4] = np.arange(800) % 3
    x[::2, 0] = np.nan
    y = y + 2.0 * np.isnan(x[:, 0]) + (x[:, 4] == 1)
    at = x[:300].copy()
    at[:, 4] = np.where(at[:, 4] == 2, 9, at[:, 4])
    found = predict_mean(x, y, at, categorical=coded, seed=0, binary=False)
    missing = np.isnan(at[:, 0])
    assert found[missing].mean() - found[~missing].mean() == pytest.approx(2.0, abs=0.5)
    assert np.isfinite(found).all()


def test_weights_count_in_proportion() -> None:
    x, y = _rows(600)
    x[:, 0] = np.arange(600) % 2
    weight = np.where(y > 0, 3.0, 1.0)
    mean = partial(predict_mean, x, y, x, categorical=PLAIN, seed=0, binary=False)
    found = mean(weight=weight)
    assert found.tobytes() == mean(weight=4 * weight).tobytes()
    assert np.average(found, weights=weight) == pytest.approx(
        np.average(y, weights=weight), abs=0.05
    )
    assert found.mean() > y.mean() + 0.2
    label = (y > 0).astype(np.int64)
    chance = predict_probability(x, label, x, levels=2, categorical=PLAIN, seed=0, weight=weight)
    assert chance[:, 1].mean() > label.mean() + 0.1


def test_one_value_or_too_few_clusters_give_a_constant() -> None:
    x, y = _rows(90)
    mean = partial(predict_mean, x, categorical=PLAIN, seed=0, binary=False)
    assert (mean(np.full(90, 2.5), x) == 2.5).all()
    few, weight = np.arange(90) % 2, np.where(np.arange(90) < 30, 2.0, 1.0)
    found = mean(y, x, cluster=few, weight=weight)
    np.testing.assert_allclose(found, np.average(y, weights=weight), rtol=1e-12)
    label = np.arange(90) % 3
    chance = predict_probability(x, label, x, levels=3, categorical=PLAIN, seed=0, cluster=few)
    np.testing.assert_allclose(chance, 1 / 3, rtol=1e-12)


def test_a_rare_event_reaches_inner_folds_and_stays_rare() -> None:
    x, _ = _rows(800)
    event = (np.arange(800) < 6).astype(float)
    found = predict_mean(x, event, x, categorical=PLAIN, seed=0, binary=True)
    assert found.mean() == pytest.approx(6 / 800, rel=0.2)
    assert found.max() < 0.2


def test_from_the_stated_rows_on_the_number_of_trees_is_fixed() -> None:
    x, y = _rows(SMALL)
    found = predict_mean(x, y, x[:50], categorical=PLAIN, seed=3, binary=False)
    again = predict_mean(
        x, y, x[:50], categorical=PLAIN, seed=3, binary=False, cluster=np.zeros(SMALL, dtype=int)
    )
    assert found.tobytes() == again.tobytes()
    assert np.corrcoef(found, 1.5 * ((x[:50, 0] > 0) ^ (x[:50, 1] > 0)))[0, 1] > 0.9
