"""The verdict: which rule wins, for which arm, and why."""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import replace

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.verdict_cases import (
    BETTER,
    DESKTOP,
    MAYBE,
    MOBILE,
    OVER,
    OVERALL,
    SMALL,
    SPEC,
    UNCLEAR,
    WITHIN,
    WORSE,
    WORSE_COST,
    check,
    f_test,
    judge,
    row,
    rows_by_place,
    with_study,
)
from whatif.checks.result import Status
from whatif.effects.rows import EffectRow, EffectRows
from whatif.verdict.decide import decide
from whatif.verdict.more_data import times_to_clear_limit, times_to_settle
from whatif.verdict.readings import read_guardrail
from whatif.verdict.record import Decision, Reading
from whatif.verdict.rules import decide_arm, from_past_data

# ---- the rule of one arm

PRIMARY = [
    Reading.BETTER,
    Reading.BETTER_PERHAPS,
    Reading.WORSE,
    Reading.WORSE_PERHAPS,
    Reading.NO_DIFFERENCE,
    Reading.NOT_CLEAR,
    Reading.SUPPRESSED,
]
GUARDRAIL = [
    Reading.WITHIN_LIMIT,
    Reading.OVER_LIMIT,
    Reading.HARM_NOT_RULED_OUT,
    Reading.WORSE_LIMIT_NOT_RULED_OUT,
    Reading.NOT_CLEAR,
]


def test_one_arm_follows_the_ruling_in_every_case() -> None:
    """A second writing of ruling 19, as a table of what each pair of guardrails allows."""
    for primary, first, second in itertools.product(PRIMARY, GUARDRAIL, GUARDRAIL):
        both = {first, second}
        within = both == {Reading.WITHIN_LIMIT}
        expected = "discuss"
        if primary is Reading.NO_DIFFERENCE:
            expected = "do_not_roll_out"
        if primary.startswith("better") and within:
            expected = "roll_out"
        if both & {Reading.OVER_LIMIT, Reading.WORSE_LIMIT_NOT_RULED_OUT}:
            expected = "do_not_roll_out"
        if primary.startswith("worse"):
            expected = "do_not_roll_out"
        found = decide_arm(primary, [first, second], rollout_if="better")
        assert found == expected, (primary, first, second)


@pytest.mark.parametrize(
    ("guardrail", "expected"),
    [
        (Reading.WITHIN_LIMIT, Decision.ROLL_OUT),
        (Reading.HARM_NOT_RULED_OUT, Decision.DO_NOT_ROLL_OUT),
        (Reading.NOT_CLEAR, Decision.DO_NOT_ROLL_OUT),
    ],
)
def test_no_difference_is_enough_where_the_study_says_so(
    guardrail: Reading, expected: Decision
) -> None:
    found = decide_arm(Reading.NO_DIFFERENCE, [guardrail], rollout_if="not_worse")
    assert found is expected


def test_better_net_value_lifts_a_guardrail_whose_limit_is_not_ruled_out() -> None:
    guardrails = [Reading.WORSE_LIMIT_NOT_RULED_OUT]
    for net_value, expected in [
        (Reading.BETTER, Decision.DISCUSS),
        (Reading.BETTER_PERHAPS, Decision.DO_NOT_ROLL_OUT),
        (None, Decision.DO_NOT_ROLL_OUT),
    ]:
        found = decide_arm(Reading.BETTER, guardrails, rollout_if="better", net_value=net_value)
        assert found is expected
    over = [Reading.OVER_LIMIT]
    found = decide_arm(Reading.BETTER, over, rollout_if="better", net_value=Reading.BETTER)
    assert found is Decision.DO_NOT_ROLL_OUT


def test_past_data_never_say_roll_out() -> None:
    assert [from_past_data(d).value for d in Decision] == [
        "cannot_be_trusted",
        "out_of_date",
        "too_early",
        "worth_testing",
        "not_worth_testing",
        "discuss",
        "worth_testing",
        "not_worth_testing",
    ]


# ---- first match wins


def test_the_order_of_the_rules() -> None:
    rows = (row("converted", BETTER), row("cost", WITHIN))
    spec = with_study(decision={"on": "2026-12-15"})
    early = dt.date(2026, 12, 14)
    broke = [check(Status.BROKE)]
    found = [
        judge(*rows, spec=spec, checks=broke, fresh=False, as_of=early),
        judge(*rows, spec=spec, fresh=False, as_of=early),
        judge(*rows, spec=spec, as_of=early),
        judge(*rows, spec=spec),
    ]
    assert [verdict.decision for verdict in found] == [
        Decision.CANNOT_BE_TRUSTED,
        Decision.OUT_OF_DATE,
        Decision.TOO_EARLY,
        Decision.ROLL_OUT,
    ]


