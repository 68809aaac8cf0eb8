"""``answer.json`` and notebooks hold every record a run computes, from data to page."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

import whatif as wi
from tests.report_blocks import everything_report, population_rows, treated_report
from tests.report_cases import checkout_report, effect
from tests.test_report_html import with_effects
from whatif.effects.rows import EffectRows
from whatif.report.answer_json import answer_json
from whatif.report.document import Report

SCHEMA = Path(__file__).resolve().parent.parent / "data_schemas" / "answer.v1.json"


def answer_of(report: Report) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(answer_json(report), parse_constant=pytest.fail)
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(made)
    return made


def test_the_answer_holds_every_new_list() -> None:
    answer = answer_of(everything_report())
    first = answer["effects"][0]
    assert first["target"] == "ate"
    assert first["sequential"][0] < first["ci"][0]
    looked = [e for e in answer["effects"] if not e["planned"]]
    assert len(looked) == 12
    assert {e["reading"] for e in looked} == {"not_clear_yet"}
    assert {e["sequential"] for e in looked} == {None}
    assert min(e["p_value"] for e in looked) == 0.004
    assert first["p_value"] is None
    assert answer["bounds"][0]["estimate"] is None
    assert answer["bounds"][0]["bounds"] == [-0.061, 0.243]
    assert answer["bounds"][1]["segment"] == {"device": "mobile"}
    assert len(answer["rest"]) == len(everything_report().effects.rest)
    assert len(answer["populations"]) == len(population_rows())
    assert sum(row["extrapolates"] for row in answer["populations"]) == 3
    assert {row["repetitions"] for row in answer["repetitions"]} == {3}
    assert answer["estimand"]["weights"] == "sampling_weight"
    assert answer["quality"][0]["weights"] == {"glm": 0.2513, "boosting": 0.7487}
    assert answer["quality"][0]["slope"] == 0.9621
    assert [t["planned"] for t in answer["heterogeneity"]].count(False) == 6


def test_every_effect_names_its_target() -> None:
    assert {e["target"] for e in answer_of(treated_report())["effects"]} == {"att"}
    (none,) = answer_of(treated_report())["bounds"]
    assert (none["shown"], none["bounds"], none["trimmed"]) == ("other_target", [None, None], None)


def test_a_study_looked_at_once_has_no_sequential_range() -> None:
    answer = answer_of(checkout_report())
    assert {e["sequential"] for e in answer["effects"]} == {None}
    assert (answer["bounds"], answer["rest"], answer["populations"]) == ([], [], [])


@pytest.mark.parametrize(
    ("changes", "interval"),
    [
        ({"ci": (0.1, 0.4)}, {"kind": "interval", "ends": [0.1, 0.4]}),
        ({"ci": (None, None)}, {"kind": "all", "ends": []}),
        ({"ci": (None, None), "critical": 0.0}, None),  # too few clusters for any set
        ({"ci": (None, None), "estimate": None, "shown": "no_overlap"}, None),
    ],
)
def test_a_ratio_gives_the_set_that_is_not_ruled_out(
    changes: dict[str, Any], interval: dict[str, Any] | None
) -> None:
    row = replace(effect("cost_per_order"), **changes)
    report = with_effects(
        checkout_report(opinions=()), EffectRows(effects=(row,), heterogeneity=(), level=0.95)
    )
    made = json.loads(answer_json(report))
    assert made["effects"][0]["interval"] == interval


# ---- from data to page


@pytest.fixture(scope="module")
def looked_at() -> wi.Answer:
    log = wi.simulate_checkout(6_000, seed=2, mode="confounded").query("not is_bot")
    tenure = np.where(log["tenure_days"] > log["tenure_days"].median(), "long", "short")
    weight = np.where(log["device"] == "mobile", 1.5, 0.75)
    return wi.study(
        log.assign(tenure=tenure, weight=weight),
        unit="session_id",
        cluster="customer_id",
        time="started_at",
        treatment={"column": "presentation", "control": "folded"},
        outcomes=[
            {"column": "converted", "role": "primary", "matters_from": 0.002},
            {"column": "shipping_cost", "kind": "cost", "better": "lower", "unit": "USD"},
        ],
        ratios=[
            {
                "name": "cost_per_order",
                "numerator": "shipping_cost",
                "denominator": "converted",
                "better": "lower",
            }
        ],
        covariates=["cart_value", "device", "is_member", "hour"],
        segments=["device"],
        exploratory=["tenure"],
        repetitions=2,
        weights="weight",
        decision={"looks": "anytime"},
        learners=["glm"],
    ).run(quick=True)


def test_a_run_hands_every_record_to_its_page_and_answer(looked_at: wi.Answer) -> None:
    answer = json.loads(looked_at.json)
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(answer)
    assert [b["segment"] for b in answer["bounds"]] == [
        {},
        {"device": "desktop"},
        {"device": "mobile"},
    ]
    low, high = answer["bounds"][0]["bounds"]
    assert low < high
    assert {row["population"] for row in answer["populations"]} >= {"everyone", "att", "overlap"}
    assert len(answer["rest"]) == 2 * 3
    assert len(answer["repetitions"]) == 3
    assert {e["planned"] for e in answer["effects"]} == {True, False}
    for row in answer["effects"]:
        assert (row["sequential"] is not None) == row["planned"]
    for name in ("Speaks of", "same sessions", "Made after looking: by tenure", "weighted by"):
        assert name in looked_at.html
    assert len(looked_at.html.encode()) <= 60_000


def test_a_notebook_shows_the_range_that_readings_come_from(looked_at: wi.Answer) -> None:
    frame = looked_at.effects().to_frame()
    answer = json.loads(looked_at.json)["effects"][0]
    assert [frame["sequential_low"][0], frame["sequential_high"][0]] == answer["sequential"]
    html = looked_at.effects()._repr_html_()
    assert "holds at all looks together" in html
    assert "<th>target</th>" not in html
    made = looked_at.bounds()
    assert [list(row.bounds) for row in made] == [
        row["bounds"] for row in json.loads(looked_at.json)["bounds"]
    ]
    assert "one way only" in made._repr_html_()
