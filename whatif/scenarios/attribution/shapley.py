"""Shapley parts of the move of a mean or ratio between two periods, with exact gradients."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from whatif.base.arrays import Floats

PARTS = ("mix", "treatment_share", "mechanism")
_AVERAGE = np.array([[1 / 3, 1 / 6], [1 / 6, 1 / 3]])
"""Share of the six orders of three changes in which the two others are old or new."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Accounts:
    """What a mean is made of in two periods, S cells, A arms; or the derivative by all of it.

    Attributes
    ----------
    share : ndarray, shape (2, S)
        Share of each cell in a period.
    arms : ndarray, shape (2, S, A)
        Share of each arm within a cell.
    top, bottom : ndarray, shape (2, S, A)
        Mean of the numerator and of the denominator in each cell and arm.
    """

    share: Floats
    arms: Floats
    top: Floats
    bottom: Floats

    def flat(self) -> Floats:
        """Return all of it in one row, shape (P,)."""
        parts = (self.share, self.arms, self.top, self.bottom)
        return np.concatenate([part.ravel() for part in parts])

    def like(self, flat: Floats) -> Accounts:
        """Return what `flat` made flat: numbers in the shapes of these."""
        ends = np.cumsum([self.share.size, self.arms.size, self.top.size])
        share, arms, top, bottom = np.split(flat, ends)
        return Accounts(
            share=share.reshape(self.share.shape),
            arms=arms.reshape(self.arms.shape),
            top=top.reshape(self.top.shape),
            bottom=bottom.reshape(self.bottom.shape),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Split:
    """A move and its parts.

    Attributes
    ----------
    levels : ndarray, shape (2,)
        The mean or ratio in each period.
    parts : ndarray, shape (3,)
        What mix, treatment share and mechanism contribute; their sum is the move.
    level_gradients, part_gradients : ndarray, shape (2, P) and (3, P)
        Derivatives by ``Accounts.flat()``.
    """

    levels: Floats
    parts: Floats
    level_gradients: Floats
    part_gradients: Floats


def bottoms(accounts: Accounts) -> Floats:
    """Return the denominator of all eight combinations, by period of mix, shares and means."""
    every = product((0, 1), repeat=3)
    sums = [_sum(accounts, p, e, m, of=accounts.bottom) for p, e, m in every]
    return np.array(sums).reshape(2, 2, 2)


def split(accounts: Accounts) -> Split:
    """Split the move between two periods over mix, treatment share and mechanism.

    With p the mix, e the shares of arms and μ the means, ``R(p, e, μ) = Σ p e μ_top / Σ p e
    μ_bottom`` is taken at all eight combinations of the two periods. A part is what exchanging one
    of the three changes, averaged over the six orders in which they can be exchanged. It is exactly
    0 where that one did not change.

    Parameters
    ----------
    accounts : Accounts
        Both periods; all eight denominators must differ from 0.

    References
    ----------
    Shapley (1953), in Contributions to the Theory of Games II, 307–317; for decompositions of
    means, Shorrocks (2013), Journal of Economic Inequality 11(1), 99–126, section 2.

    Examples
    --------
    >>> one = np.array([[[1.0], [3.0]], [[1.0], [3.0]]])
    >>> mix = np.array([[0.5, 0.5], [0.25, 0.75]])
    >>> made = split(Accounts(share=mix, arms=one**0, top=one, bottom=one**0))
    >>> made.levels.tolist(), made.parts.tolist()
    ([2.0, 2.5], [0.5, 0.0, 0.0])
    """
    size = accounts.flat().size
    value, gradient = np.zeros((2, 2, 2)), np.zeros((2, 2, 2, size))
    for of in product((0, 1), repeat=3):
        value[of], gradient[of] = _combined(accounts, *of)
    both = [0, 1]
    return Split(
        levels=value[both, both, both],
        parts=np.array([_exchanged(value, axis) for axis in range(3)]),
        level_gradients=gradient[both, both, both],
        part_gradients=np.stack([_exchanged(gradient, axis) for axis in range(3)]),
    )


def _exchanged(combined: Floats, axis: int) -> Floats:
    """Average what changes along one axis over the other two."""
    moved = combined.take(1, axis) - combined.take(0, axis)
    return np.tensordot(_AVERAGE, moved, axes=2)


def _sum(accounts: Accounts, mix: int, shares: int, means: int, *, of: Floats) -> float:
    return float(accounts.share[mix] @ (accounts.arms[shares] * of[means]).sum(axis=1))


def _combined(accounts: Accounts, mix: int, shares: int, means: int) -> tuple[float, Floats]:
    """Return the ratio at one combination, and its gradient by everything."""
    below = _sum(accounts, mix, shares, means, of=accounts.bottom)
    value = _sum(accounts, mix, shares, means, of=accounts.top) / below
    away = (accounts.top[means] - value * accounts.bottom[means]) / below
    weight = accounts.share[mix][:, None] * accounts.arms[shares] / below
    empty = np.zeros_like
    made = Accounts(
        share=empty(accounts.share),
        arms=empty(accounts.arms),
        top=empty(accounts.top),
        bottom=empty(accounts.bottom),
    )
    made.share[mix] = (accounts.arms[shares] * away).sum(axis=1)
    made.arms[shares] = accounts.share[mix][:, None] * away
    made.top[means] = weight
    made.bottom[means] = -value * weight
    return value, made.flat()
