"""A what-if from the rows and the same one from the scenario file are the same numbers."""

from __future__ import annotations

from typing import Any

import pytest

import whatif as wi


@pytest.fixture(scope="module")
def answer() -> wi.Answer:
    """A checkout log with money, scored without boosting."""
    log = wi.simulate_checkout(20_000, seed=5).query("not is_bot")
    return wi.study(
        log,
        unit="session_id",
        cluster="customer_id",
        assigned="session_id",
        treatment={"column": "presentation", "control": "folded"},
        design={"kind": "experiment", "probability": {"folded": 0.5, "expanded": 0.5}},
        outcomes=[
            {"column": "converted"},
            {"column": "shipping_cost", "kind": "cost", "better": "lower"},
        ],
        ratios=[
            {"name": "cost_per_order", "numerator": "shipping_cost", "denominator": "converted"}
        ],
        covariates=["cart_value"],
        segments=[["urbanicity", "device"]],
        learners=["glm"],
        value={"currency": "USD", "per": {"converted": 18.0, "shipping_cost": -1.0}},
    ).run(quick=True)


QUESTIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "everyone": ({}, {}),
    "half of mobile": (
        {"where": "device = 'mobile'", "share": 0.5},
        {"where": {"device": "mobile"}, "share": 0.5},
    ),
    "another mix of devices": (
        {"mix": {"device": {"mobile": 0.9, "desktop": 0.1}}},
        {"mix": {"device": {"mobile": 0.9, "desktop": 0.1}}},
    ),
    "rural mobile at other prices": (
        {
            "where": "device = 'mobile' and urbanicity = 'rural'",
            "per": {"converted": 25.0},
            "factor": {"shipping_cost": 1.3},
            "arm_cost": {"expanded": 0.02},
            "units_per_month": 50_000.0,
        },
        {
            "where": {"device": "mobile", "urbanicity": "rural"},
            "per": {"converted": 25.0},
            "factor": {"shipping_cost": 1.3},
            "arm_cost": {"expanded": 0.02},
            "units_per_month": 50_000.0,
        },
    ),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_rows_and_file_agree(answer: wi.Answer, name: str) -> None:
    of_rows, of_file = QUESTIONS[name]
    rows = answer.scenario(give="expanded", **of_rows)
    file = {row.quantity: row for row in answer.scenario_file.at(give="expanded", **of_file)}
    ratio = next(row for row in rows if row.outcome == "cost_per_order")
    for name_of, row in {**rows.monthly, "cost_per_order": ratio}.items():
        assert row.estimate is not None
        assert row.std_error is not None
        scale = max(abs(row.estimate), row.std_error)
        assert file[name_of].estimate == pytest.approx(row.estimate, abs=2e-5 * scale)
        assert file[name_of].std_error == pytest.approx(row.std_error, rel=1e-4)
