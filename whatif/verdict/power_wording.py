"""Sentences about power: what a plan will see, and what a run could see."""

from __future__ import annotations

from collections.abc import Sequence

from whatif.base.errors import Notice, Problem
from whatif.verdict.record import Reading
from whatif.verdict.wording import plain, reading_words

NO_EFFECT = "none"
NEVER = "out of reach"
ENOUGH = "enough"
_FULL = 1.0
_MOST = 100.0
_FINE = 10.0


def equal_chances_notice(arms: Sequence[str]) -> Notice:
    """Say that no constant chances were declared, so equal ones stand in."""
    return Notice(
        code="equal_chances",
        problem=Problem(
            what="The study declares no constant chances, so the plan gives its "
            f"{len(arms)} arms equal ones: {', '.join(arms)}.",
            why="the smaller an arm, the less its mean is known.",
            fix="declare `design: {kind: experiment, probability: {...}}` with every arm.",
        ),
    )


def plan_head(study: str, *, units: str, clusters: str, days: str, past: str) -> str:
    """Say how large a plan is, and where its errors come from."""
    during = f", {days} days" if days else ""
    return (
        f"{study}: a plan for {units} units in {clusters} clusters{during}, "
        f"with means and errors of {past} past units."
    )


def plan_arms(arms: Sequence[tuple[str, str]]) -> str:
    """Say the chances of the arms."""
    return f"Chances: {', '.join(f'{name} {chance}' for name, chance in arms)}."


def plan_covariates(explained: Sequence[tuple[str, str]]) -> str:
    """Say how much covariates help."""
    parts = ", ".join(f"{share} of {plain(name)}" for name, share in explained)
    return f"Covariates remove, out of fold, this much variance: {parts} (linear model)."


def way_head(assigned: str, *, own: bool) -> str:
    """Say what gets an arm."""
    tail = "" if own else ", which the study does not declare"
    return f"Arms go to each {assigned}{tail}; smallest effect seen with a chance of 80 %:"


def smallest_words(smallest: str, relative: str) -> str:
    """Say the smallest effect, and what share of the baseline it is."""
    return f"{smallest} ({relative})" if relative else smallest


def asked_words(size: str, *, limit: bool) -> str:
    """Say what the study wants to see of a metric."""
    return f"limit {size}" if limit else size


def chance_words(chance: str, *, asked: str, limit: bool, need: str) -> str:
    """Say the chance of seeing what was asked for, and what 80 % would need."""
    seen = f"harm beyond the {asked} is ruled out" if limit else f"{asked} is seen"
    return f"{seen} with a chance of {chance}; 80 % needs about {need}"


def need_words(units: str, days: str) -> str:
    """Say how many units and days a chance of 80 % needs."""
    if not units:
        return "more data than anyone has"
    return f"{units} units ({days} days)" if days else f"{units} units"


def times_words(times: float | None) -> str:
    """Say how many times the data a chance of 80 % needs.

    Examples
    --------
    >>> times_words(3.21), times_words(0.4), times_words(None), times_words(260.0)
    ('3.2 times', 'enough', 'out of reach', 'more than 100 times')
    """
    if times is None:
        return NEVER
    if times <= _FULL:
        return ENOUGH
    if times > _MOST:
        return "more than 100 times"
    return f"{times:.0f} times" if times >= _FINE else f"{max(times, 1.1):.1f} times"


def no_range_words(*, suppressed: bool) -> str:
    """Say why a row has no numbers."""
    return "too few to show" if suppressed else "too few data for a range"


def readings_words(chances: Sequence[tuple[Reading, str]]) -> str:
    """Return readings with their chances."""
    return ", ".join(f"{reading_words(reading)} {chance}" for reading, chance in chances)


def true_effect_line(name: str, *, effect: str, readings: str) -> str:
    """Say what would be read of a metric at a true effect."""
    return f"If the true effect on {plain(name)} is {effect}: {readings}."
