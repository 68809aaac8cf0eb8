"""Scores laid out by cluster once, so that every later question is a few passes over arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import pandas as pd
from scipy import sparse

from whatif.base.arrays import Bools, Floats, Ints
from whatif.effects.cells import cut
from whatif.scores.record import Scores


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Levels:
    """The G levels of a dimension over the rows of a ledger.

    Attributes
    ----------
    names : tuple of str
        Levels in words; those of a cross are joined.
    code : ndarray of int64, shape (n,)
        Level of each row.
    mass : ndarray, shape (G,)
        Mass of each level.
    within : sparse array, shape (C, G)
        The same by cluster.
    base : ndarray, shape (K, G)
        Sum of each outcome under the control in each level.
    base_within : tuple of K sparse arrays, shape (C, G)
        The same by cluster.
    received : ndarray of int64, shape (A, G)
        Units of each level that got each arm.
    """

    names: tuple[str, ...]
    code: Ints
    mass: Floats
    within: sparse.csr_array
    base: Floats
    base_within: tuple[sparse.csr_array, ...]
    received: Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ledger:
    """Scores of n units in C clusters, A arms, K outcomes, rows of a cluster together.

    Weights are scaled so that mass adds up to n; weighted arrays hold them already.

    Attributes
    ----------
    order : ndarray of int64, shape (n,)
        Row of the scores at each place.
    cluster : ndarray of int64, shape (n,)
        Cluster of each place, 0 … C − 1, in order.
    clusters : int
        C.
    mass : ndarray, shape (n,)
        Weighted mass.
    score : ndarray, shape (A, K, n)
        Weighted scores.
    gain : ndarray, shape (A, K, n)
        Weighted scores under each arm less those under the control.
    received : ndarray of bool, shape (A, n)
        Who got which arm.
    happened : ndarray of bool, shape (K, n)
        Outcomes other than 0.
    base : ndarray, shape (K,)
        Mean of each outcome had everyone got the control.
    base_influence : ndarray, shape (K, C)
        Its influence, summed within clusters.
    cluster_mass : ndarray, shape (C,)
        Mass of each cluster.
    columns : DataFrame, n rows
        Pre-treatment columns, in the order of the scores.
    """

    order: Ints
    cluster: Ints
    clusters: int
    mass: Floats
    score: Floats
    gain: Floats
    received: Bools
    happened: Bools
    base: Floats
    base_influence: Floats
    cluster_mass: Floats
    columns: pd.DataFrame
    _coded: dict[str, pd.Series] = field(default_factory=dict)
    _distinct: dict[str, int] = field(default_factory=dict)
    _levels: dict[tuple[str, ...], Levels] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Number of units."""
        return int(self.order.size)

    def frame(self, names: frozenset[str]) -> pd.DataFrame:
        """Return some pre-treatment columns in the ledger's order, text as categories."""
        for name in names - self._coded.keys():
            column = self.columns[name]
            text = not pd.api.types.is_numeric_dtype(column.dtype) and not (
                pd.api.types.is_datetime64_any_dtype(column.dtype)
            )
            coded = column.astype("category") if text else column
            self._coded[name] = coded.take(self.order).reset_index(drop=True)
        return pd.DataFrame({name: self._coded[name] for name in sorted(names)}, copy=False)

    def distinct(self, name: str) -> int:
        """Count the values of a column."""
        if name not in self._distinct:
            self._distinct[name] = int(self.columns[name].nunique())
        return self._distinct[name]

    def levels(self, dimension: tuple[str, ...]) -> Levels:
        """Lay the levels of one column, or of a cross of several, over the rows."""
        if dimension not in self._levels:
            self._levels[dimension] = self._laid(dimension)
        return self._levels[dimension]

    def _laid(self, dimension: tuple[str, ...]) -> Levels:
        cells = cut(self.columns, (dimension,))
        found = cells.of_dimension(0)
        size = len(found)
        code = (cells.code[:, 0] - found.start).take(self.order)

        def within(values: Floats) -> sparse.csr_array:
            return sparse.csr_array((values, (self.cluster, code)), shape=(self.clusters, size))

        return Levels(
            names=tuple(
                " × ".join(str(level) for _, level in cells.segments[cell]) for cell in found
            ),
            code=code,
            mass=np.bincount(code, self.mass, size).astype(np.float64),
            within=within(self.mass),
            base=np.stack(
                [np.bincount(code, row, size).astype(np.float64) for row in self.score[0]]
            ),
            base_within=tuple(within(row) for row in self.score[0]),
            received=np.stack([np.bincount(code[got], minlength=size) for got in self.received]),
        )

    def by_cluster(self, values: Floats) -> Floats:
        """Sum values, shape (n,), within clusters, shape (C,)."""
        return np.asarray(np.bincount(self.cluster, values, self.clusters), dtype=np.float64)

    def clusters_with(self, rows: Bools) -> int:
        """Count the clusters that hold any of `rows`, shape (n,)."""
        found = self.cluster.take(np.flatnonzero(rows))
        return int(np.count_nonzero(np.diff(found, prepend=-1)))


@lru_cache(maxsize=2)
def ledger(scores: Scores) -> Ledger:
    """Lay out scores by cluster; kept for the two tables asked last.

    Parameters
    ----------
    scores : Scores
        Scores of n units, at least one.
    """
    n, arms, outcomes = scores.gamma.shape
    ones = np.ones(n, dtype=np.bool_)
    order = sparse.csr_array((ones, (scores.cluster, np.arange(n)))).indices.astype(np.int64)
    cluster = np.cumsum(np.diff(scores.cluster.take(order), prepend=-1) != 0) - 1
    clusters = int(cluster[-1]) + 1
    weight = (scores.weight / (scores.weight @ scores.mass / n)).take(order)
    mass = weight * scores.mass.take(order)
    score = np.empty((arms, outcomes, n))
    for a in range(arms):
        for k in range(outcomes):
            score[a, k] = scores.gamma[:, a, k].take(order) * weight
    cluster_mass = np.bincount(cluster, mass).astype(np.float64)
    base = score[0].sum(axis=1) / n
    sums = np.stack([np.bincount(cluster, row).astype(np.float64) for row in score[0]])
    arm = scores.arm.take(order)
    return Ledger(
        order=order,
        cluster=cluster,
        clusters=clusters,
        mass=mass,
        score=score,
        gain=score - score[0],
        received=arm == np.arange(arms)[:, None],
        happened=np.ascontiguousarray((scores.y.take(order, axis=0) != 0).T),
        base=base,
        base_influence=sums - np.outer(base, cluster_mass),
        cluster_mass=cluster_mass,
        columns=scores.columns,
    )
