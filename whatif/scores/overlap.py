"""The chance of each arm: its distribution, and the rule for units nearly sure of their arm."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from whatif.base.arrays import Bools, Floats, Ints
from whatif.base.errors import OverlapError, Problem
from whatif.base.records import OverlapSummary
from whatif.contract.spec import OverlapSpec
from whatif.design.record import Design
from whatif.scores.targets import TargetRule

_BINS = 20
TOLERATED = 0.01
"""Share of units outside the rule that stays in, unclipped and reported, before we refuse."""


def summarise(
    propensity: Floats, arms: tuple[str, ...], *, known: bool
) -> tuple[OverlapSummary, ...]:
    """Describe the chance of each arm, shape (n, A), on twenty bins from 0 to 1."""
    edges = np.linspace(0.0, 1.0, _BINS + 1)
    return tuple(
        OverlapSummary(
            arm=label,
            known=known,
            low=float(chance.min()),
            median=float(np.median(chance)),
            high=float(chance.max()),
            edges=tuple(float(edge) for edge in edges),
            counts=tuple(int(count) for count in np.histogram(chance, edges)[0]),
        )
        for label, chance in zip(arms, propensity.T, strict=True)
    )


def share_outside(target: TargetRule, *, kept: Bools, arm: Ints, weight: Floats) -> float:
    """Return the weighted share of the target population that is not among `kept`."""
    members = target.members(arm)
    total = float(weight[members].sum())
    return float(weight[members & ~kept].sum()) / total if total > 0 else 0.0


def refuse_outside(
    target: TargetRule,
    kept: Bools,
    design: Design,
    chance: Floats,
    rule: OverlapSpec,
    *,
    instead: Callable[[], str],
) -> None:
    """Raise OverlapError if more than 1 % of the target population is not in `kept`.

    Nothing is clipped or dropped: a smaller share stays in with its own chances; the overlap check
    counts it on the page. `instead()` says what narrower populations would rest on.

    Raises
    ------
    OverlapError
        With the count, the smallest chance met, and the ways on.
    """
    share = share_outside(target, kept=kept, arm=design.arm, weight=design.weight)
    if share <= TOLERATED:
        return
    members = target.members(design.arm)
    out, smallest = members & ~kept, float(target.judged(chance)[members].min())
    raise OverlapError(
        Problem(
            what=f"{int(out.sum()):,} of {int(members.sum()):,} {units(target, design.arms)} "
            f"({share:.2%}) {beyond(target, rule)} (smallest {smallest:.2g}).",
            why="for them nobody comparable got the other arm, so an answer would be "
            "extrapolation, not measurement.",
            fix="declare `overlap: {rule: trim}` to answer for the units that do overlap (the page "
            "will name and count them), another `target`, or narrow the data with `where`."
            + instead(),
        )
    )


def units(target: TargetRule, arms: tuple[str, ...]) -> str:
    """Return what the members of the target population are called after a count."""
    return target.units.format(control=repr(arms[0]))


def beyond(target: TargetRule, rule: OverlapSpec) -> str:
    """Return what units outside the rule do, e.g. ``"have a chance of … outside 0.01–0.99"``."""
    return target.beyond.format(low=rule.low, high=rule.high, least=_least(rule))


def _least(rule: OverlapSpec) -> float:
    return round(1.0 - rule.high, 12)


def target_population(target: TargetRule, population: str, arms: tuple[str, ...]) -> str:
    """Name the population that a target speaks of."""
    return population + target.who.format(control=repr(arms[0]))


def trimmed_population(
    target: TargetRule, population: str, *, kept: Bools, arm: Ints, rule: OverlapSpec
) -> str:
    """Name the population that is left after trimming."""
    members = target.members(arm)
    count = int((kept & members).sum())
    within = target.within.format(low=rule.low, high=rule.high, least=_least(rule))
    return f"{population}, limited to the {count:,} ({count / members.sum():.1%}) {within}"


def count_by_level(kept: Bools, column: pd.Series) -> str:
    """Say how many units each level of `column` lost, e.g. ``"rural 12 of 300"``."""
    levels = column.astype("str").to_numpy()
    parts = [
        f"{level} {int((~kept[levels == level]).sum()):,} of {int((levels == level).sum()):,}"
        for level in sorted(set(levels))
    ]
    return ", ".join(parts)
