"""Bounds of segments: averages over their cells, with clustered errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from whatif.base.arrays import Bools, Floats, Ints
from whatif.effects.bounds.cells import Blocks, group_sums
from whatif.effects.bounds.ends import Arms, CellEnds


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Averaged:
    """Bounds of S segments.

    Attributes
    ----------
    ends, errors : ndarray, shape (S, 2)
        Lower and upper bound and their errors; 0 where `share` is 0.
    share : ndarray, shape (S,)
        Share of units that would order under either arm.
    trimmed : ndarray, shape (S, 2)
        Share of the orders of the control and of the arm that is trimmed.
    left_out : ndarray, shape (S,)
        Share of units in cells where an arm has no orders.
    settled, unsettled : ndarray of int64, shape (S,)
        Cells trimmed in one direction and in both.
    """

    ends: Floats
    errors: Floats
    share: Floats
    trimmed: Floats
    left_out: Floats
    settled: Ints
    unsettled: Ints

    @classmethod
    def of(cls, made: CellEnds, grouped: Blocks, segment: Ints) -> Self:
        """Average the ends of cells over those who order under either arm.

        ``β = Σ p_g m_g e_g / Σ p_g m_g`` with p_g the share of cell g, m_g its orders per unit
        under either arm and e_g an end; its influence counts the errors of all three.

        Parameters
        ----------
        made : CellEnds
            Ends of H finest cells.
        grouped : Blocks
            The blocks.
        segment : ndarray of int64, shape (H,)
            Segment of each cell, 0 … S − 1.
        """
        arms, size = made.arms, int(segment.max()) + 1
        total = arms.mass * arms.always
        always, mass = (
            group_sums(segment, total, size),
            group_sums(segment, arms.mass, size),
        )
        ends = np.zeros((size, 2))
        for end in (0, 1):
            summed = group_sums(segment, total * made.ends[:, end], size)
            np.divide(summed, always, out=ends[:, end], where=always > 0)
        return cls(
            ends=np.column_stack([ends[:, 0], ends.max(axis=1)]),
            errors=_errors(made, grouped, segment, ends=ends, always=always),
            share=always / mass,
            trimmed=_trimmed(arms, segment, size),
            left_out=group_sums(segment, np.where(arms.usable, 0.0, arms.mass), size) / mass,
            settled=_count(segment, arms.settled, size),
            unsettled=_count(segment, arms.usable & ~arms.settled, size),
        )


def _count(segment: Ints, which: Bools | Ints, size: int) -> Ints:
    return group_sums(segment, which, size).astype(np.int64)


def _errors(
    made: CellEnds, grouped: Blocks, segment: Ints, *, ends: Floats, always: Floats
) -> Floats:
    """Return clustered errors of the averages, shape (S, 2)."""
    away = np.where(made.arms.usable[:, None], made.ends - ends[segment], 0.0)
    influence = [
        own + away[:, end].take(grouped.cell) * made.always
        for end, own in enumerate(made.influence)
    ]
    summed = grouped.squares(influence, segment.take(grouped.cell), always.size)
    clusters = grouped.clusters
    factor = clusters / (clusters - 1) if clusters > 1 else np.nan
    errors = np.zeros_like(summed)
    np.divide(np.sqrt(factor * summed), always[:, None], out=errors, where=always[:, None] > 0)
    return errors


def _trimmed(arms: Arms, segment: Ints, size: int) -> Floats:
    out = np.zeros((size, 2))
    for a in (0, 1):
        orders = np.where(arms.usable, arms.mass * arms.orders[:, a], 0.0)
        cut = arms.usable & ~(arms.settled & (arms.fewer == a))
        gone = group_sums(segment, np.where(cut, orders * (1.0 - arms.kept), 0.0), size)
        every = group_sums(segment, orders, size)
        np.divide(gone, every, out=out[:, a], where=every > 0)
    return out
