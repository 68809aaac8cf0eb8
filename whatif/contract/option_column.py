"""The option column as found: which cost it splits, and what would make the split wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from whatif.base.errors import Problem
from whatif.contract.outcomes import numeric
from whatif.contract.spec import StudySpec
from whatif.contract.validate import examples


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitCost:
    """The cost that options split, and the outcome that counts orders.

    `orders` is None where the study counts none: a row with an option is then one order.
    """

    cost: str
    orders: str | None


def split_cost(spec: StudySpec, kinds: Sequence[str]) -> SplitCost | None:
    """Return the top of the first ratio whose top is a cost, else the first cost; None without.

    Parameters
    ----------
    spec : StudySpec
        The study.
    kinds : sequence of str
        Kind of each outcome, as resolved from the data.
    """
    costs = [o.column for o, kind in zip(spec.outcomes, kinds, strict=True) if kind == "cost"]
    for ratio in spec.ratios:
        if ratio.numerator in costs:
            return SplitCost(cost=ratio.numerator, orders=ratio.denominator)
    return SplitCost(cost=costs[0], orders=None) if costs else None


def option_problems(
    spec: StudySpec, frame: pd.DataFrame, kinds: Sequence[str]
) -> Iterator[Problem]:
    """Yield what is wrong with the option column of the analysed rows.

    Every order and every cost needs an option; otherwise the parts would not add up to the
    difference that the page shows.
    """
    if spec.option is None:
        return
    split = split_cost(spec, kinds)
    if split is None:
        yield Problem(
            what=f"The study names the option {spec.option!r}, but no outcome is a cost.",
            why="the option of an order splits a difference in cost, and there is none.",
            fix="set `kind: cost` on the outcome that is one, or remove option.",
        )
        return
    gone = frame[spec.option].isna().to_numpy()
    if gone.all():
        yield Problem(
            what=f"The option {spec.option!r} is missing in every row.",
            why="no order says what it chose, so nothing can be split.",
            fix="check the join that brings it in, or remove option from the study.",
        )
        return
    for column in (split.orders, split.cost):
        if column is None:
            continue
        without = gone & (np.nan_to_num(numeric(frame[column])) != 0)
        if without.any():
            yield Problem(
                what=f"The option {spec.option!r} is missing in {int(without.sum()):,} rows where "
                f"{column!r} is not 0, e.g. {examples(frame, without, column, spec.unit)}.",
                why="their cost would be in the total and in none of its parts.",
                fix="write which option these orders chose, or a level such as 'not recorded'.",
            )
            return
