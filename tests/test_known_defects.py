"""Defects of EconML, DoubleML, LightGBM and DoWhy's wrapper, each beside our path without it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge

from tests.checks_evidence import evidence_of, scores_of, world
from whatif.base.errors import UsageError
from whatif.effects.bands import sup_t
from whatif.effects.predicted.clustered import cluster_covariance
from whatif.effects.predicted.in_turn import Part, combine
from whatif.engines import boosting
from whatif.engines.econml_estimators import fit_average

RNG = np.random.default_rng(0)
N = 400
X = RNG.normal(size=(N, 2))
ARM = RNG.integers(0, 2, N)
CLUSTER = np.repeat(np.arange(N // 4), 4)
Y = X[:, 0] + ARM * (1 + X[:, 1]) + RNG.normal(size=N // 4)[CLUSTER] + RNG.normal(size=N)
HALVES = [(np.flatnonzero(i == CLUSTER % 2), np.flatnonzero(i != CLUSTER % 2)) for i in (0, 1)]


def ours(name: str, **more: Any) -> Any:
    return fit_average(name, y=Y, arm=ARM, n_arms=2, x=X, folds=HALVES, seed=0, **more)


def through_dowhy(frame: pd.DataFrame) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # DoWhy and what it loads warn of their own future
        from dowhy import CausalModel

        model = CausalModel(frame, "t", "y", common_causes=["x"], effect_modifiers=["z"])
        return model.estimate_effect(
            model.identify_effect(proceed_when_unidentifiable=True),
            method_name="backdoor.econml.dml.LinearDML",
            confidence_intervals=True,
            target_units="ate",
            method_params={
                "init_params": {
                    "model_y": LinearRegression(),
                    "model_t": LogisticRegression(),
                    "discrete_treatment": True,
                    "cv": 2,
                    "random_state": 0,
                },
                "fit_params": {},
            },
        )


def test_dowhy_s_econml_interval_is_one_per_row_and_ours_one_per_arm() -> None:
    frame = pd.DataFrame({"x": X[:, 0], "z": X[:, 1], "t": ARM, "y": Y})
    theirs = through_dowhy(frame).get_confidence_intervals()
    assert np.shape(theirs) == (2, 1, N)
    assert ours("econml.LinearDML").ci.shape == (1, 2)


def test_dowhy_cannot_hand_econml_a_modifier_in_words_and_ours_takes_levels() -> None:
    region = np.arange(N) % 3
    frame = pd.DataFrame({"x": X[:, 0], "z": np.array(list("abc"))[region], "t": ARM, "y": Y})
    with pytest.raises(KeyError, match="are in the \\[columns\\]"):
        through_dowhy(frame)
    found = fit_average(
        "econml.LinearDML",
        y=Y,
        arm=ARM,
        n_arms=2,
        x=np.column_stack([X[:, 0], region]),
        folds=HALVES,
        seed=0,
        categorical=np.array([False, True]),
    )
    assert np.isfinite(found.estimate).all()


def test_a_forest_s_average_error_is_a_loose_bound_and_ours_shows_none() -> None:
    from econml.dml import CausalForestDML

    forest = CausalForestDML(
        model_y=Ridge(),
        model_t=LogisticRegression(),
        discrete_treatment=True,
        n_estimators=24,
        cv=2,
        random_state=0,
    )
    forest.fit(Y, ARM, X=X)
    assert forest.ate_inference(X).stderr_mean > 2 * forest.ate_stderr_[0]
    assert ours("econml.CausalForestDML").ci is None


def uplift() -> Any:
    from econml.validate import DRTester

    class Predicted:
        def effect(self, X: Any, **_: Any) -> Any:
            return X[:, 1]

        def const_marginal_effect(self, x: Any) -> Any:
            return x[:, [1]]

    made = DRTester(
        model_regression=LinearRegression(),
        model_propensity=LogisticRegression(),
        cate=Predicted(),
        cv=2,
    )
    half = N // 2
    made.fit_nuisance(X[:half], ARM[:half], Y[:half], X[half:], ARM[half:], Y[half:])
    return made.evaluate_uplift(X[:half], X[half:], metric="qini", n_bootstrap=50)


def test_econml_s_uplift_p_value_is_one_sided_in_either_direction_and_ours_two_sided() -> None:
    theirs = uplift()
    z = theirs.params[0] / theirs.errs[0]
    assert theirs.pvals[0] == pytest.approx(stats.norm.sf(abs(z)), rel=1e-12)
    sided = [Part(estimate=sign * 0.2, std_error=0.1, df=100) for sign in (1, -1)]
    found = [combine([one], level=0.95).p_value for one in sided]
    assert found[0] == pytest.approx(2 * stats.t.sf(2, 100))
    assert found[0] == found[1]


def test_econml_s_uplift_band_ignores_every_seed_but_numpy_s_global_one() -> None:
    from econml.validate.utils import calc_uplift

    effects = RNG.normal(size=(N, 1))
    inputs = (effects, effects, effects + 1, np.linspace(5, 95, 19), "toc", 50)
    first, second = (calc_uplift(*inputs)[2]["uniform_critical_value"][0] for _ in range(2))
    assert first != second
    half = np.eye(3) + 0.5
    assert sup_t(half, level=0.95, df=50, seed=1) == sup_t(half, level=0.95, df=50, seed=1)


def test_a_policy_tree_s_value_on_noise_is_an_in_sample_maximum_and_ours_refuses_it() -> None:
    from econml.policy import PolicyTree

    noise = np.column_stack([np.zeros(N), RNG.normal(size=N)])
    tree = PolicyTree(max_depth=3, honest=False, random_state=0).fit(X, noise)
    chosen = noise[np.arange(N), tree.predict(X).astype(int)].mean()
    assert tree.policy_value_ == pytest.approx(chosen)
    assert tree.policy_value_ > 0.05  # every policy is worth exactly 0
    with pytest.raises(UsageError, match="learns a policy, not an average effect"):
        ours("econml.policy.DRPolicyTree")


def test_a_dr_learner_takes_one_outcome_and_our_scores_take_several() -> None:
    from econml.dr import DRLearner

    learner = DRLearner(
        model_propensity=LogisticRegression(), model_regression=Ridge(), model_final=Ridge(), cv=2
    )
    with pytest.raises(ValueError, match="outcome matrix must be of shape"):
        learner.fit(np.column_stack([Y, Y]), ARM, X=X)
    two = np.zeros((world(1, customers=60).y.size, 2), dtype=bool)
    evidence = evidence_of(world(1, customers=60), missing=two)
    assert scores_of(evidence.design).gamma.shape[2] == 2


def interactive(*, declared: bool) -> Any:
    import doubleml

    frame = pd.DataFrame({"y": Y, "t": ARM, "x0": X[:, 0], "x1": X[:, 1], "who": CLUSTER})
    clusters = {"cluster_cols": "who"} if declared else {}
    data = doubleml.DoubleMLData(frame, "y", "t", ["x0", "x1"], **clusters)
    model = doubleml.DoubleMLIRM(data, LinearRegression(), LogisticRegression(), n_folds=2)
    return model.fit()


def test_doubleml_s_joint_bootstrap_raises_with_clusters_and_our_band_covers_them() -> None:
    with pytest.raises(NotImplementedError, match="bootstrap not yet implemented with clustering"):
        interactive(declared=True).bootstrap()
    influence = np.column_stack([Y - Y.mean(), X[:, 0] * (Y - Y.mean())])
    covariance = cluster_covariance(influence, CLUSTER)
    assert sup_t(covariance, level=0.95, df=N // 4 - 1, seed=0) > 1.98


def test_doubleml_s_group_errors_ignore_declared_clusters_until_told_again() -> None:
    model = interactive(declared=True)
    groups = pd.DataFrame({"low": CLUSTER % 4 < 2, "high": CLUSTER % 4 >= 2})
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # DoubleML calls pandas in a way that pandas 4 will not take
        silent = model.gate(groups).summary["std err"].to_numpy()
        again = model.gate(groups, cov_type="cluster", cov_kwds={"groups": CLUSTER})
    told = again.summary["std err"].to_numpy()
    scores = model.psi_elements["psi_b"][:, 0, 0]
    rows = sm.OLS(scores, groups.astype(float)).fit(cov_type="HC0").bse.to_numpy()
    assert silent == pytest.approx(rows, rel=1e-9)
    assert (np.abs(told / silent - 1) > 0.01).any()


def test_lightgbm_refuses_names_with_json_characters_and_our_learners_read_none() -> None:
    import lightgbm

    frame = pd.DataFrame(X, columns=["1) $0, $100", "size [cm]"])
    with pytest.raises(lightgbm.basic.LightGBMError, match="special JSON characters"):
        lightgbm.train({"verbose": -1}, lightgbm.Dataset(frame, Y), num_boost_round=1)
    found = boosting.predict_mean(
        frame.to_numpy(np.float32),
        Y,
        X[:5].astype(np.float32),
        categorical=np.array([False, False]),
        seed=0,
        binary=False,
    )
    assert np.isfinite(found).all()
