"""Draws from a study's own rows whose true effects are known: who comes, who gets what, effects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from whatif.base.arrays import Bools, Floats, Ints

_EDGE = 1e-9


def resampled(cluster: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Draw as many clusters as there are, with replacement.

    Parameters
    ----------
    cluster : ndarray of int64, shape (n,)
        Dense codes 0 … C − 1.

    Returns
    -------
    rows : ndarray of int64
        Rows of the drawn clusters, one cluster after the other.
    copy : ndarray of int64
        Which of the C draws each row belongs to: a cluster drawn twice is two of them.

    Examples
    --------
    >>> rows, copy = resampled(np.array([0, 1, 0]), np.random.default_rng(1))
    >>> rows.tolist(), copy.tolist()
    ([0, 2, 1], [0, 0, 1])
    """
    size = np.bincount(cluster)
    start = np.concatenate([[0], np.cumsum(size)[:-1]])
    in_order = np.argsort(cluster, kind="stable")
    drawn = rng.integers(0, size.size, size.size)
    copy = np.repeat(np.arange(drawn.size), size[drawn])
    before = np.repeat(np.cumsum(size[drawn]) - size[drawn], size[drawn])
    place = np.arange(copy.size) - before
    return in_order[start[drawn][copy] + place].astype(np.int64), copy.astype(np.int64)


def redrawn_arms(chance: Floats, unit: Ints, rng: np.random.Generator) -> Ints:
    """Assign again by known chances: one uniform number per unit, read by each of its rows.

    Where chances are constant a unit has one arm; where they rise in a ramp its later rows may
    move on to another arm, as a hashed ramp moves them.

    Parameters
    ----------
    chance : ndarray, shape (n, A)
        Chance of each arm in each row.
    unit : ndarray of int64, shape (n,)
        Codes of what was assigned as a whole.

    Examples
    --------
    >>> sure = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> redrawn_arms(sure, np.array([0, 0]), np.random.default_rng(0)).tolist()
    [1, 0]
    """
    return _read(chance, rng.random(int(unit.max(initial=-1)) + 1)[unit])


def turned_arms(chance: Floats, arm: Ints, cluster: Ints, rng: np.random.Generator) -> Ints:
    """Draw arms by fitted chances, keeping how alike the arms of one cluster were.

    Each row's arm is written as a uniform number that its chances turn into that arm; the numbers
    of a cluster are turned round the unit circle together by one uniform angle. Each row then has
    every arm with exactly its chance, whatever its outcome was. A study in which no cluster has
    two arms keeps it so as far as chances allow: all rows of a cluster share one number.

    Parameters
    ----------
    chance : ndarray, shape (n, A)
        Chance of each arm in each row.
    arm : ndarray of int64, shape (n,)
        Arm that was seen.
    cluster : ndarray of int64, shape (n,)
        Dense codes of the clusters.
    """
    angle = rng.random(int(cluster.max(initial=-1)) + 1)[cluster]
    first = np.zeros(int(cluster.max(initial=-1)) + 1, dtype=np.int64)
    first[cluster[::-1]] = arm[::-1]
    if (arm == first[cluster]).all():
        return _read(chance, angle)
    rows = np.arange(arm.size)
    above = np.cumsum(chance, axis=1)[rows, arm]
    seen = above - rng.random(arm.size) * chance[rows, arm]
    return _read(chance, (seen + angle) % 1.0)


def _read(chance: Floats, uniform: Floats) -> Ints:
    ends = np.cumsum(chance, axis=1)[:, :-1]
    return np.asarray((uniform[:, None] >= ends).sum(axis=1), dtype=np.int64)


