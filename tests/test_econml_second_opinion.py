"""Second opinions run on the study's own rows, folds, covariates and chances."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from whatif.base.errors import EstimationError, UsageError
from whatif.contract.spec import StudySpec
from whatif.design.record import Design, Features, Intake
from whatif.engines.econml_estimators import fit_average
from whatif.scores.second_opinion import drawn_rows, second_opinions


def study(*estimators: str, **more: Any) -> StudySpec:
    keys = {
        "study": "s",
        "treatment": {"column": "t", "control": "a"},
        "outcomes": [{"column": "sale"}, {"column": "cost"}],
        "ratios": [{"name": "cost_per_sale", "numerator": "cost", "denominator": "sale"}],
        "estimators": ["aipw", *estimators],
        **more,
    }
    return StudySpec.model_validate(keys)


def design(n: int = 600, *, arms: int = 2, seed: int = 0) -> Design:
    rng = np.random.default_rng(seed)
    x, arm, cluster = rng.normal(size=(n, 2)), rng.integers(0, arms, n), np.arange(n) // 3
    y = np.column_stack([x[:, 0] + arm, 2 * arm - x[:, 1]]) + rng.normal(size=(n, 2))
    return Design(
        kind="experiment",
        arms=tuple("abc"[:arms]),
        arm=arm,
        cluster=cluster,
        assigned=np.arange(n),
        clusters_assigned=False,
        fold=cluster % 3,
        n_folds=3,
        known=None,
        phase=np.zeros(n, dtype=np.int64),
        outcomes=("sale", "cost"),
        kinds=("amount", "cost"),
        y=y,
        weight=np.ones(len(y)),
        features=Features(
            names=("x1", "x2"), values=x.astype(np.float32), categorical=np.zeros(2, dtype=bool)
        ),
        columns=pd.DataFrame({"x1": x[:, 0], "x2": x[:, 1]}),
        check_columns=pd.DataFrame(index=range(n)),
        unit=pd.Series(np.arange(n)),
        intake=Intake(
            arm=arm,
            assigned=np.arange(n),
            cluster=cluster,
            order=np.arange(n),
            missing=np.zeros((n, 2), dtype=bool),
            known=None,
        ),
        population="all rows",
        notices=(),
    )


def test_one_opinion_per_estimator_outcome_and_arm_and_none_for_ratios() -> None:
    found = second_opinions(design(arms=3), study("econml.LinearDML", "econml.TLearner"))
    assert [(o.estimator, o.outcome, o.arm) for o in found] == [
        (f"econml.{name}", outcome, arm)
        for name in ("LinearDML", "TLearner")
        for outcome in ("sale", "cost")
        for arm in "bc"
    ]
    truth = {("sale", "b"): 1, ("sale", "c"): 2, ("cost", "b"): 2, ("cost", "c"): 4}
    for opinion in found:
        assert opinion.estimate == pytest.approx(truth[opinion.outcome, opinion.arm], abs=0.35)
        assert opinion.rows == 600
        assert (opinion.ci is None) is (opinion.estimator == "econml.TLearner")


def test_aipw_alone_asks_nobody() -> None:
    assert second_opinions(design(), study()) == ()


def test_the_study_s_folds_reach_the_estimator() -> None:
    d = design()
    folds = [(np.flatnonzero(d.fold != k), np.flatnonzero(d.fold == k)) for k in range(3)]
    direct = fit_average(
        "econml.LinearDRLearner", y=d.y[:, 0], arm=d.arm, n_arms=2, x=d.features.values,
        folds=folds, seed=9,
    )  # fmt: skip
    found = second_opinions(d, study("econml.LinearDRLearner"))[0]
    assert found.estimate == pytest.approx(direct.estimate[0], rel=1e-12)
    other = replace(d, fold=(d.cluster + 1) // 2 % 3)
    assert second_opinions(other, study("econml.LinearDRLearner"))[0].estimate != found.estimate


def test_large_designs_are_cut_to_whole_clusters_and_say_so() -> None:
    d = design()
    found = second_opinions(d, study("econml.TLearner"), max_rows=200)[0]
    assert found.rows == 198
    assert found.note.endswith("198 of 600 units, drawn by cluster")
    rows = drawn_rows(d.cluster, most=200, seed=0)
    assert set(np.bincount(d.cluster[rows])) <= {0, 3}
    assert (np.diff(rows) > 0).all()
    assert not np.array_equal(rows, drawn_rows(d.cluster, most=200, seed=1))
    assert drawn_rows(np.zeros(9, dtype=np.int64), most=4, seed=0).size == 9


@pytest.mark.parametrize("how", ["phase", "logged"])
def test_chances_that_differ_between_rows_are_adjusted_for(how: str) -> None:
    rng = np.random.default_rng(1)
    d = design(3_000)
    phase = rng.integers(0, 2, 3_000)
    arm = (rng.random(3_000) < 0.2 + 0.6 * phase).astype(np.int64)
    y = np.column_stack([arm + 3 * phase, arm + phase]) + rng.normal(size=(3_000, 2))
    known = np.column_stack([0.8 - 0.6 * phase, 0.2 + 0.6 * phase])
    ramp = replace(d, arm=arm, y=y, known=known, phase=phase if how == "phase" else d.phase)
    assert y[arm == 1, 0].mean() - y[arm == 0, 0].mean() > 2
    found = second_opinions(ramp, study("econml.LinearDRLearner"))[0]
    assert found.estimate == pytest.approx(1, abs=0.2)


def test_a_log_of_the_received_arm_is_not_a_covariate_with_three_arms() -> None:
    d = design(arms=3)
    got = np.array([0.5, 0.3, 0.2])[d.arm]
    known = np.repeat(((1 - got) / 2)[:, None], 3, axis=1)
    known[np.arange(d.n), d.arm] = got
    found = second_opinions(replace(d, known=known), study("econml.LinearDRLearner"))[0]
    assert found.estimate == pytest.approx(1, abs=0.35)
    assert found.note.endswith("logged chances not used")


def test_names_are_checked_before_anything_is_fitted() -> None:
    with pytest.raises(UsageError, match=r"did you mean 'econml\.XLearner'"):
        second_opinions(design(), study("econml.TLearner", "econml.XLerner"))


def test_a_failure_names_outcome_estimator_and_cause() -> None:
    d = design()
    none = Features(names=(), values=np.empty((d.n, 0), np.float32), categorical=np.empty(0, bool))
    empty = replace(d, features=none)
    message = r"Outcome 'sale': Estimator 'econml\.TLearner' could not be fitted: no covariate"
    with pytest.raises(EstimationError, match=message) as caught:
        second_opinions(empty, study("econml.TLearner"))
    assert caught.value.exit_code == 5
