"""Orders and their cost by the option chosen: two more outcomes an option, kept apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pandas as pd

from whatif.base.arrays import Floats, Ints
from whatif.base.errors import Notice, Problem
from whatif.contract.option_column import split_cost
from whatif.contract.spec import StudySpec, arm_label

LEAST_OF_OPTION = 30
MOST_OPTIONS = 12
OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Options:
    """What each unit's orders chose and cost; n units, J options.

    Attributes
    ----------
    names : tuple of str, length J
        Options, the most chosen first; ``"other"``, if there is one, last.
    cost : str
        The outcome that is split.
    orders : str or None
        The outcome that counts orders; None: a row with an option is one order.
    kinds : tuple of str, length 2J
        Kinds of the columns of `y`.
    y : ndarray of float64, shape (n, 2J), read-only
        Orders by option, then cost by option.
    """

    names: tuple[str, ...]
    cost: str
    orders: str | None
    kinds: tuple[str, ...]
    y: Floats

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of `y`, for models and files."""
        return tuple(f"{what}:{name}" for what in ("orders", "cost") for name in self.names)

    def take(self, rows: Ints) -> Self:
        """Return the options of `rows`."""
        return replace(self, y=self.y[rows])

    def summed(self, y: Floats) -> Self:
        """Return the same options for units whose rows were added up, with orders as counts."""
        return replace(
            self, y=y, kinds=("count",) * len(self.names) + self.kinds[len(self.names) :]
        )


def options_of(
    frame: pd.DataFrame, arm: Ints, arms: Sequence[str], spec: StudySpec, kinds: Sequence[str]
) -> tuple[Options | None, tuple[Notice, ...]]:
    """Return the outcomes by option, and a notice of what was pooled; None without `option`.

    An option with 1 to 29 orders in an arm is pooled into ``"other"``, as are those beyond the
    twelve most chosen. An option that an arm never had stays: it was not on offer there.

    Parameters
    ----------
    frame : DataFrame, n rows
        Rows of the study, outcomes as numbers.
    arm : ndarray of int, shape (n,)
        Index into `arms`.
    arms : sequence of str
        Labels of the arms.
    spec : StudySpec
        The study.
    kinds : sequence of str
        Kind of each outcome.
    """
    split = split_cost(spec, kinds)
    if spec.option is None or split is None:
        return None, ()
    code, levels = pd.factorize(frame[spec.option], sort=True)
    orders = _amount(frame, split.orders)
    names = [arm_label(level) for level in levels]
    counts = _counts(code, arm, (orders != 0) & (code >= 0), (len(arms), len(names)))
    place, kept = _pooled(names, counts)
    chosen = np.append(place, -1)[code]  # a missing option is -1, the last entry
    cost = _amount(frame, split.cost)
    y = np.empty((len(frame), 2 * len(kept)))
    for j in range(len(kept)):
        inside = chosen == j
        y[:, j] = np.where(inside, orders, 0.0)
        y[:, len(kept) + j] = np.where(inside, cost, 0.0)
    ordered = "binary" if split.orders is None else kinds[_index(spec, split.orders)]
    made = Options(
        names=kept,
        cost=split.cost,
        orders=split.orders,
        kinds=(ordered,) * len(kept) + (kinds[_index(spec, split.cost)],) * len(kept),
        y=y,
    )
    lost = [name for j, name in enumerate(names) if kept[place[j]] == OTHER != name]
    return made, _notice(spec.option, lost)


def _amount(frame: pd.DataFrame, column: str | None) -> Floats:
    if column is None:
        return np.ones(len(frame))
    return np.asarray(frame[column].to_numpy(dtype=np.float64, na_value=np.nan))


def _index(spec: StudySpec, column: str) -> int:
    return [outcome.column for outcome in spec.outcomes].index(column)


def _counts(code: Ints, arm: Ints, ordered: np.ndarray, shape: tuple[int, int]) -> Ints:
    """Count rows with an order by arm and option, shape (A, J)."""
    slot = arm[ordered] * shape[1] + code[ordered]
    return np.bincount(slot, minlength=shape[0] * shape[1]).reshape(shape)


def _pooled(names: Sequence[str], counts: Ints) -> tuple[Ints, tuple[str, ...]]:
    """Return the new place of each option, shape (J,), and the names that are left."""
    few = ((counts > 0) & (counts < LEAST_OF_OPTION)).any(axis=0) | (counts.sum(axis=0) == 0)
    ranked = sorted(range(len(names)), key=lambda j: (-counts[:, j].sum(), names[j]))
    own = [j for j in ranked if not few[j] and names[j] != OTHER][:MOST_OPTIONS]
    place = np.full(len(names), len(own), dtype=np.int64)
    place[own] = np.arange(len(own))
    kept = [names[j] for j in own]
    return place, tuple(kept if len(own) == len(names) else [*kept, OTHER])


def _notice(option: str, lost: list[str]) -> tuple[Notice, ...]:
    if not lost:
        return ()
    shown = ", ".join(lost[:MOST_OPTIONS]) + (", …" if len(lost) > MOST_OPTIONS else "")
    problem = Problem(
        what=f"{len(lost):,} levels of the option {option!r} are counted together as {OTHER!r}: "
        f"{shown}.",
        why=f"1 to {LEAST_OF_OPTION - 1} orders in an arm tell no reliable cost of an option, "
        f"and only the {MOST_OPTIONS} most chosen are split.",
        fix="wait for more orders, or group alike options in the data.",
    )
    return (Notice(code="options_pooled", problem=problem),)
