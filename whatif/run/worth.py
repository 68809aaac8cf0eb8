"""Money asked of stored scores, at the study's prices or at others."""

from __future__ import annotations

from collections.abc import Mapping

from whatif.base.errors import Problem, UsageError
from whatif.contract.spec import StudySpec, ValueSpec
from whatif.effects.money import MoneyRow, money_row, monthly_units
from whatif.run.named import (
    Names,
    Where,
    declared,
    index_of,
    named,
    pairs_of,
    require_finite,
    unfit,
)
from whatif.scores.record import Scores


def money(
    scores: Scores,
    spec: StudySpec,
    *,
    days: int | None,
    arm: str | None,
    versus: str | None,
    segment: Where | None,
    per: Mapping[str, float] | None,
    arm_cost: Mapping[str, float] | None,
    units_a_month: float | None,
) -> tuple[MoneyRow, ...]:
    """Value one arm against another, per unit and per month.

    Raises
    ------
    UsageError
        If a name is not known, an amount is not finite, no outcome is worth anything, or an arm
        does not occur in the segment.
    """
    place = tuple(sorted((segment or {}).items()))
    cuts = [declared(spec, [name for name, _ in place])] if place else []
    names = Names.of(scores, spec, cuts)
    value = _value(names, spec, per or {}, arm_cost or {}, units_a_month)
    cell = names.cell(place)
    pairs = pairs_of(names, arm, versus)
    for pair in pairs:
        _require_arms(names, cell, pair)
    return tuple(
        money_row(
            names.means,
            value,
            arm=chosen,
            versus=other,
            cell=cell,
            per_month=monthly_units(value, scores, days=days),
            level=spec.level,
        )
        for chosen, other in pairs
    )


def _value(
    names: Names,
    spec: StudySpec,
    per: Mapping[str, float],
    arm_cost: Mapping[str, float],
    units_a_month: float | None,
) -> ValueSpec:
    known = spec.value or ValueSpec(currency="", per={})
    for outcome, amount in per.items():
        index_of(outcome, list(names.means.outcomes), "outcome")
        require_finite(f"the worth of {outcome!r}", amount)
    for arm, amount in arm_cost.items():
        names.arm(arm)
        require_finite(f"the cost of {arm!r}", amount)
    if units_a_month is not None:
        require_finite("units_per_month", units_a_month)
        if units_a_month <= 0:
            raise unfit("units_per_month", "units a month must be more than 0")
    worth = {**known.per, **per}
    if not any(worth.values()):
        raise UsageError(
            Problem(
                what="No outcome is worth anything.",
                why="money is what outcomes are worth, less what the arm costs.",
                fix="add `value` to the study, or say e.g. per={'"
                f"{names.means.outcomes[0]}': 18.0}}.",
            )
        )
    return ValueSpec(
        currency=known.currency,
        per=worth,
        arm_cost={**known.arm_cost, **arm_cost},
        units_per_month=known.units_per_month if units_a_month is None else units_a_month,
    )


def _require_arms(names: Names, cell: int, pair: tuple[int, int]) -> None:
    means = names.means
    absent = [means.arms[a] for a in pair if means.counts.arm_units[cell, a] == 0]
    if absent or not means.share[cell] > 0:
        raise UsageError(
            Problem(
                what=f"In {named(means.cells.segments[cell])} nobody got "
                f"{' or '.join(absent) or 'an arm that counts'}.",
                why="what it does there was never seen.",
                fix="ask about a segment where both arms occur.",
            )
        )
