"""Data against their contract: every broken promise at once, with counts and example rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from whatif.base.arrays import Bools
from whatif.base.errors import DataError, Notice, Problem
from whatif.contract.schemas import ColumnSchema, DataSchema
from whatif.contract.spec import arm_label

Series = pd.Series  # one column, any type
_EXAMPLES = 3
_WORDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "timestamp": "a date and time",
    "date": "a date",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rule:
    """One promise about one column: `broken` maps the column to the rows that break it."""

    column: str
    name: str
    broken: Callable[[Any], Bools]
    fix: str


def check_contract(frame: pd.DataFrame, schema: DataSchema, *, unit: str | None) -> None:
    """Raise unless every column of `frame` keeps what `schema` promises about it.

    Columns that the schema does not list are not judged.

    Parameters
    ----------
    frame : DataFrame
        Rows as read.
    schema : DataSchema
        The contract.
    unit : str or None
        Column that names a row in examples; the row number when None.

    Raises
    ------
    DataError
        With every broken rule: column, rule, count, three example rows, and what to do.
    """
    import pandera.pandas as pa
    from pandera.errors import SchemaErrors

    rules = {(r.column, r.name): r for r in rules_of(frame, schema)}
    columns = {
        name: pa.Column(
            checks=[
                pa.Check(_keeps(rule), name=rule.name, ignore_na=False, n_failure_cases=1)
                for rule in rules.values()
                if rule.column == name
            ],
            nullable=True,
        )
        for name in frame.columns
        if name in schema.columns
    }
    try:
        pa.DataFrameSchema(columns).validate(frame, lazy=True, inplace=True)
    except SchemaErrors as errors:
        broken = dict.fromkeys((e.schema.name, e.check.name) for e in errors.schema_errors)
        raise DataError(
            *(_problem(frame, rules[key], schema.name, unit) for key in broken)
        ) from None


def no_contract_notice(frame: pd.DataFrame) -> Notice:
    """Return the notice that types were inferred because the study names no contract."""
    types = ", ".join(f"{name} {kind}" for name, kind in recorded_types(frame))
    return Notice(
        code="no_contract",
        problem=Problem(
            what=f"No data contract was declared; types were inferred: {types}.",
            why="a changed column, unit or level would go unnoticed.",
            fix="write a file in data_schemas/ and name it under `data.contract`.",
        ),
    )


def outside_notice(frame: pd.DataFrame, schema: DataSchema) -> tuple[Notice, ...]:
    """Name the columns of the study that its contract does not promise.

    Raises
    ------
    DataError
        If the contract promises none of them: it belongs to other data.
    """
    outside = [str(name) for name in frame.columns if name not in schema.columns]
    if not outside:
        return ()
    named = ", ".join(map(repr, outside))
    if len(outside) == frame.shape[1]:
        raise DataError(
            Problem(
                what=f"The contract {schema.name} promises none of the study's columns: {named}.",
                why="it belongs to other data, so nothing was checked.",
                fix="name the contract of these data, or leave `data.contract` out.",
            )
        )
    problem = Problem(
        what=f"The contract {schema.name} says nothing about {named}.",
        why="a changed column, unit or level there would go unnoticed.",
        fix=f"add them to data_schemas/{schema.name}.yaml.",
    )
    return (Notice(code="outside_contract", problem=problem),)


def recorded_types(frame: pd.DataFrame) -> tuple[tuple[str, str], ...]:
    """Return (column, type) for the manifest, in the words that schemas use.

    Examples
    --------
    >>> recorded_types(pd.DataFrame({"a": [1], "b": ["x"]}))
    (('a', 'integer'), ('b', 'string'))
    """
    return tuple((str(name), type_of(frame[name])) for name in frame.columns)


def type_of(column: Series[Any]) -> str:
    """Return the schema type that the values of `column` have."""
    types = pd.api.types
    if types.is_bool_dtype(column.dtype):
        return "boolean"
    if types.is_integer_dtype(column.dtype):
        return "integer"
    if types.is_numeric_dtype(column.dtype):
        return "number"
    return "timestamp" if types.is_datetime64_any_dtype(column.dtype) else "string"


def examples(frame: pd.DataFrame, rows: Bools, column: str | None, unit: str | None) -> str:
    """Return up to three of the marked rows, by unit id or row number, with their value."""
    out = []
    for at in np.flatnonzero(rows)[:_EXAMPLES]:
        name = f"row {at + 1}" if unit is None else f"{unit} {frame[unit].iloc[at]}"
        out.append(
            name if column is None or column == unit else f"{name}: {_shown(frame, column, at)}"
        )
    return "; ".join(out)


def _shown(frame: pd.DataFrame, column: str, at: np.intp) -> str:
    value = frame[column].iloc[int(at)]
    return "empty" if pd.isna(value) else repr(value.item() if hasattr(value, "item") else value)


def repeated(values: Series[Any]) -> Bools:
    """Return the rows whose value stands in another row too; missing values never repeat.

    Examples
    --------
    >>> repeated(pd.Series(["a", "b", "a", None, None])).tolist()
    [True, False, True, False, False]
    """
    if len(values) > 1 and not values.hasnans:
        ordered = values.array[1:] > values.array[:-1]  # ids are often written in order
        if np.asarray(ordered, dtype=bool).all():
            return np.zeros(len(values), dtype=bool)
    return np.asarray(values.duplicated(keep=False) & values.notna(), dtype=bool)


def rules_of(frame: pd.DataFrame, schema: DataSchema) -> Iterator[Rule]:
    """Yield the rules that `schema` sets for the columns of `frame`."""
    for name, column in schema.columns.items():
        if name in frame.columns:
            yield from _column_rules(name, column)


def _column_rules(name: str, column: ColumnSchema) -> Iterator[Rule]:
    words = _WORDS[column.type]
    yield Rule(
        column=name,
        name=f"type: {words}",
        broken=lambda values: _wrong_type(values, column.type),
        fix=f"write the column as {words}, or correct `type` in the schema.",
    )
    if not column.nullable:
        yield Rule(
            column=name,
            name="no missing values",
            broken=lambda values: values.isna().to_numpy(),
            fix="fill the gaps at the source, or set `nullable: true` in the schema.",
        )
    yield from _number_rules(name, column)
    if column.levels is not None:
        yield Rule(
            column=name,
            name=f"levels: {', '.join(str(level) for level in column.levels)}",
            broken=lambda values: _not_a_level(values, column.levels or ()),
            fix="correct the spelling at the source, or add the level to the schema.",
        )
    if column.unique:
        yield Rule(
            column=name,
            name="unique",
            broken=repeated,
            fix="remove repeated rows at the source.",
        )


def _number_rules(name: str, column: ColumnSchema) -> Iterator[Rule]:
    if column.type in ("integer", "number"):
        yield Rule(
            column=name,
            name="finite",
            broken=lambda values: np.isinf(_numbers(values)),
            fix="replace infinite values at the source.",
        )
    if limits := _limits(column):
        yield Rule(
            column=name,
            name=f"range: {limits}" + (f" {column.unit}" if column.unit else ""),
            broken=lambda values: _out_of_range(values, column),
            fix="check the unit and the source, or correct `range` in the schema.",
        )


def _keeps(rule: Rule) -> Callable[[Any], Any]:
    return lambda values: pd.Series(~rule.broken(values), index=values.index)


def _problem(frame: pd.DataFrame, rule: Rule, contract: str, unit: str | None) -> Problem:
    rows = rule.broken(frame[rule.column])
    return Problem(
        what=f"Column {rule.column!r} breaks `{rule.name}` in {int(rows.sum()):,} of "
        f"{len(frame):,} rows, e.g. {examples(frame, rows, rule.column, unit)}.",
        why=f"the contract {contract} promises it, and the answer relies on it.",
        fix=rule.fix,
    )


def _numbers(values: Series[Any]) -> np.ndarray[Any, Any]:
    if type_of(values) == "string":
        values = pd.to_numeric(values, errors="coerce")
    if type_of(values) == "timestamp":
        return np.zeros(len(values))
    extension = pd.api.types.is_extension_array_dtype(values.dtype)
    return values.to_numpy(dtype=float, na_value=np.nan) if extension else values.to_numpy()


def _wrong_type(values: Series[Any], wanted: str) -> Bools:
    have, known = type_of(values), values.notna().to_numpy()
    if have == wanted or (have, wanted) == ("integer", "number") or not known.any():
        return np.zeros(len(values), dtype=bool)
    if (have, wanted) == ("number", "integer"):
        numbers = _numbers(values)
        return np.asarray(known & np.isfinite(numbers) & (numbers != np.round(numbers)))
    if (have, wanted) == ("timestamp", "date"):
        return np.asarray(known & (values != values.dt.normalize()).to_numpy())
    if have == "string" and wanted in ("integer", "number"):
        text = known & np.isnan(_numbers(values))
        return text if text.any() else known
    return known


def _limits(column: ColumnSchema) -> str:
    bounds = column.range
    signs = {"≥": bounds.min, ">": bounds.above, "≤": bounds.max, "<": bounds.below}
    return " and ".join(f"{sign} {bound:g}" for sign, bound in signs.items() if bound is not None)


def _out_of_range(values: Series[Any], column: ColumnSchema) -> Bools:
    numbers, bounds = _numbers(values), column.range
    out = np.zeros(len(values), dtype=bool)
    if bounds.min is not None:
        out |= numbers < bounds.min
    if bounds.above is not None:
        out |= numbers <= bounds.above
    if bounds.max is not None:
        out |= numbers > bounds.max
    if bounds.below is not None:
        out |= numbers >= bounds.below
    return out


def _not_a_level(values: Series[Any], levels: tuple[str | int | float | bool, ...]) -> Bools:
    codes, found = pd.factorize(values)
    labels = {arm_label(level) for level in levels}
    strange = np.array([arm_label(level) not in labels for level in found] + [False])
    return strange[codes]
