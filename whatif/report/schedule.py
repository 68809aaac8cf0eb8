"""When a study runs by itself: the crontab line, and the moment its next page is due."""

from __future__ import annotations

import datetime as dt
import re
import shlex
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

from whatif.base.errors import Problem, UsageError, did_you_mean
from whatif.contract.spec import ScheduleSpec

_RANGES = (
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day of month", 1, 31),
    ("month", 1, 12),
    ("day of week", 0, 7),
)
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_PART = re.compile(r"(\*|\w+(?:-\w+)?)(?:/([1-9][0-9]*))?")
_FIELDS = 5
_SUNDAY = 7
_YEARS_AHEAD = 5


def render_cron(schedule: ScheduleSpec, study_path: Path, executable: Path, out: Path) -> str:
    """Return the lines of a crontab that run a study on its schedule and publish the page.

    Parameters
    ----------
    schedule : ScheduleSpec
        When, and in which time zone.
    study_path, executable, out : Path
        The study file, the ``whatif`` command and the folder of run folders; absolute, because
        cron starts elsewhere.

    Raises
    ------
    UsageError
        If the cron expression or time zone is wrong, or a path is not absolute.

    Examples
    --------
    >>> print(render_cron(ScheduleSpec(cron="0 7 * * 1", timezone="Europe/London"),
    ...                   Path("/srv/s.yaml"), Path("/srv/whatif"), Path("/srv/reports")), end="")
    CRON_TZ=Europe/London
    0 7 * * 1 /srv/whatif run /srv/s.yaml --out /srv/reports --publish
    """
    _fields(schedule.cron)
    _zone(schedule.timezone)
    for path in (study_path, executable, out):
        _require_absolute(path)
    words = [str(executable), "run", str(study_path), "--out", str(out), "--publish"]
    command = " ".join(shlex.quote(word) for word in words).replace("%", r"\%")
    return f"CRON_TZ={schedule.timezone}\n{' '.join(schedule.cron.split())} {command}\n"


def next_due(schedule: ScheduleSpec, after: dt.date) -> str | None:
    """Return when the page after the one made on `after` is due, ISO 8601 in UTC.

    The first scheduled moment after the end of that day, plus ``due_within_hours``. None if the
    expression never comes true (30 February).

    Raises
    ------
    UsageError
        If the cron expression or time zone is wrong.

    Examples
    --------
    >>> next_due(ScheduleSpec(cron="0 7 * * 1", timezone="Europe/London"), dt.date(2026, 10, 31))
    '2026-11-02T19:00:00+00:00'
    """
    minutes, hours, days, months, weekdays = _fields(schedule.cron)
    zone = _zone(schedule.timezone)
    by_date, by_week = (schedule.cron.split()[i].startswith("*") for i in (2, 4))
    for ahead in range(1, 366 * _YEARS_AHEAD):
        day = after + dt.timedelta(days=ahead)
        date_fits, week_fits = day.day in days, day.isoweekday() % _SUNDAY in weekdays
        # cron's own rule: when both fields are restricted, either is enough
        fits = date_fits and week_fits if by_date or by_week else date_fits or week_fits
        if day.month in months and fits:
            at = dt.datetime(
                day.year, day.month, day.day, min(hours), min(minutes), tzinfo=zone
            ).astimezone(dt.UTC)
            return (at + dt.timedelta(hours=schedule.due_within_hours)).isoformat()
    return None


def _fields(cron: str) -> tuple[frozenset[int], ...]:
    texts = cron.split()
    if len(texts) != _FIELDS:
        raise _bad_cron(cron, f"it has {len(texts)} fields")
    if len(cron.splitlines()) != 1:
        raise _bad_cron(cron, "it is not on one line")
    fields = []
    for text, (name, low, high) in zip(texts, _RANGES, strict=True):
        values = _values(text, name, low, high)
        if not values:
            raise _bad_cron(cron, f"{text!r} is not a {name} from {low} to {high}")
        fields.append(values)
    fields[4] = frozenset(value % _SUNDAY for value in fields[4])
    return tuple(fields)


def _values(text: str, name: str, low: int, high: int) -> frozenset[int]:
    """Return the values of one field; empty where it is not one."""
    found: set[int] = set()
    for part in text.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            return frozenset()
        span, step = match.group(1), int(match.group(2) or 1)
        if span == "*":
            first, last = low, high
        else:
            ends = [_value(word, name) for word in span.split("-")]
            if None in ends:
                return frozenset()
            first = ends[0] or 0
            last = high if match.group(2) and len(ends) == 1 else (ends[-1] or 0)
        if not low <= first <= last <= high:
            return frozenset()
        found.update(range(first, last + 1, step))
    return frozenset(found)


def _value(word: str, name: str) -> int | None:
    if word.isascii() and word.isdigit():
        return int(word)
    names = {"month": ["", *_MONTHS], "day of week": _WEEKDAYS}.get(name, [])
    return names.index(word.lower()) if word and word.lower() in names else None


def _bad_cron(cron: str, reason: str) -> UsageError:
    return UsageError(
        Problem(
            what=f"The schedule {cron!r} is not a cron expression: {reason}.",
            why="the study would never run, or run at a moment nobody meant.",
            fix='write five fields, e.g. "0 7 * * 1" for Mondays at seven.',
        )
    )


def _zone(name: str) -> ZoneInfo:
    known = available_timezones()
    if name not in known:
        raise UsageError(
            Problem(
                what=f"There is no time zone {name!r}.",
                why="the study would run at the wrong hour.",
                fix=did_you_mean(name, sorted(known))[:200],
            )
        )
    return ZoneInfo(name)


def _require_absolute(path: Path) -> None:
    if not path.is_absolute() or any(mark in str(path) for mark in "\r\n"):
        raise UsageError(
            Problem(
                what=f"The path {str(path)!r} is not absolute.",
                why="cron starts in another folder and would not find it.",
                fix="give the full path, on one line.",
            )
        )
