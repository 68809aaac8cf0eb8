"""The chance of each arm: its distribution, and the rule for units nearly sure of their arm."""

from __future__ import annotations

import numpy as np
import pandas as pd

from whatif.base.arrays import Bools, Floats
from whatif.base.errors import OverlapError, Problem
from whatif.base.records import OverlapSummary
from whatif.contract.spec import OverlapSpec

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


def inside(propensity: Floats, rule: OverlapSpec) -> Bools:
    """Return which units have a chance within [low, high] of every arm, shape (n,)."""
    return np.asarray(((propensity >= rule.low) & (propensity <= rule.high)).all(axis=1))


def refuse_outside(kept: Bools, propensity: Floats, rule: OverlapSpec) -> None:
    """Raise OverlapError if more than 1 % of units are outside: nothing is clipped or dropped.

    A smaller share stays in with its own chances; the overlap check counts it on the page.

    Raises
    ------
    OverlapError
        With the count, the smallest chance met, and the two ways on.
    """
    outside = int((~kept).sum())
    if outside <= TOLERATED * kept.size:
        return
    raise OverlapError(
        Problem(
            what=f"{outside:,} of {kept.size:,} units ({outside / kept.size:.2%}) have a chance of "
            f"some arm outside {rule.low:g}–{rule.high:g} (smallest {propensity.min():.2g}).",
            why="for them nobody comparable got the other arm, so an answer would be "
            "extrapolation, not measurement.",
            fix="declare `overlap: {rule: trim}` to answer for the units that do overlap (the page "
            "will name and count them), or narrow the data with `where`.",
        )
    )


def trimmed_population(population: str, kept: Bools, rule: OverlapSpec) -> str:
    """Name the population that is left after trimming."""
    share = kept.mean()
    return (
        f"{population}, limited to the {kept.sum():,} ({share:.1%}) whose chance of every arm lies "
        f"between {rule.low:g} and {rule.high:g}"
    )


def count_by_level(kept: Bools, column: pd.Series) -> str:
    """Say how many units each level of `column` lost, e.g. ``"rural 12 of 300"``."""
    levels = column.astype("str").to_numpy()
    parts = [
        f"{level} {int((~kept[levels == level]).sum()):,} of {int((levels == level).sum()):,}"
        for level in sorted(set(levels))
    ]
    return ", ".join(parts)
