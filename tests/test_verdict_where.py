"""For whom a verdict speaks: everyone, except segments that are harmed."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.verdict_cases import (
    BETTER,
    DESKTOP,
    MOBILE,
    OVER,
    OVERALL,
    RURAL,
    SMALL,
    UNCLEAR,
    URBAN,
    WITHIN,
    WORSE,
    WORSE_COST,
    f_test,
    judge,
    row,
    rows_by_place,
    with_study,
)
from whatif.effects.rows import EffectRows, Segment
from whatif.verdict.record import Decision, Verdict
from whatif.verdict.where import place_of
from whatif.verdict.wording import place_words

CROSSED = with_study(segments=[["urbanicity", "device"], "urbanicity", "device"])
URBAN_MOBILE, URBAN_DESKTOP = URBAN + MOBILE, URBAN + DESKTOP
RURAL_MOBILE, RURAL_DESKTOP = RURAL + MOBILE, RURAL + DESKTOP
REMOTE: Segment = (("urbanicity", "remote_rural"),)
TABLET: Segment = (("device", "tablet"),)


def says(verdict: Verdict, words: str) -> bool:
    return any(words in reason for reason in verdict.reasons)


# ---- nobody is left out for reading no better


def test_segments_that_read_better_are_named_and_restrict_nothing() -> None:
    rows = rows_by_place({MOBILE: BETTER, DESKTOP: SMALL})
    found = judge(*OVERALL, *rows, tests=[f_test("device")])
    assert found.where == "everyone"
    assert found.headline == (
        "Roll out expanded for everyone; the gain is clearest where device is mobile."
    )
    assert says(found, "Where the gain is clearest was read off these results")
    assert not says(found, "The place was chosen")
    assert not found.chosen_after_looking


def test_past_data_name_them_too() -> None:
    rows = rows_by_place({REMOTE: BETTER, RURAL: BETTER, URBAN: UNCLEAR})
    found = judge(*OVERALL, *rows, tests=[f_test("urbanicity")], evidence="adjusted")
    assert found.headline == (
        "Worth testing: expanded for everyone; "
        "the gain is clearest where urbanicity is remote rural or rural."
    )


@pytest.mark.parametrize(
    ("p_value", "segments"),
    [(0.2, ["device"]), (0.001, [])],
    ids=["not-told-apart", "not-declared"],
)
def test_nothing_is_named_unless_declared_segments_are_told_apart(
    p_value: float, segments: list[str]
) -> None:
    rows = rows_by_place({MOBILE: BETTER, DESKTOP: WORSE})
    spec = with_study(segments=segments)
    found = judge(*OVERALL, *rows, tests=[f_test("device", p_value=p_value)], spec=spec)
    assert (found.where, found.headline) == ("everyone", "Roll out expanded for everyone.")
    assert not says(found, "clearest")


def test_segments_that_all_read_better_are_not_named() -> None:
    hidden = replace(row("converted", SMALL, segment=DESKTOP), shown="suppressed")
    rows = rows_by_place({URBAN: BETTER, RURAL: (0.01, 0.02), MOBILE: BETTER})
    found = judge(*OVERALL, *rows, hidden, tests=[f_test("urbanicity"), f_test("device")])
    assert (found.where, found.headline) == ("everyone", "Roll out expanded for everyone.")


def test_lucky_cells_of_a_cross_are_neither_named_nor_a_place() -> None:
    rows = rows_by_place(
        {
            URBAN_MOBILE: BETTER,
            URBAN_DESKTOP: UNCLEAR,
            RURAL_MOBILE: BETTER,
            RURAL_DESKTOP: UNCLEAR,
        }
    )
    found = judge(*OVERALL, *rows, tests=[f_test("urbanicity", "device")], spec=CROSSED)
    assert (found.where, found.headline) == ("everyone", "Roll out expanded for everyone.")


def test_the_first_declared_column_that_splits_is_named() -> None:
    rows = rows_by_place({MOBILE: BETTER, DESKTOP: SMALL, URBAN: UNCLEAR, RURAL: BETTER})
    tests = [f_test("device"), f_test("urbanicity")]
    for spec, place in [
        (with_study(), "urbanicity is rural"),
        (with_study(segments=["device", "urbanicity"]), "device is mobile"),
    ]:
        found = judge(*OVERALL, *rows, tests=tests, spec=spec)
        assert found.headline.endswith(f"; the gain is clearest where {place}.")


def test_an_arm_chosen_among_several_still_says_so() -> None:
    other = (row("converted", (0.002, 0.003), arm="rich"), row("cost", WITHIN, arm="rich"))
    rows = rows_by_place({MOBILE: BETTER, DESKTOP: SMALL})
    found = judge(*OVERALL, *other, *rows, tests=[f_test("device")])
    assert found.headline == (
        "Roll out expanded for everyone (chosen after looking); "
        "the gain is clearest where device is mobile."
    )


def test_no_worse_is_enough_everywhere_it_does_no_harm() -> None:
    spec = with_study(rollout_if="not_worse")
    rows = rows_by_place({MOBILE: SMALL, DESKTOP: BETTER})
    overall = (row("converted", SMALL), row("cost", WITHIN))
    found = judge(*overall, *rows, tests=[f_test("device")], spec=spec)
    assert (found.decision, found.where) == (Decision.ROLL_OUT, "everyone")
    assert says(found, "does no harm")
    assert found.headline == "Roll out expanded for everyone."


# ---- harmed segments are left out


def test_segments_that_read_worse_are_left_out() -> None:
    rows = rows_by_place({URBAN: UNCLEAR, RURAL: WORSE})
    found = judge(*OVERALL, *rows, tests=[f_test("urbanicity")])
    assert found.where == "everyone except where urbanicity is rural"
    assert found.headline == (
        "Roll out expanded for everyone except where urbanicity is rural (chosen after looking)."
    )
    assert says(found, "The place was chosen after looking")


@pytest.mark.parametrize("cost", [OVER, WORSE_COST])
def test_segments_that_break_a_guardrail_are_left_out(cost: tuple[float, float]) -> None:
    rows = rows_by_place({URBAN: WITHIN, RURAL: cost}, "cost")
    found = judge(*OVERALL, *rows, tests=[f_test("urbanicity", outcome="cost")])
    assert found.where == "everyone except where urbanicity is rural"


def test_who_is_left_out_is_not_named_as_gaining() -> None:
    split = rows_by_place({MOBILE: BETTER, TABLET: BETTER, DESKTOP: SMALL})
    cost = rows_by_place({MOBILE: WITHIN, TABLET: OVER, DESKTOP: WITHIN}, "cost")
    tests = [f_test("device"), f_test("device", outcome="cost")]
    assert judge(*OVERALL, *split, *cost, tests=tests).headline == (
        "Roll out expanded for everyone except where device is tablet (chosen after looking); "
        "the gain is clearest where device is mobile."
    )
    rest = rows_by_place({MOBILE: BETTER, TABLET: BETTER, DESKTOP: WORSE})
    assert judge(*OVERALL, *rest, tests=tests).headline == (
        "Roll out expanded for everyone except where device is desktop (chosen after looking)."
    )


def test_crosses_are_left_out_only_where_no_column_covers_them() -> None:
    rows = rows_by_place(
        {
            URBAN_MOBILE: WORSE,
            URBAN_DESKTOP: BETTER,
            RURAL_MOBILE: WORSE,
            RURAL_DESKTOP: BETTER,
            URBAN: UNCLEAR,
            RURAL: WORSE,
        }
    )
    tests = [f_test("urbanicity", "device"), f_test("urbanicity")]
    found = judge(*OVERALL, *rows, tests=tests, spec=CROSSED)
    assert found.where == (
        "everyone except where urbanicity is rural, or where urbanicity is urban and device "
        "is mobile"
    )


# ---- nobody is left


def test_harm_in_every_segment_is_discussed() -> None:
    rows = (
        *rows_by_place({MOBILE: BETTER, DESKTOP: WORSE}),
        *rows_by_place({MOBILE: OVER, DESKTOP: WITHIN}, "cost"),
    )
    found = judge(*OVERALL, *rows, tests=[f_test("device"), f_test("device", outcome="cost")])
    assert (found.decision, found.where) == (Decision.DISCUSS, "everyone")
    assert found.headline == "To discuss: the results do not settle the case for expanded."
    assert says(found, "no place is left")
    assert says(found, "does read better where device is mobile")


def test_a_segment_too_small_to_show_is_no_place_to_roll_out() -> None:
    hidden = replace(row("cost", WITHIN, segment=TABLET), shown="suppressed")
    rows = rows_by_place({MOBILE: OVER, DESKTOP: OVER}, "cost")
    found = judge(*OVERALL, *rows, hidden, tests=[f_test("device", outcome="cost")])
    assert found.decision is Decision.DISCUSS


def test_columns_and_crosses_together_can_leave_nobody() -> None:
    device = rows_by_place({MOBILE: WORSE, DESKTOP: UNCLEAR})
    for rural, decision in [(WORSE, Decision.DISCUSS), (UNCLEAR, Decision.ROLL_OUT)]:
        cross = rows_by_place(
            {
                URBAN_MOBILE: UNCLEAR,
                URBAN_DESKTOP: WORSE,
                RURAL_MOBILE: UNCLEAR,
                RURAL_DESKTOP: rural,
            }
        )
        tests = [f_test("device"), f_test("urbanicity", "device")]
        found = judge(*OVERALL, *device, *cross, tests=tests, spec=CROSSED)
        assert found.decision is decision


def test_different_crosses_together_can_leave_nobody() -> None:
    spec = with_study(segments=["device", ["device", "urbanicity"], ["device", "member"]])
    member: tuple[Segment, ...] = ((("member", True),), (("member", False),))
    rows = (
        *rows_by_place({MOBILE: UNCLEAR, DESKTOP: UNCLEAR}),
        *rows_by_place({MOBILE + URBAN: WORSE, MOBILE + RURAL: WORSE}),
        *rows_by_place({DESKTOP + URBAN: UNCLEAR, DESKTOP + RURAL: UNCLEAR}),
        *rows_by_place({DESKTOP + one: WORSE for one in member}),
        *rows_by_place({MOBILE + one: UNCLEAR for one in member}),
    )
    tests = [f_test("device", "urbanicity"), f_test("device", "member")]
    assert judge(*OVERALL, *rows, tests=tests, spec=spec).decision is Decision.DISCUSS
    found = judge(*OVERALL, *rows, tests=tests[:1], spec=spec)
    assert found.decision is Decision.ROLL_OUT


# ---- decisions other than a roll-out


def test_a_verdict_against_still_says_where_it_reads_better() -> None:
    rows = rows_by_place({MOBILE: BETTER, DESKTOP: WORSE})
    found = judge(row("converted", SMALL), row("cost", WITHIN), *rows, tests=[f_test("device")])
    assert found.decision is Decision.DO_NOT_ROLL_OUT
    assert "Converted does read better where device is mobile." in found.reasons
    assert found.where == "everyone"


def test_where_it_reads_better_is_said_by_column_before_crosses() -> None:
    cross = rows_by_place({URBAN_MOBILE: BETTER, URBAN_DESKTOP: SMALL, RURAL_MOBILE: SMALL})
    tests = [f_test("urbanicity", "device"), f_test("device")]
    overall = (row("converted", UNCLEAR), row("cost", WITHIN))
    found = judge(*overall, *cross, tests=tests, spec=CROSSED)
    assert says(found, "read better where urbanicity is urban and device is mobile.")
    device = rows_by_place({MOBILE: BETTER, DESKTOP: SMALL})
    found = judge(*overall, *cross, *device, tests=tests, spec=CROSSED)
    assert says(found, "read better where device is mobile.")
    assert not says(found, "urbanicity")


# ---- laws

PRIMARY = st.sampled_from([BETTER, UNCLEAR, SMALL, WORSE])
COST = st.sampled_from([WITHIN, WORSE_COST, OVER])
CELLS = (URBAN, RURAL, MOBILE, DESKTOP, URBAN_MOBILE, URBAN_DESKTOP, RURAL_MOBILE, RURAL_DESKTOP)


@settings(max_examples=150, deadline=None)
@given(
    converted=st.lists(PRIMARY, min_size=8, max_size=8),
    cost=st.lists(COST, min_size=8, max_size=8),
    told=st.sets(st.sampled_from([("urbanicity",), ("device",), ("urbanicity", "device")])),
)
def test_only_harm_takes_anyone_out(
    converted: list[tuple[float, float]],
    cost: list[tuple[float, float]],
    told: set[tuple[str, ...]],
) -> None:
    """With a better overall effect, exactly the harmed finest cells are left out."""
    rows = (
        *rows_by_place(dict(zip(CELLS, converted, strict=True))),
        *rows_by_place(dict(zip(CELLS, cost, strict=True)), "cost"),
    )
    tests = [f_test(*d, outcome=o) for d, o in itertools.product(told, ("converted", "cost"))]
    found = judge(*OVERALL, *rows, tests=tests, spec=CROSSED)
    harmed = [
        cell
        for cell, gain, harm in zip(CELLS, converted, cost, strict=True)
        if tuple(column for column, _ in cell) in told and (gain == WORSE or harm != WITHIN)
    ]
    out = {cell for cell in CELLS[4:] if any(set(one) <= set(cell) for one in harmed)}
    if len(out) == len(CELLS[4:]):
        assert (found.decision, found.where) == (Decision.DISCUSS, "everyone")
        return
    assert found.decision is Decision.ROLL_OUT
    effects = EffectRows(effects=(*OVERALL, *rows), heterogeneity=tuple(tests), level=0.95)
    place = place_of(effects, found.readings, CROSSED, "expanded")
    assert {c for c in CELLS[4:] if any(set(one) <= set(c) for one in place.exclude)} == out
    assert found.where == place_words(place.exclude)
    assert (found.where != "everyone") == bool(harmed)
    assert ("chosen after looking" in found.headline) == bool(harmed)
    assert ("clearest" in found.headline) == says(found, "clearest")
