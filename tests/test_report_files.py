"""``answer.json``, the schemas, the terminal text, the crontab line and the notebook figure."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from tests.report_blocks import everything_report, treated_report
from tests.report_cases import (
    checkout_report,
    checkout_rows,
    effect,
    observational_report,
    withheld_report,
)
from whatif.contract.spec import ScheduleSpec
from whatif.effects.rows import EffectRows
from whatif.report.answer_json import answer_json
from whatif.report.document import Report
from whatif.report.plotly_figures import effects_figure
from whatif.report.schedule import next_due
from whatif.report.text import headline_number, render_text
from whatif.verdict.record import Reading

SCHEMAS = Path(__file__).resolve().parent.parent / "data_schemas"


def validator(name: str) -> jsonschema.Draft202012Validator:
    schema = json.loads((SCHEMAS / name).read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(
        schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )


def with_rows(rows: tuple[Any, ...], readings: tuple[Reading, ...]) -> Report:
    report = checkout_report(opinions=())
    return replace(
        report,
        effects=EffectRows(effects=rows, heterogeneity=(), level=0.95),
        verdict=replace(report.verdict, readings=readings),
    )


@pytest.mark.parametrize(
    "make",
    [checkout_report, withheld_report, observational_report, everything_report, treated_report],
)
def test_answers_keep_their_schema(make: Callable[[], Report]) -> None:
    validator("answer.v1.json").validate(json.loads(answer_json(make())))


def test_an_answer_holds_what_the_design_promises() -> None:
    answer = json.loads(answer_json(checkout_report()))
    assert answer["schema"] == "answer.v1"
    assert answer["as_of"] == "2026-10-31"
    assert answer["data"]["arms"] == {"folded": 100_112, "expanded": 99_888}
    assert answer["estimand"]["identified"] is True
    first = answer["effects"][0]
    assert first["segment"] == {}
    assert first["reading"] == "better"
    assert first["estimate"] == 0.0121
    assert first["relative"]["estimate"] == 0.0121 / 0.3312
    cross = next(e for e in answer["effects"] if len(e["segment"]) == 2)
    assert cross["segment"] == {"urbanicity": "dense_urban", "device": "mobile"}
    assert answer["heterogeneity"][0]["segment"] == ["urbanicity"]
    assert answer["verdict"]["decision"] == "roll_out"
    assert answer["checks"][0]["status"] == "held"
    assert answer["money"]["break_even"]["value"] == 8.43
    assert answer["notices"][0]["code"] == "small_segment"


def test_second_opinions_follow_under_their_own_name() -> None:
    effects = json.loads(answer_json(checkout_report()))["effects"]
    names = [e["estimator"] for e in effects]
    assert names[: len(checkout_rows().effects)] == ["aipw"] * len(checkout_rows().effects)
    forest = next(e for e in effects if e["estimator"] == "econml.CausalForestDML")
    assert forest["ci"] == [None, None]
    assert forest["reading"] is None


def test_ratios_state_the_kind_of_their_interval() -> None:
    effects = json.loads(answer_json(checkout_report()))["effects"]
    ratio = next(e for e in effects if e["outcome"] == "cost_per_order")
    assert ratio["interval"] == {"kind": "interval", "ends": ratio["ci"]}
    assert "interval" not in effects[0]
    open_row = replace(effect("cost_per_order"), ci=(None, None), band=(None, None))
    answer = json.loads(answer_json(with_rows((open_row,), (Reading.NOT_CLEAR,))))
    assert answer["effects"][0]["interval"] == {"kind": "all", "ends": []}


def test_suppressed_rows_keep_their_numbers_beside_the_reading() -> None:
    row = replace(effect("converted"), shown="suppressed")
    answer = json.loads(answer_json(with_rows((row,), (Reading.SUPPRESSED,))))
    held = answer["effects"][0]
    assert (held["reading"], held["shown"], held["estimate"]) == ("suppressed",) * 2 + (0.0121,)
    validator("answer.v1.json").validate(answer)


def test_levels_keep_their_type_and_nothing_is_nan() -> None:
    rows = (
        effect("converted", (("is_member", True),)),
        effect("converted", (("hour", np.int64(7).item()),)),
        replace(effect("converted", (("hour", np.int64(8)),)), critical=math.nan),  # type: ignore[arg-type]
    )
    text = answer_json(with_rows(rows, (Reading.NOT_CLEAR,) * 3))
    effects = json.loads(text, parse_constant=pytest.fail)["effects"]
    assert [e["segment"] for e in effects] == [{"is_member": True}, {"hour": 7}, {"hour": 8}]
    assert effects[2]["critical"] is None


def test_equal_reports_give_equal_answers() -> None:
    assert answer_json(checkout_report()) == answer_json(checkout_report())


def test_the_schema_refuses_what_is_not_an_answer() -> None:
    answer = json.loads(answer_json(checkout_report()))
    answer["effects"][0]["reading"] = "significant"
    with pytest.raises(jsonschema.ValidationError, match="significant"):
        validator("answer.v1.json").validate(answer)


def test_a_manifest_names_everything_a_run_was_made_from() -> None:
    manifest = {
        "schema": "manifest.v1",
        "study": "s",
        "run_id": "3f9c",
        "as_of": None,
        "data": {"fingerprint": "9f", "source": "frame", "contract": None},
        "study_file": checkout_report().spec.model_dump(mode="json"),
        "study_hash": "1",
        "score_key": "2",
        "code": "3",
        "python": "3.11.9",
        "versions": {"whatif": "0.1.0"},
        "seed": 0,
    }
    validator("manifest.v1.json").validate(manifest)
    del manifest["code"]
    with pytest.raises(jsonschema.ValidationError, match="'code' is a required property"):
        validator("manifest.v1.json").validate(manifest)


def test_the_terminal_gets_a_verdict_and_three_numbers() -> None:
    assert render_text(checkout_report()) == (
        "Roll out expanded for everyone.\n"
        "  Converted (primary): about 12 more orders per 1,000 sessions (likely range 9 to 15; "
        "331 → 343, up 3.7 %); better\n"
        "  Cost per order (guardrail): about USD 0.12 more per order (likely range 0.03 to 0.20; "
        "USD 5.26 → 5.37, up 2.2 %); within the limit\n"
        "  Shipping cost (also measured): about USD 0.10 more per session (likely range 0.06 to "
        "0.14; USD 1.74 → 1.84, up 6 %); worse\n"
        "  5 of 6 checks held, 1 not run.\n"
    )


def test_a_withheld_run_gives_the_terminal_no_effect() -> None:
    text = render_text(withheld_report())
    assert text.startswith("These numbers cannot be trusted.")
    assert "numbers are withheld" in text
    assert "12 more" not in text
    assert headline_number(withheld_report()) == ""
    assert headline_number(checkout_report()).startswith("Converted: about 12 more orders")


def cron(text: str, zone: str = "Europe/London") -> ScheduleSpec:
    return ScheduleSpec(cron=text, timezone=zone)


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("0 7 * * 1", "2026-11-02T19:00:00+00:00"),  # Saturday 31 October, then Monday
        ("30 6 * * mon-fri", "2026-11-02T18:30:00+00:00"),
        ("0 7 1 * *", "2026-11-01T19:00:00+00:00"),
        ("0 7 15 * 1", "2026-11-02T19:00:00+00:00"),  # either field is enough
        ("0 7 1 jul *", "2027-07-01T18:00:00+00:00"),  # summer time
        ("*/20 5/2 * * 7", "2026-11-01T17:00:00+00:00"),
    ],
)
def test_the_next_page_is_due_after_the_next_scheduled_run(text: str, due: str) -> None:
    assert next_due(cron(text), dt.date(2026, 10, 31)) == due


def test_the_figure_draws_what_is_shown() -> None:
    rows = checkout_rows().effects
    figure = effects_figure([r for r in rows if r.outcome == "converted"], title="a < b")
    (trace,) = figure.data
    assert len(trace.x) == 17  # 18 rows, one suppressed
    assert trace.y[0] == "expanded, everyone"
    assert math.isclose(trace.error_x["array"][0], 1.96 * 0.0016)
    assert figure.layout.title.text == "a &lt; b"
    assert len(effects_figure(rows).data) == 3
    assert len(effects_figure([]).data) == 0
