"""Commands as functions: one run put in place under a lock, a check, a question, a schedule."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from whatif.base.errors import Notice, Problem, UsageError
from whatif.base.hashing import canonical_json
from whatif.contract.draft import draft_study
from whatif.contract.study_file import load_study
from whatif.graph.controls import placebo_outcomes
from whatif.publish.atomic import publishing, write_bytes
from whatif.publish.lock import study_lock
from whatif.publish.run_folder import is_intact, write_run
from whatif.publish.site import publish_run
from whatif.report.index_page import IndexEntry
from whatif.run.analysis import Run, RunOptions, Stage, analyse, prepare, quiet
from whatif.run.answers import open_run
from whatif.run.assemble import Prepared
from whatif.run.calibration_file import FILE as CALIBRATION
from whatif.run.files import ENTRY, FILES, files_of
from whatif.run.what_if import Question, amounts_of, ask
from whatif.verdict.record import Decision
from whatif.verdict.scenario_wording import asked_line, what_if_notes, what_if_title


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a run goes.

    Attributes
    ----------
    out : Path
        Folder of studies and their runs.
    publish : bool
        Whether the run is put on the site.
    site : Path
        Root of the site.
    """

    out: Path
    publish: bool
    site: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A run in place.

    Attributes
    ----------
    folder, page : Path
        The run folder, and the page readers open.
    answer : str
        ``answer.json`` as text.
    text : str
        Verdict, three numbers and the page, for a terminal.
    warnings : tuple of str
        Named warnings of the run, each with its fix.
    withheld : bool
        Whether an integrity check broke (exit code 4).
    unchanged : bool
        Whether an intact run with this id stood there already.
    """

    folder: Path
    page: Path
    answer: str
    text: str
    warnings: tuple[str, ...]
    withheld: bool
    unchanged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a question found: as a record for machines, and as text for a terminal.

    `withheld` says that the run cannot be trusted (exit code 4).
    """

    record: dict[str, Any]
    text: str
    withheld: bool = False


def cache_folder(out: Path) -> Path:
    """Return where score tables are kept: ``$WHATIF_CACHE``, else ``OUT/.whatif/cache``."""
    named = os.environ.get("WHATIF_CACHE")
    return Path(named) if named else out / ".whatif" / "cache"


def run_study(path: Path, *, options: RunOptions, target: Target, stage: Stage = quiet) -> Done:
    """Run a study file and put the run in place; the same inputs again change nothing.

    Raises
    ------
    WhatIfError
        Any of its kinds; nothing is then half-written.
    """
    loaded = load_study(path)
    spec = loaded.spec
    with study_lock(target.out, spec.study):
        asked = replace(options, calibration=target.out / spec.study / CALIBRATION)
        prepared = prepare(spec, base=loaded.folder, options=asked)
        folder = target.out / spec.study / "runs" / prepared.run_id
        unchanged = not options.force and is_intact(folder, FILES)
        files = {} if unchanged else files_of(analyse(prepared, options, stage=stage))
        written = write_run(target.out, spec.study, prepared.run_id, files, rebuild=options.force)
        page, entry = written.path / "report.html", _entry(written.path)
        if target.publish:
            waits = spec.review.required
            page = publish_run(written.path, target.site, entry, awaiting_review=waits).page
    answer = (written.path / "answer.json").read_text(encoding="utf-8")
    summary = (written.path / "summary.txt").read_text(encoding="utf-8")
    lines = [summary.rstrip("\n"), *(["Unchanged since the last run."] if unchanged else []), ""]
    return Done(
        folder=written.path,
        page=page,
        answer=answer,
        text="\n".join([*lines, f"Page: {page}"]),
        warnings=tuple(_warning(notice) for notice in json.loads(answer)["notices"]),
        withheld=entry.decision is Decision.CANNOT_BE_TRUSTED,
        unchanged=unchanged,
    )


def _warning(notice: dict[str, str]) -> str:
    return f"warning ({notice['code']}): {notice['what']} What to do: {notice['fix']}"


def keep(made: Run, out: Path) -> Path:
    """Write a finished run under `out` and return its folder.

    Raises
    ------
    LockedError, PublishError
        If another run of the study is under way, or the folder cannot be written.
    """
    study = made.prepared.spec.study
    with study_lock(out, study):
        return write_run(out, study, made.prepared.run_id, files_of(made)).path


def _entry(folder: Path) -> IndexEntry:
    stored = json.loads((folder / ENTRY).read_text(encoding="utf-8"))
    day = stored["data_to"]
    return IndexEntry(
        **{
            **stored,
            "decision": Decision(stored["decision"]),
            "data_to": None if day is None else dt.date.fromisoformat(day),
        }
    )


