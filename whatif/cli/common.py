"""What every command shares: arguments, printing, errors and their exit codes."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from whatif.base.errors import NoticeError, Problem, UsageError, WhatIfError

StudyFile = Annotated[Path, typer.Argument(help="Study file (YAML), or its folder.")]
RunRef = Annotated[str, typer.Argument(help="Run folder, run id or study name.")]
Out = Annotated[Path, typer.Option("--out", help="Folder of studies and their runs.")]
Data = Annotated[str | None, typer.Option("--data", help="Data source instead of the study's.")]
AsOf = Annotated[str | None, typer.Option("--as-of", help="Last day a row may have (YYYY-MM-DD).")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Site = Annotated[str | None, typer.Option("--site", help="Folder or URL of the site (OUT/site).")]

INTEGRITY = 4


def now() -> dt.datetime:
    """Return the present moment: the only clock that commands read."""
    return dt.datetime.now(dt.UTC)


def site_of(site: str | None, out: Path) -> Path | str:
    """Return where the site is: as named, else ``OUT/site``.

    Raises
    ------
    UsageError
        If the name is empty, as that of an unset variable is.
    """
    if site is not None and not site.strip():
        raise UsageError(
            Problem(
                what="--site is empty.",
                why="the site would be written into the working folder.",
                fix="name a folder or a URL, or leave --site out for OUT/site.",
            )
        )
    return out / "site" if site is None else site


def options(
    data: str | None, as_of: str | None, out: Path | None, *, force: bool, quick: bool
) -> Any:  # noqa: ANN401  (RunOptions loads with the heavy libraries)
    """Return the options of a run; scores are kept under `out`, or nowhere without it."""
    from whatif.run.analysis import RunOptions
    from whatif.run.job import cache_folder

    return RunOptions(
        data=data,
        as_of=day(as_of),
        quick=quick,
        force=force,
        cache=None if out is None else cache_folder(out),
    )


def day(text: str | None) -> dt.date | None:
    """Read ``--as-of``."""
    if text is None:
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise UsageError(
            Problem(
                what=f"--as-of {text!r} is not a day.",
                why="rows after that day are left out.",
                fix="write it as YYYY-MM-DD.",
            )
        ) from None


def stage(name: str, total: int) -> Callable[[int], None]:
    """Show one stage as a progress bar on stderr; nothing when there is nothing to wait for."""
    if total == 0:
        return lambda _done: None
    from tqdm import tqdm

    bar = tqdm(
        total=total, desc=name, file=sys.stderr, leave=False, disable=not sys.stderr.isatty()
    )

    def tick(done: int) -> None:
        bar.update(done)
        if bar.n >= total:
            bar.close()

    return tick


@contextmanager
def errors(*, as_json: bool = False) -> Iterator[None]:
    """Print an error for people on stderr, for machines on stdout; end with its exit code."""
    try:
        yield
    except WhatIfError as error:
        sys.stderr.write(f"{error}\n")
        if as_json:
            problems = [asdict(problem) for problem in error.problems]
            found = {"code": error.code, "exit_code": error.exit_code, "problems": problems}
            say(json.dumps({"error": found}, ensure_ascii=False))
        raise typer.Exit(error.exit_code) from None


def end(code: int = 0, *, untold: Sequence[Problem] = ()) -> NoReturn:
    """End with `code`; where that is 0 and a notice did not reach somebody, with 7.

    Who was not told stands on stderr: on stdout is the answer, which stands.
    """
    if untold:
        sys.stderr.write(f"{NoticeError(*untold)}\n")
    raise typer.Exit(code or (NoticeError.exit_code if untold else 0))


def say(text: str) -> None:
    """Print a result on stdout, ending in one line break."""
    sys.stdout.write(text.rstrip("\n") + "\n")
