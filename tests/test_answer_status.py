"""Planned, exploratory or changed after looking: on every number of an answer, and its verdict."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.builders import design, spec
from tests.report_blocks import everything_report
from tests.report_cases import checkout_report, checkout_spec, withheld_report
from whatif.base.plan import Deviation, PlanLock, deviations, plan_hash
from whatif.contract.plan import plan_of
from whatif.contract.spec import StudySpec
from whatif.report.answer_json import answer_json
from whatif.report.document import Report
from whatif.report.page import page
from whatif.run.analysis import RunOptions, analyse, prepare
from whatif.verdict.plan_status import Statuses
from whatif.verdict.plan_wording import marked_verdict

SCHEMA = Path(__file__).resolve().parent.parent / "data_schemas" / "answer.v1.json"
CHANGED = "changed_after_looking"


def answer_of(report: Report) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(answer_json(report))
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(made)
    return made


def everything_report_with(found: tuple[Deviation, ...]) -> Report:
    return replace(everything_report(), deviations=found)


def numbers(answer: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every record of an answer that holds an estimate, with the name of its list."""
    for name in ("effects", "bounds", "rest", "populations", "repetitions", "power",
                 "heterogeneity"):  # fmt: skip
        yield from ((name, row) for row in answer[name])
    if answer["sensitivity"] is not None:
        for name in ("effects", "benchmarks"):
            yield from ((f"sensitivity.{name}", row) for row in answer["sensitivity"][name])
    if "decomposition" in answer:
        for name in ("rows", "options"):
            yield from ((f"decomposition.{name}", row) for row in answer["decomposition"][name])
    if answer["money"] is not None:
        yield "money", answer["money"]


def changed_in(report: Report) -> set[str]:
    return {name for name, row in numbers(answer_of(report)) if row["status"] == CHANGED}


# ---- the answer


def test_without_a_deviation_everything_declared_is_planned() -> None:
    answer = answer_of(everything_report())
    assert answer["deviations"] == []
    assert answer["verdict"]["status"] == "planned"
    for name, row in numbers(answer):
        planned = row.get("planned", True)
        assert row["status"] == ("planned" if planned else "exploratory"), name
    assert {"exploratory"} == {e["status"] for e in answer["effects"] if not e["planned"]}


@pytest.mark.parametrize(
    "aspect",
    [
        *("where", "weights", "trimmed", "unit", "cluster", "assigned", "first_exposure"),
        *("window", "maturity", "treatment", "control", "arms", "design", "target", "level"),
        *("probability", "assignment_log"),
    ],
)
def test_another_population_or_treatment_marks_every_number(aspect: Any) -> None:
    one = Deviation(aspect=aspect, subject="", before="a", now="b")
    answer = answer_of(everything_report_with((one,)))
    for name, row in numbers(answer):
        assert row["status"] == (CHANGED if row.get("planned", True) else "exploratory"), name
    assert answer["verdict"]["status"] == CHANGED
    assert {e["reading_status"] for e in answer["effects"]} <= {CHANGED, "exploratory", None}


@pytest.mark.parametrize("aspect", ["kind", "better", "metric_added"])
def test_another_definition_marks_the_metric_and_what_is_made_of_it(aspect: Any) -> None:
    one = Deviation(aspect=aspect, subject="shipping_cost", before="a", now="b")
    answer = answer_of(replace(checkout_report(), deviations=(one,)))
    status = {(e["outcome"], e["status"]) for e in answer["effects"]}
    assert status == {
        ("converted", "planned"),
        ("shipping_cost", CHANGED),
        ("cost_per_order", CHANGED),
    }
    assert answer["money"]["status"] == CHANGED  # shipping cost is part of the value
    assert answer["verdict"]["status"] == CHANGED  # and of the guardrail


