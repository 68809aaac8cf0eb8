"""Run folders into the store: what a new or restored store does not know yet."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

from whatif.base.errors import DataError
from whatif.base.history import RunLine
from whatif.contract.stored import from_json
from whatif.publish.run_folder import ANSWER, CHECKSUMS, sums
from whatif.publish.store import runs
from whatif.publish.store.records import CheckLine, FinishedRun
from whatif.publish.store.run_store import RunStore

ENTRY = "entry.json"


def import_runs(store: RunStore, out: Path) -> tuple[str, ...]:
    """Add every run folder under `out` that the store does not know; return those it cannot read.

    A folder is read where its entry and its answer are as they were written. Runs are added in the
    order of their as-of day, last day of data and id: the times of files do not survive copying.
    Such a run counts as finished at the start of its as-of day, like *made at* on its page.

    Parameters
    ----------
    store : RunStore
        Where to.
    out : Path
        The folder of all studies.

    Returns
    -------
    tuple of str
        Damaged folders as ``study/run_id``, sorted.

    Raises
    ------
    LockedError, PublishError
        If the store fails.
    """
    folders = tuple(_folders(out))
    with store.database.reading() as connection:
        known = runs.known_runs(connection, {folder.parent.parent.name for folder in folders})
    found: list[FinishedRun] = []
    damaged: list[str] = []
    for folder in folders:
        study, run_id = folder.parent.parent.name, folder.name
        if (study, run_id) in known:
            continue
        try:
            found.append(_read(folder, study, run_id))
        except (DataError, OSError, ValueError, KeyError, TypeError):
            damaged.append(f"{study}/{run_id}")
    if found:
        store.keep(*sorted(found, key=_order))
    return tuple(damaged)


def _folders(out: Path) -> Iterator[Path]:
    for folder in sorted(out.glob("*/runs/*")):
        hidden = any(part.startswith(".") for part in folder.relative_to(out).parts)
        if folder.is_dir() and not hidden:
            yield folder


def _read(folder: Path, study: str, run_id: str) -> FinishedRun:
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
    day = line.as_of or line.data_to
    written_at = dt.datetime.fromtimestamp((folder / ENTRY).stat().st_mtime, dt.UTC)
    at = written_at if day is None else dt.datetime.combine(day, dt.time(), dt.UTC)
    return FinishedRun(line=line, checks=checks, finished_at=at)


def _order(run: FinishedRun) -> tuple[dt.date, dt.date, str, str]:
    line, never = run.line, dt.date.min
    return line.as_of or never, line.data_to or never, line.study, line.run_id
