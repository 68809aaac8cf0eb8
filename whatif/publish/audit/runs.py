"""Run folders held against the trail of their study."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from whatif.base.audit import Finding
from whatif.publish.audit.entry import Entry
from whatif.publish.audit.record import Recorded, recorded_runs
from whatif.publish.run_folder import CHECKSUMS, LATEST


def check_runs(out: Path, study: str, entries: Sequence[Entry]) -> Iterator[Finding]:
    """Yield what is wrong with the run folders of a study, and what could not be read."""
    known, runs = recorded_runs(entries), out / study / "runs"
    for recorded in known.values():
        try:
            yield from _check_run(study, runs / recorded.run_id, recorded)
        except OSError:
            yield Finding(code="run_unreadable", study=study, subject=recorded.run_id)
    try:
        there = {path.name for path in runs.iterdir() if path.is_dir()} if runs.is_dir() else set()
        for name in sorted(there - known.keys()):
            if not name.startswith("."):
                yield Finding(code="run_unrecorded", study=study, subject=name)
        latest = runs / LATEST
        named = latest.read_bytes() if latest.is_file() else b""
        if there and named not in {f"{name}\n".encode() for name in there}:
            yield Finding(code="latest_wrong", study=study)
    except OSError:
        yield Finding(code="run_unreadable", study=study, subject=LATEST)


def _check_run(study: str, folder: Path, recorded: Recorded) -> Iterator[Finding]:
    run_id = recorded.run_id
    if not folder.is_dir():
        yield Finding(code="run_missing", study=study, subject=run_id)
        return
    try:
        sums = (folder / CHECKSUMS).read_bytes()
    except FileNotFoundError:
        yield Finding(code="run_altered", study=study, subject=f"{run_id}/{CHECKSUMS}")
        return
    if hashlib.sha256(sums).hexdigest() != recorded.sums:
        yield Finding(code="run_summed_again", study=study, subject=run_id)
    rows = [line.partition("  ") for line in sums.decode(errors="replace").splitlines()]
    listed = {name: digest for digest, _, name in rows if name and "/" not in name}
    for name, digest in listed.items():
        if _digest(folder / name) != digest:
            yield Finding(code="run_altered", study=study, subject=f"{run_id}/{name}")
    for path in sorted(folder.iterdir()):
        if path.name not in {*listed, CHECKSUMS}:
            yield Finding(code="file_added", study=study, subject=f"{run_id}/{path.name}")


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except (FileNotFoundError, IsADirectoryError, ValueError):
        return ""
