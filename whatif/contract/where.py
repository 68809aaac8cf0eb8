"""Row filters: parse one, list its columns, and find the rows it keeps."""

from __future__ import annotations

import datetime as dt
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Any as AnyValue

import numpy as np
import pandas as pd

from whatif.base.arrays import Bools
from whatif.base.errors import UsageError, did_you_mean
from whatif.contract.where_ast import (
    All,
    Among,
    Any,
    Between,
    Compare,
    Expression,
    Literal,
    Missing,
    Name,
    Not,
    Operand,
    Value,
)
from whatif.contract.where_parse import parse_where, refusal

__all__ = ["Expression", "columns_of", "mask", "parse_where"]

_OPS: dict[str, Callable[[AnyValue, AnyValue], AnyValue]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_Leaf = Name | Literal | Compare | Among | Missing | Between
_WORDS = {"text": "text", "number": "a number", "boolean": "true/false", "time": "a date or time"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Truth:
    """Three-valued truth of every row; a row in neither array is unknown."""

    holds: Bools
    fails: Bools


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Side:
    """One side of a comparison: `data` is an array or a constant, `missing` its nulls."""

    kind: str | None
    data: AnyValue
    missing: Bools | bool
    words: str


def columns_of(expression: Expression) -> frozenset[str]:
    """Return the columns that `expression` reads.

    Examples
    --------
    >>> sorted(columns_of(parse_where("device = 'mobile' and hour between 8 and 18")))
    ['device', 'hour']
    """
    return frozenset(name.name for name in _names(expression))


def mask(expression: Expression, frame: pd.DataFrame) -> Bools:
    """Return which rows of `frame` the filter keeps, shape (rows,).

    Missing values follow SQL: a comparison with one is unknown, and only rows where the whole
    filter is true are kept. Moments without a zone are taken as UTC when the column has one.

    Parameters
    ----------
    expression : Expression
        From `parse_where`.
    frame : DataFrame
        Must hold every column of `columns_of(expression)`.

    Raises
    ------
    UsageError
        If a column is unknown, or a comparison mixes types.

    Examples
    --------
    >>> frame = pd.DataFrame({"hour": [7, 12, None]})
    >>> mask(parse_where("not hour < 10"), frame).tolist()
    [False, True, False]
    """
    known = [str(column) for column in frame.columns]
    for name in sorted(
        {n.name: n.at for n in _names(expression)}.items(), key=lambda item: item[1]
    ):
        if name[0] not in known:
            raise refusal(
                f"there is no column {name[0]!r} (character {name[1]}); "
                f"{did_you_mean(name[0], known).rstrip('.')}",
                "use a column of the data.",
            )
    return _truth(expression, frame).holds


def _names(part: Expression) -> Iterator[Name]:
    match part:
        case Name():
            yield part
        case Compare():
            yield from (side for side in (part.left, part.right) if isinstance(side, Name))
        case Between():
            sides = (part.column, part.low, part.high)
            yield from (side for side in sides if isinstance(side, Name))
        case Among() | Missing():
            yield part.column
        case Not():
            yield from _names(part.part)
        case All() | Any():
            for inner in part.parts:
                yield from _names(inner)


def _truth(part: Expression, frame: pd.DataFrame) -> _Truth:
    match part:
        case Not():
            return _opposite(_truth(part.part, frame))
        case All():
            return reduce(_and, (_truth(inner, frame) for inner in part.parts))
        case Any():
            return reduce(_or, (_truth(inner, frame) for inner in part.parts))
    read = [frame[name] for name in columns_of(part)]
    if len(read) == 1 and isinstance(read[0].dtype, pd.CategoricalDtype):
        return _by_category(part, read[0])
    return _leaf(part, frame)


def _leaf(part: _Leaf, frame: pd.DataFrame) -> _Truth:
    match part:
        case Compare():
            return _compare(part, frame)
        case Between():
            low = Compare(op=">=", left=part.column, right=part.low, at=part.at)
            high = Compare(op="<=", left=part.column, right=part.high, at=part.at)
            return _and(_compare(low, frame), _compare(high, frame))
        case Among():
            tests = (Compare(op="=", left=part.column, right=v, at=v.at) for v in part.options)
            found = reduce(_or, (_compare(test, frame) for test in tests))
            return _opposite(found) if part.negated else found
        case Missing():
            missing = frame[part.column.name].isna().to_numpy()
            truth = _Truth(holds=missing, fails=~missing)
            return _opposite(truth) if part.negated else truth
        case Name():
            return _flag(part, frame)
        case Literal():
            rows = len(frame)
            return _Truth(
                holds=np.full(rows, part.value is True), fails=np.full(rows, part.value is False)
            )


def _by_category(part: _Leaf, series: pd.Series[AnyValue]) -> _Truth:
    """Judge each category once, and every row by its category; a missing row by the last place."""
    known = pd.Series(series.cat.categories)
    each = _leaf(part, pd.DataFrame({series.name: known.reindex(range(len(known) + 1))}))
    code = series.cat.codes.to_numpy()
    return _Truth(holds=each.holds[code], fails=each.fails[code])


def _opposite(truth: _Truth) -> _Truth:
    return _Truth(holds=truth.fails, fails=truth.holds)


def _and(left: _Truth, right: _Truth) -> _Truth:
    return _Truth(holds=left.holds & right.holds, fails=left.fails | right.fails)


def _or(left: _Truth, right: _Truth) -> _Truth:
    return _Truth(holds=left.holds | right.holds, fails=left.fails & right.fails)


def _flag(name: Name, frame: pd.DataFrame) -> _Truth:
    side = _side(name, frame)
    if side.kind is None:
        nowhere = np.zeros(len(frame), dtype=bool)
        return _Truth(holds=nowhere, fails=nowhere)
    values, known = np.asarray(side.data), ~np.asarray(side.missing)
    zero_one = side.kind == "number" and bool(np.isin(values[known], (0, 1)).all())
    if side.kind != "boolean" and not zero_one:
        raise refusal(
            f"{name.name!r} at character {name.at} is {_WORDS[side.kind]}, not true/false",
            "compare it with something.",
        )
    true = values.astype(bool) & known
    return _Truth(holds=true, fails=known & ~true)


def _compare(part: Compare, frame: pd.DataFrame) -> _Truth:
    left, right = _side(part.left, frame), _side(part.right, frame)
    nowhere = np.zeros(len(frame), dtype=bool)
    if left.kind is None or right.kind is None:
        return _Truth(holds=nowhere, fails=nowhere)
    left, right = _as_time(left, right, part), _as_time(right, left, part)
    if not _comparable(left, right, part.op):
        raise refusal(
            f"{left.words} is {_WORDS[str(left.kind)]} but {right.words} is "
            f"{_WORDS[str(right.kind)]} ({part.op!r} at character {part.at})",
            "compare a column with values of its own type; text stands in single quotes.",
        )
    known = ~(nowhere | left.missing | right.missing)
    holds = np.asarray(_OPS[part.op](left.data, right.data), dtype=bool) & known
    return _Truth(holds=holds, fails=known & ~holds)


def _comparable(left: _Side, right: _Side, op: str) -> bool:
    if left.kind == right.kind:
        return left.kind != "boolean" or op in ("=", "!=")
    return {left.kind, right.kind} == {"boolean", "number"} and op in ("=", "!=")


def _side(operand: Operand, frame: pd.DataFrame) -> _Side:
    if isinstance(operand, Literal):
        value = operand.value
        return _Side(
            kind=_constant_kind(value), data=value, missing=value is None, words=f"{value!r}"
        )
    series = frame[operand.name]
    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype(series.cat.categories.dtype)
    missing = series.isna().to_numpy()
    words = f"column {operand.name!r}"
    if missing.all():
        return _Side(kind=None, data=None, missing=missing, words=words)
    kind, values = _column_values(series)
    if kind is None:
        raise refusal(
            f"{words} mixes types (character {operand.at})", "clean the column or leave it out."
        )
    return _Side(kind=kind, data=values, missing=missing, words=words)


def _constant_kind(value: Value) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "boolean"
    return "text" if isinstance(value, str) else "number"


def _column_values(series: pd.Series[AnyValue]) -> tuple[str | None, AnyValue]:
    types = pd.api.types
    if series.dtype == object:
        series = series.convert_dtypes()
    if types.is_bool_dtype(series.dtype):
        return "boolean", series.fillna(False).to_numpy(dtype=bool)  # noqa: FBT003  (a fill value)
    if types.is_numeric_dtype(series.dtype):
        extension = types.is_extension_array_dtype(series.dtype)
        return "number", series.to_numpy(dtype=float, na_value=np.nan) if extension else (
            series.to_numpy()
        )
    if types.is_datetime64_any_dtype(series.dtype):
        return "time", series
    return ("text", series) if isinstance(series.dtype, pd.StringDtype) else (None, None)


def _as_time(side: _Side, other: _Side, part: Compare) -> _Side:
    """Read a text constant as a moment when the other side is a time column."""
    if side.kind != "text" or other.kind != "time" or not isinstance(side.data, str):
        return side
    zone = getattr(other.data.dtype, "tz", None)
    try:
        moment = pd.Timestamp(dt.datetime.fromisoformat(side.data))
    except ValueError:
        raise _not_a_moment(side, part) from None
    if zone is None and moment.tzinfo is not None:
        raise _not_a_moment(side, part)
    if zone is not None and moment.tzinfo is None:
        moment = moment.tz_localize("UTC")
    return _Side(kind="time", data=moment, missing=side.missing, words=side.words)


def _not_a_moment(side: _Side, part: Compare) -> UsageError:
    return refusal(
        f"{side.words} is not a date or time that fits the column ({part.op!r} at character "
        f"{part.at})",
        "write it as '2026-10-31T18:00:00', with a zone only if the column has one.",
    )
