"""Run folders into the store: what a new or restored store does not know yet."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

from whatif.base.errors import DataError, PublishError
from whatif.base.history import RunLine
from whatif.contract.stored import from_json
from whatif.publish.audit.trail import sound_entries
from whatif.publish.run_folder import ANSWER, CHECKSUMS, sums
from whatif.publish.store import runs
from whatif.publish.store.records import CheckLine, FinishedRun
from whatif.publish.store.run_store import RunStore

ENTRY = "entry.json"


def import_runs(store: RunStore, out: Path) -> tuple[str, ...]:
    """Add every run folder under `out` that the store does not know; return those left out.

    A folder is read where its entry and its answer are as they were written. Runs are added in the
    order of their as-of day, last day of data and id: the times of files do not survive copying.
    Such a run counts as finished when the audit trail says it was made; where its study has no
    trail, at the start of its as-of day, like *made at* on its page. A run that a trail does not
    know is left out: a process died before it could say so, or somebody put it there.

    Parameters
    ----------
    store : RunStore
        Where to.
    out : Path
        The folder of all studies.

    Returns
    -------
    tuple of str
        Damaged and unrecorded folders as ``study/run_id``, sorted.

    Raises
    ------
    LockedError, PublishError
        If the store fails.
    """
    folders = tuple(_folders(out))
    with store.database.reading() as connection:
        known = runs.known_runs(connection, {folder.parent.parent.name for folder in folders})
    new = [folder for folder in folders if (folder.parent.parent.name, folder.name) not in known]
    recorded = {study: _recorded(out, study) for study in {f.parent.parent.name for f in new}}
    found: list[FinishedRun] = []
    damaged: list[str] = []
    for folder in new:
        study, run_id = folder.parent.parent.name, folder.name
        made = recorded[study]
        try:
            found.append(_read(folder, study, run_id, at=None if made is None else made[run_id]))
        except (DataError, OSError, ValueError, KeyError, TypeError):
            damaged.append(f"{study}/{run_id}")
    if found:
        store.keep(*sorted(found, key=_order))
    return tuple(damaged)


def _recorded(out: Path, study: str) -> dict[str, dt.datetime] | None:
    """Return when each recorded run was made; None without a trail, nothing if it is damaged."""
    try:
        entries = sound_entries(out, study)
    except PublishError:
        return {}
    if not entries:
        return None
    return {
        entry.content["run_id"]: dt.datetime.fromisoformat(entry.at)
        for entry in entries
        if entry.kind == "run"
    }


def _folders(out: Path) -> Iterator[Path]:
    for folder in sorted(out.glob("*/runs/*")):
        hidden = any(part.startswith(".") for part in folder.relative_to(out).parts)
        if folder.is_dir() and not hidden:
            yield folder


def _read(folder: Path, study: str, run_id: str, *, at: dt.datetime | None) -> FinishedRun:
    entry, answer = ((folder / name).read_bytes() for name in (ENTRY, ANSWER))
    written = sums({ENTRY: entry, ANSWER: answer}).splitlines()
    if not set(written) <= set((folder / CHECKSUMS).read_bytes().splitlines()):
        raise ValueError(folder)
    line = from_json(RunLine, entry, shown=f"{study}/{run_id}")
    if (line.study, line.run_id) != (study, run_id):
        raise ValueError(folder)
    checks = tuple(
        CheckLine(code=check["code"], name=check["name"], status=check["status"])
        for check in json.loads(answer)["checks"]
    )
    return FinishedRun(line=line, checks=checks, finished_at=at or _day_of(line, folder))


def _day_of(line: RunLine, folder: Path) -> dt.datetime:
    day = line.as_of or line.data_to
    written_at = dt.datetime.fromtimestamp((folder / ENTRY).stat().st_mtime, dt.UTC)
    return written_at if day is None else dt.datetime.combine(day, dt.time(), dt.UTC)


def _order(run: FinishedRun) -> tuple[dt.date, dt.date, str, str]:
    line, never = run.line, dt.date.min
    return line.as_of or never, line.data_to or never, line.study, line.run_id