def check_study(path: Path, *, options: RunOptions) -> Found:
    """Look at everything short of fitting.

    Raises
    ------
    UsageError, DataError, NotIdentifiedError
        As soon as a room refuses the study.
    """
    loaded = load_study(path)
    prepared = prepare(loaded.spec, base=loaded.folder, options=options)
    record = _checked(prepared)
    lines = [
        f"{loaded.spec.study}: the study can be answered.",
        *(f"  {name}: {value}" for name, value in record["data"].items()),
        f"  adjusted for: {', '.join(prepared.estimand.adjustment) or 'nothing'}",
        *(f"  assumes: {sentence}" for sentence in prepared.estimand.assumptions),
        *_placebos(prepared),
        *(f"  note: {_one_line(notice)}" for notice in prepared.design.notices),
    ]
    return Found(record=record, text="\n".join(lines))


def _placebos(prepared: Prepared) -> list[str]:
    """Name columns that could show a missing cause, where the study declares none."""
    if prepared.spec.negative_controls.outcomes:
        return []
    names = placebo_outcomes(prepared.estimand, adjusted=prepared.design.features.names)
    return [f"  could serve as negative control outcomes: {', '.join(names)}"] if names else []


def _checked(prepared: Prepared) -> dict[str, Any]:
    design = prepared.design
    return {
        "study": prepared.spec.study,
        "data": {
            "rows": prepared.data.rows_read,
            "units": design.n,
            "clusters": int(design.cluster.max()) + 1,
            "arms": {arm: int((design.arm == a).sum()) for a, arm in enumerate(design.arms)},
        },
        "design": design.kind,
        "adjustment": list(prepared.estimand.adjustment),
        "assumptions": list(prepared.estimand.assumptions),
        "notices": [{"code": n.code, **asdict(n.problem)} for n in design.notices],
    }


def _one_line(notice: Notice) -> str:
    return f"{notice.problem.what} {notice.problem.fix}"


def ask_run(ref: str, question: Question, *, out: Path) -> Found:
    """Answer a what-if question from a stored run, as ``ask.v1``.

    Raises
    ------
    UsageError
        If the run or a part of the question is not known, or the data cannot speak of it.
    PublishError
        If the log of cuts cannot be written.
    """
    opened = open_run(ref, out=out)
    verdict = opened.findings.verdict
    made = ask(
        opened.scores,
        opened.spec,
        question,
        days=json.loads(opened.json)["data"]["days"],
        recommended=verdict.arm,
        folder=opened.folder,
    )
    withheld = verdict.decision is Decision.CANNOT_BE_TRUSTED
    amounts, spec = amounts_of(question), opened.spec
    told = {name: dict(getattr(amounts, name)) for name in ("per", "factor", "arm_cost", "price")}
    record = {
        "schema": "ask.v1",
        **json.loads(canonical_json(asdict(made))),
        **told,
        "verdict": str(verdict.decision),
    }
    if withheld:
        text = f"{verdict.headline} No what-if is answered from them; the page says why."
        gone: dict[str, Any] = {"effects": [], "profit": None, "monthly": [], "break_even": None}
        return Found(record=record | gone, text=text, withheld=True)
    profit = () if made.profit is None else (made.profit,)
    lines = [
        f"{what_if_title(made)}.",
        *(asked_line(effect, spec, made.currency) for effect in (*made.effects, *profit)),
        *(asked_line(effect, spec, made.currency) for effect in made.monthly),
        *what_if_notes(made, spec, amounts, units=opened.scores.n),
        f"The study's verdict: {verdict.headline}",
    ]
    return Found(record=record, text="\n".join(lines))


def render_schedule(path: Path, *, kind: str, out: Path) -> str:
    """Return what a scheduler needs to run the study by itself.

    Raises
    ------
    UsageError
        If the study has no schedule, or `kind` is not available.
    """
    from whatif.report.schedule import render_cron

    loaded = load_study(path)
    if kind != "cron":
        raise UsageError(
            Problem(
                what=f"Schedules cannot be rendered as {kind!r} in this version.",
                why="only a rendering that was tested should run unattended.",
                fix="use --as cron.",
            )
        )
    if loaded.spec.schedule is None:
        raise UsageError(
            Problem(
                what=f"The study {loaded.spec.study!r} has no `schedule`.",
                why="nothing says when it should run.",
                fix='add e.g. `schedule: {cron: "0 7 * * 1", timezone: Europe/London}`.',
            )
        )
    executable = shutil.which("whatif", path=str(Path(sys.executable).parent)) or "whatif"
    return render_cron(
        loaded.spec.schedule,
        study_path=loaded.path.resolve(),
        executable=Path(executable),
        out=out.resolve(),
    )


def draft(source: str, study: Path) -> str:
    """Write a study file guessed from the columns of `source`, and say what to do next.

    Raises
    ------
    UsageError
        If the file exists already, or the columns do not suggest a study.
    DataError
        If the source cannot be read.
    """
    if study.exists():
        raise UsageError(
            Problem(
                what=f"{study} exists already.",
                why="a draft must not overwrite a study.",
                fix="name another file with --study.",
            )
        )
    local = Path(source)
    shown = str(local.resolve()) if local.exists() else source
    name = "".join(c if c.isalnum() else "-" for c in study.resolve().parent.name.lower())
    text = draft_study(shown, base=Path.cwd(), name=name.strip("-") or "study")
    with publishing(study):
        write_bytes(study, text.encode())
    return f"{study}\nRead and correct every line, then: whatif check {study}"
