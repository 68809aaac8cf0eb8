"""Mixing learners: closed forms, other optimisers, and a quality table that can be checked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from tests import builders
from tests.benchmarks import small_data
from whatif.base.arrays import Floats
from whatif.base.records import NuisanceQuality
from whatif.contract.study_file import study_from_mapping
from whatif.design.record import Design
from whatif.effects.table import effect_rows
from whatif.run.analysis import design_of_frame
from whatif.scores.choice import choose
from whatif.scores.crossfit import Candidate
from whatif.scores.fit import fit_scores
from whatif.scores.stacking import MOST_ROWS, log_loss_weights, squared_error_weights
from whatif.scores.tasks import PROPENSITY


def _made(seed: int, m: int, n: int = 300) -> tuple[Floats, Floats, Floats]:
    """Outcome, predictions of m learners and weights."""
    rng = np.random.default_rng(seed)
    chance = rng.uniform(0.05, 0.95, size=(n, m))
    y = (rng.uniform(size=n) < chance @ rng.dirichlet(np.ones(m))).astype(float)
    return y, chance, rng.uniform(0.5, 2, n)


def _reference(loss: object, m: int) -> float:
    found = minimize(
        loss,
        np.full(m, 1 / m),
        bounds=[(0, 1)] * m,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    return float(found.fun)


@given(seed=st.integers(0, 10**6), m=st.integers(1, 5))
def test_mixtures_are_convex_and_as_good_as_a_general_optimiser_finds(seed: int, m: int) -> None:
    y, chance, weight = _made(seed, m, n=80)
    given_ = np.where(y[:, None] == 1, chance, 1 - chance)
    missed = y[:, None] - chance

    def log_loss(w: Floats) -> float:
        return float(-(weight @ np.log(given_ @ w)) / weight.sum())

    def squared(w: Floats) -> float:
        return float(weight @ (missed @ w) ** 2 / weight.sum())

    for found, loss in (
        (log_loss_weights(given_, weight), log_loss),
        (squared_error_weights(missed, weight), squared),
    ):
        assert found.sum() == pytest.approx(1, abs=1e-12)
        assert found.min() >= 0
        assert loss(found) <= min(loss(one) for one in np.eye(m)) + 1e-9
        assert loss(found) <= _reference(loss, m) + 1e-8


@pytest.mark.parametrize("seed", range(5))
def test_two_learners_have_a_closed_form(seed: int) -> None:
    y, chance, weight = _made(seed, 2)
    missed = y[:, None] - chance
    products = missed.T @ (missed * weight[:, None])
    between = (products[1, 1] - products[0, 1]) / (
        products[0, 0] + products[1, 1] - 2 * products[0, 1]
    )
    first = min(max(between, 0.0), 1.0)
    assert squared_error_weights(missed, weight) == pytest.approx([first, 1 - first], abs=1e-12)


def test_a_learner_that_is_never_wrong_takes_all_and_twins_do_no_harm() -> None:
    y, chance, weight = _made(2, 2)
    perfect = np.column_stack([chance[:, 0], y])
    assert squared_error_weights(y[:, None] - perfect, weight).tolist() == [0.0, 1.0]
    given_ = np.where(y[:, None] == 1, perfect, 1 - perfect)
    assert log_loss_weights(given_, weight) == pytest.approx([0.0, 1.0], abs=1e-9)
    twins = chance[:, [0, 0, 1]]
    found = squared_error_weights(y[:, None] - twins, weight)
    alone = squared_error_weights(y[:, None] - chance, weight)
    assert found[:2].sum() == pytest.approx(alone[0], abs=1e-6)


def test_a_learner_that_ruled_out_what_came_cannot_stand_alone() -> None:
    given_ = np.column_stack([np.r_[np.full(99, 0.9), 0.0], np.full(100, 0.5)])
    found = log_loss_weights(given_, np.ones(100))
    assert 0.9 < found[0] < 1
    # .4 w / (.5 + .4 w) on 99 rows balances w / (1 − w) on one.
    share = found[0]
    assert 99 * 0.4 / (0.5 + 0.4 * share) == pytest.approx(1 / (1 - share), rel=1e-4)


def test_a_weight_of_two_is_the_same_row_twice() -> None:
    y, chance, _ = _made(3, 3)
    twice = np.where(np.arange(300) % 2, 2.0, 1.0)
    again = np.repeat(np.arange(300), twice.astype(int))
    given_, missed = np.where(y[:, None] == 1, chance, 1 - chance), y[:, None] - chance
    ones = np.ones(again.size)
    np.testing.assert_allclose(
        log_loss_weights(given_, twice), log_loss_weights(given_[again], ones), atol=1e-6
    )
    np.testing.assert_allclose(
        squared_error_weights(missed, twice), squared_error_weights(missed[again], ones), atol=1e-9
    )


def test_large_data_are_weighed_on_evenly_spaced_rows() -> None:
    y, chance, weight = _made(4, 2, n=2 * MOST_ROWS)
    missed = y[:, None] - chance
    found = squared_error_weights(missed, weight)
    assert found.tobytes() == squared_error_weights(missed[::2], weight[::2]).tobytes()


def _said(design: Design, learner: str, target: str, arm: int, predicted: Floats) -> Candidate:
    return Candidate(learner=learner, target=target, arm=arm, predicted=predicted)


def _cost(design: Design, slope: float) -> Floats:
    """A prediction of cost in the first arm whose calibration line is known."""
    y = design.y[:, 1]
    own = design.arm == 0
    half = np.where(np.arange(design.n) % 2, 1.0, -1.0)
    centred = half - half[own].mean()
    best = y[own].mean() + centred * (centred[own] @ y[own]) / (centred[own] @ centred[own])
    return np.asarray(y[own].mean() + (best - y[own].mean()) / slope)


def test_quality_says_loss_gain_weights_and_calibration() -> None:
    design = builders.design(2_000)
    own = design.arm == 0
    y = design.y[own, 1]
    sure = _said(design, "glm", "cost", 0, _cost(design, 0.5))
    chosen, quality = choose(design, (sure,))
    row = quality[0]
    assert chosen["cost", 0] is sure
    assert (row.chosen, row.arm, row.loss_name) == ("glm", "folded", "squared error")
    assert row.weights == (("glm", 1.0),)
    assert row.slope == pytest.approx(0.5, abs=1e-9)
    assert row.intercept == pytest.approx(0.5 * y.mean(), abs=1e-9)
    losses = dict(row.losses)
    assert losses["constant"] == pytest.approx(y.var(), rel=1e-12)
    assert losses["glm"] == pytest.approx(((y - sure.predicted[own]) ** 2).mean(), rel=1e-12)
    assert row.gain == pytest.approx(1 - losses["glm"] / losses["constant"], rel=1e-12)


def test_a_blend_is_the_weighted_prediction_and_named_in_whole_percent() -> None:
    design = builders.design(2_000)
    mean = design.y[design.arm == 0, 1].mean()
    high, low = (_cost(design, 1.0) + d for d in (1.0, -3.0))
    chosen, quality = choose(
        design,
        (_said(design, "glm", "cost", 0, high), _said(design, "boosting", "cost", 0, low)),
    )
    row = quality[0]
    assert dict(row.weights) == pytest.approx({"glm": 0.75, "boosting": 0.25}, abs=1e-9)
    assert row.chosen == "75 % glm, 25 % boosting"
    np.testing.assert_allclose(chosen["cost", 0].predicted, _cost(design, 1.0), atol=1e-9)
    assert [name for name, _ in row.losses] == ["glm", "boosting", "blend", "constant"]
    assert row.slope == pytest.approx(1.0, abs=1e-6)
    assert row.intercept == pytest.approx(0.0, abs=1e-6)
    flat = _said(design, "glm", "cost", 0, np.full(design.n, mean))
    constant = choose(design, (flat,))[1][0]
    assert constant.slope is None
    assert constant.intercept is None
    assert constant.gain == pytest.approx(0, abs=1e-12)


def test_a_mixture_must_beat_the_best_learner_by_more_than_chance() -> None:
    """Copies of a row within its cluster bring no news, so they leave the choice as it was."""

    def weights(n: int, copies: int, *, apart: bool) -> dict[str, float]:
        design = builders.design(n, customers=n)
        rng = np.random.default_rng(5)
        said = {name: rng.normal(size=n) for name in ("glm", "boosting")}
        y = design.y.copy()
        y[:, 1] = 0.08 * (said["glm"] + 0.7 * said["boosting"]) + rng.normal(size=n)
        design = replace(design, y=y, cluster=np.arange(n))
        again = np.repeat(np.arange(n), copies)
        one = design.take(again)
        if apart:
            one = replace(one, cluster=np.arange(again.size))
        candidates = [_said(one, name, "cost", 0, 0.1 * p[again]) for name, p in said.items()]
        return dict(choose(one, tuple(candidates))[1][0].weights)

    few = weights(600, 1, apart=True)
    assert sorted(few.values()) == [0.0, 1.0]
    assert weights(600, 20, apart=False) == few
    assert 0 < weights(600, 20, apart=True)["glm"] < 1
    assert weights(60_000, 1, apart=True)["glm"] == pytest.approx(0.62, abs=0.1)


def test_sampling_weights_count_in_losses_shares_and_calibration() -> None:
    design = builders.design(1_000)
    weight = 1.0 + (np.arange(1_000) % 3 == 0)
    again = np.repeat(np.arange(1_000), weight.astype(int))
    rng = np.random.default_rng(0)
    said = {name: rng.uniform(0.1, 0.9, size=1_000) for name in ("glm", "boosting")}

    def quality(one: Design, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> NuisanceQuality:
        candidates = [_said(one, name, "converted", 1, p[rows]) for name, p in said.items()]
        return choose(one, tuple(candidates))[1][0]

    weighted = quality(replace(design, weight=weight), np.arange(1_000))
    repeated = quality(replace(design.take(again), weight=np.ones(again.size)), again)
    assert dict(weighted.losses) == pytest.approx(dict(repeated.losses), rel=1e-9)
    assert dict(weighted.weights) == pytest.approx(dict(repeated.weights), abs=1e-6)
    assert weighted.slope == pytest.approx(repeated.slope, rel=1e-5)


def test_the_chance_of_three_arms_is_calibrated_over_all_but_the_control() -> None:
    design = builders.design(6_000, arms=3)
    truth = np.full((design.n, 3), 1 / 3) + np.where(np.arange(design.n) % 2, 0.1, -0.1)[
        :, None
    ] * np.array([-1.0, 0.5, 0.5])
    drawn = (np.random.default_rng(0).uniform(size=design.n)[:, None] > truth.cumsum(axis=1)).sum(1)
    row = choose(replace(design, arm=drawn), (_said(design, "glm", PROPENSITY, -1, truth),))[1][0]
    assert (row.arm, row.loss_name) == ("all", "log loss")
    assert row.slope == pytest.approx(1.0, abs=0.15)
    assert dict(row.losses)["glm"] == pytest.approx(-np.log(truth[range(6_000), drawn]).mean())


def _wide(n: int, p: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, p))
    frame = pd.DataFrame(np.where(rng.uniform(size=(n, p)) < 0.02, np.nan, x))
    frame = frame.set_axis([f"x{j}" for j in range(p)], axis="columns")
    frame[f"x{p - 1}"] = rng.choice(list("abcdefgh"), n)
    seen = np.nan_to_num(frame[["x0", "x1", "x2"]].to_numpy())
    on = rng.uniform(size=n) < 1 / (1 + np.exp(-0.8 * seen[:, 0]))
    cost = seen @ np.array([2.0, -0.5, 0.5]) + 0.5 * on + rng.normal(size=n)
    return frame.assign(arm=np.where(on, "on", "off"), cost=cost)


def test_a_hundred_covariates_need_no_tuning() -> None:
    spec = study_from_mapping(
        {
            "study": "wide",
            "treatment": {"column": "arm", "control": "off"},
            "outcomes": [{"column": "cost", "kind": "cost", "better": "lower"}],
            "covariates": [f"x{j}" for j in range(100)],
            "folds": 2,
        },
        on_frame=True,
    )
    frame = _wide(5_000, 100)
    scores = fit_scores(design_of_frame(spec, frame), rule=spec.overlap, seed=0, key="")
    row = effect_rows(scores, spec)[1].effects[0]
    assert row.estimate is not None
    assert row.std_error is not None
    assert row.std_error < 0.06
    assert abs(row.estimate - 0.5) < 3 * row.std_error
    naive = frame.groupby("arm")["cost"].mean()
    assert naive["on"] - naive["off"] - 0.5 > 5 * row.std_error
    for quality in scores.quality:
        assert quality.gain > 0.05
        assert quality.slope == pytest.approx(1.0, abs=0.35)


@pytest.mark.usefixtures("data_folder")
def test_the_measurement_on_small_data_compares_pairs_of_the_same_draw() -> None:
    draws = small_data.replicate(0, name="customers, smooth logit", rows=500)
    assert [draw.part for draw in draws] == ["control", "treated", "difference"]
    control, treated, difference = (draw.stack for draw in draws)
    assert difference == pytest.approx(treated - control, abs=1e-12)
    assert abs(difference) < 0.2
    rng = np.random.default_rng(0)
    ours, other = rng.normal(size=4_000), 2 * rng.normal(size=4_000)
    found, upper = small_data.ratio(ours, other)
    assert found == pytest.approx(0.5, abs=0.03)
    # The delta method by hand: log of a ratio of two independent mean squares.
    spread = 1.96 * 0.5 * np.sqrt(2 / 4_000 + 2 / 4_000)
    assert np.log(upper / found) == pytest.approx(spread, rel=0.1)
