"""A study's history, put together: runs from the store, order and words from the audit trail."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from whatif.base.errors import Problem, PublishError
from whatif.base.history import History, PastRun, RunLine, SetBack
from whatif.base.readers import reports_before
from whatif.contract.spec import StudySpec
from whatif.contract.stored import from_json
from whatif.publish.audit.entry import Entry
from whatif.publish.audit.record import last_rewind, made_since_rewind, recorded_runs
from whatif.publish.audit.sign import sign_offs
from whatif.publish.audit.trail import sound_entries
from whatif.publish.pointer import Made, Rewind, point
from whatif.publish.run_folder import is_intact, read_intact
from whatif.publish.store.importing import ENTRY
from whatif.publish.store.opening import open_store
from whatif.publish.store.run_store import RunStore
from whatif.report.schedule import due_after
from whatif.run.changes import change_between

STORE = "WHATIF_STORE"
_CHECKED = 100
_COMPARED = ("answer.json", "manifest.json", "scores.parquet")


def store_of(out: Path) -> RunStore:
    """Open the run store: ``$WHATIF_STORE``, else ``OUT/.whatif/runs.sqlite``.

    Raises
    ------
    UsageError, LockedError, PublishError
        As opening raises them.
    """
    return open_store(os.environ.get(STORE) or out / ".whatif" / "runs.sqlite")


def spec_of(folder: Path) -> StudySpec:
    """Return the study that a stored run was made from.

    Raises
    ------
    PublishError
        If the run's manifest cannot be read.
    """
    try:
        manifest = json.loads((folder / "manifest.json").read_bytes())
        return StudySpec.model_validate(manifest["study_file"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PublishError(
            Problem(
                what=f"The manifest of run {folder.name} cannot be read ({type(error).__name__}).",
                why="nothing says how the study is reviewed and when it is due.",
                fix="run the study again.",
            )
        ) from error


def history_of(
    out: Path, spec: StudySpec, *, store: RunStore, good_at: dt.datetime | None = None
) -> History:
    """Return everything known of a study's runs.

    Parameters
    ----------
    out : Path
        Where runs stand.
    spec : StudySpec
        The study, as its file or its newest run has it.
    store : RunStore
        What the runs found.
    good_at : datetime, optional
        The moment of a run that has just been made; else the newest good attempt's counts.

    Raises
    ------
    PublishError
        If trail or store cannot be read.
    """
    study = spec.study
    entries = sound_entries(out, study)
    runs = _in_order(store, study, entries)
    signed = sign_offs(entries)
    pointer = point(
        [
            Made(run_id=run.line.run_id, day=_day(run), seen=run.published_at is not None)
            for run in runs
        ],
        signed,
        required=spec.review.required,
        rewind=_rewind(entries, runs),
    )
    _require_as_written(out, study, runs)
    by_day = _linked(sorted(runs, key=_day), store, study)
    last = store.last_attempt(study)
    known = History(
        study=study,
        runs=tuple(replace(run, sign_off=signed.get(run.line.run_id)) for run in by_day),
        shown=pointer.shown,
        awaiting=pointer.awaiting,
        next_due=None,
        failure=None if last is None or good_at is not None else last.failure,
        audit_head=next((e.hash for e in reversed(entries) if e.kind != "publish"), ""),
        review=spec.review.required,
        set_back=_set_back(entries, runs, pointer.shown),
    )
    made = good_at or _last_good(store, known)
    reached = known.of(known.shown)
    data_to = None if reached is None else reached.line.data_to
    return replace(
        known,
        next_due=None if made is None else _due(spec, made),
        fresh_until=None if data_to is None else spec.fresh_until(data_to),
    )


def _rewind(entries: Sequence[Entry], runs: Sequence[PastRun]) -> Rewind | None:
    """Return the last rewind, counted in the runs that are left: some may have been pruned."""
    said = last_rewind(entries)
    if said is None:
        return None
    newer = made_since_rewind(entries)
    return Rewind(run_id=said.run_id, after=sum(run.line.run_id not in newer for run in runs))


def _set_back(
    entries: Sequence[Entry], runs: Sequence[PastRun], shown: str | None
) -> SetBack | None:
    """Return who chose the shown run, where none of the newer ones has taken its place."""
    said, newer = last_rewind(entries), made_since_rewind(entries)
    if said is None or shown != said.run_id or shown in newer or shown == runs[-1].line.run_id:
        return None
    return SetBack(by=said.by, at=said.at, note=said.note)


def _due(spec: StudySpec, made: dt.datetime) -> str | None:
    return None if spec.schedule is None else due_after(spec.schedule, made)


def _in_order(store: RunStore, study: str, entries: Sequence[Entry]) -> tuple[PastRun, ...]:
    """Return the stored runs in the order they were last made; unrecorded ones come first."""
    place = {run_id: n for n, run_id in enumerate(recorded_runs(entries), start=1)}
    return tuple(sorted(store.history(study), key=lambda run: place.get(run.line.run_id, 0)))


def _day(run: PastRun) -> dt.date:
    """Return the day a run speaks of: the last of its data or, undated, the day it was finished."""
    return run.line.data_to or dt.datetime.fromisoformat(run.finished_at).date()


def _linked(runs: Sequence[PastRun], store: RunStore, study: str) -> tuple[PastRun, ...]:
    """Return runs in this order, each with its change against the report before, where kept."""
    known = store.changes(study)
    pairs = zip(reports_before(runs), runs, strict=True)
    return tuple(
        replace(
            run,
            change=None if before is None else known.get((before.line.run_id, run.line.run_id)),
        )
        for before, run in pairs
    )


def _require_as_written(out: Path, study: str, runs: Sequence[PastRun]) -> None:
    """Refuse a store that says of a recent run other than its intact folder."""
    for run in runs[-_CHECKED:]:
        folder = out / study / "runs" / run.line.run_id
        content = (read_intact(folder, (ENTRY,)) or {}).get(ENTRY)
        if content is None:
            continue
        if from_json(RunLine, content, shown=str(folder / ENTRY)) != run.line:
            raise PublishError(
                Problem(
                    what=f"The run store says of run {run.line.run_id} other than its folder.",
                    why="readers would see numbers that no run has made.",
                    fix="see `whatif audit verify`; then move the store away: the next command "
                    "reads the runs on disk again.",
                )
            )


def without(history: History, run_ids: Collection[str], *, store: RunStore) -> History:
    """Return a history as it is once these runs are removed from the store.

    Raises
    ------
    PublishError
        If the store cannot be read.
    """
    left = [run for run in history.runs if run.line.run_id not in run_ids]
    return replace(history, runs=_linked(left, store, history.study))


def _last_good(store: RunStore, history: History) -> dt.datetime | None:
    good = store.last_good(history.study)
    if good is not None and good.finished_at is not None:
        return dt.datetime.fromisoformat(good.finished_at)
    finished = [run.finished_at for run in history.runs]
    return dt.datetime.fromisoformat(max(finished)) if finished else None


def with_change(out: Path, history: History, *, store: RunStore) -> History:
    """Return a history that says why the shown run's estimate differs from the last report's.

    What the two runs' score tables say is worked out once and kept in the store. Where one of them
    is damaged, or its scores are gone, nothing is said.

    Raises
    ------
    PublishError
        If the store cannot be written.
    """
    pairs = zip(reports_before(history.runs), history.runs, strict=True)
    before, shown = next(
        (pair for pair in pairs if pair[1].line.run_id == history.shown), (None, None)
    )
    if before is None or shown is None or shown.change is not None:
        return history
    folders = [out / history.study / "runs" / run.line.run_id for run in (before, shown)]
    if not all(is_intact(folder, _COMPARED) for folder in folders):
        return history
    change = change_between(*folders)
    store.save_change(history.study, change)
    runs = (replace(run, change=change) if run is shown else run for run in history.runs)
    return replace(history, runs=tuple(runs))
