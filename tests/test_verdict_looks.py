"""What is said when results are looked at more than once, up to the command line."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from tests.verdict_cases import (
    BETTER,
    MOBILE,
    OVER,
    UNCLEAR,
    WITHIN,
    f_test,
    judge,
    row,
    with_study,
)
from whatif.cli import app
from whatif.contract.yaml_text import read_mapping
from whatif.effects.rows import EffectRow, EffectRows
from whatif.run.answers import open_run
from whatif.run.demo import simulate_to
from whatif.verdict import wording
from whatif.verdict.readings import readings
from whatif.verdict.reasons import ArmCase, arm_would_change
from whatif.verdict.record import Decision, Reading

STUDY = Path(__file__).parents[1] / "reports" / "mobile-expanded-options"
ON = "2026-12-15"
EARLY, LATE = dt.date(2026, 12, 1), dt.date(2026, 12, 15)
ANYTIME = with_study(decision={"looks": "anytime"}, cluster="customer_id")
SCHEDULED = with_study(decision={"looks": "scheduled", "on": ON}, cluster="customer_id")
NOT_YET = (None, None)


def looked(outcome: str, ends: tuple[float | None, float | None], **changes: Any) -> EffectRow:
    """A row whose plain interval is better than anything, so that only `ends` can speak."""
    ci = (0.5, 0.6) if outcome == "converted" else (-0.6, -0.5)
    return replace(row(outcome, ci, **changes), sequential=ends)


# ---- readings


@pytest.mark.parametrize("spec", [ANYTIME, SCHEDULED])
@pytest.mark.parametrize(
    ("ends", "word"),
    [
        (BETTER, Reading.BETTER),
        (UNCLEAR, Reading.NOT_CLEAR),
        (NOT_YET, Reading.NOT_CLEAR),
        ((None, -1.0), Reading.NOT_CLEAR),
    ],
)
def test_repeated_looks_are_read_from_the_sequential_range(
    spec: Any, ends: tuple[float | None, float | None], word: Reading
) -> None:
    rows = (looked("converted", ends), looked("converted", ends, segment=MOBILE))
    effects = EffectRows(effects=rows, heterogeneity=(f_test("device"),), level=0.95)
    assert readings(effects, spec, as_of=EARLY) == (word, word)


def test_a_segment_not_yet_looked_at_inherits_when_segments_do_not_differ() -> None:
    rows = (looked("converted", BETTER), looked("converted", NOT_YET, segment=MOBILE))
    alike = EffectRows(effects=rows, heterogeneity=(f_test("device", p_value=0.5),), level=0.95)
    assert readings(alike, ANYTIME, as_of=EARLY) == (Reading.BETTER, Reading.BETTER)


def test_a_scheduled_study_reads_no_plain_interval_before_its_day() -> None:
    effects = EffectRows(effects=(row("converted", BETTER),), heterogeneity=(), level=0.95)
    assert readings(effects, SCHEDULED, as_of=EARLY) == (Reading.NOT_CLEAR,)


# ---- verdicts


@pytest.mark.parametrize("spec", [ANYTIME, SCHEDULED])
@pytest.mark.parametrize(
    ("primary", "guardrail", "decision"),
    [
        (BETTER, WITHIN, Decision.ROLL_OUT),
        (BETTER, OVER, Decision.DO_NOT_ROLL_OUT),
        (UNCLEAR, WITHIN, Decision.DISCUSS),
        (NOT_YET, WITHIN, Decision.TOO_EARLY),
        (BETTER, NOT_YET, Decision.TOO_EARLY),
    ],
)
def test_the_verdict_follows_the_looks_before_any_date(
    spec: Any, primary: Any, guardrail: Any, decision: Decision
) -> None:
    rows = (looked("converted", primary), looked("cost", guardrail))
    assert judge(*rows, spec=spec, as_of=EARLY).decision is decision


def test_before_the_first_look_the_reason_says_what_it_needs() -> None:
    rows = (looked("converted", NOT_YET), looked("cost", NOT_YET))
    found = judge(*rows, spec=ANYTIME, as_of=EARLY)
    assert found.reasons == (
        "Nothing was read yet: a first look at converted and cost needs 100 clusters (customer id) "
        "and 20 events in each arm.",
    )
    assert found.would_change == ("Enough data for a first look at converted and cost.",)
    found = judge(*rows, spec=SCHEDULED, as_of=EARLY)
    assert found.reasons[0].endswith("in each arm, on a day of the schedule (one every 7 days).")
    alone = wording.no_look_yet_reason(["r"], who=None, ratio=True, every="1d")
    assert "100 rows and 20 events (50 to divide by) in each arm, on a day of the sch" in alone
    assert "(one every 1 day)" in alone


def test_one_arm_ready_is_enough_to_speak_of_it() -> None:
    spec = with_study(decision={"looks": "anytime"}, outcomes=[{"column": "converted"}])
    rows = (
        looked("converted", NOT_YET, arm="first"),
        looked("converted", BETTER, arm="second"),
    )
    found = judge(*rows, spec=spec, as_of=EARLY)
    assert (found.decision, found.arm) == (Decision.ROLL_OUT, "second")
    nobody = judge(*(replace(one, sequential=NOT_YET) for one in rows), spec=spec, as_of=EARLY)
    assert nobody.decision is Decision.TOO_EARLY


def test_a_schedule_that_ended_without_a_look_is_not_too_early_for_ever() -> None:
    rows = (looked("converted", NOT_YET), looked("cost", NOT_YET))
    assert judge(*rows, spec=SCHEDULED, as_of=LATE).decision is Decision.DISCUSS


def test_more_data_are_counted_from_the_sequential_range() -> None:
    spec = with_study(decision={"looks": "anytime"}, outcomes=[{"column": "converted"}])
    wide = replace(looked("converted", (-0.5, 1.5)), estimate=0.5)
    case = ArmCase(arm="expanded", primary=(spec.primary, wide, Reading.NOT_CLEAR), guardrails=())
    assert "About 4.0 times as much data" in arm_would_change(case, Decision.DISCUSS, spec)[0]


# ---- from the command line


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("looks") / "checkout.parquet"
    return simulate_to(path, sessions=8_000, seed=3, mode="randomised")[0]


def _run(folder: Path, log: Path, *options: str, **changes: object) -> tuple[int, Any]:
    keys = read_mapping(STUDY / "study.yaml")
    keys["data"]["source"] = str(log)
    keys |= {"segments": ["device"], "covariates": []} | changes
    folder.mkdir(parents=True)
    (folder / "checkout.dot").write_bytes((STUDY / "checkout.dot").read_bytes())
    (folder / "study.yaml").write_text(yaml.safe_dump(keys), encoding="utf-8")
    args = ["run", str(folder / "study.yaml"), "--out", str(folder), "--quick", "--json", *options]
    done = CliRunner().invoke(app, args)
    return done.exit_code, json.loads(done.stdout) if done.exit_code == 0 else done.stderr


@pytest.mark.parametrize(
    "decision",
    [{"looks": "anytime"}, {"looks": "scheduled", "on": "2026-11-30"}],
    ids=["anytime", "scheduled"],
)
def test_a_study_with_repeated_looks_runs(
    decision: dict[str, object], tmp_path: Path, log: Path
) -> None:
    code, answer = _run(tmp_path / "many", log, decision=decision)
    assert code == 0, answer
    assert answer["verdict"]["decision"] in {"roll_out", "do_not_roll_out", "discuss"}
    assert {e["reading"] for e in answer["effects"]} != {"not_clear_yet"}
    once = _run(tmp_path / "once", log, decision={"looks": "once"})[1]
    assert answer["effects"][0]["estimate"] == once["effects"][0]["estimate"]
    low, high = answer["money"]["ci"]
    assert low < once["money"]["ci"][0] < once["money"]["ci"][1] < high
    waiting = [n for n in answer["notices"] if n["code"] == "between_looks"]
    assert len(waiting) == (decision["looks"] == "scheduled")
    opened = open_run(answer["run_id"], out=tmp_path / "many")
    effects, as_of = opened.findings.effects, dt.date.fromisoformat(answer["as_of"])
    assert all(one.sequential is not None for one in effects.effects)
    assert readings(effects, opened.spec, as_of=as_of) == opened.findings.verdict.readings


@pytest.mark.parametrize(
    ("decision", "as_of", "reason"),
    [
        (
            {"looks": "anytime"},
            "2026-09-06",
            "100 clusters (customer id) and 20 events (50 to divide by)",
        ),
        (
            {"looks": "scheduled", "on": "2026-11-30", "every": "50d"},
            "2026-10-01",
            "on a day of the schedule (one every 50 days)",
        ),
    ],
    ids=["anytime", "scheduled"],
)
def test_before_the_first_look_it_is_too_early(
    decision: dict[str, object], as_of: str, reason: str, tmp_path: Path, log: Path
) -> None:
    code, answer = _run(tmp_path / "s", log, "--as-of", as_of, decision=decision)
    assert code == 0, answer
    assert answer["verdict"]["decision"] == "too_early"
    assert reason in answer["verdict"]["reasons"][0]
    assert {e["reading"] for e in answer["effects"]} <= {"not_clear_yet", "suppressed"}
    assert answer["money"]["ci"] == [None, None]
    page = tmp_path / "s" / "mobile-expanded-options" / "runs" / answer["run_id"] / "report.html"
    assert "Too early to decide." in page.read_text(encoding="utf-8")


def test_a_schedule_that_the_data_cannot_follow_is_refused_before_fitting(
    tmp_path: Path, log: Path
) -> None:
    daily = {"looks": "scheduled", "on": "2026-11-30", "every": "1d"}
    code, said = _run(tmp_path / "s", log, decision=daily)
    assert code == 2
    assert "makes 85 looks from 2026-09-06 to 2026-11-30; at most 30 are possible" in said


def test_equal_studies_with_looks_give_equal_bytes(tmp_path: Path, log: Path) -> None:
    decision = {"looks": "scheduled", "on": "2026-10-31"}
    first = _run(tmp_path / "a", log, decision=decision)
    assert first == _run(tmp_path / "b", log, decision=decision)
