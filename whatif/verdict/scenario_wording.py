"""Sentences around a what-if: who gets what, what it assumes, and how far to trust its range."""

from __future__ import annotations

from whatif.base.records import BreakEven
from whatif.scenarios.give import ScenarioAnswer, ScenarioEffect

SMALL = (
    "These are too few to be shown on a page: even the error is unreliable with so few customers "
    "or orders in an arm."
)
AFTER = "This group was made after looking: its range is not widened for that."
NO_UNITS = "Nobody said how many units come a month, so nothing is given per month."


def what_if_title(made: ScenarioAnswer) -> str:
    """Say who gets what.

    Parameters
    ----------
    made : ScenarioAnswer
        The answer.
    """
    share = "" if made.share == 1 else f" to {100 * made.share:.4g} % of units"
    return f"Give {made.give}{share}{f' where {made.where}' if made.where else ' to everyone'}"


def what_if_notes(made: ScenarioAnswer, *, units: int, level: float) -> tuple[str, ...]:
    """Say what the numbers are of, and what to know about them.

    Parameters
    ----------
    made : ScenarioAnswer
        The answer.
    units : int
        Units in the run.
    level : float
        Coverage of the ranges.
    """
    found = [
        f"Against the control for everyone; {made.n:,} of {units:,} units are asked about. Per "
        f"unit of the whole population{' and per month' if made.monthly else ''}; clustered "
        f"{level:.0%} intervals for a single look."
    ]
    if made.mix:
        column = made.mix[0][0]
        found.append(
            f"At another mix of {column}: it holds if, within each {column}, units respond as "
            f"those in the data did. {made.effective_clusters:,.0f} effective clusters."
        )
    if made.break_even is not None:
        found.append(break_even_note(made.break_even, made.currency))
    if not made.planned:
        found.append(AFTER)
    if made.small:
        found.append(SMALL)
    if not made.monthly:
        found.append(NO_UNITS)
    return tuple(found)


def break_even_note(even: BreakEven, currency: str) -> str:
    """Say from which worth of one more order it pays, with what the data leave open."""
    low, high = even.ends
    if even.kind != "interval" or even.value is None or low is None or high is None:
        return f"The data do not say at which worth of {even.outcome} it pays."
    side = "more" if even.pays_above else "less"
    unit = f" {currency}" if currency else ""
    return (
        f"It pays if one of {even.outcome} is worth {side} than {even.value:.4g}{unit} "
        f"({low:.4g} to {high:.4g})."
    )


def asked_line(effect: ScenarioEffect, level: str) -> str:
    """Return one change as a line of text.

    Parameters
    ----------
    effect : ScenarioEffect
        A change.
    level : str
        Coverage of its interval, e.g. ``"95%"``.
    """
    if effect.estimate is None:
        return f"  {effect.outcome}: nothing to divide by"
    low, high = effect.ci
    spread = (
        "too few clusters for an interval"
        if low is None or high is None
        else f"{level} interval {low:+.6g} to {high:+.6g}"
    )
    return f"  {effect.outcome}: {effect.estimate:+.6g}  ({spread})"
