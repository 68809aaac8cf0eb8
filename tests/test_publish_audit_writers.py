"""Signing a run, and writers of the trail that share it, die, or run out of room."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.audit_cases import (
    NOW,
    STUDY,
    edit_run,
    life,
    lines_of,
    make_run,
    put_lines,
    signed,
    trail_of,
    with_eve,
)
from whatif.base.errors import LockedError, PublishError, UsageError
from whatif.publish.audit.entry import line_of, made
from whatif.publish.audit.sign import sign, sign_offs
from whatif.publish.audit.trail import TORN, read_trail, sound_entries, writing
from whatif.publish.audit.verify import verify
from whatif.publish.lock import waiting_lock
from whatif.verdict.audit_wording import audit_text

ROOT = Path(__file__).resolve().parent.parent


# ---- signing


def test_the_last_word_counts_and_every_word_stays(tmp_path: Path) -> None:
    make_run(tmp_path, "aaa")
    for decision in ("hold", "reject", "approve"):
        sign(tmp_path, STUDY, signed("aaa", decision))
    entries = sound_entries(tmp_path, STUDY)
    assert sign_offs(entries) == {"aaa": signed("aaa")}
    assert [entry.kind for entry in entries].count("sign") == 3


def test_an_action_that_is_the_recommendation_is_no_deviation(tmp_path: Path) -> None:
    make_run(tmp_path, "aaa")
    assert sign(tmp_path, STUDY, signed("aaa", action="roll_out")).action == ""
    kept = sign(tmp_path, STUDY, signed("aaa", action="discuss", because="Legal asks."))
    assert (kept.action, kept.because) == ("discuss", "Legal asks.")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"by": "  "}, "names nobody"),
        ({"action": "discuss"}, r"does 'discuss' where the run says 'roll_out', and gives no"),
        ({"action": "roll-out"}, r"'roll-out' is no decision.*\n.*\n.*did you mean 'roll_out'"),
        ({"run_id": "aab"}, r"knows no run 'aab'.*\n.*\n.*did you mean 'aaa'"),
        ({"by": "A\x1b[31mda"}, "holds control characters"),
        ({"note": "half \ud800"}, "holds control characters"),
        ({"note": "x" * 4_001}, "is longer than 4,000"),
    ],
)
def test_a_sign_off_that_cannot_stand_is_refused(
    tmp_path: Path, changes: dict[str, str], words: str
) -> None:
    make_run(tmp_path, "aaa")
    with pytest.raises(UsageError, match=words):
        sign(tmp_path, STUDY, signed(**{"run_id": "aaa", **changes}))
    assert sign_offs(sound_entries(tmp_path, STUDY)) == {}


def test_approving_a_run_that_cannot_be_trusted_needs_a_reason(tmp_path: Path) -> None:
    make_run(tmp_path, "aaa", decision="cannot_be_trusted")
    sign(tmp_path, STUDY, signed("aaa", "reject"))
    with pytest.raises(UsageError, match="approves a run that cannot be trusted"):
        sign(tmp_path, STUDY, signed("aaa"))
    sign(tmp_path, STUDY, signed("aaa", because="Known ramp; see the incident report."))


@pytest.mark.parametrize("again", [False, True])
def test_a_damaged_run_is_not_signed(tmp_path: Path, again: bool) -> None:
    run = make_run(tmp_path, "aaa")
    edit_run("answer.json", again=again)(run)
    with pytest.raises(PublishError, match=r"is damaged, or is not what was recorded.*\n.*no run"):
        sign(tmp_path, STUDY, signed("aaa"))


def test_names_and_notes_are_kept_as_they_are(tmp_path: Path) -> None:
    make_run(tmp_path, "aaa")
    hostile = signed(
        "aaa",
        by="Zoë 李 \u202egnp.exe",
        note="</script><img src=x onerror=alert(1)>\n=cmd|'/c calc'!A1 \u2028 next",
    )
    sign(tmp_path, STUDY, hostile)
    assert sign_offs(sound_entries(tmp_path, STUDY))["aaa"] == hostile
    assert verify(tmp_path).sound


def test_signers_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    make_run(tmp_path, "aaa")
    code = f"""
import pathlib
from tests.audit_cases import STUDY, signed
from whatif.publish.audit.sign import sign
import sys
for n in range(12):
    sign(pathlib.Path({str(tmp_path)!r}), STUDY, signed("aaa", note=f"{{sys.argv[1]}} {{n}}"))
