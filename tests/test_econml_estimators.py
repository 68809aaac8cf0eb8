"""EconML's averages against closed forms, other libraries and simulated truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, Ridge

from whatif.base.errors import EstimationError, UsageError
from whatif.engines.econml_catalogue import AVERAGE, econml_class
from whatif.engines.econml_estimators import AverageEffects, fit_average
from whatif.engines.econml_features import dense
from whatif.engines.econml_models import PerArm

Folds = list[tuple[NDArray[np.int64], NDArray[np.int64]]]
WITH_INTERVAL = {"LinearDML", "DRLearner", "LinearDRLearner", "SparseLinearDRLearner"}
NO_FOLDS = {"TLearner", "SLearner", "XLearner", "DomainAdaptationLearner"}


def folds_of(n: int, k: int = 2) -> Folds:
    at = np.arange(n) % k
    return [(np.flatnonzero(at != i), np.flatnonzero(at == i)) for i in range(k)]


def simulate(n: int, *, arms: int, confounded: bool, seed: int = 0) -> dict[str, Any]:
    """Linear outcomes with effects that vary; the truth is the sample's mean effect."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    pull = np.outer(x[:, 0] * confounded, np.arange(arms))
    chance = np.exp(pull) / np.exp(pull).sum(axis=1, keepdims=True)
    arm = (rng.random(n)[:, None] > chance.cumsum(axis=1)).sum(axis=1)
    effect = np.arange(arms) * (0.5 + 0.5 * x[:, [1]])
    y = 2 * x[:, 0] + x[:, 1] + effect[np.arange(n), arm] + rng.normal(size=n)
    naive = np.array([y[arm == a].mean() - y[arm == 0].mean() for a in range(1, arms)])
    return {"x": x, "arm": arm, "y": y, "truth": effect[:, 1:].mean(axis=0), "naive": naive}


def fit(name: str, data: dict[str, Any], **more: Any) -> AverageEffects:
    keys = {"y": data["y"], "arm": data["arm"], "x": data["x"], "seed": 1,
            "n_arms": int(data["arm"].max()) + 1, "folds": folds_of(len(data["y"]))}  # fmt: skip
    return fit_average(f"econml.{name}", **(keys | more))


CONFOUNDED = simulate(1_500, arms=3, confounded=True)


@pytest.mark.parametrize("name", AVERAGE)
def test_every_estimator_recovers_the_truth_that_the_naive_difference_misses(name: str) -> None:
    found = fit(name, CONFOUNDED)
    assert np.abs(CONFOUNDED["naive"] - CONFOUNDED["truth"]).min() > 1
    assert found.estimate == pytest.approx(CONFOUNDED["truth"], abs=0.3)
    assert (found.ci is not None) is (name in WITH_INTERVAL)
    assert ("not clustered" in found.note) is (name in WITH_INTERVAL)
    assert ("no folds" in found.note) is (name in NO_FOLDS)
    if found.ci is not None:
        assert found.ci.shape == (2, 2)
        assert ((found.ci[:, 0] < found.estimate) & (found.estimate < found.ci[:, 1])).all()


@pytest.mark.parametrize("name", ["LinearDML", "LinearDRLearner", "CausalForestDML", "TLearner"])
def test_randomised_averages_agree_with_interacted_least_squares(name: str) -> None:
    data = simulate(1_500, arms=2, confounded=False)
    centred = data["x"] - data["x"].mean(axis=0)
    columns = np.column_stack([data["arm"], centred, data["arm"][:, None] * centred])
    ols = sm.OLS(data["y"], sm.add_constant(columns)).fit(cov_type="HC1")
    found = fit(name, data)
    assert abs(found.estimate[0] - ols.params[1]) < 0.3 * ols.bse[1]
    if found.ci is not None:
        error = (found.ci[0, 1] - found.ci[0, 0]) / 2 / 1.96
        assert error == pytest.approx(ols.bse[1], rel=0.1)


