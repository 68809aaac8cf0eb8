"""What an honest run after tampering must not heal: cut trails, lost seals, altered stores."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.audit_cases import (
    NOW,
    STUDY,
    at,
    codes,
    edit_run,
    life,
    lines_of,
    make_run,
    publish,
    put_lines,
    run_files,
    signed,
    trail_of,
)
from tests.site_cases import run_line
from whatif.base.errors import PublishError, UsageError
from whatif.cli import app
from whatif.contract.stored import to_json
from whatif.publish.audit.anchor import require_known_head
from whatif.publish.audit.entry import line_of, made
from whatif.publish.audit.record import record_prune, record_run
from whatif.publish.audit.seal import start_sealing
from whatif.publish.audit.sign import sign
from whatif.publish.audit.trail import read_trail
from whatif.publish.audit.verify import verify
from whatif.publish.places.opening import open_place
from whatif.publish.run_folder import write_run
from whatif.publish.store.opening import open_store
from whatif.publish.store.records import FinishedRun
from whatif.verdict.audit_wording import audit_text

KEY = b"0123456789abcdef"
TEXT = KEY.hex()


# ---- the head that the site shows


@pytest.mark.parametrize(
    "tamper",
    [lambda _: [], lambda lines: lines[:2], lambda lines: lines[:5]],
    ids=["all of it", "most of it", "its end"],
)
def test_a_trail_that_the_site_knows_more_of_is_not_published_from(
    tmp_path: Path, tamper: Callable[[list[bytes]], list[bytes]]
) -> None:
    site = life(tmp_path)
    require_known_head(site, tmp_path, STUDY)
    put_lines(tmp_path, tamper(lines_of(tmp_path)))
    make_run(tmp_path, "ccc", days=14)  # an honest run on what is left
    with pytest.raises(
        PublishError, match=r"knows a later audit trail.*\n.*would hide it.*\n.*restore audit.jsonl"
    ):
        require_known_head(site, tmp_path, STUDY)


def test_a_card_that_was_removed_by_hand_is_said_and_stops_nobody(tmp_path: Path) -> None:
    site = life(tmp_path)
    put_lines(tmp_path, lines_of(tmp_path)[:5])
    with site.lock():
        site.remove([f"{STUDY}/card.json"])
    require_known_head(site, tmp_path, STUDY)
    publish(tmp_path, "bbb", site, days=20)
    with site.lock():
        site.remove([f"{STUDY}/card.json"])
    assert ("page_missing", f"{STUDY}/card.json") in {
        (one.code, one.subject) for one in verify(tmp_path, place=site).findings
    }


@pytest.mark.parametrize(
    "card", [b'{"audit_head": null}', b'{"audit_head": ""}', b"{}", b"[]", b"\xff"]
)
def test_a_card_without_a_head_is_no_witness(tmp_path: Path, card: bytes) -> None:
    make_run(tmp_path, "aaa")
    site = open_place(tmp_path / "site")
    require_known_head(site, tmp_path, STUDY)
    with site.lock():
        site.write(f"{STUDY}/card.json", card)
    require_known_head(site, tmp_path, STUDY)


# ---- the first seal


def test_a_key_that_came_later_needs_a_person_who_vouches(tmp_path: Path) -> None:
    life(tmp_path)
    before = lines_of(tmp_path)
    with pytest.raises(
        UsageError, match=r"that nobody sealed.*\n.*wrote the trail anew.*\n.*audit seal"
    ):
        sign(tmp_path, STUDY, signed("aaa"), key=KEY)
    with pytest.raises(UsageError, match="that nobody sealed"):
        record_run(tmp_path, STUDY, "bbb", now=at(9), fresh=False, key=KEY)
    assert lines_of(tmp_path) == before
    last = read_trail(tmp_path, STUDY).entries[-1]
    entry = start_sealing(tmp_path, STUDY, by=" Ada ", now=at(10), key=KEY)
    assert (entry.kind, entry.content) == ("seal", {"by": "Ada", "entries": 7, "head": last.hash})
    sign(tmp_path, STUDY, signed("aaa"), key=KEY)
    assert verify(tmp_path, key=KEY).sound


def test_a_sealed_trail_that_was_written_anew_is_not_sealed_by_the_next_run(tmp_path: Path) -> None:
    life(tmp_path, key=KEY)
    previous, forged = read_trail(tmp_path, STUDY).entries[0].previous, []
    for old in read_trail(tmp_path, STUDY).entries:
        entry = made(previous, n=old.n, at=old.at, kind=old.kind, content=old.content)
        forged.append(line_of(entry))
        previous = entry.hash
    put_lines(tmp_path, forged)
    assert codes(verify(tmp_path, key=KEY)) == {"seal_missing"}
    with pytest.raises(UsageError, match="that nobody sealed"):
        make_run(tmp_path, "ccc", days=30, key=KEY)
    assert codes(verify(tmp_path, key=KEY)) == {"seal_missing"}


def test_a_first_seal_in_the_middle_that_nobody_vouched_for_is_found(tmp_path: Path) -> None:
    make_run(tmp_path, "aaa")
    last = read_trail(tmp_path, STUDY).entries[-1]
    content = {"run_id": "bbb", "by": "Ada", "note": "", "after": 1}
    entry = made(last.hash, n=3, at=NOW.isoformat(), kind="rewind", content=content, key=KEY)
    put_lines(tmp_path, [*lines_of(tmp_path), line_of(entry)])
    audit = verify(tmp_path, key=KEY)
    assert codes(audit) == {"seal_late"}
    assert "Nobody vouched for the entries before entry 3 (rewind)" in audit_text(audit)


def test_sealing_that_would_prove_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"There is no audit trail of '{STUDY}'"):
        start_sealing(tmp_path, STUDY, by="Ada", now=NOW, key=KEY)
    make_run(tmp_path, "aaa")
    with pytest.raises(UsageError, match="WHATIF_AUDIT_KEY is not set"):
        start_sealing(tmp_path, STUDY, by="Ada", now=NOW, key=None)
    with pytest.raises(UsageError, match="Nobody is named who vouches"):
        start_sealing(tmp_path, STUDY, by="  ", now=NOW, key=KEY)
    start_sealing(tmp_path, STUDY, by="Ada", now=NOW, key=KEY)
    with pytest.raises(UsageError, match="is sealed already"):
        start_sealing(tmp_path, STUDY, by="Ada", now=NOW, key=KEY)
    with pytest.raises(UsageError, match="holds another key"):
        start_sealing(tmp_path, STUDY, by="Ada", now=NOW, key=KEY[::-1])


def test_a_trail_is_sealed_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(tmp_path, "aaa")
    monkeypatch.setenv("WHATIF_AUDIT_KEY", TEXT)
    where = ["--out", str(tmp_path)]
    assert CliRunner().invoke(app, ["audit", "verify", *where]).exit_code == 4
    assert CliRunner().invoke(app, ["audit", "seal", STUDY, *where]).exit_code == 2
    done = CliRunner().invoke(app, ["audit", "seal", STUDY, "--by", "Ada", "--json", *where])
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["schema"], told["by"], told["entries"]) == ("seal.v1", "Ada", 2)
    assert TEXT not in done.stdout + trail_of(tmp_path).read_text()
    assert CliRunner().invoke(app, ["audit", "verify", *where]).exit_code == 0


# ---- the run store


def _stored(out: Path, run_id: str) -> FinishedRun:
    """Make a run with its entry, and return it as the store keeps it."""
    line = run_line(1, STUDY, run_id=run_id)
    make_run(out, f"{run_id}-plan")
    files = run_files(run_id) | {"entry.json": f"{to_json(line)}\n".encode()}
    write_run(out, STUDY, run_id, files)
    record_run(out, STUDY, run_id, now=NOW, fresh=True)
    return FinishedRun(line=line, checks=(), finished_at=NOW)


def _lines(*runs: FinishedRun) -> Mapping[str, Mapping[str, str]]:
    return {STUDY: {run.line.run_id: to_json(run.line) for run in runs}}


def test_a_store_that_says_what_the_runs_say_is_sound(tmp_path: Path) -> None:
    run = _stored(tmp_path, "aaa")
    assert verify(tmp_path, lines=_lines(run)).sound
    assert verify(tmp_path, lines={"other": {"zzz": "{}"}}).sound
    older = json.loads(to_json(run.line))
    del older["deviations"]  # from before that field existed
    assert verify(tmp_path, lines={STUDY: {"aaa": json.dumps(older)}}).sound


def test_an_altered_store_is_found(tmp_path: Path) -> None:
    run = _stored(tmp_path, "aaa")
    better = replace(run, line=replace(run.line, headline="Roll out everywhere."))
    audit = verify(tmp_path, lines=_lines(better))
    assert [(one.code, one.subject) for one in audit.findings] == [("store_altered", "aaa")]
    assert "The run store says something else of run aaa" in audit_text(audit)
    assert codes(verify(tmp_path, lines={STUDY: {"aaa": "[]"}})) == {"store_altered"}
    invented = replace(run, line=replace(run.line, run_id="zzz"))
    audit = verify(tmp_path, lines=_lines(run, invented))
    assert [(one.code, one.subject) for one in audit.findings] == [("store_altered", "zzz")]


def test_what_no_folder_can_tell_is_left_to_its_own_finding(tmp_path: Path) -> None:
    run = _stored(tmp_path, "aaa")
    folder = tmp_path / STUDY / "runs" / "aaa"
    edit_run("entry.json", again=False)(folder)
    assert codes(verify(tmp_path, lines=_lines(run))) == {"run_altered"}
    record_prune(tmp_path, STUDY, ["aaa"], now=at(3))
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    (folder.parent / "latest").write_text("aaa-plan\n")
    assert verify(tmp_path, lines=_lines(run)).sound


def test_the_command_reads_the_store(tmp_path: Path) -> None:
    run = _stored(tmp_path, "aaa")
    where = ["audit", "verify", "--out", str(tmp_path)]
    path = tmp_path / ".whatif" / "runs.sqlite"
    assert CliRunner().invoke(app, where).exit_code == 0
    assert not path.exists()
    with open_store(path) as store:
        store.keep(run)
    assert CliRunner().invoke(app, where).exit_code == 0
    path.unlink()
    with open_store(path) as store:
        store.keep(replace(run, line=replace(run.line, estimate=9.0)))
    done = CliRunner().invoke(app, where)
    assert done.exit_code == 4
    assert "The run store says something else of run aaa" in done.stdout
    for left in path.parent.glob("runs.sqlite*"):
        left.unlink()
    path.write_bytes(b"no database" * 100)
    done = CliRunner().invoke(app, where)
    assert done.exit_code == 4
    assert "The run store cannot be read." in done.stdout


# ---- hidden files


@pytest.mark.parametrize(
    "name",
    [".htaccess", f"{STUDY}/.hidden.html", f"{STUDY}/.old/page.html", ".git/config",
     "assets/.page.css", f"{STUDY}/runs/aaa/.staging/x", f"{STUDY}/.whatif.lock"],
)  # fmt: skip
def test_a_hidden_file_on_a_local_site_is_found(tmp_path: Path, name: str) -> None:
    site = life(tmp_path)
    assert verify(tmp_path, place=site).sound  # its own lock file is no finding
    path = tmp_path / "site" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    for study in (None, STUDY):
        audit = verify(tmp_path, study=study, place=site)
        assert [(one.code, one.subject) for one in audit.findings] == [("page_unrecorded", name)]


def test_what_is_being_written_is_no_finding(tmp_path: Path) -> None:
    site = life(tmp_path)
    (tmp_path / "site" / ".staging").mkdir()
    (tmp_path / "site" / ".staging" / "x").write_bytes(b"x")
    assert (tmp_path / "site" / ".whatif.lock").exists()
    assert verify(tmp_path, place=site).sound


def test_the_hidden_file_of_another_study_is_its_own(tmp_path: Path) -> None:
    site = life(tmp_path)
    make_run(tmp_path, "ccc", study="other", days=10)
    publish(tmp_path, "ccc", site, study="other", days=11)
    (tmp_path / "site" / "other" / ".x").write_bytes(b"x")
    assert verify(tmp_path, study=STUDY, place=site).sound
    assert codes(verify(tmp_path, study="other", place=site)) == {"page_unrecorded"}