"""
    at_once = [subprocess.Popen([sys.executable, "-c", code, str(n)], cwd=ROOT) for n in range(4)]
    assert [one.wait() for one in at_once] == [0, 0, 0, 0]
    signs = [e for e in sound_entries(tmp_path, STUDY) if e.kind == "sign"]
    notes = {entry.content["sign_off"]["note"] for entry in signs}
    assert notes == {f"{process} {n}" for process in range(4) for n in range(12)}
    assert verify(tmp_path).sound


# ---- dying writers


@pytest.mark.parametrize("written", [0, 1, 40, -2, -1, None])
def test_a_writer_killed_at_any_byte_loses_nothing_that_was_confirmed(
    tmp_path: Path, written: int | None
) -> None:
    make_run(tmp_path, "aaa")
    code = f"""
import os, pathlib, signal
from tests.audit_cases import STUDY, signed
from whatif.publish.audit import trail
from whatif.publish.audit.sign import sign
def append(path, line):
    with path.open("ab") as handle:
        handle.write(line[:{written}])
    os.kill(os.getpid(), signal.SIGKILL)
trail._append = append
sign(pathlib.Path({str(tmp_path)!r}), STUDY, signed("aaa", "hold"))
"""
    before = lines_of(tmp_path)
    ended = subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT)
    assert ended.returncode == -9
    torn = trail_of(tmp_path).read_bytes()[len(b"".join(before)) :]
    assert verify(tmp_path).sound == (written in {0, None})
    sign(tmp_path, STUDY, signed("aaa", note="next"))
    assert lines_of(tmp_path)[: len(before)] == before
    audit = verify(tmp_path)
    assert audit.sound, audit_text(audit)
    kept = sorted(trail_of(tmp_path).parent.glob(f"{TORN}*"))
    whole = written in {-1, None}
    assert len(read_trail(tmp_path, STUDY).entries) == len(before) + 1 + whole
    assert [path.read_bytes() for path in kept] == ([] if whole or written == 0 else [torn])
    assert [one.code for one in audit.remarks] == ["torn_kept"] * len(kept)


def test_torn_lines_never_overwrite_one_another(tmp_path: Path) -> None:
    make_run(tmp_path, "aaa")
    for tail in (b'{"at":', b'{"at":', b'{"at":"2'):
        with trail_of(tmp_path).open("ab") as handle:
            handle.write(tail)
        with writing(tmp_path, STUDY, key=None) as trail:
            assert len(trail.entries) == 2
    kept = {p.name: p.read_bytes() for p in trail_of(tmp_path).parent.glob(f"{TORN}*")}
    assert kept == {"audit.torn-3": b'{"at":', "audit.torn-3-2": b'{"at":"2'}


def test_a_full_disk_is_an_error_and_the_next_writer_recovers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    make_run(tmp_path, "aaa")

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    before = lines_of(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(PublishError, match="No space left"):
            sign(tmp_path, STUDY, signed("aaa", "hold"))
    assert lines_of(tmp_path) == before  # what was refused is not half there
    sign(tmp_path, STUDY, signed("aaa"))
    assert verify(tmp_path).sound


def test_a_damaged_trail_is_not_added_to(tmp_path: Path) -> None:
    life(tmp_path)
    put_lines(tmp_path, with_eve(lines_of(tmp_path)))
    before = lines_of(tmp_path)
    with pytest.raises(PublishError, match=r"damaged at line 3.*\n.*\n.*move it away"):
        sign(tmp_path, STUDY, signed("aaa"))
    with pytest.raises(PublishError, match="damaged at line 3"):
        sound_entries(tmp_path, STUDY)
    assert lines_of(tmp_path) == before


def test_a_trail_that_stays_locked_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from whatif.publish.audit import trail

    make_run(tmp_path, "aaa")
    monkeypatch.setattr(trail, "waiting_lock", lambda path, what: waiting_lock(path, what, wait=0))
    held = waiting_lock(trail_of(tmp_path).with_name(".audit.jsonl.lock"), "x")
    with held, pytest.raises(LockedError, match="the audit trail of 'checkout'"):
        sign(tmp_path, STUDY, signed("aaa"))


# ---- size


def test_a_long_trail_stays_small_and_quick(tmp_path: Path) -> None:
    """2,000 entries: a trail must stay readable in a moment, and each entry of one size."""
    make_run(tmp_path, "aaa")
    first = read_trail(tmp_path, STUDY)
    previous, lines = first.head, []
    for n in range(first.entries[-1].n + 1, 2_001):
        said = {"sign_off": asdict(signed("aaa", note=f"week {n}")),
                "content": first.entries[-1].content["content"]}  # fmt: skip
        when = (NOW + dt.timedelta(hours=n)).isoformat()
        entry = made(previous, n=n, at=when, kind="sign", content=said)
        lines.append(line_of(entry))
        previous = entry.hash
    with trail_of(tmp_path).open("ab") as handle:
        handle.write(b"".join(lines))
    started = time.perf_counter()
    audit = verify(tmp_path)
    assert audit.entries == 2_000
    assert audit.sound
    assert time.perf_counter() - started < 2.0
    assert len(lines_of(tmp_path)[-1]) < 700
