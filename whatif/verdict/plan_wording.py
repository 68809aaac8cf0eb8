"""Sentences about the locked plan: what differs from it, and what it could not promise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from whatif.base.errors import Notice, Problem
from whatif.base.plan import Apart, Aspect, Deviation, PlanLock, Seen
from whatif.contract.spec import StudySpec
from whatif.verdict.record import Verdict

CHANGED_AFTER_LOOKING = "changed after looking"
UNMARKED = (
    "Numbers without a mark were planned: who is counted, what is measured and how it is decided "
    "were locked before the first look. How it is estimated (covariates, learners, folds, seed, "
    "graph) was not."
)
UNLOCKED = (
    "No plan was locked before the first look, so nothing here counts as planned in that sense."
)
PLAN_CHANGED = "The plan was changed after looking"
_MOST = 4

_WAS_NOW: dict[Aspect, tuple[str, str]] = {
    "where": ("The filter on rows", "none"),
    "weights": ("The column of weights", "none"),
    "trimmed": ("The range of chances outside of which units are left out", "not set"),
    "unit": ("The unit", "the row"),
    "cluster": ("The cluster", "the row"),
    "assigned": ("What was assigned", "the row"),
    "first_exposure": ("The column of the first exposure", "none"),
    "window": ("The window", "not limited"),
    "maturity": ("The time that costs are given to arrive", "none"),
    "treatment": ("The treatment", "none"),
    "control": ("The control", "none"),
    "arms": ("The list of arms", "every other level"),
    "design": ("The kind of design", "not stated"),
    "probability": ("The chance of each arm", "estimated"),
    "assignment_log": ("The column with the arm as it was assigned", "none"),
    "target": ("The target of averages", "not stated"),
    "level": ("The level of the ranges", "not stated"),
    "kind": ("The kind of {subject}", "left to the data"),
    "better": ("The good direction of {subject}", "not stated"),
    "numerator": ("The numerator of {subject}", "none"),
    "denominator": ("The denominator of {subject}", "none"),
    "primary": ("The primary outcome", "none"),
    "role": ("The role of {subject}", "not stated"),
    "matters_from": ("The smallest difference in {subject} that matters", "not stated"),
    "limit": ("The limit of {subject}", "not stated"),
    "option": ("The column of the option", "none"),
    "value": ("The declared value ({subject})", "none"),
    "decide_on": ("The day of the decision", "not fixed"),
    "looks": ("The way results are looked at", "not stated"),
    "first_look": ("The day of the first look", "the first day in the data"),
    "look_every": ("The time between looks", "not stated"),
    "rollout_if": ("The result that is enough to roll out", "not stated"),
    "time": ("The column of the moment", "none"),
    "freshness": ("The age that the newest row may have", "not stated"),
    "review": ("The review before readers see a run", "not required"),
}
_OTHERS: dict[Apart, str] = {
    "primary": "another primary outcome",
    "counted": "other rows counted",
}
_AT_ONCE: dict[Aspect, str] = {
    "metric_added": "The metric {subject} ({now}) was added.",
    "metric_dropped": "The metric {subject} ({before}) is no longer measured.",
    "segment_added": "The cut by {subject} was added.",
    "segment_dropped": "The cut by {subject} is no longer declared.",
}


def deviation_sentence(one: Deviation) -> str:
    """Return what differs from the plan in one sentence; names stand as the study spells them.

    Examples
    --------
    >>> moved = Deviation(aspect="primary", subject="", before="converted", now="shipping_cost")
    >>> deviation_sentence(moved)
    'The primary outcome was converted, now shipping_cost.'
    """
    names = {"subject": one.subject, "before": one.before, "now": one.now}
    if one.aspect in _AT_ONCE:
        return _AT_ONCE[one.aspect].format(**names)
    what, nothing = _WAS_NOW[one.aspect]
    return f"{what.format(**names)} was {one.before or nothing}, now {one.now or nothing}."


def deviation_words(found: Sequence[Deviation]) -> tuple[str, ...]:
    """Return one sentence for each deviation."""
    return tuple(deviation_sentence(one) for one in found)


def marked_headline(headline: str) -> str:
    """Return an action sentence that says of itself that its rule was changed after looking."""
    return f"{headline.removesuffix('.')} ({CHANGED_AFTER_LOOKING})."


def marked_verdict(verdict: Verdict, found: Sequence[Deviation]) -> Verdict:
    """Return a verdict that says wherever it is read that the plan was changed after looking."""
    said = deviation_words(found)
    kept, more = said[:_MOST], len(said) - _MOST
    reasons = [f"{CHANGED_AFTER_LOOKING.capitalize()}: {one[0].lower()}{one[1:]}" for one in kept]
    if more > 0:
        reasons.append(f"{more} more parts of the plan were changed after looking.")
    return replace(
        verdict,
        headline=marked_headline(verdict.headline),
        reasons=(*reasons, *verdict.reasons),
    )


def plan_notices(lock: PlanLock) -> tuple[Notice, ...]:
    """Return what the lock itself cannot promise: that nobody had looked before."""
    notices = []
    if lock.runs_before:
        notices.append(
            Notice(
                code="plan_locked_late",
                problem=Problem(
                    what=f"{_runs(lock.runs_before)} of this study had been made before its plan "
                    "was locked.",
                    why="nobody can tell any more whether the plan was chosen by what they showed.",
                    fix="take the result as a suggestion, or confirm it with new data in a study "
                    "of its own.",
                ),
            )
        )
    if lock.seen:
        names = ", ".join(_seen(one) for one in lock.seen)
        notices.append(
            Notice(
                code="seen_before",
                problem=Problem(
                    what=f"The same arms were compared before under another name: {names}.",
                    why="what those runs showed may have chosen this plan, outcome and rows alike; "
                    "its numbers count as planned here only because the name is new.",
                    fix="go on with the study under its first name, or say on which new data this "
                    "one rests.",
                ),
            )
        )
    return tuple(notices)


def _seen(one: Seen) -> str:
    return f"{one.study} ({', '.join([_runs(one.runs), *(_OTHERS[d] for d in one.differs)])})"


def looks_notices(spec: StudySpec) -> tuple[Notice, ...]:
    """Return that a study is read at every scheduled run with ranges made for one look."""
    if spec.schedule is None or spec.decision.looks != "once" or spec.decision.on is not None:
        return ()
    problem = Problem(
        what="The study runs on a schedule, and its ranges are made for one look.",
        why="read again and again, such ranges make chance findings likely.",
        fix="say `decision: {looks: anytime}` or `scheduled`, or name the one day under "
        "`decision: {on: …}`.",
    )
    return (Notice(code="looked_at_again", problem=problem),)


def _runs(count: int) -> str:
    return f"{count:,} run" + ("" if count == 1 else "s")
