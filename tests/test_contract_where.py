"""Row filters: the same rows as SQL keeps, and nothing outside the grammar gets through."""

from __future__ import annotations

import contextlib
import datetime as dt

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whatif.base.errors import UsageError
from whatif.contract.where import columns_of, mask, parse_where

FRAME = pd.DataFrame(
    {
        "a": [1.0, np.nan, 3.0],
        "device": ["mobile", None, "desktop"],
        "is_bot": pd.Series([True, None, False], dtype="boolean"),
        "flag": [1, 0, 1],
        "small": np.array([1, 2, 3], dtype=np.int8),
        "at": pd.Series(pd.to_datetime(["2026-01-01", "2026-01-02", "NaT"], utc=True)),
        "day": pd.Series(pd.to_datetime(["2026-01-01", "NaT", "2026-01-03"])),
        "kind": pd.Categorical(["x", None, "y"]),
        "thing": [True, None, False],
        "mixed": [1, "b", None],
        "first.treat": [0, 2004, 2006],
        "none": [None, None, None],
    }
)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a = 1", [1, 0, 0]),
        ("a == 1", [1, 0, 0]),
        ("not a = 1", [0, 0, 1]),
        ("a <> 1", [0, 0, 1]),
        ("a != 1 or device is null", [0, 1, 1]),
        ("is_bot", [1, 0, 0]),
        ("NOT is_bot", [0, 0, 1]),
        ("not thing", [0, 0, 1]),
        ("is_bot = true", [1, 0, 0]),
        ("is_bot != 1", [0, 0, 1]),
        ("flag", [1, 0, 1]),
        ("not flag", [0, 1, 0]),
        ("small < 1000", [1, 1, 1]),
        ("small > -1000.5 and small <= 2", [1, 1, 0]),
        ("2 <= small", [0, 1, 1]),
        ("device in ('mobile', 'tablet')", [1, 0, 0]),
        ("device not in ('mobile')", [0, 0, 1]),
        ("device in ('mobile', null)", [1, 0, 0]),
        ("device not in ('mobile', null)", [0, 0, 0]),
        ('device = "mobile"', [1, 0, 0]),
        ("device = null", [0, 0, 0]),
        ("device is not null", [1, 0, 1]),
        ("a between 1 and 2 or a between +3 and 4", [1, 0, 1]),
        ("not (a between 1 and 2)", [0, 0, 1]),
        ("(a) > 2", [0, 0, 1]),
        ("a = small", [1, 0, 1]),
        ("not not a = 1", [1, 0, 0]),
        ("not (a = 1 and device = 'desktop')", [1, 0, 1]),
        ("a = 1 or is_bot = false and a = 2", [1, 0, 0]),
        ("at < '2026-01-02'", [1, 0, 0]),
        ("at >= '2026-01-02T00:00:00+00:00'", [0, 1, 0]),
        ("day between '2026-01-02' and '2026-01-31'", [0, 0, 1]),
        ("kind = 'x'", [1, 0, 0]),
        ("first.treat > 2004", [0, 0, 1]),
        ("none = 3", [0, 0, 0]),
        ("none is null", [1, 1, 1]),
        ("true", [1, 1, 1]),
        ("null or a = 1", [1, 0, 0]),
        ("device = 'it''s'", [0, 0, 0]),
    ],
)
def test_rows_kept(text: str, kept: list[int]) -> None:
    assert mask(parse_where(text), FRAME).astype(int).tolist() == kept


