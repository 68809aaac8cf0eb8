"""A study's history, put together: runs from the store, order and words from the audit trail."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from whatif.base.errors import Problem, PublishError
from whatif.base.history import History, PastRun
from whatif.contract.spec import StudySpec
from whatif.publish.audit.entry import Entry
from whatif.publish.audit.record import last_rewind, made_since_rewind, recorded_runs
from whatif.publish.audit.sign import sign_offs
from whatif.publish.audit.trail import sound_entries
from whatif.publish.pointer import Made, Rewind, point
from whatif.publish.store.opening import open_store
from whatif.publish.store.run_store import RunStore
from whatif.report.schedule import due_after
from whatif.run.changes import change_between

STORE = "WHATIF_STORE"


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
        [Made(run_id=run.line.run_id, as_of=run.line.as_of) for run in runs],
        signed,
        required=spec.review.required,
        rewind=_rewind(entries, runs),
    )
    last = store.last_attempt(study)
    known = History(
        study=study,
        runs=tuple(replace(run, sign_off=signed.get(run.line.run_id)) for run in runs),
        shown=pointer.shown,
        awaiting=pointer.awaiting,
        next_due=None,
        failure=None if last is None or good_at is not None else last.failure,
        audit_head=next((e.hash for e in reversed(entries) if e.kind != "publish"), ""),
    )
    made = good_at or _last_good(store, known)
    reached = known.of(known.shown)
    return replace(
        known,
        next_due=None if made is None else _due(spec, made),
        fresh_until=None if reached is None else fresh_until(spec, reached.line.data_to),
    )


def _rewind(entries: Sequence[Entry], runs: Sequence[PastRun]) -> Rewind | None:
    """Return the last rewind, counted in the runs that are left: some may have been pruned."""
    said = last_rewind(entries)
    if said is None:
        return None
    newer = made_since_rewind(entries)
    return Rewind(run_id=said.run_id, after=sum(run.line.run_id not in newer for run in runs))


def _due(spec: StudySpec, made: dt.datetime) -> str | None:
    return None if spec.schedule is None else due_after(spec.schedule, made)


def fresh_until(spec: StudySpec, data_to: dt.date | None) -> dt.date | None:
    """Return the last day on which data that reach to a day are recent enough; None undated."""
    if data_to is None:
        return None
    count, unit = int(spec.freshness[:-1]), spec.freshness[-1]
    allowed = dt.timedelta(days=count) if unit == "d" else dt.timedelta(hours=count)
    return data_to + dt.timedelta(days=allowed.days)


def _in_order(store: RunStore, study: str, entries: Sequence[Entry]) -> tuple[PastRun, ...]:
    """Return the stored runs in the order they were last made; unrecorded ones come first."""
    stored = store.history(study)
    place = {run_id: n for n, run_id in enumerate(recorded_runs(entries), start=1)}
    ordered = sorted(stored, key=lambda run: place.get(run.line.run_id, 0))
    if list(stored) == ordered:
        return stored
    return _linked(ordered, store, study)


def _linked(runs: Sequence[PastRun], store: RunStore, study: str) -> tuple[PastRun, ...]:
    """Return runs in this order, each with its change against the one before it, where kept."""
    known = store.changes(study)
    return (
        *(replace(run, change=None) for run in runs[:1]),
        *(
            replace(run, change=known.get((before.line.run_id, run.line.run_id)))
            for before, run in pairwise(runs)
        ),
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
    """Return a history that says why the shown run's estimate differs from the one before it.

    What the two runs' score tables say is worked out once and kept in the store.

    Raises
    ------
    PublishError
        If the store cannot be written.
    DataError
        If a run's files are damaged.
    """
    ids = [run.line.run_id for run in history.runs]
    at = ids.index(history.shown) if history.shown in ids else 0
    if at == 0 or history.runs[at].change is not None:
        return history
    before, now = (out / history.study / "runs" / ids[n] for n in (at - 1, at))
    if not (before / "scores.parquet").is_file() or not (now / "scores.parquet").is_file():
        return history
    change = change_between(before, now)
    store.save_change(history.study, change)
    changed = replace(history.runs[at], change=change)
    return replace(history, runs=(*history.runs[:at], changed, *history.runs[at + 1 :]))
