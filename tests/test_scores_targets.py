"""Targets and sampling weights: closed forms, laws and refusals."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import builders
from whatif.base.arrays import Floats, Ints
from whatif.base.errors import DataError, UsageError
from whatif.checks.balance import standardised_differences
from whatif.contract.spec import OverlapSpec
from whatif.contract.study_file import study_from_mapping
from whatif.design.record import Design
from whatif.effects.cells import cut
from whatif.effects.joint import joint
from whatif.run.analysis import design_of_frame
from whatif.scores.fit import fit_scores, refitter
from whatif.scores.record import Scores, Target
from whatif.scores.targets import TARGETS

RULE = OverlapSpec()
NAMES: tuple[Target, ...] = ("ate", "att", "overlap")


def _fit(design: Design, **keys: Any) -> Scores:
    all_keys: dict[str, Any] = {"rule": RULE, "seed": 0, "key": "k", "learners": ("glm",), **keys}
    return fit_scores(design, **all_keys)


def _means(scores: Scores) -> tuple[Floats, Floats]:
    """Difference of the first two arms for every outcome, and its error."""
    made = joint(scores, cut(scores.columns, ()))
    k = len(scores.outcomes)
    gradient = np.zeros((k, made.sigma.shape[0]))
    gradient[np.arange(k), k + np.arange(k)] = 1.0
    gradient[np.arange(k), np.arange(k)] = -1.0
    errors = np.sqrt(np.diag(gradient @ made.sigma @ gradient.T))
    return made.theta[0, 1] - made.theta[0, 0], errors


def _drawn(seed: int, arms: int) -> tuple[Floats, Ints, Floats, Floats]:
    rng = np.random.default_rng(seed)
    n = 40
    chance = rng.dirichlet(np.full(arms, 2.0), n) * 0.9 + 0.1 / arms
    return rng.normal(size=(n, 2)), rng.integers(0, arms, n), rng.normal(size=(n, arms, 2)), chance


# ---- scores of each target


@given(st.integers(0, 10_000))
def test_two_arms_treated_is_their_own_outcome(seed: int) -> None:
    y, arm, mean, chance = _drawn(seed, 2)
    gamma, mass = TARGETS["att"].scores(y, arm, mean, chance)
    np.testing.assert_allclose(gamma[:, 1], (arm == 1)[:, None] * y, atol=1e-12)
    assert mass.tolist() == (arm == 1).tolist()
    control = arm == 0
    odds = (chance[:, 1] / chance[:, 0])[:, None]
    np.testing.assert_allclose(gamma[~control, 0], mean[~control, 0])
    np.testing.assert_allclose(gamma[control, 0], (odds * (y - mean[:, 0]))[control])


@given(st.integers(0, 10_000))
def test_overlap_difference_is_the_partialling_out_score_term_by_term(seed: int) -> None:
    y, arm, mean, chance = _drawn(seed, 2)
    gamma, mass = TARGETS["overlap"].scores(y, arm, mean, chance)
    e = chance[:, 1]
    expected = e[:, None] * mean[:, 1] + (1 - e)[:, None] * mean[:, 0]
    np.testing.assert_allclose(
        gamma[:, 1] - gamma[:, 0], (arm - e)[:, None] * (y - expected), atol=1e-12
    )
    np.testing.assert_allclose(mass, (arm - e) ** 2, atol=1e-12)


@given(st.integers(0, 10_000), st.sampled_from(NAMES), st.integers(2, 4))
def test_a_constant_outcome_has_that_mean_in_every_arm(seed: int, name: Target, arms: int) -> None:
    """Whatever the models, gamma is mass times the constant once they predict it."""
    _, arm, mean, chance = _drawn(seed, 2 if name == "overlap" else arms)
    gamma, mass = TARGETS[name].scores(
        np.full((arm.size, 2), 7.0), arm, np.full_like(mean, 7.0), chance
    )
    np.testing.assert_allclose(gamma, 7.0 * np.broadcast_to(mass[:, None, None], gamma.shape))


@pytest.mark.parametrize(("name", "arms"), [("ate", 3), ("att", 3), ("overlap", 2)])
def test_each_arm_mean_is_orthogonal_to_errors_of_the_models(name: Target, arms: int) -> None:
    """A wrong m shifts nothing on average; a small error of e moves the mean by its square.

    Expectations over arm and outcome given x are taken exactly, on ten thousand draws of x.
    """
    rng = np.random.default_rng(0)
    x = rng.normal(size=10_000)
    chance = np.exp(np.outer(x, np.linspace(-0.5, 0.5, arms)))
    chance /= chance.sum(axis=1, keepdims=True)
    truth = np.stack([np.sin(x) + a * x for a in range(arms)], axis=1)[:, :, None]

    def mean_of(wrong_mean: Floats, wrong_chance: Floats) -> Floats:
        top, bottom = np.zeros((arms, 1)), 0.0
        for a in range(arms):  # the arm drawn is a with its true chance; y is its true mean
            gamma, mass = TARGETS[name].scores(
                truth[:, a], np.full(x.size, a), wrong_mean, wrong_chance
            )
            top += (chance[:, a, None, None] * gamma).sum(axis=0)
            bottom += float(chance[:, a] @ mass)
        return np.asarray(top[:, 0] / bottom)

    exact = mean_of(truth, chance)
    tilt = TARGETS[name].tilt(chance)
    np.testing.assert_allclose(exact, tilt @ truth[:, :, 0] / tilt.sum(), rtol=1e-9)
    np.testing.assert_allclose(mean_of(truth + x[:, None, None], chance), exact, atol=1e-9)
    lean = np.outer(np.tanh(x), np.linspace(1, -1, arms))
    off = chance * (lean - (chance * lean).sum(axis=1, keepdims=True))
    for wrong in (0.0, 1.0):
        wide, narrow = (
            np.abs(mean_of(truth + wrong * s * x[:, None, None], chance + s * off) - exact)
            for s in (0.04, 0.02)
        )
        assert (narrow <= 0.3 * wide + 1e-12).all()  # halving the errors quarters the shift


def test_targets_recover_their_own_truth() -> None:
    """Effects grow with x, arms too: the treated gain most, and every target its own truth."""
    found: dict[Target, list[Floats]] = {name: [] for name in NAMES}
    for seed in range(8):
        rng = np.random.default_rng(seed)
        design = builders.design(2_000, customers=700, seed=seed)
        x = design.columns["x0"].to_numpy()
        y = design.y.copy()
        y[:, 1] = x + design.arm * (1 + x) + rng.normal(size=design.n)
        changed = replace(design, y=y, kinds=("binary", "amount"))
        for name in NAMES:
            estimate, error = _means(_fit(changed, target=name))
            found[name].append(np.array([estimate[1], error[1]]))
    x = np.random.default_rng(99).normal(size=10**6)
    e = 1 / (1 + np.exp(-0.7 * x))
    truth = {"ate": 1.0, "att": 1 + (e * x).mean() / e.mean(), "overlap": 1.0}
    for name in NAMES:
        estimates, errors = np.array(found[name]).T
        spread = estimates.std(ddof=1)
        assert abs(estimates.mean() - truth[name]) < 3.5 * spread / np.sqrt(8)
        assert errors.mean() == pytest.approx(spread, rel=0.6)
    assert truth["att"] > 1.2


def test_known_chances_serve_every_target() -> None:
    design = builders.design(3_000, kind="experiment")
    estimates = [_means(_fit(design, target=name)) for name in NAMES]
    for estimate, error in estimates[1:]:
        assert (np.abs(estimate - estimates[0][0]) < 2 * error).all()
    names = [_fit(design, target=name).population for name in NAMES]
    assert names[0] == "all rows"
    assert names[1] == "all rows, those that got another arm than 'folded'"
    assert "whose arm was most open" in names[2]


def test_refits_follow_the_target_and_the_weights() -> None:
    design = replace(
        builders.design(2_000), weight=np.random.default_rng(0).uniform(0.5, 2.0, 2_000)
    )
    for name in NAMES:
        scores = _fit(design, target=name)
        estimate, _ = _means(scores)
        np.testing.assert_allclose(refitter(seed=0, target=name)(design)[0], estimate, rtol=1e-9)
        np.testing.assert_allclose(scores.repeats[0, 1] - scores.repeats[0, 0], estimate, rtol=1e-9)


# ---- sampling weights


def test_weights_make_weighted_means_exact_and_integers_are_repeated_rows() -> None:
    design = builders.design(1_500, kind="experiment", covariates=False)
    weight = np.random.default_rng(0).integers(1, 4, design.n).astype(float)
    weighted = replace(design, weight=weight)
    for name in NAMES:
        scores = _fit(weighted, target=name)
        estimate, error = _means(scores)
        own = [np.average(design.y[design.arm == a], axis=0, weights=weight[design.arm == a])
               for a in range(2)]  # fmt: skip
        np.testing.assert_allclose(estimate, own[1] - own[0], rtol=1e-12)
        copies = np.repeat(np.arange(design.n), weight.astype(int))
        again = design.take(copies)
        same, same_error = _means(_fit(again, target=name))
        np.testing.assert_allclose(estimate, same, rtol=1e-9)
        np.testing.assert_allclose(error, same_error, rtol=1e-9)


def test_the_scale_of_weights_does_not_matter() -> None:
    design = builders.design(1_000)
    weight = np.random.default_rng(1).uniform(0.1, 3.0, design.n)
    one, other = (_means(_fit(replace(design, weight=c * weight))) for c in (1.0, 400.0))
    np.testing.assert_allclose(one, other, rtol=1e-7)


def _frame(n: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "arm": rng.choice(["off", "on"], n),
            "y": rng.normal(size=n),
            "x": rng.normal(size=n),
            "w": rng.uniform(0.5, 2.0, n),
            "p": np.full(n, 0.5),
        }
    )


def _study(**keys: Any) -> Any:
    base: dict[str, Any] = {
        "treatment": {"column": "arm", "control": "off"},
        "outcomes": [{"column": "y"}],
        "covariates": ["x"],
    }
    return study_from_mapping(base | keys, on_frame=True)


def test_a_weights_column_reaches_the_design_and_the_population() -> None:
    frame = _frame()
    design = design_of_frame(_study(weights="w"), frame)
    assert design.weight.tolist() == frame["w"].tolist()
    assert design.population == "all rows in the data, weighted by w"
    assert (design_of_frame(_study(), frame).weight == 1).all()


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_weights_that_are_not_positive_numbers_are_refused(bad: float) -> None:
    frame = _frame()
    frame.loc[3, "w"] = bad
    said = r"'w' is missing, not a number, infinite, 0 or below in 1 of 400 rows, e\.g\. row 4"
    with pytest.raises(DataError, match=said):
        design_of_frame(_study(weights="w"), frame)


def test_balance_before_weighting_uses_sampling_weights() -> None:
    x = np.array([[0.0], [2.0], [3.0], [5.0]])
    arm, weight = np.array([0, 0, 1, 1]), np.array([3.0, 1.0, 1.0, 1.0])
    (found,) = standardised_differences(x.T, arm=arm, weights=(weight,), arms=2)
    assert found[0, 0] == pytest.approx((4.0 - 0.5) / 1.0)


# ---- rules of the study


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (
            {"target": "overlap", "treatment": {"column": "arm", "control": 0, "arms": [1, 2]}},
            "target 'overlap' compares two arms; treatment.arms names 2",
        ),
        (
            {"target": "att", "estimators": ["aipw", "econml.LinearDML"]},
            "target 'att' and estimators econml.LinearDML: these count every unit alike",
        ),
        (
            {"weights": "w", "estimators": ["aipw", "econml.LinearDML"]},
            "weights 'w' and estimators econml.LinearDML",
        ),
        (
            {"target": "att", "value": {"currency": "USD", "per": {"y": 1.0}}},
            "value.units_per_month is 'auto', which counts all units; target 'att'",
        ),
        ({"weights": "id", "unit": "id"}, "weights names 'id', which says who or when"),
        ({"weights": "y"}, "'y' is an outcome and also used as `weights`"),
        ({"covariates": [], "repetitions": 5}, "repetitions is 5, but the study has no covariates"),
        ({"repetitions": 0}, "repetitions must be"),
        ({"exploratory": ["y"]}, "exploratory.0 cuts by 'y', which is not settled"),
        ({"exploratory": ["id"], "unit": "id"}, "exploratory.0 cuts by the unit 'id'"),
        ({"exploratory": [["g", "g"]]}, "exploratory.0 crosses a column with itself"),
        (
            {"segments": [["g", "h"]], "exploratory": [["h", "g"]]},
            "exploratory.0 repeats h by g, which stands in segments",
        ),
    ],
)
def test_studies_that_cannot_be_followed(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        _study(**keys)


def _three_arms(**keys: Any) -> Design:
    frame = _frame().assign(arm=np.resize(["off", "on", "more"], 400))
    return design_of_frame(_study(**keys), frame)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"target": "overlap"}, "`target: overlap` compares two arms; the study has 3 arms: off, "),
        (
            {"target": "att", "design": {"kind": "experiment", "probability": {"column": "p"}}},
            "`target: att` needs the chance of the control in every row",
        ),
        (
            {
                "overlap": {"rule": "trim"},
                "design": {"kind": "experiment", "probability": {"column": "p"}},
            },
            "needs the chance of every arm; the study has 3 arms",
        ),
    ],
)
def test_three_arms_cannot_answer_everything(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        _three_arms(**keys)
    assert len(_three_arms(target="att").arms) == 3


def test_exploratory_columns_and_weights_are_read_and_kept() -> None:
    frame = _frame().assign(g=np.resize(list("ab"), 400))
    design = design_of_frame(_study(exploratory=["g"], weights="w"), frame)
    assert "g" in design.columns
    assert "g" not in design.features.names
