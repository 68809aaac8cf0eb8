"""When a study runs by itself: the crontab line, and the moment its next page is due."""

from __future__ import annotations

import datetime as dt
import shlex
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

from whatif.base.errors import Problem, UsageError, did_you_mean
from whatif.contract.spec import ScheduleSpec

_FIELDS = 5


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
    _moments(schedule, dt.date(2000, 1, 1))
    for path in (study_path, executable, out):
        _require_absolute(path)
    words = [str(executable), "run", str(study_path), "--out", str(out), "--publish"]
    command = " ".join(shlex.quote(word) for word in words).replace("%", r"\%")
    return f"CRON_TZ={schedule.timezone}\n{' '.join(schedule.cron.split())} {command}\n"


def next_due(schedule: ScheduleSpec, after: dt.date) -> str:
    """Return when the page after the one made on `after` is due, ISO 8601 in UTC.

    The first scheduled moment after the end of that day, plus ``due_within_hours``.

    Raises
    ------
    UsageError
        If the cron expression or time zone is wrong.

    Examples
    --------
    >>> next_due(ScheduleSpec(cron="0 7 * * 1", timezone="Europe/London"), dt.date(2026, 10, 31))
    '2026-11-02T19:00:00+00:00'
    """
    return _due(schedule, next(_moments(schedule, after)))


def due_after(schedule: ScheduleSpec, moment: dt.datetime) -> str:
    """Return when the page after the one made at `moment` is due, ISO 8601 in UTC.

    The first scheduled moment after it, plus ``due_within_hours``.

    Raises
    ------
    UsageError
        If the cron expression or time zone is wrong.

    Examples
    --------
    >>> weekly = ScheduleSpec(cron="0 7 * * 1", timezone="Europe/London")
    >>> due_after(weekly, dt.datetime(2026, 11, 2, 6, 59, tzinfo=dt.UTC))
    '2026-11-02T19:00:00+00:00'
    >>> due_after(weekly, dt.datetime(2026, 11, 2, 7, 4, tzinfo=dt.UTC))
    '2026-11-09T19:00:00+00:00'
    """
    local = moment.astimezone(_zone(schedule.timezone))
    return _due(schedule, next(_from(schedule, local)))


def _due(schedule: ScheduleSpec, moment: dt.datetime) -> str:
    late = dt.timedelta(hours=schedule.due_within_hours)
    return (moment.astimezone(dt.UTC) + late).isoformat()


def _moments(schedule: ScheduleSpec, after: dt.date) -> Iterator[dt.datetime]:
    """Return the scheduled moments after the end of `after`, in the schedule's zone."""
    zone = _zone(schedule.timezone)
    return _from(schedule, dt.datetime.combine(after, dt.time(23, 59, 59), tzinfo=zone))


def _from(schedule: ScheduleSpec, local: dt.datetime) -> Iterator[dt.datetime]:
    """Return the scheduled moments after `local`, a moment in the schedule's zone."""
    from cronsim import CronSim, CronSimError

    fields = schedule.cron.split()
    if any(mark in schedule.cron for mark in "\r\n"):
        raise _bad_cron(schedule.cron, "it is not on one line")
    if len(fields) != _FIELDS:
        raise _bad_cron(schedule.cron, f"it has {len(fields)} fields")
    try:
        return iter(CronSim(schedule.cron, local))
    except CronSimError as error:
        raise _bad_cron(schedule.cron, str(error).lower()) from None


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
