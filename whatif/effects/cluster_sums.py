"""Scores summed within clusters: the one pass over the rows behind every mean and covariance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from whatif.base.arrays import Floats, Ints
from whatif.effects.cells import EVERYONE, Cells
from whatif.scores.record import Scores

_BLOCK = 1_048_576
"""Cluster sums held at once (8 MB): columns × basis cells × clusters."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Counts:
    """How much data stands behind each cell; S cells, A arms, K outcomes.

    Attributes
    ----------
    units, clusters : ndarray of int64, shape (S,)
        Units and clusters in the cell.
    arm_units, arm_clusters : ndarray of int64, shape (S, A)
        The same by arm received.
    events : ndarray of int64, shape (S, A, K)
        Units with an outcome other than 0.
    """

    units: Ints
    clusters: Ints
    arm_units: Ints
    arm_clusters: Ints
    events: Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sums:
    """All that means and covariances need of n units in C clusters.

    Basis cells, B of them, are those of the dimensions that no other dimension refines; every cell
    is a union of them. Columns, J = A·K + 1 of them, are the scores and, last, the mass.

    Attributes
    ----------
    centre : ndarray, shape (A·K,)
        Mean score of everyone, taken off the scores so that products keep their digits.
    totals : ndarray, shape (J, B)
        Weighted sum of each column in each basis cell; the mass of everyone adds up to n.
    products : ndarray, shape (J·B, J·B)
        ``Σ_c t_c t_cᵀ`` with t_c the same sums within cluster c.
    members : ndarray of 0 and 1, shape (S, B)
        Which basis cells make up each cell.
    units, clusters : int
        n and C.
    counts : Counts
        Data behind each cell.
    """

    centre: Floats
    totals: Floats
    products: Floats
    members: Floats
    units: int
    clusters: int
    counts: Counts


def cluster_sums(scores: Scores, cells: Cells) -> Sums:
    """Sum scores by cluster and basis cell, reading blocks of whole clusters.

    Coarse cells are never summed on their own, and memory does not grow with units × parameters.

    Parameters
    ----------
    scores : Scores
        Scores of n units.
    cells : Cells
        Cells over the same units, in the same order.
    """
    members = _members(cells)
    flat = scores.gamma.reshape(scores.n, -1)
    weight = scores.weight / (scores.weight @ scores.mass / scores.n)
    centre = weight @ flat / scores.n
    columns, width = flat.shape[1] + 1, members.shape[1]
    totals, products = np.zeros(columns * width), np.zeros((columns * width, columns * width))
    seen = np.zeros((len(cells.segments), len(scores.arms) + 1), dtype=np.int64)
    clusters = 0
    for rows, cluster, found in _blocks(scores.cluster, columns=columns, width=width):
        mass = scores.mass.take(rows)
        values = np.empty((columns, rows.size))
        values[:-1] = flat.take(rows, axis=0).T - np.outer(centre, mass)
        values[-1] = mass
        values *= weight.take(rows)
        sums = _sums(values, cells, rows, cluster, found).reshape(columns * width, found)
        totals += sums.sum(axis=1)
        products += sums @ sums.T
        seen += _seen(scores, cells, rows, cluster, found)
        clusters += found
    return Sums(
        centre=centre,
        totals=totals.reshape(columns, width),
        products=products,
        members=members,
        units=scores.n,
        clusters=clusters,
        counts=_counts(scores, cells, members, seen),
    )


def _basis(cells: Cells) -> list[int]:
    """Return the dimensions that no other refines; `EVERYONE` when there is none."""
    columns = [frozenset(dimension) for dimension in cells.dimensions]
    kept = [
        d
        for d, own in enumerate(columns)
        if not any(own < other for other in columns) and own not in columns[:d]
    ]
    return kept or [EVERYONE]


