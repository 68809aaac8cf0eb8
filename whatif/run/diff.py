"""Two stored runs side by side: verdicts, numbers, checks, and why the estimate moved."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from whatif.base.hashing import canonical_json
from whatif.base.history import Change, MetricLine, Range
from whatif.checks.result import Status
from whatif.contract.outcomes import resolve_kind
from whatif.contract.spec import metric_name
from whatif.publish.run_folder import find_run
from whatif.report.format import title
from whatif.report.measure import measures_of, metric_line
from whatif.report.site.amounts import with_range
from whatif.run.changes import change_of
from whatif.run.found import Found
from whatif.run.stored import Stored, read_stored
from whatif.verdict import changes_wording as words
from whatif.verdict.page_wording import status_words
from whatif.verdict.site_wording import kind_words


def diff_runs(before: str, now: str, *, out: Path) -> Found:
    """Set a stored run against another, as ``diff.v1``; withheld where one cannot be trusted.

    Parameters
    ----------
    before, now : str
        The older and the newer run: a folder, a run id or a study (its latest run).
    out : Path
        Folder of studies and their runs.

    Raises
    ------
    UsageError
        If there is no such run.
    DataError
        If the files of a run are missing or damaged.
    """
    older, newer = (read_stored(find_run(out, ref)) for ref in (before, now))
    change = change_of(older, newer)
    record = {
        "schema": "diff.v1",
        "before": _about(older),
        "now": _about(newer),
        "change": asdict(change),
        "numbers": _numbers(older, newer),
        "checks": _checks(older, newer),
    }
    return Found(
        record=json.loads(canonical_json(record)),
        text="\n".join(_lines(older, newer, change)).replace("\u00a0", " "),
        withheld=older.withheld or newer.withheld,
    )


def _about(run: Stored) -> dict[str, Any]:
    verdict = run.answer["verdict"]
    return {
        "study": run.spec.study,
        "run_id": run.answer["run_id"],
        "as_of": run.answer["as_of"],
        "decision": verdict["decision"],
        "headline": verdict["headline"],
        "arm": verdict["arm"],
    }


def _numbers(before: Stored, now: Stored) -> list[dict[str, Any]]:
    """Return the overall effects of the newer run's arm, in both; None where there is none."""
    arm = now.answer["verdict"]["arm"]
    names = [metric_name(metric) for run in (now, before) for metric in run.spec.metrics]
    keys = ("estimate", "std_error", "ci", "sequential", "baseline")

    def told(run: Stored, name: str) -> dict[str, Any] | None:
        row = None if run.withheld else run.row(name, arm)
        return None if row is None else {key: row[key] for key in keys}

    return [
        {"outcome": name, "arm": arm, "before": told(before, name), "now": told(now, name)}
        for name in dict.fromkeys(names)
    ]


def _checks(before: Stored, now: Stored) -> list[dict[str, Any]]:
    """Return the checks that found something else, in the order of the newer run."""
    then, today = (
        {check["name"]: check["status"] for check in run.answer["checks"]} for run in (before, now)
    )
    return [
        {"name": name, "before": then.get(name), "now": today.get(name)}
        for name in dict.fromkeys((*today, *then))
        if then.get(name) != today.get(name)
    ]


def _lines(before: Stored, now: Stored, change: Change) -> list[str]:
    metrics = _metrics(now)
    primary = metrics[metric_name(now.spec.primary)]
    return [
        words.runs_words(before.answer["run_id"], now.answer["run_id"]),
        f"  {_verdicts(before, now)}",
        *(f"  {line}" for line in _number_lines(before, now, metrics)),
        *(f"  {line}" for line in _change_lines(change, primary)),
        *(f"  {sentence}" for sentence in change.said),
        *(f"  {line}" for line in _check_lines(before, now)),
    ]


def _verdicts(before: Stored, now: Stored) -> str:
    then, today = (run.answer["verdict"]["headline"] for run in (before, now))
    return words.verdict_words(then, today)


def _metrics(run: Stored) -> dict[str, MetricLine]:
    """Return how every metric is printed; a kind that is not declared is told by the scores."""
    kinds: dict[str, str] = {}
    if any(outcome.kind is None for outcome in run.spec.outcomes):
        scores = run.scores()
        for outcome in run.spec.outcomes if scores is not None else ():
            if scores is not None and outcome.column in scores.outcomes:
                values = scores.y[:, scores.outcomes.index(outcome.column)]
                kinds[outcome.column] = resolve_kind(outcome, values)
    return {name: metric_line(one) for name, one in measures_of(run.spec, kinds).items()}


def _number_lines(before: Stored, now: Stored, metrics: dict[str, MetricLine]) -> list[str]:
    same = before.answer["verdict"]["arm"] == now.answer["verdict"]["arm"]
    lines = []
    for one in _numbers(before, now):
        metric = metrics.get(one["outcome"])
        if metric is not None:
            then, today = (_shown(one[side], metric) for side in ("before", "now"))
            unit = " ".join(part for part in (metric.noun, metric.per) if part)
            label = metric.label if same else words.under_words(metric.label, one["arm"])
            lines.append(words.number_words(label, unit, before=then, now=today))
    return lines


def _shown(row: dict[str, Any] | None, metric: MetricLine) -> str:
    if row is None:
        return ""
    low, high = row["sequential"] or row["ci"]
    return _amount(metric, row["estimate"], (low, high))


def _amount(metric: MetricLine, estimate: float, around: Range) -> str:
    return with_range(metric, estimate, around)


def _change_lines(change: Change, metric: MetricLine) -> list[str]:
    if change.total is None:
        return []
    lines = [words.move_line(_amount(metric, change.total, change.ci), change.ci)]
    for part in change.parts:
        name, counts = kind_words(part.kind)
        amount = _amount(metric, part.estimate, part.ci)
        lines.append(words.part_line(name, counts, amount=amount, around=part.ci, share=part.share))
    return lines


def _check_lines(before: Stored, now: Stored) -> list[str]:
    found = _checks(before, now)
    if not found:
        return [words.SAME_CHECKS]

    def shown(status: str | None) -> str:
        return words.NOT_CHECKED if status is None else status_words(Status(status))

    return [
        words.check_words(title(one["name"]), before=shown(one["before"]), now=shown(one["now"]))
        for one in found
    ]
