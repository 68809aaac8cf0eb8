"""Moments in the words of other schedulers, held against cronsim and systemd itself."""

from __future__ import annotations

import datetime as dt
import os
import re
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import HealthCheck, assume, given, settings

from tests.schedule_cases import CRONS, call, schedule, tool
from whatif.base.errors import UsageError
from whatif.report.schedule import due_after, next_due
from whatif.report.schedulers.moments import moments_of, on_calendar, plain_cron

START = dt.datetime(2026, 1, 31, 23, 59, tzinfo=dt.UTC)
SOME = 8
_ELAPSE = re.compile(r"(?:Next elapse|Iter\. #\d+): \w+ (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC")
CLOCKS = [  # the night of the change, a moment in it, cronsim's next three, systemd's
    (
        "Europe/London",
        "30 1 * * *",
        "2026-03-28T12:00",
        ["03-29 01:00", "03-30 00:30", "03-31 00:30"],
        ["03-30 00:30", "03-31 00:30", "04-01 00:30"],
    ),
    (
        "America/New_York",
        "30 2 * * *",
        "2026-03-07T12:00",
        ["03-08 07:00", "03-09 06:30", "03-10 06:30"],
        ["03-09 06:30", "03-10 06:30", "03-11 06:30"],
    ),
    (
        "Europe/London",
        "30 1 * * *",
        "2026-10-24T12:00",
        ["10-25 00:30", "10-26 01:30", "10-27 01:30"],
        ["10-25 00:30", "10-26 01:30", "10-27 01:30"],
    ),
    (
        "America/New_York",
        "30 1 * * *",
        "2026-10-31T12:00",
        ["11-01 05:30", "11-02 06:30", "11-03 06:30"],
        ["11-01 05:30", "11-02 06:30", "11-03 06:30"],
    ),
    (
        "Europe/London",
        "30 * * * *",
        "2026-10-25T00:00",
        ["10-25 00:30", "10-25 01:30", "10-25 02:30"],
        ["10-25 00:30", "10-25 02:30", "10-25 03:30"],
    ),
]


def by_systemd(line: str, after: dt.datetime, count: int = SOME) -> list[str]:
    """Return the next moments of an ``OnCalendar=`` line, in UTC."""
    done = call(
        tool("systemd-analyze"),
        "calendar",
        f"--iterations={count}",
        f"--base-time={after.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S} UTC",
        "--",
        line,
        env={**os.environ, "TZ": "UTC", "LC_ALL": "C"},
    )
    assert done.returncode == 0, (line, done.stderr)
    return _ELAPSE.findall(done.stdout)


def by_cronsim(cron: str, after: dt.datetime, count: int = SOME) -> list[str]:
    """Return the next moments of a cron expression, in UTC."""
    found = islice(CronSim(cron, after), count)
    return [f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S}" for moment in found]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(CRONS)
def test_systemd_finds_the_moments_of_cron(cron: str) -> None:
    try:
        lines = on_calendar(schedule(cron, "UTC"))
    except UsageError:
        assume(False)
    found = {moment for line in lines for moment in by_systemd(line, START)}
    wanted = by_cronsim(cron, START)
    assume(wanted[-1] < "2120")
    assert sorted(found)[: len(wanted)] == wanted, lines


@pytest.mark.parametrize(
    ("cron", "lines"),
    [
        ("0 7 * * 1", ["Mon *-*-* 07:00:00"]),
        ("*/30 7-9 * jan,jul mon-fri", ["Mon,Tue,Wed,Thu,Fri *-01,07-* 07,08,09:00,30:00"]),
        ("0 7 1 * 1", ["*-*-01 07:00:00", "Mon *-*-* 07:00:00"]),  # either is enough
        ("0 7 */10 * 1", ["Mon *-*-01,11,21,31 07:00:00"]),  # both, as one begins with a star
        ("0 7 L * *", ["*-*~01 07:00:00"]),
        ("0 7 LW * *", ["Mon,Tue,Wed,Thu,Fri *-*~01 07:00:00", "Fri *-*~02,03 07:00:00"]),
        ("0 7 * * 5L", ["Fri *-*~01,02,03,04,05,06,07 07:00:00"]),
        ("0 7 * * 1#5", ["Mon *-*-29,30,31 07:00:00"]),
        ("0 7 1-31 * 1", ["*-*-* 07:00:00", "Mon *-*-* 07:00:00"]),
        ("0 7 * * 0,7", ["Sun *-*-* 07:00:00"]),
    ],
)
def test_days_are_said_exactly(cron: str, lines: list[str]) -> None:
    made = on_calendar(schedule(cron, "UTC"))
    assert made == tuple(f"{line} UTC" for line in lines)
    found = {moment for line in made for moment in by_systemd(line, START)}
    assert sorted(found)[:SOME] == by_cronsim(cron, START)


