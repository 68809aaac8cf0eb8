"""When a page is overdue and data are too old, over clocks that change and clocks that jump."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatif.base.history import History
from whatif.contract.spec import ScheduleSpec
from whatif.publish.staleness import Stale, staleness
from whatif.report.schedule import next_due

LONDON = ZoneInfo("Europe/London")
MONDAYS = ScheduleSpec(cron="0 7 * * 1", timezone="Europe/London", due_within_hours=12)
MINUTE = dt.timedelta(minutes=1)


def history(due: str | None, fresh_until: dt.date | None = None) -> History:
    return History(
        study="s", runs=(), shown=None, awaiting=None, next_due=due, fresh_until=fresh_until
    )


def test_without_schedule_and_dates_nothing_is_stale() -> None:
    assert staleness(history(None), dt.datetime(2099, 1, 1, tzinfo=dt.UTC)) is None


@pytest.mark.parametrize(
    ("made_on", "due"),
    [
        # Sunday 29 March 2026: the clock goes from 01:00 UTC to 02:00 local time.
        (dt.date(2026, 3, 23), dt.datetime(2026, 3, 30, 19, 0, tzinfo=LONDON)),
        (dt.date(2026, 3, 16), dt.datetime(2026, 3, 23, 19, 0, tzinfo=LONDON)),
        # Sunday 25 October 2026: and back.
        (dt.date(2026, 10, 19), dt.datetime(2026, 10, 26, 19, 0, tzinfo=LONDON)),
        (dt.date(2026, 10, 26), dt.datetime(2026, 11, 2, 19, 0, tzinfo=LONDON)),
    ],
)
def test_a_page_is_overdue_by_local_time_on_both_sides_of_a_clock_change(
    made_on: dt.date, due: dt.datetime
) -> None:
    known = history(next_due(MONDAYS, made_on))
    assert dt.datetime.fromisoformat(known.next_due or "") == due
    for zone in (dt.UTC, LONDON, ZoneInfo("Pacific/Auckland")):
        assert staleness(known, due.astimezone(zone)) is None
        assert staleness(known, (due.astimezone(dt.UTC) + MINUTE).astimezone(zone)) == Stale(
            overdue=known.next_due, too_old=None
        )


@pytest.mark.parametrize(
    ("day", "hours"), [(dt.date(2026, 3, 28), 23), (dt.date(2026, 10, 24), 25)]
)
def test_a_job_in_the_hour_that_is_skipped_or_repeated_is_due_once(
    day: dt.date, hours: int
) -> None:
    nightly = ScheduleSpec(cron="30 1 * * *", timezone="Europe/London", due_within_hours=1)
    known = history(next_due(nightly, day))
    after = history(next_due(nightly, day + dt.timedelta(days=1)))
    due, then = (dt.datetime.fromisoformat(one.next_due or "") for one in (known, after))
    assert dt.timedelta(hours=23) <= then - due <= dt.timedelta(hours=25)
    assert due.astimezone(LONDON).date() == day + dt.timedelta(days=1)
    assert staleness(known, due) is None
    assert staleness(known, due + MINUTE) is not None
    midnights = [
        dt.datetime.combine(day + dt.timedelta(days=n), dt.time(), tzinfo=LONDON) for n in (1, 2)
    ]
    elapsed = midnights[1].astimezone(dt.UTC) - midnights[0].astimezone(dt.UTC)
    assert elapsed == dt.timedelta(hours=hours)


def test_data_are_too_old_from_the_day_after() -> None:
    known = history(None, dt.date(2026, 11, 9))
    assert staleness(known, dt.datetime(2026, 11, 9, 23, 59, tzinfo=dt.UTC)) is None
    midnight = dt.datetime(2026, 11, 10, tzinfo=dt.UTC)
    old = Stale(overdue=None, too_old=dt.date(2026, 11, 9))
    assert staleness(known, midnight) == old
    assert staleness(known, midnight.astimezone(ZoneInfo("America/New_York"))) == old


def test_both_are_said_at_once() -> None:
    known = history("2026-11-09T19:00:00+00:00", dt.date(2026, 11, 7))
    assert staleness(known, dt.datetime(2026, 11, 12, tzinfo=dt.UTC)) == Stale(
        overdue="2026-11-09T19:00:00+00:00", too_old=dt.date(2026, 11, 7)
    )


@given(
    minutes=st.integers(0, 525_600),
    jump=st.timedeltas(dt.timedelta(days=-4000), dt.timedelta(days=400)),
)
def test_a_clock_that_jumps_back_is_never_stale(minutes: int, jump: dt.timedelta) -> None:
    due = dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + minutes * MINUTE
    found = staleness(history(due.isoformat(), due.date()), due + jump)
    assert (found is not None and found.overdue is not None) == (jump > dt.timedelta())
    if jump <= dt.timedelta():
        assert found is None


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="a moment without a zone: 2026-11-10 00:00:00"):
        staleness(history(None), dt.datetime(2026, 11, 10))  # noqa: DTZ001
