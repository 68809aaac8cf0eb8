"""Hillstrom (2008): who should get which e-mail, when an e-mail costs .10 USD."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import whatif as wi
from tests.test_hillstrom import PUBLISHED, STUDY
from whatif.contract.yaml_text import read_mapping

COST = {"Mens E-Mail": 0.10, "Womens E-Mail": 0.10}


@pytest.fixture(scope="module")
def answer(data_folder: Path) -> wi.Answer:
    keys: dict[str, Any] = dict(read_mapping(STUDY))
    for key in ("study", "question", "data"):
        keys.pop(key)
    frame = pd.read_csv(data_folder / "hillstrom.csv.gz")
    return wi.study(frame, name="hillstrom", **keys).run(quick=True)


def test_spend_less_the_e_mail_held_out_against_the_three_comparators(answer: wi.Answer) -> None:
    made = answer.policy(outcome="spend", arm_cost=COST)
    learned, none, mens, womens, got = made
    assert learned.unit == "USD"
    assert learned.value_ci[0] < learned.value < learned.value_ci[1]
    for row, arm in ((mens, "Mens E-Mail"), (womens, "Womens E-Mail")):
        effect, error = PUBLISHED[arm, "spend"]
        assert row.value - none.value == pytest.approx(effect - COST[arm], abs=0.3 * error)
    assert none.band[0] > 0  # sending beats silence
    assert got.band[0] > 0  # and the mix that was tried
    assert mens.band[0] <= 0 <= mens.band[1]  # but nobody is told from the men's e-mail for all
    assert made.rule.assign(answer.scores.columns).isin(answer.scores.arms).all()


def test_a_dear_e_mail_is_worth_sending_to_nobody(answer: wi.Answer) -> None:
    made = answer.policy(outcome="spend", arm_cost=dict.fromkeys(COST, 5.0))
    assert made.rule.for_everyone == "No E-Mail"
    assert made.records[1].gain == made.records[1].std_error == 0.0
