"""The log of cuts made after looking: one line per cut and run, only ever added to."""

from __future__ import annotations

import datetime as dt
import json
import os
from dataclasses import dataclass
from pathlib import Path

from whatif.base.hashing import canonical_json
from whatif.publish.atomic import publishing
from whatif.publish.lock import waiting_lock

LOG = "cuts.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class CutMade:
    """A cut that was looked at without having been declared.

    Attributes
    ----------
    cut : tuple of str
        The columns.
    run_id : str
        The run that was asked.
    first_at : str
        Moment of the first look, in UTC.
    """

    cut: tuple[str, ...]
    run_id: str
    first_at: str


def log_cut(run_folder: Path, cut: tuple[str, ...], *, at: dt.datetime) -> None:
    """Add a cut of a stored run to ``OUT/<study>/cuts.jsonl``, unless it stands there already.

    Parameters
    ----------
    run_folder : Path
        ``OUT/<study>/runs/<run_id>``.
    cut : tuple of str
        The columns.
    at : datetime
        When it was made, with a time zone.

    Raises
    ------
    PublishError
        If the log cannot be written.
    LockedError
        If another process keeps the log locked.
    """
    path = _path(run_folder)
    made = CutMade(
        cut=tuple(sorted(cut)),
        run_id=run_folder.name,
        first_at=at.astimezone(dt.UTC).isoformat(timespec="seconds"),
    )
    with waiting_lock(path.with_name(f".{LOG}.lock"), f"the log {path}"), publishing(path):
        if any((m.cut, m.run_id) == (made.cut, made.run_id) for m in read_cuts(run_folder)):
            return
        line = canonical_json(
            {"cut": list(made.cut), "first_at": made.first_at, "run_id": made.run_id}
        )
        torn = path.is_file() and path.read_bytes()[-1:] not in (b"", b"\n")
        with path.open("ab") as handle:
            handle.write(("\n" if torn else "").encode() + f"{line}\n".encode())
            handle.flush()
            os.fsync(handle.fileno())


def read_cuts(run_folder: Path) -> tuple[CutMade, ...]:
    """Return every logged cut of the run's study, oldest first; a line cut short is left out."""
    path = _path(run_folder)
    if not path.is_file():
        return ()
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    stored = [json.loads(line) for line in lines if line.endswith("}\n")]
    return tuple(
        CutMade(cut=tuple(row["cut"]), run_id=row["run_id"], first_at=row["first_at"])
        for row in stored
    )


def _path(run_folder: Path) -> Path:
    folder = run_folder.resolve()
    return (folder.parents[1] if folder.parent.name == "runs" else folder.parent) / LOG
