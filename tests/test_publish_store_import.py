"""Run folders into a store that does not know them: in order, once, damaged ones named."""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path

import pytest

from tests.store_cases import CHECKS, finished, line
from whatif.base.history import RunLine
from whatif.contract.stored import to_json
from whatif.publish.run_folder import write_run
from whatif.publish.store.importing import import_runs
from whatif.publish.store.opening import open_store


def folder_of(out: Path, made: RunLine) -> Path:
    checks = [{"code": c.code, "name": c.name, "status": c.status, "n": 1} for c in CHECKS]
    answer = json.dumps({"schema": "answer.v1", "checks": checks})
    files = {"entry.json": to_json(made).encode(), "answer.json": answer.encode()}
    return write_run(out, made.study, made.run_id, files).path


def day(number: int) -> dt.date:
    return dt.date(2026, 10, number)


@pytest.fixture(params=["sqlite", "postgres"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "runs.sqlite")
    return str(request.getfixturevalue("postgres"))


def test_runs_are_imported_oldest_first_and_once(where: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for run_id, as_of in (("c", day(3)), ("a", day(9)), ("b", day(9)), ("z", day(1))):
        folder = folder_of(out, line("s", run_id, as_of=as_of))
        os.utime(folder / "entry.json", (0, 0))
    folder_of(out, line("t", "c", as_of=day(2)))
    with open_store(where) as store:
        assert import_runs(store, out) == ()
        runs = store.history("s")
        assert [run.line.run_id for run in runs] == ["z", "c", "a", "b"]
        assert runs[0].line == line("s", "z", as_of=day(1))
        assert runs[0].finished_at == "2026-10-01T00:00:00+00:00"
        assert runs[0].published_at is None
        assert store.checks("s", "z") == CHECKS
        assert store.studies() == ("s", "t")
        folder_of(out, line("s", "d", as_of=day(2)))
        assert import_runs(store, out) == ()
        assert [run.line.run_id for run in store.history("s")] == ["z", "c", "a", "b", "d"]
        store.keep(finished("s", "z", day=5))
        assert store.history("s")[0].finished_at == "2026-10-01T00:00:00+00:00"


def test_a_run_without_dates_counts_from_its_file(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "out", line("s", "a", as_of=None))
    os.utime(folder / "entry.json", (86_400, 86_400))
    with open_store(tmp_path / "runs.sqlite") as store:
        assert import_runs(store, tmp_path / "out") == ()
        assert store.history("s")[0].finished_at == "1970-01-02T00:00:00+00:00"


def test_damaged_folders_are_named_and_passed_over(tmp_path: Path) -> None:
    out = tmp_path / "out"
    made = {name: folder_of(out, line("s", name)) for name in ("good", "cut", "gone", "bare")}
    (made["cut"] / "entry.json").write_bytes((made["cut"] / "entry.json").read_bytes()[:-9])
    (made["gone"] / "answer.json").unlink()
    (made["bare"] / "SHA256SUMS").unlink()
    tampered = folder_of(out, line("s", "tampered"))
    altered = (tampered / "entry.json").read_text().replace('"Roll out."', '"Do not."')
    (tampered / "entry.json").write_text(altered)
    folder_of(out, line("s", "before")).rename(out / "s" / "runs" / "renamed")
    files = {"entry.json": b'{"study": "s"}', "answer.json": b'{"checks": []}'}
    write_run(out, "s", "old", files)
    write_run(
        out, "s", "odd", {"entry.json": to_json(line("s", "odd")).encode(), "answer.json": b"[]"}
    )
    (out / "s" / "runs" / ".staging-x").mkdir()
    (out / ".whatif" / "runs" / "x").mkdir(parents=True)
    with open_store(tmp_path / "runs.sqlite") as store:
        names = ("bare", "cut", "gone", "odd", "old", "renamed", "tampered")
        assert import_runs(store, out) == tuple(f"s/{name}" for name in names)
        assert [run.line.run_id for run in store.history("s")] == ["good"]


def test_without_folders_there_is_nothing_to_import(tmp_path: Path) -> None:
    with open_store(tmp_path / "runs.sqlite") as store:
        assert import_runs(store, tmp_path / "nowhere") == ()
