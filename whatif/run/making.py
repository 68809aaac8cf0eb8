"""A run made and kept: plan locked before it, folder written, store and audit trail told."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from whatif.base.history import RunLine
from whatif.contract.plan import plan_of
from whatif.contract.spec import StudySpec
from whatif.contract.stored import from_json
from whatif.publish.audit.lock_plan import lock_plan
from whatif.publish.audit.record import record_run
from whatif.publish.run_folder import ANSWER, is_intact, write_run
from whatif.publish.store.records import CheckLine, FinishedRun
from whatif.publish.store.run_store import RunStore
from whatif.run.analysis import RunOptions, Stage, analyse, prepare
from whatif.run.calibration_file import FILE as CALIBRATION
from whatif.run.files import ENTRY, FILES, files_of

Clock = Callable[[], dt.datetime]


def utc_now() -> dt.datetime:
    """Return the present moment."""
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A run in its folder.

    Attributes
    ----------
    folder : Path
        Where it stands.
    line : RunLine
        What it found.
    unchanged : bool
        Whether an intact run with this id stood there already.
    """

    folder: Path
    line: RunLine
    unchanged: bool


def make_run(
    spec: StudySpec,
    *,
    base: Path,
    out: Path,
    options: RunOptions,
    store: RunStore,
    key: bytes | None,
    stage: Stage,
    clock: Clock,
) -> Made:
    """Answer a study and keep the run; call it while holding the study's lock.

    Raises
    ------
    WhatIfError
        Any of its kinds; nothing is then half-written.
    """
    asked = replace(
        with_plan(options, spec, out, key=key, clock=clock),
        calibration=out / spec.study / CALIBRATION,
        today=options.today or clock().date(),
    )
    prepared = prepare(spec, base=base, options=asked)
    folder = out / spec.study / "runs" / prepared.run_id
    unchanged = not options.force and is_intact(folder, FILES)
    files = {} if unchanged else files_of(analyse(prepared, asked, stage=stage))
    return keep_run(
        out,
        spec.study,
        prepared.run_id,
        files,
        store=store,
        rebuild=options.force,
        key=key,
        clock=clock,
    )


def with_plan(
    options: RunOptions, spec: StudySpec, out: Path, *, key: bytes | None, clock: Clock
) -> RunOptions:
    """Lock the plan before anyone looks, and return options that hold the one that counts."""
    lock = lock_plan(out, spec.study, plan_of(spec), now=clock(), key=key)
    return replace(options, plan_lock=lock)


def keep_run(
    out: Path,
    study: str,
    run_id: str,
    files: Mapping[str, bytes],
    *,
    store: RunStore,
    rebuild: bool,
    key: bytes | None,
    clock: Clock,
) -> Made:
    """Write a run's folder (no files: it stands there), its line in the store, its trail entry.

    Raises
    ------
    PublishError
        If something cannot be written, or the folder is not what was recorded.
    """
    written = write_run(out, study, run_id, files, rebuild=rebuild)
    record_run(out, study, run_id, now=clock(), fresh=not written.unchanged, key=key)
    line = line_in(written.path)
    store.keep(FinishedRun(line=line, checks=_checks(written.path), finished_at=clock()))
    return Made(folder=written.path, line=line, unchanged=written.unchanged)


def line_in(folder: Path) -> RunLine:
    """Return a stored run in one line.

    Raises
    ------
    DataError
        If the file is damaged.
    """
    return from_json(RunLine, (folder / ENTRY).read_bytes(), shown=f"{folder / ENTRY}")


def _checks(folder: Path) -> tuple[CheckLine, ...]:
    answer = json.loads((folder / ANSWER).read_bytes())
    return tuple(
        CheckLine(code=check["code"], name=check["name"], status=check["status"])
        for check in answer["checks"]
    )
