"""One joint clustered covariance over cells × arms × outcomes, from which every view follows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from whatif.base.arrays import Floats, Ints
from whatif.effects.cells import Cells
from whatif.scores.record import Scores

_BLOCK = 4_194_304
"""Influence values held at once (32 MB): rows × cells × arms × outcomes."""


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
class Joint:
    """Doubly robust means of every cell, arm and outcome with their joint covariance.

    Attributes
    ----------
    arms, outcomes : tuple of str
        Labels; ``arms[0]`` is the control.
    cells : Cells
        The S cells.
    theta : ndarray, shape (S, A, K)
        Mean outcome of the cell had everyone got the arm, in the outcome's unit.
    sigma : ndarray, shape (S·A·K, S·A·K)
        Covariance of ``theta.ravel()``.
    counts : Counts
        Data behind each cell.
    clusters_assigned : bool
        Whether whole clusters were assigned, for degrees of freedom.
    """

    arms: tuple[str, ...]
    outcomes: tuple[str, ...]
    cells: Cells
    theta: Floats
    sigma: Floats
    counts: Counts
    clusters_assigned: bool

    def degrees(self, cell: int, arm: int) -> int:
        """Clusters of a cell − 1; those of the smaller of the two arms when arms hold clusters."""
        if self.clusters_assigned:
            return max(int(self.counts.arm_clusters[cell, [0, arm]].min()) - 1, 0)
        return max(int(self.counts.clusters[cell]) - 1, 0)

    def clusters_compared(self, arm: int) -> int:
        """Clusters behind the comparison of `arm` with the control, everywhere."""
        if self.clusters_assigned:
            return int(self.counts.arm_clusters[0, [0, arm]].sum())
        return int(self.counts.clusters[0])


def joint(scores: Scores, cells: Cells) -> Joint:
    """Average the scores in every cell and sum influence values within clusters.

    ``θ_s = Σ w Γ / Σ w μ`` over the cell, with w the weight and μ the mass of a unit, and
    ``Σ = C/(C−1) · Σ_c ψ_c ψ_cᵀ / n²`` with ψ_c the sum over cluster c of
    ``1{i∈s}/p_s · w (Γ[i] − θ_s μ[i])``; p_s is the cell's share of the mass. Rows are read in blocks of whole clusters, so memory does not
    grow with units × parameters.

    Parameters
    ----------
    scores : Scores
        Scores of n units.
    cells : Cells
        Cells over the same units, in the same order.

    References
    ----------
    Chiang, Kato, Ma & Sasaki (2022), JBES 40(3), 1046–1056, section 3.
    """
    n, arms, outcomes = scores.gamma.shape
    width = arms * outcomes
    flat = scores.gamma.reshape(n, width)
    weight = scores.weight / (scores.weight @ scores.mass / n)
    mass = weight * scores.mass
    size = len(cells.segments)
    share, theta = np.empty(size), np.empty((size, width))
    share[0], theta[0] = 1.0, weight @ flat / n
    for d in range(len(cells.dimensions)):
        for s, total in _sums(cells.code[:, d], weight, mass, flat, cells.of_dimension(d)):
            share[s], theta[s] = total[0] / n, total[1:] / total[0]
    meat = np.zeros((size * width, size * width))
    for psi in _cluster_influence(scores, weight, cells, share, theta):
        meat += psi.T @ psi
    clusters = int(np.unique(scores.cluster).size)
    factor = clusters / (clusters - 1) if clusters > 1 else np.nan
    return Joint(
        arms=scores.arms,
        outcomes=scores.outcomes,
        cells=cells,
        theta=theta.reshape(size, arms, outcomes),
        sigma=factor * meat / n**2,
        counts=_counts(scores, cells),
        clusters_assigned=scores.clusters_assigned,
    )


def _sums(
    code: Ints, weight: Floats, mass: Floats, flat: Floats, cells: range
) -> Iterator[tuple[int, Floats]]:
    for s in cells:
        rows = np.flatnonzero(code == s)
        yield s, np.concatenate([[mass[rows].sum()], weight[rows] @ flat[rows]])


def _cluster_influence(
    scores: Scores, weight: Floats, cells: Cells, share: Floats, theta: Floats
) -> Iterator[Floats]:
    """Yield influence values summed within clusters, block by block, shape (clusters, S·width)."""
    order = np.argsort(scores.cluster, kind="stable")
    starts = np.flatnonzero(np.diff(scores.cluster[order], prepend=-1))
    flat = scores.gamma.reshape(scores.n, -1)
    size, width = theta.shape
    step = max(_BLOCK // (size * width), 1)
    first = 0
    while first < starts.size:
        last = max(first + 1, int(np.searchsorted(starts, starts[first] + step, side="left")))
        stop = int(starts[last]) if last < starts.size else order.size
        rows = order[starts[first] : stop]
        here = np.arange(rows.size)
        psi = np.zeros((rows.size, size, width))
        mass = scores.mass[rows, None]
        psi[:, 0] = flat[rows] - theta[0] * mass
        for d in range(len(cells.dimensions)):
            s = cells.code[rows, d]
            psi[here, s] = (flat[rows] - theta[s] * mass) / share[s, None]
        psi *= weight[rows, None, None]
        yield np.add.reduceat(psi.reshape(rows.size, -1), starts[first:last] - starts[first])
        first = last


def _counts(scores: Scores, cells: Cells) -> Counts:
    size, arms = len(cells.segments), len(scores.arms)
    event = (scores.y != 0).astype(np.float64)
    units = np.zeros((size, arms), dtype=np.int64)
    events = np.zeros((size, arms, len(scores.outcomes)), dtype=np.int64)
    clusters = np.zeros(size, dtype=np.int64)
    arm_clusters = np.zeros((size, arms), dtype=np.int64)
    everyone = np.zeros((scores.n, 1), dtype=np.int64)
    wide = int(scores.cluster.max()) + 1
    for code in np.column_stack([everyone, cells.code]).T:
        slot = code * arms + scores.arm
        length = size * arms
        units += np.bincount(slot, minlength=length).reshape(size, arms)
        for k in range(event.shape[1]):
            counted = np.bincount(slot, weights=event[:, k], minlength=length)
            events[:, :, k] += counted.astype(np.int64).reshape(size, arms)
        clusters += np.bincount(np.unique(code * wide + scores.cluster) // wide, minlength=size)
        by_arm = np.unique(slot * wide + scores.cluster) // wide
        arm_clusters += np.bincount(by_arm, minlength=length).reshape(size, arms)
    return Counts(
        units=units.sum(axis=1),
        clusters=clusters,
        arm_units=units,
        arm_clusters=arm_clusters,
        events=events,
    )
