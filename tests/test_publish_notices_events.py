"""What is told of a study, when, and what never stands in a notice."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.notice_cases import FAILED, GOOD, SHOWN
from tests.publish_cases import LINE
from whatif.base.history import Failure, History, PastRun, RunLine
from whatif.publish.notices.events import Event, EventKind, events
from whatif.publish.notices.message import message_of
from whatif.publish.notices.state import ShownRun, StudyState, state_of
from whatif.publish.staleness import Stale
from whatif.verdict.record import Decision

SCHEMA = Path(__file__).resolve().parent.parent / "data_schemas" / "notice.v1.json"
NOON = dt.datetime(2026, 11, 2, 12, 0, tzinfo=dt.UTC)
DUE, DAY = "2026-11-09T19:00:00+00:00", dt.date(2026, 11, 7)

OTHER = replace(SHOWN, run_id="r2")
BROKEN = replace(
    OTHER, decision=Decision.CANNOT_BE_TRUSTED, headline="These numbers cannot be trusted."
)


def showing(run: ShownRun | None) -> StudyState:
    return replace(GOOD, shown=run)


def stale(overdue: str | None = None, too_old: dt.date | None = None) -> StudyState:
    return replace(GOOD, stale=Stale(overdue=overdue, too_old=too_old))


def told(before: StudyState, after: StudyState) -> dict[str, str]:
    """Return the sentences, by kind of event."""
    return {str(event.kind): event.text for event in events(before, after)}


def only(before: StudyState, after: StudyState) -> Event:
    (event,) = events(before, after)
    return event


# ---- which events


def test_a_first_page_and_an_unchanged_one_are_no_event() -> None:
    assert events(showing(None), GOOD) == ()
    assert events(GOOD, showing(OTHER)) == ()
    for state in (GOOD, FAILED, stale(DUE, DAY), replace(GOOD, awaiting="r9"), showing(BROKEN)):
        assert events(state, state) == ()


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (1, "something happened that was not foreseen"),
        (2, "the study file or the command cannot be followed"),
        (3, "the data are missing or break their contract"),
        (5, "these data cannot answer the question"),
        (6, "the page could not be put where readers look"),
        (75, "another run of the study was under way"),
    ],
)
def test_a_failure_is_told_with_a_reason_from_a_closed_set(code: int, reason: str) -> None:
    failure = Failure(
        at="2026-11-02T07:00:00+00:00", exit_code=code, words="Cell 'Ann, 4,711 USD' in `cost`."
    )
    event = only(GOOD, replace(GOOD, failure=failure))
    assert event.kind is EventKind.FAILED
    assert event.text == (
        f"checkout: the run of 2 November 2026, 07:00 UTC failed, because {reason} "
        f"(exit code {code}); readers keep the last good page."
    )
    body = message_of(event, at=NOON, site_url="").body()
    assert not any(part in body for part in ("Ann", "4,711", "cost"))


def test_the_same_failure_is_told_once_and_another_one_again() -> None:
    later = "2026-11-03T07:00:00+00:00"
    assert FAILED.failure is not None
    assert events(FAILED, replace(FAILED, failure=replace(FAILED.failure, at=later))) == ()
    other = replace(FAILED, failure=Failure(at=later, exit_code=5, words="No columns."))
    assert told(FAILED, other).keys() == {"failed"}
    assert events(GOOD, FAILED)[0].key != events(FAILED, other)[0].key


def test_the_first_good_run_after_a_failure_is_told() -> None:
    assert told(FAILED, GOOD) == {
        "recovered": "checkout: it runs again after the failure of 2 November 2026, 07:00 UTC."
    }
    first = replace(FAILED, shown=None)
    assert "there is no page yet" in told(showing(None), first)["failed"]


def test_a_withheld_run_is_told_once_and_not_as_a_changed_verdict() -> None:
    assert told(GOOD, showing(BROKEN)) == {
        "withheld": "checkout: the verdict is withheld, because a check that guards the "
        "comparison itself broke; the page says which."
    }
    assert told(showing(None), showing(BROKEN)).keys() == {"withheld"}
    assert events(showing(BROKEN), showing(replace(BROKEN, run_id="r3", arm="tabs"))) == ()
    assert told(showing(BROKEN), showing(replace(SHOWN, run_id="r3"))) == {
        "verdict_changed": "checkout: the verdict is now “roll out”, no longer “cannot be "
        "trusted”: Roll out expanded for everyone."
    }


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"decision": Decision.DISCUSS}, "now “discuss”, no longer “roll out”: "),
        ({"arm": "tabs"}, "still “roll out”, for another arm or place: "),
        ({"where": "everyone except rural"}, "still “roll out”, for another arm or place: "),
    ],
)
def test_a_changed_decision_arm_or_place_is_told(changes: dict[str, object], words: str) -> None:
    event = only(GOOD, showing(replace(OTHER, **changes)))  # type: ignore[arg-type]
    assert event.kind is EventKind.VERDICT_CHANGED
    assert words in event.text


def test_a_place_that_is_not_known_is_not_compared() -> None:
    assert events(GOOD, showing(replace(OTHER, where=""))) == ()


def test_a_run_that_waits_is_told_without_what_it_found() -> None:
    event = only(GOOD, replace(GOOD, awaiting="r2"))
    assert event.text == (
        "checkout: the run r2 awaits review; until then readers see the page before it."
    )
    message = message_of(event, at=NOON, site_url="https://site.example")
    assert (message.run_id, message.decision, message.headline) == ("r2", None, None)
    assert message.link == "https://site.example/checkout/runs/r2/report.html"
    assert told(replace(GOOD, awaiting="r2"), replace(GOOD, awaiting="r3")).keys() == {
        "awaiting_review"
    }
    assert events(replace(GOOD, awaiting="r2"), showing(OTHER)) == ()


def test_overdue_and_too_old_are_two_causes_each_told_once() -> None:
    assert only(GOOD, stale(DUE)).text == (
        "checkout: the page that was due by 9 November 2026, 19:00 UTC has not come."
    )
    assert only(stale(DUE), stale(DUE, DAY)).text == (
        "checkout: the data are too old to decide on; they were recent enough until "
        "7 November 2026."
    )
    both = events(GOOD, stale(DUE, DAY))
    assert [event.kind for event in both] == [EventKind.STALE] * 2
    assert {event.key for event in both} == {
        only(GOOD, stale(DUE)).key,
        only(GOOD, stale(None, DAY)).key,
    }
    assert events(stale(DUE, DAY), GOOD) == ()


# ---- what a notice says


def test_every_notice_follows_its_schema() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    check = jsonschema.Draft202012Validator(
        schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    pairs = [
        (GOOD, FAILED),
        (FAILED, GOOD),
        (GOOD, showing(BROKEN)),
        (GOOD, showing(replace(OTHER, arm="tabs"))),
        (GOOD, replace(GOOD, awaiting="r2")),
        (GOOD, stale(DUE, DAY)),
        (showing(None), replace(FAILED, shown=None, next_due=None, question="")),
    ]
    kinds = set()
    for before, after in pairs:
        for event in events(before, after):
            for site in ("", "https://site.example/r"):
                body = json.loads(message_of(event, at=NOON, site_url=site).body())
                check.validate(body)
                assert ("link" in body) == (bool(site) and body["run_id"] is not None)
                kinds.add(body["event"])
    assert kinds == {str(kind) for kind in EventKind}
    assert kinds == set(schema["properties"]["event"]["enum"])
    assert {*map(str, Decision), None} == set(schema["properties"]["decision"]["enum"])


def test_a_withheld_notice_carries_no_number_of_the_study() -> None:
    event = only(GOOD, showing(BROKEN))
    body = json.loads(message_of(event, at=NOON, site_url="").body())
    for name in ("text", "headline", "question"):
        assert not any(letter.isdigit() for letter in body[name])
    assert body["headline"] == "These numbers cannot be trusted."


def test_what_is_data_stays_on_one_line_and_in_order() -> None:
    hostile = "Roll out \u202egnp.exe\u202c for\r\nBcc: all\x1b[31m\u2028</script>\x00."
    after = replace(showing(replace(OTHER, arm="tabs", headline=hostile)), question="a\nb\u200f")
    message = message_of(only(GOOD, after), at=NOON, site_url="")
    assert message.headline == "Roll out gnp.exe for Bcc: all[31m </script>."
    assert message.question == "a b"
    assert message.headline in message.text
    assert message.text.isprintable()


def test_equal_events_give_equal_bytes() -> None:
    one, two = (message_of(only(GOOD, FAILED), at=NOON, site_url="").body() for _ in range(2))
    assert one == two


# ---- from a history


def line(run_id: str) -> RunLine:
    return replace(LINE, run_id=run_id, question="Was it worth it?", next_due=DUE, versus="folded")


def test_a_history_becomes_a_state_without_numbers() -> None:
    runs = tuple(
        PastRun(line=line(run_id), finished_at="2026-11-02T07:00:00+00:00")
        for run_id in ("r1", "r2")
    )
    history = History(study="checkout", runs=runs, shown="r1", awaiting="r2", next_due=DUE)
    state = state_of(history, stale=None, where={"r1": "everyone"})
    assert state == replace(GOOD, awaiting="r2")
    assert "0.003" not in repr(state)
    assert "about 3" not in repr(state)
    unseen = state_of(replace(history, shown=None), stale=None, where={})
    assert (unseen.shown, unseen.question) == (None, "Was it worth it?")
    empty = History(study="checkout", runs=(), shown=None, awaiting=None, next_due=None)
    assert state_of(empty, stale=None, where={}).question == ""


# ---- a random life

STEPS = st.one_of(
    st.tuples(
        st.just("run"),
        st.sampled_from([Decision.ROLL_OUT, Decision.DISCUSS, Decision.CANNOT_BE_TRUSTED]),
        st.sampled_from(["expanded", "tabs"]),
    ),
    st.tuples(st.just("unreviewed"), st.none(), st.none()),
    st.tuples(st.just("approve"), st.none(), st.none()),
    st.tuples(st.just("fail"), st.sampled_from([2, 3]), st.none()),
    st.tuples(st.just("late"), st.none(), st.none()),
    st.tuples(st.just("old"), st.none(), st.none()),
    st.tuples(st.just("nothing"), st.none(), st.none()),
)


def lived(state: StudyState, step: tuple[str, object, object], n: int) -> StudyState:
    """Return the state after one step of a life."""
    what, first, second = step
    moment = (NOON + dt.timedelta(hours=n)).isoformat()
    stale = state.stale or Stale(overdue=None, too_old=None)
    if isinstance(first, Decision):
        shown = replace(SHOWN, run_id=f"r{n}", decision=first, arm=str(second))
        state = replace(state, shown=shown, awaiting=None, failure=None, stale=None)
    elif isinstance(first, int):
        state = replace(state, failure=Failure(at=moment, exit_code=first, words="w"))
    elif what == "unreviewed":
        state = replace(state, awaiting=f"r{n}", failure=None)
    elif what == "approve" and state.awaiting is not None:
        state = replace(state, shown=replace(SHOWN, run_id=state.awaiting), awaiting=None)
    elif what == "late" and stale.overdue is None:
        state = replace(state, stale=replace(stale, overdue=moment))
    elif what == "old" and stale.too_old is None:
        state = replace(state, stale=replace(stale, too_old=NOON.date() + dt.timedelta(days=n)))
    return state


def expected(before: StudyState, after: StudyState) -> list[str]:
    """Return the events in plain words: what is true now and was not before."""
    was, now = before.shown, after.shown
    broken = [run is not None and run.decision is Decision.CANNOT_BE_TRUSTED for run in (was, now)]
    same = was is None or now is None or (was.decision, was.arm) == (now.decision, now.arm)
    code = [None if one.failure is None else one.failure.exit_code for one in (before, after)]
    late = [one.stale is not None and one.stale.overdue is not None for one in (before, after)]
    old = [one.stale is not None and one.stale.too_old is not None for one in (before, after)]
    happened = {
        "failed": code[1] is not None and code[0] != code[1],
        "recovered": code[0] is not None and code[1] is None,
        "withheld": broken[1] and not broken[0],
        "verdict_changed": not same and not broken[1],
        "awaiting_review": after.awaiting is not None and before.awaiting != after.awaiting,
    }
    return sorted(
        [name for name, true in happened.items() if true]
        + ["stale"] * sum(now and not was for was, now in (late, old))
    )


@given(st.lists(STEPS, max_size=30))
def test_over_any_life_each_thing_is_told_exactly_once(
    steps: list[tuple[str, object, object]],
) -> None:
    state, keys = showing(None), list[str]()
    for n, step in enumerate(steps):
        after = lived(state, step, n)
        found = events(state, after)
        assert sorted(str(event.kind) for event in found) == expected(state, after)
        assert events(after, after) == ()
        keys += [event.key for event in found]
        # A command that forgot that the page was stale finds the same causes, by the same keys.
        forgetful = {event.key for event in events(replace(after, stale=None), after)}
        assert forgetful <= set(keys)
        state = after
    assert len(keys) == len(set(keys))