def _members(cells: Cells) -> Floats:
    basis = _basis(cells)
    fine = [cell for d in basis for cell in cells.of_dimension(d)]
    members = np.zeros((len(cells.segments), len(fine)))
    for d in (EVERYONE, *range(len(cells.dimensions))):
        names = cells.dimensions[d] if d != EVERYONE else ()
        within = next(b for b in basis if b == EVERYONE or set(names) <= set(cells.dimensions[b]))
        place = {cells.segments[cell]: cell for cell in cells.of_dimension(d)}
        for column, cell in enumerate(fine):
            if cell in cells.of_dimension(within):
                levels = dict(cells.segments[cell])
                members[place[tuple((name, levels[name]) for name in names)], column] = 1.0
    return members


def _blocks(cluster: Ints, *, columns: int, width: int) -> Iterator[tuple[Ints, Ints, int]]:
    """Yield rows, the cluster of each counted from 0, and the number of clusters."""
    n = cluster.size
    ones = np.ones(n, dtype=np.bool_)
    order = sparse.csr_array((ones, (cluster, np.arange(n)))).indices  # a sort by counting
    starts = np.flatnonzero(np.diff(cluster.take(order), prepend=-1))
    bounds = np.append(starts, n)
    step = max(_BLOCK // (columns * width), 1)
    first = 0
    while first < starts.size:
        reach = int(np.searchsorted(bounds, bounds[first] + _BLOCK // columns))
        last = min(first + step, max(reach, first + 1), starts.size)
        sizes = np.diff(bounds[first : last + 1])
        within = np.repeat(np.arange(last - first), sizes)
        yield order[bounds[first] : bounds[last]], within, last - first
        first = last


def _sums(values: Floats, cells: Cells, rows: Ints, cluster: Ints, found: int) -> Floats:
    """Sum each column by basis cell and cluster, shape (J, B, found)."""
    spans: list[Floats] = []
    for d in _basis(cells):
        own = cells.of_dimension(d)
        key = (cells.codes(d, rows) - own.start) * found + cluster
        size = len(own) * found
        spans.append(
            np.stack([np.bincount(key, column, size).reshape(-1, found) for column in values])
        )
    return np.concatenate(spans, axis=1) if len(spans) > 1 else spans[0]


def _seen(scores: Scores, cells: Cells, rows: Ints, cluster: Ints, found: int) -> Ints:
    """Count the clusters of each cell by arm and, last, in any arm; shape (S, A + 1)."""
    arms = len(scores.arms)
    arm = scores.arm.take(rows)
    counted = []
    for d in (EVERYONE, *range(len(cells.dimensions))):
        own = cells.of_dimension(d)
        flag = np.zeros((len(own), arms, found), dtype=np.bool_)
        flag.reshape(-1)[((cells.codes(d, rows) - own.start) * arms + arm) * found + cluster] = True
        by_arm = np.count_nonzero(flag, axis=2)
        counted.append(np.column_stack([by_arm, np.count_nonzero(flag.any(axis=1), axis=1)]))
    return np.vstack(counted)


def _counts(scores: Scores, cells: Cells, members: Floats, seen: Ints) -> Counts:
    arms, everyone = len(scores.arms), np.arange(scores.n)
    units, events = [], []
    for d in _basis(cells):
        own = cells.of_dimension(d)
        slot = (cells.codes(d, everyone) - own.start) * arms + scores.arm
        size = len(own) * arms
        units.append(np.bincount(slot, minlength=size).reshape(-1, arms))
        happened = [np.bincount(slot[y != 0], minlength=size).reshape(-1, arms) for y in scores.y.T]
        events.append(np.stack(happened, axis=2))
    belongs = members.astype(np.int64)
    by_arm = belongs @ np.concatenate(units)
    return Counts(
        units=by_arm.sum(axis=1),
        clusters=seen[:, -1],
        arm_units=by_arm,
        arm_clusters=seen[:, :-1],
        events=np.tensordot(belongs, np.concatenate(events), axes=1),
    )