def test_a_ratio_alone_marks_itself_alone() -> None:
    one = Deviation(aspect="denominator", subject="cost_per_order", before="a", now="converted")
    answer = answer_of(replace(checkout_report(), deviations=(one,)))
    changed = {e["outcome"] for e in answer["effects"] if e["status"] == CHANGED}
    assert changed == {"cost_per_order"}
    assert answer["money"]["status"] == "planned"


def test_a_cut_that_was_added_marks_its_own_numbers() -> None:
    found = deviations(plan_of(checkout_spec(segments=["urbanicity"])), plan_of(checkout_spec()))
    assert [one.aspect for one in found] == ["segment_added", "segment_added"]
    answer = answer_of(replace(checkout_report(), deviations=found))
    for row in answer["effects"]:
        expected = "planned" if set(row["segment"]) <= {"urbanicity"} else CHANGED
        assert row["status"] == expected, row["segment"]
    for test in answer["heterogeneity"]:
        assert (test["status"] == CHANGED) == ("device" in test["segment"])


def test_the_rule_marks_words_and_leaves_numbers() -> None:
    limit = Deviation(aspect="limit", subject="cost_per_order", before="0.25", now="0.5")
    answer = answer_of(replace(checkout_report(), deviations=(limit,)))
    assert {e["status"] for e in answer["effects"]} == {"planned"}
    words = {(e["outcome"], e["reading_status"]) for e in answer["effects"] if e["reading"]}
    assert words == {
        ("converted", "planned"),
        ("shipping_cost", "planned"),
        ("cost_per_order", CHANGED),
    }
    assert answer["verdict"]["status"] == CHANGED
    assert changed_in(replace(everything_report(), deviations=(limit,))) <= {"power"}
    looks = Deviation(aspect="looks", subject="", before="once", now="anytime")
    answer = answer_of(replace(checkout_report(), deviations=(looks,)))
    assert {e["reading_status"] for e in answer["effects"] if e["reading"]} == {CHANGED}
    assert {e["status"] for e in answer["effects"]} == {"planned"}


def test_value_marks_money_and_option_marks_the_split() -> None:
    value = Deviation(aspect="value", subject="converted", before="18", now="20")
    assert changed_in(replace(checkout_report(), deviations=(value,))) == {"money"}
    option = Deviation(aspect="option", subject="", before="", now="speed")
    states = Statuses(spec=checkout_spec(), deviations=(option,))
    assert states.split("shipping_cost") == CHANGED
    assert states.number("shipping_cost") == "planned"
    assert states.verdict() == "planned"


@pytest.mark.parametrize(
    ("one", "status"),
    [
        (Deviation(aspect="primary", subject="", before="a", now="converted"), CHANGED),
        (Deviation(aspect="rollout_if", subject="", before="better", now="not_worse"), CHANGED),
        (Deviation(aspect="matters_from", subject="converted", before="1", now="2"), CHANGED),
        (Deviation(aspect="matters_from", subject="visits", before="1", now="2"), "planned"),
        (Deviation(aspect="metric_added", subject="visits", before="", now="x"), "planned"),
        (Deviation(aspect="metric_dropped", subject="x", before="guardrail", now=""), CHANGED),
        (Deviation(aspect="metric_dropped", subject="x", before="secondary", now=""), "planned"),
        (Deviation(aspect="role", subject="x", before="guardrail", now="secondary"), CHANGED),
        (Deviation(aspect="segment_dropped", subject="device", before="", now=""), CHANGED),
        (Deviation(aspect="value", subject="currency", before="USD", now="EUR"), CHANGED),
        (Deviation(aspect="probability", subject="", before="a 0.5", now="a 0.8"), CHANGED),
        (Deviation(aspect="assignment_log", subject="", before="bucket", now=""), CHANGED),
        (Deviation(aspect="freshness", subject="", before="7d", now="90d"), CHANGED),
        (Deviation(aspect="review", subject="", before="required", now=""), CHANGED),
        (Deviation(aspect="time", subject="", before="started_at", now="day"), CHANGED),
    ],
)
def test_which_changes_mark_the_verdict(one: Deviation, status: str) -> None:
    assert Statuses(spec=checkout_spec(), deviations=(one,)).verdict() == status


