"""A rule that people can read: lines of conditions, and the arm that each line gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from whatif.base.arrays import Bools, Floats
from whatif.base.errors import Problem, UsageError
from whatif.effects.rows import Level


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A number is at most `at`, or above it.

    Attributes
    ----------
    column : str
        The column.
    at : float
        The bound.
    above : bool
        Whether numbers above it are meant.
    or_missing : bool
        Whether a missing value fulfils the condition.
    """

    column: str
    at: float
    above: bool
    or_missing: bool

    def holds(self, frame: pd.DataFrame) -> Bools:
        """Return where the condition is fulfilled."""
        values = numbers(frame[self.column])
        within = values > self.at if self.above else values <= self.at
        return np.asarray(within | (self.or_missing & np.isnan(values)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Same:
    """A value is `level`, or is another one; `or_missing` as in `Bound`."""

    column: str
    level: Level
    same: bool
    or_missing: bool

    def holds(self, frame: pd.DataFrame) -> Bools:
        """Return where the condition is fulfilled."""
        column = frame[self.column]
        missing = column.isna().to_numpy()
        equal = equals(column, self.level)
        return np.asarray(
            np.where(missing, self.or_missing, equal if self.same else ~equal), dtype=np.bool_
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A value is missing, or is there."""

    column: str
    missing: bool

    def holds(self, frame: pd.DataFrame) -> Bools:
        """Return where the condition is fulfilled."""
        return np.asarray(frame[self.column].isna().to_numpy() == self.missing)


Condition = Bound | Same | Gap


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Units that fulfil every one of `when` get the arm `give`; no condition means everyone."""

    when: tuple[Condition, ...]
    give: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Who gets which arm.

    Attributes
    ----------
    treatment : str
        The treatment column.
    lines : tuple of Line
        At most one of them fits a unit; none of them gives the control.
    otherwise : str
        The control, for units that fit no line: also those that lack a value which was never
        missing in the data.
    """

    treatment: str
    lines: tuple[Line, ...]
    otherwise: str

    @property
    def for_everyone(self) -> str | None:
        """The one arm that everyone gets; None where units get different arms."""
        if not self.lines:
            return self.otherwise
        return next((line.give for line in self.lines if not line.when), None)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that the rule reads."""
        return tuple(dict.fromkeys(c.column for line in self.lines for c in line.when))

    def assign(self, frame: pd.DataFrame) -> pd.Series:
        """Return the arm of every row of `frame`.

        Raises
        ------
        UsageError
            If a column that the rule reads is not there.

        Examples
        --------
        >>> old = Bound(column="age", at=40.0, above=True, or_missing=False)
        >>> rule = Rule(treatment="t", lines=(Line(when=(old,), give="b"),), otherwise="a")
        >>> rule.assign(pd.DataFrame({"age": [30.0, 50.0, None]})).tolist()
        ['a', 'b', 'a']
        """
        absent = [name for name in self.columns if name not in frame]
        if absent:
            raise UsageError(
                Problem(
                    what=f"The rule reads {', '.join(map(repr, absent))}, which is not there.",
                    why="without it nobody can be given an arm by the rule.",
                    fix="give a frame with the columns of the rule, named as in the study.",
                )
            )
        given = np.full(len(frame), self.otherwise, dtype=object)
        for line in self.lines:
            fits = np.ones(len(frame), dtype=np.bool_)
            for condition in line.when:
                fits &= condition.holds(frame)
            given[fits] = line.give
        return pd.Series(given, index=frame.index, name=self.treatment, dtype="str")


def numbers(column: pd.Series) -> Floats:
    """Return a column as numbers, missing as NaN."""
    return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))


def equals(column: pd.Series, level: Level) -> Bools:
    """Return where a column is `level`; nowhere it is missing."""
    return np.asarray((column == level).fillna(value=False).to_numpy(dtype=np.bool_))


def shortened(conditions: Sequence[Condition]) -> tuple[Condition, ...]:
    """Leave out what later conditions on the same column already say.

    Examples
    --------
    >>> wide, narrow = (Bound(column="age", at=a, above=True, or_missing=False) for a in (3.0, 5.0))
    >>> [one.at for one in shortened([wide, narrow])]
    [5.0]
    """
    kept: dict[tuple[object, ...], Condition] = {}
    for condition in conditions:
        key = _key(condition)
        before = kept.pop(key, None)
        kept[key] = condition if before is None else _both(before, condition)
    found = {c.column: c.level for c in kept.values() if isinstance(c, Same) and c.same}
    return tuple(c for c in kept.values() if not _said(c, found))


def _said(condition: Condition, found: Mapping[str, Level]) -> bool:
    """Whether a column that has another level cannot have this one."""
    if not isinstance(condition, Same) or condition.same or condition.column not in found:
        return False
    return condition.level != found[condition.column]


def _key(condition: Condition) -> tuple[object, ...]:
    match condition:
        case Bound(column=column, above=above):
            return ("bound", column, above)
        case Same(column=column, level=level, same=same):
            return ("same", column, level, same)
        case Gap(column=column, missing=missing):
            return ("gap", column, missing)


def _both(first: Condition, second: Condition) -> Condition:
    """Return one condition for two of a kind on the same column."""
    match first, second:
        case Bound(), Bound():
            tighter: Callable[[float, float], float] = max if first.above else min
            at = tighter(first.at, second.at)
            return replace(second, at=at, or_missing=first.or_missing and second.or_missing)
        case Same(), Same():
            return replace(second, or_missing=first.or_missing and second.or_missing)
        case _:
            return second
