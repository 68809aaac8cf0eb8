"""Sources: the same rows from every format, and every way a source can be missing or broken."""

from __future__ import annotations

import gzip
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatif.base.errors import DataError, UsageError
from whatif.base.hashing import of_files
from whatif.base.secrets import redacted
from whatif.contract.arrow_tables import content_hash, to_frame
from whatif.contract.sources import frame_source, header_of, read_source

FRAME = pd.DataFrame(
    {
        "id": ["s1", "s2", "s3", "s4"],
        "x": [1.5, np.nan, -2.0, 4.0],
        "n": [1, 2, 3, 4],
        "flag": [True, False, True, True],
        "word": ["a, b", "NA", 'say "x"', "é"],
        "at": pd.to_datetime(["2026-10-01T10:00:00Z"] * 4),
    }
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    FRAME.to_parquet(tmp_path / "all.parquet")
    (tmp_path / "parts" / "deep").mkdir(parents=True)
    FRAME.iloc[:2].to_parquet(tmp_path / "parts" / "a.parquet")
    FRAME.iloc[2:].to_parquet(tmp_path / "parts" / "deep" / "b.parquet")
    (tmp_path / "parts" / "_SUCCESS.parquet").write_bytes(b"")
    FRAME.to_csv(tmp_path / "all.csv", index=False, date_format="%Y-%m-%dT%H:%M:%SZ")
    FRAME.to_csv(tmp_path / "all.csv.gz", index=False, date_format="%Y-%m-%dT%H:%M:%SZ")
    with duckdb.connect(str(tmp_path / "shop.db")) as connection:
        connection.register("frame", FRAME)
        connection.execute('CREATE TABLE "my sessions" AS SELECT * FROM frame ORDER BY id DESC')
        connection.execute("CREATE TABLE frame_copy AS SELECT * FROM frame")
        connection.execute("CREATE SCHEMA log")
        connection.execute("CREATE VIEW log.v AS SELECT id, x FROM frame_copy")
    return tmp_path


@pytest.mark.parametrize(
    "source",
    [
        "all.parquet",
        "parts",
        "parts/**/*.parquet",
        "all.csv",
        "all.csv.gz",
        "*.csv",
        "duckdb:///shop.db#my sessions",
    ],
)
def test_every_format_gives_the_same_rows(folder: Path, source: str) -> None:
    if "**" in source:
        (folder / "parts" / "_SUCCESS.parquet").unlink()
    read = read_source(source, folder, ["id", "x", "flag", "word", "at", "n"], sort_by=["id"])
    frame = to_frame(read.table)
    expected = FRAME[list(frame.columns)]
    pd.testing.assert_frame_equal(frame, expected, check_dtype=False)
    assert read.shown == source
    assert set(header_of(source, folder)) == set(FRAME.columns)


def test_only_the_needed_columns_are_read(folder: Path) -> None:
    for source in ("all.parquet", "all.csv", "duckdb:///shop.db#my sessions"):
        assert read_source(source, folder, ["n", "id"]).table.column_names == ["n", "id"]


def test_an_absolute_database_path(folder: Path) -> None:
    for slashes in ("duckdb:///", "duckdb://"):
        read = read_source(f"{slashes}{folder}/shop.db#frame_copy", Path("elsewhere"), ["id"])
        assert read.table.num_rows == 4


def test_fingerprints_of_files_follow_their_bytes(folder: Path) -> None:
    both = sorted((folder / "parts").rglob("[ab].parquet"))
    assert read_source("parts", folder).fingerprint == of_files(both)
    before = read_source("all.csv", folder).fingerprint
    with (folder / "all.csv").open("a") as handle:
        handle.write("s5,1,1,True,x,2026-10-01T10:00:00Z\n")
    assert read_source("all.csv", folder).fingerprint != before


def test_fingerprints_of_tables_and_frames_follow_their_content(folder: Path) -> None:
    columns, url = ["id", "x", "at"], "duckdb:///shop.db#my sessions"
    table = read_source(url, folder, columns, sort_by=["id"])
    shuffled = frame_source(FRAME.sample(frac=1, random_state=3), columns, sort_by=["id"])
    assert shuffled.fingerprint == frame_source(FRAME, columns, sort_by=["id"]).fingerprint
    assert table.table.column("id").to_pylist() == shuffled.table.column("id").to_pylist()
    other = frame_source(FRAME.assign(x=FRAME["x"] + 1), columns, sort_by=["id"])
    assert other.fingerprint != shuffled.fingerprint
    unused = frame_source(FRAME.assign(n=0), columns, sort_by=["id"])
    assert unused.fingerprint == shuffled.fingerprint


VALUES = st.lists(
    st.tuples(
        st.none() | st.text(max_size=4), st.none() | st.floats(-9, 9), st.none() | st.booleans()
    ),
    min_size=1,
    max_size=20,
)


@given(VALUES, st.integers(0, 20))
def test_content_hash_ignores_chunks_and_sees_values(
    rows: list[tuple[str | None, float | None, bool | None]], cut: int
) -> None:
    kinds = {"a": pa.large_string(), "b": pa.float64(), "c": pa.bool_()}
    whole = pa.table(
        {k: pa.array([r[i] for r in rows], t) for i, (k, t) in enumerate(kinds.items())}
    )
    chunked = pa.concat_tables([whole.slice(0, cut), whole.slice(cut)])
    assert content_hash(whole) == content_hash(chunked)
    first = rows[0][0]
    changed = ["!" if first is None else None, *(r[0] for r in rows[1:])]
    other = whole.set_column(0, "a", pa.array(changed, pa.large_string()))
    assert content_hash(other) != content_hash(whole)


def test_csv_types_are_inferred_from_all_rows(tmp_path: Path) -> None:
    text = "a;b;c;d;e;f;g\n1;007;x;true;2026-10-01;;1\n 2.5 ;12;NA;false;2026-10-02;;NA\n"
    (tmp_path / "t.csv").write_text(text)
    frame = to_frame(read_source("t.csv", tmp_path).table)
    assert frame["a"].tolist() == [1.0, 2.5]
    assert frame["b"].tolist() == ["007", "12"]  # leading zeros make it a name, not a number
    assert frame["c"].tolist() == ["x", "NA"]  # a level called NA is no gap
    assert frame["d"].tolist() == [True, False]
    assert frame["e"].dtype.kind == "M"
    assert frame["f"].isna().all()
    assert frame["g"].isna().tolist() == [False, True]


def test_csv_columns_take_promised_types(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,flag,n,bad\n1,1,3.0,4\n2,0,,x\n")
    types = {"id": "string", "flag": "boolean", "n": "integer", "bad": "number"}
    frame = to_frame(read_source("t.csv", tmp_path, types=types).table)
    assert frame["id"].tolist() == ["1", "2"]
    assert frame["flag"].tolist() == [True, False]
    assert frame["n"].iloc[0] == 3
    assert frame["bad"].tolist() == ["4", "x"]  # stays text, for the contract to count


def test_true_false_with_gaps_keeps_its_type() -> None:
    frame = pd.DataFrame({"b": [True, None, False], "i": [1, None, 3]})
    out = to_frame(frame_source(frame, ["b", "i"]).table)
    assert out["b"].dtype == "boolean"
    assert out["i"].isna().tolist() == [False, True, False]


def test_mixed_objects_become_text() -> None:
    frame = pd.DataFrame({"a": [1, "b", None]})
    assert to_frame(frame_source(frame, ["a"]).table)["a"].tolist()[:2] == ["1", "b"]


def test_the_frame_given_is_not_changed() -> None:
    before = FRAME.copy(deep=True)
    frame_source(FRAME, list(FRAME.columns), sort_by=["x"])
    pd.testing.assert_frame_equal(FRAME, before)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("none.parquet", "There is no file 'none.parquet'"),
        ("none/*.parquet", r"There is no file 'none/\*.parquet'"),
        ("hollow", "The folder 'hollow' holds no Parquet files"),
        ("zero.parquet", "zero.parquet cannot be read"),
        ("zero.csv", "zero.csv is empty"),
        ("header.csv", "header.csv is empty: it has no rows"),
        ("rows0.parquet", "rows0.parquet is empty: it has no rows"),
        ("text.parquet", "text.parquet cannot be read"),
        ("broken.csv.gz", "broken.csv.gz cannot be read"),
        ("latin.csv", "latin.csv cannot be read"),
        ("ragged.csv", "ragged.csv cannot be read"),
        ("duckdb:///none.db#t", "There is no file 'none.db'"),
        ("duckdb:///zero.csv#t", "has no table 't'|cannot be read"),
        ("duckdb:///shop.db#sessions", "has no table 'sessions'; did you mean 'my sessions'?"),
        ('duckdb:///shop.db#t"; DROP TABLE frame_copy; --', "has no table"),
    ],
)
def test_sources_that_are_missing_or_broken(folder: Path, source: str, said: str) -> None:
    (folder / "hollow").mkdir()
    (folder / "zero.parquet").write_bytes(b"")
    (folder / "zero.csv").write_bytes(b"")
    (folder / "header.csv").write_text("a,b\n")
    FRAME.iloc[:0].to_parquet(folder / "rows0.parquet")
    (folder / "text.parquet").write_text("not a parquet file at all")
    (folder / "broken.csv.gz").write_bytes(gzip.compress(b"a,b\n1,2\n" * 999)[:40])
    (folder / "latin.csv").write_bytes("a,b\n1,caf\xe9\n".encode("latin-1"))
    (folder / "ragged.csv").write_text("a,b\n1,2,3\n")
    with pytest.raises(DataError, match=said) as caught:
        read_source(source, folder)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("s3://bucket/x.parquet", "of an unknown kind"),
        ("mysql://ann:secret@db/shop#orders", "of an unknown kind"),
        ("all.xlsx", r"not a known kind of source \(.xlsx\)"),
        ("duckdb:///shop.db", "does not name a file and a table"),
        ("duckdb://shop.db#t", "does not name a file and a table"),
    ],
)
def test_sources_of_unknown_kind(folder: Path, source: str, said: str) -> None:
    (folder / "all.xlsx").write_bytes(b"x")
    with pytest.raises(UsageError, match=said) as caught:
        read_source(source, folder)
    assert "secret" not in str(caught.value)


