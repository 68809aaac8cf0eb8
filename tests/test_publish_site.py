"""The site: what a page needs stands before it, pointers move last, nothing is written twice."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.publish_cases import (
    broken_links,
    everything,
    files_of,
    front,
    history_of,
    make_run,
    put,
    tree,
)
from whatif.base.errors import LockedError, PublishError
from whatif.base.history import StudyCard
from whatif.base.readers import card_of
from whatif.contract.stored import from_json
from whatif.publish.lock import site_lock
from whatif.publish.places import local as local_module
from whatif.publish.places.local import LocalPlace
from whatif.publish.places.opening import open_place
from whatif.publish.run_folder import is_intact
from whatif.publish.site import publish, runs_on


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def site(tmp_path: Path) -> LocalPlace:
    return LocalPlace(root=tmp_path / "site")


def test_a_run_becomes_the_page_of_its_study(out: Path, site: LocalPlace) -> None:
    history = history_of("abc")
    found = put(site, out, history)
    assert found.page == str(site.root / "checkout" / "index.html")
    assert found.front == str(site.root / "index.html")
    assert not found.awaiting_review
    assert not found.unchanged
    there = tree(site)
    assert b"<p>abc</p>" in there["checkout/index.html"]
    assert there["checkout/answer.json"] == b'{"run_id": "abc"}\n'
    card = from_json(StudyCard, there["checkout/card.json"], shown="card")
    assert card == card_of(history)
    assert json.loads(there["status.json"])["studies"] == {"checkout": "abc"}
    assert is_intact(site.root / "checkout" / "runs" / "abc", ["report.html", "scenario.json"])
    assert runs_on(site, "checkout") == ("abc",)
    assert found.files == there
    assert found.gone == ()
    assert broken_links(there) == []
    assert not [name for name in everything(site.root) if ".staging" in name]


def test_pages_of_a_site_hold_no_style_or_script_of_their_own(out: Path, site: LocalPlace) -> None:
    put(site, out, history_of("abc"))
    page = tree(site)["checkout/runs/abc/report.html"].decode()
    assert "<style" not in page
    assert '<script src="../../../assets/page-' in page
    assert "sha256" not in page


def test_rows_of_customers_never_reach_the_site(out: Path, site: LocalPlace) -> None:
    put(site, out, history_of("abc"))
    assert not any("parquet" in name or "timings" in name for name in tree(site))
    assert not any(b"customer" in content for content in tree(site).values())


def test_publishing_twice_changes_nothing(out: Path, site: LocalPlace) -> None:
    put(site, out, history_of("abc"))
    before = tree(site)
    times = {name: (site.root / name).stat().st_mtime_ns for name in before}
    assert put(site, out, history_of("abc")).unchanged
    assert tree(site) == before
    assert {name: (site.root / name).stat().st_mtime_ns for name in times} == times


def test_a_newer_run_replaces_the_page_and_keeps_the_older_run(out: Path, site: LocalPlace) -> None:
    put(site, out, history_of("abc"), look=".old{}")
    put(site, out, history_of("abc", "def"), look=".new{}")
    there = tree(site)
    assert b"<p>def</p>" in there["checkout/index.html"]
    assert runs_on(site, "checkout") == ("abc", "def")
    looks = [content for name, content in there.items() if name.endswith(".css")]
    assert sum(b".old{}" in look or b".new{}" in look for look in looks) == 2  # each its own
    assert broken_links(there) == []


def test_an_unreviewed_run_is_listed_and_the_latest_stays(out: Path, site: LocalPlace) -> None:
    put(site, out, history_of("abc"))
    found = put(site, out, history_of("abc", "def", shown="abc", awaiting="def"))
    assert found.awaiting_review
    assert found.page == str(site.root / "checkout" / "runs" / "def" / "report.html")
    there = tree(site)
    assert b"<p>abc</p>" in there["checkout/index.html"]
    assert there["checkout/answer.json"] == b'{"run_id": "abc"}\n'
    assert b"checkout/runs/def/report.html" in there["index.html"]
    assert b"Headline of def" not in there["index.html"]
    assert broken_links(there) == []
    approved = history_of("abc", "def")
    again = publish(site, (), approved, files=files_of(approved), front=front)  # pages alone
    assert again.page == str(site.root / "checkout" / "index.html")
    assert tree(site)["checkout/answer.json"] == b'{"run_id": "def"}\n'
    assert b"runs/def" not in tree(site)["index.html"]


def test_a_first_run_can_await_review_without_a_page(out: Path, site: LocalPlace) -> None:
    found = put(site, out, history_of("abc", shown=None, awaiting="abc"))
    assert found.page.endswith("/checkout/runs/abc/report.html")
    there = tree(site)
    assert "checkout/index.html" not in there
    assert "checkout/answer.json" not in there
    assert broken_links(there) == []


def test_a_page_that_no_run_stands_behind_any_more_goes(out: Path, site: LocalPlace) -> None:
    put(site, out, history_of("abc"))
    rejected = history_of("abc", shown=None)
    found = publish(site, (), rejected, files=files_of(rejected), front=front)
    assert not found.unchanged
    assert found.gone == ("checkout/index.html", "checkout/answer.json")
    assert found.page == str(site.root / "index.html")
    there = tree(site)
    assert "checkout/index.html" not in there
    assert "checkout/answer.json" not in there
    assert broken_links(there) == []
    assert publish(site, (), rejected, files=files_of(rejected), front=front).unchanged


def test_every_study_stays_on_the_front_page(out: Path, site: LocalPlace) -> None:
    for study in ("zebra", "apple"):
        put(site, out, history_of("abc", study=study))
    page = tree(site)["index.html"]
    assert 0 < page.index(b"apple/index.html") < page.index(b"zebra/index.html")


def test_every_run_is_put_on_a_moved_site(out: Path, tmp_path: Path) -> None:
    ids, sites = ("a", "b", "c"), [open_place(tmp_path / name) for name in ("old", "new")]
    for n in range(len(ids)):
        put(sites[0], out, history_of(*ids[: n + 1]))
    put(sites[1], out, history_of(*ids), *ids)
    assert tree(sites[1]) == tree(sites[0])
    assert put(sites[1], out, history_of(*ids), *ids).unchanged


def test_pages_do_not_lead_to_a_run_that_is_not_on_the_site(out: Path, site: LocalPlace) -> None:
    for history in (history_of("abc", "def"), history_of("abc", shown=None, awaiting="def")):
        with pytest.raises(PublishError, match=r"(?s)run def of study 'checkout' is not on the"):
            put(site, out, history, "abc")
    assert tree(site) == {}


# ---- what goes wrong


def test_a_renderer_that_fails_changes_nothing(out: Path, site: LocalPlace) -> None:
    put(site, out, history_of("abc"))
    before = tree(site)

    def broken(cards: Sequence[StudyCard]) -> Mapping[str, bytes]:
        raise KeyError("a template")

    newer = history_of("abc", "def")
    with pytest.raises(KeyError, match="a template"):
        publish(site, [make_run(out, "def")], newer, files=files_of(newer), front=broken)
    assert tree(site) == before


def test_a_target_that_cannot_be_written_is_exit_6(out: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "site"
    blocked.write_bytes(b"a file, not a folder")
    with pytest.raises(PublishError, match=r"(?s)Nothing could be written to.*What to do") as e:
        put(LocalPlace(root=blocked), out, history_of("abc"))
    assert e.value.exit_code == 6
    assert blocked.read_bytes() == b"a file, not a folder"


@pytest.mark.parametrize("damage", ["altered", "missing", "no sums", "style", "not a page"])
def test_a_damaged_run_is_not_published(out: Path, site: LocalPlace, damage: str) -> None:
    run = make_run(out)
    history = history_of("abc")
    if damage == "altered":
        (run / "answer.json").write_bytes(b"{}")
    elif damage == "missing":
        (run / "report.html").unlink()
    elif damage == "no sums":
        (run / "SHA256SUMS").unlink()
    elif damage == "style":  # with sums to match
        from whatif.publish.run_folder import write_run

        page = (run / "report.html").read_bytes().replace(b"margin:0", b"margin:1")
        write_run(out, "checkout", "abc", {"answer.json": b"{}", "report.html": page}, rebuild=True)
    else:
        (run / "report.html").write_bytes(b"\xff\xfe")
    with pytest.raises(PublishError, match=r"is incomplete or was altered|cannot become a page"):
        publish(site, [run], history, files=files_of(history), front=front)
    assert tree(site) == {}


@pytest.mark.parametrize("damaged", ["report.html", "answer.json", "SHA256SUMS"])
@pytest.mark.parametrize("how", ["altered", "gone"])
def test_a_damaged_copy_on_the_site_is_repaired(
    out: Path, site: LocalPlace, damaged: str, how: str
) -> None:
    put(site, out, history_of("abc"))
    before = tree(site)
    target = site.root / "checkout" / "runs" / "abc" / damaged
    if how == "gone":
        target.unlink()
    else:
        target.write_bytes(b"altered")
    assert not put(site, out, history_of("abc")).unchanged
    assert tree(site) == before


@pytest.mark.parametrize("name", ["..", "a/b", "", ".hidden", "a" * 200, "assets"])
def test_names_that_could_leave_the_site_are_refused(
    out: Path, site: LocalPlace, name: str
) -> None:
    run, history = make_run(out), history_of("abc")
    renamed = run.with_name(name) if name not in {"", "a/b", ".."} else Path("/")
    for runs, of in (([run], replace(history, study=name)), ([renamed], history)):
        with pytest.raises(PublishError, match="cannot be the name of a folder on the site"):
            publish(site, runs, of, files={}, front=front)
    assert not site.root.exists()


@pytest.mark.parametrize("name", ["../x.html", "/x.html", "assets/../../x", ".x"])
def test_pages_that_could_leave_the_site_are_refused(
    out: Path, site: LocalPlace, name: str
) -> None:
    with pytest.raises(PublishError, match="cannot be the name of a file on the site"):
        publish(site, [make_run(out)], history_of("abc"), files={name: b""}, front=front)
    assert not (site.root.parent / "x.html").exists()


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b'{"study": "other"}'])
def test_a_card_that_cannot_be_read_is_named(out: Path, site: LocalPlace, content: bytes) -> None:
    put(site, out, history_of("abc"))
    put(site, out, history_of("abc", study="other"))
    before = tree(site)
    card = site.root / "other" / "card.json"
    card.write_bytes(content)
    with pytest.raises(PublishError, match=r"(?s)other/card\.json cannot be read.*'other' again"):
        put(site, out, history_of("abc", "def"))
    assert tree(site) == before | {"other/card.json": content}
    put(site, out, history_of("abc", study="other"))  # its own publish makes it anew
    assert tree(site) == before


def test_a_study_that_was_renamed_by_hand_is_named(out: Path, site: LocalPlace) -> None:
    put(site, out, history_of("abc", study="before"))
    (site.root / "before").rename(site.root / "after")
    with pytest.raises(PublishError, match=r"(?s)after/card\.json is the card of study 'before'"):
        put(site, out, history_of("abc"))


def test_a_site_that_stays_locked_says_so(
    out: Path, site: LocalPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.root.mkdir()
    monkeypatch.setattr(local_module, "site_lock", lambda path: site_lock(path, wait=0.05))
    with (
        site_lock(site.root),
        pytest.raises(LockedError, match="Another process is working on site"),
    ):
        put(site, out, history_of("abc"))
