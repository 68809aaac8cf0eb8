"""Runs published week by week: what readers see after each command, byte for byte."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.postgres import Server
from tests.publishing_life import (
    MONDAY,
    NEXT,
    SITE,
    STUDY,
    card,
    command,
    copy_home,
    deliver,
    latest,
    make_home,
    page,
    rows,
    run,
    shown,
    state,
    tree,
    verified,
    write_study,
)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_home(tmp_path_factory.mktemp("first"))


@pytest.fixture
def home(first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(copy_home(first, tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def second(first: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = copy_home(first, tmp_path_factory.mktemp("second"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        deliver()
        assert run(at=NEXT).code == 0
        yield folder


@pytest.fixture
def grown(second: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(copy_home(second, tmp_path))
    return tmp_path


def test_the_first_run_is_on_the_site_and_in_every_record(home: Path) -> None:
    assert shown() == latest()
    assert state() == ("good", 0)
    assert verified().code == 0
    assert STUDY in (SITE / "index.html").read_text(encoding="utf-8")
    assert len(command("history", STUDY, "--json").record["runs"]) == 1


@pytest.mark.parametrize("days", [0, 1])
def test_the_same_again_changes_not_one_byte(home: Path, days: int) -> None:
    before, kept = tree(), rows(but="attempts")
    done = run(at=MONDAY + dt.timedelta(days=days))
    assert done.code == 0
    assert "Unchanged" in done.out
    assert tree() == before
    assert rows(but="attempts") == kept


def test_next_week_takes_the_place_of_this_one(grown: Path, first: Path) -> None:
    assert shown() == latest()
    assert len(list((SITE / STUDY / "runs").iterdir())) == 2
    assert state(NEXT) == ("good", 0)
    assert verified().code == 0
    for name in tree(str(first / "reports" / STUDY / "runs")):
        if not name.endswith("latest"):
            there = grown / Path(name).relative_to(first)
            assert there.read_bytes() == Path(name).read_bytes()
    assert "since" in page().lower()


def test_an_older_day_does_not_replace_a_newer_one(grown: Path) -> None:
    newest = shown()
    done = run("--as-of", "2026-10-20", at=NEXT)
    assert done.code in {0, 4}
    assert latest() != newest
    assert shown() == newest
    assert len(list((SITE / STUDY / "runs").iterdir())) == 3
    told = (SITE / STUDY / "history.html").read_text(encoding="utf-8")
    assert "review" not in told.lower()  # nobody asked for one
    assert verified().code == 0


def test_an_older_run_is_shown_at_a_person_s_word_until_a_newer_one(grown: Path) -> None:
    newest = shown()
    older = next(p.name for p in (SITE / STUDY / "runs").iterdir() if p.name != newest)
    before = tree()
    refused = command("publish", older, at=NEXT)
    assert refused.code == 2
    assert "--by" in refused.err
    assert tree() == before
    done = command("publish", older, "--by", "Dana", "--note", "the feed was wrong", at=NEXT)
    assert done.code == 0, done.err
    assert shown() == older
    assert verified().code == 0
    assert run(at=NEXT).code == 0  # the newest, unchanged: no newer run
    assert shown() == older
    assert run("--force", at=NEXT).code == 0  # made again
    assert shown() == newest
    assert verified().code == 0


def test_pruning_does_not_keep_a_newer_run_from_taking_a_chosen_one_s_place(grown: Path) -> None:
    deliver("2026-10-30")
    assert run(at=NEXT).code == 0
    chosen = _history()[0]["line"]["run_id"]
    assert command("publish", chosen, "--by", "Dana", at=NEXT).code == 0
    assert command("prune", STUDY, "--keep", 1, at=NEXT).code == 0
    assert (shown(), len(_history())) == (chosen, 3)  # beside it the newest day and the last made
    deliver()
    assert run("--force", at=NEXT).code == 0  # made again
    assert shown() == latest() != chosen
    assert verified().code == 0


def test_nothing_is_shown_until_somebody_approves(
    first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("all.parquet", "log.parquet"):
        shutil.copy(first / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    write_study(review={"required": True})
    assert run().code == 0
    waiting = latest()
    assert shown() is None
    assert card()["awaiting"]["line"]["run_id"] == waiting
    assert state() == ("awaiting_review", 0)
    answer = json.loads((SITE / STUDY / "runs" / waiting / "answer.json").read_bytes())
    headline = answer["verdict"]["headline"]
    for name in ("index.html", f"{STUDY}/history.html", f"{STUDY}/card.json", "feed.xml"):
        assert headline not in (SITE / name).read_text(encoding="utf-8"), name
    assert command("publish", waiting, "--by", "Dana").code == 2
    assert command("sign", waiting, "hold", "--by", "Dana", "--note", "asking finance").code == 0
    assert shown() is None
    assert command("sign", waiting, "approve", "--by", "Dana").code == 0
    assert shown() == waiting
    assert headline in page()
    assert "Dana" in page()
    assert command("sign", waiting, "reject", "--by", "Ines", "--note", "no").code == 0
    assert shown() is None
    assert not (SITE / STUDY / "index.html").exists() or headline not in page()
    assert verified().code == 0


def test_a_deviation_needs_its_reason(home: Path) -> None:
    before = tree()
    other = ["--action", "roll_out"]
    refused = command("sign", STUDY, "approve", "--by", "Dana", *other)
    assert refused.code == 2
    assert "--because" in refused.err
    assert tree() == before
    because = ["--because", "a promise to a partner"]
    assert command("sign", STUDY, "approve", "--by", "Dana", *other, *because).code == 0
    assert "a promise to a partner" in page()
    assert verified().code == 0


def test_approving_a_withheld_run_needs_its_reason(home: Path) -> None:
    write_study(design={"kind": "experiment", "probability": {"folded": 0.8, "expanded": 0.2}})
    assert run("--json").code == 4
    assert state() == ("withheld", 0)
    refused = command("sign", STUDY, "approve", "--by", "Dana")
    assert refused.code == 2
    assert "cannot be trusted" in refused.err
    assert command("sign", STUDY, "approve", "--by", "Dana", "--because", "known").code == 0


def test_a_signature_reaches_a_site_that_has_the_study_and_no_other(home: Path) -> None:
    Path("empty").mkdir()
    done = command("sign", STUDY, "approve", "--by", "Dana", "--site", "empty")
    assert done.code == 0
    assert "not on the site" in done.out
    assert not list(Path("empty").rglob("*"))
    assert "Dana" not in page()
    assert command("sign", STUDY, "hold", "--by", "Ines").code == 0
    assert "Ines" in (SITE / STUDY / "history.html").read_text(encoding="utf-8")


def test_a_study_renamed_in_its_file_is_a_new_one_that_was_seen_before(home: Path) -> None:
    before = tree(f"reports/{STUDY}", f"reports/site/{STUDY}")
    write_study(study="checkout-new")
    done = run(at=NEXT - dt.timedelta(hours=1))
    assert done.code == 0
    assert "seen_before" in done.err
    assert tree(f"reports/{STUDY}", f"reports/site/{STUDY}") == before
    assert shown("checkout-new") is not None
    late = NEXT + dt.timedelta(days=1)
    assert state(late) == ("stale", 8)
    assert verified().code == 0


@pytest.mark.parametrize("hours", [-1, -24 * 365, 24 * 3650])
def test_a_clock_that_jumps_breaks_nothing(home: Path, hours: int) -> None:
    deliver()
    at = MONDAY + dt.timedelta(hours=hours)
    assert run(at=at).bug is None
    newest = latest()
    assert [r["line"]["run_id"] for r in _history()][-1] == newest
    found = verified("--json")
    assert found.code == 0, found.out
    back = [one["code"] for one in found.record["remarks"]]
    assert ("time_went_back" in back) == (hours < 0)
    assert run(at=NEXT).bug is None
    assert run(at=NEXT).bug is None
    assert state(NEXT)[0] in {"good", "stale"}
    assert verified().code == 0


def _history() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = command("history", STUDY, "--json").record["runs"]
    return found


def test_pruning_keeps_what_readers_need_and_every_record_agrees(grown: Path) -> None:
    signed = _history()[0]["line"]["run_id"]
    assert command("sign", signed, "approve", "--by", "Dana", at=NEXT).code == 0
    newest = shown()
    for day in ("2026-10-18", "2026-10-21"):
        assert run("--as-of", day, at=NEXT).code in {0, 4}
    removed = command("prune", STUDY, "--keep", 1, "--json", at=NEXT)
    assert removed.code == 0, removed.err
    assert len(removed.record["removed"]) == 1
    left = {signed, newest, latest()}
    runs = Path("reports") / STUDY / "runs"
    assert {p.name for p in runs.iterdir() if p.is_dir()} == left
    assert {p.name for p in (SITE / STUDY / "runs").iterdir()} == left
    assert {r["line"]["run_id"] for r in _history()} == left
    gone = removed.record["removed"][0]
    assert gone not in (SITE / STUDY / "history.html").read_text(encoding="utf-8")
    assert shown() == newest
    found = verified("--json")
    assert found.code == 0, found.out
    again = tree("reports")
    assert run(at=NEXT).code == 0
    assert tree("reports") == again | {f"reports/{STUDY}/runs/latest": f"{newest}\n".encode()}


def test_runs_of_older_versions_are_left_alone_and_said_to_be(home: Path) -> None:
    old = Path("reports") / STUDY / "runs" / latest()
    _age(old)
    before = tree(str(old))
    done = run(at=NEXT)
    assert done.code == 0, done.err
    assert old.name in done.err
    deliver()
    done = run(at=NEXT)
    assert done.code == 0, done.err
    assert old.name in done.err
    assert "plan_locked_late" in done.err
    assert tree(str(old)) == before
    assert shown() == latest() != old.name
    assert state(NEXT) == ("good", 0)


def _age(run_folder: Path) -> None:
    """Make a run, its folder and its site what versions without a history left."""
    import hashlib

    entry = json.loads((run_folder / "entry.json").read_bytes())
    names = ("data_to", "decision", "headline", "number", "question", "run_id", "study")
    (run_folder / "entry.json").write_text(json.dumps({name: entry[name] for name in names}))
    (run_folder / "estimates.csv").unlink()
    files = sorted(p for p in run_folder.iterdir() if p.name != "SHA256SUMS")
    sums = "".join(f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.name}\n" for p in files)
    (run_folder / "SHA256SUMS").write_text(sums)
    Path(f"reports/{STUDY}/audit.jsonl").unlink()
    for path in Path("reports/.whatif").glob("runs.sqlite*"):
        path.unlink()
    shutil.rmtree("reports/site/assets")
    for name in ("card.json", "compare.html", "history.html", "history.json", "history.csv"):
        (SITE / STUDY / name).unlink(missing_ok=True)
    (SITE / "feed.xml").unlink()
    shutil.copy(run_folder / "entry.json", SITE / STUDY / "entry.json")


def test_a_team_s_store_on_a_server(
    home: Path, postgres_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree("reports")
    with postgres_server.database() as url:
        monkeypatch.setenv("WHATIF_STORE", url)
        assert run().code == 0
        deliver()
        assert run(at=NEXT).code == 0
        assert command("sign", STUDY, "approve", "--by", "Dana", at=NEXT).code == 0
        assert state(NEXT) == ("good", 0)
        before, kept = tree(), rows(url, but="attempts")
        assert run(at=NEXT).code == 0
        assert tree() == before
        assert rows(url, but="attempts") == kept
        assert len(_history()) == 2
        assert verified().code == 0
        assert not list(Path("reports/.whatif").glob("runs.sqlite*"))


def test_a_folder_spelled_another_way_or_moved_is_the_same_site(home: Path) -> None:
    spelled = str(Path("reports").resolve())
    assert command("audit", "verify", "--out", spelled).code == 0
    Path("reports").rename("elsewhere")
    assert command("audit", "verify", "--out", "elsewhere").code == 0


def test_an_empty_site_is_refused(home: Path) -> None:
    before = tree()
    refused = command("publish", STUDY, "--site", "")
    assert refused.code == 2
    assert "--site is empty" in refused.err
    assert tree() == before


def test_a_run_that_nobody_publishes_says_nothing_of_the_job(home: Path) -> None:
    Path("log.parquet").rename("gone.parquet")
    assert command("run", "study.yaml", "--quick").code == 3
    assert state() == ("good", 0)


def test_an_as_of_day_to_come_does_not_hide_later_runs(home: Path) -> None:
    assert run("--as-of", "2030-01-01").code in {0, 4}
    deliver()
    assert run(at=NEXT).code == 0
    assert shown() == latest()


def test_a_study_is_not_signed_where_several_runs_wait(grown: Path) -> None:
    write_study(review={"required": True})
    assert run(at=NEXT).code == 0
    several = command("sign", STUDY, "approve", "--by", "Dana", at=NEXT)
    assert several.code == 2
    assert "await a word" in several.err
    assert command("sign", latest(), "approve", "--by", "Dana", at=NEXT).code == 0


def test_an_older_run_is_signed_under_the_newest_run_s_rule(grown: Path) -> None:
    older = _history()[0]["line"]["run_id"]
    write_study(review={"required": True})
    assert run(at=NEXT).code == 0
    assert command("sign", older, "approve", "--by", "Dana", at=NEXT).code == 0
    assert shown() != latest()
    assert card()["awaiting"]["line"]["run_id"] == latest()