def test_a_dr_learner_is_aipw_with_one_outcome_model_per_arm_on_our_folds() -> None:
    x, arm, y = dense(CONFOUNDED["x"], np.zeros(3, bool)), CONFOUNDED["arm"], CONFOUNDED["y"]
    gamma = np.empty((len(y), 3))
    for train, test in folds_of(len(y)):
        logit = LogisticRegression(C=1.0, max_iter=1_000).fit(x[train], arm[train])
        chance = logit.predict_proba(x[test])
        for a in range(3):
            inside = train[arm[train] == a]
            mean = Ridge(alpha=1.0).fit(x[inside], y[inside]).predict(x[test])
            gamma[test, a] = mean + (arm[test] == a) / chance[:, a] * (y[test] - mean)
    ours = (gamma[:, 1:] - gamma[:, [0]]).mean(axis=0)
    for name in ("DRLearner", "LinearDRLearner"):
        assert fit(name, CONFOUNDED).estimate == pytest.approx(ours, abs=1e-9)


def test_one_model_per_arm_equals_separate_fits_and_a_pooled_one_does_not() -> None:
    rng = np.random.default_rng(3)
    x, arm = rng.normal(size=(300, 2)), rng.integers(0, 3, 300)
    y = x[:, 0] * (arm - 1) + arm
    features = np.column_stack([x, arm == 1, arm == 2]).astype(float)
    per_arm = PerArm(Ridge(alpha=1e-9), 3).fit(features, y)
    pooled = Ridge(alpha=1e-9).fit(features, y)
    for a in range(3):
        asked = np.column_stack([x, np.tile([a == 1, a == 2], (300, 1))]).astype(float)
        assert per_arm.predict(asked) == pytest.approx(x[:, 0] * (a - 1) + a, abs=1e-6)
        alone = Ridge(alpha=1e-9).fit(x[arm == a], y[arm == a]).predict(x)
        assert per_arm.predict(asked) == pytest.approx(alone, abs=1e-9)
    assert np.abs(pooled.predict(features) - y).max() > 1


def test_large_samples_use_boosted_trees_and_find_curved_confounding() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(6_000, 2))
    curve = np.minimum(x[:, 0] ** 2, 3)  # bounded, so that both arms stay possible everywhere
    arm = (rng.random(6_000) < 1 / (1 + np.exp(1 - curve))).astype(int)
    data = {"x": x, "arm": arm, "y": 2 * curve + arm + rng.normal(size=6_000)}
    naive = data["y"][arm == 1].mean() - data["y"][arm == 0].mean()
    assert naive > 2
    assert fit("LinearDRLearner", data).estimate[0] == pytest.approx(1, abs=0.15)
    assert fit("LinearDML", data).estimate[0] == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("name", ["CausalForestDML", "KernelDML", "ForestDRLearner"])
def test_the_same_seed_gives_the_same_bytes(name: str) -> None:
    data = simulate(400, arms=2, confounded=False)
    first, again, other = (fit(name, data, seed=seed).estimate for seed in (1, 1, 2))
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


def test_the_level_sets_the_width_of_the_interval() -> None:
    data = simulate(400, arms=2, confounded=False)
    wide, narrow = (fit("LinearDML", data, level=level).ci for level in (0.95, 0.8))
    assert wide is not None
    assert narrow is not None
    assert np.ptp(wide) / np.ptp(narrow) == pytest.approx(1.95996 / 1.28155, abs=1e-4)


def test_declared_groups_would_not_change_econml_s_errors() -> None:
    """EconML's `groups` shape folds only, hence our label "not clustered"."""
    from econml.dml import LinearDML

    data = simulate(400, arms=2, confounded=False)
    copies = {key: np.repeat(data[key], 4, axis=0) for key in ("y", "arm", "x")}
    errors = []
    for groups in (None, np.repeat(np.arange(400), 4)):
        model = LinearDML(model_y=Ridge(), model_t=LogisticRegression(), discrete_treatment=True,
                          cv=folds_of(1_600), random_state=0)  # fmt: skip
        model.fit(copies["y"], copies["arm"], X=copies["x"], groups=groups)
        errors.append(np.ptp(model.ate_interval(copies["x"])))
    assert errors[0] == pytest.approx(errors[1], rel=1e-12)
    single = fit("LinearDML", data).ci
    assert single is not None
    assert errors[1] < 0.6 * np.ptp(single)  # four copies of a unit are no news, yet it halves


