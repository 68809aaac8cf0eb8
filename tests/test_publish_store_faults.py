"""The run store when files, disks, servers, logins or addresses are not as they should be."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import event, text

from tests.postgres import Server, free_port
from tests.store_cases import MONDAY, finished
from whatif.base.errors import LockedError, PublishError, UsageError
from whatif.publish.store.opening import open_store

AGAIN = "move the file away and run the command again: runs on disk are imported"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A store of forty runs."""
    path = tmp_path / "runs.sqlite"
    with open_store(path) as store:
        store.keep(*(finished("a", f"r{n}") for n in range(40)))
    return path


def test_the_file_is_in_wal_mode_and_keeps_rows_together(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
    with open_store(file) as store, store.database.reading() as reading:
        assert reading.scalar(text("PRAGMA foreign_keys")) == 1


@pytest.mark.parametrize("content", [b"no database at all " * 400, b"SQLite format 3\0" * 400])
def test_a_file_that_is_no_store(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "runs.sqlite"
    path.write_bytes(content)
    with pytest.raises(PublishError, match="damaged, or not a database") as caught:
        open_store(path)
    assert AGAIN in str(caught.value)
    assert str(path) in str(caught.value)
    assert path.read_bytes() == content


def test_a_store_damaged_in_its_middle(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[4096 * 2 :] = os.urandom(len(content) - 4096 * 2)
    file.write_bytes(content)
    with (
        pytest.raises(PublishError, match="damaged, or not a database") as caught,
        open_store(file) as store,
    ):
        store.history("a")
    assert AGAIN in str(caught.value)


def test_a_truncated_store(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: 4096 * 3])
    with pytest.raises(PublishError, match="damaged, or not a database"), open_store(file) as store:
        store.history("a")


def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    path.touch()
    with open_store(path) as store:
        assert store.studies() == ()


def test_a_full_disk_loses_nothing(file: Path) -> None:
    with open_store(file) as store:
        pages = "PRAGMA max_page_count = 1"  # as many as there are

        @event.listens_for(store.database.engine, "checkout")
        def full(connection: Any, *_: object) -> None:
            connection.execute(pages)

        with pytest.raises(PublishError, match=r"The disk of the run store .* is full"):
            store.keep(*(finished("b", f"r{n}") for n in range(400)))
        assert store.studies() == ("a",)
        event.remove(store.database.engine, "checkout", full)
        pages = "PRAGMA max_page_count = 100000"
        store.close()
        store.keep(finished("b", "r1"))
        assert store.studies() == ("a", "b")


@pytest.fixture
def not_root() -> Iterator[Path]:
    """A folder that may be read but not written; root may always write, so be someone else."""
    root, other = os.geteuid() == 0, 65_534
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with open_store(folder / "runs.sqlite") as store:
            store.keep(finished("a", "r1"))
        for path in folder.iterdir():
            path.chmod(0o444)
        folder.chmod(0o555)
        if root:
            os.seteuid(other)
        try:
            yield folder
        finally:
            if root:
                os.seteuid(0)
            folder.chmod(0o755)


def test_a_read_only_folder(not_root: Path) -> None:
    with pytest.raises(PublishError, match=r"cannot be used: .*Permission denied") as caught:
        open_store(not_root / "new" / "runs.sqlite")
    assert "name a folder that may be written to" in str(caught.value)
    with pytest.raises(PublishError, match=r"cannot be used|Nothing could be written"):
        open_store(not_root / "new.sqlite")
    with (
        pytest.raises(PublishError, match="cannot be used"),
        open_store(not_root / "runs.sqlite") as store,
    ):
        store.begin("a", now=MONDAY)


def test_a_file_that_another_program_locks(file: Path) -> None:
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        with open_store(file, wait=0.1) as store:
            assert len(store.history("a")) == 40
            with pytest.raises(LockedError, match=r"keeps the run store .* locked"):
                store.begin("a", now=MONDAY)
    finally:
        holder.close()


def test_a_wrong_login_is_not_repeated(postgres_server: Server) -> None:
    cases = {
        postgres_server.url("postgres", password="s3cret"): "password authentication failed",
        postgres_server.url("nowhere") + "?sslpassword=s3cret": 'database "nowhere" does not exist',
        f"postgresql://ann:s3cret@127.0.0.1:{free_port()}/d": "Connection refused",
        "postgres://ann:s3cr%2Fet@127.0.0.1:1/d?connect_timeout=x": "cannot be used",
    }
    for url, said in cases.items():
        with pytest.raises(PublishError, match=said) as caught:
            open_store(url)
        for secret in ("s3cret", "s3cr%2Fet", "s3cr/et", "ann:", postgres_server.password):
            assert secret not in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("mysql://ann:s3cret@db/x", "cannot be kept in mysql://db/x"),
        ("sqlite:///runs.sqlite", "cannot be kept in sqlite"),
        ("postgresql://ann:s3cr/et@db:x/shop", "The address of the run store cannot be read"),
        ("postgresql://ann:12/s3cret@db/shop", "The address of the run store cannot be read"),
    ],
)
def test_addresses_of_another_kind(address: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        open_store(address)
    assert "s3cr" not in str(caught.value)


def test_a_missing_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_driver(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("psycopg")

    monkeypatch.setattr(sqlalchemy.URL, "_get_entrypoint", without_driver)
    with pytest.raises(UsageError, match=r"needs the driver for PostgreSQL") as caught:
        open_store("postgresql://ann:s3cret@db/x")
    assert "pip install 'whatif[postgres]'" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_server_that_stops_between_two_calls(postgres: str) -> None:
    with open_store(postgres) as store:
        store.keep(finished("a", "r1"))
        with pytest.raises(PublishError, match="cannot be used"), store.database.writing() as one:
            one.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        assert store.studies() == ("a",)  # a new connection is made
