"""Histories of studies as a site receives them: records only, nothing is run."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from tests.report_cases import checkout_report, withheld_report
from tests.test_report_html import Page
from whatif.base.history import (
    Change,
    ChangePart,
    Failure,
    History,
    MetricLine,
    PastRun,
    RunLine,
    SignOff,
)
from whatif.base.readers import card_of
from whatif.report.html import render_html
from whatif.report.site.files import front_files, study_files
from whatif.report.site_mode import split

ATTACK = "</script><img src=x onerror=alert(1)>"
REORDERED = "\u202egnp.exe\u2066"
FORMULA = "=cmd|' /C calc'!A0"
LONG = "a very long name that nobody shortened " * 6
METRIC = MetricLine(
    label="Converted",
    better="higher",
    factor=1000.0,
    prefix="",
    noun="orders",
    per="per 1,000 sessions",
    matters_from=0.002,
)
FIRST_DAY = dt.date(2026, 8, 30)
HEADLINES = {
    "roll_out": "Roll out expanded for everyone.",
    "do_not_roll_out": "Do not roll out expanded.",
    "discuss": "To discuss: the results do not settle the case for expanded.",
    "too_early": "Too early to decide.",
    "cannot_be_trusted": "These numbers cannot be trusted.",
    "out_of_date": "Out of date: the data are too old to decide on.",
}


def digest(text: str) -> str:
    """Return a name such as runs have."""
    return hashlib.sha256(text.encode()).hexdigest()


def run_line(week: int, study: str = "mobile-expanded-options", **changes: Any) -> RunLine:
    """Return the run of a week: the estimate settles, its ranges narrow."""
    decision = str(changes.pop("decision", "roll_out" if week > 3 else "discuss"))
    withheld = decision == "cannot_be_trusted"
    estimate = 0.0121 + 0.006 * ((-1) ** week) / week
    error = 0.0042 / week**0.5
    to = FIRST_DAY + dt.timedelta(weeks=week)
    signed = f"{1000 * estimate:.0f}"
    line = RunLine(
        study=study,
        run_id=digest(f"{study} {week}"),
        question="Does showing every delivery option at checkout raise conversion, and what does "
        "it do to shipping cost?",
        evidence="Randomised test",
        decision=decision,
        headline=HEADLINES[decision],
        number=""
        if withheld
        else f"Converted: about {signed} more orders per 1,000 sessions (likely range "
        f"{1000 * (estimate - 2 * error):.0f} to {1000 * (estimate + 2 * error):.0f}; 331 → 343, "
        "up 3.6\u00a0%)",
        money=""
        if withheld
        else "Worth about USD\u00a012,600 a month (likely range 6,100 to 19,100) if all of "
        "108,700 sessions a month got expanded.",
        as_of=to,
        data_from=FIRST_DAY,
        data_to=to,
        next_due=f"{to + dt.timedelta(days=9)}T19:00:00+00:00",
        arm="expanded",
        versus="folded",
        metric=METRIC,
        baseline=None if withheld else 0.3312,
        estimate=None if withheld else estimate,
        std_error=None if withheld else error,
        ci=(None, None) if withheld else (estimate - 1.96 * error, estimate + 1.96 * error),
        anytime=(None, None) if withheld else (estimate - 3.1 * error, estimate + 3.1 * error),
        units=25_000 * week,
        clusters=8_200 * week,
        held=15 if withheld else 16,
        judged=16,
        broke=("Sample ratio",) if withheld else (),
        fingerprint=digest(f"data {week}"),
        study_hash=digest("study"),
        plan_hash=digest("plan"),
        score_key=digest(f"scores {week}"),
        code=digest("code"),
        version="0.1.0",
    )
    return replace(line, **changes)


def change_between(before: RunLine, now: RunLine, **changes: Any) -> Change:
    """Return a move that is split into mix, other effects and revised data."""
    assert before.estimate is not None
    assert now.estimate is not None
    total = now.estimate - before.estimate
    kinds = (("mix", 0.55), ("mechanism", 0.35), ("revised_data", 0.1))
    change = Change(
        before=before.run_id,
        now=now.run_id,
        estimate_before=before.estimate,
        estimate_now=now.estimate,
        ci_before=before.ci,
        ci_now=now.ci,
        total=total,
        ci=(total - 0.004, total + 0.004),
        parts=tuple(
            ChangePart(
                kind=kind,  # type: ignore[arg-type]
                estimate=share * total,
                ci=(share * total - 0.003, share * total + 0.003),
                share=share,
            )
            for kind, share in kinds
        ),
        said=("25,000 sessions of 8,200 customers are new.", "The study file is the same."),
    )
    return replace(change, **changes)


def past(line: RunLine, before: PastRun | None = None, **changes: Any) -> PastRun:
    """Return a finished run that readers saw, compared with the one before it."""
    at = f"{(line.data_to or FIRST_DAY) + dt.timedelta(days=2)}T07:04:11.123456+00:00"
    comparable = (
        before is not None and line.estimate is not None and before.line.estimate is not None
    )
    run = PastRun(
        line=line,
        finished_at=at,
        published_at=at,
        change=change_between(before.line, line) if before and comparable else None,
    )
    return replace(run, **changes)


def approved(run: PastRun, **changes: Any) -> PastRun:
    """Return a run that somebody approved."""
    sign = SignOff(
        run_id=run.line.run_id,
        by="Ann Berg",
        at="2026-11-03T09:15:00+00:00",
        decision="approve",
        note="Fits what support hears.",
    )
    return replace(run, sign_off=replace(sign, **changes))


def history(weeks: int = 8, study: str = "mobile-expanded-options", **changes: Any) -> History:
    """Return a study that ran weekly; the newest run is shown and approved."""
    runs: list[PastRun] = []
    for week in range(1, weeks + 1):
        runs.append(past(run_line(week, study), runs[-1] if runs else None))
    runs[-1] = approved(runs[-1])
    return _history(study, tuple(runs), **changes)


def _history(study: str, runs: tuple[PastRun, ...], **changes: Any) -> History:
    last = runs[-1].line
    made = History(
        study=study,
        runs=runs,
        shown=last.run_id,
        awaiting=None,
        next_due=last.next_due,
        fresh_until=None if last.data_to is None else last.data_to + dt.timedelta(days=16),
        audit_head=digest("audit"),
    )
    return replace(made, **changes)


def first() -> History:
    """Return a study with one run, which nobody signed."""
    return _history("first-look", (past(run_line(1, "first-look")),))


def failed() -> History:
    """Return a study whose newest attempt failed."""
    failure = Failure(
        at="2026-11-02T07:00:12+00:00",
        exit_code=3,
        words="The column 'converted' is missing from the data",
    )
    return history(6, "checkout-feed", failure=failure)


def withheld() -> History:
    """Return a study whose newest run broke its sample ratio."""
    made = history(5, "free-delivery")
    line = run_line(6, "free-delivery", decision="cannot_be_trusted")
    return _history("free-delivery", (*made.runs, past(line)))


def awaiting() -> History:
    """Return a study whose newest run nobody has reviewed; it found something else."""
    made = history(6, "pickup-points")
    line = run_line(
        7,
        "pickup-points",
        decision="do_not_roll_out",
        number="Converted: about 77 fewer orders per 1,000 sessions",
        estimate=-0.0777,
        broke=("Week seven alone",),
    )
    newer = past(line, made.runs[-1], published_at=None)
    return replace(made, runs=(*made.runs, newer), awaiting=line.run_id)


def never_reviewed() -> History:
    """Return a study whose first run awaits review."""
    run = past(run_line(1, "same-day"), published_at=None)
    return _history("same-day", (run,), shown=None, awaiting=run.line.run_id)


def rejected() -> History:
    """Return a study whose shown run somebody rejected."""
    made = history(4, "gift-wrap")
    sign = {"decision": "reject", "note": "The promotion of week 3 is in it.", "by": "Bo Chen"}
    return replace(made, runs=(*made.runs[:-1], approved(made.runs[-1], **sign)))


def deviating() -> History:
    """Return a study in which something else is done than the run recommends."""
    made = history(5, "slot-picker")
    sign = {
        "action": "Roll out in two regions only",
        "because": "the warehouse in the north is full",
    }
    last = approved(made.runs[-1], **sign)
    line = replace(last.line, deviations=("The limit of cost per order was 0.25, now 0.40",))
    return replace(made, runs=(*made.runs[:-1], replace(last, line=line)))


def long_life(weeks: int = 2000) -> History:
    """Return a study that ran very often."""
    return history(weeks, "evergreen")


def hostile() -> History:
    """Return a study whose every text comes from somebody who means harm."""
    made = history(3, "hostile")
    bad = f"{FORMULA} {ATTACK} {REORDERED} {LONG}\x00\uffff"
    metric = replace(METRIC, label=bad, noun=ATTACK, per=REORDERED + LONG, prefix="")
    runs = tuple(
        replace(
            approved(run, by=bad, note=bad, action=bad, because=bad),
            line=replace(
                run.line,
                question=bad,
                headline=bad,
                number=bad,
                money=bad,
                arm=bad,
                versus=bad,
                evidence=bad,
                broke=(bad, ATTACK),
                metric=metric,
                version=ATTACK,
                deviations=(bad,),
            ),
            change=None if run.change is None else replace(run.change, said=(bad, bad)),
        )
        for run in made.runs
    )
    words = Failure(at="2026-11-02T07:00:00+00:00", exit_code=1, words=bad)
    return replace(made, runs=runs, failure=words)


CASES = {
    "normal": history,
    "first": first,
    "failed": failed,
    "withheld": withheld,
    "awaiting": awaiting,
    "never": never_reviewed,
    "rejected": rejected,
    "deviating": deviating,
}


@cache
def page_of(*, withheld: bool) -> str:
    """Return the single-file page that stands for every run."""
    return render_html(withheld_report() if withheld else checkout_report())


def files_of(history: History) -> dict[str, bytes]:
    """Return a study's files; its shown run has the page of the demo study."""
    run = history.of(history.shown)
    if run is None:
        return study_files(None, history)
    return study_files(page_of(withheld=run.line.estimate is None), history)


def text_of(html: str | bytes) -> str:
    """Return what a page or a part of one says."""
    return Page(html.decode() if isinstance(html, bytes) else html).text()


def write_site(root: Path, cases: dict[str, History]) -> None:
    """Write the site of some studies, every shown run with the page of the demo study."""
    for made in cases.values():
        run = made.of(made.shown)
        page = page_of(withheld=run is not None and run.line.estimate is None)
        shown = None if run is None else page
        files = study_files(shown, made, review_required=made.study != "first-look")
        for name, content in files.items():
            to = root / name if name.startswith("assets/") else root / made.study / name
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_bytes(content)
        for one in made.runs[-100:]:
            moved = split(page, root="../../../")
            folder = root / made.study / "runs" / one.line.run_id
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "report.html").write_text(moved.html, encoding="utf-8")
    for name, content in front_files([card_of(one) for one in cases.values()]).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
