"""Effect surfaces: what they learn from, on whom, and that they learn what is there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from tests import builders
from whatif.base.arrays import Floats
from whatif.base.errors import EstimationError, UsageError
from whatif.engines.econml_cate import (
    CAUSAL_FOREST,
    FINALS,
    LINEAR,
    SCORE_FOREST,
    EffectData,
    Final,
    predict_effect,
)
from whatif.scores.aipw import aipw_scores
from whatif.scores.cate import fit_cate
from whatif.scores.record import Scores
from whatif.scores.surfaces import (
    effect_surfaces,
    outcome_means,
    predicted_halves,
    predicted_in_turn,
)

COVARIATES = ("x0", "x1")


def experiment(n: int = 1_500, *, arms: int = 2, slope: float = 2.0, seed: int = 0) -> Scores:
    """Scores with known means: the effect of arm a is ``a · (1 + slope · x0)``."""
    rng = np.random.default_rng(seed)
    x, arm = rng.normal(size=(n, 2)), rng.integers(0, arms, n)
    mean = x[:, 1][:, None] + np.arange(arms) * (1 + slope * x[:, [0]])
    y = mean[np.arange(n), arm] + rng.normal(size=n)
    chance = np.full((n, arms), 1 / arms)
    guess = np.repeat(x[:, 1][:, None], arms, axis=1)[:, :, None]
    gamma = aipw_scores(y=y[:, None], arm=arm, mean=guess, propensity=chance)
    columns = pd.DataFrame({"x0": x[:, 0], "x1": x[:, 1]})
    base = builders.scores(np.zeros((n, 2, 2)), np.arange(n) // 3, columns)
    return replace(
        base,
        arms=("none", "small", "large")[:arms],
        outcomes=("spend",),
        gamma=gamma,
        propensity=chance,
        arm=arm,
        y=y[:, None],
        fold=np.arange(n) // 3 % 3,
        repeats=gamma.mean(axis=0, keepdims=True),
    )


def data(n: int = 600, *, seed: int = 0) -> EffectData:
    scores = experiment(n, seed=seed)
    return effect_surfaces(
        scores, outcome=0, covariates=COVARIATES, final=LINEAR, seed=0
    )[0].data  # fmt: skip


@given(seed=st.integers(0, 10_000), arms=st.integers(2, 4))
@settings(max_examples=30, deadline=None)
def test_predicted_outcomes_are_recovered_from_scores(seed: int, arms: int) -> None:
    rng = np.random.default_rng(seed)
    chance = rng.dirichlet(np.full(arms, 2.0), 50).clip(0.01)
    chance /= chance.sum(axis=1, keepdims=True)
    mean, y = rng.normal(size=(50, arms, 2)), 100 * rng.normal(size=(50, 2))
    arm = rng.integers(0, arms, 50)
    gamma = aipw_scores(y=y, arm=arm, mean=mean, propensity=chance)
    found = outcome_means(gamma=gamma, y=y, arm=arm, propensity=chance)
    assert found == pytest.approx(mean, abs=1e-9)


def test_units_certain_of_their_arm_have_no_recoverable_prediction() -> None:
    chance = np.array([[1.0, 0.0], [0.5, 0.5]])
    with pytest.raises(EstimationError, match="1 of 2 units were certain to get their arm"):
        outcome_means(
            gamma=np.zeros((2, 2, 1)), y=np.ones((2, 1)), arm=np.array([0, 1]), propensity=chance
        )


def test_residuals_are_those_of_the_pair_compared() -> None:
    scores = experiment(90, arms=3)
    made = effect_surfaces(scores, outcome=0, covariates=COVARIATES, final=LINEAR, seed=0)[1].data
    x1 = scores.columns["x1"].to_numpy()
    assert made.outcome_residual == pytest.approx(scores.y[:, 0] - x1)
    assert set(np.round(made.arm_residual[made.compared], 12)) == {-0.5, 0.5}
    assert (made.compared == (scores.arm != 1)).all()
    assert (made.difference == scores.gamma[:, 2, 0] - scores.gamma[:, 0, 0]).all()


def test_the_linear_surface_is_weighted_least_squares_of_the_score_difference() -> None:
    train = replace(data(), weight=np.random.default_rng(1).uniform(0.5, 2, 600))
    at = data(seed=1).x
    fitted = sm.WLS(train.difference, sm.add_constant(train.x), weights=train.weight).fit()
    expected = fitted.predict(sm.add_constant(at))
    assert predict_effect(LINEAR, train, at, seed=0) == pytest.approx(expected, abs=1e-10)


def test_columns_that_repeat_in_training_rows_do_not_stop_the_linear_surface() -> None:
    train = data()
    repeated = np.column_stack([train.x, train.x[:, 0] * 2, np.ones(600)])
    made = predict_effect(LINEAR, replace(train, x=repeated), repeated, seed=0)
    assert made == pytest.approx(predict_effect(LINEAR, train, train.x, seed=0), abs=1e-9)


def test_forests_are_econml_s_own_on_the_same_inputs() -> None:
    from econml.grf import CausalForest, RegressionForest

    train = data()
    keywords = {
        "n_estimators": 100,
        "max_samples": 0.45,
        "min_samples_leaf": 20,
        "inference": False,
        "n_jobs": 1,
        "random_state": 3,
    }
    causal = CausalForest(**keywords).fit(train.x, train.arm_residual, train.outcome_residual)
    plain = RegressionForest(**keywords).fit(train.x, train.difference)
    for final, theirs in ((CAUSAL_FOREST, causal), (SCORE_FOREST, plain)):
        ours = predict_effect(final, train, train.x[:50], seed=3)
        assert ours == pytest.approx(theirs.predict(train.x[:50]).ravel(), abs=1e-12)


@pytest.mark.parametrize("final", FINALS, ids=lambda final: final.name)
def test_every_surface_finds_a_planted_effect_out_of_fold(final: Final) -> None:
    scores = experiment()
    made = fit_cate(scores, outcome=0, covariates=COVARIATES, final=final, seed=0)
    truth = 1 + 2 * scores.columns["x0"].to_numpy()
    assert np.corrcoef(made.effect[:, 0], truth)[0, 1] > 0.9
    assert made.effect[:, 0].mean() == pytest.approx(truth.mean(), abs=0.25)
    assert {row.loss_name for row in made.quality} == {"DR-loss", "R-loss"}
    assert all(row.gain > 0.2 for row in made.quality)


def test_the_same_bytes_whatever_the_threads_allowed() -> None:
    train = data()
    for final in FINALS:
        with threadpool_limits(limits=2):
            many = predict_effect(final, train, train.x, seed=1)
        with threadpool_limits(limits=1):
            one = predict_effect(final, train, train.x, seed=1)
        assert many.tobytes() == one.tobytes()


def test_losses_are_those_of_their_definition() -> None:
    scores = replace(experiment(60), weight=np.random.default_rng(0).uniform(1, 2, 60))
    made = fit_cate(scores, outcome=0, covariates=COVARIATES, final=LINEAR, seed=0)
    dr, r = made.quality
    gap = scores.gamma[:, 1, 0] - scores.gamma[:, 0, 0]
    assert dr.loss == pytest.approx(
        np.average((gap - made.effect[:, 0]) ** 2, weights=scores.weight)
    )
    flat = np.array(
        [
            np.average(gap[scores.fold != k], weights=scores.weight[scores.fold != k])
            for k in scores.fold
        ]
    )
    assert dr.constant == pytest.approx(np.average((gap - flat) ** 2, weights=scores.weight))
    assert dr.gain == pytest.approx(1 - dr.loss / dr.constant)
    residual = scores.y[:, 0] - scores.columns["x1"] - (scores.arm - 0.5) * made.effect[:, 0]
    assert r.loss == pytest.approx(np.average(residual**2, weights=scores.weight))


def test_each_arm_has_a_surface_of_its_own() -> None:
    scores = experiment(arms=3)
    made = fit_cate(scores, outcome=0, covariates=COVARIATES, final=LINEAR, seed=0)
    assert made.arms == ("small", "large")
    assert made.versus == "none"
    frame = made.to_frame()
    assert list(frame) == ["unit", "fold", "effect:small", "effect:large"]
    x0 = scores.columns["x0"]
    for a, name in enumerate(made.arms, start=1):
        assert np.polyfit(x0, frame[f"effect:{name}"], 1) == pytest.approx([2 * a, a], abs=0.5)
    assert "array(" not in repr(made)


def spy(seen: list[EffectData], *, most_rows: int | None = None) -> Final:
    def fit(train: EffectData, at: Floats, seed: int) -> Floats:
        seen.append(train)
        return np.zeros(len(at))

    return Final(name="spy", fit=fit, most_rows=most_rows)


def surface_rows(scores: Scores, seen: list[EffectData]) -> list[np.ndarray]:
    """Rows of the scores that each model was fitted on, found by their score difference."""
    gap = scores.gamma[:, 1, 0] - scores.gamma[:, 0, 0]
    return [np.flatnonzero(np.isin(gap, train.difference)) for train in seen]


def test_out_of_fold_in_turn_and_halves_never_learn_from_what_they_predict() -> None:
    scores, seen = experiment(300), list[EffectData]()
    surface = effect_surfaces(
        scores, outcome=0, covariates=COVARIATES, final=spy(seen), seed=0
    )[0]  # fmt: skip
    held = predicted_in_turn(surface)
    for k, (part, rows) in enumerate(zip(held, surface_rows(scores, seen), strict=True), start=1):
        assert set(scores.fold[part.rows]) == {k}
        assert set(scores.fold[rows]) == set(range(k))
    seen.clear()
    halves = predicted_halves(surface, splits=4)
    for part, rows in zip(halves, surface_rows(scores, seen), strict=True):
        assert not set(scores.cluster[part.rows]) & set(scores.cluster[rows])
        assert part.rows.size + rows.size == scores.n
        assert abs(part.rows.size - rows.size) <= 3
    assert len({part.rows.tobytes() for part in halves}) == 4
    seen.clear()
    fit_cate(scores, outcome=0, covariates=COVARIATES, final=spy(seen), seed=0)
    for k, rows in enumerate(surface_rows(scores, seen)):
        assert k not in scores.fold[rows]


def test_large_data_are_drawn_by_cluster_and_it_is_said() -> None:
    scores, seen = experiment(300), list[EffectData]()
    final = spy(seen, most_rows=50)
    made = fit_cate(scores, outcome=0, covariates=COVARIATES, final=final, seed=0)
    assert made.fitted_rows == 48
    assert "Fitted on 48 of 201 rows, drawn by cluster." in made.note
    for rows in surface_rows(scores, seen):
        assert (np.unique(scores.cluster[rows], return_counts=True)[1] == 3).all()
    assert SCORE_FOREST.most_rows == CAUSAL_FOREST.most_rows == 100_000


def test_other_targets_are_refused() -> None:
    scores = replace(experiment(60), target="att")
    with pytest.raises(UsageError, match="need `target: ate`; this study says att"):
        fit_cate(scores, outcome=0, covariates=COVARIATES, final=LINEAR, seed=0)


def broken(train: EffectData, at: Floats, seed: int) -> Floats:
    raise ValueError("no luck")


@pytest.mark.parametrize(
    ("final", "train", "match"),
    [
        (LINEAR, replace(data(), x=np.zeros((600, 0))), "no covariate varies"),
        (LINEAR, data().take(np.arange(3)), "3 rows for 2 covariate columns"),
        (
            CAUSAL_FOREST,
            replace(data(), arm_residual=np.full(600, 0.5)),
            "training rows lack the arm or the control",
        ),
        (Final(name="odd", fit=broken, most_rows=None), data(), "'odd' .*ValueError: no luck"),
        (
            Final(name="odd", fit=lambda t, at, s: np.full(len(at), np.nan), most_rows=None),
            data(),
            "not finite numbers",
        ),
    ],
)
def test_a_surface_that_cannot_be_fitted_says_why(
    final: Final, train: EffectData, match: str
) -> None:
    with pytest.raises(EstimationError, match=match):
        predict_effect(final, train, train.x, seed=0)
