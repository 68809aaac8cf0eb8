"""Cells: everyone, and every level of every declared dimension."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from whatif.base.arrays import Ints
from whatif.contract.segments import MISSING
from whatif.effects.rows import Level, Segment

EVERYONE = -1
"""Index of the cut that does not cut: one cell, everyone."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """S cells over n units: cell 0 is everyone, then each dimension's cells in sorted order.

    Attributes
    ----------
    segments : tuple of Segment, length S
        What defines each cell; ``()`` for everyone.
    dimensions : tuple of tuple of str
        Declared dimensions.
    starts : tuple of int
        Index of the first cell of each dimension.
    code : ndarray of int64, shape (n, len(dimensions))
        Cell index of each unit within each dimension.
    """

    segments: tuple[Segment, ...]
    dimensions: tuple[tuple[str, ...], ...]
    starts: tuple[int, ...]
    code: Ints

    def of_dimension(self, index: int) -> range:
        """Return the cell indices of one dimension; of everyone, just the first cell."""
        if index == EVERYONE:
            return range(1)
        bounds = (*self.starts, len(self.segments))
        return range(bounds[index], bounds[index + 1])

    def codes(self, index: int, rows: Ints) -> Ints:
        """Return the cell of each of `rows` within one dimension."""
        if index == EVERYONE:
            return np.zeros(rows.size, dtype=np.int64)
        return np.asarray(self.code[:, index].take(rows))


def cut(columns: pd.DataFrame, dimensions: tuple[tuple[str, ...], ...]) -> Cells:
    """Cut units into the cells of `dimensions`; a missing level is a level of its own.

    Parameters
    ----------
    columns : DataFrame, n rows
        Pre-treatment columns.
    dimensions : tuple of tuple of str
        Each a segment column or a cross of several.

    Examples
    --------
    >>> frame = pd.DataFrame({"device": ["mobile", "desktop", "mobile"]})
    >>> cut(frame, (("device",),)).segments
    ((), (('device', 'desktop'),), (('device', 'mobile'),))
    """
    segments: list[Segment] = [()]
    starts: list[int] = []
    code = np.zeros((len(columns), len(dimensions)), dtype=np.int64, order="F")
    known = {name: _levels(columns[name]) for dimension in dimensions for name in dimension}
    for d, dimension in enumerate(dimensions):
        levels = [known[name][0] for name in dimension]
        combined = np.zeros(len(columns), dtype=np.int64)
        for name in dimension:
            combined = combined * len(known[name][0]) + known[name][1]
        present, compact = _present(combined, math.prod(map(len, levels)))
        starts.append(len(segments))
        code[:, d] = compact + len(segments)
        segments.extend(_name(int(found), dimension, levels) for found in present)
    return Cells(segments=tuple(segments), dimensions=dimensions, starts=tuple(starts), code=code)


def _present(combined: Ints, possible: int) -> tuple[Ints, Ints]:
    """Return the combinations that occur, in order, and the place of each row's among them."""
    if possible > max(combined.size, 1):
        present, compact = np.unique(combined, return_inverse=True)
        return present, compact.astype(np.int64)
    present = np.flatnonzero(np.bincount(combined, minlength=possible))
    place = np.zeros(possible, dtype=np.int64)
    place[present] = np.arange(present.size)
    return present, place[combined]


def _levels(column: pd.Series) -> tuple[list[Level], Ints]:
    if column.dtype.kind == "f" and column.isna().any() and (column.dropna() % 1 == 0).all():
        column = column.astype("Int64")  # whole numbers with gaps arrive as floats
    index, values = pd.factorize(column, sort=True, use_na_sentinel=True)
    levels: list[Level] = [_plain(value) for value in values]
    if (index < 0).any():
        levels.append(MISSING)
        index = np.where(index < 0, len(levels) - 1, index)
    return levels, index.astype(np.int64)


def _plain(value: object) -> Level:
    if isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, str | bool | int | float) else str(value)


def _name(combined: int, dimension: tuple[str, ...], levels: list[list[Level]]) -> Segment:
    out: list[tuple[str, Level]] = []
    for name, known in zip(reversed(dimension), reversed(levels), strict=True):
        combined, index = divmod(combined, len(known))
        out.append((name, known[index]))
    return tuple(reversed(out))
