"""Covariates as the columns of a linear model: slopes, curves, gaps and levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whatif.base.arrays import Bools, Floats

Matrix = NDArray[np.float32]
CURVES_UP_TO = 200_000
"""Rows up to which numbers get curves; above, boosting carries the curvature."""

CURVED_FROM = 8
"""Distinct values above which a number is worth a curve."""

TAIL = 0.01
"""Share of the data at either end over which a curve stays flat and the slope alone goes on."""

_MOST_KNOTS = 5
_ROWS_PER_COLUMN = 10
_MOST_CURVES = 200
_DEGREE = 3
_LOOKED_AT = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class _Curve:
    """Cubic B-splines of unit variance between `low` and `high`, flat outside."""

    spline: Any
    low: float
    high: float
    spread: Floats

    def columns(self, own: Floats) -> Floats:
        inside = np.clip(own, self.low, self.high)
        return np.asarray(self.spline(inside)[:, :-1] / self.spread)


@dataclass(frozen=True, slots=True, eq=False)
class _Number:
    """A numeric covariate: a slope, perhaps a curve, perhaps an indicator of what is missing."""

    column: int
    median: float
    mean: float
    spread: float
    curve: _Curve | None
    gaps: bool

    @property
    def bends(self) -> list[bool]:
        """Whether each column that `fill` writes belongs to the curve."""
        curve = 0 if self.curve is None else self.curve.spread.size
        return [*([False] * (self.spread > 0)), *([True] * curve), *([False] * self.gaps)]

    def fill(self, out: Floats, values: Matrix) -> None:
        own = values[:, self.column].astype(np.float64)
        missing = np.isnan(own)
        own[missing] = self.median
        if self.spread > 0:
            out[:, 0] = (own - self.mean) / self.spread
        if self.curve is not None:
            out[:, 1 : out.shape[1] - self.gaps] = self.curve.columns(own)
        if self.gaps:
            out[:, -1] = missing


@dataclass(frozen=True, slots=True, eq=False)
class _Levels:
    """Indicators of the level codes met in training, a missing value being one of them."""

    column: int
    codes: Matrix

    @property
    def bends(self) -> list[bool]:
        """No column belongs to a curve."""
        return [False] * self.codes.size

    def fill(self, out: Floats, values: Matrix) -> None:
        own = values[:, self.column, None]
        out[:] = (own == self.codes) | (np.isnan(own) & np.isnan(self.codes))


@dataclass(frozen=True, slots=True, eq=False)
class Basis:
    """Turns covariates into the columns of a linear model; learnt on training rows only.

    Attributes
    ----------
    parts : tuple
        What each covariate becomes, in order.
    curved : ndarray of bool, shape (columns,)
        Columns that bend a line; a penalty may shrink them more than slopes.
    """

    parts: tuple[_Number | _Levels, ...]
    curved: Bools

    def columns(self, values: Matrix) -> Floats:
        """Return the model matrix of covariates `values`, shape (rows, columns)."""
        out, at = np.empty((len(values), self.curved.size)), 0
        for part in self.parts:
            to = at + len(part.bends)
            part.fill(out[:, at:to], values)
            at = to
        return out


def fit_basis(values: Matrix, categorical: Bools, *, curves: bool = True) -> Basis:
    """Learn imputation, scaling, curves and level indicators from training rows.

    A curve has at most five knots; fewer, or none, where all curves together would exceed 200
    columns or one column in ten rows.

    Parameters
    ----------
    values : ndarray of float32, shape (rows, p)
        Covariates; NaN is missing, level codes where `categorical`.
    categorical : ndarray of bool, shape (p,)
        Which columns hold level codes; a level first met at prediction adds nothing.
    curves : bool
        Whether numbers get curves beside their slopes.

    Examples
    --------
    >>> values = np.array([[1.0, 0.0], [np.nan, 1.0], [3.0, 0.0]], dtype=np.float32)
    >>> basis = fit_basis(values, np.array([False, True]))
    >>> basis.columns(values)[:, 1:].tolist()  # missing, level 0, level 1
    [[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    numbers = np.flatnonzero(~categorical)
    bent = [j for j in numbers if _distinct(values[:, j]) > CURVED_FROM]
    allowed = min(len(values) // _ROWS_PER_COLUMN, _MOST_CURVES) // max(len(bent), 1)
    knots = min(allowed - _DEGREE + 2, _MOST_KNOTS)
    if not curves or len(values) > CURVES_UP_TO or knots < 2:  # noqa: PLR2004  (two ends)
        bent = []
    parts: list[_Number | _Levels] = []
    for j, coded in enumerate(categorical):
        if coded:
            parts.append(_Levels(j, np.unique(values[:, j])))
        elif not np.isnan(values[:, j]).all():
            parts.append(_number(values[:, j], j, knots=knots if j in bent else 0))
    return Basis(tuple(parts), np.array([b for part in parts for b in part.bends], dtype=bool))


def _distinct(column: Matrix) -> int:
    values = np.unique(column[:: max(1, column.size // _LOOKED_AT)])
    return int(np.count_nonzero(~np.isnan(values)))


def _number(column: Matrix, j: int, *, knots: int) -> _Number:
    own = column.astype(np.float64)
    missing = np.isnan(own)
    median = float(np.nanmedian(own))
    own[missing] = median
    return _Number(
        column=j,
        median=median,
        mean=float(own.mean()),
        spread=float(own.std()),
        curve=_curve(own, knots) if knots else None,
        gaps=bool(missing.any()),
    )


def _curve(own: Floats, knots: int) -> _Curve | None:
    from scipy.interpolate import BSpline

    places = np.unique(np.quantile(own, np.linspace(TAIL, 1 - TAIL, knots)))
    if places.size < 2:  # noqa: PLR2004  (two ends)
        return None
    padded = np.pad(places, _DEGREE, mode="edge")
    spline = BSpline(padded, np.eye(places.size + _DEGREE - 1), _DEGREE)
    spread = spline(np.clip(own, places[0], places[-1])).std(axis=0)[:-1]
    spread[spread == 0] = 1.0
    return _Curve(spline, float(places[0]), float(places[-1]), spread)
