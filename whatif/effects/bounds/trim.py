"""Means of the cheapest and of the dearest share of the orders in each cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from whatif.base.arrays import Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tail:
    """Mean of one tail of the values in each of G cells.

    Attributes
    ----------
    mean : ndarray, shape (G,)
        Mean of the values kept; NaN in a cell without any.
    cut : ndarray, shape (G,)
        Last value kept, in part where it is tied or the share falls inside it.
    low : bool
        Whether the lowest values are kept, or the highest.
    """

    mean: Floats
    cut: Floats
    low: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sorted:
    """Weighted values of one arm, sorted by cell and then by value.

    Attributes
    ----------
    value, weight : ndarray, shape (m,)
        In that order.
    cell, block : ndarray of int64, shape (m,)
        Cell and block of each value.
    edges : ndarray of int64, shape (G + 1,)
        Where each cell starts and ends.
    reached, spent : ndarray, shape (m + 1,)
        Running sums of the weights and of the weighted values, from 0.
    """

    value: Floats
    weight: Floats
    cell: Ints
    block: Ints
    edges: Ints
    reached: Floats
    spent: Floats

    @classmethod
    def of(cls, *, value: Floats, weight: Floats, cell: Ints, block: Ints, cells: int) -> Self:
        """Sort by cell `value` that comes in ascending order, with its positive `weight`."""
        order = np.argsort(cell.astype(np.min_scalar_type(cells)), kind="stable")
        value, weight = value.take(order), weight.take(order)
        return cls(
            value=value,
            weight=weight,
            cell=cell.take(order),
            block=block.take(order),
            edges=np.concatenate([[0], np.cumsum(np.bincount(cell, minlength=cells))]),
            reached=np.concatenate([[0.0], np.cumsum(weight)]),
            spent=np.concatenate([[0.0], np.cumsum(weight * value)]),
        )

    @property
    def total(self) -> Floats:
        """Weight of each cell, shape (G,)."""
        return np.diff(self.reached.take(self.edges))

    @property
    def mean(self) -> Floats:
        """Weighted mean of each cell, shape (G,); NaN where it is empty."""
        return _over(np.diff(self.spent.take(self.edges)), self.total)

    def tail(self, share: Floats, *, low: bool) -> Tail:
        """Return the mean of the lowest, or highest, `share` of each cell's weight.

        The value at the cut counts with the fraction of its weight that fills the share, so ties
        need no order.

        Parameters
        ----------
        share : ndarray, shape (G,)
            Above 0 and at most 1.
        low : bool
            Which end is kept.

        References
        ----------
        Lee (2009), Review of Economic Studies 76(3), 1071–1102, section 3.
        """
        if not self.value.size:
            empty = np.full(share.size, np.nan)
            return Tail(mean=empty, cut=empty, low=low)
        first, stop = self.edges[:-1], self.edges[1:]
        below = self.total * (share if low else 1.0 - share)
        target = self.reached.take(first) + below
        at = np.searchsorted(self.reached[1:], target, side="left" if low else "right")
        at = np.clip(at, first, np.maximum(stop - 1, first)).clip(max=self.value.size - 1)
        cut = self.value.take(at)
        cheap = self.spent.take(at) - self.spent.take(first)
        cheap += cut * (target - self.reached.take(at))
        kept = cheap if low else np.diff(self.spent.take(self.edges)) - cheap
        cut = np.where(first < stop, cut, np.nan)
        return Tail(mean=_over(kept, share * self.total), cut=cut, low=low)


def _over(top: Floats, bottom: Floats) -> Floats:
    out = np.full(top.shape, np.nan)
    np.divide(top, bottom, out=out, where=bottom > 0)
    return out
