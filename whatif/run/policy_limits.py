"""Limits of a policy, asked for as a share or as units a day, as groups with a share each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from whatif.base.arrays import Ints
from whatif.base.errors import Problem, UsageError, did_you_mean
from whatif.contract.segments import MISSING
from whatif.effects.cells import cut
from whatif.effects.rows import Level
from whatif.run.policy_errors import require_number, unfit
from whatif.scenarios.policy.lesson import Group
from whatif.scenarios.policy.rule import Condition, Gap, Same
from whatif.scores.record import Scores

Capacity = float | Mapping[str, Mapping[Level, float]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Limits:
    """Groups that share a limit, and the group of each unit, shape (n,)."""

    group: Ints
    groups: tuple[Group, ...]


def limits_of(
    scores: Scores, *, max_share: float | None, capacity: Capacity | None, a_day: float | None
) -> Limits:
    """Return the groups behind a limit.

    Parameters
    ----------
    scores : Scores
        The score table.
    max_share : float or None
        Largest share of units that may get another arm than the control.
    capacity : float, mapping or None
        Most units a day that may; or ``{column: {level: units a day}}``, where other levels have no
        limit.
    a_day : float or None
        Units a day in the whole population.

    Raises
    ------
    UsageError
        If both are given, a number is out of its range, the column or a level is unknown, or there
        are no days to count.
    """
    everyone = np.zeros(scores.n, dtype=np.int64)
    if max_share is not None:
        if capacity is not None:
            raise unfit("capacity", "`max_share` and `capacity` are two limits on the same units")
        require_number("max_share", max_share)
        if not 0 < max_share <= 1:
            raise unfit("max_share", f"{max_share:g} is not a share above 0 and at most 1")
    if capacity is None:
        limit = None if max_share in {None, 1.0} else max_share
        return Limits(group=everyone, groups=(Group(when=(), limit=limit),))
    if a_day is None:
        raise unfit("capacity", "without `time` or units_per_month there are no units a day")
    if not isinstance(capacity, Mapping):
        whole = _share(capacity, a_day)
        return Limits(group=everyone, groups=(Group(when=(), limit=whole),))
    if len(capacity) != 1:
        raise unfit("capacity", "a capacity by segment names one column")
    ((column, by_level),) = capacity.items()
    if not isinstance(by_level, Mapping):
        raise unfit("capacity", f"{by_level!r} does not say which levels of {column!r} it limits")
    return _by_level(scores, column, by_level, a_day)


def _by_level(scores: Scores, column: str, by_level: Mapping[Level, float], a_day: float) -> Limits:
    kept = [str(name) for name in scores.columns]
    if column not in kept:
        raise _unknown("column", column, kept)
    cells = cut(scores.columns, ((column,),))
    known = [cells.segments[cell][0][1] for cell in cells.of_dimension(0)]
    place = cells.code[:, 0] - 1
    group = np.full(scores.n, len(by_level), dtype=np.int64)
    groups: list[Group] = []
    total = scores.weight.sum()
    for level, units in by_level.items():
        if level not in known:
            raise _unknown(f"level of {column!r}", level, [str(one) for one in known])
        own = place == known.index(level)
        group[own] = len(groups)
        size = float(scores.weight[own].sum() / total)
        when = (_is(column, level),)
        groups.append(Group(when=when, limit=_share(units, a_day * size)))
    gaps = MISSING in known
    rest = tuple(_is_not(column, level, gaps=gaps) for level in by_level)
    return Limits(group=group, groups=(*groups, Group(when=rest, limit=None)))


def _share(units: float, a_day: float) -> float | None:
    require_number("capacity", units)
    if not math.isfinite(units) or units < 0:
        raise unfit("capacity", f"{units} is not a number of units a day")
    return None if units >= a_day else units / a_day


def _is(column: str, level: Level) -> Condition:
    if level == MISSING:
        return Gap(column=column, missing=True)
    return Same(column=column, level=level, same=True, or_missing=False)


def _is_not(column: str, level: Level, *, gaps: bool) -> Condition:
    if level == MISSING:
        return Gap(column=column, missing=False)
    return Same(column=column, level=level, same=False, or_missing=gaps)


def _unknown(what: str, name: Level, known: list[str]) -> UsageError:
    return UsageError(
        Problem(
            what=f"There is no {what} {name!r} to have a capacity.",
            why="a limit on nobody would limit nothing, in silence.",
            fix=did_you_mean(str(name), known),
        )
    )
