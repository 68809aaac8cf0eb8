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
from whatif.checks.assignment import first_rows
from whatif.checks.two_arms import units_in_several_arms
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


def test_the_cluster_is_what_was_assigned_unless_declared() -> None:
    design = build_design(_rows(), _spec(cluster=None, assigned="customer"))
    assert np.unique(design.cluster).size == 50
    assert (design.cluster == design.assigned).all()
    assert design.clusters_assigned


def test_clusters_may_not_cut_an_assigned_unit_into_pieces() -> None:
    spec = _spec(cluster="session", assigned="customer")
    said = r"50 of 50 units of assignment \(customer\) lie in several clusters \(session\)"
    with pytest.raises(DataError, match=said) as caught:
        build_design(_rows(), spec)
    assert "declare `cluster: customer`" in str(caught.value)
    observed = spec.model_copy(update={"design": _spec(design={"kind": "observational"}).design})
    assert not build_design(_rows(), observed).clusters_assigned
    regions = _rows(region=["x" if i < 100 else "y" for i in range(200)])
    coarser = build_design(regions, _spec(cluster="region", assigned="customer"))
    assert not coarser.clusters_assigned


def test_rows_after_the_assignment_of_a_customer_are_named() -> None:
    (notice,) = build_design(_rows(), _spec(assigned="customer")).notices
    assert notice.code == "later_sessions"
    assert notice.problem.what.startswith("50 of 50 units of assignment (customer) have several")
    assert "`unit: customer` and a `window`" in notice.problem.fix
    assert build_design(_rows(), _spec()).notices == ()


def test_ties_in_time_of_rows_assigned_together_are_ordered_by_unit() -> None:
    rows = _rows(at=pd.Timestamp("2026-10-01"))
    spec, shuffled = _spec(assigned="customer"), np.random.default_rng(1).permutation(200)
    moved = replace(
        rows, frame=rows.frame.iloc[shuffled].reset_index(drop=True), arm=rows.arm[shuffled]
    )
    one, other = build_design(rows, spec), build_design(moved, spec)
    assert (one.intake.order[shuffled] == other.intake.order).all()


def test_a_primary_outcome_that_only_varied_in_rows_set_aside_is_an_error() -> None:
    rows = _rows()
    rows.frame["cost"] = rows.frame["cost"].where(rows.frame["converted"] == 1)
    with pytest.raises(DataError, match="'converted' is 1 for every unit that has all outcomes"):
        build_design(rows, _spec())


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
    sure = np.where(np.arange(200) < 30, 1.0, 0.25)
    with pytest.raises(DataError, match="30 rows have a logged probability of exactly 1") as caught:
        build_design(_rows(chance=sure), spec)
    assert "`where: chance < 1`" in str(caught.value)


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


def test_outcome_models_see_the_phase_of_a_ramp() -> None:
    phases = {"1": {"off": 0.9, "on": 0.1}, "2": {"off": 0.5, "on": 0.5}}
    spec = _spec(
        design={"kind": "experiment", "probability": {"column": "phase", "phases": phases}}
    )
    rows = _rows(phase=np.where(np.arange(200) < 100, 1, 2))
    features = build_design(rows, spec).features
    assert features.names == ("hour", "region", "phase")
    assert features.categorical[-1]
    assert features.take(np.array([0, 150])).values[:, -1].tolist() == [0.0, 1.0]  # noqa: PD011
    assert build_design(_rows(phase=1), spec).features.names == ("hour", "region")
    assert build_design(replace(rows, covariates=()), spec).features.names == ()


def test_a_phase_without_choice_is_an_error_when_rows_have_it() -> None:
    phases = {"a": {"off": 0.5, "on": 0.5}, "all": {"off": 0.0, "on": 1.0}}
    spec = _spec(
        design={"kind": "experiment", "probability": {"column": "phase", "phases": phases}}
    )
    assert build_design(_rows(phase="a"), spec).n == 200
    with pytest.raises(
        DataError, match=r"chance of 0 or 1 in phases \['all'\].*\(80 rows\)"
    ) as bad:
        build_design(_rows(phase=np.where(np.arange(200) < 80, "all", "a")), spec)
    assert "`phase != 'all'`" in str(bad.value)


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


DAY = pd.Timestamp("2026-01-01")


def _visits(**columns: Any) -> Rows:
    """Four customers with two visits each, in one arm; all windows are over."""
    rows = _rows(8)
    days = pd.to_timedelta([0, 2, 0, 3, 0, 9, 0, 30], unit="D")
    frame = rows.frame.assign(
        customer=list("aabbccdd"), at=DAY + days, converted=[0, 1] * 4, cost=1.0
    )
    frame["at"] = frame["at"].where(frame["customer"] != "d", DAY + days - pd.Timedelta(days=1))
    arm = np.array([0, 0, 1, 1, 0, 0, 1, 1])
    return replace(rows, frame=frame.assign(**columns), arm=columns.get("arm", arm))


PER_CUSTOMER = _spec(unit="customer", cluster=None, assigned="customer", window="7d")


def test_a_sum_with_a_missing_outcome_is_missing() -> None:
    cost = [1.0, np.nan, 1.0, 1.0, 1.0, np.nan, 1.0, 1.0]
    made, _ = per_unit(_visits(cost=cost), PER_CUSTOMER)
    by_customer = made.frame.set_index("customer")["cost"]
    assert np.isnan(by_customer["a"])
    assert by_customer[["b", "c"]].tolist() == [2.0, 1.0]  # the gap of c lies after its window


def test_arms_seen_before_rows_were_added_up_reach_the_intake() -> None:
    steady, _ = per_unit(_visits(), PER_CUSTOMER)
    switched, _ = per_unit(_visits(arm=np.array([0, 0, 1, 0, 0, 1, 1, 1])), PER_CUSTOMER)
    assert steady.again is not None
    assert (steady.again == steady.arm).all()
    intake = build_design(switched, PER_CUSTOMER).intake
    assert units_in_several_arms(intake.assigned, intake.arm) == (2, 4)
    assert intake.missing.shape == (8, 2)
    assert intake.known is not None
    for one in (intake.cluster, intake.order, intake.known):
        assert len(one) == 8
    first, _ = first_rows(intake.assigned, intake.order)
    assert (first < 4).all()
    assert intake.arm[first].tolist() == switched.arm.tolist()
    single = _rows(4, at=[DAY, DAY, DAY, DAY + pd.Timedelta(days=8)])
    assert per_unit(single, _spec(window="7d"))[0].again is None


@given(st.permutations(range(8)))
def test_the_first_of_rows_at_one_moment_does_not_hang_on_their_place(places: list[int]) -> None:
    rows = _visits(at=DAY, arm=np.array([0, 1] * 4), region=list("xyxyxyxy"))
    rows.frame.loc[8] = rows.frame.loc[0].to_dict() | {
        "customer": "e", "at": DAY + pd.Timedelta(days=7),
    }  # fmt: skip
    arm, order = np.append(rows.arm, 0), np.array([*places, 8])
    want, _ = per_unit(replace(rows, arm=arm), PER_CUSTOMER)
    moved = replace(rows, frame=rows.frame.iloc[order].reset_index(drop=True), arm=arm[order])
    got, _ = per_unit(moved, PER_CUSTOMER)
    pd.testing.assert_frame_equal(got.frame.drop(columns="cost"), want.frame.drop(columns="cost"))
    assert got.arm.tolist() == want.arm.tolist()
