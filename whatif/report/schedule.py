"""When a study runs by itself: its moments, and when its next page is due."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, available_timezones

from whatif.base.errors import Problem, UsageError, did_you_mean
from whatif.contract.spec import ScheduleSpec

if TYPE_CHECKING:
    from cronsim import CronSim

_FIELDS = 5


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
    local = moment.astimezone(zone_of(schedule.timezone))
    return _due(schedule, next(_from(schedule, local)))


def _due(schedule: ScheduleSpec, moment: dt.datetime) -> str:
    late = dt.timedelta(hours=schedule.due_within_hours)
    return (moment.astimezone(dt.UTC) + late).isoformat()


def _moments(schedule: ScheduleSpec, after: dt.date) -> Iterator[dt.datetime]:
    """Return the scheduled moments after the end of `after`, in the schedule's zone."""
    zone = zone_of(schedule.timezone)
    return _from(schedule, dt.datetime.combine(after, dt.time(23, 59, 59), tzinfo=zone))


def _from(schedule: ScheduleSpec, local: dt.datetime) -> Iterator[dt.datetime]:
    """Return the scheduled moments after `local`, a moment in the schedule's zone."""
    moments: Iterator[dt.datetime] = parsed(schedule, local)
    if next(parsed(schedule, local), None) is None:
        raise _bad_cron(schedule.cron, "no day ever matches it")
    return moments


def parsed(schedule: ScheduleSpec, local: dt.datetime) -> CronSim:
    """Return the cron expression as sets of minutes, hours and days, counting from `local`.

    Raises
    ------
    UsageError
        If it is not a cron expression of five fields.
    """
    from cronsim import CronSim, CronSimError

    fields = schedule.cron.split()
    if any(mark in schedule.cron for mark in "\r\n"):
        raise _bad_cron(schedule.cron, "it is not on one line")
    if len(fields) != _FIELDS:
        raise _bad_cron(schedule.cron, f"it has {len(fields)} fields")
    try:
        return CronSim(schedule.cron, local)
    except (CronSimError, AssertionError) as error:
        reason = str(error).lower() or "a step needs numbers"
        raise _bad_cron(schedule.cron, reason) from None


def _bad_cron(cron: str, reason: str) -> UsageError:
    return UsageError(
        Problem(
            what=f"The schedule {cron!r} is not a cron expression: {reason}.",
            why="the study would never run, or run at a moment nobody meant.",
            fix='write five fields, e.g. "0 7 * * 1" for Mondays at seven.',
        )
    )


def zone_of(name: str) -> ZoneInfo:
    """Return a time zone by its name.

    Raises
    ------
    UsageError
        If there is no such zone.
    """
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