@pytest.mark.parametrize("decision", [Decision.CANNOT_BE_TRUSTED, Decision.TOO_EARLY])
def test_a_withheld_verdict_names_no_best_arm(decision: Decision) -> None:
    rows = (row("converted", SMALL, arm="first"), row("converted", BETTER, arm="second"))
    broke = [check(Status.BROKE)] if decision is Decision.CANNOT_BE_TRUSTED else []
    spec = with_study(decision={"on": "2027-01-01"}, outcomes=[{"column": "converted"}])
    found = judge(*rows, spec=spec, checks=broke)
    assert (found.decision, found.arm, found.chosen_after_looking) == (decision, "first", False)
    assert found.where == "everyone"


def test_anytime_looks_have_no_date_lock() -> None:
    spec = with_study(decision={"on": "2027-01-01", "looks": "anytime"})
    assert judge(row("converted", BETTER), row("cost", WITHIN), spec=spec).decision == "roll_out"


def test_without_dates_in_the_data_there_is_no_date_lock() -> None:
    spec = with_study(decision={"on": "2027-01-01"})
    found = judge(row("converted", BETTER), row("cost", WITHIN), spec=spec, as_of=None)
    assert found.decision == "roll_out"


def test_doubt_is_said_and_does_not_withhold() -> None:
    doubt = check(Status.BROKE, integrity=False, name="covariate_balance")
    found = judge(row("converted", BETTER), row("cost", WITHIN), checks=[doubt])
    assert found.decision is Decision.ROLL_OUT
    assert found.reasons[-1].startswith("The covariate balance check broke: 1,200 units")


def test_an_integrity_check_that_did_not_run_is_said() -> None:
    lost = check(Status.DID_NOT_RUN)
    found = judge(row("converted", BETTER), row("cost", WITHIN), checks=[lost])
    assert found.reasons[-1].startswith("The sample ratio check did not run")


@pytest.mark.parametrize("status", [Status.HELD, Status.NOT_APPLICABLE])
def test_checks_that_held_or_do_not_apply_add_no_reason(status: Status) -> None:
    rows = (row("converted", BETTER), row("cost", WITHIN))
    assert judge(*rows, checks=[check(status)]).reasons == judge(*rows).reasons


@pytest.mark.parametrize(
    ("converted", "decision"),
    [(BETTER, "worth_testing"), (WORSE, "not_worth_testing"), (UNCLEAR, "discuss")],
)
def test_past_data_give_at_most_a_reason_to_test(
    converted: tuple[float, float], decision: str
) -> None:
    found = judge(row("converted", converted), row("cost", WITHIN), evidence="adjusted")
    assert found.decision == decision
    assert any("past data, not a test" in reason for reason in found.reasons)
    assert "A randomised test" in found.would_change[0]


# ---- several arms


def two_arms() -> tuple[EffectRow, ...]:
    return (
        row("converted", (0.003, 0.005), arm="plain"),
        row("converted", (0.004, 0.008), arm="rich"),
        row("cost", WITHIN, arm="plain"),
        row("cost", WITHIN, arm="rich"),
    )


def test_of_several_arms_the_best_primary_or_money_wins() -> None:
    assert judge(*two_arms()).arm == "rich"
    found = judge(*two_arms(), money_by_arm={"plain": 5.0, "rich": 4.0})
    assert (found.arm, found.chosen_after_looking) == ("plain", True)
    assert found.headline == "Roll out plain for everyone (chosen after looking)."
    assert any("This arm was chosen after looking" in reason for reason in found.reasons)


def test_an_arm_that_clears_the_rule_beats_one_that_earns_more() -> None:
    rows = [
        replace(r, ci=OVER) if (r.outcome, r.arm) == ("cost", "rich") else r for r in two_arms()
    ]
    found = judge(*rows, money_by_arm={"plain": 1.0, "rich": 9.0})
    assert (found.decision, found.arm) == (Decision.ROLL_OUT, "plain")


def test_when_no_arm_clears_the_rule_the_headline_speaks_of_all() -> None:
    rows = (row("converted", WORSE, arm="plain"), row("converted", SMALL, arm="rich"))
    spec = with_study(outcomes=[{"column": "converted", "matters_from": 0.002}])
    found = judge(*rows, spec=spec)
    assert (found.arm, found.headline) == ("rich", "Do not roll out any of the arms compared.")


def test_lower_is_better_picks_the_lowest_arm() -> None:
    spec = with_study(outcomes=[{"column": "cost", "better": "lower"}])
    rows = (row("cost", (-0.4, -0.2), arm="plain"), row("cost", (-0.6, -0.3), arm="rich"))
    assert judge(*rows, spec=spec).arm == "rich"