def test_missing_columns_are_all_named(folder: Path) -> None:
    for source in ("all.parquet", "all.csv", "duckdb:///shop.db#frame_copy"):
        with pytest.raises(DataError, match=r"no column 'idd'; did you mean 'id'\?") as caught:
            read_source(source, folder, ["idd", "n", "words"])
        assert "has no column 'words'; did you mean 'word'?" in str(caught.value)
    with pytest.raises(DataError, match="a frame in memory has no column 'words'"):
        frame_source(FRAME, ["words"])


def test_a_part_without_the_column_is_named(folder: Path) -> None:
    FRAME.drop(columns="x").to_parquet(folder / "parts" / "c.parquet")
    with pytest.raises(DataError, match=r"c\.parquet has no column 'x'"):
        read_source("parts", folder, ["id", "x"])


def test_parts_that_disagree(folder: Path) -> None:
    FRAME.assign(n=FRAME["n"].astype("int16")).to_parquet(folder / "parts" / "c.parquet")
    assert read_source("parts", folder, ["n"]).table.num_rows == 8
    FRAME.assign(n="x").to_parquet(folder / "parts" / "c.parquet")
    with pytest.raises(DataError, match="parts cannot be read"):
        read_source("parts", folder, ["n"])


def test_columns_of_unusable_type_or_name(folder: Path) -> None:
    FRAME.assign(deep=pd.Series([[1]] * 4, dtype=object)).to_parquet(folder / "deep.parquet")
    with pytest.raises(DataError, match="Column 'deep' holds values of type list"):
        read_source("deep.parquet", folder, ["id", "deep"])
    (folder / "twice.csv").write_text("a,a\n1,2\n")
    with pytest.raises(DataError, match="more than one column called 'a'"):
        read_source("twice.csv", folder, ["a"])
    with pytest.raises(DataError, match="more than one column called 'x'"):
        frame_source(pd.concat([FRAME, FRAME[["x"]]], axis=1), ["x"])


def test_credentials_are_never_shown() -> None:
    assert redacted("postgresql://u:p@h/d#t") == "postgresql://h/d#t"
    assert redacted("postgresql://u:p/w@h/d?x=y#select '?'") == "postgresql://h/d?…#select '?'"
    assert redacted("https://h/x.parquet?sig=secret") == "https://h/x.parquet?…"
    assert redacted("data/a@b.csv") == "data/a@b.csv"


def test_a_view_in_a_schema(folder: Path) -> None:
    assert read_source("duckdb:///shop.db#log.v", folder).table.column_names == ["id", "x"]
