"""Sentences around a what-if: who gets what, what it assumes, and how far to trust its range."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from whatif.base.records import BreakEven
from whatif.contract.spec import StudySpec, metric_name
from whatif.scenarios.give import PROFIT, ScenarioAnswer, ScenarioEffect

SMALL = (
    "These are too few to be shown on a page: even the error is unreliable with so few customers "
    "or orders in an arm."
)
AFTER = "This group was made after looking: its range is not widened for that."
WIDER = (
    "The page and scenario.json give a wider range for a scenario that a reader may have chosen "
    "after looking."
)
NO_UNITS = "How many units come a month is not known, so nothing is given per month."
NOTHING = "It is what everyone is compared with: nothing changes."


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """Amounts that a question puts in place of the study's.

    Attributes
    ----------
    per, factor, arm_cost, price : mapping
        Worth of one of each outcome; price levels; cost and price of an arm.
    units_per_month : float or None
        Units a month.
    """

    per: Mapping[str, float]
    factor: Mapping[str, float]
    arm_cost: Mapping[str, float]
    price: Mapping[str, float]
    units_per_month: float | None


def what_if_title(made: ScenarioAnswer) -> str:
    """Say who gets what.

    Parameters
    ----------
    made : ScenarioAnswer
        The answer.
    """
    if made.share == 1:
        who = f"where {made.where}" if made.where else "to everyone"
    else:
        group = f"units where {made.where}" if made.where else "all units"
        who = f"to {100 * made.share:.4g} % of {group}"
    return f"Give {made.give} {who}"


def what_if_notes(
    made: ScenarioAnswer, spec: StudySpec, amounts: Amounts, *, units: int
) -> tuple[str, ...]:
    """Say what the numbers are of, and what to know about them.

    Parameters
    ----------
    made : ScenarioAnswer
        The answer.
    spec : StudySpec
        The study.
    amounts : Amounts
        What the question put in place of the study's amounts.
    units : int
        Units in the run.
    """
    versus = made.effects[0].versus
    speaks = "" if made.target == "ate" else f" Averages speak of {made.population}."
    monthly = " and per month" if made.monthly else ""
    found = [
        f"Against {versus} for everyone; {made.n:,} of {units:,} units in the data are asked about."
        f"{speaks} Per unit of the whole population{monthly}; clustered {spec.level:.0%} intervals "
        "for a single look.",
        *([NOTHING] if made.give == versus else []),
        *_changed(made, spec, amounts),
    ]
    if made.mix:
        column = made.mix[0][0]
        found.append(
            f"It holds if, within each {column}, units respond as those in the data did; the mix "
            f"leaves the worth of {made.effective_clusters:,.0f} clusters."
        )
    if made.break_even is not None:
        found.append(break_even_note(made.break_even, spec, made.currency))
    found += _profit_without(made, spec, amounts)
    if not made.planned:
        found.append(AFTER)
    if made.where or made.share < 1 or made.mix:
        found.append(WIDER)
    if made.small:
        found.append(SMALL)
    if not made.monthly:
        found.append(NO_UNITS)
    return tuple(found)


def _changed(made: ScenarioAnswer, spec: StudySpec, amounts: Amounts) -> list[str]:
    """List what differs from the study's own amounts and mix; empty where nothing does."""
    known = {} if spec.value is None else spec.value.per
    currency = f"{made.currency} " if made.currency else ""
    parts = [
        f"{name} worth {currency}{worth:g}"
        + (f" (study: {known[name]:g})" if name in known else "")
        for name, worth in amounts.per.items()
    ]
    parts += [f"{name} at {100 * f:.4g} % of its price" for name, f in amounts.factor.items()]
    parts += [f"{arm} costing {currency}{c:g} a unit" for arm, c in amounts.arm_cost.items()]
    parts += [f"{currency}{p:g} paid per order under {arm}" for arm, p in amounts.price.items()]
    if amounts.units_per_month is not None:
        parts.append(f"{amounts.units_per_month:,.0f} units a month")
    parts += [f"{column} {level} {100 * share:.4g} %" for column, level, share in made.mix]
    return [f"With {'; '.join(parts)}."] if parts else []


def _profit_without(made: ScenarioAnswer, spec: StudySpec, amounts: Amounts) -> list[str]:
    """Name costs that profit leaves out because nobody said what they are worth."""
    if made.profit is None:
        return []
    worth = {**({} if spec.value is None else spec.value.per), **amounts.per}
    left = [
        outcome.column
        for outcome in spec.outcomes
        if outcome.kind == "cost" and not worth.get(outcome.column)
    ]
    return [f"Profit leaves out {', '.join(left)}, which has no worth here."] if left else []


def break_even_note(even: BreakEven, spec: StudySpec, currency: str) -> str:
    """Say from which worth of one more order it pays, with what the data leave open.

    Parameters
    ----------
    even : BreakEven
        The worth at which it pays.
    spec : StudySpec
        The study, which knows what one of the outcome is called.
    currency : str
        Code, or empty.
    """
    noun, (low, high) = counted(even.outcome, spec), even.ends
    if even.kind != "interval" or even.value is None or low is None or high is None:
        return f"From which worth of one {noun} it pays is not clear yet."
    side, unit = "more" if even.pays_above else "less", f"{currency} " if currency else ""
    return (
        f"It pays if one {noun} is worth {side} than {unit}{even.value:.3g} "
        f"({low:.3g} to {high:.3g})."
    )


def counted(outcome: str, spec: StudySpec) -> str:
    """Return what one of an outcome is called: by its unit, by a ratio's `per`, else by its name.

    Parameters
    ----------
    outcome : str
        Its column.
    spec : StudySpec
        The study.
    """
    units = [o.unit for o in spec.outcomes if o.column == outcome]
    per = [ratio.per for ratio in spec.ratios if ratio.denominator == outcome]
    return next((noun for noun in (*units, *per) if noun), f"“{outcome}”")


def asked_line(effect: ScenarioEffect, spec: StudySpec, currency: str) -> str:
    """Return one change as a line of text.

    Parameters
    ----------
    effect : ScenarioEffect
        A change.
    spec : StudySpec
        The study.
    currency : str
        Of profit.
    """
    metric = next((m for m in spec.metrics if metric_name(m) == effect.outcome), None)
    label = effect.outcome.replace("_", " ").capitalize()
    if effect.estimate is None:
        return f"  {label}: nothing to divide by"
    unit = currency if effect.outcome == PROFIT else (metric.unit if metric is not None else None)
    own = metric.per if metric is not None else None
    one = own or next((outcome.per for outcome in spec.outcomes if outcome.per), "unit")
    per = "a month" if effect.per == "month" else f"per {one}"
    low, high = effect.ci
    spread = (
        "too few clusters or orders for an interval"
        if low is None or high is None
        else f"{spec.level:.0%} interval {low:+,.4g} to {high:+,.4g}"
    )
    return f"  {label}: {effect.estimate:+,.4g}{f' {unit}' if unit else ''} {per} ({spread})"