def test_days_that_systemd_cannot_say_are_refused() -> None:
    with pytest.raises(UsageError, match="days counted from both ends of a month must meet"):
        on_calendar(schedule("0 7 */2 * 5L"))


@settings(max_examples=60, deadline=None)
@given(CRONS)
def test_plain_fields_mean_the_same_or_are_refused(cron: str) -> None:
    for debian in (True, False):
        try:
            plain = plain_cron(schedule(cron, "UTC"), debian=debian)
        except UsageError:
            continue
        assert re.fullmatch(r"[0-9*/,\- ]+", plain)
        assert by_cronsim(plain, START) == by_cronsim(cron, START)
        days, weekdays = plain.split()[2], plain.split()[4]
        both = "*" not in (days, weekdays)
        # where readers disagree: a star with a step beside another field
        assert debian or not (both and "*" in days + weekdays)


@pytest.mark.parametrize(
    ("cron", "plain"),
    [
        ("0 7 * * 1", "0 7 * * 1"),
        ("*/20 5/6 1-31 JAN Sun", "*/20 5,11,17,23 * 1 *"),  # either is enough: every day
        ("0 7 1,15 * mon-fri", "0 7 1,15 * 1-5"),
        ("0 7 * * 5-7", "0 7 * * 0,5,6"),
    ],
)
def test_plain_fields(cron: str, plain: str) -> None:
    assert plain_cron(schedule(cron)) == plain


@pytest.mark.parametrize("cron", ["0 7 L * *", "0 7 LW * *", "0 7 * * 5L", "0 7 * * 1#2"])
def test_days_that_few_schedulers_know_are_refused(cron: str) -> None:
    with pytest.raises(UsageError, match="L, LW and # are known to few schedulers"):
        plain_cron(schedule(cron), debian=True)


def test_days_that_schedulers_take_differently_are_refused() -> None:
    assert plain_cron(schedule("0 7 */2 * 1"), debian=True) == "0 7 */2 * 1"
    with pytest.raises(UsageError, match="both fields of days are set and one begins with a star"):
        plain_cron(schedule("0 7 */2 * 1"))
    with pytest.raises(UsageError, match="both fields of days are set and one begins with a star"):
        plain_cron(schedule("0 7 */2,4 * 1"), debian=True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0 7 * *", "it has 4 fields"),
        ("0 7 * * 1\n* * * * * evil", "it is not on one line"),
        ("0 7 * *\n1", "it is not on one line"),
        ("61 7 * * 1", "bad minute"),
        ("0 7 * * funday", "bad day-of-week"),
        ("0 7-3 * * 1", "bad hour"),
        ("0 7 0 * 1", "bad day-of-month"),
        ("0 7 $(x) * 1", "bad day-of-month"),
        ("0 7 30 2 *", "bad day-of-month"),
        ("0 7 */30 2 5#5", "no day ever matches it"),
        ("@daily", "it has 1 fields"),
    ],
)
def test_a_wrong_cron_expression_is_refused(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=re.escape(words)):
        moments_of(schedule(text))
    with pytest.raises(UsageError, match=re.escape(words)):
        next_due(schedule(text), START.date())


def test_a_wrong_zone_is_refused() -> None:
    with pytest.raises(UsageError, match="did you mean 'Europe/London'"):
        moments_of(schedule(zone="Europe/Londn"))


@pytest.mark.parametrize(("zone", "cron", "after", "ours", "theirs"), CLOCKS)
def test_clock_changes(
    zone: str, cron: str, after: str, ours: list[str], theirs: list[str]
) -> None:
    start = dt.datetime.fromisoformat(after).replace(tzinfo=dt.UTC)
    local = start.astimezone(ZoneInfo(zone))
    assert by_cronsim(cron, local, 3) == [f"2026-{at}:00" for at in ours]
    (line,) = on_calendar(schedule(cron, zone))
    assert by_systemd(line, start, 3) == [f"2026-{at}:00" for at in theirs]
    due = dt.datetime.fromisoformat(f"2026-{ours[0]}:00+00:00") + dt.timedelta(hours=12)
    assert due_after(schedule(cron, zone), start) == due.isoformat()