# ---- reasons and what would change


def test_a_guardrail_that_was_not_estimated_is_not_within() -> None:
    assert judge(row("converted", BETTER)).decision is Decision.DISCUSS


def test_a_guardrail_without_a_limit_is_said() -> None:
    outcomes = [{"column": "converted"}, {"column": "cost", "role": "guardrail", "better": "lower"}]
    found = judge(
        row("converted", BETTER), row("cost", WORSE_COST), spec=with_study(outcomes=outcomes)
    )
    assert found.decision is Decision.DISCUSS
    assert any("No limit was declared for cost" in reason for reason in found.reasons)
    assert "A declared limit for cost." in found.would_change


def test_what_stands_in_the_way_comes_first() -> None:
    found = judge(row("converted", BETTER), row("cost", OVER))
    assert found.reasons[0] == "Cost is over its limit with expanded."


@pytest.mark.parametrize(
    ("converted", "cost"),
    list(itertools.product([BETTER, UNCLEAR, WORSE, SMALL], [WITHIN, MAYBE, WORSE_COST, OVER])),
)
def test_every_verdict_has_reasons_and_something_that_would_change_it(
    converted: tuple[float, float], cost: tuple[float, float]
) -> None:
    found = judge(row("converted", converted), row("cost", cost))
    assert found.reasons
    assert found.would_change
    assert len(found.readings) == 2


def test_whole_verdicts(snapshot: SnapshotAssertion) -> None:
    segments = rows_by_place({MOBILE: BETTER, DESKTOP: SMALL})
    doubt = check(Status.BROKE, integrity=False, name="covariate_balance")
    found = {
        "roll out": judge(*OVERALL, *segments, tests=[f_test("device")], checks=[doubt]),
        "do not": judge(row("converted", BETTER), row("cost", OVER)),
        "no difference": judge(row("converted", SMALL), row("cost", MAYBE)),
        "discuss": judge(row("converted", UNCLEAR), row("cost", MAYBE)),
        "worth testing": judge(*OVERALL, evidence="adjusted"),
        "left out": judge(
            *OVERALL,
            *rows_by_place({MOBILE: OVER, DESKTOP: WITHIN}, "cost"),
            tests=[f_test("device", outcome="cost")],
        ),
        "cannot be trusted": judge(*OVERALL, checks=[check(Status.BROKE), doubt]),
        "out of date": judge(*OVERALL, fresh=False),
        "too early": judge(*OVERALL, spec=with_study(decision={"on": "2027-01-01"})),
        "two arms": judge(*two_arms()),
    }
    seen = {
        name: [v.decision.value, v.arm, v.where, v.headline, *v.reasons, "—", *v.would_change]
        for name, v in found.items()
    }
    assert seen == snapshot


# ---- how much more data


def test_data_that_settles_a_difference_does_so_by_the_square() -> None:
    times = times_to_settle(0.5, -0.5, 1.5, matters_from=None)
    assert times == pytest.approx(4.0)
    half = 1.0 / 4.0**0.5
    assert 0.5 - half == pytest.approx(0.0)
    # with a minimum of 3, showing "too small to matter" needs a half-width of 2.5: sooner
    assert times_to_settle(0.5, -4.5, 5.5, matters_from=3.0) == pytest.approx(4.0)
    assert times_to_settle(0.0, -1.0, 1.0, matters_from=None) is None


@pytest.mark.parametrize("better", ["higher", "lower"])
def test_data_that_clears_a_limit(better: str) -> None:
    sign = 1.0 if better == "higher" else -1.0
    lo, hi = sorted((sign * -1.5, sign * 0.5))
    times = times_to_clear_limit(sign * -0.5, lo, hi, limit=1.0, better=better)
    assert times == pytest.approx(4.0)
    half = 1.0 / 4.0**0.5 * (1 - 1e-9)
    assert (
        read_guardrail(sign * -0.5 - half, sign * -0.5 + half, limit=1.0, better=better)  # type: ignore[arg-type]
        is Reading.WITHIN_LIMIT
    )
    assert times_to_clear_limit(sign * -1.0, lo, hi, limit=1.0, better=better) is None


# ---- misuse


def test_readings_and_rows_must_match() -> None:
    effects = EffectRows(effects=OVERALL, heterogeneity=(), level=0.95)
    with pytest.raises(ValueError, match="1 readings for 2 effects"):
        decide(effects, [Reading.BETTER], [], SPEC, evidence="randomised", fresh=True, as_of=None)


def test_a_primary_without_an_effect_is_refused() -> None:
    with pytest.raises(ValueError, match="no overall effect on 'converted'"):
        judge(row("cost", WITHIN))
