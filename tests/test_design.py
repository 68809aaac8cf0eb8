"""Designs: arms, folds, known probabilities, features and windows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatif.base.errors import DataError, UsageError
from whatif.contract.spec import StudySpec
from whatif.design.build import Rows, build_design, constant_probabilities
from whatif.design.features import features_of
from whatif.design.folds import fold_of
from whatif.design.window import per_unit


def _spec(**changes: object) -> StudySpec:
    base: dict[str, object] = {
        "study": "small",
        "unit": "session",
        "cluster": "customer",
        "assigned": "session",
        "time": "at",
        "treatment": {"column": "arm", "control": "off"},
        "design": {"kind": "experiment", "probability": {"off": 0.4, "on": 0.6}},
        "outcomes": [{"column": "converted"}, {"column": "cost"}],
        "segments": ["region"],
    }
    return StudySpec.model_validate(base | changes)


def _rows(n: int = 200, **columns: Any) -> Rows:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "session": [f"s{i}" for i in range(n)],
            "customer": [f"c{i // 4}" for i in range(n)],
            "at": pd.Timestamp("2026-10-01") + pd.to_timedelta(rng.integers(0, 56, n), unit="D"),
            "region": rng.choice(["x", "y"], n),
            "hour": rng.integers(0, 24, n),
            "converted": rng.integers(0, 2, n),
            "cost": rng.uniform(size=n),
        }
    ).assign(**columns)
    return Rows(
        frame=frame,
        arm=rng.integers(0, 2, n),
        arms=("off", "on"),
        kinds=("binary", "cost"),
        covariates=("hour",),
    )


def test_design_carries_known_probabilities_clusters_and_segments() -> None:
    design = build_design(_rows(), _spec())
    assert design.known is not None
    assert design.known[0].tolist() == [0.4, 0.6]
    shared = constant_probabilities(design.known)
    assert shared is not None
    assert shared.tolist() == [0.4, 0.6]
    assert np.unique(design.cluster).size == 50
    assert not design.clusters_assigned
    assert design.features.names == ("hour", "region")
    assert (design.intake.order.argsort() == np.argsort(_rows().frame["at"], kind="stable")).all()


def test_no_covariates_means_no_features_even_with_segments() -> None:
    assert build_design(replace(_rows(), covariates=()), _spec()).features.names == ()


def test_clusters_are_assigned_when_the_study_says_so() -> None:
    assert build_design(_rows(), _spec(assigned="customer")).clusters_assigned
    bare = _spec(cluster=None, assigned=None)
    assert build_design(_rows(), bare).clusters_assigned


def test_units_without_an_outcome_are_set_aside_and_counted() -> None:
    rows = _rows()
    rows.frame["cost"] = rows.frame["cost"].where(np.arange(200) >= 10)
    design = build_design(rows, _spec())
    assert design.n == 190
    assert design.intake.missing[:, 1].sum() == 10
    assert design.notices[0].code == "missing_outcome"
    assert design.notices[0].problem.what.startswith("10 of 200 units lack an outcome (cost)")


def test_an_arm_without_outcomes_is_an_error() -> None:
    rows = _rows()
    rows.frame["cost"] = rows.frame["cost"].where(rows.arm == 0)
    with pytest.raises(DataError, match=r"fewer than two units .*\['on'\]"):
        build_design(rows, _spec())


def test_logged_probability_is_that_of_the_arm_received() -> None:
    rows = _rows(chance=0.25)
    spec = _spec(design={"kind": "experiment", "probability": {"column": "chance"}})
    design = build_design(rows, spec)
    assert design.known is not None
    assert (design.known[np.arange(200), design.arm] == 0.25).all()
    np.testing.assert_allclose(design.known.sum(axis=1), 1.0)
    with pytest.raises(DataError, match="missing, 0 or above 1"):
        build_design(_rows(chance=0.0), spec)


def test_phases_give_each_row_its_own_probabilities() -> None:
    phases = {"a": {"off": 0.9, "on": 0.1}, "b": {"off": 0.5, "on": 0.5}}
    spec = _spec(
        design={"kind": "experiment", "probability": {"column": "phase", "phases": phases}}
    )
    rows = _rows(phase=np.where(np.arange(200) < 100, "a", "b"))
    design = build_design(rows, spec)
    assert design.known is not None
    assert design.known[[0, 150], 1].tolist() == [0.1, 0.5]
    assert design.phase[[0, 150]].tolist() == [0, 1]
    assert constant_probabilities(design.known) is None
    with pytest.raises(DataError, match=r"does not declare: \['c'\]"):
        build_design(_rows(phase="c"), spec)
    phases["a"]["on"] = 0.2
    wrong = _spec(
        design={"kind": "experiment", "probability": {"column": "phase", "phases": phases}}
    )
    with pytest.raises(DataError, match=r"phases \['a'\] do not sum to 1"):
        build_design(rows, wrong)


@given(st.integers(2, 6), st.integers(0, 50))
def test_folds_keep_clusters_whole_and_never_move(folds: int, seed: int) -> None:
    ids = pd.Series([f"c{i // 3}" for i in range(600)])
    fold = fold_of(ids, folds=folds, seed=seed)
    assert set(fold) == set(range(folds))
    assert pd.Series(fold).groupby(ids).agg(lambda part: part.min() == part.max()).all()
    assert (fold_of(ids.iloc[::-1], folds=folds, seed=seed)[::-1] == fold).all()
    assert (fold_of(ids.iloc[:100], folds=folds, seed=seed) == fold[:100]).all()


def test_features_are_numbers_and_keep_what_is_missing() -> None:
    frame = pd.DataFrame(
        {
            "name": ["b", None, "a"],
            "flag": [True, False, True],
            "day": pd.to_datetime(pd.Series(["2026-01-01", "2026-01-03", None])),
        }
    )
    features = features_of(frame, ("name", "flag", "day"))
    assert features.categorical.tolist() == [True, False, False]
    np.testing.assert_array_equal(
        features.values, np.array([[1, 1, 0], [np.nan, 0, 2], [0, 1, np.nan]], dtype=np.float32)
    )


def test_infinite_and_too_wordy_covariates_are_named_together() -> None:
    frame = pd.DataFrame({"a": [np.inf] * 300, "b": [f"v{i}" for i in range(300)]})
    with pytest.raises(DataError) as caught:
        features_of(frame, ("a", "b"))
    assert len(caught.value.problems) == 2
    assert "300 infinite values" in str(caught.value)
    assert "300 different words" in str(caught.value)


def test_window_sums_outcomes_from_first_exposure_and_freezes_covariates() -> None:
    day = pd.Timestamp("2026-01-01")
    frame = pd.DataFrame(
        {
            "customer": ["a", "a", "a", "b", "late"],
            "at": [day, day + pd.Timedelta(days=2), day + pd.Timedelta(days=9), day,
                   day + pd.Timedelta(days=8)],
            "region": ["x", "y", "y", "y", "x"],
            "hour": [1, 2, 3, 4, 5],
            "converted": [1, 1, 1, 0, 1],
            "cost": [2.0, 3.0, 4.0, 0.0, 9.0],
        }
    )  # fmt: skip
    rows = Rows(
        frame=frame,
        arm=np.array([1, 0, 0, 0, 1]),
        arms=("off", "on"),
        kinds=("binary", "cost"),
        covariates=("hour",),
    )
    spec = _spec(unit="customer", assigned="customer", window="7d")
    made, notices = per_unit(rows, spec)
    assert made.frame["customer"].tolist() == ["a", "b"]
    assert made.frame["converted"].tolist() == [2, 0]
    assert made.frame["cost"].tolist() == [5.0, 0.0]
    assert made.frame["region"].tolist() == ["x", "y"]
    assert made.arm.tolist() == [1, 0]
    assert made.kinds == ("count", "cost")
    assert notices[0].problem.what.startswith("1 of 3 units were first seen less than 7d before")


def test_window_needs_time_and_unit() -> None:
    with pytest.raises(UsageError, match="has `window` but no `time` and `unit`"):
        per_unit(_rows(), _spec(time=None, window="7d"))
