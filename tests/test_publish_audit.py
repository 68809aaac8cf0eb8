"""The audit trail of a study: a life leaves a sound one, and no tampering with it goes unseen."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from tests.audit_cases import (
    NOW,
    STUDY,
    at,
    codes,
    life,
    lines_of,
    make_run,
    publish,
    put_lines,
    signed,
    site_files,
    trail_of,
    with_eve,
)
from whatif.base.errors import UsageError
from whatif.publish.audit.entry import audit_key, first_link, line_of, made, parsed
from whatif.publish.audit.record import (
    last_rewind,
    published_files,
    published_runs,
    record_prune,
    record_publish,
    record_rewind,
    recorded_runs,
)
from whatif.publish.audit.seal import start_sealing
from whatif.publish.audit.sign import sign
from whatif.publish.audit.trail import read_trail, sound_entries
from whatif.publish.audit.verify import verify
from whatif.verdict.audit_wording import audit_text

KEY = b"0123456789abcdef"


# ---- a life


def test_a_life_without_tampering_is_sound(tmp_path: Path) -> None:
    site = life(tmp_path)
    audit = verify(tmp_path, place=site)
    assert audit.sound, audit_text(audit)
    assert (audit.entries, audit.runs) == (7, 2)
    assert audit.pages == len(site.names())
    assert audit.remarks == ()
    assert audit_text(audit) == (
        f"Sound: 7 entries, 2 runs and {audit.pages} published files were looked at, and all agree."
    )
    kinds = [entry.kind for entry in read_trail(tmp_path, STUDY).entries]
    assert kinds == ["plan", "run", "sign", "publish", "run", "sign", "publish"]


def test_the_same_again_adds_nothing(tmp_path: Path) -> None:
    site = life(tmp_path)
    before = lines_of(tmp_path)
    make_run(tmp_path, "bbb", days=30)
    known = published_files(read_trail(tmp_path, STUDY).entries, site.address)
    files = {name: site.read(name) or b"" for name in known}
    record_publish(tmp_path, STUDY, "bbb", place=site.address, files=files, now=at(31))
    assert lines_of(tmp_path) == before


def test_a_publish_records_only_what_changed_and_hides_secrets(tmp_path: Path) -> None:
    make_run(tmp_path, "aaa")
    files = site_files(tmp_path, "aaa")
    address = "s3://ann:hush@bucket/site?token=hush"
    record_publish(tmp_path, STUDY, "aaa", place=address, files=files, now=NOW)
    moved = files | {f"{STUDY}/index.html": b"new"}
    record_publish(tmp_path, STUDY, "aaa", place=address, files=moved, gone=["x"], now=NOW)
    last = read_trail(tmp_path, STUDY).entries[-1].content
    assert set(last["files"]) == {f"{STUDY}/index.html", "index.html", "status.json"}
    assert b"hush" not in trail_of(tmp_path).read_bytes()
    entries = sound_entries(tmp_path, STUDY)
    assert published_runs(entries, STUDY, address) == {"aaa"}
    assert published_runs(entries, STUDY, "elsewhere") == set()


def test_pruned_runs_are_no_findings(tmp_path: Path) -> None:
    site = life(tmp_path)
    gone = [name for name in site.names() if f"{STUDY}/runs/aaa/" in name]
    record_prune(tmp_path, STUDY, ["aaa"], place=site.address, gone=gone, now=at(20))
    with site.lock():
        site.remove(gone)
    shutil.rmtree(tmp_path / STUDY / "runs" / "aaa")
    audit = verify(tmp_path, place=site)
    assert audit.sound, audit_text(audit)
    assert audit.runs == 1
    make_run(tmp_path, "aaa", days=21)
    assert list(recorded_runs(sound_entries(tmp_path, STUDY))) == ["bbb", "aaa"]


def test_the_last_rewind_counts(tmp_path: Path) -> None:
    make_run(tmp_path, "aaa")
    assert last_rewind(sound_entries(tmp_path, STUDY)) is None
    for run_id, after in (("aaa", 1), ("bbb", 2)):
        record_rewind(tmp_path, STUDY, run_id, by="Ada", note="late feed", after=after, now=at(3))
    last = last_rewind(sound_entries(tmp_path, STUDY))
    assert last is not None
    assert (last.run_id, last.after, last.by, last.note) == ("bbb", 2, "Ada", "late feed")
    assert verify(tmp_path).sound


def test_several_studies_share_one_site(tmp_path: Path) -> None:
    site = life(tmp_path)
    make_run(tmp_path, "ccc", study="other", days=10)
    publish(tmp_path, "ccc", site, study="other", days=11)
    audit = verify(tmp_path, place=site)
    assert audit.sound, audit_text(audit)
    assert verify(tmp_path, study=STUDY, place=site).sound
    publish(tmp_path, "bbb", site, days=11)  # at the same time, and recorded last
    with site.lock():
        site.write("index.html", b"<p>other ccc</p>")
    assert verify(tmp_path, place=site).sound
    publish(tmp_path, "ccc", site, study="other", days=12)
    with site.lock():
        site.write("index.html", b"<p>checkout bbb</p>")  # as the study before had left it
    assert [one.subject for one in verify(tmp_path, place=site).findings] == ["index.html"]


# ---- tampering: the trail


def _rewritten(lines: list[bytes], study: str = STUDY) -> list[bytes]:
    """Alter an entry and make every hash after it anew, as somebody who knows how would."""
    previous, out = first_link(study), []
    for line in with_eve(lines):
        stored = json.loads(line)
        entry = made(
            previous,
            n=stored["n"],
            at=stored["at"],
            kind=stored["kind"],
            content=stored["content"],
        )
        out.append(line_of(entry))
        previous = parsed(line_of(entry).rstrip(b"\n")).hash
    return out


def _forged(**changes: Any) -> bytes:
    """Return a first entry whose hashes are right."""
    said = {"at": NOW.isoformat(), "kind": "sign", "content": {"sign_off": {}, "content": ""}}
    return line_of(made(first_link(STUDY), n=1, **{**said, **changes}))


TRAIL_TAMPERING: dict[str, tuple[Callable[[list[bytes]], list[bytes]], str]] = {
    "an altered entry": (with_eve, "entry_altered"),
    "a removed entry": (lambda lines: lines[:2] + lines[3:], "entry_missing"),
    "the first entry removed": (lambda lines: lines[1:], "entry_missing"),
    "two entries swapped": (
        lambda lines: [lines[0], lines[2], lines[1], *lines[3:]],
        "entry_missing",
    ),
    "an entry twice": (lambda lines: [*lines[:3], lines[2], *lines[3:]], "entry_missing"),
    "an empty line": (lambda lines: [*lines[:3], b"\n", *lines[3:]], "entry_altered"),
    "spaces in an entry": (lambda lines: [lines[0].replace(b":", b": "), *lines[1:]],
                           "entry_altered"),
    "no entry": (lambda lines: [b"{}\n", *lines[1:]], "entry_altered"),
    "deeply nested": (lambda lines: [b"[" * 100_000 + b"\n", *lines[1:]], "entry_altered"),
    "an entry of no kind": (lambda _: [_forged(kind="wish")], "entry_altered"),
    "an entry that says nothing": (lambda _: [_forged(content={})], "entry_altered"),
    "an entry of no time": (lambda _: [_forged(at="soon")], "entry_altered"),
    "an entry of no zone": (lambda _: [_forged(at="2026-11-02T07:00:00")], "entry_altered"),
    "a lone surrogate": (lambda lines: [b'"\\ud800"\n', *lines[1:]], "entry_altered"),
    "the last line cut": (lambda lines: [*lines[:-1], lines[-1][:-20]], "torn_tail"),
    "the last line end cut": (lambda lines: [*lines[:-1], lines[-1][:-1]], "torn_tail"),
    "the last entries removed": (lambda lines: lines[:-2], "head_unknown"),
    "all entries removed": (lambda _: [], "no_trail"),
    "every hash made anew": (_rewritten, "head_unknown"),
}  # fmt: skip


@pytest.mark.parametrize("what", TRAIL_TAMPERING)
def test_a_tampered_trail_is_found(tmp_path: Path, what: str) -> None:
    site = life(tmp_path)
    tamper, code = TRAIL_TAMPERING[what]
    put_lines(tmp_path, tamper(lines_of(tmp_path)))
    audit = verify(tmp_path, place=site)
    assert not audit.sound
    assert code in codes(audit), audit_text(audit)
    assert "Not sound" in audit_text(audit)


def test_a_removed_trail_is_found(tmp_path: Path) -> None:
    life(tmp_path)
    trail_of(tmp_path).unlink()
    assert codes(verify(tmp_path)) == {"no_trail", "run_unrecorded"}


def test_the_trail_of_another_study_is_found(tmp_path: Path) -> None:
    life(tmp_path)
    (tmp_path / STUDY).rename(tmp_path / "renamed")
    assert codes(verify(tmp_path)) == {"foreign_trail"}


def test_a_trail_without_its_site_that_was_cut_needs_an_anchor(tmp_path: Path) -> None:
    """What a chain alone cannot show: its own end. The site's card, or a run folder, can."""
    site = life(tmp_path)
    put_lines(tmp_path, lines_of(tmp_path)[:5])
    assert verify(tmp_path).sound
    assert codes(verify(tmp_path, place=site)) >= {"head_unknown", "page_altered"}
    put_lines(tmp_path, lines_of(tmp_path)[:4])
    assert codes(verify(tmp_path)) == {"run_unrecorded"}


