"""The data set of a study: filter, as-of day, arms, kinds, and every way data fail a study."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract_cases import load, rows, spec
from whatif.base.errors import DataError, UsageError
from whatif.contract.dataset import load_dataset, needed_columns
from whatif.contract.study_file import study_from_mapping
from whatif.simulate.checkout import simulate_checkout

HERE = Path(__file__).parent


def test_a_sound_frame() -> None:
    data = load()
    assert data.arm_labels == ("folded", "expanded")
    assert data.arm_codes.tolist() == [0, 1] * 6
    assert (data.outcomes, data.kinds) == (("won", "cost_usd"), ("binary", "cost"))
    assert data.covariates == ("x",)
    assert list(data.frame.columns) == ["id", "at", "arm", "won", "cost_usd", "x", "device"]
    assert data.as_of == dt.date(2026, 10, 12)
    assert data.period == (dt.date(2026, 10, 1), dt.date(2026, 10, 12))
    assert (data.days, data.rows, data.rows_read) == (12, 12, 12)
    assert [notice.code for notice in data.notices] == ["no_contract"]
    assert data.source == "a frame in memory"


def test_needed_columns_are_each_named_once() -> None:
    given_ = spec(
        cluster="customer",
        assigned="customer",
        data={"where": "hour > 3 and not bot"},
        design={"kind": "experiment", "probability": {"column": "p"}},
        segments=["device", ["device", "x"]],
    )
    assert needed_columns(given_, ["z", "x"]) == (
        *("id", "customer", "at", "arm", "won", "cost_usd", "x", "device", "p"),
        *("bot", "hour", "z"),
    )


def test_row_order_in_memory_does_not_matter() -> None:
    one, two = load(), load(rows().sample(frac=1, random_state=1))
    assert one.fingerprint == two.fingerprint
    pd.testing.assert_frame_equal(one.frame, two.frame)
    np.testing.assert_array_equal(one.arm_codes, two.arm_codes)


def test_the_filter_keeps_and_counts_rows() -> None:
    data = load(data={"where": "device = 'mobile'"})
    assert (data.rows, data.rows_filtered, data.rows_read) == (8, 4, 12)
    assert set(data.frame["device"]) == {"mobile"}
    assert data.frame.index.tolist() == list(range(8))


@pytest.mark.parametrize(
    ("zone", "last"), [("UTC", "2026-10-05"), ("Pacific/Auckland", "2026-10-04")]
)
def test_the_as_of_day_ends_in_the_schedules_zone(zone: str, last: str) -> None:
    schedule = {"cron": "0 7 * * 1", "timezone": zone}
    data = load(as_of=dt.date(2026, 10, 5), schedule=schedule)
    assert str(data.frame["at"].max().date()) == last  # 12:00 UTC is past midnight in Auckland
    assert data.as_of == dt.date(2026, 10, 5)
    assert data.period is not None
    assert data.period[1] == dt.date(2026, 10, 5)
    assert data.rows + data.rows_after_as_of == 12


@pytest.mark.parametrize("form", ["date", "naive", "text day", "text", "text zone", "object"])
def test_time_may_be_written_in_many_ways(form: str) -> None:
    at = rows()["at"]
    written = {
        "date": at.dt.date,
        "naive": at.dt.tz_localize(None),
        "text day": at.dt.strftime("%Y-%m-%d"),
        "text": at.dt.strftime("%Y-%m-%dT%H:%M:%S"),
        "text zone": at.dt.strftime("%Y-%m-%dT%H:%M:%S+00:00"),
        "object": at.astype(object),
    }[form]
    data = load(rows(at=written), as_of=dt.date(2026, 10, 5))
    assert (data.rows, data.days) == (5, 5)
    assert data.frame["at"].dtype.kind == "M"


@settings(max_examples=15)
@given(st.integers(0, 14), st.sampled_from(["UTC", "Europe/London", "Asia/Tokyo"]))
def test_a_later_as_of_day_never_loses_rows(day: int, zone: str) -> None:
    schedule, start = {"cron": "0 7 * * 1", "timezone": zone}, dt.date(2026, 10, 1)
    data = load(as_of=start + dt.timedelta(day + 1), schedule=schedule)
    earlier = load(as_of=start + dt.timedelta(max(day, 1)), schedule=schedule)
    assert set(earlier.frame["id"]) <= set(data.frame["id"])
    assert data.period is not None
    assert data.as_of is not None
    assert data.period[1] <= data.as_of


def test_an_as_of_day_without_time_is_said() -> None:
    data = load(time=None, as_of=dt.date(2026, 10, 5))
    assert (data.as_of, data.period, data.days, data.rows) == (None, None, None, 12)
    assert [n.code for n in data.notices] == ["no_contract", "as_of_without_time"]


def test_arms_are_sorted_when_not_declared_and_kept_in_order_when_they_are() -> None:
    frame = rows(arm=["b", "a", "c", "d"] * 3)
    assert load(frame, treatment={"column": "arm", "control": "b"}).arm_labels == tuple("bacd")
    data = load(frame, treatment={"column": "arm", "control": "b", "arms": ["d", "a"]})
    assert data.arm_labels == ("b", "d", "a")
    assert data.arm_codes.tolist() == [0, 2, 1] * 3
    assert data.rows_other_arms == 3
    notice = data.notices[-1]
    assert notice.code == "other_arms"
    assert "3 rows got a level of 'arm' that the study does not compare: 'c' (3)" in str(
        notice.problem
    )


@pytest.mark.parametrize(
    ("values", "control", "arms", "labels"),
    [
        ([False, True], False, [True], ("false", "true")),
        ([False, True], 0, [1], ("0", "1")),
        ([0, 1], False, [True], ("false", "true")),
        ([0, 1], 0, None, ("0", "1")),
        ([0.0, 1.0], 0, [1], ("0", "1")),
        (["0", "1"], 0, [1], ("0", "1")),
        ([1, 10], 10, None, ("10", "1")),
    ],
)
def test_arm_labels_of_any_type(
    values: list[Any], control: Any, arms: Any, labels: tuple[str, ...]
) -> None:
    treatment = {"column": "arm", "control": control, "arms": arms}
    data = load(rows(arm=values * 6), treatment=treatment)
    assert data.arm_labels == labels
    assert sorted(set(data.arm_codes.tolist())) == [0, 1]
    assert data.arm_codes[0] == (0 if control == values[0] or str(control) == values[0] else 1)


def test_kinds_follow_values_and_names_unless_declared() -> None:
    outcomes = [{"column": "won"}, {"column": "cost_usd"}, {"column": "y"}, {"column": "z"}]
    frame = rows(won=[True, False] * 6, y=np.arange(12.0) - 3, z=np.arange(12))
    outcomes[3]["kind"] = "count"
    data = load(frame, outcomes=outcomes)
    assert data.kinds == ("binary", "cost", "amount", "count")
    assert data.frame["won"].tolist() == [1.0, 0.0] * 6
    refunds = load(rows(cost_usd=np.linspace(-1, 3, 12)))
    assert refunds.kinds == ("binary", "amount")


def test_missing_outcomes_are_kept_for_the_checks() -> None:
    won = pd.Series([None, True, False] * 4, dtype="boolean")
    assert load(rows(won=won)).frame["won"].isna().sum() == 4


def test_an_all_missing_covariate_is_named_and_dropped() -> None:
    frame = rows(x=np.nan, z=1.0)
    data = load(frame, adjustment=("z",))
    assert data.covariates == ("z",)
    assert data.notices[-1].code == "all_missing_covariate"
    assert "Covariate 'x' is missing in every row and is not used" in str(data.notices[-1].problem)


def test_repeated_units_are_fine_inside_a_window() -> None:
    frame = rows()
    assert load(frame, unit="customer", window="28d").rows == 12
    with pytest.raises(DataError, match=r"6 values of the unit 'customer' .* \(12 rows\), e.g. c0"):
        load(frame, unit="customer")


CHECKOUT: dict[str, Any] = {
    "study": "checkout",
    "data": {
        "source": "log/*.parquet",
        "contract": "checkout_sessions.v1",
        "where": "not is_bot and device = 'mobile'",
    },
    "unit": "session_id",
    "cluster": "customer_id",
    "assigned": "session_id",
    "time": "started_at",
    "treatment": {"column": "presentation", "control": "folded"},
    "design": {"kind": "experiment", "probability": {"folded": 0.5, "expanded": 0.5}},
    "outcomes": [{"column": "converted"}, {"column": "shipping_cost", "better": "lower"}],
    "covariates": ["tenure_days", "cart_value", "is_member"],
    "segments": ["urbanicity"],
}


def test_the_simulated_log_keeps_its_contract(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = simulate_checkout(3_000, seed=1, mode="randomised")
    (tmp_path / "log").mkdir()
    log.iloc[:1_000].to_parquet(tmp_path / "log" / "a.parquet")
    log.iloc[1_000:].to_parquet(tmp_path / "log" / "b.parquet")
    study = study_from_mapping(CHECKOUT)
    data = load_dataset(study, base=tmp_path)
    assert data.schema is not None
    assert data.notices == ()
    assert data.rows == int((~log["is_bot"] & (log["device"] == "mobile")).sum())
    assert data.as_of == dt.date(2026, 10, 31)
    assert data.kinds == ("binary", "cost")
    monkeypatch.chdir(tmp_path / "log")  # a source on the command line starts from there
    assert load_dataset(study, base=Path("/"), data_override="a.parquet").rows_read == 1_000
    whole = load_dataset(study, base=tmp_path, frame=log)
    every = study_from_mapping(CHECKOUT | {"covariates": list(log.columns[3:14])})
    check = load_dataset(every, base=tmp_path, frame=log)
    assert (whole.rows, check.rows) == (data.rows, data.rows)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"covariates": ["boxes"]}, "'boxes' stands in covariates, .* measured after treatment"),
        ({"segments": ["option"]}, "'option' stands in segments, .* measured after treatment"),
        (
            {"data": {"source": "x", "contract": "checkout_sessions.v1", "where": "boxes > 0"}},
            "'boxes' stands in the filter, .* measured after treatment",
        ),
        (
            {"data": {"source": "x", "contract": "checkout_session.v1"}},
            "no data schema 'checkout_session.v1'; did you mean 'checkout_sessions.v1'",
        ),
    ],
)
def test_nothing_measured_after_the_treatment_is_adjusted_for(
    changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        load_dataset(study_from_mapping(CHECKOUT | changes), base=HERE)
    assert caught.value.exit_code == 2
    with pytest.raises(UsageError, match="'boxes' stands in the adjustment set"):
        load_dataset(study_from_mapping(CHECKOUT), base=HERE, adjustment=("boxes",))


def test_a_study_without_any_source() -> None:
    with pytest.raises(UsageError, match="names no data source and no frame was given"):
        load_dataset(spec(), base=HERE)


def test_hillstrom_reads_with_its_published_arm_means(data_folder: Path) -> None:
    study = study_from_mapping(
        {
            "study": "hillstrom",
            "data": {"source": "hillstrom.csv.gz", "contract": "hillstrom.v1"},
            "treatment": {"column": "segment", "control": "No E-Mail"},
            "design": {"kind": "experiment"},
            "outcomes": [{"column": "visit"}, {"column": "conversion"}, {"column": "spend"}],
            "segments": ["zip_code"],
        }
    )
    data = load_dataset(study, base=data_folder)
    assert data.arm_labels == ("No E-Mail", "Mens E-Mail", "Womens E-Mail")
    assert data.kinds == ("binary", "binary", "amount")
    means = data.frame[list(data.outcomes)].groupby(data.arm_codes).mean().round(6)
    assert means["visit"].tolist() == [0.106167, 0.182757, 0.151400]  # README of the data
    assert means["conversion"].tolist() == [0.005726, 0.012531, 0.008837]
    assert means["spend"].tolist() == [0.652789, 1.422617, 1.077202]
