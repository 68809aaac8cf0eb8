"""The run store: the same answers from SQLite and from a real PostgreSQL server."""

from __future__ import annotations

import datetime as dt
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import event, text

from tests.conftest import ROOT
from tests.store_cases import CHECKS, MONDAY, change, finished, notice
from tests.store_process import ROUNDS
from whatif.base.errors import LockedError, PublishError
from whatif.base.history import Failure
from whatif.publish.notices.outbox import Outbox
from whatif.publish.store import run_store
from whatif.publish.store.opening import open_store
from whatif.publish.store.process import Process, is_dead, start_of, this_process
from whatif.publish.store.run_store import RunStore
from whatif.publish.store.runs import save_change

LATER = MONDAY + dt.timedelta(hours=1)
TUESDAY = MONDAY + dt.timedelta(days=1)


@pytest.fixture(params=["sqlite", "postgres"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An address of a store that is not there yet."""
    if request.param == "sqlite":
        return str(tmp_path / "out" / ".whatif" / "runs.sqlite")
    return str(request.getfixturevalue("postgres"))


@pytest.fixture
def store(where: str) -> Iterator[RunStore]:
    with open_store(where) as opened:
        yield opened


def test_an_attempt_from_beginning_to_end(store: RunStore) -> None:
    assert store.last_attempt("a") is None
    first = store.begin("a", now=MONDAY)
    running = store.last_attempt("a")
    assert running is not None
    assert (running.id, running.state, running.started_at) == (
        first,
        "running",
        "2026-11-02T07:00:00+00:00",
    )
    assert (running.finished_at, running.run_id, running.exit_code) == (None, None, None)
    assert running.failure is None
    store.finish(first, run_id="r1", exit_code=4, now=LATER)
    done = store.last_attempt("a")
    assert done is not None
    assert (done.state, done.run_id, done.exit_code, done.failure) == ("done", "r1", 4, None)
    second = store.begin("a", now=TUESDAY)
    assert second > first
    words = "No route to postgresql://ann:hush@db/x\0\ud800."
    store.fail(second, exit_code=3, problem=words, now=TUESDAY)
    failed = store.last_attempt("a")
    assert failed is not None
    assert failed.failure == Failure(
        at="2026-11-03T07:00:00+00:00",
        exit_code=3,
        words="No route to postgresql://db/x??.",
    )
    assert store.last_good("a") == done
    assert store.last_attempt("b") is None
    assert store.last_good("b") is None


def test_moments_need_a_zone_and_are_kept_in_utc(store: RunStore) -> None:
    with pytest.raises(ValueError, match="a moment without a zone"):
        store.begin("a", now=dt.datetime(2026, 11, 2))  # noqa: DTZ001
    zone = dt.timezone(dt.timedelta(hours=-5))
    store.begin("a", now=dt.datetime(2026, 11, 2, 2, tzinfo=zone))
    begun = store.last_attempt("a")
    assert begun is not None
    assert begun.started_at == "2026-11-02T07:00:00+00:00"


def test_a_history_comes_back_as_it_was_kept(store: RunStore) -> None:
    one, two, three = (finished("a", run, day=day) for run, day in (("z", 0), ("m", 1), ("b", 2)))
    assert store.keep(one) == 1
    assert store.keep(one, two, two, three) == 2
    assert store.keep(one, two, three) == 0
    assert store.keep(finished("other", "z")) == 1
    store.published("a", "m", place="s3://key:hush@bucket/site?token=hush", now=LATER)
    store.published("a", "m", place="s3://key:hush@bucket/site?token=hush", now=TUESDAY)
    store.published("a", "m", place="elsewhere", now=MONDAY)
    store.save_change("a", change("z", "m"))
    store.save_change("a", change("z", "b"))
    runs = store.history("a")
    assert [run.line for run in runs] == [one.line, two.line, three.line]
    assert [run.finished_at[:10] for run in runs] == ["2026-11-02", "2026-11-03", "2026-11-04"]
    assert [run.published_at for run in runs] == [None, "2026-11-02T07:00:00+00:00", None]
    assert [run.change for run in runs] == [None, change("z", "m"), None]
    assert [run.sign_off for run in runs] == [None] * 3
    assert store.change("a", "z", "b") == change("z", "b")
    assert store.change("a", "b", "z") is None
    assert store.changes("a") == {(old, new): change(old, new) for old, new in ("zm", "zb")}
    assert store.checks("a", "z") == CHECKS
    assert store.studies() == ("a", "other")
    assert store.history("nobody") == ()
    assert store.checks("a", "nobody") == ()
    with store.database.reading() as connection:
        assert "hush" not in str(connection.execute(text("SELECT * FROM publishes")).all())


def test_a_newer_account_of_a_change_replaces_the_older(store: RunStore) -> None:
    store.keep(finished("a", "r1"), finished("a", "r2"))
    store.save_change("a", change("r1", "r2"))
    store.save_change("a", change("r1", "r2"))
    assert store.history("a")[1].change == change("r1", "r2")


def test_removed_runs_leave_nothing_behind(store: RunStore) -> None:
    store.keep(*(finished("a", run) for run in ("r1", "r2", "r3")), finished("b", "r1"))
    store.begin("a", now=MONDAY)
    store.published("a", "r1", place="site", now=MONDAY)
    for before, now in (("r1", "r2"), ("r2", "r3")):
        store.save_change("a", change(before, now))
    assert store.remove("a", ["r1", "unknown"]) == 1
    assert store.remove("a", []) == 0
    assert [(run.line.run_id, run.change) for run in store.history("a")] == [
        ("r2", None),
        ("r3", change("r2", "r3")),
    ]
    assert store.checks("a", "r1") == ()
    assert len(store.history("b")) == 1
    assert store.last_attempt("a") is not None
    store.keep(finished("a", "r1"))
    assert [run.line.run_id for run in store.history("a")] == ["r2", "r3", "r1"]


def test_nothing_is_published_that_is_not_kept(store: RunStore) -> None:
    with pytest.raises(PublishError, match=r"run store .* cannot be used"):
        store.published("a", "unknown", place="site", now=MONDAY)
    with pytest.raises(PublishError, match=r"run store .* cannot be used"):
        store.save_change("a", change("unknown", "neither"))


def test_all_runs_or_none_are_kept(store: RunStore) -> None:
    bad = finished("a", "r2")
    broken = type(bad)(line=bad.line, checks=bad.checks, finished_at=dt.datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(ValueError, match="without a zone"):
        store.keep(finished("a", "r1"), broken)
    assert store.history("a") == ()


def test_a_notice_is_told_once(store: RunStore) -> None:
    outbox: Outbox = store.outbox
    assert outbox.put(notice("b"))
    assert outbox.put(notice("a"))
    assert not outbox.put(notice("a"))
    assert [row.key for row in outbox.pending()] == ["b", "a"]
    outbox.undelivered("b", problem="503 from https://ann:hush@hooks.example")
    outbox.undelivered("b", problem="no answer")
    outbox.delivered("a", at="2026-11-02T08:00:00+00:00")
    (waiting,) = outbox.pending()
    assert (waiting.key, waiting.attempts, waiting.last_problem) == ("b", 2, "no answer")
    assert not outbox.put(notice("a"))
    outbox.undelivered("b", problem="503 from https://ann:hush@hooks.example")
    assert outbox.pending()[0].last_problem == "503 from https://hooks.example"


def test_what_is_kept_is_there_for_the_next_process(where: str) -> None:
    with open_store(where) as first:
        first.keep(finished("a", "r1"))
        before = first.history("a")
    with open_store(where) as second:
        assert second.history("a") == before


def spawn(job: str, where: str, number: int = 0) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "tests.store_process", job, where, str(number)]
    pipe = subprocess.PIPE
    return subprocess.Popen(words, cwd=ROOT, stdout=pipe, stderr=pipe, text=True)


def killed_once_begun(job: str, where: str) -> int:
    with spawn(job, where) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGKILL)
    return process.pid


def test_an_attempt_of_a_killed_process_becomes_failed(where: str) -> None:
    killed_once_begun("hang", where)
    with open_store(where) as store:
        left = store.last_attempt("hung")
        assert left is not None
        assert left.state == "running"
        mine = store.begin("another", now=TUESDAY)
        failed = store.last_attempt("hung")
        assert failed is not None
        assert failed.failure is not None
        assert failed.failure.exit_code == 1
        assert "ended before it could say why" in failed.failure.words
        assert failed.failure.at == "2026-11-03T07:00:00+00:00"
        store.begin("third", now=TUESDAY)
        still = store.last_attempt("another")
        assert still is not None
        assert (still.id, still.state) == (mine, "running")


def test_a_process_killed_while_it_writes_leaves_nothing(where: str) -> None:
    with open_store(where) as store:
        store.keep(finished("a", "r1"))
        killed_once_begun("half", where)
        store.keep(finished("a", "r2"))
        assert store.studies() == ("a",)
        assert len(store.history("a")) == 2


@pytest.mark.parametrize(
    ("other", "state"),
    [
        (Process(host=socket.gethostname(), pid=os.getpid(), token="0.0"), "failed"),
        (Process(host="elsewhere", pid=os.getpid(), token="0.0"), "running"),
        (this_process(), "running"),
    ],
)
def test_numbers_of_processes_are_given_out_again(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, other: Process, state: str
) -> None:
    monkeypatch.setattr(run_store, "this_process", lambda: other)
    store.begin("a", now=MONDAY)
    store.begin("b", now=MONDAY)
    found = store.last_attempt("a")
    assert found is not None
    assert found.state == state


def test_a_clock_that_jumps_ends_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    import psutil

    me, created, booted = this_process(), psutil.Process.create_time, psutil.boot_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda one: created(one) + 86_400)
    monkeypatch.setattr(psutil, "boot_time", lambda: booted() + 86_400)
    assert not is_dead(me)


def test_a_process_that_nobody_waited_for_has_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert start_of(process.pid) is None


def test_processes_that_write_at_once_all_succeed(where: str) -> None:
    writers = [spawn("write", where, number) for number in range(3)]
    for writer in writers:
        _, said = writer.communicate(timeout=120)
        assert writer.returncode == 0, said
    with open_store(where) as store:
        ids = [f"r{turn}" for turn in range(ROUNDS)]
        assert store.studies() == (*(f"busy-{n}" for n in range(3)), "shared")
        assert [run.line.run_id for run in store.history("shared")] == ids
        assert all(run.published_at is not None for run in store.history("shared"))
        assert [row.key for row in store.outbox.pending()] == [f"k{turn}" for turn in range(ROUNDS)]
        for number in range(3):
            last = store.last_attempt(f"busy-{number}")
            assert last is not None
            assert last.state == "done"


def test_a_reader_sees_one_moment_and_is_not_kept_waiting(where: str) -> None:
    with open_store(where) as writer, open_store(where, wait=0.1) as reader:
        writer.keep(finished("a", "r1"))
        with writer.database.writing() as connection:
            connection.execute(text("DELETE FROM runs"))
            assert len(reader.history("a")) == 1
        with reader.database.reading() as connection:
            connection.execute(text("SELECT 1 FROM runs")).all()
            writer.keep(finished("a", "r2"))
            assert connection.scalar(text("SELECT count(*) FROM runs")) == 0


def test_a_writer_that_does_not_end_locks_the_others_out(where: str) -> None:
    with open_store(where) as first, open_store(where, wait=0.1) as second:
        with first.database.writing():
            with pytest.raises(LockedError, match=r"keeps the run store .* locked") as caught:
                second.begin("a", now=MONDAY)
            assert caught.value.exit_code == 75
        second.begin("a", now=MONDAY)


def test_a_store_of_a_newer_version_is_refused(where: str) -> None:
    with open_store(where) as store, store.database.writing() as connection:
        connection.execute(text("UPDATE schema_version SET version = 99"))
    with pytest.raises(PublishError, match=r"has tables of version 99; this version .* knows 1"):
        open_store(where)


def test_a_row_that_was_altered_is_named(store: RunStore) -> None:
    store.keep(finished("a", "r1"))
    with store.database.writing() as connection:
        connection.execute(text("UPDATE runs SET line = '{}'"))
    with pytest.raises(PublishError, match=r"run r1 in .* cannot be read: study: Field required"):
        store.history("a")


def test_a_history_of_two_thousand_runs_takes_as_many_queries_as_one_of_two(
    store: RunStore,
) -> None:
    counts = []
    event.listen(store.database.engine, "before_cursor_execute", lambda *_: counts.append(1))
    for size in (2, 2_000):
        ids = [f"{size}-{n}" for n in range(size)]
        store.keep(*(finished(f"s{size}", run) for run in ids))
        with store.database.writing() as connection:
            for before, now in pairwise(ids[:50]):
                save_change(connection, f"s{size}", change(before, now))
        counts.clear()
        history = store.history(f"s{size}")
        assert len(counts) == 4  # BEGIN and three
        assert [run.line.run_id for run in history] == ids
        assert all(run.change is not None for run in history[1:50])
