"""What a what-if refuses, leaves without a range, and says beside its numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests import builders
from tests.test_what_if import LEVELS, SPEC, asked, made_scores
from whatif.base.errors import UsageError
from whatif.run.named import require_trusted
from whatif.run.prices import read_where
from whatif.run.what_if import Question, amounts_of, ask
from whatif.verdict.scenario_wording import what_if_notes, what_if_title


def test_nobody_in_a_mix_is_no_answer() -> None:
    scores = made_scores()
    with pytest.raises(UsageError, match="Nobody who would get the arm has a share in this mix"):
        asked(scores, where="region = 'b'", mix={"region": {"a": 0.5, "c": 0.5}})


def test_an_arm_must_be_seen_among_the_chosen_of_every_level_of_a_mix() -> None:
    scores = made_scores()
    corner = ((scores.columns["region"] == "c") & (scores.columns["device"] == "d")).to_numpy()
    gone = replace(scores, arm=np.where(corner, 0, scores.arm))
    with pytest.raises(UsageError, match="Nobody asked about in c got expanded"):
        asked(gone, where="device = 'd'", mix={"region": LEVELS})
    assert asked(gone, where="device = 'm'", mix={"region": LEVELS}).n > 0


def test_few_units_of_an_arm_in_a_mix_leave_no_interval() -> None:
    scores = made_scores()
    inside = (scores.columns["region"] == "c").to_numpy()
    treated = np.cumsum(inside) <= 4
    arm = np.where(inside, np.where(treated, 1, 0), scores.arm)
    made = asked(replace(scores, arm=arm), mix={"region": {"c": 1.0}})
    assert made.small
    assert {effect.ci for effect in made.effects} == {(None, None)}


def test_a_month_counts_only_those_that_averages_speak_of() -> None:
    scores = made_scores()
    mass = (scores.arm == 1).astype(float)
    treated = replace(scores, target="att", mass=mass, population="who got an arm")
    made = asked(treated)
    share = (scores.weight @ mass) / scores.weight.sum()
    assert made.units_per_month == pytest.approx(scores.n / 30 * 30.44 * share)
    assert made.population == "who got an arm"
    assert asked(replace(scores, target="overlap")).monthly == ()


def test_a_ratio_without_enough_orders_to_divide_by_has_no_range() -> None:
    scores = made_scores()
    thin = scores.gamma.copy()
    thin[:, :, 0] -= thin[:, 0, 0].mean() - 0.1
    made = asked(replace(scores, gamma=thin))
    ratio = made.effects[2]
    assert ratio.estimate is not None
    assert ratio.ci == (None, None)
    assert made.effects[0].ci != (None, None)


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ({"per": {"converted": -5.0}}, "'converted' cannot be -5; it must be above 0"),
        ({"per": {"converted": 1.0, "cost": 1.0}}, "'cost' cannot be 1; it must be below 0"),
        ({"arm_cost": {"expanded": 1.0}}, "no outcome is worth anything"),
        ({"per": {"converted": 1.0}, "price": {"folded": 1.0}}, "'expanded' is what is given"),
        ({"where": {"region": "a"}}, "where is not text"),
        ({"share": "half"}, "share is not a number"),
        ({"share": True}, "share is not a number"),
        ({"per": 22}, "per is not amounts by name"),
        ({"per": {"converted": "22"}}, "per.'converted'. is not a number"),
        ({"mix": {"region": "a"}}, "mix is not shares by level"),
        ({"mix": {"region": {"a": "x"}}}, "the share of 'a' is not a number"),
        ({"units_per_month": "many"}, "units_per_month is not a number"),
        ({"mix": {"x": {"0.1": 1.0}}}, "'x' has 3,000 levels"),
    ],
)
def test_without_a_declared_worth_signs_and_kinds_are_checked_too(
    question: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        asked(made_scores(), builders.spec(), **question)


def test_the_notes_name_every_amount_that_is_not_the_study_s() -> None:
    question = Question(
        per={"converted": 22.0},
        factor={"cost": 1.1},
        arm_cost={"expanded": 0.5},
        price={"expanded": 0.2},
        mix={"region": LEVELS},
        share=0.3,
        units_per_month=5_000.0,
    )
    scores = made_scores()
    scores = replace(scores, y=np.round(scores.y))
    made = ask(scores, SPEC, question, days=30)
    notes = " ".join(what_if_notes(made, SPEC, amounts_of(question), units=scores.n))
    for said in (
        "Against folded for everyone",
        "converted worth USD 22 (study: 18); cost at 110 % of its price",
        "expanded costing USD 0.5 a unit; USD 0.2 paid per order under expanded",
        "5,000 units a month; region a 20 %",
        "give a wider range",
        "It pays if one “converted” is worth more than USD",
    ):
        assert said in notes
    assert what_if_title(made) == "Give expanded to 30 % of all units"


def test_an_empty_where_of_a_command_line_is_not_everyone() -> None:
    assert read_where(None) == ""
    with pytest.raises(UsageError, match="--where is empty"):
        read_where("  ")


def test_a_withheld_verdict_answers_no_what_if() -> None:
    require_trusted(withheld=False, why="numbers")
    with pytest.raises(UsageError, match="withheld: an integrity check broke"):
        require_trusted(withheld=True, why="numbers")