# Names and failures ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("econml.LinaerDML", r"'econml\.LinaerDML' is not known; did you mean 'econml\.LinearDML'"),
        ("LinearDML", r"did you mean 'econml\.LinearDML'"),
        ("doubleml.IRM", "is not known; "),
        ("econml.LinearDRIV", "needs an instrument: a study of design `encouragement`"),
        ("econml.policy.DRPolicyForest", "learns a policy, not an average effect"),
        ("econml.grf.CausalForest", "works on residuals .* name CausalForestDML"),
        ("econml.orf.DROrthoForest", "one model per row"),
        ("econml.panel.dml.DynamicDML", "needs treatments that repeat over time"),
    ],
)  # fmt: skip
def test_other_names_are_refused_with_the_reason(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        econml_class(name)
    assert caught.value.exit_code == 2


def test_a_module_may_be_spelled_out() -> None:
    assert econml_class("econml.dr.LinearDRLearner") == "LinearDRLearner"


def test_a_failing_estimator_is_named_with_its_cause() -> None:
    data = simulate(60, arms=2, confounded=False)
    broken = data | {"y": np.where(np.arange(60) == 3, np.nan, data["y"])}
    with pytest.raises(
        EstimationError, match=r"'econml\.LinearDML' could not be fitted: ValueError"
    ):
        fit("LinearDML", broken)
    with pytest.raises(EstimationError, match="no covariate varies") as caught:
        fit("LinearDML", data, x=np.ones((60, 2)))
    assert caught.value.exit_code == 5
    one_sided = [(np.flatnonzero(data["arm"] == 0), np.flatnonzero(data["arm"] == 1))]
    with pytest.raises(EstimationError, match="training rows of fold 1 lack an arm"):
        fit("LinearDML", data, folds=one_sided)


# Features --------------------------------------------------------------------------------------


def test_gaps_become_a_median_and_an_indicator_and_levels_become_columns() -> None:
    rng = np.random.default_rng(0)
    number = rng.normal(size=200)
    number[::10] = np.nan
    level = np.repeat([0.0, 1.0, 2.0, 3.0], [100, 60, 38, 2])
    level[:5] = np.nan
    out = dense(np.column_stack([number, level]), np.array([False, True]))
    assert out.shape == (200, 4)  # value, its gaps, two frequent levels beside the commonest
    assert out.mean(axis=0) == pytest.approx(0, abs=1e-12)
    assert out.std(axis=0) == pytest.approx(1)
    assert np.unique(out[::10, 0]).size == 1
    assert [np.unique(out[:, j]).size for j in (1, 2, 3)] == [2, 2, 2]


def test_redundant_columns_are_dropped() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 100))
    twice = np.column_stack([a, b, a, 2 * a - 3 * b + 1, np.ones(100), np.full(100, np.nan)])
    out = dense(twice, np.zeros(6, bool))
    assert out == pytest.approx(dense(twice[:, :2], np.zeros(2, bool)))
    assert dense(np.ones((100, 1)), np.zeros(1, bool)).shape == (100, 0)
    assert dense(np.empty((100, 0)), np.zeros(0, bool)).shape == (100, 0)


def test_missing_values_and_levels_adjust_for_confounding() -> None:
    rng = np.random.default_rng(7)
    n = 2_000
    level = rng.integers(0, 4, n).astype(float)
    arm = (rng.random(n) < 0.2 + 0.2 * (level % 3)).astype(int)
    y = 2 * (level % 3) + arm + rng.normal(size=n)
    level[level == 3] = np.nan
    x = level[:, None]
    data = {"x": x, "arm": arm, "y": y}
    found = fit("LinearDRLearner", data, categorical=np.array([True])).estimate[0]
    assert y[arm == 1].mean() - y[arm == 0].mean() > 1.5
    assert found == pytest.approx(1, abs=0.2)
