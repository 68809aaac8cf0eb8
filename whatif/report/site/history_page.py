"""A study's history: every run as a page, as the record itself, and as a table of numbers."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

from whatif.base.history import History, PastRun
from whatif.contract.stored import to_json
from whatif.report.site.amounts import (
    SHORT,
    day_words,
    difference_words,
    moment_day,
    range_words,
    run_day,
    study_title,
    unit_words,
    url_part,
)
from whatif.report.site.front import failure_line
from whatif.report.site.rendering import document, plain_text
from whatif.report.site.story import short_story
from whatif.verdict.site_wording import (
    CONCEALED,
    FIRST_RUN,
    OFF_PLAN,
    UNREVIEWED,
    WITHHELD,
    Mark,
    broke_words,
    decision_mark,
    held_words,
    instead_words,
    older_words,
    runs_words,
    signed_words,
)

NEWEST = 100
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_COLUMNS = (
    *("run_id", "finished_at", "published_at", "as_of", "data_from", "data_to", "decision"),
    *("headline", "number", "money", "arm", "versus", "metric", "unit", "factor", "baseline"),
    *("estimate", "std_error", "ci_low", "ci_high", "anytime_low", "anytime_high", "units"),
    *("clusters", "held", "judged", "broke", "signed_by", "signed_at", "sign_off", "note"),
    *("fingerprint", "study_hash", "plan_hash", "code", "version"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRow:
    """One run; every text is shown as it is, empty text is left out."""

    name: str
    short: str
    href: str
    as_of: str
    verdict: Mark
    estimate: str
    spread: str
    unit: str
    checks: str
    broke: str
    sign: str
    note: str
    changed: str
    off_plan: str


def history_page(history: History) -> bytes:
    """Return ``history.html``: the newest 100 runs; equal histories give equal bytes.

    Parameters
    ----------
    history : History
        Without what unreviewed runs found: ``base.history.reviewed``.
    """
    newest = history.runs[-NEWEST:]
    count = len(history.runs)
    first = history.runs[0] if history.runs else None
    return document(
        "history.html.j2",
        root="../",
        heading=study_title(history.study),
        lead=runs_words(count)
        if count <= NEWEST
        else older_words(shown=len(newest), all_runs=count),
        older=count > NEWEST,
        failure=failure_line(history),
        rows=[_row(run, first=run is first) for run in reversed(newest)],
    )


def _row(run: PastRun, *, first: bool) -> HistoryRow:
    line = run.line
    seen = bool(line.decision)
    estimate, spread, unit = WITHHELD, "", ""
    if line.estimate is not None:
        estimate = difference_words(line.metric, line.estimate, line.ci)
        spread, unit = range_words(line.metric, line.ci), unit_words(line.metric)
    sign, note = _signed(run)
    return HistoryRow(
        name=run_day(run),
        short=line.run_id[:SHORT],
        href=f"runs/{url_part(line.run_id)}/report.html",
        as_of="" if line.as_of == line.data_to else day_words(line.as_of),
        verdict=decision_mark(line.decision),
        estimate=estimate if seen else CONCEALED,
        spread=spread,
        unit=unit,
        checks=held_words(held=line.held, judged=line.judged) if seen else "",
        broke=broke_words(line.broke),
        sign=sign or ("" if seen else UNREVIEWED),
        note=note,
        changed=FIRST_RUN if first else short_story(run),
        off_plan=OFF_PLAN if line.deviations else "",
    )


def _signed(run: PastRun) -> tuple[str, str]:
    sign = run.sign_off
    if sign is None:
        return "", ""
    said = signed_words(sign.decision, by=sign.by, on=moment_day(sign.at))
    done = instead_words(sign.action, sign.because) if sign.action else ""
    return said, " ".join(part for part in (sign.note, done) if part)


def history_json(history: History) -> bytes:
    """Return ``history.json``: the record, readable by ``contract.stored.from_json``."""
    return f"{to_json(history)}\n".encode()


def history_csv(history: History) -> bytes:
    """Return ``history.csv``: one row per run, the oldest first, every digit kept.

    Cells of text that a spreadsheet would take for a formula begin with an apostrophe.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    for run in history.runs:
        cells = _cells(run)
        writer.writerow([_cell(cells[name]) for name in _COLUMNS])
    return text.getvalue().encode()


def _cells(run: PastRun) -> dict[str, object]:
    line, sign = run.line, run.sign_off
    cells: dict[str, object] = {
        name: getattr(line, name) for name in _COLUMNS if hasattr(line, name)
    }
    return cells | {
        "finished_at": run.finished_at,
        "published_at": run.published_at,
        "metric": line.metric.label,
        "unit": unit_words(line.metric),
        "factor": line.metric.factor,
        "ci_low": line.ci[0],
        "ci_high": line.ci[1],
        "anytime_low": line.anytime[0],
        "anytime_high": line.anytime[1],
        "broke": "; ".join(line.broke),
        "signed_by": None if sign is None else sign.by,
        "signed_at": None if sign is None else sign.at,
        "sign_off": None if sign is None else sign.decision,
        "note": None if sign is None else sign.note,
    }


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    shown = plain_text(value)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown
