"""Cells that are trimmed one by one: the finest cross of declared segments, and who is in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from whatif.base.arrays import Bools, Floats, Ints
from whatif.effects.cells import Cells

LEAST_BUYERS = 50
"""Clusters with an order that each arm of a cell needs before its direction can be settled."""


def group_sums(group: Ints, values: Floats | Bools | Ints, groups: int) -> Floats:
    """Sum `values`, shape (n,), within groups 0 … `groups` − 1."""
    return np.asarray(np.bincount(group, weights=values, minlength=groups), dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Finest:
    """The cross of all declared dimensions: G cells over n units.

    Attributes
    ----------
    code : ndarray of int64, shape (n,)
        Finest cell of each unit, 0 … G − 1.
    parents : ndarray of int64, shape (G, D)
        The cell of each declared dimension that a finest cell lies in.
    """

    code: Ints
    parents: Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Blocks:
    """Units of one cluster in one finest cell: B blocks, those of a cluster side by side.

    Attributes
    ----------
    of_unit : ndarray of int64, shape (n,)
        Block of each unit.
    cell, cluster : ndarray of int64, shape (B,)
        Finest cell and cluster of each block.
    """

    of_unit: Ints
    cell: Ints
    cluster: Ints

    @property
    def clusters(self) -> int:
        """Number of clusters."""
        return int(np.count_nonzero(np.diff(self.cluster))) + 1

    def sums(self, values: Floats) -> Floats:
        """Sum `values`, shape (n,), within blocks."""
        return group_sums(self.of_unit, values, self.cell.size)

    def squares(self, values: list[Floats], group: Ints, groups: int) -> Floats:
        """Add up the squares of `values` summed by cluster in each group of blocks.

        Parameters
        ----------
        values : list of J ndarray, each of shape (B,)
            One value per block.
        group : ndarray of int64, shape (B,)
            Group of each block, 0 … `groups` − 1.

        Returns
        -------
        ndarray, shape (groups, J)
        """
        order = np.argsort(group.astype(np.min_scalar_type(groups)), kind="stable")
        owner, cluster = group.take(order), self.cluster.take(order)
        starts = _changes(owner, cluster)
        owner = owner.take(starts)
        within = [np.add.reduceat(column.take(order), starts) for column in values]
        return np.column_stack([group_sums(owner, column**2, groups) for column in within])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Features:
    """Weighted sums in each of B blocks; pairs are control, arm.

    Attributes
    ----------
    mass : ndarray, shape (B,)
        Sum of the sampling weights.
    orders, cost : pair of ndarray, each of shape (B,)
        Weighted sums of the scores.
    """

    mass: Floats
    orders: tuple[Floats, Floats]
    cost: tuple[Floats, Floats]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Buyers:
    """Who ordered in the control or in the arm it is compared with, cheapest first.

    Attributes
    ----------
    value : ndarray, shape (m,)
        What the order cost, ascending.
    weight : ndarray, shape (m,)
        Sampling weight over the chance of the arm received.
    treated : ndarray of bool, shape (m,)
        Whether the unit got the arm.
    cell, cluster, block : ndarray of int64, shape (m,)
        Finest cell, cluster and block.
    """

    value: Floats
    weight: Floats
    treated: Bools
    cell: Ints
    cluster: Ints
    block: Ints


def finest(cells: Cells, dimensions: list[int]) -> Finest:
    """Cross the given dimensions of `cells`; without any, everyone is one cell."""
    code = np.zeros(len(cells.code), dtype=np.int64)
    for d in dimensions:
        if any(set(cells.dimensions[d]) < set(cells.dimensions[other]) for other in dimensions):
            continue  # another dimension is finer
        own = cells.of_dimension(d)
        crossed = code * len(own) + (cells.code[:, d] - own.start)
        code = pd.factorize(crossed, sort=True)[0].astype(np.int64)
    parents = np.zeros((int(code.max()) + 1, len(dimensions)), dtype=np.int64)
    for i, d in enumerate(dimensions):
        parents[code, i] = cells.code[:, d]
    return Finest(code=code, parents=parents)


def blocks(cell: Ints, cluster: Ints) -> Blocks:
    """Group units by cluster, and within a cluster by finest cell."""
    cells = int(cell.max()) + 1
    key = cluster * cells + cell
    order = np.argsort(key)
    key = key.take(order)
    new = np.ones(key.size, dtype=np.bool_)
    np.not_equal(key[1:], key[:-1], out=new[1:])
    of_unit = np.empty(key.size, dtype=np.int64)
    of_unit[order] = np.cumsum(new) - 1
    found = key[new]
    return Blocks(of_unit=of_unit, cell=found % cells, cluster=found // cells)


def _changes(one: Ints, other: Ints) -> Ints:
    changed = np.ones(one.size, dtype=np.bool_)
    changed[1:] = (one[1:] != one[:-1]) | (other[1:] != other[:-1])
    return np.flatnonzero(changed)


def enough_buyers(buyers: Buyers, cells: int) -> Bools:
    """Whether each finest cell has `LEAST_BUYERS` in both arms, shape (G,)."""
    wide = int(buyers.cluster.max(initial=0)) + 1
    key = (buyers.cell * 2 + buyers.treated) * wide + buyers.cluster
    clusters = np.bincount(pd.unique(key) // wide, minlength=2 * cells).reshape(cells, 2)
    return np.asarray((clusters >= LEAST_BUYERS).all(axis=1))