class Plant(Protocol):
    """An effect of known size on the outcomes of units that get another arm than the control."""

    def expected(self, y: Floats) -> Floats:
        """Return the mean of each unit's outcomes under such an arm, shape (n, K)."""
        ...

    def drawn(self, y: Floats, treated: Bools, rng: np.random.Generator) -> Floats:
        """Return outcomes with the effect in `treated` units, shape (n, K)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Nothing:
    """No effect on anyone: the sharp null."""

    def expected(self, y: Floats) -> Floats:
        """Return `y`."""
        return y

    def drawn(self, y: Floats, treated: Bools, rng: np.random.Generator) -> Floats:  # noqa: ARG002
        """Return `y`."""
        return y


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Flip:
    """A share of those without an event get one, and with it every outcome of a donor who had one.

    So a new order comes with the cost of some order. With ``toward=0`` events are taken away.

    Attributes
    ----------
    column : int
        The outcome that is 0 or 1.
    toward : float
        What it becomes.
    share : float
        Chance that a unit which is not there yet is moved.
    donors : ndarray, shape (D, K)
        Outcomes of those who are there already.
    """

    column: int
    toward: float
    share: float
    donors: Floats

    def expected(self, y: Floats) -> Floats:
        """Return the mean of each unit's outcomes, over who is moved and by which donor."""
        moves = self.share * (y[:, [self.column]] != self.toward)
        return np.asarray(y + moves * (self.donors.mean(axis=0) - y))

    def drawn(self, y: Floats, treated: Bools, rng: np.random.Generator) -> Floats:
        """Move a share of the treated units that are not there yet."""
        open_ = treated & (y[:, self.column] != self.toward)
        moved = np.flatnonzero(open_ & (rng.random(len(y)) < self.share))
        out = y.copy()
        out[moved] = self.donors[rng.integers(0, len(self.donors), moved.size)]
        return out


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scale:
    """One outcome grows or shrinks by the same factor for everyone: zeros and skew stay."""

    column: int
    factor: float

    def expected(self, y: Floats) -> Floats:
        """Return outcomes with the one scaled."""
        out = y.copy()
        out[:, self.column] *= self.factor
        return out

    def drawn(self, y: Floats, treated: Bools, rng: np.random.Generator) -> Floats:  # noqa: ARG002
        """Scale the outcome of treated units."""
        return np.where(treated[:, None], self.expected(y), y)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shift:
    """One outcome moves by the same amount for everyone, for outcomes that may be negative."""

    column: int
    amount: float

    def expected(self, y: Floats) -> Floats:
        """Return outcomes with the one shifted."""
        out = y.copy()
        out[:, self.column] += self.amount
        return out

    def drawn(self, y: Floats, treated: Bools, rng: np.random.Generator) -> Floats:  # noqa: ARG002
        """Shift the outcome of treated units."""
        return np.where(treated[:, None], self.expected(y), y)


def flip(y: Floats, weight: Floats, *, column: int, effect: float) -> Flip | None:
    """Return the flips whose mean effect on the weighted pool is `effect`; None: not possible.

    Parameters
    ----------
    y : ndarray, shape (n, K)
        Outcomes of the pool; `column` is 0 or 1.
    weight : ndarray, shape (n,)
        How much of the population each row stands for.

    Examples
    --------
    >>> made = flip(np.array([[0.0], [1.0]]), np.ones(2), column=0, effect=0.1)
    >>> made.share, made.expected(np.array([[0.0], [1.0]])).mean().round(9).item()
    (0.2, 0.6)
    """
    toward = 1.0 if effect > 0 else 0.0
    away = y[:, column] != toward
    room = float(weight[away].sum() / weight.sum())
    if away.all() or room < abs(effect):
        return None
    return Flip(column=column, toward=toward, share=abs(effect) / room, donors=y[~away])


def scale(
    y: Floats, weight: Floats, *, column: int, effect: float, over: int | None = None
) -> Scale | Shift | None:
    """Return the scaling whose mean effect is `effect`, on an outcome or on it `over` another.

    An outcome that is somewhere negative is shifted instead; None where neither is possible.

    Examples
    --------
    >>> scale(np.array([[1.0], [3.0]]), np.ones(2), column=0, effect=0.5).factor
    1.25
    """
    mean = weight @ y / weight.sum()
    below = 1.0 if over is None else mean[over]
    if below <= 0:
        return None
    if (y[:, column] < 0).any():
        return Shift(column=column, amount=float(effect * below))
    if mean[column] <= _EDGE or mean[column] + effect * below <= 0:
        return None
    return Scale(column=column, factor=float(1.0 + effect * below / mean[column]))
