"""Covariates as numbers: level codes for words, floats for the rest, missing stays missing."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whatif.base.errors import DataError, Problem
from whatif.design.record import Features

MOST_LEVELS = 200


def features_of(frame: pd.DataFrame, names: tuple[str, ...]) -> Features:
    """Return the columns `names` as one float32 matrix.

    Raises
    ------
    DataError
        If a number is infinite, or a column of words has more than 200 levels.

    Examples
    --------
    >>> frame = pd.DataFrame({"device": ["mobile", None, "desktop"], "hour": [1, 2, 3]})
    >>> features_of(frame, ("device", "hour")).values.tolist()
    [[1.0, 1.0], [nan, 2.0], [0.0, 3.0]]
    """
    columns: list[NDArray[np.float32]] = []
    categorical: list[bool] = []
    problems: list[Problem] = []
    for name in names:
        column = frame[name]
        coded = _is_words(column)
        values = _codes(column) if coded else _numbers(column)
        problems.extend(_problems(name, values, categorical=coded))
        columns.append(values)
        categorical.append(coded)
    if problems:
        raise DataError(*problems)
    matrix = np.column_stack(columns) if columns else np.zeros((len(frame), 0), dtype=np.float32)
    return Features(names=names, values=matrix, categorical=np.array(categorical, dtype=bool))


def _is_words(column: pd.Series) -> bool:
    kinds = pd.api.types
    return not (
        kinds.is_numeric_dtype(column)
        or kinds.is_bool_dtype(column)
        or kinds.is_datetime64_any_dtype(column)
    )


def _codes(column: pd.Series) -> NDArray[np.float32]:
    index, _ = pd.factorize(column.astype("str").where(column.notna()), sort=True)
    return np.where(index < 0, np.nan, index).astype(np.float32)


def _numbers(column: pd.Series) -> NDArray[np.float32]:
    if pd.api.types.is_datetime64_any_dtype(column):
        day = (column - column.min()) / pd.Timedelta(days=1)
        return np.asarray(day.to_numpy(dtype=np.float32, na_value=np.nan))
    return column.to_numpy(dtype=np.float32, na_value=np.nan)


def _problems(name: str, values: NDArray[np.float32], *, categorical: bool) -> list[Problem]:
    infinite = int(np.isinf(values).sum())
    levels = int(np.nanmax(values, initial=-1)) + 1 if categorical else 0
    found = []
    if infinite:
        found.append(
            Problem(
                what=f"Covariate {name!r} has {infinite:,} infinite values.",
                why="a model cannot learn from them, and dropping them would be silent.",
                fix="replace them by missing values or a cap before the study.",
            )
        )
    if levels > MOST_LEVELS:
        found.append(
            Problem(
                what=f"Covariate {name!r} has {levels:,} different words, more than {MOST_LEVELS}.",
                why="a level with a handful of rows teaches a model nothing but noise.",
                fix="group its levels, or leave it out of `covariates`.",
            )
        )
    return found
