"""The site: pointers move last, a failed publish leaves the last good pages, names stay inert."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from whatif.base.errors import LockedError, PublishError
from whatif.publish import site as site_module
from whatif.publish.lock import site_lock
from whatif.publish.run_folder import is_intact, write_run
from whatif.publish.site import publish_run
from whatif.report.index_page import IndexEntry, StudyLine, render_index
from whatif.verdict.record import Decision

ENTRY = IndexEntry(
    study="checkout",
    run_id="abc",
    question="Does showing every option raise conversion?",
    decision=Decision.ROLL_OUT,
    headline="Roll out expanded for everyone.",
    number="3.0 more orders per 1,000 sessions (likely range 1.6 to 4.6)",
    data_to=dt.date(2026, 10, 31),
)


def make_run(out: Path, run_id: str = "abc", study: str = "checkout") -> Path:
    files = {
        "answer.json": f'{{"run_id": "{run_id}"}}\n'.encode(),
        "report.html": f"<p>{run_id}</p>\n".encode(),
        "scores.parquet": b"one row per customer",
        "timings.json": b"{}\n",
    }
    return write_run(out, study, run_id, files).path


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".whatif.lock"
    }


def test_a_run_becomes_the_page_of_its_study(tmp_path: Path) -> None:
    run, site = make_run(tmp_path / "out"), tmp_path / "site"
    found = publish_run(run, site, ENTRY)
    assert (found.page, found.index) == (site / "checkout" / "index.html", site / "index.html")
    assert not found.awaiting_review
    assert not found.unchanged
    assert found.page.read_bytes() == b"<p>abc</p>\n"
    assert (site / "checkout" / "answer.json").read_bytes() == b'{"run_id": "abc"}\n'
    assert is_intact(site / "checkout" / "runs" / "abc", ["report.html", "answer.json"])
    assert json.loads((site / "status.json").read_text()) == {
        "schema": "status.v1",
        "studies": {
            "checkout": {
                "awaiting_review": None,
                "data_to": "2026-10-31",
                "decision": "roll_out",
                "run_id": "abc",
            }
        },
    }


def test_rows_of_customers_never_reach_the_site(tmp_path: Path) -> None:
    publish_run(make_run(tmp_path / "out"), tmp_path / "site", ENTRY)
    assert not any("parquet" in name for name in tree(tmp_path / "site"))
    assert not any(b"customer" in content for content in tree(tmp_path / "site").values())


def test_publishing_twice_changes_nothing(tmp_path: Path) -> None:
    run, site = make_run(tmp_path / "out"), tmp_path / "site"
    publish_run(run, site, ENTRY)
    before = tree(site)
    times = {path: path.stat().st_mtime_ns for path in site.rglob("*.*") if path.suffix}
    assert publish_run(run, site, ENTRY).unchanged
    assert tree(site) == before
    assert {path: path.stat().st_mtime_ns for path in times} == times


def test_a_page_of_the_site_may_differ_from_the_run(tmp_path: Path) -> None:
    run, site = make_run(tmp_path / "out"), tmp_path / "site"
    found = publish_run(run, site, ENTRY, page=b"<p>with history</p>")
    assert found.page.read_bytes() == b"<p>with history</p>"
    assert (site / "checkout" / "runs" / "abc" / "report.html").read_bytes() == b"<p>abc</p>\n"


def test_a_newer_run_replaces_the_page_and_keeps_the_older_run(tmp_path: Path) -> None:
    site = tmp_path / "site"
    publish_run(make_run(tmp_path / "out"), site, ENTRY)
    publish_run(make_run(tmp_path / "out", "def"), site, replace(ENTRY, run_id="def"))
    assert (site / "checkout" / "index.html").read_bytes() == b"<p>def</p>\n"
    assert sorted(p.name for p in (site / "checkout" / "runs").iterdir()) == ["abc", "def"]


def test_an_unreviewed_run_is_listed_and_the_latest_stays(tmp_path: Path) -> None:
    out, site = tmp_path / "out", tmp_path / "site"
    newer = replace(ENTRY, run_id="def", headline="Do not roll out expanded.", number="secret")
    publish_run(make_run(out), site, ENTRY)
    found = publish_run(make_run(out, "def"), site, newer, awaiting_review=True)
    assert found.awaiting_review
    assert found.page == site / "checkout" / "runs" / "def" / "report.html"
    assert (site / "checkout" / "index.html").read_bytes() == b"<p>abc</p>\n"
    front = (site / "index.html").read_text()
    assert "Awaiting review" in front
    assert 'href="checkout/runs/def/report.html"' in front
    assert "Roll out expanded for everyone." in front
    assert "Do not roll out" not in front
    assert "secret" not in front
    assert json.loads((site / "status.json").read_text())["studies"]["checkout"] == {
        "awaiting_review": "def",
        "data_to": "2026-10-31",
        "decision": "roll_out",
        "run_id": "abc",
    }
    publish_run(make_run(out, "def"), site, newer)  # approved
    assert "Awaiting review" not in (site / "index.html").read_text()
    assert (site / "checkout" / "index.html").read_bytes() == b"<p>def</p>\n"
    assert not publish_run(make_run(out, "def"), site, newer, awaiting_review=True).awaiting_review


def test_a_first_run_can_await_review_without_a_page(tmp_path: Path) -> None:
    site = tmp_path / "site"
    publish_run(make_run(tmp_path / "out"), site, ENTRY, awaiting_review=True)
    assert not (site / "checkout" / "index.html").exists()
    front = (site / "index.html").read_text()
    assert "the first run" in front
    assert 'href="checkout/index.html"' not in front
    assert json.loads((site / "status.json").read_text())["studies"]["checkout"]["run_id"] is None


def test_every_study_stays_on_the_front_page(tmp_path: Path) -> None:
    out, site = tmp_path / "out", tmp_path / "site"
    for study in ("zebra", "apple"):
        publish_run(make_run(out, study=study), site, replace(ENTRY, study=study))
    front = (site / "index.html").read_text()
    assert 0 < front.index("apple/index.html") < front.index("zebra/index.html")


@pytest.mark.parametrize("renames", range(6))
def test_a_publish_that_dies_leaves_the_last_good_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renames: int
) -> None:
    out, site = tmp_path / "out", tmp_path / "site"
    publish_run(make_run(out), site, ENTRY)
    front = (site / "index.html").read_bytes()
    newer, entry = make_run(out, "def"), replace(ENTRY, run_id="def", headline="Newer.")
    real, done = os.replace, iter(range(renames))

    def stop(source: Path, target: Path) -> None:
        if next(done, None) is None:
            raise OSError(28, "No space left on device")
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", stop)
        with pytest.raises(PublishError, match=r"(?s)No space left.*last good page") as caught:
            publish_run(newer, site, entry)
    assert caught.value.exit_code == 6
    assert (site / "index.html").read_bytes() == front
    if renames < 3:  # the run, the answer, then the page
        assert (site / "checkout" / "index.html").read_bytes() == b"<p>abc</p>\n"
    assert not [name for name in tree(site) if ".staging" in name]
    publish_run(newer, site, entry)
    assert (site / "checkout" / "index.html").read_bytes() == b"<p>def</p>\n"
    assert b"Newer." in (site / "index.html").read_bytes()


def test_a_target_that_cannot_be_written_is_exit_6(tmp_path: Path) -> None:
    blocked = tmp_path / "site"
    blocked.write_bytes(b"a file, not a folder")
    with pytest.raises(PublishError, match=r"(?s)Nothing could be written to.*What to do") as e:
        publish_run(make_run(tmp_path / "out"), blocked, ENTRY)
    assert e.value.exit_code == 6
    assert blocked.read_bytes() == b"a file, not a folder"


def test_a_damaged_run_is_not_published(tmp_path: Path) -> None:
    run = make_run(tmp_path / "out")
    (run / "answer.json").write_bytes(b"{}")
    with pytest.raises(PublishError, match="is incomplete or was altered"):
        publish_run(run, tmp_path / "site", ENTRY)
    assert not (tmp_path / "site").exists()


def test_a_damaged_copy_on_the_site_is_repaired(tmp_path: Path) -> None:
    run, site = make_run(tmp_path / "out"), tmp_path / "site"
    publish_run(run, site, ENTRY)
    before = tree(site)
    (site / "checkout" / "runs" / "abc" / "report.html").write_bytes(b"altered")
    assert not publish_run(run, site, ENTRY).unchanged
    assert tree(site) == before


@pytest.mark.parametrize("name", ["..", "a/b", "", ".hidden", "a" * 200])
def test_names_that_could_leave_the_site_are_refused(tmp_path: Path, name: str) -> None:
    run = make_run(tmp_path / "out")
    for entry in (replace(ENTRY, study=name), replace(ENTRY, run_id=name)):
        with pytest.raises(PublishError, match="cannot be the name of a folder on the site"):
            publish_run(run, tmp_path / "site", entry)


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"latest": null, "awaiting": null}', '{"latest": {}, "awaiting": null}'],
)
def test_an_entry_that_cannot_be_read_is_named(tmp_path: Path, content: str) -> None:
    run, site = make_run(tmp_path / "out"), tmp_path / "site"
    publish_run(run, site, ENTRY)
    (site / "checkout" / "entry.json").write_text(content)
    with pytest.raises(PublishError, match=r"entry\.json cannot be read"):
        publish_run(run, site, ENTRY)


def test_a_site_that_stays_locked_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, site = make_run(tmp_path / "out"), tmp_path / "site"
    site.mkdir()
    monkeypatch.setattr(site_module, "site_lock", lambda path: site_lock(path, wait=0.05))
    with site_lock(site), pytest.raises(LockedError, match="Another process is working on site"):
        publish_run(run, site, ENTRY)


# ---- the front page

HOSTILE = "</script><img src=x onerror=alert(1)> \u202eevil\u202c " + "x" * 200


def test_names_from_data_stay_inert() -> None:
    entry = replace(
        ENTRY, study='a"/><b', question=HOSTILE, headline=HOSTILE, number=HOSTILE, run_id="../x"
    )
    page = render_index([StudyLine(latest=entry, awaiting=entry)])
    assert "<img" not in page
    assert "<script" not in page
    assert page.count("&lt;img src=x onerror=alert(1)&gt;") == 3
    assert 'href="a%22%2F%3E%3Cb/index.html"' in page
    assert 'href="a%22%2F%3E%3Cb/runs/..%2Fx/report.html"' in page
    shown = page[page.index("<main>") :]
    assert len(re.findall("<bdi>[^<]*\u202e", shown)) == 3  # isolated wherever they appear


def test_the_policy_allows_this_style_and_nothing_else() -> None:
    page = render_index([StudyLine(latest=ENTRY, awaiting=None)])
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
    escaped = policy.replace("'", "&#39;")
    assert f'content="{escaped}base-uri &#39;none&#39;; form-action &#39;none&#39;"' in page
    assert not re.search(r"\sstyle=|\son[a-z]+=|<script", page)
    assert len(page.encode()) < 60_000


def test_the_front_page(snapshot: SnapshotAssertion) -> None:
    bare = replace(ENTRY, study="bare", question="", number="", data_to=None)
    lines = [
        StudyLine(latest=replace(ENTRY, study="zebra"), awaiting=replace(ENTRY, run_id="def")),
        StudyLine(latest=None, awaiting=ENTRY),
        StudyLine(latest=bare, awaiting=None),
    ]
    page = render_index(lines)
    assert page == render_index(reversed(lines))
    assert page[page.index("<body>") :] == snapshot


def test_a_site_without_studies_says_so() -> None:
    assert "No study has been published here yet." in render_index([])


def test_a_line_without_any_run_is_refused() -> None:
    with pytest.raises(ValueError, match="has no line on the front page"):
        render_index([StudyLine(latest=None, awaiting=None)])
