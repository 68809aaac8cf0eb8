"""The penalised linear models against scikit-learn, closed forms and what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression, Ridge

from whatif.base.arrays import Bools, Floats
from whatif.engines.inner_folds import inner_folds
from whatif.engines.linear import fit_basis, predict_mean, predict_probability
from whatif.engines.penalty import CURVES, FOLDS, STRENGTHS, choose_penalty, ridge

NUMBERS: Bools = np.zeros(3, dtype=bool)


def _rows(n: int, q: int = 3, seed: int = 0) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, q))
    return x, x[:, 0] - 0.5 * x[:, 1] + rng.normal(size=n)


@given(
    clusters=st.lists(st.integers(0, 12), min_size=1, max_size=60),
    folds=st.integers(2, 5),
)
def test_inner_folds_never_split_a_cluster_and_hold_alike_many(
    clusters: list[int], folds: int
) -> None:
    cluster = np.array(clusters)
    fold = inner_folds(np.arange(cluster.size) % 3, cluster=cluster, folds=folds)
    of_cluster = {c: set(fold[cluster == c].tolist()) for c in np.unique(cluster)}
    assert all(len(found) == 1 for found in of_cluster.values())
    sizes = np.bincount([found.pop() for found in of_cluster.values()], minlength=folds)
    assert sizes.max() - sizes.min() <= 1


def test_ridge_is_the_librarys_with_weights_and_scales() -> None:
    x, y = _rows(200)
    weight = np.random.default_rng(1).uniform(0.5, 2, 200)
    scale = np.array([1.0, 0.3, 1.0])
    ours = ridge(x, y, weight=weight, penalty=7.0, scale=scale)(x)
    theirs = Ridge(alpha=7.0).fit(x * scale, y, sample_weight=weight).predict(x * scale)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-10)


def test_the_penalty_is_the_one_that_refitting_every_fold_would_choose() -> None:
    x, y = _rows(120, q=8)
    targets = np.column_stack([y, np.sin(2 * x[:, 2])])
    weight = np.random.default_rng(2).uniform(0.5, 2, 120)
    weight /= weight.mean()
    fold = inner_folds(y, cluster=None, folds=4)
    curved = np.arange(8) >= 5
    losses = {}
    for curve in CURVES:
        scaled = x * np.where(curved, curve, 1.0)
        for strength in STRENGTHS:
            loss = 0.0
            for g in range(4):
                own = fold != g
                model = Ridge(alpha=strength * weight[own].sum())
                model.fit(scaled[own], targets[own], sample_weight=weight[own])
                missed = targets[~own] - model.predict(scaled[~own])
                loss += float(weight[~own] @ (missed**2).sum(axis=1))
            losses[strength * 120, curve] = loss
    best = min(losses, key=lambda key: losses[key])
    found = choose_penalty(x, targets, weight=weight, fold=fold, curved=curved)
    assert found == pytest.approx(best)


def test_with_plenty_of_rows_a_penalty_of_one_stands() -> None:
    x, y = _rows(2_000)
    theirs = Ridge(alpha=1.0).fit(x, y).predict(x)
    np.testing.assert_allclose(predict_mean(x, y, x), theirs, rtol=0, atol=1e-9)
    label = (y > 0).astype(np.int64)
    model = LogisticRegression(C=1.0, solver="newton-cholesky").fit(x, label)
    found = predict_probability(x, label, x, levels=2)
    np.testing.assert_allclose(found, model.predict_proba(x), rtol=0, atol=1e-6)


@pytest.mark.parametrize("binary", [False, True])
def test_a_weight_of_two_is_the_same_row_twice(binary: bool) -> None:
    x, y = _rows(150, q=6)
    rng = np.random.default_rng(3)
    cluster, twice = rng.integers(0, 50, 150), rng.integers(0, 2, 50)
    weight = np.asarray(1.0 + twice[cluster], dtype=np.float64)
    again = np.repeat(np.arange(150), weight.astype(int))
    if binary:
        label = (y > 0).astype(np.int64)
        one = predict_probability(x, label, x, levels=2, weight=weight, cluster=cluster)
        many = predict_probability(x[again], label[again], x, levels=2, cluster=cluster[again])
        # The penalty of a logit counts rows, so twice the rows weigh against it a little more.
        np.testing.assert_allclose(one, many, rtol=0, atol=0.01)
    else:
        one = predict_mean(x, y, x, weight=weight, cluster=cluster)
        many = predict_mean(x[again], y[again], x, cluster=cluster[again])
        np.testing.assert_allclose(one, many, rtol=0, atol=1e-9)


def test_noise_is_shrunk_to_the_mean_and_signal_is_kept() -> None:
    x, y = _rows(150, q=40)
    noise = np.random.default_rng(4).normal(size=150)
    assert predict_mean(x, noise, x).std() < 0.35 * Ridge(alpha=1.0).fit(x, noise).predict(x).std()
    fresh, truth = _rows(2_000, q=40, seed=5)
    assert np.corrcoef(predict_mean(x, y, fresh), truth)[0, 1] > 0.6


def test_more_columns_than_rows_are_the_same_ridge_and_still_predict() -> None:
    x, y = _rows(500, q=800)
    fresh, truth = _rows(1_000, q=800, seed=6)
    found = predict_mean(x, y, fresh)
    nearest = min(
        np.abs(Ridge(alpha=strength * 500).fit(x, y).predict(fresh) - found).max()
        for strength in STRENGTHS
    )
    assert nearest < 1e-8
    assert ((truth - found) ** 2).mean() < 0.9 * truth.var()
    label = (y > 0).astype(np.int64)
    chance = predict_probability(x, label, fresh, levels=2)[:, 1]
    assert np.corrcoef(chance, truth)[0, 1] > 0.3


def test_three_events_in_fifty_columns_do_not_blow_up() -> None:
    x, _ = _rows(400, q=50)
    label = np.zeros(400, dtype=np.int64)
    label[:3] = 1
    chance = predict_probability(x, label, x, levels=2)[:, 1]
    assert 0 < chance.min() <= chance.max() < 0.1
    assert chance.mean() == pytest.approx(3 / 400, rel=0.05)


def test_a_separable_label_keeps_a_penalty_of_one() -> None:
    x, _ = _rows(400)
    label = (x[:, 0] > 0).astype(np.int64)
    theirs = LogisticRegression(C=1.0, solver="newton-cholesky").fit(x, label).predict_proba(x)
    found = predict_probability(x, label, x, levels=2)
    np.testing.assert_allclose(found, theirs, rtol=0, atol=1e-6)


def test_a_level_nobody_has_gets_nothing_and_one_level_gets_all() -> None:
    x, y = _rows(200)
    label = np.where(y > 0, 2, 0)
    chance = predict_probability(x, label, x, levels=3)
    assert (chance[:, 1] == 0).all()
    np.testing.assert_allclose(chance.sum(axis=1), 1.0)
    alone = predict_probability(x, np.full(200, 1), x, levels=3)
    assert (alone == [0.0, 1.0, 0.0]).all()


def test_inner_folds_keep_clusters_whole_so_copies_do_not_pass_for_news() -> None:
    error: dict[bool, list[float]] = {False: [], True: []}
    for seed in range(10):
        rng = np.random.default_rng(seed)
        own = np.repeat(np.arange(40), 10)
        one, noise, fresh = (
            rng.normal(size=(40, 30)),
            rng.normal(size=40),
            rng.normal(size=(99, 30)),
        )
        for whole, found in error.items():
            cluster = own if whole else None
            predicted = predict_mean(one[own], noise[own], fresh, cluster=cluster)
            found.append(float((predicted**2).mean()))
    assert np.mean(error[True]) < 0.3 * np.mean(error[False])


def test_too_few_clusters_to_choose_leave_nearly_a_constant() -> None:
    x, y = _rows(100)
    few = np.arange(100) % (FOLDS - 1)
    assert predict_mean(x, y, x, cluster=few).std() < 0.05 * y.std()


def test_a_curve_bends_inside_the_data_and_stays_flat_outside() -> None:
    rng = np.random.default_rng(8)
    values = rng.normal(size=(2_000, 1)).astype(np.float32)
    y = np.sin(2 * values[:, 0].astype(np.float64)) + 0.3 * rng.normal(size=2_000)
    basis = fit_basis(values, np.array([False]))
    at = np.linspace(-1.5, 1.5, 50, dtype=np.float32)[:, None]
    found = predict_mean(basis.columns(values), y, basis.columns(at), curved=basis.curved)
    assert np.abs(found - np.sin(2 * at[:, 0])).max() < 0.15
    far = basis.columns(np.array([[50.0], [90.0]], dtype=np.float32))
    assert (far[0, basis.curved] == far[1, basis.curved]).all()
    assert far[0, 0] < far[1, 0]


def test_gaps_are_filled_by_the_training_rows_and_new_levels_add_nothing() -> None:
    values = np.array([[1, 0], [2, 1], [3, 0], [np.nan, np.nan], [2, 1]], dtype=np.float32)
    basis = fit_basis(values, np.array([False, True]))
    held = np.array([[np.nan, 7], [2, 0]], dtype=np.float32)
    columns = basis.columns(held)
    assert columns[0].tolist() == [columns[1, 0], 1.0, 0.0, 0.0, 0.0]  # median, gap, no level
    assert columns[1, 1:].tolist() == [0.0, 1.0, 0.0, 0.0]


def test_curves_give_way_to_many_covariates() -> None:
    values = np.random.default_rng(9).normal(size=(4_000, 100)).astype(np.float32)
    wide = fit_basis(values, np.zeros(100, dtype=bool))
    assert wide.curved.size == 100
    assert not wide.curved.any()
    assert fit_basis(values[:, :4], np.zeros(4, dtype=bool)).curved.sum() == 24
    assert not fit_basis(values[:, :4], np.zeros(4, dtype=bool), curves=False).curved.any()


def test_a_covariate_without_any_value_or_spread_is_legal() -> None:
    values = np.zeros((50, 3), dtype=np.float32)
    values[:, 0] = np.nan
    values[:, 2] = np.where(np.arange(50) % 2, np.nan, 1.0)
    basis = fit_basis(values, NUMBERS)
    assert basis.columns(values).shape == (50, 1)  # what is missing of the last one
