"""The moments of a cron expression in the words of other schedulers, exactly or not at all."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from whatif.base.errors import Problem, UsageError
from whatif.contract.spec import ScheduleSpec
from whatif.report.schedule import next_due, parsed, zone_of

if TYPE_CHECKING:
    from cronsim import CronSim

_WEEKDAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
_EVERY_WEEKDAY = frozenset(range(7))
_WORKDAYS = frozenset(range(1, 6))
_FULL = (range(60), range(24), range(1, 32), range(1, 13), range(7))
_KEPT = re.compile(r"\*(/\d+)?")
_DAY, _WEEKDAY = 2, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class _Days:
    """Days of a month that fall on certain weekdays, counted from its first or its last day."""

    weekdays: frozenset[int]
    days: frozenset[int]
    from_end: bool

    @property
    def every_day(self) -> bool:
        return not self.from_end and len(self.days) == len(_FULL[_DAY])


def moments_of(schedule: ScheduleSpec) -> CronSim:
    """Return a checked cron expression, as sets of minutes, hours, days, months and weekdays.

    Raises
    ------
    UsageError
        If the expression or the time zone is wrong, or no day ever matches.
    """
    day = dt.datetime(2000, 1, 1, tzinfo=zone_of(schedule.timezone))
    next_due(schedule, day.date())
    return parsed(schedule, day)


def on_calendar(schedule: ScheduleSpec) -> tuple[str, ...]:
    """Return the lines for ``OnCalendar=`` whose moments together are those of the expression.

    Raises
    ------
    UsageError
        If the expression is wrong, or systemd has no words for its days.

    Examples
    --------
    >>> on_calendar(ScheduleSpec(cron="0 7 * * 1", timezone="Europe/London"))
    ('Mon *-*-* 07:00:00 Europe/London',)
    >>> on_calendar(ScheduleSpec(cron="0 7 L * 1"))  # either is enough, as in cron
    ('*-*~01 07:00:00 UTC', 'Mon *-*-* 07:00:00 UTC')
    """
    cron = moments_of(schedule)
    at = f"{_listed(cron.hours, 1)}:{_listed(cron.minutes, 0)}:00 {schedule.timezone}"
    lines = [_line(days, _listed(cron.months, 3), at) for days in _days(cron, schedule.cron)]
    return tuple(dict.fromkeys(lines))


def plain_cron(schedule: ScheduleSpec, *, debian: bool = False) -> str:
    """Return five fields that every reader of cron takes the same way.

    Numbers in place of names, ``5/2`` and Sunday as 7; ``*`` and ``*/n`` stay.

    Parameters
    ----------
    schedule : ScheduleSpec
        When.
    debian : bool
        Whether the reader asks for both fields of days where one begins with a star, as Debian's
        cron and cronie do; others take one of them as enough.

    Raises
    ------
    UsageError
        If the expression is wrong, or means something else to some readers.

    Examples
    --------
    >>> plain_cron(ScheduleSpec(cron="*/15 9-11 * jan mon,7"))
    '*/15 9-11 * 1 0,1'
    """
    cron = moments_of(schedule)
    written = schedule.cron.upper().split()
    sets = (cron.minutes, cron.hours, cron.days, cron.months, cron.weekdays)
    fields = [_field(*one) for one in zip(written, sets, _FULL, strict=True)]
    if None in fields:
        raise _not_said(schedule.cron, "L, LW and # are known to few schedulers")
    days, weekdays = str(fields[_DAY]), str(fields[_WEEKDAY])
    if not cron.day_and and "*" in (days, weekdays):
        fields[_DAY] = fields[_WEEKDAY] = "*"
    elif cron.day_and and "*" not in (days, weekdays) and not (debian and "*" in days + weekdays):
        raise _not_said(schedule.cron, "both fields of days are set and one begins with a star")
    return " ".join(map(str, fields))


def _field(written: str, items: Iterable[object], full: range) -> str | None:
    """Return one field; None where it counts from a month's end or in weeks of it."""
    numbers = {one for one in items if isinstance(one, int) and one >= 0}
    if numbers != set(items):
        return None
    if full == _FULL[_WEEKDAY]:
        numbers = {one % 7 for one in numbers}
    if numbers == set(full):
        return "*"
    if _KEPT.fullmatch(written):
        return written
    low, high = min(numbers), max(numbers)
    in_a_row = len(numbers) == high - low + 1 > 2  # noqa: PLR2004
    return f"{low}-{high}" if in_a_row else ",".join(map(str, sorted(numbers)))


def _days(cron: CronSim, written: str) -> Iterator[_Days]:
    """Yield the days of the expression; together they are all of them."""
    months, weeks = list(_month_days(cron)), list(_week_days(cron))
    if not cron.day_and:
        yield from (*months, *weeks)
        return
    for one, other in product(months, weeks):
        met = _meet(one, other, written)
        if met.weekdays and met.days:
            yield met


def _month_days(cron: CronSim) -> Iterator[_Days]:
    numbers = frozenset(day for day in cron.days if day > 0)
    if numbers:
        yield _Days(weekdays=_EVERY_WEEKDAY, days=numbers, from_end=False)
    if cron.LAST in cron.days:
        yield _Days(weekdays=_EVERY_WEEKDAY, days=frozenset({1}), from_end=True)
    if cron.LAST_WEEKDAY in cron.days:
        yield _Days(weekdays=_WORKDAYS, days=frozenset({1}), from_end=True)
        yield _Days(weekdays=frozenset({5}), days=frozenset({2, 3}), from_end=True)


def _week_days(cron: CronSim) -> Iterator[_Days]:
    whole = frozenset(one % 7 for one in cron.weekdays if isinstance(one, int))
    if whole:
        yield _Days(weekdays=whole, days=frozenset(_FULL[_DAY]), from_end=False)
    for weekday, week in sorted(one for one in cron.weekdays if isinstance(one, tuple)):
        last = week == cron.LAST
        days = range(1, 8) if last else range(7 * week - 6, min(7 * week, 31) + 1)
        yield _Days(weekdays=frozenset({weekday % 7}), days=frozenset(days), from_end=last)


def _meet(one: _Days, other: _Days, written: str) -> _Days:
    """Return the days that are in both."""
    weekdays = one.weekdays & other.weekdays
    if one.from_end == other.from_end:
        return _Days(weekdays=weekdays, days=one.days & other.days, from_end=one.from_end)
    wide, narrow = (one, other) if one.every_day else (other, one)
    if not wide.every_day:
        raise _not_said(written, "days counted from both ends of a month must meet")
    return _Days(weekdays=weekdays, days=narrow.days, from_end=narrow.from_end)


def _line(days: _Days, months: str, at: str) -> str:
    every = days.weekdays == _EVERY_WEEKDAY
    names = "" if every else ",".join(_WEEKDAYS[day] for day in sorted(days.weekdays)) + " "
    if days.every_day:
        return f"{names}*-{months}-* {at}"
    listed = ",".join(f"{day:02}" for day in sorted(days.days))
    return f"{names}*-{months}{'~' if days.from_end else '-'}{listed} {at}"


def _listed(numbers: Iterable[int], field: int) -> str:
    found = sorted(numbers)
    full = found == list(_FULL[1] if field == 1 else _FULL[field])
    return "*" if full else ",".join(f"{number:02}" for number in found)


def _not_said(cron: str, reason: str) -> UsageError:
    return UsageError(
        Problem(
            what=f"The schedule {cron!r} cannot be said exactly here: {reason}.",
            why="the study would run on other days than its page announces.",
            fix="write the days as numbers, in one of the two fields; systemd knows L and # too.",
        )
    )
