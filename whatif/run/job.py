"""One run of a study, from its file to its page: under a lock, noted, and people told."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from whatif.base.errors import Problem, WhatIfError
from whatif.base.history import History
from whatif.contract.study_file import LoadedStudy, load_study
from whatif.publish.audit.entry import audit_key
from whatif.publish.lock import study_lock
from whatif.publish.notices.state import StudyState
from whatif.run.analysis import Run, RunOptions, Stage, quiet
from whatif.run.files import files_of
from whatif.run.history import store_of
from whatif.run.making import Clock, Made, keep_run, make_run, utc_now
from whatif.run.publisher import Publisher, publisher
from whatif.verdict.notice_wording import failure_reason
from whatif.verdict.record import Decision
from whatif.verdict.site_wording import not_imported, still_shown

_BUG, _INTEGRITY, _PUBLISH = 1, 4, 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a run goes.

    Attributes
    ----------
    out : Path
        Folder of studies and their runs.
    publish : bool
        Whether the run is put on the site, and people are told.
    site : Path or str
        Folder or URL of the site.
    """

    out: Path
    publish: bool
    site: Path | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A run in place.

    Attributes
    ----------
    folder : Path
        The run folder.
    page : str
        The page readers open.
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
    untold : tuple of Problem
        Whom a notice did not reach (exit code 7).
    """

    folder: Path
    page: str
    answer: str
    text: str
    warnings: tuple[str, ...]
    withheld: bool
    unchanged: bool
    untold: tuple[Problem, ...] = ()


def cache_folder(out: Path) -> Path:
    """Return where score tables are kept: ``$WHATIF_CACHE``, else ``OUT/.whatif/cache``."""
    named = os.environ.get("WHATIF_CACHE")
    return Path(named) if named else out / ".whatif" / "cache"


def run_study(
    path: Path,
    *,
    options: RunOptions,
    target: Target,
    stage: Stage = quiet,
    clock: Clock = utc_now,
) -> Done:
    """Run a study file and put the run in place; the same inputs again change nothing.

    Every attempt is noted. With ``target.publish`` the site says what came of it, good or bad, and
    the people that the environment names are told.

    Raises
    ------
    WhatIfError
        Any of its kinds; nothing is then half-written, and readers keep the last good page.
    """
    loaded = load_study(path)
    spec, out = loaded.spec, target.out
    site = target.site if target.publish else None
    with (
        study_lock(out, spec.study),
        publisher(out, spec, site=site, clock=clock) as desk,
    ):
        before = desk.state(desk.history())
        with _noted(desk, before) as attempt:
            made = _make(loaded, options, desk, stage)
            history = desk.history(good_at=clock())
            published = desk.put_up(history)
            withheld = made.line.decision == Decision.CANNOT_BE_TRUSTED
            code = _INTEGRITY if withheld else 0
            desk.store.finish(attempt, run_id=made.line.run_id, exit_code=code, now=clock())
        untold = desk.tell(before, history)
    page = str(made.folder / "report.html") if published is None else published.page
    return _done(made, history, page, damaged=desk.damaged, untold=untold)


def _make(loaded: LoadedStudy, options: RunOptions, desk: Publisher, stage: Stage) -> Made:
    return make_run(
        loaded.spec,
        base=loaded.folder,
        out=desk.out,
        options=options,
        store=desk.store,
        key=desk.key,
        stage=stage,
        clock=desk.clock,
    )


@contextmanager
def _noted(desk: Publisher, before: StudyState) -> Iterator[int]:
    """Note an attempt; where it fails, say so in the store, on the site and to people.

    The words come from a closed set: no value of the data, and no address, reaches a reader.
    """
    attempt = desk.store.begin(desk.spec.study, now=desk.clock())

    def fail(code: int) -> None:
        words = failure_reason(code)
        desk.store.fail(attempt, exit_code=code, problem=words, now=desk.clock())

    try:
        yield attempt
    except WhatIfError as error:
        fail(error.exit_code)
        after = desk.history()
        problems = error.problems
        try:
            if error.exit_code != _PUBLISH:
                desk.put_up(after)
        except WhatIfError as second:
            problems += second.problems
        problems += desk.tell(before, after, good=False)
        raise type(error)(*problems) from error
    except BaseException:
        fail(_BUG)
        raise


def _done(
    made: Made,
    history: History,
    page: str,
    *,
    damaged: tuple[str, ...],
    untold: tuple[Problem, ...],
) -> Done:
    answer = (made.folder / "answer.json").read_text(encoding="utf-8")
    summary = (made.folder / "summary.txt").read_text(encoding="utf-8")
    line = made.line
    lines = [summary.rstrip("\n")]
    if made.unchanged:
        lines.append("Unchanged since the last run.")
    if history.shown != line.run_id:
        lines.append(still_shown(awaits=history.awaiting == line.run_id, run_id=line.run_id))
    notices = json.loads(answer)["notices"]
    return Done(
        folder=made.folder,
        page=page,
        answer=answer,
        text="\n".join([*lines, "", f"Page: {page}"]),
        warnings=(
            *(_warning(notice) for notice in notices),
            *(not_imported(name) for name in damaged),
        ),
        withheld=line.decision == Decision.CANNOT_BE_TRUSTED,
        unchanged=made.unchanged,
        untold=untold,
    )


def _warning(notice: dict[str, str]) -> str:
    return f"warning ({notice['code']}): {notice['what']} What to do: {notice['fix']}"


def keep(made: Run, out: Path, *, clock: Clock = utc_now) -> Path:
    """Write a finished run under `out` and return its folder.

    Raises
    ------
    LockedError, PublishError
        If another run of the study is under way, or the folder cannot be written.
    """
    spec, key = made.prepared.spec, audit_key(os.environ)
    with study_lock(out, spec.study), store_of(out) as store:
        return keep_run(
            out,
            spec.study,
            made.prepared.run_id,
            files_of(made),
            store=store,
            rebuild=False,
            key=key,
            clock=clock,
        ).folder
