"""PostgreSQL as a source: types, names, queries, logins, and what a server refuses."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psycopg
import pyarrow as pa
import pytest

from tests.postgres import Server
from whatif.base.errors import DataError, UsageError
from whatif.contract.arrow_tables import to_frame
from whatif.contract.sources import header_of, read_source
from whatif.contract.sources_postgres import passwords_of

HERE = Path()
TYPES = """
CREATE TYPE mood AS ENUM ('low', 'high');
CREATE DOMAIN price AS numeric CHECK (value > 0);
CREATE TABLE t (
  id int4, small int2, big int8, part float4, whole float8, num numeric(10, 2), own price,
  cash money, flag bool, word text, code varchar(5), fixed char(5), day date, at timestamp,
  zoned timestamptz, key uuid, feel mood, host inet, number oid
);
INSERT INTO t VALUES (
  2, 1, 9007199254740993, 1.5, 0.1, 12.34, 4.5, '12.30', true, 'é, "x"', 'ab', 'ab', '2026-01-02',
  '2026-01-02 03:04:05.123456', '2026-01-02 03:04:05+02', '84a2d292-68f3-4fd1-8eab-ed8447c0895a',
  'high', '10.0.0.1', 4000000000
);
INSERT INTO t (id) VALUES (1);
"""
VALUES: Mapping[str, object] = {
    "id": 2,
    "small": 1,
    "big": 9007199254740993,
    "part": 1.5,
    "whole": 0.1,
    "num": 12.34,
    "own": 4.5,
    "cash": 12.3,
    "flag": True,
    "word": 'é, "x"',
    "code": "ab",
    "fixed": "ab",
    "day": pd.Timestamp("2026-01-02").date(),
    "at": pd.Timestamp("2026-01-02 03:04:05.123456"),
    "zoned": pd.Timestamp("2026-01-02 01:04:05Z"),
    "key": "84a2d292-68f3-4fd1-8eab-ed8447c0895a",
    "feel": "high",
    "host": "10.0.0.1/32",
    "number": 4_000_000_000,
}


def run_sql(url: str, *statements: str) -> None:
    with psycopg.connect(url) as connection:
        for statement in statements:
            connection.execute(statement.encode())


@pytest.fixture
def shop(postgres: str) -> str:
    run_sql(
        postgres,
        "CREATE TABLE sessions (id text, x float8, n numeric)",
        "INSERT INTO sessions VALUES ('s2', 2, 20.5), ('s1', NULL, 10), ('s3', 3, NULL)",
        'CREATE TABLE "My ""odd"" table" ("Select" int, "a b" text)',
        """INSERT INTO "My ""odd"" table" VALUES (1, 'x')""",
        "CREATE SCHEMA log",
        "CREATE TABLE log.sessions (id text, y int)",
        "INSERT INTO log.sessions VALUES ('l1', 1)",
        "CREATE VIEW seen AS SELECT id, x FROM sessions WHERE x IS NOT NULL",
        "CREATE TABLE nothing (id text)",
    )
    return postgres


def test_every_type_arrives_plain(postgres: str) -> None:
    run_sql(postgres, *TYPES.split(";\n"))
    read = read_source(f"{postgres}#t", HERE, sort_by=["id"])
    first, second = read.table.to_pylist()
    assert second == VALUES
    assert first == {name: 1 if name == "id" else None for name in VALUES}
    kinds = {name: str(read.table.schema.field(name).type) for name in VALUES}
    assert kinds["zoned"] == "timestamp[us, tz=UTC]"
    assert kinds["at"] == "timestamp[us]"
    assert {kinds[name] for name in ("num", "own", "cash", "whole")} == {"double"}
    assert {kinds[name] for name in ("key", "feel", "host", "fixed", "word")} == {"large_string"}
    assert read.table.schema.metadata is None
    assert to_frame(read.table)["num"].isna().tolist() == [True, False]


@pytest.mark.parametrize("kind", ["int4[]", "jsonb", "bytea", "interval"])
def test_types_that_cannot_be_analysed_are_named(postgres: str, kind: str) -> None:
    run_sql(postgres, f"CREATE TABLE t (id int, deep {kind})")
    with pytest.raises(DataError, match="Column 'deep' holds values of type"):
        read_source(f"{postgres}#t", HERE)
    run_sql(postgres, "INSERT INTO t (id) VALUES (1)")
    assert read_source(f"{postgres}#t", HERE, ["id"]).table.num_rows == 1


@pytest.mark.parametrize("value", ["infinity", "-infinity"])
@pytest.mark.parametrize("kind", ["date", "timestamp", "timestamptz"])
def test_infinite_moments_are_refused(postgres: str, kind: str, value: str) -> None:
    run_sql(
        postgres,
        f"CREATE TABLE t (at {kind})",
        f"INSERT INTO t VALUES ('{value}'), ('2026-01-01'), (NULL)",
    )
    with pytest.raises(DataError, match="column 'at' holds infinity in 1 rows"):
        read_source(f"{postgres}#t", HERE)
    run_sql(postgres, f"UPDATE t SET at = NULL WHERE at = '{value}'")
    run_sql(postgres, "INSERT INTO t VALUES ('4713-01-01 BC')")
    assert read_source(f"{postgres}#t", HERE).table.num_rows == 4


@pytest.mark.parametrize(
    ("wanted", "rows", "names"),
    [
        ("sessions", 3, ["id", "x", "n"]),
        ("log.sessions", 1, ["id", "y"]),
        ("public.sessions", 3, ["id", "x", "n"]),
        ("seen", 2, ["id", "x"]),
        ('My "odd" table', 1, ["Select", "a b"]),
        ("select id, n * 2 as m from sessions;", 3, ["id", "m"]),
        ("WITH s AS (SELECT * FROM seen) SELECT id FROM s -- '?', '#'", 2, ["id"]),
    ],
)
def test_tables_views_and_queries(shop: str, wanted: str, rows: int, names: list[str]) -> None:
    source = f"{shop}#{wanted}"
    read = read_source(source, HERE)
    assert read.table.num_rows == rows
    assert read.table.column_names == names == list(header_of(source, HERE))
    assert read_source(source, HERE, names[-1:]).table.column_names == names[-1:]
    assert read.files == ()


def test_the_source_is_shown_without_its_login(shop: str, postgres_server: Server) -> None:
    shown = read_source(f"{shop}?application_name=x#sessions", HERE).shown
    assert shown.endswith("?…#sessions")
    assert postgres_server.password not in shown
    assert "whatif" not in shown


def test_the_order_of_rows_in_the_server_does_not_count(postgres: str) -> None:
    run_sql(
        postgres,
        "CREATE TABLE a AS SELECT (i % 7)::text AS id, i * 0.5 AS x FROM generate_series(1, 999) i",
        "CREATE TABLE b AS SELECT * FROM a ORDER BY random()",
        "CREATE TABLE c AS SELECT * FROM a WHERE x > 1",
    )
    a, b, c = (read_source(f"{postgres}#{t}", HERE, sort_by=["id"]).fingerprint for t in "abc")
    assert a == b != c
    assert (
        read_source(f"{postgres}#b", HERE).fingerprint
        == read_source(f"{postgres}#a", HERE).fingerprint
    )


def test_many_batches_make_one_table(postgres: str) -> None:
    run_sql(
        postgres,
        "CREATE TABLE t AS SELECT i AS id, repeat('x', 400) AS pad "
        "FROM generate_series(1, 90000) i",
    )
    read = read_source(f"{postgres}#t", HERE, sort_by=["id"])
    assert read.table.column("id").to_pylist() == list(range(1, 90_001))


def test_names_are_checked(shop: str) -> None:
    with pytest.raises(DataError, match=r"has no table 'session'; did you mean 'sessions'\?"):
        read_source(f"{shop}#session", HERE)
    with pytest.raises(DataError, match=r"no column 'idd'; did you mean 'id'\?"):
        read_source(f"{shop}#sessions", HERE, ["idd"])
    with pytest.raises(DataError, match=r"no column 'idd'; did you mean 'id'\?"):
        read_source(f"{shop}#select id from sessions", HERE, ["idd"])
    with pytest.raises(DataError, match='column "nope" does not exist'):
        read_source(f"{shop}#select nope from sessions", HERE)
    with pytest.raises(DataError, match="is empty: it has no rows"):
        read_source(f"{shop}#nothing", HERE)
    assert header_of(f"{shop}#nothing", HERE) == ("id",)


def test_a_query_cannot_write(shop: str) -> None:
    run_sql(
        shop,
        "CREATE FUNCTION sly() RETURNS int LANGUAGE sql AS 'DELETE FROM sessions; SELECT 1'",
    )
    with pytest.raises(DataError, match="read-only transaction"):
        read_source(f"{shop}#select sly() as x", HERE)
    with pytest.raises(DataError, match="cannot be read"):
        read_source(f"{shop}#select 1) AS t; COMMIT; DROP TABLE sessions; SELECT (1", HERE)
    assert read_source(f"{shop}#sessions", HERE).table.num_rows == 3


def test_a_server_that_hangs_up_is_no_empty_table(shop: str) -> None:
    gone = "select id, pg_terminate_backend(pg_backend_pid()) from sessions"
    with pytest.raises(DataError, match="cannot be read"):
        read_source(f"{shop}#{gone}", HERE)


def test_a_wrong_login_is_not_repeated(postgres_server: Server, unused_tcp_port: int) -> None:
    cases = {
        postgres_server.url("postgres", password="s3cret"): "password authentication failed",
        postgres_server.url("nowhere"): 'database "nowhere" does not exist',
        f"postgresql://ann:s3cret@127.0.0.1:{unused_tcp_port}/shop": "Connection refused",
    }
    for url, said in cases.items():
        with pytest.raises(DataError, match=said) as caught:
            read_source(f"{url}#t", HERE)
        assert "s3cret" not in str(caught.value)
        assert postgres_server.password not in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__


@pytest.fixture
def unused_tcp_port() -> int:
    from tests.postgres import free_port

    return free_port()


@pytest.mark.parametrize("half", ["s3cr/et", "s3cr:et/", "12/s3cret"])
def test_a_password_that_breaks_the_address(half: str) -> None:
    with pytest.raises(UsageError, match="no readable host and port") as caught:
        read_source(f"postgresql://ann:{half}@db:x/shop#t", HERE)
    assert "s3cr" not in str(caught.value)


@pytest.mark.parametrize("source", ["postgresql://db/shop", "postgres://db/shop# "])
def test_an_address_without_a_table(source: str) -> None:
    with pytest.raises(UsageError, match="does not name a table or a query"):
        header_of(source, HERE)


def test_the_login_may_come_from_the_environment(
    shop: str, postgres_server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    name = shop.rpartition("/")[2]
    monkeypatch.setenv("PGPASSWORD", postgres_server.password)
    bare = f"postgresql://whatif@127.0.0.1:{postgres_server.port}/{name}#sessions"
    assert read_source(bare, HERE).table.num_rows == 3
    service = f"[shop]\nhost=127.0.0.1\nport={postgres_server.port}\nuser=whatif\ndbname={name}\n"
    (tmp_path / "services").write_text(service)
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    monkeypatch.setenv("PGSERVICE", "shop")
    assert read_source("postgresql:///#sessions", HERE).table.num_rows == 3


def test_a_missing_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_driver(name: str, *rest: Any, **named: Any) -> Any:
        if name.startswith("adbc_driver"):
            raise ModuleNotFoundError(name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without_driver)
    with pytest.raises(UsageError, match=r"pip install 'whatif\[postgres\]'"):
        read_source("postgresql://db/shop#t", HERE)


def test_passwords_in_every_spelling() -> None:
    assert passwords_of("postgresql://h/d#t") == ()
    assert passwords_of("postgresql://u@h/d?password=a%2Fb") == ("a%2Fb", "a/b")
    assert passwords_of("postgresql://u:p%23@[::1]:5/d") == ("p%23", "p#")


def test_the_same_numbers_as_from_parquet(postgres: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "id": np.arange(5_000),
            "x": rng.normal(size=5_000) * 10.0 ** rng.integers(-300, 300, 5_000),
        }
    )
    frame.to_parquet(tmp_path / "t.parquet")
    with psycopg.connect(postgres) as connection:
        connection.execute("CREATE TABLE t (id int8, x float8)")
        with connection.cursor().copy("COPY t FROM STDIN") as copy:
            for row in frame.sample(frac=1, random_state=1).itertuples(index=False):
                copy.write_row(row)
    read = read_source(f"{postgres}#t", HERE, ["id", "x"], sort_by=["id"]).table
    assert read.equals(read_source("t.parquet", tmp_path, ["id", "x"]).table.cast(read.schema))
    assert isinstance(read, pa.Table)
