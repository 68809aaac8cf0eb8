"""A difference of two arms from doubly robust scores, and what every unit tells of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from whatif.base.arrays import Bools, Floats, Ints
from whatif.scenarios.changes.runs import Side

_SIGNS = np.array([-1.0, 1.0])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Told:
    """A number and its influence values.

    Attributes
    ----------
    value : float
        In the metric's unit; NaN where there is nothing to divide by.
    by_unit : ndarray, shape (n,)
        What each unit tells of it; they sum to 0.
    """

    value: float
    by_unit: Floats


def overall(side: Side, rows: Bools) -> Told:
    """Return arm minus control over `rows`, ``Σwt/Σwb`` each, with t, b the scores above and below.

    Its influence is that of a ratio, ``w (t − R b) / Σwb``.
    """
    weight = np.where(rows, side.weight, 0.0)
    below = weight @ side.bottom
    if not (below > 0).all():
        return Told(value=float("nan"), by_unit=np.zeros(weight.size))
    ratio = weight @ side.top / below
    away = side.top - ratio * side.bottom
    return Told(value=float(ratio @ _SIGNS), by_unit=weight * (away @ (_SIGNS / below)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """Means of some units by cell, S cells.

    Attributes
    ----------
    rows : ndarray of bool, shape (n,)
        The units.
    mass : ndarray, shape (S,)
        Their weight times mass in each cell.
    top, bottom : ndarray, shape (S, 2)
        Means of the scores above and below under both arms; 0 in a cell without mass.
    """

    rows: Bools
    mass: Floats
    top: Floats
    bottom: Floats


def cell_means(side: Side, cell: Ints, rows: Bools, size: int) -> Cells:
    """Average the scores of `rows` in each of `size` cells."""
    weight = np.where(rows, side.weight, 0.0)
    mass = np.asarray(np.bincount(cell, weight * side.mass, size), dtype=np.float64)

    def mean(scores: Floats) -> Floats:
        sums = np.stack([np.bincount(cell, weight * one, size) for one in scores.T], axis=1)
        return np.divide(sums, mass[:, None], out=np.zeros_like(sums), where=mass[:, None] > 0)

    return Cells(rows=rows, mass=mass, top=mean(side.top), bottom=mean(side.bottom))


def recombined(side: Side, cell: Ints, *, mix: Cells, means: Cells) -> Told:
    """Return arm minus control with the shares of cells of `mix` and the means of `means`.

    ``R = Σ p T / Σ p B`` an arm, with p the shares. By shares its derivative is
    ``g = (T − R B) / Σ p B``, by means ``p / Σ p B``; the influence of a share is
    ``w μ (1{cell} − p) / M``, that of a mean ``w (t − T μ) / M_cell``.
    """
    total = mix.mass.sum()
    share = mix.mass / total
    below = share @ means.bottom
    if not (below > 0).all():
        return Told(value=float("nan"), by_unit=np.zeros(cell.size))
    ratio = share @ means.top / below
    by_share = ((means.top - ratio * means.bottom) / below) @ _SIGNS
    each = np.divide(share, means.mass, out=np.zeros_like(share), where=means.mass > 0)
    away = (side.top - ratio * side.bottom) @ (_SIGNS / below)
    expected = side.mass * by_share[cell]
    told = np.where(mix.rows, side.weight / total * expected, 0.0)
    told += np.where(means.rows, side.weight * each[cell] * (away - expected), 0.0)
    return Told(value=float(ratio @ _SIGNS), by_unit=told)
