"""`answer.policy`: what a caller asks, what is refused, and what comes back."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import whatif as wi
from whatif.base.errors import EstimationError, UsageError
from whatif.contract.spec import DesignSpec
from whatif.scenarios.policy.rows import policy_rows
from whatif.verdict.policy_wording import budget_note, policy_note, unclear_gain
from whatif.verdict.record import Decision

CUSTOMERS, ROWS, DAYS = 500, 3_000, 30
KEYS: dict[str, Any] = {
    "unit": "session_id",
    "cluster": "customer_id",
    "assigned": "session_id",
    "time": "at",
    "treatment": {"column": "presentation", "control": "none"},
    "design": {"kind": "experiment", "probability": {"none": 0.4, "small": 0.3, "large": 0.3}},
    "outcomes": [
        {"column": "spend", "kind": "amount", "role": "primary", "unit": "USD"},
        {"column": "wait", "kind": "cost", "better": "lower"},
    ],
    "ratios": [{"name": "wait_per_spend", "numerator": "wait", "denominator": "spend"}],
    "covariates": ["cart"],
    "segments": ["device"],
    "value": {"currency": "USD", "per": {"spend": 1.0}, "arm_cost": {"large": 0.5}},
    "learners": ["glm"],
    "folds": 2,
    "freshness": "3650d",
}


def sessions() -> pd.DataFrame:
    """ "large" gains on mobile and costs on desktop, "small" never matters."""
    rng = np.random.default_rng(0)
    customer = rng.integers(0, CUSTOMERS, ROWS)
    device = np.array(["desktop", "mobile"])[rng.integers(0, 2, ROWS)]
    arm = rng.choice(["none", "small", "large"], ROWS, p=[0.4, 0.3, 0.3])
    noise = rng.normal(size=(ROWS, 2)) + rng.normal(size=CUSTOMERS)[customer][:, None]
    gain = (arm == "large") * np.where(device == "mobile", 2.0, -1.0)
    minutes = np.arange(ROWS) * DAYS * 1_440 // ROWS
    return pd.DataFrame(
        {
            "session_id": np.arange(ROWS),
            "customer_id": customer,
            "at": pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(minutes, "min"),
            "presentation": arm,
            "cart": rng.gamma(2.0, 30.0, CUSTOMERS)[customer],
            "device": device,
            "spend": 9 + noise[:, 0] + gain,
            "wait": 9 + noise[:, 1] - gain,
        }
    )


@pytest.fixture(scope="module")
def answer() -> wi.Answer:
    return wi.study(sessions(), name="small", **KEYS).run(quick=True)


@pytest.fixture(scope="module")
def made(answer: wi.Answer) -> Any:
    return answer.policy(depth=1)


def test_the_policy_stands_against_none_each_arm_and_what_units_got(
    answer: wi.Answer, made: Any
) -> None:
    choices = [row.choice for row in made]
    assert choices == [
        "choosing this way", "none for everyone", "large for everyone",
        "small for everyone", "what units got",
    ]  # fmt: skip
    first, none, large, _, got = made
    assert (first.gain, first.band) == (None, (None, None))
    assert {row.unit for row in made} == {"USD"}
    assert none.gain == pytest.approx(0.5 * (2.0 - 0.5), abs=0.15)
    assert first.value - none.value == pytest.approx(none.gain, rel=1e-9)
    assert none.band[0] > 0
    everyone = answer.money(arm="large").records[0]
    assert large.value - none.value == pytest.approx(everyone.per_unit, rel=1e-9)
    frame = sessions()
    paid = frame["spend"] - 0.5 * (frame["presentation"] == "large")
    assert got.value == pytest.approx(paid.mean(), rel=1e-12)
    assert got.share == pytest.approx((frame["presentation"] != "none").mean(), rel=1e-12)
    assert none.per_month == pytest.approx(none.gain * ROWS / DAYS * 30.44, rel=1e-9)


def test_the_rule_reads_and_runs_in_every_form(made: Any) -> None:
    assert made.words == "Give large where device is mobile. All others get none."
    assert made.sql == ("CASE\n  WHEN \"device\" = 'mobile' THEN 'large'\n  ELSE 'none'\nEND")
    assert json.loads(made.json)["otherwise"] == "none"
    space: dict[str, Any] = {}
    exec(made.python, space)
    assert space["choose"]({"device": "mobile"}) == "large"
    assert made.assign(sessions()).value_counts().to_dict() == {
        "large": (sessions()["device"] == "mobile").sum(),
        "none": (sessions()["device"] != "mobile").sum(),
    }


def test_the_table_says_what_the_numbers_are(made: Any) -> None:
    assert made.words in made.note
    assert "learned on 4 of 5 parts" in made.note
    assert "cart, device" in made.note
    assert "at most worth testing" not in made.note
    assert "in-sample" not in repr(made)
    assert len(made.to_frame()) == 5
    assert "<table" in made._repr_html_()


def test_the_curve_has_every_tenth_and_can_be_drawn(made: Any) -> None:
    curve = made.curve()
    assert [row.budget for row in curve] == pytest.approx(np.arange(11) / 10)
    assert curve.records[-1].gain == pytest.approx(made.records[1].gain, rel=1e-12)
    figure = curve.plot()
    assert list(figure.data[2].y) == [row.gain for row in curve]
    assert list(figure.data[0].y) == [row.band[0] for row in curve]


def test_a_share_and_a_capacity_a_day_are_the_same_limit(answer: wi.Answer) -> None:
    a_day = ROWS / DAYS
    by_share = answer.policy(depth=1, max_share=0.55)
    by_day = answer.policy(depth=1, capacity=0.55 * a_day)
    assert [row.gain for row in by_share] == pytest.approx(
        [row.gain for row in by_day], nan_ok=True
    )
    limit = by_day.limits.records[0]
    assert limit.segment == "everyone"
    assert limit.limit_a_day == pytest.approx(0.55 * a_day)
    assert limit.a_day == pytest.approx(limit.share * a_day)
    assert 0.3 < limit.share < 0.6
    assert len(answer.policy(depth=1, max_share=1.0).limits) == 0


def test_a_capacity_by_segment_limits_that_segment_alone(answer: wi.Answer) -> None:
    none = answer.policy(capacity={"device": {"mobile": 0.0}}, depth=1)
    assert none.limits.records[0].segment == "device is mobile"
    assert none.limits.records[0].share == 0.0
    assert none.rule.for_everyone == "none"
    enough = answer.policy(capacity={"device": {"desktop": 3.0}}, depth=1)
    assert enough.words == "Give large where device is not desktop. All others get none."
    assert enough.limits.records[0].limit_a_day == pytest.approx(3.0)


def test_one_outcome_counts_in_its_own_direction_and_costs_only_if_told(
    answer: wi.Answer,
) -> None:
    less = answer.policy(outcome="wait", depth=1)
    given = less.assign(sessions())
    assert ((given == "large") == (sessions()["device"] == "mobile")).all()
    assert less.records[1].gain == pytest.approx(1.0, abs=0.15)
    assert less.records[1].unit == "wait"
    dear = answer.policy(outcome="spend", arm_cost={"large": 5.0, "small": 5.0}, depth=1)
    assert dear.rule.for_everyone == "none"
    assert dear.words == "Give none to everyone: no gain over it is clear."
    assert dear.sql == "'none'"
    assert "Where no gain over it was clear, the simpler stayed" in dear.note


def test_worth_and_cost_given_here_stand_in_for_the_study_s(answer: wi.Answer) -> None:
    double = answer.policy(per={"spend": 2.0}, arm_cost={"large": 0.0}, depth=1)
    assert double.records[1].gain == pytest.approx(2.0, abs=0.3)


def test_a_forest_has_a_value_and_no_rule(answer: wi.Answer) -> None:
    made = answer.policy(forest=True, depth=1, columns="device")
    assert made.words.startswith("A forest")
    with pytest.raises(UsageError, match="A forest of trees cannot be written as a rule"):
        _ = made.sql


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"max_share": 0.0}, "0 is not a share above 0 and at most 1"),
        ({"max_share": 1.2}, "1.2 is not a share above 0"),
        ({"max_share": float("nan")}, "nan is not a share"),
        ({"depth": 0}, "0 is not a whole number from 1 to 4"),
        ({"depth": 5}, "5 is not a whole number from 1 to 4"),
        ({"depth": 1.5}, "1.5 is not a whole number"),
        ({"min_leaf": 0}, "0 is not a whole number from 1 to half of the clusters"),
        ({"min_leaf": 300}, "300 is not a whole number"),
        ({"columns": "devise"}, "'devise' was not kept with this run"),
        ({"columns": ["device", "spend"]}, "'spend' is known only after the arm was given"),
        ({"columns": "presentation"}, "'presentation' is known only after"),
        ({"columns": "at"}, "'at' was not kept|'at' holds dates"),
        ({"columns": []}, "'nothing' cannot tell units apart"),
        ({"per": {"spend": 0.0}}, "No outcome is worth anything"),
        ({"per": {"speed": 1.0}}, "There is no outcome 'speed'"),
        ({"per": {"spend": float("inf")}}, "inf is not a finite number"),
        ({"outcome": "wait_per_spend"}, "is a ratio, which no single unit has"),
        ({"outcome": "speed"}, "There is no outcome 'speed'"),
        ({"outcome": "wait", "per": {"spend": 1.0}}, "one outcome is asked for"),
        ({"arm_cost": {"large": -1.0}}, "cannot cost -1: a cost is 0 or more"),
        ({"arm_cost": {"huge": 1.0}}, "There is no arm 'huge'"),
        ({"arm_cost": {"large": float("nan")}}, "nan is not a finite number"),
        ({"capacity": {"device": {"tablet": 5.0}}}, "There is no level of 'device' 'tablet'"),
        ({"capacity": {"region": {"north": 5.0}}}, "There is no column 'region'"),
        ({"capacity": {}}, "a capacity by segment names one column"),
        ({"capacity": -1.0}, "-1.0 is not a number of units a day"),
        ({"capacity": {"device": {"mobile": float("nan")}}}, "nan is not a number of units a day"),
        ({"max_share": "x"}, "'x' is not a number"),
        ({"capacity": "x"}, "'x' is not a number"),
        ({"capacity": {"device": 5.0}}, "5.0 does not say which levels of 'device' it limits"),
        ({"per": {"spend": "x"}}, "'x' is not a number"),
        ({"arm_cost": {"large": None}}, "None is not a number"),
        ({"capacity": 5.0, "max_share": 0.5}, "two limits on the same units"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_before_anything_is_learned(
    answer: wi.Answer, wanted: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        answer.policy(**wanted)


def test_a_study_without_value_is_asked_what_counts(answer: wi.Answer) -> None:
    bare = replace(answer, spec=answer.spec.model_copy(update={"value": None}))
    with pytest.raises(UsageError, match="No outcome is worth anything"):
        bare.policy()
    assert bare.policy(outcome="spend", depth=1).records[1].unit == "USD"


def test_units_a_day_need_days(answer: wi.Answer) -> None:
    stored = json.loads(answer.json)
    stored["data"]["days"] = None
    timeless = replace(answer, json=json.dumps(stored))
    with pytest.raises(UsageError, match="there are no units a day"):
        timeless.policy(capacity=5.0)
    assert timeless.policy(depth=1).records[1].per_month is None


def test_another_target_and_too_few_clusters_are_refused(answer: wi.Answer) -> None:
    treated = replace(answer, scores=replace(answer.scores, target="att"))
    with pytest.raises(UsageError, match="A policy needs `target: ate`; this study says att"):
        treated.policy()
    few = replace(answer, scores=replace(answer.scores, cluster=answer.scores.cluster % 30))
    with pytest.raises(EstimationError, match="An arm has only 30 clusters; 50 are needed"):
        few.policy()


def test_past_data_and_simpler_parts_are_said(answer: wi.Answer) -> None:
    past = replace(
        answer, spec=answer.spec.model_copy(update={"design": DesignSpec(kind="observational")})
    )
    made = past.policy(depth=1)
    assert "Units were not assigned by chance: at most worth testing." in made.note
    assert "at most worth testing" in budget_note(level=0.95, randomised=False)
    note = policy_note(
        words="", counted="USD per session", over=(), steps=(0, 0, 1, 2, 2), level=0.95,
        columns=(), randomised=True,
    )  # fmt: skip
    assert "the control for everyone in 2 and one arm for everyone in 1 of 5 parts" in note
    assert "over the limit" not in note


def test_a_withheld_run_teaches_no_rule(answer: wi.Answer) -> None:
    verdict = replace(answer.findings.verdict, decision=Decision.CANNOT_BE_TRUSTED)
    withheld = replace(answer, findings=replace(answer.findings, verdict=verdict))
    with pytest.raises(UsageError, match="The verdict of this run was withheld") as refused:
        withheld.policy()
    assert "numbers that cannot be trusted into advice" in str(refused.value)
    assert "mend what the check found and run the study again" in str(refused.value)


def test_a_rule_whose_gain_is_not_clear_says_so(
    answer: wi.Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = answer.policy(depth=1)
    assert "is not clear" not in made.words

    def shifted(*given: Any, **named: Any) -> Any:
        rows = list(policy_rows(*given, **named))
        rows[1] = replace(rows[1], gain=0.0123, band=(-0.0104, 0.035))
        return tuple(rows)

    monkeypatch.setattr("whatif.run.policy.policy_rows", shifted)
    doubted = answer.policy(depth=1)
    told = (
        "Give large where device is mobile. All others get none. On data it never saw, its gain "
        "over none for everyone is not clear: 0.01 (likely range \u22120.01 to 0.04), in USD "
        "per session."
    )
    assert doubted.words == told
    assert told in doubted.note
    nobody = answer.policy(outcome="spend", arm_cost={"large": 5.0, "small": 5.0}, depth=1)
    assert nobody.words == "Give none to everyone: no gain over it is clear."


def test_a_gain_without_a_range_and_a_loss_are_told() -> None:
    told = unclear_gain("none", gain="0.1", spread="", counted="USD per session", loses=False)
    assert told.endswith("for everyone is not clear: 0.1, in USD per session.")
    told = unclear_gain("none", gain="-2", spread="-3 to -1", counted="per row", loses=True)
    assert "its gain over none for everyone is a loss: -2 (likely range -3 to -1)" in told


def test_gains_are_shown_as_gains_over_each_choice(answer: wi.Answer, made: Any) -> None:
    for shown in (repr(made), made._repr_html_()):
        assert "gain_over_it" in shown
    assert "gain" in made.to_frame()
    assert "Gain over it: choosing this way less that choice, in USD per session." in made.note
    assert "over the limit" not in made.note
    limited = answer.policy(depth=1, max_share=0.3)
    assert (
        "large for everyone and small for everyone are over the limit and stand for comparison."
        in limited.note
    )
    one = policy_note(
        words="", counted="USD", over=("b",), steps=(2,), level=0.95, columns=(), randomised=True
    )
    assert "b for everyone is over the limit and stands for comparison." in one


def test_a_budget_spent_on_nobody_is_explained() -> None:
    said = "A share of 0: no rule was clearly better at that budget."
    assert said in budget_note(level=0.95, randomised=True, nobody=True)
    assert said not in budget_note(level=0.95, randomised=True)


def test_a_worth_of_the_wrong_sign_is_refused_like_a_scenarios(answer: wi.Answer) -> None:
    with pytest.raises(UsageError, match="is 1 in the study, and cannot become -1") as refused:
        answer.policy(per={"spend": -1.0})
    assert "correct the amount; see `answer.policy`" in str(refused.value)


def test_fixes_point_to_the_policy(answer: wi.Answer) -> None:
    for wanted in ({"max_share": 3.0}, {"depth": 9}, {"per": {"spend": float("nan")}}):
        with pytest.raises(UsageError, match=r"see the parameters of `answer\.policy`") as refused:
            answer.policy(**wanted)
        assert "answer.contrast" not in str(refused.value)
