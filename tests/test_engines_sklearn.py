"""Learners named by their scikit-learn class: the library's own numbers, and honest refusals."""

from __future__ import annotations

import sys
from functools import partial

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LassoCV

from tests import builders
from tests.contract_cases import spec
from whatif.base.arrays import Bools, Floats
from whatif.base.errors import EstimationError, UsageError
from whatif.contract.spec import OverlapSpec
from whatif.engines.inner_folds import inner_folds
from whatif.engines.sklearn_learners import (
    Matrix,
    named_learner,
    predict_mean,
    predict_probability,
)
from whatif.scores.fit import fit_scores

FOREST = "sklearn.ensemble.RandomForestRegressor"
PLAIN: Bools = np.zeros(3, dtype=bool)


def _rows(n: int = 200) -> tuple[Matrix, Floats]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 3)).astype(np.float32)
    return x, x[:, 0] - 0.5 * x[:, 1] + rng.normal(size=n)


def test_a_forest_is_the_librarys_own_gaps_and_all() -> None:
    x, y = _rows()
    x[::7, 0] = np.nan
    mean = partial(predict_mean, FOREST, categorical=PLAIN, seed=5)
    theirs = RandomForestRegressor(random_state=5).fit(x, y).predict(x)
    assert mean(x, y, x, binary=False).tobytes() == theirs.tobytes()
    label = (y > 0).astype(np.int64)
    chance = RandomForestClassifier(random_state=5).fit(x, label).predict_proba(x)
    assert (mean(x, label.astype(float), x, binary=True) == chance[:, 1]).all()
    found = predict_probability(FOREST, x, label, x, levels=2, categorical=PLAIN, seed=5)
    assert (found == chance).all()


def test_a_linear_learner_gets_scaled_columns_levels_and_filled_gaps() -> None:
    x, y = _rows()
    coded = np.array([False, False, True])
    x[:, 2] = np.arange(200) % 3
    name = "sklearn.linear_model.LinearRegression"
    levels = (x[:, [2]] == [0, 1, 2]).astype(float)
    full = np.column_stack([x[:, :2], levels])
    least, *_ = np.linalg.lstsq(full, y, rcond=None)
    found = predict_mean(name, x, y, x, binary=False, categorical=coded, seed=0)
    np.testing.assert_allclose(found, full @ least, rtol=0, atol=1e-6)
    x[::5, 0] = np.nan
    at = x.copy()
    at[0, 2] = 9
    found = predict_mean(name, x, y, at, binary=False, categorical=coded, seed=0)
    assert np.isfinite(found).all()


def test_a_yes_no_outcome_takes_a_regressor_that_has_no_classifier() -> None:
    x, y = _rows()
    name = "sklearn.linear_model.Ridge"
    assert named_learner(name).classifier is None
    label = (y > 0).astype(np.float64)
    found = predict_mean(name, x, label, x, categorical=PLAIN, seed=0, binary=True)
    assert np.corrcoef(found, y)[0, 1] > 0.5


def test_inner_cross_validation_keeps_clusters_whole() -> None:
    x, y = _rows()
    cluster = np.arange(200) // 4
    name = "sklearn.linear_model.LassoCV"
    found = predict_mean(name, x, y, x, categorical=PLAIN, seed=0, binary=False, cluster=cluster)
    fold = inner_folds(y, cluster=cluster, folds=5)
    splits = [(np.flatnonzero(fold != g), np.flatnonzero(fold == g)) for g in range(5)]
    wide = x.astype(np.float64)
    wide = (wide - wide.mean(axis=0)) / wide.std(axis=0)
    theirs = LassoCV(cv=splits, random_state=0).fit(wide, y).predict(wide)
    np.testing.assert_allclose(found, theirs, rtol=0, atol=1e-9)


def test_weights_reach_the_library() -> None:
    x, y = _rows()
    weight = np.where(y > 0, 3.0, 1.0)
    found = predict_mean(FOREST, x, y, x, categorical=PLAIN, seed=0, binary=False, weight=weight)
    theirs = RandomForestRegressor(random_state=0).fit(x, y, sample_weight=weight / weight.mean())
    assert found.tobytes() == theirs.predict(x).tobytes()


def test_one_value_needs_no_model() -> None:
    x, _ = _rows()
    common = partial(predict_mean, FOREST, x, categorical=PLAIN, seed=0)
    assert (common(np.ones(200), x, binary=True) == 1).all()
    only = np.full(200, 1)
    chance = predict_probability(FOREST, x, only, x, levels=3, categorical=PLAIN, seed=0)
    assert (chance == [0.0, 1.0, 0.0]).all()


