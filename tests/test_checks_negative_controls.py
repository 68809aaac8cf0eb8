"""Negative controls: quiet where nothing is hidden, loud where something is, refused by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.graph_worlds import COVARIATES, GRAPH, evidence, randomised, sessions
from whatif.checks.evidence import Evidence
from whatif.checks.negative_control_outcome import NegativeControlOutcome, as_numbers
from whatif.checks.negative_control_treatment import NegativeControlTreatment
from whatif.checks.result import CheckResult, Status
from whatif.graph.controls import placebo_outcomes, unfit_outcome, unfit_treatment
from whatif.run.analysis import RunOptions
from whatif.run.check import check_study
from whatif.scores.rescore import rescorer

SMALL: dict[str, Any] = {"customers": 300, "rows": 1_200}


def on_outcome(study: Evidence) -> CheckResult:
    return NegativeControlOutcome().run(study)


def declared(*names: str) -> dict[str, Any]:
    return {"negative_controls": {"outcomes": list(names)}}


def control_treatments(*names: str) -> dict[str, Any]:
    return {"negative_controls": {"treatments": list(names)}}


# ---- outcomes that the treatment cannot change


@pytest.mark.parametrize("by_customer", [False, True])
def test_a_sound_experiment_holds_and_says_what_could_have_been_seen(by_customer: bool) -> None:
    frame = sessions(1, randomised=True, by_customer=by_customer)
    assigned = "customer" if by_customer else "session"
    result = on_outcome(randomised(frame, assigned=assigned, **declared("past_orders")))
    assert result.status is Status.HELD
    assert "standard deviations could have been seen" in result.finding
    (line,) = result.details
    assert (line.name, line.arm, line.n) == ("past_orders", "expanded", 4_000)
    assert line.ci[0] is not None
    assert line.ci[1] is not None
    assert line.ci[0] < line.estimate < line.ci[1]


def test_the_gap_and_its_error_are_the_clustered_difference_of_means() -> None:
    """Without covariates: the difference of arm means and its error summed within customers."""
    frame = sessions(2, randomised=True)
    study = randomised(frame, graph=None, covariates=None, **declared("past_orders"))
    (line,) = on_outcome(study).details
    arm, y = (frame["arm"] == "expanded").to_numpy(), frame["past_orders"].to_numpy()
    gap = y[arm].mean() - y[~arm].mean()
    assert line.estimate == pytest.approx(gap, rel=0.05, abs=2e-3)
    psi = np.where(arm, (y - y[arm].mean()) / arm.mean(), -(y - y[~arm].mean()) / (~arm).mean())
    sums = np.bincount(frame["customer"], weights=psi)
    error = np.sqrt(1_000 / 999 * (sums**2).sum()) / len(y)
    assert line.ci[0] is not None
    assert line.ci[1] is not None
    assert (line.ci[1] - line.ci[0]) / 2 == pytest.approx(1.9624 * error, rel=0.01)


def test_a_hidden_cause_breaks_and_the_worst_arm_is_named() -> None:
    result = on_outcome(evidence(sessions(3, hidden=0.5), **declared("past_orders", "colour")))
    assert result.status is Status.BROKE
    assert "expanded seems to change past_orders by 0." in result.finding
    assert "which it cannot" in result.finding
    assert [line.name for line in result.details] == ["past_orders", "colour"]
    three = on_outcome(evidence(sessions(3, hidden=0.5, arms=3), **declared("past_orders")))
    assert three.status is Status.BROKE
    assert {line.arm for line in three.details} == {"expanded", "third"}


def test_a_measured_cause_does_not_break_once_it_is_adjusted_for() -> None:
    frame = sessions(4)
    frame["past_orders"] += 1.5 * (frame["device"] == "mobile")
    assert on_outcome(evidence(frame, **declared("past_orders"))).status is Status.HELD
    left_out = {"covariates": ("urbanicity",), "graph": None}
    assert on_outcome(evidence(frame, **left_out, **declared("past_orders"))).status is (
        Status.BROKE
    )


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (lambda f: 1.0, "z (it is constant)"),
        (lambda f: f["device"], "z (it holds words, not numbers)"),
        (lambda f: np.nan, "z (it has no values)"),
        (lambda f: f["cart"].where(f.index > 0, np.inf), "z (it has infinite values)"),
        (lambda f: (f["arm"] == "folded").astype(float), "z does not vary within an arm"),
        (lambda f: f["cart"].where(f["customer"] < 40), "clusters in an arm, 50 needed"),
        (lambda f: 3 * f["cart"], "z (the covariates determine it)"),
    ],
    ids=["constant", "words", "empty", "infinite", "the-arm", "few", "copy"],
)
def test_columns_that_cannot_serve_do_not_run_and_say_why(values: Any, words: str) -> None:
    frame = sessions(5, **SMALL).assign(z=values)
    result = on_outcome(evidence(frame, **declared("z")))
    assert result.status is Status.DID_NOT_RUN
    assert words in result.finding


def test_rows_without_the_control_are_left_out_and_counted() -> None:
    frame = sessions(6)
    frame["past_orders"] = frame["past_orders"].where(frame.index % 4 != 0)
    result = on_outcome(evidence(frame, **declared("past_orders")))
    assert result.status is Status.HELD
    assert "1,000 rows without past_orders were left out" in result.finding
    assert result.details[0].n == 3_000


def test_yes_no_columns_serve() -> None:
    frame = sessions(7).assign(z=lambda f: f["past_orders"] > 0)
    assert on_outcome(evidence(frame, **declared("z"))).status is Status.HELD
    gaps = frame.assign(z=frame["z"].astype("boolean").mask(frame.index == 3))
    assert "1 rows without z" in on_outcome(evidence(gaps, **declared("z"))).finding


def test_too_little_data_is_not_held() -> None:
    result = on_outcome(evidence(sessions(8, customers=110, rows=130), **declared("past_orders")))
    assert result.status is Status.DID_NOT_RUN
    assert "would go unseen, and 0.3 matters" in result.finding


def test_rows_outside_the_overlap_rule_are_counted() -> None:
    frame = sessions(9)
    study = evidence(frame, **declared("past_orders"))
    narrow = study.spec.overlap.model_copy(update={"low": 0.45, "high": 0.55})
    rescore = rescorer(seed=0, target="ate", rule=narrow)
    result = on_outcome(replace(study, rescore=rescore))
    assert "rows outside the overlap rule were left out for past_orders" in result.finding


# ---- what the graph says of them


def test_effects_of_the_treatment_are_refused_by_name() -> None:
    graph = GRAPH + "; converted -> past_orders"
    result = on_outcome(evidence(sessions(1, **SMALL), graph=graph, **declared("past_orders")))
    assert result.status is Status.NOT_APPLICABLE
    words = "past_orders (on the graph the treatment changes it (arm → converted → past_orders))"
    assert words in result.finding
    both = on_outcome(evidence(sessions(1), graph=graph, **declared("past_orders", "colour")))
    assert both.status is Status.HELD
    assert f"Not used: {words}" in both.finding


def test_a_control_that_the_graph_lets_differ_or_that_is_adjusted_for_is_refused() -> None:
    graph = GRAPH + "; trait -> arm; trait -> past_orders"
    result = on_outcome(evidence(sessions(1, **SMALL), graph=graph, **declared("past_orders")))
    assert result.status is Status.NOT_APPLICABLE
    assert "the arms differ in it anyway (arm ← trait → past_orders)" in result.finding
    study = evidence(sessions(1, **SMALL), covariates=None, **declared("device"))
    assert "device" in study.design.features.names
    assert "device (it is adjusted for)" in on_outcome(study).finding


def test_the_graph_suggests_placebo_outcomes_where_none_is_declared() -> None:
    graph = GRAPH + "; device -> past_orders; member -> colour; urbanicity -> hidden_one"
    study = evidence(sessions(1, **SMALL), graph=graph)
    assert placebo_outcomes(study.estimand, adjusted=COVARIATES) == ("past_orders",)
    result = on_outcome(study)
    assert result.status is Status.NOT_APPLICABLE
    assert "By the graph these could serve: past_orders." in result.finding
    plain = on_outcome(evidence(sessions(1, **SMALL), graph=None))
    assert plain.finding == "The study declares no negative control outcome."
    assert unfit_outcome(study.estimand, "past_orders", adjusted=COVARIATES) is None
    assert unfit_outcome(study.estimand, "not_drawn", adjusted=COVARIATES) is None


def test_whatif_check_prints_the_suggestion(tmp_path: Path) -> None:
    sessions(1, **SMALL).to_csv(tmp_path / "log.csv", index=False)
    (tmp_path / "shop.dot").write_text(
        "digraph {" + (GRAPH.strip() + "; device -> past_orders").replace("\n", "; ") + "}"
    )
    study = tmp_path / "study.yaml"
    text = """
