"""What readers may see of a study's history, and which of its runs belong together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from whatif.base.history import History, PastRun, RunLine, StudyCard, TrendPoint

_TREND = 20


def same_question(one: RunLine, other: RunLine) -> bool:
    """Return whether two runs measure the same of the same people, and may share a picture."""
    return alike(one, other) and one.measures == other.measures


def concealed(run: PastRun) -> PastRun:
    """Return a run without anything that it found: its decision is empty, its numbers are None."""
    line = replace(
        run.line,
        decision="",
        headline="",
        number="",
        money="",
        baseline=None,
        estimate=None,
        std_error=None,
        ci=(None, None),
        anytime=(None, None),
        held=0,
        judged=0,
        broke=(),
    )
    return replace(run, line=line, change=None)


def reviewed(history: History) -> History:
    """Return a history as readers may see it: what nobody approved, nor saw, is concealed.

    A run that readers were shown is no secret any more, whatever was said of it later. Of the
    others, those that were held or rejected are concealed and, where a review is asked for, those
    that nobody has judged.
    """
    asked = history.review or history.awaiting is not None
    runs = (run if _is_open(run, asked=asked) else concealed(run) for run in history.runs)
    return replace(history, runs=tuple(runs))


def _is_open(run: PastRun, *, asked: bool) -> bool:
    if run.published_at is not None:
        return True
    return not asked if run.sign_off is None else run.sign_off.decision == "approve"


def reports_before(runs: Sequence[PastRun]) -> tuple[PastRun | None, ...]:
    """Return the report that each run follows: the last that readers saw and could trust.

    Where there is none, the last run before it that could be trusted, else just the one before;
    None for the first.
    """
    shown: PastRun | None = None
    trusted: PastRun | None = None
    last: PastRun | None = None
    found: list[PastRun | None] = []
    for run in runs:
        found.append(shown or trusted or last)
        last = run
        if run.line.estimate is not None:
            trusted = run
            shown = run if run.published_at is not None else shown
    return tuple(found)


def _seen(history: History) -> tuple[PastRun, ...]:
    """Return the runs up to the shown one."""
    ids = [run.line.run_id for run in history.runs]
    return history.runs[: max((n for n, i in enumerate(ids, 1) if i == history.shown), default=0)]


def alike(one: RunLine, other: RunLine) -> bool:
    """Return whether the estimates of two runs are counted in the same way."""
    metrics = (replace(line.metric, matters_from=None) for line in (one, other))
    return next(metrics) == next(metrics) and (one.arm, one.versus) == (other.arm, other.versus)


def card_of(history: History) -> StudyCard:
    """Return what the front page says of a study: nothing that a run awaiting review found.

    The trend has the runs up to the shown one that measure what it measures.
    """
    seen, history = _seen(history), reviewed(history)
    recent = [run for run in seen if same_question(run.line, seen[-1].line)][-_TREND:]
    return StudyCard(
        study=history.study,
        shown=history.of(history.shown),
        awaiting=history.of(history.awaiting),
        next_due=history.next_due,
        fresh_until=history.fresh_until,
        failure=history.failure,
        audit_head=history.audit_head,
        trend=tuple(
            TrendPoint(
                data_to=run.line.data_to, estimate=run.line.estimate, anytime=run.line.anytime
            )
            for run in recent
        ),
    )
