"""Whether what readers see has gone stale: a page that did not come, or data that are too old."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from whatif.base.history import History


@dataclass(frozen=True, slots=True, kw_only=True)
class Stale:
    """Why a study's page is stale; at least one of the two holds.

    Attributes
    ----------
    overdue : str or None
        When the next page was due, ISO 8601 in UTC; None while it is not overdue.
    too_old : date or None
        Last day on which the data were recent enough; None while they are.
    """

    overdue: str | None
    too_old: dt.date | None


def staleness(history: History, now: dt.datetime) -> Stale | None:
    """Return why a study's page is stale at `now`, or None.

    A page is overdue after the moment it was due, and data are too old after the last day on
    which they were recent enough; days end at midnight UTC. Nothing is remembered between calls,
    so a clock that jumps back makes nothing stale.

    Parameters
    ----------
    history : History
        What is known of the study.
    now : datetime
        The moment asked about, with a time zone.

    Raises
    ------
    ValueError
        If `now` has no zone.

    Examples
    --------
    >>> due = History(study="s", runs=(), shown=None, awaiting=None,
    ...               next_due="2026-11-02T19:00:00+00:00")
    >>> staleness(due, dt.datetime(2026, 11, 2, 19, 0, tzinfo=dt.UTC))
    >>> staleness(due, dt.datetime(2026, 11, 2, 19, 1, tzinfo=dt.UTC))
    Stale(overdue='2026-11-02T19:00:00+00:00', too_old=None)
    """
    if now.tzinfo is None:
        raise ValueError(f"a moment without a zone: {now}")
    moment = now.astimezone(dt.UTC)
    due, until = history.next_due, history.fresh_until
    overdue = due if due is not None and moment > dt.datetime.fromisoformat(due) else None
    too_old = until if until is not None and moment.date() > until else None
    return None if overdue is None and too_old is None else Stale(overdue=overdue, too_old=too_old)
