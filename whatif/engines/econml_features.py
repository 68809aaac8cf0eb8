"""Covariates as EconML's linear models need them: no gaps, no level codes, no redundant column."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from whatif.base.arrays import Bools, Floats

FEWEST = 20
_REDUNDANT = 1e-8


def dense(x: NDArray[np.floating], categorical: Bools) -> Floats:
    """Return numbers without gaps, each column of mean 0 and variance 1, none of them redundant.

    A missing number becomes the column's median and sets an indicator. Level codes become one 0/1
    column per level; the most frequent level, and levels below 20 rows, have none. Columns that
    others determine are dropped, so that a linear final stage has one solution.

    Parameters
    ----------
    x : ndarray, shape (n, p)
        Numbers, or level codes where `categorical`; NaN is missing.
    categorical : ndarray of bool, shape (p,)
        Which columns hold level codes.

    Returns
    -------
    ndarray of float64, shape (n, q)
        q may be 0 when nothing varies.

    Examples
    --------
    >>> import numpy as np
    >>> dense(np.array([[1.0], [3.0], [np.nan]] * 20), np.array([False])).shape
    (60, 2)
    """
    parts: list[Floats] = []
    for column, coded in zip(np.asarray(x, dtype=np.float64).T, categorical, strict=True):
        parts += _levels(column) if coded else _numbers(column)
    if not parts:
        return np.empty((len(x), 0))
    matrix = np.column_stack(parts)
    spread = matrix.std(axis=0)
    matrix = matrix[:, spread > 0]
    scaled: Floats = (matrix - matrix.mean(axis=0)) / matrix.std(axis=0)
    return np.asarray(scaled[:, _independent(scaled)])


def _numbers(column: Floats) -> list[Floats]:
    gaps = np.isnan(column)
    if gaps.all():
        return []
    filled = np.where(gaps, np.median(column[~gaps]), column)
    return [filled, gaps.astype(np.float64)] if gaps.any() else [filled]


def _levels(column: Floats) -> list[Floats]:
    """Return indicators of the frequent levels, "missing" being one more level."""
    codes = np.where(np.isnan(column), -1.0, column)
    values, counts = np.unique(codes, return_counts=True)
    common = np.argmax(counts)
    return [
        (codes == value).astype(np.float64)
        for i, (value, count) in enumerate(zip(values, counts, strict=True))
        if i != common and count >= FEWEST
    ]


def _independent(scaled: Floats) -> NDArray[np.intp]:
    """Return columns that the earlier kept ones do not determine, in order."""
    if scaled.shape[1] == 0:
        return np.arange(0)
    diagonal = np.abs(np.diag(np.linalg.qr(scaled, mode="r")))
    full = np.zeros(scaled.shape[1])
    full[: diagonal.size] = diagonal
    return np.flatnonzero(full > _REDUNDANT * np.sqrt(len(scaled)))