def test_what_a_learner_cannot_do_is_refused_where_it_is_asked() -> None:
    x, y = _rows()
    mean = partial(predict_mean, categorical=PLAIN, seed=0, binary=False)
    with pytest.raises(UsageError, match="is a classifier and cannot model an amount"):
        mean("sklearn.ensemble.RandomForestClassifier", x, y, x)
    with pytest.raises(UsageError, match="gives no probabilities"):
        predict_probability(
            "sklearn.linear_model.Ridge", x, (y > 0).astype(int), x, levels=2, categorical=PLAIN,
            seed=0,
        )  # fmt: skip
    with pytest.raises(UsageError, match="cannot learn from weighted rows"):
        mean("sklearn.neighbors.KNeighborsRegressor", x, y, x, weight=np.ones(200))
    with pytest.raises(EstimationError, match="GammaRegressor' could not be fitted: Some value"):
        mean("sklearn.linear_model.GammaRegressor", x, y, x)
    far = x.copy()
    far[0] = 1e6
    with (
        pytest.warns(UserWarning, match="neighbors"),
        pytest.raises(EstimationError, match="predicted values that are not finite"),
    ):
        mean("sklearn.neighbors.RadiusNeighborsRegressor", x, y, far)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("sklearn.ensemble.RandomForestRegresor", f"did you mean {FOREST!r}"),
        ("RandomForestRegressor", f"did you mean {FOREST!r}"),
        ("bosting", "did you mean 'boosting'"),
        ("this.poem", "is not known; known: glm, boosting, sklearn.MODULE.CLASS"),
        ("sklearn.datasets.load_iris", "is not known"),
        ("sklearn.ensemble._forest.RandomForestRegressor", f"did you mean {FOREST!r}"),
        ("sklearn.ensemble.StackingRegressor", "cannot learn one outcome from a table"),
        ("sklearn.linear_model.MultiTaskLasso", "cannot learn one outcome from a table"),
        ("sklearn.naive_bayes.MultinomialNB", "cannot learn one outcome from a table"),
        ("sklearn.svm.SVC", "cannot learn one outcome from a table"),
    ],
)
def test_a_study_with_a_learner_that_is_none_is_refused(name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said.replace(".", r"\.")) as caught:
        spec(learners=["glm", name])
    assert caught.value.exit_code == 2


def test_nothing_outside_the_library_is_imported_for_a_name() -> None:
    for name in ("this.Zen", "antigravity.fly", "sklearn.externals.Any", "sklearn.__check_build.x"):
        with pytest.raises(UsageError, match="is not known"):
            named_learner(name)
    assert not {"this", "antigravity"} & sys.modules.keys()


def test_a_study_says_early_what_its_learners_cannot_model() -> None:
    classifier = "sklearn.ensemble.RandomForestClassifier"
    amounts = [{"column": "won", "kind": "binary"}, {"column": "cost_usd", "kind": "cost"}]
    with pytest.raises(UsageError, match="cannot model an amount"):
        spec(learners=[classifier], outcomes=amounts)
    with pytest.raises(UsageError, match="gives no probabilities, which the chance of each arm"):
        spec(learners=["sklearn.linear_model.LassoCV"])
    known = {"kind": "experiment", "probability": {"folded": 0.5, "expanded": 0.5}}
    assert spec(learners=["sklearn.linear_model.LassoCV"], design=known).learners
    with pytest.raises(UsageError, match="cannot learn from weighted rows"):
        spec(learners=["sklearn.neighbors.KNeighborsRegressor"], weights="x2")
    with pytest.raises(UsageError, match="learners lists 'glm' twice"):
        spec(learners=["glm", "glm"])


def test_a_named_learner_joins_the_mixture() -> None:
    design = builders.design(1_000, arms=3)
    learners = ("glm", "sklearn.ensemble.HistGradientBoostingRegressor")
    fit = partial(
        fit_scores, design, rule=OverlapSpec(rule="trim"), seed=0, key="k", learners=learners
    )
    scores = fit(workers=1)
    for quality in scores.quality:
        assert {name for name, _ in quality.weights} == {*learners}
        assert sum(weight for _, weight in quality.weights) == pytest.approx(1)
    assert fit(workers=2).gamma.tobytes() == scores.gamma.tobytes()