def test_deviations_stand_in_the_answer_in_words() -> None:
    hostile = Deviation(aspect="limit", subject="</script>", before="", now="=cmd|x")
    (told,) = answer_of(replace(checkout_report(), deviations=(hostile,)))["deviations"]
    assert told["sentence"] == "The limit of </script> was not stated, now =cmd|x."
    assert told["aspect"] == "limit"


def test_a_verdict_says_that_its_rule_is_not_the_planned_one() -> None:
    many = tuple(
        Deviation(aspect="matters_from", subject=f"m{n}", before="1", now="2") for n in range(6)
    )
    for report in (checkout_report(), withheld_report()):
        marked = marked_verdict(report.verdict, many)
        assert marked.headline.endswith(" (changed after looking).")
        assert marked.decision is report.verdict.decision
        assert marked.reasons[0] == (
            "Changed after looking: the smallest difference in m0 that matters was 1, now 2."
        )
        assert marked.reasons[4] == "2 more parts of the plan were changed after looking."
        assert marked.reasons[5:] == report.verdict.reasons


# ---- the run


LOCKED = "who is counted, what is measured and how it is decided were locked before the first look"
UNLOCKED = "No plan was locked before the first look"


def legend_of(report: Report) -> str:
    return page(report).legend


def test_the_page_says_what_planned_covers_and_where_nothing_was_planned() -> None:
    kept = legend_of(replace(checkout_report(), locked=True))
    assert LOCKED in kept
    assert "covariates, learners, folds, seed, graph) was not" in kept
    free = legend_of(checkout_report())
    assert free.startswith(UNLOCKED)
    assert "were planned" not in free


def _lock(planned: StudySpec) -> PlanLock:
    plan = plan_of(planned)
    return PlanLock(hash=plan_hash(plan), plan=plan, locked_at="2026-11-02T07:00:00+00:00")


def test_a_lock_that_is_kept_changes_nothing_and_one_that_is_not_is_said() -> None:
    made = design(600, customers=150, kind="experiment")
    frame = made.columns.assign(
        session_id=made.unit,
        customer_id=made.cluster,
        presentation=[made.arms[a] for a in made.arm],
        converted=made.y[:, 0],
        cost=made.y[:, 1],
    )
    study = spec(
        unit="session_id",
        cluster="customer_id",
        assigned="session_id",
        design={"kind": "experiment", "probability": {"folded": 0.5, "expanded": 0.5}},
        segments=[],
    )

    def prepared(lock: PlanLock | None) -> Any:
        return prepare(
            study, base=Path(), options=RunOptions(quick=True, plan_lock=lock), frame=frame
        )

    free, kept = prepared(None), prepared(_lock(study))
    assert kept.run_id == free.run_id
    assert kept.deviations == ()
    other = study.model_copy(update={"level": 0.9})
    broken = prepared(_lock(other))
    assert broken.run_id != free.run_id
    assert broken.score_key == free.score_key
    late = prepared(replace(_lock(study), runs_before=2))
    assert len({late.run_id, free.run_id, broken.run_id}) == 3

    options = RunOptions(quick=True)
    report = analyse(broken, options).report
    answer = answer_of(report)
    assert [one["aspect"] for one in answer["deviations"]] == ["level"]
    assert {e["status"] for e in answer["effects"]} == {CHANGED}
    assert answer["verdict"]["headline"].endswith(" (changed after looking).")
    assert "the level of the ranges was 0.9, now 0.95" in answer["verdict"]["reasons"][0]
    assert LOCKED in legend_of(report)
    belated = analyse(late, options).report
    assert belated.notices[0].code == "plan_locked_late"
    assert legend_of(belated).startswith(UNLOCKED)
    assert legend_of(analyse(free, options).report).startswith(UNLOCKED)
