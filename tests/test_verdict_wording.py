"""Every sentence of a verdict, as a snapshot. Update on purpose: pytest --snapshot-update."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Sequence

import pytest
from syrupy.assertion import SnapshotAssertion

from whatif.effects.rows import Segment
from whatif.verdict import wording
from whatif.verdict.record import Decision, Reading

DAY = dt.date(2026, 12, 15)
RURAL = (("urbanicity", "rural"),)
URBAN = (("urbanicity", "urban"),)
SUBURBAN = (("urbanicity", "suburban"),)
MOBILE = (("device", "mobile"),)
MEMBER = (("is_member", True),)
CROSS = (("urbanicity", "rural"), ("device", "mobile"))
IMPERATIVE = {Decision.ROLL_OUT, Decision.DO_NOT_ROLL_OUT}


EXCEPT = "everyone except where device is mobile"


def headline(
    decision: Decision,
    *,
    place: str = wording.EVERYONE,
    several: bool = False,
    clearest: Sequence[Segment] = (),
) -> str:
    looked = several or place != wording.EVERYONE
    return wording.headline(
        decision,
        arm="expanded",
        place=place,
        several_arms=several,
        chosen_after_looking=looked,
        clearest=clearest,
    )


def test_readings_and_decisions(snapshot: SnapshotAssertion) -> None:
    words = {str(reading): wording.reading_words(reading) for reading in Reading}
    words |= {str(decision): wording.decision_words(decision) for decision in Decision}
    assert words == snapshot


def test_headlines(snapshot: SnapshotAssertion) -> None:
    found = [
        headline(decision, place=place, several=several, clearest=clearest)
        for decision, several, place, clearest in itertools.product(
            Decision, (False, True), (wording.EVERYONE, EXCEPT), ((), (URBAN, SUBURBAN))
        )
    ]
    assert found == snapshot


def test_metric_sentences(snapshot: SnapshotAssertion) -> None:
    found = [
        wording.metric_reason("cost_per_order", reading, arm="expanded") for reading in Reading
    ]
    assert found == snapshot


def test_places(snapshot: SnapshotAssertion) -> None:
    found = [
        wording.place_words([]),
        wording.place_words([MOBILE]),
        wording.place_words([URBAN, SUBURBAN]),
        wording.place_words([URBAN, SUBURBAN, RURAL]),
        wording.place_words([RURAL, MOBILE]),
        wording.place_words([CROSS]),
        wording.place_words([CROSS, MEMBER]),
    ]
    assert found == snapshot


def test_reasons(snapshot: SnapshotAssertion) -> None:
    found = [
        wording.no_limit_reason("cost_per_order"),
        wording.smaller_difference_accepted_reason(),
        wording.better_segments_reason("converted", [MOBILE]),
        wording.nowhere_reason(),
        wording.arm_chosen_reason(),
        wording.place_chosen_reason(),
        wording.clearest_reason(),
        wording.past_data_reason(),
        wording.check_broke_reason("sample_ratio", "1,200 units for 1,000 expected"),
        wording.check_missing_reason("sample_ratio", "No probabilities were declared."),
        wording.out_of_date_reason(DAY, "7d"),
        wording.out_of_date_reason(None, "1h"),
        wording.too_early_reason(DAY, dt.date(2026, 11, 22)),
    ]
    assert found == snapshot


def test_what_would_change_it(snapshot: SnapshotAssertion) -> None:
    found = [
        wording.would_change_check("sample_ratio"),
        wording.would_change_newer_data(),
        wording.would_change_date(DAY),
        *(wording.would_change_more_data("converted", t) for t in (None, 1.0, 3.14, 42.4, 500.0)),
        *(wording.would_change_more_data_limit("cost_per_order", t) for t in (None, 3.14)),
        wording.would_change_guardrail_met("cost_per_order", "expanded"),
        wording.would_change_limit_declared("cost_per_order"),
        wording.would_change_other_version("converted", "expanded"),
        wording.would_change_smaller_matters("converted"),
        wording.would_change_later_run("converted", guarded=True),
        wording.would_change_later_run("converted", guarded=False),
        wording.would_change_test(),
        wording.would_change_hidden_cause("presentation", "converted"),
    ]
    assert found == snapshot


@pytest.mark.parametrize("decision", list(Decision))
def test_only_a_test_that_decides_speaks_in_the_imperative(decision: Decision) -> None:
    commands = headline(decision).lower().startswith(("roll out", "do not roll out"))
    assert commands == (decision in IMPERATIVE)


def test_a_rollout_picked_by_its_result_says_so() -> None:
    assert "chosen after looking" in headline(Decision.ROLL_OUT, place=EXCEPT)
    assert "chosen after looking" in headline(Decision.ROLL_OUT, several=True)
    assert "chosen after looking" not in headline(Decision.ROLL_OUT)
    assert "chosen after looking" not in headline(Decision.ROLL_OUT, clearest=[MOBILE])


def test_levels_of_one_column_are_joined_once() -> None:
    words = wording.place_words([URBAN, SUBURBAN, MOBILE])
    assert words == (
        "everyone except where urbanicity is urban or suburban, or where device is mobile"
    )


def test_names_from_data_pass_through_as_text() -> None:
    hostile = "</script><img src=x onerror=alert(1)>"
    assert hostile in wording.place_words([(("city", hostile),)])


@pytest.mark.parametrize(
    ("level", "words"),
    [
        ("remote_rural", "remote rural"),
        ("città_alta", "città alta"),
        ("Mobile", "Mobile"),
        (True, "true"),
        (3, "3"),
        (2.5, "2.5"),
        *((text, text) for text in ("v1_2", "_x", "a__b", "_", "", "a_b c", "a_b-c", "[0, 3)")),
    ],
)
def test_levels_lose_underscores_only_where_nothing_else_could_be_meant(
    level: object, words: str
) -> None:
    assert wording.readable(level) == words


def test_arms_are_readable_in_every_sentence() -> None:
    arm = "free_shipping"
    found = [
        *(wording.metric_reason("cost", reading, arm=arm) for reading in Reading),
        *(
            wording.headline(
                decision, arm=arm, place="everyone", several_arms=False, chosen_after_looking=False
            )
            for decision in Decision
        ),
        wording.would_change_guardrail_met("cost", arm),
        wording.would_change_other_version("cost", arm),
    ]
    assert not [sentence for sentence in found if "_" in sentence]
    assert "A version of free shipping that keeps cost within its limit." in found
