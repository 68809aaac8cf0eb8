"""Boosting with shared bins: right, deterministic, able to travel."""

from __future__ import annotations

import pickle
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from tests import builders
from whatif.contract.spec import OverlapSpec
from whatif.engines import boosting_large
from whatif.scores import tasks
from whatif.scores.executor import Threads
from whatif.scores.fit import fit_scores
from whatif.scores.tasks import Shared, fold_tasks

RNG = np.random.default_rng(7)
N = 6_000
X = np.column_stack([RNG.normal(size=N), RNG.integers(0, 4, N), RNG.normal(size=N)]).astype(
    np.float32
)
CATEGORICAL = np.array([False, True, False])
TRUTH = np.where(X[:, 0] > 0, 2.0, -1.0) * (X[:, 1] == 2) + 0.5 * X[:, 2]
Y = TRUTH + 0.1 * RNG.normal(size=N)
BINARY = (RNG.random(N) < np.where((X[:, 0] > 0) ^ (X[:, 1] == 2), 0.8, 0.2)).astype(float)
TRAIN, AT = slice(0, 4_000), slice(4_000, None)


def _means(y: np.ndarray, binary: tuple[bool, ...], **more: object) -> np.ndarray:
    bins = boosting_large.shared_bins(X, CATEGORICAL)
    given = {"bins": bins, "binary": binary, "seed": 1, "weight": None} | more
    return boosting_large.predict_means(X[TRAIN], y[TRAIN], X[AT], **given)  # type: ignore[arg-type]


def test_it_finds_interactions_of_numbers_and_levels() -> None:
    made = _means(np.column_stack([Y, BINARY]), (False, True))
    assert np.mean((made[:, 0] - TRUTH[AT]) ** 2) < 0.06 * TRUTH.var()
    chance = np.where((X[AT, 0] > 0) ^ (X[AT, 1] == 2), 0.8, 0.2)
    assert np.abs(made[:, 1] - chance).mean() < 0.05


def test_outcomes_side_by_side_are_the_outcomes_alone() -> None:
    both = _means(np.column_stack([Y, BINARY]), (False, True))
    np.testing.assert_array_equal(both[:, [0]], _means(Y[:, None], (False,)))
    np.testing.assert_array_equal(both[:, [1]], _means(BINARY[:, None], (True,)))


def test_a_constant_outcome_is_predicted_as_it_is() -> None:
    made = _means(np.column_stack([np.zeros(N), np.full(N, 3.0)]), (True, False))
    np.testing.assert_array_equal(made, np.tile([0.0, 3.0], (N - 4_000, 1)))


def test_a_weight_counts_rows_as_often_as_it_says() -> None:
    bins = boosting_large.shared_bins(X, CATEGORICAL)
    once, twice = X[:3_000], np.concatenate([X[:3_000], X[:1_000]])
    weight = np.where(np.arange(3_000) < 1_000, 2.0, 1.0)
    fit = partial(boosting_large.predict_means, at=X[AT], bins=bins, binary=(False,), seed=1)
    weighted = fit(once, Y[:3_000, None], weight=weight)
    repeated = fit(twice, np.concatenate([Y[:3_000], Y[:1_000]])[:, None], weight=None)
    np.testing.assert_allclose(weighted, repeated, atol=1e-4)


@pytest.mark.parametrize("levels", [2, 3])
def test_chances_sum_to_one_and_follow_the_covariates(levels: int) -> None:
    label = np.minimum(X[:, 1].astype(np.int64), levels - 1)
    made = boosting_large.predict_probability(
        X[TRAIN],
        label[TRAIN],
        X[AT],
        bins=boosting_large.shared_bins(X, CATEGORICAL),
        levels=levels,
        seed=1,
        weight=None,
    )
    np.testing.assert_allclose(made.sum(axis=1), 1.0, atol=1e-12)
    assert (made.argmax(axis=1) == label[AT]).mean() > 0.99


def test_missing_values_and_levels_not_trained_on_are_legal() -> None:
    holed = X.copy()
    holed[::7, 0] = np.nan
    seen = holed[:4_000][holed[:4_000, 1] != 3]
    made = boosting_large.predict_means(
        seen,
        Y[:4_000][holed[:4_000, 1] != 3][:, None],
        holed[AT],
        bins=boosting_large.shared_bins(holed, CATEGORICAL),
        binary=(False,),
        seed=1,
        weight=None,
    )
    assert np.isfinite(made).all()


def test_large_data_give_the_same_bytes_with_any_number_of_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tasks, "LARGE", 1_000)
    design = builders.design(2_000)
    fit = partial(fit_scores, design, rule=OverlapSpec(), seed=3, key="k")
    assert fit(workers=1).gamma.tobytes() == fit(workers=3).gamma.tobytes()


def test_tasks_can_travel_to_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for large in (1_000, 10_000):
        monkeypatch.setattr(tasks, "LARGE", large)
        made = fold_tasks(
            builders.design(2_000), 0, ("glm", "boosting"), propensity=True, seed=0, shared=Shared()
        )
        sent = [pickle.loads(pickle.dumps(task.predict)) for task in made]
        here, there = (
            list(Threads(1).run(calls)) for calls in ((task.predict for task in made), sent)
        )
        for one, other in zip(here, there, strict=True):
            for a, b in zip(one, other, strict=True):
                np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("large", [1_000, 10_000])
def test_only_the_proportions_of_sampling_weights_matter(
    monkeypatch: pytest.MonkeyPatch, large: int
) -> None:
    monkeypatch.setattr(tasks, "LARGE", large)
    design = builders.design(2_000)
    weight = np.random.default_rng(5).choice([0.5, 1.0, 4.0], design.arm.size)
    fit = partial(fit_scores, rule=OverlapSpec(), seed=3, key="k")
    small, big = (fit(replace(design, weight=weight * scale)).gamma for scale in (1.0, 1024.0))
    np.testing.assert_array_equal(big, small)
