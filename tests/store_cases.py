"""Runs, changes and notices to put into a run store."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from tests.publish_cases import LINE
from whatif.base.history import Change, ChangePart, RunLine
from whatif.publish.store.records import CheckLine, FinishedRun, StoredNotice

MONDAY = dt.datetime(2026, 11, 2, 7, 0, tzinfo=dt.UTC)
CHECKS = (
    CheckLine(code="WI-SRM-01", name="sample_ratio", status="held"),
    CheckLine(code="WI-BAL-01", name="balance", status="did_not_run"),
)


def line(study: str, run_id: str, *, as_of: dt.date | None = dt.date(2026, 10, 31)) -> RunLine:
    """A run with markup, marks and quotes in its texts, and numbers that need every digit."""
    return replace(
        LINE,
        study=study,
        run_id=run_id,
        question="Does <b>it</b> pay? \u202e 'x' \"y\" é",
        headline="Roll out.",
        as_of=as_of,
        data_to=as_of,
        baseline=0.1 + 0.2,
        estimate=1 / 3,
        std_error=1e-300,
        ci=(None, 0.5),
        anytime=(-0.5, None),
        broke=("Sample ratio",),
    )


def finished(study: str, run_id: str, *, day: int = 0) -> FinishedRun:
    """A run finished `day` days after a Monday."""
    at = MONDAY + dt.timedelta(days=day)
    return FinishedRun(line=line(study, run_id, as_of=at.date()), checks=CHECKS, finished_at=at)


def change(before: str, now: str) -> Change:
    """Why the estimate moved."""
    return Change(
        before=before,
        now=now,
        estimate_before=0.1,
        estimate_now=0.4,
        ci_before=(0.0, 0.2),
        ci_now=(0.3, None),
        total=0.3,
        ci=(0.1, 0.5),
        parts=(ChangePart(kind="new_data", estimate=0.3, ci=(0.1, 0.5), share=1.0),),
        said=(),
    )


def notice(key: str) -> StoredNotice:
    """A notice that waits."""
    return StoredNotice(
        key=key, study="s", event="failed", created_at="2026-11-02T07:00:00+00:00", body="{}"
    )
