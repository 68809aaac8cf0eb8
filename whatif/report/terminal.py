"""What the commands that follow a run print for people."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from whatif.base.history import History, PastRun, SignOff
from whatif.report.site.amounts import day_words, with_range
from whatif.verdict import status_wording as words
from whatif.verdict.site_wording import decision_mark, held_words

_LATEST = 20


def published_text(*, page: str, waits: bool, unchanged: bool) -> str:
    """Return what a publish did, and the page."""
    return f"{words.published_words(waits=waits, unchanged=unchanged)}\nPage: {page}"


def signed_text(said: SignOff, *, page: str | None, shown: bool) -> str:
    """Return what a person said of a run, and the page where there is one."""
    line = words.signed_words(
        said.decision, by=said.by, run_id=said.run_id, shown=shown, on_site=page is not None
    )
    return line if page is None else f"{line}\nPage: {page}"


def standing_lines(
    history: History, *, state: str, overdue: str | None, too_old: dt.date | None
) -> tuple[str, ...]:
    """Return how a study stands: its state, and a line for each thing to know."""
    return (
        f"{history.study}: {words.STATES[state]}",
        *(f"  {line}" for line in _facts(history, overdue, too_old)),
    )


def _facts(history: History, overdue: str | None, too_old: dt.date | None) -> Iterator[str]:
    failure, shown = history.failure, history.of(history.shown)
    if failure is not None:
        why = f"{failure.words[:1].lower()}{failure.words[1:]}"
        yield words.failed_words(at=_minute(failure.at), why=why, code=failure.exit_code)
    if overdue is not None:
        yield words.overdue_words(_minute(overdue))
    if too_old is not None:
        yield words.too_old_words(day_words(too_old))
    if history.awaiting is not None:
        yield words.waiting_words(history.awaiting)
    if shown is None:
        yield words.NO_RUN_SHOWN
        return
    line = shown.line
    verdict = decision_mark(line.decision).word
    yield words.shown_words(run_id=line.run_id, verdict=verdict, data_to=day_words(line.data_to))
    if history.next_due is not None and overdue is None:
        yield f"next page due by {_minute(history.next_due)} UTC"


def history_text(history: History) -> str:
    """Return the newest 20 runs of a study as lines, the newest first."""
    rows = [_row(run, history) for run in reversed(history.runs[-_LATEST:])]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    lines = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]])
        for row in rows
    ]
    older = len(history.runs) - len(rows)
    more = [f"… and {older:,} older; --json has them all."] if older else []
    return "\n".join([*(line.rstrip() for line in lines), *more]).replace("\u00a0", " ")


def _row(run: PastRun, history: History) -> tuple[str, ...]:
    line, said = run.line, run.sign_off
    mark = "*" if line.run_id == history.shown else "?" if line.run_id == history.awaiting else " "
    number = "" if line.estimate is None else with_range(line.metric, line.estimate, line.ci)
    return (
        mark,
        line.run_id,
        "" if line.as_of is None else line.as_of.isoformat(),
        decision_mark(line.decision).word,
        number,
        held_words(held=line.held, judged=line.judged),
        "" if said is None else f"{said.decision}: {said.by}",
    )


def _minute(iso: str) -> str:
    return f"{dt.datetime.fromisoformat(iso).astimezone(dt.UTC):%Y-%m-%d %H:%M}"
