"""The simulated checkout log: its shape, its four ways of assignment, its bytes, its errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, skew

from whatif.base.errors import UsageError
from whatif.simulate.assign import MODES, Mode, propensity
from whatif.simulate.checkout import simulate_checkout
from whatif.simulate.files import write_log, write_truth
from whatif.simulate.oracle import measured
from whatif.simulate.truth import read_truth, truth_file
from whatif.simulate.world import URBANICITY, draw_customers, draw_sessions

TYPES = {
    "session_id": "string",
    "customer_id": "string",
    "started_at": "timestamp[us, tz=UTC]",
    "week": "int8",
    "hour": "int8",
    "urbanicity": "string",
    "is_member": "bool",
    "tenure_days": "int32",
    "device": "string",
    "viewport_width": "int16",
    "cart_value": "double",
    "distance_km": "double",
    "n_options": "int8",
    "is_bot": "bool",
    "presentation": "string",
    "option": "string",
    "converted": "int8",
    "shipping_cost": "double",
    "boxes": "int8",
}


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    return simulate_checkout(100_000, seed=11, mode="randomised")


def test_columns_and_types_on_disk(log: pd.DataFrame, tmp_path: Path) -> None:
    table = pq.read_table(write_log(log, tmp_path / "log.parquet"))
    assert {field.name: str(field.type) for field in table.schema} == TYPES
    assert table.column_names == list(TYPES) == list(log.columns)
    nulls = {name: table[name].null_count for name in table.column_names}
    assert {name for name, count in nulls.items() if count} == {"option"}
    assert nulls["option"] == int((log["converted"] == 0).sum())


def test_levels_and_ranges(log: pd.DataFrame) -> None:
    assert set(log["urbanicity"]) == set(URBANICITY)
    assert set(log["device"]) == {"mobile", "desktop"}
    assert set(log["presentation"]) == {"folded", "expanded"}
    assert set(log["option"].dropna()) == {"standard", "express", "no_rush", "pickup"}
    assert log["session_id"].is_unique
    assert log["session_id"].iloc[0] == "s0000001"
    assert log["customer_id"].str.fullmatch(r"c\d{6}").all()
    assert set(log["week"]) == set(range(1, 9))
    assert set(log["hour"]) == set(range(24))
    assert set(log["n_options"]) == set(range(2, 7))
    assert log["tenure_days"].min() >= 0
    assert log["cart_value"].min() > 0
    assert log["distance_km"].min() > 0


def test_time_runs_over_the_eight_weeks_that_end_on_31_october(log: pd.DataFrame) -> None:
    started = log["started_at"]
    assert started.is_monotonic_increasing
    assert str(started.dt.date.min()) == "2026-09-06"
    assert str(started.dt.date.max()) == "2026-10-31"
    assert (started.dt.hour == log["hour"]).all()
    days = (started - pd.Timestamp("2026-09-06", tz="UTC")).dt.days
    assert (days // 7 + 1 == log["week"]).all()


def test_viewports_belong_to_the_device_and_heap(log: pd.DataFrame) -> None:
    mobile = log.loc[log["device"] == "mobile", "viewport_width"]
    desktop = log.loc[log["device"] == "desktop", "viewport_width"]
    assert mobile.between(320, 480).all()
    assert desktop.between(1024, 2560).all()
    assert mobile.isin([360, 375, 390, 412]).mean() > 0.8


def test_nothing_ordered_costs_nothing_and_an_order_costs_something(log: pd.DataFrame) -> None:
    ordered = log["converted"] == 1
    assert (log["option"].notna() == ordered).all()
    assert (log.loc[~ordered, ["shipping_cost", "boxes"]] == 0).all(axis=None)
    assert (log.loc[ordered, "shipping_cost"] > 0).all()
    assert log.loc[ordered, "boxes"].between(1, 6).all()
    assert skew(log.loc[ordered, "shipping_cost"]) > 1


def test_an_option_is_ordered_only_where_the_address_allows_it(log: pd.DataFrame) -> None:
    least = log.groupby("option")["n_options"].min()
    assert least.to_dict() == {"standard": 2, "no_rush": 2, "pickup": 3, "express": 4}


def test_robots_are_few_and_never_order(log: pd.DataFrame) -> None:
    assert 0.003 < log["is_bot"].mean() < 0.007
    assert log.loc[log["is_bot"], "converted"].sum() == 0


def test_customers_return_unevenly(log: pd.DataFrame) -> None:
    visits = log.groupby("customer_id").size()
    assert 4 < visits.mean() < 5
    assert 20 < visits.max() <= 30
    assert (visits**2).sum() / visits.sum() > 8


def test_customers_mostly_keep_their_device(log: pd.DataFrame) -> None:
    mobile = (log["device"] == "mobile").groupby(log["customer_id"]).mean()
    assert mobile.var() > 0.1
    assert ((mobile > 0) & (mobile < 1)).mean() > 0.2


@given(
    sessions=st.integers(100, 700), seed=st.integers(0, 10**6), mode=st.sampled_from(list(MODES))
)
@settings(max_examples=40, deadline=None)
def test_every_mode_has_exactly_the_rows_asked_for(sessions: int, seed: int, mode: Mode) -> None:
    log = simulate_checkout(sessions, seed=seed, mode=mode)
    assert len(log) == sessions
    assert list(log.index) == list(range(sessions))
    assert log["presentation"].nunique() == 2


@pytest.mark.parametrize("mode", MODES)
def test_equal_seed_equal_bytes_other_seed_other_bytes(mode: Mode, tmp_path: Path) -> None:
    paths = [
        write_log(simulate_checkout(3_000, seed=seed, mode=mode), tmp_path / f"{i}.parquet")
        for i, seed in enumerate((5, 5, 6))
    ]
    first, again, other = (path.read_bytes() for path in paths)
    assert first == again
    assert first != other


def test_sample_ratio_is_right_when_randomised_and_broken_when_asked(log: pd.DataFrame) -> None:
    def p_value(frame: pd.DataFrame) -> float:
        shown = int((frame["presentation"] == "expanded").sum())
        return float(binomtest(shown, len(frame), 0.5).pvalue)

    assert p_value(log) > 0.001
    assert all(
        p_value(simulate_checkout(100_000, seed=seed, mode="srm")) < 1e-6 for seed in range(3)
    )


def test_the_broken_ratio_is_broken_among_guests_on_phones_only() -> None:
    log = simulate_checkout(200_000, seed=2, mode="srm")
    shown = log["presentation"] == "expanded"
    slow = (log["device"] == "mobile") & ~log["is_member"]
    assert shown[slow].mean() == pytest.approx(0.82 / 1.82, abs=0.01)
    assert shown[~slow].mean() == pytest.approx(0.5, abs=0.01)


def test_by_customer_gives_one_presentation_per_customer(log: pd.DataFrame) -> None:
    steady = simulate_checkout(20_000, seed=3, mode="by-customer")
    arms = steady.groupby("customer_id")["presentation"].nunique()
    assert (arms == 1).all()
    assert (log.groupby("customer_id")["presentation"].nunique() == 2).any()


def test_confounded_propensities_are_true_and_leave_overlap() -> None:
    log = simulate_checkout(200_000, seed=4, mode="confounded")
    chance = propensity(measured(log))
    assert chance.min() > 0.08
    assert chance.max() < 0.92
    assert chance.std() > 0.1
    shown = (log["presentation"] == "expanded").to_numpy()
    decile = np.digitize(chance, np.quantile(chance, np.arange(0.1, 1, 0.1)))
    for k in range(10):
        inside = decile == k
        assert shown[inside].mean() == pytest.approx(chance[inside].mean(), abs=0.02)


def test_confounded_propensities_stay_inside_for_any_context() -> None:
    rng = np.random.default_rng(0)
    sessions = draw_sessions(rng, draw_customers(rng, 100_000))
    chance = propensity(sessions.context)
    assert chance.min() > 0.08
    assert chance.max() < 0.92


def test_presentations_of_one_confounded_customer_are_alike() -> None:
    log = simulate_checkout(50_000, seed=5, mode="confounded")
    residual = (log["presentation"] == "expanded") - propensity(measured(log))
    total = residual.groupby(log["customer_id"]).sum()
    assert (total**2).sum() / (residual**2).sum() > 4


def test_truth_is_written_beside_the_log(tmp_path: Path) -> None:
    path = write_truth(tmp_path / "log.parquet", mode="srm")
    assert path == tmp_path / "log.truth.json"
    assert path.read_bytes() == truth_file("srm").read_bytes()


def test_nothing_is_left_behind_beside_the_files(log: pd.DataFrame, tmp_path: Path) -> None:
    write_log(log.head(500), tmp_path / "log.parquet")
    write_truth(tmp_path / "log.parquet", mode="randomised")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["log.parquet", "log.truth.json"]


@pytest.mark.parametrize(
    ("sessions", "seed", "mode", "message"),
    [
        (99, 0, "srm", r"99 sessions were asked for[\s\S]*ask for at least 100 sessions"),
        (100, -1, "srm", r"the seed is -1[\s\S]*give a seed of 0 or more"),
        (100, 0, "randomized", r"no simulation mode 'randomized'[\s\S]*did you mean 'randomised'"),
        (5, -3, "x", r"3 problems"),
    ],
)
def test_bad_arguments_say_what_to_do(sessions: int, seed: int, mode: Mode, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        simulate_checkout(sessions, seed=seed, mode=mode)


def test_a_truth_that_does_not_exist_names_those_that_do() -> None:
    mode: Mode = "confunded"  # type: ignore[assignment]
    with pytest.raises(UsageError, match=r"no truth for mode 'confunded'[\s\S]*'confounded'"):
        read_truth(mode)


def test_places_that_cannot_be_written_to_are_named(log: pd.DataFrame, tmp_path: Path) -> None:
    few = log.head(10)
    with pytest.raises(
        UsageError, match=r"does not end in \.parquet[\s\S]*write to .*log\.parquet"
    ):
        write_log(few, tmp_path / "log.csv")
    with pytest.raises(UsageError, match=r"cannot be written[\s\S]*an existing folder"):
        write_log(few, tmp_path / "absent" / "log.parquet")
    with pytest.raises(UsageError, match=r"cannot be written[\s\S]*an existing folder"):
        write_truth(tmp_path / "absent" / "log.parquet", mode="srm")
    (tmp_path / "taken.parquet").mkdir()
    with pytest.raises(UsageError, match=r"cannot be written[\s\S]*an existing folder"):
        write_log(few, tmp_path / "taken.parquet")