def test_columns_are_listed() -> None:
    text = "not (a = 1 and b in (2)) or c is null or d between e and 3 or f"
    assert columns_of(parse_where(text)) == frozenset("abcdef")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the filter is empty"),
        ("   ", "the filter is empty"),
        ("a = 1; drop table x", "unexpected ';' at character 6"),
        ("a = 1 -- all", "unexpected '-' at character 7"),
        ("a = 1 /* all */", "unexpected '/' at character 7"),
        ("a = 1 or 1 = 1", "'=' at character 12 compares two constants"),
        ("a = 1 union select 2", "unexpected 'union' at character 7"),
        ("a = (select 1)", "unexpected '1' at character 13"),
        ("lower(device) = 'x'", r"unexpected '\(' at character 6"),
        ("read_csv('/etc/passwd')", r"unexpected '\(' at character 9"),
        ("__import__('os').system('x')", r"unexpected '\.' at character 17"),
        ("@a", "unexpected '@' at character 1"),
        ("a + 1 = 2", r"unexpected '\+' at character 3"),
        ("a = $1", r"unexpected '\$' at character 5"),
        ("a = 'it", 'unexpected "\'" at character 5'),
        ("a && device", "unexpected '&' at character 3"),
        ("`a` = 1", "unexpected '`' at character 1"),
        ("a < 1 < 2", "a second comparison at character 7"),
        ("not", "the filter ends too early"),
        ("a = ", "the filter ends too early"),
        ("(a = 1", "the filter ends too early"),
        ("a = 1)", r"unexpected '\)' at character 6"),
        ("a in ()", r"unexpected '\)' at character 7"),
        ("a in (device)", "unexpected 'device' at character 7"),
        ("a is 3", "unexpected '3' at character 6"),
        ("a not between 1 and 2", "unexpected 'between' at character 7"),
        ("3 in (1)", "'in' at character 3 needs a column on its left"),
        ("(a = 1) = 2", "compares a condition, not a column"),
        ("a = 1e999", "the number at character 5 is too large"),
        ("'x'", "a constant alone at character 1"),
        ("1x = 2", "unexpected '1' at character 1"),
        ("(" * 100 + "a" + ")" * 100, "more than 60 nested parts"),
        ("not " * 100 + "a", "more than 60 nested parts"),
        ("a" * 10_001, "longer than 10,000 characters"),
    ],
)
def test_anything_else_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        parse_where(text)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("devise = 'x'", "no column 'devise' .character 1.; did you mean 'device'?"),
        ("device = 3", "column 'device' is text but 3 is a number"),
        ("a = 'x'", "column 'a' is a number but 'x' is text"),
        ("is_bot < true", "column 'is_bot' is true/false but True is true/false"),
        ("not device", "'device' at character 5 is text, not true/false"),
        ("a", "'a' at character 1 is a number, not true/false"),
        ("at > 3", "column 'at' is a date or time but 3 is a number"),
        ("at > 'now'", "'now' is not a date or time that fits the column"),
        ("day > '2026-01-01T00:00:00Z'", "is not a date or time that fits the column"),
        ("mixed = 1", "column 'mixed' mixes types"),
    ],
)
def test_filters_that_do_not_fit_the_data(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        mask(parse_where(text), FRAME)


DUCKDB = duckdb.connect()
DUCKDB.execute("CREATE TABLE t (i INT, p DOUBLE, q DOUBLE, w VARCHAR, b BOOLEAN)")
NUMBERS = st.none() | st.integers(-3, 3).map(float)
WORDS = st.none() | st.sampled_from(["x", "y", "it's"])
FLAGS = st.none() | st.booleans()
ROWS = st.lists(st.tuples(NUMBERS, NUMBERS, WORDS, FLAGS), min_size=1, max_size=12)
COMPARE = st.sampled_from(["=", "!=", "<>", "<", "<=", ">", ">="])


def _quoted(word: str | None) -> str:
    return "null" if word is None else "'" + word.replace("'", "''") + "'"


def _literal(value: float | str | bool | None) -> str:
    return _quoted(value) if value is None or isinstance(value, str) else str(value)


_number = NUMBERS.map(lambda x: "null" if x is None else str(int(x)))
_leaves = st.one_of(
    st.tuples(st.sampled_from(["p", "q"]), COMPARE, _number | st.just("q")).map(" ".join),
    st.tuples(st.just("w"), COMPARE, WORDS.map(_quoted)).map(" ".join),
    st.tuples(
        st.just("w"), st.sampled_from(["in", "not in"]), st.lists(WORDS.map(_quoted), min_size=1)
    ).map(lambda t: f"{t[0]} {t[1]} ({', '.join(t[2])})"),
    st.tuples(st.just("p"), st.sampled_from(["in", "not in"]), st.lists(_number, min_size=1)).map(
        lambda t: f"{t[0]} {t[1]} ({', '.join(t[2])})"
    ),
    st.sampled_from(["p is null", "w is not null", "b", "b = true", "b is null", "true", "null"]),
    st.tuples(_number, _number).map(lambda t: f"p between {t[0]} and {t[1]}"),
)
PREDICATES = st.recursive(
    _leaves,
    lambda inner: st.one_of(
        inner.map(lambda x: f"not ({x})"),
        inner.map(lambda x: f"NOT {x}"),
        st.tuples(inner, inner).map(lambda t: f"({t[0]}) or {t[1]}"),
        st.tuples(inner, inner).map(lambda t: f"{t[0]} and ({t[1]})"),
        st.tuples(inner, inner, inner).map(lambda t: f"{t[0]} or {t[1]} and {t[2]}"),
    ),
    max_leaves=6,
)


@settings(max_examples=100)
@given(ROWS, PREDICATES)
def test_keeps_the_rows_that_duckdb_keeps(
    rows: list[tuple[float | None, float | None, str | None, bool | None]], text: str
) -> None:
    kinds = {"p": "float64", "q": "float64", "w": "str", "b": "boolean"}
    frame = pd.DataFrame(rows, columns=list(kinds)).astype(kinds)
    values = ", ".join(f"({i}, {', '.join(map(_literal, row))})" for i, row in enumerate(rows))
    DUCKDB.execute(f"DELETE FROM t; INSERT INTO t VALUES {values}")
    found = DUCKDB.execute(f"SELECT i FROM t WHERE {text} ORDER BY i").fetchall()
    assert np.flatnonzero(mask(parse_where(text), frame)).tolist() == [i for (i,) in found]


@given(st.text(max_size=40))
def test_no_text_crashes_the_parser(text: str) -> None:
    with contextlib.suppress(UsageError):
        columns_of(parse_where(text))


@given(st.dates(dt.date(2026, 1, 1), dt.date(2026, 1, 9)))
def test_dates_compare_as_dates(day: dt.date) -> None:
    frame = pd.DataFrame({"day": pd.date_range("2026-01-01", periods=9)})
    kept = mask(parse_where(f"day <= '{day}'"), frame)
    assert int(kept.sum()) == day.day
