"""A finished run in one line: what stands in it, and what a withheld run leaves out."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from whatif.base.hashing import of_json
from whatif.base.history import RunLine
from whatif.checks.result import Status
from whatif.contract.stored import from_json, to_json
from whatif.contract.study_file import study_from_mapping
from whatif.effects.looks.ranges import AnytimeLooks, take_looks
from whatif.effects.looks.rules import Quantity
from whatif.effects.table import metrics_of
from whatif.report.html import render_html
from whatif.report.text import headline_number
from whatif.run.analysis import Run, RunOptions, analyse, prepare
from whatif.run.history_line import run_line
from whatif.verdict.record import Decision

OPTIONS = RunOptions(quick=True, today=dt.date(2026, 10, 1))


def _log(customers: int = 600, *, seed: int = 0) -> pd.DataFrame:
    """Sessions of customers over four weeks; chance gives out three arms."""
    rng = np.random.default_rng(seed)
    customer = np.repeat(np.arange(customers), 1 + rng.poisson(3, customers))
    n = customer.size
    arm = rng.choice(["old", "new", "tabs"], n)
    keen = rng.choice([0.2, 0.5], customers)[customer] + 0.06 * (arm == "new")
    converted = (rng.random(n) < keen).astype(int)
    return pd.DataFrame(
        {
            "session_id": np.arange(n),
            "customer_id": customer,
            "at": pd.Timestamp("2026-09-01") + pd.to_timedelta(rng.integers(0, 28 * 24, n), "h"),
            "arm": arm,
            "converted": converted,
            "cost": converted * rng.lognormal(1.0, 0.5, n),
            "device": rng.choice(["mobile", "desktop"], n),
        }
    )


def _run(frame: pd.DataFrame | None = None, **changes: object) -> Run:
    keys: dict[str, object] = {
        "study": "small",
        "question": "Does it help?",
        "unit": "session_id",
        "cluster": "customer_id",
        "assigned": "session_id",
        "time": "at",
        "treatment": {"column": "arm", "control": "old", "arms": ["new", "tabs"]},
        "design": {
            "kind": "experiment",
            "probability": {"old": 1 / 3, "new": 1 / 3, "tabs": 1 / 3},
        },
        "outcomes": [
            {"column": "converted", "role": "primary", "kind": "binary", "matters_from": 0.01},
            {"column": "cost", "kind": "cost", "better": "lower", "unit": "USD"},
        ],
        "segments": ["device"],
        "value": {"currency": "USD", "per": {"converted": 9.0, "cost": -1.0}},
    }
    spec = study_from_mapping(keys | changes, on_frame=True)
    rows = _log() if frame is None else frame
    return analyse(prepare(spec, base=Path(), options=OPTIONS, frame=rows), OPTIONS)


@pytest.fixture(scope="module")
def made() -> Run:
    return _run()


def test_a_line_holds_what_the_answer_and_the_page_say(made: Run) -> None:
    line, report = run_line(made), made.report
    row = next(r for r in report.effects.effects if r.arm == "new" and r.outcome == "converted")
    assert (line.study, line.run_id, line.question) == ("small", report.run_id, "Does it help?")
    assert (line.arm, line.versus) == (report.verdict.arm, "old") == ("new", "old")
    assert (line.estimate, line.std_error, line.baseline) == (
        row.estimate, row.std_error, row.baseline,
    )  # fmt: skip
    assert line.ci == row.ci
    assert line.number == headline_number(report)
    assert line.decision == str(report.verdict.decision)
    assert (line.units, line.clusters) == (report.data.units, report.data.clusters)
    assert report.data.period is not None
    assert (line.data_from, line.data_to) == report.data.period
    assert line.study_hash == of_json(report.spec.model_dump(mode="json"))
    assert (line.metric.factor, line.metric.better) == (1000.0, "higher")
    assert line.metric.matters_from == 0.01
    html = render_html(report)
    assert line.evidence == "Randomised test"
    assert line.evidence in html
    assert f"{line.held} of {line.judged} checks held" in html
    assert line.money in re.sub("<[^>]+>", "", html)
    assert "USD" in line.money


RATIO: dict[str, object] = {
    "outcomes": [{"column": "converted", "kind": "binary"}, {"column": "cost", "kind": "cost"}],
    "ratios": [
        {"name": "per_order", "numerator": "cost", "denominator": "converted", "role": "primary"}
    ],
}


@pytest.mark.parametrize("changes", [{}, {"target": "att", "value": None}, RATIO])
def test_the_range_of_every_run_is_the_sequence_of_one_quantity(changes: dict[str, object]) -> None:
    """The looks' own tests hold that sequence to its promise over twenty weeks."""
    made = _run(None, **changes)
    spec, line = made.report.spec, run_line(made)
    looked = spec.model_copy(
        update={"decision": spec.decision.model_copy(update={"looks": "anytime"})}
    )
    looks = take_looks(made.scores, made.means, looked)
    assert isinstance(looks, AnytimeLooks)
    name = line.metric.label.lower().replace(" ", "_")
    metric = next(m for m in metrics_of(spec) if m.name == name)
    arm = made.means.arms.index(line.arm)
    quantity = Quantity(parts=((metric, 1.0),))
    expected = looks.range(quantity, cell=0, arm=arm, alpha=1 - spec.level)
    assert line.anytime == pytest.approx(expected, rel=1e-9)
    low, high = line.ci
    assert low is not None and high is not None and expected[0] is not None  # noqa: PT018
    assert expected[0] < low


def test_few_customers_have_no_range_of_every_run_yet() -> None:
    line = run_line(_run(_log(60)))
    assert line.estimate is not None
    assert line.anytime == (None, None)


def test_a_withheld_run_has_no_number_in_its_line(made: Run) -> None:
    verdict = replace(made.report.verdict, decision=Decision.CANNOT_BE_TRUSTED)
    line = run_line(replace(made, report=replace(made.report, verdict=verdict)))
    assert line.decision == "cannot_be_trusted"
    assert (line.baseline, line.estimate, line.std_error) == (None, None, None)
    assert (line.ci, line.anytime) == ((None, None), (None, None))
    assert (line.number, line.money) == ("", "")


def test_checks_are_counted_and_named_as_on_the_page(made: Run) -> None:
    checks = made.report.checks
    held = [c for c in checks if c.status is Status.HELD]
    silent = replace(held[0], status=Status.DID_NOT_RUN)
    broken = replace(held[1], status=Status.BROKE)
    changed = tuple({held[0].name: silent, held[1].name: broken}.get(c.name, c) for c in checks)
    line = run_line(replace(made, report=replace(made.report, checks=changed)))
    before = run_line(made)
    assert (line.held, line.judged) == (before.held - 2, before.judged - 1)
    extra = set(line.broke) - set(before.broke)
    assert extra == {held[1].name.replace("_", " ").capitalize()}


def test_equal_runs_have_equal_lines_that_survive_being_stored(made: Run) -> None:
    line = run_line(made)
    assert run_line(_run()) == line
    assert from_json(RunLine, to_json(line), shown="a line") == line