def test_a_head_that_the_site_cannot_tell_is_found(tmp_path: Path) -> None:
    site = life(tmp_path)
    with site.lock():
        site.write(f"{STUDY}/card.json", b"[]")
    audit = verify(tmp_path, place=site)
    assert codes(audit) == {"card_unreadable", "page_altered"}


def test_time_that_goes_back_is_a_remark(tmp_path: Path) -> None:
    make_run(tmp_path, "aaa", days=5)
    make_run(tmp_path, "bbb", days=1)
    audit = verify(tmp_path)
    assert audit.sound
    assert [one.code for one in audit.remarks] == ["time_went_back"]
    assert "The clock went back before entry 3 (run)." in audit_text(audit)


# ---- seals


def test_a_sealed_trail_cannot_be_written_anew(tmp_path: Path) -> None:
    life(tmp_path, key=KEY)
    assert verify(tmp_path, key=KEY).sound
    without = verify(tmp_path)
    assert without.sound
    assert [one.code for one in without.remarks] == ["seals_unchecked"]
    put_lines(tmp_path, _rewritten(lines_of(tmp_path)))
    assert verify(tmp_path).sound  # no anchor, no key: nothing can tell
    assert codes(verify(tmp_path, key=KEY)) == {"seal_missing"}


def test_a_seal_of_another_key_is_found_and_refused(tmp_path: Path) -> None:
    life(tmp_path, key=KEY)
    assert codes(verify(tmp_path, key=KEY[::-1])) == {"seal_wrong"}
    for key, words in ((None, "is not set"), (KEY[::-1], "holds another key")):
        with pytest.raises(UsageError, match=words):
            sign(tmp_path, STUDY, signed("aaa"), key=key)


def test_an_entry_without_a_seal_after_the_first_one_is_found(tmp_path: Path) -> None:
    life(tmp_path)
    assert codes(verify(tmp_path, key=KEY)) == {"seal_missing"}
    start_sealing(tmp_path, STUDY, by="Ada Lovelace", now=at(10), key=KEY)
    assert verify(tmp_path, key=KEY).sound
    with trail_of(tmp_path).open("ab") as handle:
        last = read_trail(tmp_path, STUDY).entries[-1]
        handle.write(
            line_of(
                made(
                    last.hash,
                    n=last.n + 1,
                    at=last.at,
                    kind="sign",
                    content={"sign_off": asdict(signed("bbb")), "content": "x"},
                )
            )
        )
    assert codes(verify(tmp_path, key=KEY)) == {"seal_missing"}


def test_the_key_comes_from_the_environment() -> None:
    assert audit_key({}) is None
    assert audit_key({"WHATIF_AUDIT_KEY": "00" * 32}) == bytes(32)
    assert audit_key({"WHATIF_AUDIT_KEY": "correct horse battery"}) == b"correct horse battery"
    with pytest.raises(UsageError, match="shorter than 16 bytes"):
        audit_key({"WHATIF_AUDIT_KEY": "hush"})
