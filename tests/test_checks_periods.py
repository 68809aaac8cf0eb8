"""Effects over time: novelty, weekdays, one period left out, events; their errors and words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.benchmarks.checks_periods import (
    START,
    event_threefold,
    evidence,
    gone_in_the_second_half,
    halved_after_a_week,
    log_of,
    one_odd_week,
    study,
    sundays_threefold,
)
from whatif.base.rng import generator
from whatif.checks.catalogue import run_checks
from whatif.checks.day_of_week import DayOfWeek
from whatif.checks.event_windows import EventWindows
from whatif.checks.evidence import Check, Evidence
from whatif.checks.leave_one_period_out import LeaveOnePeriodOut
from whatif.checks.novelty import Novelty, days_since_first
from whatif.checks.result import CheckResult, Status
from whatif.contract.spec import StudySpec

ALL: tuple[Check, ...] = (Novelty(), DayOfWeek(), LeaveOnePeriodOut(), EventWindows())


def broken(check: Check, factor: Any, **keys: Any) -> CheckResult:
    by_customer = keys.get("by_customer", False)
    made = evidence(
        study(by_customer=by_customer), log_of(1, factor=factor, customers=5_000, **keys)
    )
    result = check.run(made)
    assert result.status is Status.BROKE
    assert result.threshold == 0.01
    assert result.statistic is not None
    assert result.statistic < 0.01
    return result


def sound(frame: pd.DataFrame | None = None, **changes: object) -> Evidence:
    spec = StudySpec.model_validate(study().model_dump(exclude_none=True) | changes)
    return evidence(spec, log_of(2) if frame is None else frame)


def test_novelty_of_sessions_breaks_and_shows_both_effects() -> None:
    result = broken(Novelty(), halved_after_a_week)
    assert result.finding.startswith(
        "In the first 7 days since a customer was first seen the effect of a1 on converted is +0.1"
    )
    assert "in the days after +0.0" in result.finding
    assert result.finding.endswith("luck does not explain the difference.")
    assert [d.name for d in result.details] == ["first 7 days", "later"] * 3
    early, late = result.details[:2]
    assert early.estimate > late.estimate
    assert early.ci[0] is not None
    assert early.ci[0] < early.estimate


def test_novelty_of_assigned_customers_compares_halves_of_the_window() -> None:
    result = broken(Novelty(), gone_in_the_second_half, by_customer=True)
    assert result.finding.startswith("In the first half of the window the effect of a1 on")
    assert " of the control's level, in the second half of the window " in result.finding
    assert {d.outcome for d in result.details} == {"converted", "cost", "cost_per_order"}


def test_a_weekday_with_three_times_the_effect() -> None:
    result = broken(DayOfWeek(), sundays_threefold)
    assert "on Sunday; luck does not explain the difference." in result.finding
    assert [d.name for d in result.details[:2]] == ["Monday", "Tuesday"]


def test_one_odd_week_is_named_with_its_dates() -> None:
    result = broken(LeaveOnePeriodOut(), one_odd_week)
    assert "Of 8 weeks left out in turn, luck explains 22–28 June 2026 least" in result.finding
    assert "moves by −0.0" in result.finding
    assert result.details[3].name == "without 22–28 June 2026"


def test_an_event_with_three_times_the_effect() -> None:
    result = broken(EventWindows(), event_threefold)
    start = "During prime_day (14–15 July 2026) the effect of a1 on converted was +0."
    assert result.finding.startswith(start)
    assert ", before +0.1" in result.finding
    assert ", after +0.1" in result.finding
    before, during, after = result.details[:3]
    assert (before.name, during.name, after.name) == ("before", "during", "after")
    assert during.estimate > 2 * max(before.estimate, after.estimate)


def test_a_sound_study_holds_and_says_what_it_could_have_seen() -> None:
    made = evidence(study(), log_of(11, customers=5_000))
    for check in ALL:
        result = check.run(made)
        assert result.status is Status.HELD, result.finding
        assert result.finding.endswith("in converted could have been seen.")


def test_a_small_study_is_not_held() -> None:
    made = evidence(study(), log_of(1, customers=45))
    for check in ALL:
        result = check.run(made)
        assert result.status is Status.DID_NOT_RUN
        assert "oo little data: " in result.finding


def test_without_a_size_that_matters_an_effect_near_zero_is_not_held() -> None:
    frame = log_of(13, customers=2_000)
    frame["arm"] = generator(0, "arms").permutation(frame["arm"].to_numpy())
    made = sound(frame, outcomes=[{"column": "converted"}, {"column": "cost"}])
    result = DayOfWeek().run(made)
    assert result.status is Status.DID_NOT_RUN
    assert "too little data: only a gap of" in result.finding


def test_without_a_time_column_nothing_applies() -> None:
    made = sound(time=None, events=[])
    for check in ALL[:3]:
        result = check.run(made)
        assert (result.status, result.finding) == (
            Status.NOT_APPLICABLE,
            "The study names no time column.",
        )
    assert EventWindows().run(made).finding == "No event is declared under `events`."


def shortened(days: int) -> pd.DataFrame:
    """All sessions moved into the first few days."""
    frame = log_of(3)
    return frame.assign(at=START + (frame["at"] - START) * (days / 56))


@pytest.mark.parametrize(
    ("check", "days", "words"),
    [
        (DayOfWeek(), 10, "The data cover 10 days; a weekday can be told from a single date only"),
        (LeaveOnePeriodOut(), 3, "The data cover fewer than 4 days."),
        (Novelty(), 1, "Every row lies on the day of first exposure."),
        (EventWindows(), 20, "Nothing to compare for prime_day (14–15 July 2026): the data (1–20"),
    ],
)
def test_too_few_days(check: Check, days: int, words: str) -> None:
    result = check.run(sound(shortened(days)))
    assert result.status is Status.NOT_APPLICABLE
    assert result.finding.startswith(words)


def test_only_one_weekday() -> None:
    frame = log_of(3)
    weeks = (frame["at"] - START) // pd.Timedelta(days=7)
    result = DayOfWeek().run(sound(frame.assign(at=START + weeks * pd.Timedelta(days=7))))
    assert (result.status, result.finding) == (
        Status.NOT_APPLICABLE,
        "Every row lies on a Monday.",
    )


def test_days_without_rows_are_no_weekdays() -> None:
    frame = log_of(4, customers=3_000)
    result = DayOfWeek().run(sound(frame[frame["at"].dt.day_of_week < 5]))
    assert result.status is Status.HELD
    assert {d.name for d in result.details} == {
        "Monday", "Tuesday", "Wednesday", "Thursday", "Friday",
    }  # fmt: skip


def test_days_below_four_weeks_are_left_out_one_by_one() -> None:
    result = LeaveOnePeriodOut().run(sound(shortened(6)))
    assert "Of 6 days left out in turn" in result.finding
    assert result.details[0].name == "without 1 June 2026"


def test_customers_assigned_without_a_window_have_no_novelty() -> None:
    result = Novelty().run(sound(log_of(5, by_customer=True), assigned="customer"))
    assert result.status is Status.NOT_APPLICABLE
    assert result.finding.startswith("Whole customers are assigned without a `window`")


def test_first_exposure_from_its_column() -> None:
    frame = log_of(6)
    frame["seen"] = frame["at"].min() - pd.Timedelta(days=3)
    made = sound(frame, first_exposure="seen")
    days = days_since_first(made.design, made.spec)
    assert days is not None
    expected = (frame["at"].dt.normalize() - frame["seen"].dt.normalize()).dt.days
    np.testing.assert_array_equal(days, expected)
    late = sound(frame.assign(seen=START + pd.Timedelta(days=20)), first_exposure="seen")
    result = Novelty().run(late)
    assert result.status is Status.DID_NOT_RUN
    assert result.finding.endswith("rows lie before their 'seen'.")
    gone = frame.assign(seen=frame["seen"].where(frame["session"] > 2))
    (result,) = run_checks(sound(gone, first_exposure="seen"), quick=False, checks=(Novelty(),))
    assert result.status is Status.DID_NOT_RUN
    assert "The time 'seen' is missing in 3 of" in result.finding


EVENTS = {
    "outside": {"name": "storm", "start": "2025-01-01", "end": "2025-01-03"},
    "all": {"name": "always", "start": "2026-01-01", "end": "2026-12-31"},
    "late": {"name": "sale", "start": "2026-07-01", "end": "2026-12-31"},
    "tiny": {"name": "hour", "start": "2026-06-02", "end": "2026-06-02"},
    "week": {"name": "week", "start": "2026-07-13", "end": "2026-07-19"},
}


@pytest.mark.parametrize(
    ("names", "status", "words"),
    [
        (["outside"], Status.NOT_APPLICABLE, "storm (1–3 January 2025): the data"),
        (["all"], Status.NOT_APPLICABLE, "always (1 January – 31 December 2026): the data"),
        (["late"], Status.DID_NOT_RUN, "2026): after has fewer than 50 clusters or 20 events"),
        (["tiny"], Status.DID_NOT_RUN, "hour (2 June 2026): before and hour (2 June 2026): during"),
        (["week", "outside"], Status.DID_NOT_RUN, "Nothing to compare for storm"),
        (["week"], Status.HELD, "During week (13–19 July 2026) the effect of a1 on converted was"),
    ],
)
def test_events_that_cannot_be_compared_are_named(
    names: list[str], status: Status, words: str
) -> None:
    result = EventWindows().run(_events_on(tuple(names)))
    assert result.status is status, result.finding
    assert words in result.finding


def _events_on(names: tuple[str, ...]) -> Evidence:
    return sound(log_of(14, customers=2_000), events=[EVENTS[name] for name in names])


def test_an_outcome_that_does_not_vary_is_not_held() -> None:
    made = sound(log_of(7))
    flat = replace(
        made.scores, gamma=np.ones_like(made.scores.gamma), y=np.ones_like(made.scores.y)
    )
    for check in ALL:
        result = check.run(replace(made, scores=flat))
        assert result.status is Status.DID_NOT_RUN
        assert "outcomes that do not vary" in result.finding


def test_three_arms_share_the_level_and_the_odd_one_is_named() -> None:
    frame = log_of(8, arms=3, customers=5_000)
    sunday = (frame["at"].dt.day_of_week == 6) & (frame["arm"] == "a2")
    frame.loc[sunday, "converted"] = 1
    result = DayOfWeek().run(evidence(study(arms=3), frame))
    assert result.status is Status.BROKE
    assert "effect of a2 on converted" in result.finding
    assert len({d.arm for d in result.details}) == 2
