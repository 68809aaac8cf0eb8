"""Outcomes and ids as found: kinds resolved, and what would make a number meaningless."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal

import numpy as np
import pandas as pd

from whatif.base.arrays import Bools, Floats
from whatif.base.errors import Problem
from whatif.contract.spec import OutcomeSpec, RatioSpec, StudySpec
from whatif.contract.validate import examples, repeated, type_of

_FEW_GAPS = 3
_MOSTLY, _SELDOM = 0.5, 0.05

Kind = Literal["binary", "count", "amount", "cost", "category"]


def numeric(column: pd.Series[Any]) -> Floats:
    """Return a number or true/false column as floats, NaN where missing."""
    if pd.api.types.is_extension_array_dtype(column.dtype):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    return column.to_numpy(dtype=np.float64)


def is_numeric(column: pd.Series[Any]) -> bool:
    """Return whether `column` holds numbers or true/false."""
    return type_of(column) in ("integer", "number", "boolean")


def resolve_kind(outcome: OutcomeSpec, values: Floats) -> Kind:
    """Return the declared kind, else the one that the values suggest.

    Examples
    --------
    >>> resolve_kind(OutcomeSpec(column="shipping_cost"), np.array([0.0, 4.2]))
    'cost'
    """
    if outcome.kind is not None:
        return outcome.kind
    known = values[~np.isnan(values)]
    if known.size and np.isin(known, (0.0, 1.0)).all():
        return "binary"
    cost = "cost" in outcome.column.lower() and bool((known >= 0).all())
    return "cost" if cost else "amount"


def outcome_problems(spec: StudySpec, frame: pd.DataFrame) -> Iterator[Problem]:
    """Yield what is wrong with the outcome columns of the analysed rows."""
    primary = spec.primary
    decisive = (
        {primary.numerator, primary.denominator}
        if isinstance(primary, RatioSpec)
        else {primary.column}
    )
    for outcome in spec.outcomes:
        column = frame[outcome.column]
        if not is_numeric(column):
            yield _not_numeric(spec, frame, outcome.column)
            continue
        values = numeric(column)
        known = values[~np.isnan(values)]
        if not known.size:
            yield Problem(
                what=f"Outcome {outcome.column!r} is missing in every row.",
                why="there is nothing to compare.",
                fix="check the join that brings it in, or remove the outcome.",
            )
        elif outcome.column in decisive and (known == known[0]).all():
            yield Problem(
                what=f"Outcome {outcome.column!r} is {known[0]:g} in every row.",
                why="a constant cannot differ between arms, so the question has no answer.",
                fix="check the column and the filter; perhaps outcomes have not arrived yet.",
            )
        yield from _kind_problems(spec, frame, outcome, values)


def unwritten_zeros(values: dict[str, Floats]) -> Iterator[Problem]:
    """Yield outcomes that are missing where another is 0: left empty because nothing happened.

    Parameters
    ----------
    values : dict of str to ndarray, shape (rows,)
        Outcomes by name, NaN where missing.

    Examples
    --------
    >>> cost = np.array([np.nan, np.nan, np.nan, 4.0])
    >>> found = unwritten_zeros({"won": np.array([0.0, 0.0, 0.0, 1.0]), "cost": cost})
    >>> next(found).fix
    "write 0 in 'cost' where 'won' is 0."
    """
    for name, column in values.items():
        gone = np.isnan(column)
        if gone.sum() < _FEW_GAPS:
            continue
        for other, reference in values.items():
            nothing, something = reference == 0, (reference != 0) & ~np.isnan(reference)
            if other == name or not nothing.any() or not something.any():
                continue
            empty, else_empty = float(gone[nothing].mean()), float(gone[something].mean())
            if empty > _MOSTLY and else_empty < max(_SELDOM, empty / 5):
                yield _unwritten(name, other, int((gone & nothing).sum()), int(nothing.sum()))
                break


def _unwritten(name: str, other: str, gone: int, rows: int) -> Problem:
    return Problem(
        what=f"Outcome {name!r} is missing in {gone:,} of the {rows:,} rows where {other!r} is 0, "
        "and seldom elsewhere.",
        why=f"rows without an outcome are set aside, so only rows with {other!r} would be "
        "compared, and the arm itself decides which those are.",
        fix=f"write 0 in {name!r} where {other!r} is 0.",
    )


def _kind_problems(
    spec: StudySpec, frame: pd.DataFrame, outcome: OutcomeSpec, values: Floats
) -> Iterator[Problem]:
    known = ~np.isnan(values)
    wrong: Bools | None = None
    if outcome.kind == "binary":
        wrong, words = known & ~np.isin(values, (0.0, 1.0)), "other values than 0 and 1"
    elif outcome.kind == "count":
        finite = np.where(np.isfinite(values), values, 0.0)
        wrong, words = (
            known & ((finite < 0) | (finite != np.round(finite))),
            "values that no count has",
        )
    if wrong is not None and wrong.any():
        yield Problem(
            what=f"Outcome {outcome.column!r} is declared {outcome.kind} but has {words} in "
            f"{int(wrong.sum()):,} rows, e.g. {examples(frame, wrong, outcome.column, spec.unit)}.",
            why="its models and its wording would be wrong.",
            fix="correct `kind` in the study, or the column.",
        )


def _not_numeric(spec: StudySpec, frame: pd.DataFrame, column: str) -> Problem:
    values = frame[column]
    known = values.notna().to_numpy()
    text = type_of(values) == "string"
    wrong = known & pd.to_numeric(values, errors="coerce").isna().to_numpy() if text else known
    wrong = wrong if wrong.any() else known
    return Problem(
        what=f"Outcome {column!r} is not a number in {int(wrong.sum()):,} of {len(frame):,} rows, "
        f"e.g. {examples(frame, wrong, column, spec.unit)}.",
        why="an average needs numbers.",
        fix="write the column as numbers, or choose another outcome.",
    )


def infinite_problems(
    spec: StudySpec, frame: pd.DataFrame, columns: Iterable[str]
) -> Iterator[Problem]:
    """Yield one problem per number column that holds infinite values."""
    for column in columns:
        if type_of(frame[column]) != "number":
            continue
        infinite = np.isinf(numeric(frame[column]))
        if infinite.any():
            yield Problem(
                what=f"Column {column!r} is infinite in {int(infinite.sum()):,} rows, "
                f"e.g. {examples(frame, infinite, column, spec.unit)}.",
                why="one such value makes every average infinite.",
                fix="replace infinite values at the source.",
            )


def id_problems(spec: StudySpec, frame: pd.DataFrame) -> Iterator[Problem]:
    """Yield what is wrong with unit, cluster and assignment ids."""
    named = {"unit": spec.unit, "cluster": spec.cluster, "assigned": spec.assigned}
    for column in dict.fromkeys(c for c in named.values() if c is not None):
        gaps = frame[column].isna().to_numpy()
        if gaps.any():
            yield Problem(
                what=f"The id {column!r} is missing in {int(gaps.sum()):,} of {len(frame):,} rows, "
                f"e.g. {examples(frame, gaps, None, None)}.",
                why="a row without an id cannot be counted once or grouped.",
                fix="restore the id at the source.",
            )
    if spec.unit is None or spec.window is not None:
        return
    double = repeated(frame[spec.unit])
    if double.any():
        ids = frame[spec.unit][double].unique()
        yield Problem(
            what=f"{len(ids):,} values of the unit {spec.unit!r} appear more than once "
            f"({int(double.sum()):,} rows), e.g. {', '.join(str(i) for i in ids[:3])}.",
            why="each unit counts once; repeats make the answer look surer than it is.",
            fix="remove repeated rows, name the column that is unique as `unit`, or set `window` "
            "to add up rows per unit.",
        )
