"""The file of a trail: read with every fault named, added to under a lock, never rewritten."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from whatif.base.errors import Problem, PublishError, UsageError
from whatif.publish.atomic import flush_folder, publishing, write_bytes
from whatif.publish.audit.entry import KEY, Entry, Kind, first_link, is_sealed_by, line_of, parsed
from whatif.publish.audit.entry import made as made_entry
from whatif.publish.lock import waiting_lock

TRAIL = "audit.jsonl"
TORN = "audit.torn-"

FaultCode = Literal["foreign_trail", "entry_altered", "entry_missing", "torn_tail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with a line, and its place in the file, from 1."""

    code: FaultCode
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """A trail as it stands.

    Attributes
    ----------
    entries : tuple of Entry
        Entries whose own hash is right, in the order of the file.
    faults : tuple of Fault
        What is wrong with the file.
    tail : bytes
        What follows the last line end: nothing, unless a writer died or a line was cut.
    size : int
        Bytes of the whole lines.
    """

    entries: tuple[Entry, ...]
    faults: tuple[Fault, ...]
    tail: bytes
    size: int

    @property
    def head(self) -> str:
        """Hash of the newest entry; empty where there is none."""
        return self.entries[-1].hash if self.entries else ""


def read_trail(out: Path, study: str) -> Trail:
    """Return the trail of a study with every fault in it; without a file, an empty one.

    Raises
    ------
    OSError
        If the file is there and cannot be read.
    """
    path = out / study / TRAIL
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        content = b""
    *lines, tail = content.split(b"\n")
    entries: list[Entry] = []
    faults: list[Fault] = []
    before: str | None = first_link(study)
    for place, line in enumerate(lines, start=1):
        try:
            entry = parsed(line)
        except ValueError:
            faults.append(Fault(code="entry_altered", line=place))
            before = None
            continue
        if before is not None and entry.previous != before:
            foreign = place == 1 and entry.n == 1
            faults.append(Fault(code="foreign_trail" if foreign else "entry_missing", line=place))
        elif entry.n != place and not faults:
            faults.append(Fault(code="entry_missing", line=place))
        entries.append(entry)
        before = entry.hash
    if tail:
        faults.append(Fault(code="torn_tail", line=len(lines) + 1))
    return Trail(
        entries=tuple(entries), faults=tuple(faults), tail=tail, size=len(content) - len(tail)
    )


def sound_entries(out: Path, study: str) -> tuple[Entry, ...]:
    """Return the entries of a trail that may be relied on; a line being written is not yet one.

    Raises
    ------
    PublishError
        If the trail is damaged or cannot be read.
    """
    path = out / study / TRAIL
    try:
        trail = read_trail(out, study)
    except OSError as error:
        raise PublishError(
            Problem(
                what=f"The audit trail {path} cannot be read: {error.strerror or error}.",
                why="nothing says what was planned, run and signed.",
                fix="make the file readable.",
            )
        ) from error
    faults = [fault for fault in trail.faults if fault.code != "torn_tail"]
    if faults:
        raise _damaged(path, faults[0])
    return trail.entries


class Writer:
    """An open trail: what stands in it, and a way to add to it. Made by `writing` only."""

    def __init__(self, path: Path, study: str, entries: Sequence[Entry], key: bytes | None) -> None:
        self._path, self._study, self._key = path, study, key
        self.entries: tuple[Entry, ...] = tuple(entries)

    def add(self, kind: Kind, content: Mapping[str, Any], *, now: dt.datetime) -> Entry:
        """Add an entry; it is on disk when this returns."""
        last = self.entries[-1] if self.entries else None
        entry = made_entry(
            first_link(self._study) if last is None else last.hash,
            n=len(self.entries) + 1,
            at=now.astimezone(dt.UTC).isoformat(timespec="seconds"),
            kind=kind,
            content=content,
            key=self._key,
        )
        with publishing(self._path):
            _append(self._path, line_of(entry))
        self.entries = (*self.entries, entry)
        return entry


