"""Data schemas and the data held against them: every broken promise at once, counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whatif.base.errors import DataError, UsageError
from whatif.contract.schemas import DataSchema, available_schemas, load_schema, parse_schema
from whatif.contract.validate import check_contract, no_contract_notice, recorded_types

CHECKOUT = {
    "before": "session_id customer_id started_at week hour urbanicity is_member tenure_days device "
    "viewport_width cart_value distance_km n_options is_bot",
    "treatment": "presentation",
    "after": "option converted shipping_cost boxes",
}
SMALL = """
name: small
row: a session
columns:
  id: {type: string, measured: before, unique: true}
  n: {type: integer, measured: before, range: {min: 0, below: 10}}
  x: {type: number, unit: USD, measured: before, nullable: true, range: {above: 0, max: 5}}
  device: {type: string, measured: before, levels: [mobile, desktop]}
  won: {type: integer, measured: after, levels: [0, 1]}
  flag: {type: boolean, measured: before}
  at: {type: timestamp, measured: before}
  day: {type: date, measured: before}
"""


def small() -> DataSchema:
    return parse_schema(SMALL, name="small")


def sound(rows: int = 6) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": [f"s{i}" for i in range(rows)],
            "n": np.arange(rows),
            "x": [np.nan, *np.linspace(0.1, 5, rows - 1)],
            "device": (["mobile", "desktop"] * rows)[:rows],
            "won": ([0, 1] * rows)[:rows],
            "flag": ([True, False] * rows)[:rows],
            "at": pd.to_datetime(["2026-10-01T10:00:00Z"] * rows),
            "day": pd.to_datetime(["2026-10-01"] * rows),
            "unlisted": ["?"] * rows,
        }
    )


def test_the_checkout_log_is_described() -> None:
    schema = load_schema("checkout_sessions.v1")
    for measured, names in CHECKOUT.items():
        for name in names.split():
            assert schema.measured(name) == measured
    assert list(schema.columns) == " ".join(CHECKOUT.values()).split()
    assert schema.columns["option"].nullable
    assert schema.columns["session_id"].unique
    assert schema.row == "one checkout session"
    assert schema.measured("none") is None


def test_hillstrom_keeps_its_contract(data_folder: Path) -> None:
    schema = load_schema("hillstrom.v1")
    frame = pd.read_csv(data_folder / "hillstrom.csv.gz")
    assert list(frame.columns) == list(schema.columns)
    check_contract(frame, schema, unit=None)
    assert len(frame) == 64_000
    assert schema.measured("segment") == "treatment"
    wrong = frame.assign(zip_code=frame["zip_code"].replace("Surburban", "Suburban"))
    with pytest.raises(DataError, match="levels: Urban, Surburban, Rural` in 28,776 of 64,000"):
        check_contract(wrong, schema, unit=None)


def test_schemas_beside_or_above_the_study_come_first(tmp_path: Path) -> None:
    (tmp_path / "data_schemas").mkdir()
    (tmp_path / "data_schemas" / "small.yaml").write_text(SMALL)
    study = tmp_path / "reports" / "a"
    study.mkdir(parents=True)
    assert load_schema("small", study).row == "a session"
    assert available_schemas(study) == ["checkout_sessions.v1", "hillstrom.v1", "small"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("checkout_session.v1", "did you mean 'checkout_sessions.v1'"),
        ("nothing", "checkout_sessions.v1, hillstrom.v1"),
        ("../data_schemas/hillstrom.v1", "There is no data schema"),
    ],
)
def test_an_unknown_contract_lists_those_there_are(name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        load_schema(name)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("name: small", "name: large", "its `name` is 'large'"),
        ("row: a session\n", "", "row is missing"),
        ("type: boolean", "type: bool", "columns.flag.type must be one of 'string', 'integer'"),
        ("unique: true", "uniqe: true", "columns.id.uniqe is not a known key; did you mean 'uniqu"),
        ("min: 0", "mim: 0", "columns.n.range.mim is not a known key; did you mean 'min'"),
        ("levels: [0, 1]", "levels: [[0]]", "columns.won.levels.0 must be one level"),
        ("levels: [mobile", "range: {min: 0}, levels: [mobile", "a range fits numbers only"),
        ("measured: after", "measured: later", "columns.won.measured must be one of 'before'"),
        ("columns:", "columns: {}\nx:", "columns must be"),
        ("  n:", "  id:", "gives the key 'id' .line 6. twice"),
    ],
)
def test_a_bad_schema_file(old: str, new: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse_schema(SMALL.replace(old, new, 1), name="small")


def test_sound_data_pass() -> None:
    check_contract(sound(), small(), unit="id")
    check_contract(sound().drop(columns=["x", "flag"]), small(), unit="id")


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("id", ["s0", "s1", "s1", "s3", None, "s5"], "`unique` in 2 of 6 rows, e.g. id s1; id s1"),
        ("id", ["s0", "s1", "s2", "s3", None, "s5"], "`no missing values` in 1 of 6 rows"),
        ("n", [0, 1, 2, 3, 10, -1], "`range: ≥ 0 and < 10` in 2 of 6 rows, e.g. id s4: 10; id s5"),
        ("n", [0, 1, 2.5, 3, 4, 5], "`type: a whole number` in 1 of 6 rows, e.g. id s2: 2.5"),
        ("n", ["0", "a", "2", "b", "4", "5"], "a whole number` in 2 of 6 rows, e.g. id s1: 'a'"),
        ("n", ["0", "1", "2", "3", "4", "5"], "`type: a whole number` in 6 of 6 rows"),
        ("x", [1, 2, np.inf, 4, -np.inf, 5], "`finite` in 2 of 6 rows, e.g. id s2: inf"),
        ("x", [0.0, 2, 3, 4, 5, 6], "`range: > 0 and ≤ 5 USD` in 2 of 6 rows"),
        ("x", [True] * 6, "`type: a number` in 6 of 6 rows, e.g. id s0: True"),
        (
            "device",
            ["mobile"] * 5 + ["watch"],
            "`levels: mobile, desktop` in 1 of 6 rows, e.g. id s5",
        ),
        ("won", [0, 1, 2, 0, 1, 0], "`levels: 0, 1` in 1 of 6 rows, e.g. id s2: 2"),
        ("flag", [1, 0, 1, 0, 1, 0], "`type: true or false` in 6 of 6 rows"),
        ("at", ["2026-10-01"] * 6, "`type: a date and time` in 6 of 6 rows"),
        (
            "day",
            pd.to_datetime(["2026-10-01T05:00"] + ["2026-10-01"] * 5, format="ISO8601"),
            "`type: a date` in 1 of 6 rows",
        ),
    ],
)
def test_each_broken_promise(column: str, values: Any, said: str) -> None:
    frame = sound()
    frame[column] = values
    with pytest.raises(DataError, match=said) as caught:
        check_contract(frame, small(), unit="id")
    assert caught.value.exit_code == 3
    assert "What to do" in str(caught.value)


def test_all_broken_promises_at_once_and_rows_by_number_without_a_unit() -> None:
    frame = sound().assign(n=99, device="watch", flag="perhaps")
    with pytest.raises(DataError) as caught:
        check_contract(frame, small(), unit=None)
    text = str(caught.value)
    assert len(caught.value.problems) == 3
    for said in ("Column 'n'", "Column 'device'", "Column 'flag'", "e.g. row 1: 99; row 2: 99"):
        assert said in text


def test_the_frame_is_left_as_it_was() -> None:
    frame = sound()
    before = frame.copy(deep=True)
    check_contract(frame, small(), unit="id")
    pd.testing.assert_frame_equal(frame, before)


@settings(max_examples=25)
@given(st.lists(st.none() | st.floats(-2, 8, allow_nan=False), min_size=1, max_size=30))
def test_the_count_of_broken_rows_is_exact(values: list[float | None]) -> None:
    frame = sound(len(values) + 1).iloc[1:].assign(x=np.array(values, dtype=float), n=1)
    wrong = sum(v is not None and not 0 < v <= 5 for v in values)
    if not wrong:
        check_contract(frame, small(), unit="id")
        return
    with pytest.raises(DataError, match=f" in {wrong} of {len(values)} rows"):
        check_contract(frame, small(), unit="id")


def test_without_a_contract_types_are_recorded_and_said() -> None:
    assert dict(recorded_types(sound())) == {
        "id": "string",
        "n": "integer",
        "x": "number",
        "device": "string",
        "won": "integer",
        "flag": "boolean",
        "at": "timestamp",
        "day": "timestamp",
        "unlisted": "string",
    }
    notice = no_contract_notice(sound()[["id", "n"]])
    assert notice.code == "no_contract"
    assert "types were inferred: id string, n integer" in notice.problem.what
