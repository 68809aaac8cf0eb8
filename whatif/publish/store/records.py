"""Rows of the run store that callers see."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from whatif.base.history import Failure, RunLine

State = Literal["running", "done", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try to make a run, from its first moment on.

    Attributes
    ----------
    id : int
        Its number; later tries have higher ones.
    study : str
        The study.
    state : str
        ``"running"``, ``"done"`` or ``"failed"``.
    started_at, finished_at : str
        When; the second is None while it runs.
    run_id : str or None
        The run it made, new or unchanged.
    exit_code : int or None
        Of the command.
    problem : str
        Why it failed, without any value from the data; else empty.
    """

    id: int
    study: str
    state: State
    started_at: str
    finished_at: str | None
    run_id: str | None
    exit_code: int | None
    problem: str

    @property
    def failure(self) -> Failure | None:
        """The attempt as a failure; None where it did not fail."""
        if self.state != "failed" or self.finished_at is None or self.exit_code is None:
            return None
        return Failure(at=self.finished_at, exit_code=self.exit_code, words=self.problem)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckLine:
    """One check of a run: its code such as ``"WI-SRM-01"``, its name, and what it found."""

    code: str
    name: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedRun:
    """A run as the store keeps it.

    Attributes
    ----------
    line : RunLine
        What it found.
    checks : tuple of CheckLine
        In the order of the page.
    finished_at : datetime
        When it was finished, with a zone.
    """

    line: RunLine
    checks: tuple[CheckLine, ...]
    finished_at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredNotice:
    """A notice for one address, written down before it is sent.

    Attributes
    ----------
    key : str
        What makes it one of a kind: the same key is told once, and says nothing of the address.
    study, event : str
        What it is about.
    created_at : str
        When it was written down, ISO 8601 in UTC.
    body : str
        JSON.
    attempts : int
        Tries so far that failed.
    last_problem : str
        Why the last try failed; empty before the first.
    delivered_at : str or None
        When it arrived.
    """

    key: str
    study: str
    event: str
    created_at: str
    body: str
    attempts: int = 0
    last_problem: str = ""
    delivered_at: str | None = None


def moment(now: dt.datetime) -> str:
    """Return a moment as ISO 8601 text in UTC, to the second.

    Raises
    ------
    ValueError
        If it has no zone.

    Examples
    --------
    >>> moment(dt.datetime.fromisoformat("2026-11-02T08:00:00.5+01:00"))
    '2026-11-02T07:00:00+00:00'
    """
    if now.tzinfo is None:
        raise ValueError(f"a moment without a zone: {now}")
    return now.astimezone(dt.UTC).isoformat(timespec="seconds")


def storable(text: str) -> str:
    """Return a text that every database takes: without NUL and half characters.

    Examples
    --------
    >>> storable("a" + chr(0) + "b")
    'a?b'
    """
    return text.replace("\0", "?").encode(errors="replace").decode()
