"""Hidden causes on the page, in the verdict's words, in ``answer.json`` and in a notebook."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import whatif as wi
from tests.report_cases import checkout_report, checkout_spec
from whatif.api.answer import Answer
from whatif.effects.sensitivity.record import Benchmark, HiddenCause, Resting, Sensitivity
from whatif.report.answer_json import answer_json
from whatif.report.document import Report
from whatif.report.html import render_html
from whatif.verdict.reasons import hidden_cause_change, thin_reasons
from whatif.verdict.record import Decision

SCHEMA = Path(__file__).resolve().parent.parent / "data_schemas" / "answer.v1.json"
WORST = '</script><img src=x onerror="alert(1)">'


CAUSE = HiddenCause(
    outcome="converted",
    arm="expanded",
    versus="folded",
    segment=(),
    n=200_000,
    clusters=61_000,
    estimate=0.0121,
    std_error=0.0016,
    ci=(0.009, 0.0152),
    sigma2=0.21,
    nu2=4.5,
    scale=0.972,
    scale_error=0.002,
    scale_covariance=0.0,
    critical=1.96,
    df=60_999,
    rv=0.0124,
    rva=0.0092,
    e_value=1.23,
    e_value_limit=1.19,
    e_value_from="risk_ratio",
    target="ate",
)


def cause(outcome: str = "converted", **changes: Any) -> HiddenCause:
    return replace(CAUSE, outcome=outcome, **changes)


def like(covariate: str, strength: float) -> Benchmark:
    return Benchmark(
        covariate=covariate,
        outcome="converted",
        arm="expanded",
        cf_y=strength,
        cf_d=strength,
        rho=0.4,
        change=0.001,
        strength=strength,
    )


def known(*benchmarks: Benchmark, rva: float = 0.0092) -> Sensitivity:
    star = {"e_value_from": "standardised_difference"}
    return Sensitivity(
        effects=(cause(rva=rva), cause("shipping_cost", **star), cause("money", e_value=None)),
        benchmarks=benchmarks,
        resting=(
            Resting(arm="expanded", side="folded", clusters=1_000, effective=42.0),
            Resting(arm="expanded", side="expanded", clusters=1_000, effective=420.0),
        ),
    )


def report_with(sensitivity: Sensitivity | None) -> Report:
    report = checkout_report()
    past = checkout_spec(design={"kind": "observational"}, assigned=None)
    return replace(report, spec=past, design_kind="observational", sensitivity=sensitivity)


def block(report: Report) -> str:
    found = re.search(r"Hidden causes: how strong.*?</details>", render_html(report), re.DOTALL)
    return "" if found is None else found[0]


def test_the_block_holds_strengths_bounds_and_a_described_drawing() -> None:
    text = block(report_with(known(like("past_orders", 0.031), like("hour", 0.002))))
    assert "not a share of the arm's own variation" in text.replace("&#39;", "'")
    assert "as strong as past orders" in text
    assert "1.19" in text
    assert "*" in text
    assert '<title id="h-t">' in text
    assert text.count("<circle") == 2
    assert " style=" not in text
    assert "1.2\u00a0% on both sides" in text


def test_the_block_needs_no_benchmarks_and_no_bound_on_the_primary() -> None:
    assert "trained again" not in block(report_with(known()))
    other = Sensitivity(effects=(cause("shipping_cost"),))
    assert "<svg" not in block(report_with(other))
    assert block(report_with(None)) == ""
    weak = Sensitivity(effects=(cause(rv=0.0001, rva=0.0),))
    assert 'class="l"' not in block(report_with(weak))
    assert 'class="r"' in block(report_with(weak))


def test_a_withheld_page_shows_none_of_it() -> None:
    report = report_with(known(like("past_orders", 0.031)))
    verdict = replace(report.verdict, decision=Decision.CANNOT_BE_TRUSTED)
    assert block(replace(report, verdict=verdict)) == ""


def test_names_of_covariates_stay_inert() -> None:
    page = render_html(report_with(known(like(WORST, 0.05))))
    assert WORST not in page


def test_the_answer_holds_every_number() -> None:
    limitless = like("past_orders", 1.0)
    for sensitivity in (known(limitless), None):
        made = json.loads(answer_json(report_with(sensitivity)), parse_constant=pytest.fail)
        schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
        jsonschema.Draft202012Validator(schema).validate(made)
    assert made["sensitivity"] is None
    assert "as strong as past orders" in block(report_with(known(limitless)))


# ---- the verdict's words


@pytest.mark.parametrize(
    ("sensitivity", "words"),
    [
        (None, "drives both presentation and converted."),
        (known(rva=0.0), "drives both presentation and converted."),
        (known(), "and converted and explains 0.92 % of what is left open."),
        (
            known(like("past_orders", 0.05), like("hour", 0.0093), like("day", 0.001)),
            "a cause as strong as hour would be enough (0.92 % of what is left open would do).",
        ),
        (known(like("past_orders", 0.05)), "as strong as past orders would be more than enough"),
        (
            known(like("past_orders", 0.002)),
            "it would have to be about 4.6 times as strong as past orders, the strongest cause",
        ),
        (known(like("past_orders", 0.0)), "explains 0.92 %"),
    ],
)
def test_what_would_change_names_a_strength_and_a_yardstick(
    sensitivity: Sensitivity | None, words: str
) -> None:
    assert words in hidden_cause_change(checkout_spec(), "expanded", sensitivity)


def test_thin_overlap_is_a_reason() -> None:
    (reason,) = thin_reasons("expanded", known())
    assert reason == (
        "Few units that got folded are like those that got expanded: the comparison rests on the "
        "equivalent of 42 of the 1,000 there are."
    )
    assert thin_reasons("expanded", None) == thin_reasons("another", known()) == ()


# ---- in Python


@pytest.fixture(scope="module")
def answer() -> Answer:
    log = wi.simulate_checkout(6_000, seed=3, mode="confounded")
    return wi.study(
        log,
        cluster="customer_id",
        treatment={"column": "presentation", "control": "folded"},
        outcomes=[{"column": "shipping_cost", "matters_from": 0.1}, {"column": "converted"}],
        ratios=[{"name": "cost", "numerator": "shipping_cost", "denominator": "converted"}],
        covariates=["cart_value", "is_member", "device"],
        segments=["device"],
        value={"currency": "USD", "per": {"converted": 18.0, "shipping_cost": -1.0},
               "arm_cost": {"expanded": 0.25}},
        learners=["glm"],
    ).run(quick=True)  # fmt: skip


def test_an_answer_is_asked_about_hidden_causes(answer: Answer) -> None:
    (row,) = answer.sensitivity(cf_y=0.02, cf_d=0.01).records
    (effect,) = answer.effects(outcome="shipping_cost")
    assert row.estimate == effect.estimate
    assert answer.sensitivity().about[0].std_error == pytest.approx(effect.std_error, rel=1e-12)
    assert answer.sensitivity(cf_y=0.0).records[0].ci == pytest.approx(effect.ci)
    assert row.bounds[0] < row.estimate < row.bounds[1]
    money = answer.sensitivity("money").about[0]
    assert money.estimate == pytest.approx(answer.money().records[0].per_unit)
    assert money.std_error == pytest.approx(answer.money().records[0].std_error)
    (mobile,) = answer.sensitivity("converted", segment={"device": "mobile"}).about
    rows = {str(row.segment): row for row in answer.effects("device", outcome="converted")}
    same = rows["(('device', 'mobile'),)"]
    assert mobile.std_error == pytest.approx(same.std_error, rel=1e-12)
    assert json.loads(answer.json)["sensitivity"]["benchmarks"] == []
    figure = answer.sensitivity("converted").plot()
    assert [type(trace).__name__ for trace in figure.data] == ["Contour", "Contour", "Scatter"]
    assert "rva" in repr(answer.sensitivity())


def test_what_cannot_be_asked_says_why(answer: Answer) -> None:
    refused: tuple[tuple[dict[str, Any], str], ...] = (
        ({"outcome": "cost"}, "is a ratio, for which no bound is known"),
        ({"outcome": "convertd"}, "There is no outcome 'convertd'"),
        ({"segment": {"device": "tablet"}}, "There is no segment 'device = tablet'"),
        ({"segment": {"hour": 3}}, "is not a declared segment"),
        ({"cf_d": 1.0}, "shares below 1"),
    )
    for keys, words in refused:
        with pytest.raises(wi.UsageError, match=words):
            answer.sensitivity(**keys)


def test_what_needs_past_data_and_covariates_says_so() -> None:
    log = wi.simulate_checkout(1_000, seed=3)
    keys: dict[str, Any] = {
        "treatment": {"column": "presentation", "control": "folded"},
        "outcomes": [{"column": "converted"}],
        "learners": ["glm"],
    }
    past = wi.study(log, **keys).run(quick=True)
    with pytest.raises(wi.UsageError, match="every cause is a hidden one"):
        past.sensitivity()
    with pytest.raises(wi.UsageError, match="the study declares no value"):
        wi.study(log, covariates=["cart_value"], **keys).run(quick=True).sensitivity("money")
