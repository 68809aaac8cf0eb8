"""Runs that fail, are killed or find what was altered: what readers and operators are told."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import pandas as pd
import pytest

from tests.publishing_killer import MOMENTS
from tests.publishing_life import (
    MONDAY,
    NEXT,
    SITE,
    STUDY,
    attempts,
    card,
    command,
    copy_home,
    deliver,
    latest,
    make_home,
    page,
    run,
    shown,
    state,
    tree,
    verified,
    write_study,
)
from whatif.publish.store.opening import open_store

REPOSITORY = Path(__file__).parents[1]
SECRET = "customer-4711"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_home(tmp_path_factory.mktemp("first"))


@pytest.fixture
def home(first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(copy_home(first, tmp_path))
    return tmp_path


def _no_data() -> None:
    Path("log.parquet").rename("gone.parquet")


def _other_data(change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    change(pd.read_parquet("log.parquet")).to_parquet("log.parquet", index=False)


def _broken_contract() -> None:
    _other_data(lambda log: log.assign(presentation=SECRET))


def _one_arm() -> None:
    _other_data(lambda log: log.assign(presentation="folded"))


def _hidden_cause() -> None:
    Path("graph.dot").write_text(
        "digraph { U [unobserved=yes]; U -> presentation; U -> converted; "
        "presentation -> converted; cart_value -> converted }"
    )
    write_study(design={"kind": "observational"}, graph="graph.dot")


def _unknown_key() -> None:
    write_study(tretment=SECRET)


def _nameless() -> None:
    write_study(f"reports/{STUDY}/study.yaml", study=[SECRET])


def _no_yaml() -> None:
    folder = Path("reports") / STUDY
    (folder / "study.yaml").write_text(f"study: [{SECRET}\n")


FAULTS: dict[str, tuple[Callable[[], None], int, str]] = {
    "no data": (_no_data, 3, "study.yaml"),
    "broken contract": (_broken_contract, 3, "study.yaml"),
    "one arm": (_one_arm, 3, "study.yaml"),
    "not identified": (_hidden_cause, 5, "study.yaml"),
    "unknown key": (_unknown_key, 2, "study.yaml"),
    "no name in the study's folder": (_nameless, 2, f"reports/{STUDY}"),
    "no YAML in the study's folder": (_no_yaml, 2, f"reports/{STUDY}"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_failed_run_leaves_the_last_page_and_says_so(home: Path, fault: str) -> None:
    before, runs = shown(), tree(f"reports/{STUDY}/runs")
    log = Path("log.parquet").read_bytes()
    break_it, code, study = FAULTS[fault]
    break_it()
    at = MONDAY + dt.timedelta(hours=2)
    done = run("--json", at=at, study=study)
    assert (done.code, done.bug) == (code, None), done.err
    assert done.record["error"]["exit_code"] == code
    assert attempts()[-1] == ("failed", code)
    assert shown() == before
    assert tree(f"reports/{STUDY}/runs") == runs
    said = card()["failure"]
    assert said["exit_code"] == code
    for name in ("index.html", f"{STUDY}/index.html", f"{STUDY}/history.html"):
        text = (SITE / name).read_text(encoding="utf-8")
        assert said["words"].rstrip(".") in text, name
        assert SECRET not in text
        assert str(home) not in text
    assert state(at) == ("failed", 8)
    assert verified().code == 0
    Path("log.parquet").write_bytes(log)
    write_study()
    assert run(at=at).code == 0
    assert card()["failure"] is None
    assert said["words"].rstrip(".") not in page()
    assert state(at) == ("good", 0)


def test_a_first_run_that_fails_is_on_the_front_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_study()
    assert run().code == 3
    assert shown() is None
    assert card()["failure"]["exit_code"] == 3
    assert STUDY in (SITE / "index.html").read_text(encoding="utf-8")


def test_a_bug_is_a_failed_attempt_and_readers_are_told(home: Path) -> None:
    deliver()
    before = shown()
    with mock.patch("whatif.run.making.analyse", side_effect=ZeroDivisionError(SECRET)):
        done = run("--json", at=NEXT)
    assert (done.code, type(done.bug)) == (1, ZeroDivisionError)
    assert attempts()[-1] == ("failed", 1)
    assert shown() == before
    assert card()["failure"]["exit_code"] == 1
    assert "not foreseen" in page()
    assert SECRET not in page()
    assert run(at=NEXT).code == 0
    assert card()["failure"] is None


def test_an_interrupted_run_is_a_failed_attempt(home: Path) -> None:
    deliver()
    with mock.patch("whatif.run.making.analyse", side_effect=KeyboardInterrupt):
        run(at=NEXT)
    assert attempts()[-1] == ("failed", 1)
    assert run(at=NEXT).code == 0


def test_a_site_that_cannot_be_written_keeps_the_run_for_the_next_command(home: Path) -> None:
    deliver()
    before, real = shown(), os.replace

    def refuse(source: Any, target: Any, **more: Any) -> None:
        if "site" in Path(target).parts:
            raise PermissionError(13, "Permission denied", str(target))
        real(source, target, **more)

    with mock.patch("os.replace", refuse), mock.patch("os.rename", refuse):
        done = run("--json", at=NEXT)
    assert (done.code, done.bug) == (6, None)
    assert attempts()[-1] == ("failed", 6)
    assert shown() == before != latest()
    assert state(NEXT) == ("failed", 8)
    assert command("publish", STUDY, at=NEXT).code == 0
    assert shown() == latest()
    assert run(at=NEXT).code == 0
    assert card()["failure"] is None
    assert state(NEXT) == ("good", 0)
    assert verified().code == 0


def test_a_store_that_another_process_keeps_is_waited_for_and_then_named(home: Path) -> None:
    before = tree()
    other = sqlite3.connect("reports/.whatif/runs.sqlite", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with mock.patch("whatif.run.history.open_store", partial(open_store, wait=0.1)):
        done = run("--json")
    other.execute("ROLLBACK")
    other.close()
    assert (done.code, done.bug) == (75, None)
    assert "locked" in done.err
    assert tree() == before
    assert run().code == 0


def test_a_damaged_store_is_named_and_a_new_one_knows_the_runs(home: Path) -> None:
    before = tree()
    for path in Path("reports/.whatif").glob("runs.sqlite-*"):
        path.unlink()
    Path("reports/.whatif/runs.sqlite").write_bytes(b"damaged" * 1000)
    done = run("--json")
    assert (done.code, done.bug) == (6, None)
    assert "move the file away" in done.err
    assert tree() == before
    Path("reports/.whatif/runs.sqlite").unlink()
    assert run().code == 0
    assert len(command("history", STUDY, "--json").record["runs"]) == 1
    assert verified().code == 0


def test_a_damaged_trail_is_refused_and_the_attempt_noted(home: Path) -> None:
    trail = Path(f"reports/{STUDY}/audit.jsonl")
    sound = trail.read_bytes()
    trail.write_bytes(sound.replace(b'"kind":"run"', b'"kind":"ran"'))
    before = tree()
    done = run("--json")
    assert (done.code, done.bug) == (6, None)
    assert "audit" in done.err
    assert attempts()[-1] == ("failed", 6)
    assert tree() == before
    assert verified().code == 4
    trail.write_bytes(sound)
    assert state() == ("failed", 8)
    assert run().code == 0
    assert state() == ("good", 0)


def _altered(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"2026", b"2027", 1))


def _summed_again(folder: Path) -> None:
    """Alter an answer and the file of sums with it."""
    _altered(folder / "answer.json")
    sums = (folder / "SHA256SUMS").read_text().splitlines()
    digest = hashlib.sha256((folder / "answer.json").read_bytes()).hexdigest()
    new = [f"{digest}  answer.json" if one.endswith("  answer.json") else one for one in sums]
    (folder / "SHA256SUMS").write_text("\n".join(new) + "\n")


@pytest.mark.parametrize(
    "name",
    [
        "index.html",
        f"{STUDY}/index.html",
        f"{STUDY}/answer.json",
        f"{STUDY}/card.json",
        f"{STUDY}/history.html",
        "status.json",
        "report.html",
        "answer.json",
    ],
)
def test_what_is_altered_on_the_site_is_found_and_mended(home: Path, name: str) -> None:
    where = SITE / name
    if name in {"report.html", "answer.json"}:
        where = SITE / STUDY / "runs" / latest() / name
    before = tree("reports/site")
    where.write_bytes(where.read_bytes().replace(b"2026", b"2027", 1))
    assert tree("reports/site") != before
    found = verified()
    assert found.code == 4
    assert where.relative_to(SITE).as_posix() in found.out
    done = command("publish", STUDY)
    assert done.code == 0, done.err
    assert tree("reports/site") == before
    assert verified().code == 0


@pytest.mark.parametrize("again", [False, True])
def test_an_altered_run_is_found_and_refused(home: Path, again: bool) -> None:
    folder = Path("reports") / STUDY / "runs" / latest()
    before = tree("reports/site")
    (_summed_again if again else lambda one: _altered(one / "answer.json"))(folder)
    found = verified()
    assert found.code == 4
    assert folder.name in found.out
    for words in (("publish", STUDY), ("sign", STUDY, "approve", "--by", "Dana")):
        done = command(*words)
        assert (done.code, done.bug) == (6, None), words
        assert "damaged, or is not what was recorded" in done.err
    assert tree("reports/site") == before
    if not again:
        assert command("report", STUDY, "--as", "json").code == 6
    assert run("--force").code == 0
    assert verified().code == 0


def test_an_altered_older_run_does_not_stop_the_next_one(home: Path) -> None:
    old = Path("reports") / STUDY / "runs" / latest()
    (old / "answer.json").write_text("{}")
    deliver()
    done = run(at=NEXT)
    assert (done.code, done.bug) == (0, None), done.err
    assert shown() == latest() != old.name
    found = verified()
    assert found.code == 4
    assert old.name in found.out


def test_an_altered_entry_is_found(home: Path) -> None:
    trail = Path(f"reports/{STUDY}/audit.jsonl")
    trail.write_bytes(trail.read_bytes().replace(b"2026-10-26", b"2026-10-27", 1))
    found = verified()
    assert found.code == 4
    assert "line 1" in found.out
    assert command("sign", STUDY, "approve", "--by", "Dana").code == 6


def test_a_run_that_nobody_recorded_is_not_shown(home: Path) -> None:
    good = shown()
    folder = Path("reports") / STUDY / "runs" / latest()
    other = folder.with_name("0123456789ab")
    entry = json.loads((folder / "entry.json").read_bytes()) | {
        "run_id": other.name,
        "as_of": "2026-12-31",
    }
    other.mkdir()
    (other / "entry.json").write_text(json.dumps(entry))
    (other / "answer.json").write_bytes((folder / "answer.json").read_bytes())
    lines = [
        f"{hashlib.sha256((other / n).read_bytes()).hexdigest()}  {n}\n"
        for n in ("answer.json", "entry.json")
    ]
    (other / "SHA256SUMS").write_text("".join(lines))
    done = run()
    assert done.code == 0
    assert f"{STUDY}/{other.name}" in done.err
    assert shown() == good
    assert verified().code == 4


@pytest.fixture(scope="module")
def killed(first: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("killed")
    done = subprocess.run(
        [sys.executable, "-m", "tests.publishing_killer", str(first), str(folder)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_run_is_known_to_have_failed_and_the_next_one_ends_like_any(
    killed: dict[str, Any], moment: str
) -> None:
    status = {"after the lock": ["stale", 8], "after the attempt ends": ["good", 0]}
    assert killed[moment] == {
        "killed": True,
        "status": status.get(moment, ["failed", 8]),
        "readers see a run": True,
        "again": 0,
        "status again": ["good", 0],
        "sound": 0,
        "differs": [],
    }


def test_two_runs_of_one_study_at_once_are_one_run(killed: dict[str, Any]) -> None:
    assert killed["two of one"] == {"codes": [0, 75], "status": ["good", 0], "sound": 0}


def test_two_studies_at_once_are_both_on_the_site(killed: dict[str, Any]) -> None:
    assert killed["two of two"] == {"codes": [0, 0], "front": [STUDY, "other"], "sound": 0}
