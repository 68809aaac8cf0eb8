"""Run folders and a site held against the trail: no tampering with them goes unseen."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.audit_cases import (
    STUDY,
    at,
    codes,
    edit_run,
    life,
    make_run,
    run_files,
)
from whatif.base.errors import PublishError, UsageError
from whatif.publish.audit.record import (
    record_publish,
    record_run,
)
from whatif.publish.audit.sign import sign_offs
from whatif.publish.audit.trail import sound_entries
from whatif.publish.audit.verify import verify
from whatif.publish.places.opening import open_place
from whatif.publish.run_folder import CHECKSUMS, write_run
from whatif.verdict.audit_wording import audit_text

# ---- tampering: runs


def _into_a_folder(run: Path) -> None:
    (run / "answer.json").unlink()
    (run / "answer.json").mkdir()


def _copied(run: Path) -> None:
    shutil.copytree(run, run.with_name("zzz"))


def _pointed_elsewhere(run: Path) -> None:
    (run.parent / "latest").write_text("zzz\n")


RUN_TAMPERING: dict[str, tuple[Callable[[Path], None], set[str]]] = {
    "an altered answer": (edit_run("answer.json", again=False), {"run_altered"}),
    "an altered page": (edit_run("report.html", again=False), {"run_altered"}),
    "a missing file": (lambda run: (run / "answer.json").unlink(), {"run_altered"}),
    "a file that became a folder": (_into_a_folder, {"run_altered"}),
    "missing sums": (lambda run: (run / CHECKSUMS).unlink(), {"run_altered"}),
    "an answer altered and summed again": (
        edit_run("answer.json", again=True), {"run_summed_again"},
    ),
    "a missing run": (shutil.rmtree, {"run_missing"}),
    "a run never recorded": (_copied, {"run_unrecorded"}),
    "another latest run": (_pointed_elsewhere, {"latest_wrong"}),
}  # fmt: skip


@pytest.mark.parametrize("what", RUN_TAMPERING)
def test_a_tampered_run_is_found(tmp_path: Path, what: str) -> None:
    life(tmp_path)
    tamper, expected = RUN_TAMPERING[what]
    tamper(tmp_path / STUDY / "runs" / "aaa")
    assert codes(verify(tmp_path)) == expected


def test_a_run_made_anew_by_the_tool_is_recorded_and_loses_no_approval(tmp_path: Path) -> None:
    life(tmp_path)
    again = run_files("aaa") | {"timings.json": b'{"scores": 1.0}\n'}
    write_run(tmp_path, STUDY, "aaa", again, rebuild=True)
    record_run(tmp_path, STUDY, "aaa", now=at(30), fresh=True)
    assert verify(tmp_path).sound
    assert sign_offs(sound_entries(tmp_path, STUDY))["aaa"].decision == "approve"
    other = again | {"answer.json": b'{"verdict": {"decision": "discuss"}}'}
    write_run(tmp_path, STUDY, "aaa", other, rebuild=True)
    record_run(tmp_path, STUDY, "aaa", now=at(31), fresh=True)
    assert "aaa" not in sign_offs(sound_entries(tmp_path, STUDY))


def test_a_tampered_run_is_not_recorded_as_its_own(tmp_path: Path) -> None:
    life(tmp_path)
    edit_run("answer.json", again=True)(tmp_path / STUDY / "runs" / "aaa")
    made = write_run(tmp_path, STUDY, "aaa", run_files("aaa"))
    assert made.unchanged  # its own sums agree
    with pytest.raises(PublishError, match="is not what was recorded"):
        record_run(tmp_path, STUDY, "aaa", now=at(30), fresh=False)


def test_a_file_put_beside_a_run_is_a_remark(tmp_path: Path) -> None:
    life(tmp_path)
    (tmp_path / STUDY / "runs" / "aaa" / "report.pdf").write_bytes(b"%PDF")
    audit = verify(tmp_path)
    assert audit.sound
    assert [one.subject for one in audit.remarks] == ["aaa/report.pdf"]


# ---- tampering: the site


SITE_TAMPERING = {
    "an altered page": (f"{STUDY}/index.html", b"<p>other</p>", "page_altered"),
    "an altered answer": (f"{STUDY}/runs/aaa/answer.json", b"{}", "page_altered"),
    "an altered old page": (f"{STUDY}/runs/aaa/report.html", b"", "page_altered"),
    "an altered card": (f"{STUDY}/card.json", b'{"audit_head": "0"}', "head_unknown"),
    "an altered status": ("status.json", b'{"studies": {}}', "page_altered"),
    "an altered front page": ("index.html", b"<p>bbb</p>", "page_altered"),
    "an altered asset": ("assets/page-1a2b.css", b"p{display:none}", "page_altered"),
    "an added asset": ("assets/more.js", b"1", "page_unrecorded"),
    "an added page": (f"{STUDY}/more.html", b"<p>x</p>", "page_unrecorded"),
    "an added file at the root": ("more.html", b"<p>x</p>", "page_unrecorded"),
    "a run nobody recorded": (f"{STUDY}/runs/zzz/report.html", b"x", "page_of_unrecorded_run"),
    "a study nobody knows": ("fake/index.html", b"x", "study_unknown"),
}


@pytest.mark.parametrize("what", SITE_TAMPERING)
def test_a_tampered_site_is_found(tmp_path: Path, what: str) -> None:
    site = life(tmp_path)
    name, content, code = SITE_TAMPERING[what]
    with site.lock():
        site.write(name, content)
    audit = verify(tmp_path, place=site)
    assert code in codes(audit), audit_text(audit)


@pytest.mark.parametrize("name", [f"{STUDY}/index.html", f"{STUDY}/runs/aaa/answer.json",
                                  "index.html", "assets/page-1a2b.css"])  # fmt: skip
def test_a_removed_page_is_found(tmp_path: Path, name: str) -> None:
    site = life(tmp_path)
    with site.lock():
        site.remove([name])
    audit = verify(tmp_path, place=site)
    assert [(one.code, one.subject) for one in audit.findings] == [("page_missing", name)]


def test_an_asset_that_nothing_asks_for_may_go(tmp_path: Path) -> None:
    site = life(tmp_path)
    files = {"assets/old.css": b"x"}
    with site.lock():
        site.write("assets/old.css", b"x")
    record_publish(tmp_path, STUDY, "bbb", place=site.address, files=files, now=at(10))
    assert verify(tmp_path, place=site).sound
    with site.lock():
        site.remove(["assets/old.css"])
    assert verify(tmp_path, place=site).sound


def test_a_site_that_was_moved_is_compared_and_said(tmp_path: Path) -> None:
    life(tmp_path)
    shutil.move(tmp_path / "site", tmp_path / "elsewhere")
    moved = open_place(tmp_path / "elsewhere")
    audit = verify(tmp_path, study=STUDY, place=moved)
    assert audit.sound, audit_text(audit)
    assert [one.code for one in audit.remarks] == ["place_unknown"]
    with moved.lock():
        moved.write(f"{STUDY}/index.html", b"x")
    assert codes(verify(tmp_path, study=STUDY, place=moved)) == {"page_altered"}


# ---- what cannot be checked


class Unreachable:
    """A site whose listing, or whose files, cannot be read."""

    address = "s3://bucket/site"

    def __init__(self, names: tuple[str, ...] | None) -> None:
        self._names = names

    def names(self, under: str = "") -> tuple[str, ...]:
        if self._names is None:
            raise PermissionError(13, "Permission denied")
        return self._names

    def read(self, name: str) -> bytes | None:
        raise PermissionError(13, "Permission denied")


def test_what_cannot_be_read_is_not_sound(tmp_path: Path) -> None:
    site = life(tmp_path)
    audit = verify(tmp_path, place=Unreachable(None))
    assert (audit.findings, audit.sound) == ((), False)
    assert [one.code for one in audit.unchecked] == ["place_unreadable"]
    assert "not everything could be checked" in audit_text(audit)
    audit = verify(tmp_path, place=Unreachable(site.names()))
    assert (audit.findings, audit.sound) == ((), False)
    assert {one.code for one in audit.unchecked} == {"page_unreadable"}


def test_a_trail_and_a_run_that_cannot_be_read_are_not_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    life(tmp_path)
    real = Path.read_bytes

    def refuse(name: str) -> Callable[[Path], bytes]:
        def read(path: Path) -> bytes:
            if path.name == name:
                raise PermissionError(13, "Permission denied")
            return real(path)

        return read

    monkeypatch.setattr(Path, "read_bytes", refuse(CHECKSUMS))
    assert {one.code for one in verify(tmp_path).unchecked} == {"run_unreadable"}
    monkeypatch.setattr(Path, "read_bytes", refuse("audit.jsonl"))
    audit = verify(tmp_path)
    assert [one.code for one in audit.unchecked] == ["trail_unreadable"]
    with pytest.raises(PublishError, match="cannot be read: Permission denied"):
        sound_entries(tmp_path, STUDY)


def test_an_audit_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is nothing to audit under"):
        verify(tmp_path)
    make_run(tmp_path, "aaa")
    with pytest.raises(UsageError, match=r"(?s)nothing to audit of 'chekout'.*did you mean"):
        verify(tmp_path, study="chekout")


# ---- any byte


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("lived")
    life(out)
    return out


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_flipped_byte_is_found(lived: Path, data: st.DataObject) -> None:
    """One bit of any file of the trail, of a run or of the site."""
    files = sorted(
        path for path in lived.rglob("*") if path.is_file() and not path.name.startswith(".")
    )
    path = data.draw(st.sampled_from([path for path in files if path.stat().st_size]))
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    before = path.read_bytes()
    path.write_bytes(content)
    try:
        assert verify(lived, place=open_place(lived / "site")).findings
    finally:
        path.write_bytes(before)
