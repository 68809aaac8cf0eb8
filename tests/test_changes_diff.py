"""Moves that are not told, or not split, and two runs side by side."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.changes_cases import (
    first,
    rescored,
    scores_in_time,
    spec_of,
    store,
)
from whatif.base.errors import DataError, UsageError
from whatif.cli.main import app
from whatif.run.changes import change_between
from whatif.run.diff import diff_runs
from whatif.scores.store import to_parquet
from whatif.verdict import changes_wording as words

# ---- what is not told


def _edited(folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    answer = json.loads((folder / "answer.json").read_text(encoding="utf-8"))
    change(answer)
    (folder / "answer.json").write_text(json.dumps(answer), encoding="utf-8")
    return folder


@pytest.mark.parametrize("side", ["before", "now"])
def test_a_withheld_run_is_not_compared(tmp_path: Path, side: str) -> None:
    whole = scores_in_time(2_000)
    decision = {side: "cannot_be_trusted"}
    before = store(
        tmp_path / "a", first(whole, 1_000), spec_of(), decision=decision.get("before", "discuss")
    )
    now = store(tmp_path / "b", whole, spec_of(), data="2", decision=decision.get("now", "discuss"))
    change = change_between(before, now)
    assert (change.total, change.parts, change.ci) == (None, (), (None, None))
    assert change.estimate_before is None
    assert (change.estimate_now is None) == (side == "now")
    assert "cannot be trusted" in change.said[0]
    told = diff_runs(str(before), str(now), out=tmp_path)
    assert told.withheld
    assert [one[side] for one in told.record["numbers"]] == [None, None, None]
    assert "not told" in told.text
    asked = CliRunner().invoke(app, ["diff", str(before), str(now), "--out", str(tmp_path)])
    assert asked.exit_code == 4
    assert asked.stdout == told.text + "\n"


def _other_control(answer: dict[str, Any]) -> None:
    for row in answer["effects"]:
        row["versus"] = "tabs"


def _no_estimate(answer: dict[str, Any]) -> None:
    for row in answer["effects"]:
        row["estimate"] = None


@pytest.mark.parametrize(
    ("why", "edit", "changes"),
    [
        ("no_number", _no_estimate, {}),
        ("unit", None, {"unit": "customer_id"}),
        ("metric", None, {"outcomes": [
            {"column": "converted"}, {"column": "cost", "role": "primary"},
        ]}),
    ],
)  # fmt: skip
def test_what_is_not_the_same_number_is_not_compared(
    tmp_path: Path,
    why: words.Unsplit,
    edit: Callable[[dict[str, Any]], object] | None,
    changes: dict[str, object],
) -> None:
    whole = scores_in_time(2_000)
    before = store(tmp_path / "a", first(whole, 1_000), spec_of(**changes))
    if edit is not None:
        _edited(before, edit)
    change = change_between(before, store(tmp_path / "b", whole, spec_of(), data="2"))
    assert (change.total, change.estimate_before, change.parts) == (None, None, ())
    assert change.said[0] == words.unsplit_words(why)
    assert change.estimate_now is not None


def test_another_arm_than_readers_saw_is_not_compared(tmp_path: Path) -> None:
    whole = scores_in_time(2_000)
    before = store(tmp_path / "a", first(whole, 1_000), spec_of(), arm="tabs")
    now = store(tmp_path / "b", whole, spec_of(), data="2")
    change = change_between(before, now)
    assert (change.total, change.estimate_before, change.parts) == (None, None, ())
    assert change.said[0] == words.arm_words("tabs", "expanded")
    assert "'tabs'" in change.said[0]
    told = diff_runs(str(before), str(now), out=tmp_path)
    assert "Converted under expanded, " in told.text
    assert "moved by" not in told.text


def test_an_arm_under_another_control_is_not_compared(tmp_path: Path) -> None:
    whole = scores_in_time(2_000)
    before = _edited(store(tmp_path / "a", first(whole, 1_000), spec_of()), _other_control)
    change = change_between(before, store(tmp_path / "b", whole, spec_of(), data="2"))
    assert (change.total, change.estimate_before, change.parts) == (None, None, ())
    assert change.said[0] == words.control_words("expanded", "tabs", "folded")


def _broken(folder: Path) -> None:
    (folder / "scores.parquet").write_bytes(b"no table")


def _gone(folder: Path) -> None:
    (folder / "scores.parquet").unlink()


def _of_others(folder: Path) -> None:
    other = scores_in_time(2_000, seed=5)
    (folder / "scores.parquet").write_bytes(to_parquet(other, period=None))


def _renamed(folder: Path) -> None:
    whole = scores_in_time(2_000)
    named = replace(whole, unit=whole.unit + "x")
    (folder / "scores.parquet").write_bytes(to_parquet(named, period=None))


@pytest.mark.parametrize(
    ("why", "harm"),
    [
        ("unreadable", _broken),
        ("unreadable", _gone),
        ("disagree", _of_others),
        ("no_shared", _renamed),
    ],
)
def test_a_move_that_cannot_be_split_is_still_told(
    tmp_path: Path, why: words.Unsplit, harm: Callable[[Path], object]
) -> None:
    whole = scores_in_time(2_000)
    before = store(tmp_path / "a", whole, spec_of())
    harm(before)
    change = change_between(before, store(tmp_path / "b", rescored(whole), spec_of(), data="2"))
    assert change.total is not None
    assert (change.ci, change.parts) == ((None, None), ())
    assert change.said[-1] == words.unsplit_words(why)


def test_rows_without_ids_cannot_be_matched(tmp_path: Path) -> None:
    whole = scores_in_time(2_000)
    spec = spec_of(unit=None, assigned=None, cluster=None)
    before = store(tmp_path / "a", first(whole, 1_000), spec)
    change = change_between(before, store(tmp_path / "b", whole, spec, data="2"))
    assert change.parts == ()
    assert change.said[-1] == words.unsplit_words("no_unit")


def test_a_damaged_run_is_refused(tmp_path: Path) -> None:
    whole = scores_in_time(1_000)
    before, now = (store(tmp_path / name, whole, spec_of()) for name in "ab")
    (before / "manifest.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match="The run a cannot be read"):
        change_between(before, now)
    _edited(now, lambda answer: answer.pop("estimand"))
    with pytest.raises(DataError, match="a run that is damaged, or of another version"):
        change_between(now, now)


# ---- two runs side by side


def test_a_diff_names_verdicts_numbers_and_checks(tmp_path: Path) -> None:
    whole = scores_in_time(2_000)
    runs = tmp_path / "small" / "runs"
    then = {"sample_ratio": "held", "overlap": "held", "placebo": "held"}
    today = {"sample_ratio": "broke", "overlap": "held", "novelty": "held"}
    store(runs / "a", first(whole, 1_000), spec_of(), checks=then)
    store(runs / "b", whole, spec_of(), data="2", decision="roll_out", checks=today)
    told = diff_runs("a", "b", out=tmp_path)
    assert told.record["schema"] == "diff.v1"
    assert told.record["checks"] == [
        {"name": "sample_ratio", "before": "held", "now": "broke"},
        {"name": "novelty", "before": None, "now": "held"},
        {"name": "placebo", "before": "held", "now": None},
    ]
    numbers = {one["outcome"]: one for one in told.record["numbers"]}
    assert set(numbers) == {"converted", "cost", "cost_per_order"}
    assert told.record["change"]["total"] == pytest.approx(
        numbers["converted"]["now"]["estimate"] - numbers["converted"]["before"]["estimate"]
    )
    lines = told.text.splitlines()
    assert lines[0] == "Run b compared with run a:"
    assert lines[1].strip() == "Verdict before: discuss. Verdict now: roll_out."
    assert "  Sample ratio: held before, broke now" in lines
    assert "  Novelty: not among the checks before, held now" in lines
    parts = [line for line in lines if line.startswith("    What new units showed: ")]
    change = told.record["change"]
    low, high = next(part["ci"] for part in change["parts"] if part["kind"] == "mechanism")
    assert ["within chance" in line for line in parts] == [low <= 0 <= high]
    assert not told.withheld
    assert CliRunner().invoke(app, ["diff", "a", "b", "--out", str(tmp_path)]).exit_code == 0
    same = diff_runs("a", "a", out=tmp_path)
    assert words.SAME_CHECKS in same.text
    assert words.NOTHING in same.text
    with pytest.raises(UsageError, match="There is no run 'zzz'"):
        diff_runs("a", "zzz", out=tmp_path)
