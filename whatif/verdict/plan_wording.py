"""Sentences about the locked plan: what differs from it, and what it could not promise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from whatif.base.errors import Notice, Problem
from whatif.base.plan import Aspect, Deviation, NumberStatus, PlanLock
from whatif.verdict.record import Verdict

CHANGED_AFTER_LOOKING = "changed after looking"
STATUS_WORDS: dict[NumberStatus, str] = {
    "planned": "planned",
    "exploratory": "exploratory",
    "changed_after_looking": CHANGED_AFTER_LOOKING,
}
LEGEND = (
    "Numbers without a mark were planned before anyone looked. \u201cExploratory\u201d numbers "
    "come from cuts that were not declared; numbers \u201cchanged after looking\u201d rest on a "
    "definition that was not the planned one, so a result that looked good may have been chosen."
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
        names = ", ".join(f"{one.study} ({_runs(one.runs)})" for one in lock.seen)
        notices.append(
            Notice(
                code="seen_before",
                problem=Problem(
                    what="The same treatment, primary outcome and population were looked at "
                    f"before under another name: {names}.",
                    why="a plan that was made after looking is not a plan; its numbers count as "
                    "planned here only because the name is new.",
                    fix="go on with the study under its first name, or say on which new data this "
                    "one rests.",
                ),
            )
        )
    return tuple(notices)


def _runs(count: int) -> str:
    return f"{count:,} run" + ("" if count == 1 else "s")