@contextmanager
def writing(out: Path, study: str, *, key: bytes | None, sealing: bool = False) -> Iterator[Writer]:
    """Hold the trail of a study, sound and free of half-written lines, to read and add to it.

    A line that a dying writer cut short is moved to ``audit.torn-<n>`` beside the trail. With a
    key, entries that nobody sealed are added to only by who is `sealing` them.

    Raises
    ------
    PublishError
        If the trail is damaged or cannot be written.
    UsageError
        If it is sealed and the key is missing or another one, or there is a key and nobody has
        sealed it.
    LockedError
        If another process keeps it locked.
    """
    path = out / study / TRAIL
    with waiting_lock(path.with_name(f".{TRAIL}.lock"), f"the audit trail of {study!r}"):
        with publishing(path):
            trail = read_trail(out, study)
            if trail.tail:
                _mend(path, trail, study)
                trail = read_trail(out, study)
        if trail.faults:
            raise _damaged(path, trail.faults[0])
        _require_key(path, trail.entries, key, sealing=sealing)
        yield Writer(path, study, trail.entries, key)


def _append(path: Path, line: bytes) -> None:
    """Add a line, whole and on disk; where that fails, nothing of it stays."""
    size = path.stat().st_size if path.exists() else None
    try:
        with path.open("ab") as handle:
            handle.write(line)
            handle.flush()
            os.fsync(handle.fileno())
    except OSError:
        with suppress(OSError):
            os.truncate(path, size or 0)
        raise
    if size is None:
        flush_folder(path.parent)


def _mend(path: Path, trail: Trail, study: str) -> None:
    """End a whole last line that lacks its end, or move one that was cut short aside."""
    before = trail.head or first_link(study)
    try:
        whole = parsed(trail.tail).previous == before
    except ValueError:
        whole = False
    if whole:
        _append(path, b"\n")
        return
    write_bytes(_aside(path, trail), trail.tail)
    with path.open("r+b") as handle:
        handle.truncate(trail.size)
        os.fsync(handle.fileno())


def _aside(path: Path, trail: Trail) -> Path:
    """Return the name for a torn line: free, or taken by these very bytes."""
    n, copy = len(trail.entries) + 1, 1
    while True:
        name = path.with_name(f"{TORN}{n}" if copy == 1 else f"{TORN}{n}-{copy}")
        if not name.exists() or name.read_bytes() == trail.tail:
            return name
        copy += 1


def _damaged(path: Path, fault: Fault) -> PublishError:
    return PublishError(
        Problem(
            what=f"The audit trail {path} is damaged at line {fault.line}.",
            why="what was planned, run and signed can no longer be told from what was not.",
            fix="see `whatif audit verify`; then restore the file from a copy, or move it away: "
            "the next run starts a new trail and says so, and a site that knows the old one asks "
            "for a word before it is written to.",
        )
    )


def _require_key(path: Path, entries: Sequence[Entry], key: bytes | None, *, sealing: bool) -> None:
    sealed = [entry for entry in entries if entry.seal]
    if not sealed:
        if entries and key is not None and not sealing:
            raise _unsealed(path)
        return
    if key is None or not is_sealed_by(sealed[-1], key):
        raise UsageError(
            Problem(
                what=f"The audit trail {path} is sealed, and {KEY} "
                + ("is not set." if key is None else "holds another key."),
                why="an entry without the seal would look like one that somebody slipped in.",
                fix=f"set {KEY} to the key that the earlier entries were written with.",
            )
        )


def _unsealed(path: Path) -> UsageError:
    return UsageError(
        Problem(
            what=f"The audit trail {path} has entries that nobody sealed, and {KEY} is set.",
            why="they were written before the key was set, or somebody wrote the trail anew; a "
            "seal after them would vouch for both alike.",
            fix="if the key is new, hold them against a copy and run `whatif audit seal STUDY --by "
            "NAME`; else restore the sealed file from a copy.",
        )
    )
