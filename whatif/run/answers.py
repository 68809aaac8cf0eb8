"""Findings of a run, and questions asked of them later; a stored run answers like a fresh one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whatif.base.errors import DataError, Problem, UsageError, did_you_mean
from whatif.checks.result import CheckResult, Cost, Detail, Status
from whatif.contract.spec import StudySpec, metric_name
from whatif.effects.looks.ranges import take_looks, with_looks
from whatif.effects.rows import EffectRow, EffectRows
from whatif.effects.table import effect_rows
from whatif.publish.run_folder import ANSWER, find_run
from whatif.report.document import Report
from whatif.run.cuts import undeclared_effects
from whatif.scores.record import Scores
from whatif.scores.store import from_parquet
from whatif.verdict.record import Decision, Reading, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a run found.

    Attributes
    ----------
    effects : EffectRows
        Effects and segment tests from the scores.
    opinions : tuple of EffectRow
        Second opinions on the overall effects.
    checks : tuple of CheckResult
        Every check.
    verdict : Verdict
        The decision; its readings are in the order of the effects.
    """

    effects: EffectRows
    opinions: tuple[EffectRow, ...]
    checks: tuple[CheckResult, ...]
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Opened:
    """A stored run, opened."""

    spec: StudySpec
    findings: Findings
    scores: Scores
    html: str
    json: str
    folder: Path


def findings_of(report: Report) -> Findings:
    """Return the findings inside a report."""
    return Findings(
        effects=report.effects,
        opinions=report.opinions,
        checks=report.checks,
        verdict=report.verdict,
    )


def select(
    findings: Findings,
    spec: StudySpec,
    scores: Scores,
    *,
    by: str | Sequence[str] | None,
    outcome: str | None,
    folder: Path | None,
) -> tuple[tuple[EffectRow, ...], tuple[Reading, ...]]:
    """Return the effects of one dimension (None: overall), with their readings.

    A cut that was not declared is made now, as one made after looking; `folder` is that of a
    stored run, which logs it.

    Raises
    ------
    UsageError
        If the outcome was not declared, or the cut cannot be made.
    PublishError
        If a cut cannot be logged.
    """
    asked = () if by is None else (by,) if isinstance(by, str) else tuple(by)
    made = ((), *spec.segments, *spec.exploratory)
    dimension = next((known for known in made if set(known) == set(asked)), None)
    names = [metric_name(metric) for metric in spec.metrics]
    if outcome is not None and outcome not in names:
        raise UsageError(
            Problem(
                what=f"There is no outcome or ratio {outcome!r}.",
                why="only declared metrics have effects.",
                fix=did_you_mean(outcome, names),
            )
        )
    rows, read = (
        undeclared_effects(scores, spec, asked, folder=folder)
        if dimension is None
        else (findings.effects.effects, findings.verdict.readings)
    )
    wanted = asked if dimension is None else dimension
    kept = [
        (row, reading)
        for row, reading in zip(rows, read, strict=True)
        if tuple(name for name, _ in row.segment) == wanted
        and (outcome is None or row.outcome == outcome)
    ]
    return tuple(row for row, _ in kept), tuple(reading for _, reading in kept)


def open_run(ref: str, *, out: Path) -> Opened:
    """Open a stored run: effects are views of its scores, checks and verdict as they were.

    Raises
    ------
    UsageError
        If there is no such run.
    DataError
        If its files are damaged.
    """
    folder = find_run(out, ref)
    try:
        answer = (folder / ANSWER).read_text(encoding="utf-8")
        html = (folder / "report.html").read_text(encoding="utf-8")
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        spec = StudySpec.model_validate(manifest["study_file"])
        stored = json.loads(answer)
        scores = from_parquet(folder / "scores.parquet")
        means, effects = effect_rows(scores, spec)
        effects = with_looks(effects, take_looks(scores, means, spec), means, spec)
        findings = _stored_findings(stored, effects)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            Problem(
                what=f"The run {folder.name} cannot be opened ({type(error).__name__}).",
                why="a damaged run must not answer questions.",
                fix="run the study again.",
            )
        ) from error
    return Opened(
        spec=spec, findings=findings, scores=scores, html=html, json=answer, folder=folder
    )


def _stored_findings(stored: dict[str, Any], effects: EffectRows) -> Findings:
    verdict = stored["verdict"]
    ours = [row for row in stored["effects"] if row["estimator"] == "aipw"]
    if len(ours) != len(effects.effects):
        raise ValueError("answer.json and scores.parquet disagree on the number of effects.")
    return Findings(
        effects=effects,
        opinions=(),
        checks=tuple(_check(row) for row in stored["checks"]),
        verdict=Verdict(
            decision=Decision(verdict["decision"]),
            arm=verdict["arm"],
            chosen_after_looking=verdict["chosen_after_looking"],
            where=verdict["where"],
            headline=verdict["headline"],
            reasons=tuple(verdict["reasons"]),
            would_change=tuple(verdict["would_change"]),
            readings=tuple(Reading(row["reading"]) for row in ours),
        ),
    )


def _check(row: dict[str, Any]) -> CheckResult:
    details = tuple(Detail(**{**one, "ci": tuple(one["ci"])}) for one in row["details"])
    stored = {"status": Status(row["status"]), "cost": Cost(row["cost"]), "details": details}
    return CheckResult(**row | stored)
