"""Data that cannot answer a study: each reason is named, counted and shown by example."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest

from tests.contract_cases import load, rows, spec
from whatif.base.errors import DataError, UsageError


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"id": "u1"}, r"1 values of the unit 'id' appear more than once \(12 rows\), e.g. u1"),
        ({"id": [None, *list("abcdefghijk")]}, "The id 'id' is missing in 1 of 12 rows, e.g. row "),
        (
            {"arm": [None] * 2 + ["folded", "expanded"] * 5},
            "'arm' is missing in 2 of 12 rows, e.g. id u00; id",
        ),
        ({"arm": "folded"}, r"Only one arm is in the data: column 'arm' has 'folded' \(12 rows\)"),
        (
            {"arm": ["fold", "expanded"] * 6},
            "'folded' is not in column 'arm'; did you mean 'fold'?",
        ),
        ({"won": 1}, "Outcome 'won' is 1 in every row"),
        ({"won": np.nan}, "Outcome 'won' is missing in every row"),
        (
            {"won": ["yes", "no"] * 6},
            "Outcome 'won' is not a number in 12 of 12 rows, e.g. id u00: 'yes'",
        ),
        (
            {"won": ["0", "1", "x"] * 4},
            "Outcome 'won' is not a number in 4 of 12 rows, e.g. id u02: 'x'",
        ),
        (
            {"cost_usd": [np.inf] + [1.0] * 11},
            "Column 'cost_usd' is infinite in 1 rows, e.g. id u00: inf",
        ),
        ({"x": [-np.inf] + [1.0] * 11}, "Column 'x' is infinite in 1 rows"),
        (
            {"at": [None] + ["2026-10-01"] * 11},
            "The time 'at' is missing in 1 of 12 rows, e.g. id u00",
        ),
        (
            {"at": ["soon"] + ["2026-10-01"] * 11},
            "'at' is not ISO 8601 text in 1 of 12 rows, e.g. id u00: 'soon'",
        ),
        (
            {"at": ["2026-10-01T10:00"] + ["2026-10-01T10:00Z"] * 11},
            "'at' has no zone while other rows have one in 1 of",
        ),
        ({"at": range(12)}, "The time 'at' is not a date or time in 12 of 12 rows"),
    ],
)
def test_data_that_cannot_answer(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said.replace("?", r"\?")) as caught:
        load(rows(**changes))
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"treatment": {"column": "arm", "control": "folded", "arms": ["expand"]}},
            r"The arm 'expand' is not in column 'arm'; did you mean 'expanded'\? The column has "
            r"'expanded' \(6 rows\), 'folded' \(6 rows\)",
        ),
        (
            {"design": {"kind": "experiment", "probability": {"folded": 0.5, "open": 0.5}}},
            "The arm 'open' is not in column 'arm'",
        ),
        ({"treatment": {"column": "x", "control": 0}, "covariates": []}, "The control '0' is not"),
        (
            {"outcomes": [{"column": "cost_usd", "kind": "binary"}]},
            "'cost_usd' is declared binary but has other values than 0 and 1 in 11 rows",
        ),
        (
            {"outcomes": [{"column": "cost_usd", "kind": "count"}]},
            "'cost_usd' is declared count but has values that no count has in 10 rows",
        ),
        (
            {"data": {"where": "device = 'tv'"}},
            "No rows are left: the filter `device = 'tv'` remov",
        ),
        (
            {"as_of": dt.date(2026, 9, 30)},
            "all rows lie after 2026-09-30; the first day is 2026-10",
        ),
        ({"cluster": "custmer"}, "has no column 'custmer'"),
        ({"adjustment": ("age",)}, "has no column 'age'"),
    ],
)
def test_studies_that_the_data_cannot_answer(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        load(**changes)


def test_a_measured_number_is_no_treatment() -> None:
    frame = rows(60, arm=range(60))
    with pytest.raises(DataError, match="The treatment column 'arm' has 60 different values"):
        load(frame, treatment={"column": "arm", "control": 0})


def test_probabilities_must_name_the_arms_of_the_data() -> None:
    design = {"kind": "experiment", "probability": {"folded": 0.5, "expanded": 0.5}}
    frame = rows(arm=["folded", "expanded", "third"] * 4)
    with pytest.raises(UsageError, match=r"the arms in the data are \['expanded', 'folded', 'thi"):
        load(frame, design=design)


def test_several_problems_are_told_at_once() -> None:
    with pytest.raises(DataError) as caught:
        load(rows(id="u1", won=1, cost_usd="?"))
    assert len(caught.value.problems) == 3


def test_an_outcome_left_empty_where_nothing_happened_is_refused() -> None:
    frame = rows(120)
    bought = frame.assign(cost_usd=frame["cost_usd"].where(frame["won"] == 1))
    said = "'cost_usd' is missing in 40 of the 40 rows where 'won' is 0, and seldom elsewhere"
    with pytest.raises(DataError, match=said) as caught:
        load(bought)
    assert "write 0 in 'cost_usd' where 'won' is 0." in str(caught.value)
    late = frame.assign(cost_usd=frame["cost_usd"].where(np.arange(120) < 100))
    assert load(late).rows == 120  # missing for the latest rows, whatever happened


def test_segments_with_too_many_levels_are_refused() -> None:
    frame = rows(500, a=[i % 25 for i in range(500)], b=[i // 25 for i in range(500)])
    with pytest.raises(DataError, match="'x' has 500 different values, more than 50") as caught:
        load(frame, covariates=[], segments=["x"])
    assert "cut it into bins first" in str(caught.value)
    with pytest.raises(DataError, match="Segments a by b make 500 cells, more than 400"):
        load(frame, segments=[["a", "b"]])
    assert load(frame[frame["b"] < 16], segments=[["a", "b"]]).rows == 400


def test_a_level_that_looks_like_a_missing_one_is_refused() -> None:
    named = ["(missing)", None, "mobile"] * 4
    with pytest.raises(DataError, match="'device' has a level called '\\(missing\\)' beside rows"):
        load(rows(device=named))
    assert load(rows(device=["(missing)", "mobile", "tv"] * 4)).rows == 12


def test_a_decision_day_needs_a_time() -> None:
    said = "time is missing: the decision is on 2026-12-15"
    with pytest.raises(UsageError, match=said) as caught:
        spec(time=None, decision={"on": "2026-12-15"})
    assert "so that the day of the data is known" in str(caught.value)
    assert spec(time=None, decision={"looks": "once"}).time is None


@pytest.mark.parametrize("name", ["score:x", "propensity:x", "outcome:x", "column:x"])
def test_names_of_stored_scores_are_refused(name: str) -> None:
    said = f"'{name}' begins with '{name[:-2]}' and a colon"
    for changes in (
        {"covariates": [name]},
        {"segments": [name]},
        {"time": name},
        {"outcomes": [{"column": name}]},
    ):
        with pytest.raises(UsageError, match=said):
            spec(**changes)
    assert spec(covariates=["weight", "arm_before", "score"]).covariates is not None