study: shop
data: {source: log.csv}
unit: session
cluster: customer
treatment: {column: arm, control: folded}
outcomes: [{column: converted}, {column: cost, kind: cost}]
covariates: [urbanicity, device, cart, member, distance]
graph: shop.dot
"""
    study.write_text(text)
    printed = check_study(study, options=RunOptions()).text
    assert "could serve as negative control outcomes: past_orders" in printed


# ---- treatments that cannot move the outcome


def test_a_column_without_a_word_to_say_holds() -> None:
    for study in (
        evidence(sessions(1), **control_treatments("colour")),
        randomised(sessions(1, randomised=True), **control_treatments("colour")),
    ):
        result = NegativeControlTreatment().run(study)
        assert result.status is Status.HELD
        assert "could have been seen" in result.finding


def test_a_trace_of_a_hidden_cause_breaks() -> None:
    study = evidence(sessions(2, hidden=0.6), **control_treatments("past_orders", "colour"))
    result = NegativeControlTreatment().run(study)
    assert result.status is Status.BROKE
    assert "past_orders and converted correlate by +0." in result.finding
    assert "among units alike in arm and covariates" in result.finding


@pytest.mark.parametrize(
    ("arrows", "words"),
    [
        ("arm -> colour", "the treatment changes it (arm → colour)"),
        ("colour -> converted", "it changes the outcome (colour → converted)"),
        ("trait -> colour; trait -> converted", "the graph relates it to converted"),
    ],
)
def test_control_treatments_that_the_graph_rules_out_are_refused(arrows: str, words: str) -> None:
    study = evidence(
        sessions(3, **SMALL), graph=f"{GRAPH}; {arrows}", **control_treatments("colour")
    )
    result = NegativeControlTreatment().run(study)
    assert result.status is Status.NOT_APPLICABLE
    assert words in result.finding


def test_an_instrument_can_serve_because_the_arm_is_known() -> None:
    study = evidence(sessions(3, **SMALL), graph=GRAPH + "; colour -> arm")
    fit = {"outcome": "converted", "adjusted": COVARIATES}
    assert unfit_treatment(study.estimand, "colour", **fit) is None  # type: ignore[arg-type]
    assert unfit_treatment(study.estimand, "cart", **fit) == "it is adjusted for"  # type: ignore[arg-type]
    assert unfit_treatment(study.estimand, "not_drawn", **fit) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (lambda f: 1.0, "z hardly varies"),
        (lambda f: [f"w{i}" for i in range(len(f))], "z (too many different words"),
        (lambda f: 3 * f["cart"], "z is determined by"),
        (lambda f: f["cart"].where(f["customer"] < 40), "fewer than 50 clusters"),
    ],
    ids=["constant", "ids", "copy", "few"],
)
def test_control_treatments_that_say_nothing_do_not_run(values: Any, words: str) -> None:
    frame = sessions(4, **SMALL).assign(z=values)
    result = NegativeControlTreatment().run(evidence(frame, **control_treatments("z")))
    assert result.status is Status.DID_NOT_RUN
    assert words in result.finding


def test_no_declared_treatment_and_few_clusters() -> None:
    none = NegativeControlTreatment().run(evidence(sessions(5, **SMALL)))
    assert none.status is Status.NOT_APPLICABLE
    few = sessions(5, customers=40, rows=400)
    result = NegativeControlTreatment().run(evidence(few, **control_treatments("colour")))
    assert result.status is Status.DID_NOT_RUN
    thin = sessions(5, customers=100, rows=180)
    result = NegativeControlTreatment().run(evidence(thin, **control_treatments("colour")))
    assert result.status is Status.DID_NOT_RUN
    assert "and 0.15 matters" in result.finding


def test_words_as_a_column_of_numbers() -> None:
    assert isinstance(as_numbers(pd.Series([True, None], dtype="boolean")), str)
    found = as_numbers(pd.Series([1, None, 3], dtype="Int64"))
    assert not isinstance(found, str)
    assert np.isnan(found[1])


# ---- error rates, reduced; the full table is made by tests/benchmarks/checks_graph.py


def test_alarms_of_negative_controls_are_rare_under_repeated_customers() -> None:
    both = {"negative_controls": {"outcomes": ["past_orders"], "treatments": ["colour"]}}
    p_values = []
    for seed in range(12):
        frame = sessions(seed, randomised=True, by_customer=True, **SMALL)
        study = randomised(frame, assigned="customer", **both)
        p_values += [c.run(study).statistic for c in (NegativeControlOutcome(),
                                                      NegativeControlTreatment())]  # fmt: skip
    found = np.array(p_values, dtype=float)
    assert (found < 0.01).sum() <= 2  # .002 where each alarms at .01
    assert (found < 0.5).mean() == pytest.approx(0.5, abs=0.35)


# ---- LaLonde: earnings in 1975 cannot follow from training in 1976


def lalonde(folder: Path, name: str) -> Evidence:
    frame = pd.read_csv(folder / f"lalonde_{name}.csv.gz")
    if name == "cps1":
        trained = pd.read_csv(folder / "lalonde_nsw_dw.csv.gz").query("treat == 1")
        frame = pd.concat([trained, frame], ignore_index=True)
    known = ["age", "educ", "ethn", "married"] if name == "psid1" else [
        "age", "educ", "black", "hisp", "marr"]  # fmt: skip
    frame = frame.assign(treat=frame["treat"].astype(int), row=np.arange(len(frame)))
    keys: dict[str, Any] = {
        "unit": "row",
        "cluster": None,
        "treatment": {"column": "treat", "control": 0},
        "outcomes": [{"column": "re78"}],
        "covariates": known,
        "graph": None,
        "target": "att",
        "folds": 2,
        **declared("re75"),
    }
    if name == "nsw_dw":
        keys |= {"design": {"kind": "experiment"}, "target": "ate"}
    return evidence(frame, **keys)


@pytest.mark.parametrize("survey", ["cps1", "psid1"])
def test_earnings_before_the_training_break_on_the_surveys(data_folder: Path, survey: str) -> None:
    result = on_outcome(lalonde(data_folder, survey))
    assert result.status is Status.BROKE
    assert "1 seems to change re75 by -" in result.finding


def test_earnings_before_the_training_hold_in_the_experiment(data_folder: Path) -> None:
    result = on_outcome(lalonde(data_folder, "nsw_dw"))
    assert result.status is Status.HELD
