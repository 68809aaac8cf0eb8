"""One run of a study, from its file to its page: under a lock, noted, and people told."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from whatif.base.errors import LockedError, Problem, WhatIfError
from whatif.base.history import History
from whatif.contract.spec import StudySpec
from whatif.contract.study_file import LoadedStudy, load_study
from whatif.contract.yaml_text import read_mapping
from whatif.publish.audit.entry import audit_key
from whatif.publish.lock import study_lock
from whatif.publish.notices.heartbeat import ping
from whatif.publish.notices.state import StudyState
from whatif.publish.run_folder import find_run
from whatif.run.analysis import Run, RunOptions, Stage, quiet
from whatif.run.files import files_of
from whatif.run.history import spec_of, store_of
from whatif.run.making import Clock, Made, keep_run, make_run, utc_now
from whatif.run.publisher import Publisher, publisher
from whatif.verdict.notice_wording import failure_reason
from whatif.verdict.record import Decision
from whatif.verdict.site_wording import not_imported, still_shown

_BUG, _INTEGRITY = 1, 4


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

    With ``target.publish`` the attempt is noted, the site says what came of it, good or bad, and
    the people that the environment names are told.

    Raises
    ------
    WhatIfError
        Any of its kinds; nothing is then half-written, and readers keep the last good page.
    """
    loaded, out = _loaded(path, target, clock), target.out
    spec = loaded.spec
    site = target.site if target.publish else None
    with (
        study_lock(out, spec.study),
        publisher(out, spec, site=site, clock=clock) as desk,
    ):
        before = _before(desk)
        # A run that nobody publishes says nothing of how the scheduled job stands.
        with _noted(desk, before) if target.publish else nullcontext() as attempt:
            made = _make(loaded, options, desk, stage)
            history = desk.history(good_at=clock())
            published = desk.put_up(history)
            withheld = made.line.decision == Decision.CANNOT_BE_TRUSTED
            code = _INTEGRITY if withheld else 0
            if attempt is not None:
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


def _loaded(path: Path, target: Target, clock: Clock) -> LoadedStudy:
    """Read the study file; where that fails and its study has run, note the attempt as failed."""
    try:
        return load_study(path)
    except WhatIfError:
        spec = _known(path, target.out) if target.publish else None
        if spec is not None:
            with (
                suppress(LockedError),
                study_lock(target.out, spec.study),
                publisher(target.out, spec, site=target.site, clock=clock) as desk,
                _noted(desk, _before(desk)),
            ):
                raise
        raise


def _known(path: Path, out: Path) -> StudySpec | None:
    """Return the newest run's study, if this file names one that has run, or lies in its folder."""
    file = path / "study.yaml" if path.is_dir() else path
    named = ""
    with suppress(WhatIfError):
        named = str(read_mapping(file).get("study", ""))
    ran = {folder.parent.name for folder in out.glob("*/runs")}
    for name in (named, file.absolute().parent.name):
        if name in ran:
            with suppress(WhatIfError):
                return spec_of(find_run(out, name))
    return None


def _before(desk: Publisher) -> StudyState:
    """Return the study as it is before an attempt; where nobody can tell, the attempt failed.

    The site is then left alone: what its pages would say of the study cannot be told either.
    """
    try:
        return desk.state(desk.history())
    except WhatIfError as error:
        if desk.place is None:
            raise
        with suppress(WhatIfError):
            _fail(desk, desk.store.begin(desk.spec.study, now=desk.clock()), error.exit_code)
        missed = ping(desk.channels, good=False)
        raise type(error)(*error.problems, *([] if missed is None else [missed])) from error


@contextmanager
def _noted(desk: Publisher, before: StudyState) -> Iterator[int]:
    """Note an attempt; where it fails, say so in the store, on the site and to people.

    The words come from a closed set: no value of the data, and no address, reaches a reader.
    """
    attempt = desk.store.begin(desk.spec.study, now=desk.clock())
    try:
        yield attempt
    except WhatIfError as error:
        more = _told(desk, before, attempt, error.exit_code)
        raise type(error)(*dict.fromkeys((*error.problems, *more))) from error
    except Exception:
        _told(desk, before, attempt, _BUG)
        raise
    except BaseException:
        _fail(desk, attempt, _BUG)
        raise


def _fail(desk: Publisher, attempt: int, code: int) -> None:
    words = failure_reason(code)
    desk.store.fail(attempt, exit_code=code, problem=words, now=desk.clock())


def _told(desk: Publisher, before: StudyState, attempt: int, code: int) -> tuple[Problem, ...]:
    """Say everywhere that an attempt failed; return what of that failed too."""
    problems: tuple[Problem, ...] = ()
    try:
        _fail(desk, attempt, code)
        after = desk.history()
        try:
            desk.put_up(after)
        except WhatIfError as second:
            problems = second.problems
        return (*problems, *desk.tell(before, after, good=False))
    except WhatIfError as second:
        return second.problems


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
            *(not_imported(name) for name in damaged if not name.endswith(f"/{line.run_id}")),
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
