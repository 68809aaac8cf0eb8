"""Outcomes redrawn from fitted models: a row's own outcome, moved to what another arm predicts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from whatif.base.arrays import Bools, Floats, Ints

_NONE = -1
_RAREST = 0.001
_SMALLEST = 0.05


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fitted:
    """A pool whose outcome under each arm follows fitted means and keeps the row's own residual.

    Outcomes come in three kinds. One that is 0 or 1 stays as it was or turns over, with the
    smallest chance that gives the fitted means. A cost that only units with some event have
    follows the event: it is scaled by the fitted costs per event, and a new event takes the
    relative cost of a donor, so zeros and skew stay. Any other outcome is shifted.

    Attributes
    ----------
    y : ndarray, shape (n, K)
        Outcomes that were seen.
    gate : tuple of int, length K
        The 0-or-1 outcome without which an outcome is 0; its own index for a 0-or-1 outcome, −1
        for one that depends on none.
    chance : ndarray, shape (n, A, K)
        Chance of an event under each arm given what was seen; of the gate for gated outcomes.
    level : ndarray, shape (n, A, K)
        Fitted mean; for gated outcomes the fitted mean per event.
    own : ndarray, shape (n, K)
        `level` under the arm that was seen.
    """

    y: Floats
    gate: tuple[int, ...]
    chance: Floats
    level: Floats
    own: Floats

    def potential(self) -> Floats:
        """Return the mean outcome of each row under each arm, shape (n, A, K)."""
        out = self.chance.copy()
        for k, gate in enumerate(self.gate):
            if gate == _NONE:
                out[:, :, k] = self.y[:, [k]] + self.level[:, :, k] - self.own[:, [k]]
            elif gate != k:
                relative = np.where(self._came(k), self.y[:, k] / self.own[:, k], 0.0)
                mean = np.where(self._came(k), relative, self._donors(k).mean())
                out[:, :, k] = self.chance[:, :, k] * self.level[:, :, k] * mean[:, None]
        return out

    def drawn(self, rows: Ints, arm: Ints, rng: np.random.Generator) -> Floats:
        """Return outcomes of rows that got `arm`, shape (m, K)."""
        level, chance = self.level[rows, arm], self.chance[rows, arm]
        out = self.y[rows] + level - self.own[rows]
        for k in (k for k, gate in enumerate(self.gate) if gate == k):
            out[:, k] = rng.random(rows.size) < chance[:, k]
        for k, gate in enumerate(self.gate):
            if gate not in (_NONE, k):
                donors = self._donors(k)
                new = donors[rng.integers(0, donors.size, rows.size)]
                own = self.y[rows, k] / self.own[rows, k]
                relative = np.where(self._came(k)[rows], own, new)
                out[:, k] = out[:, gate] * level[:, k] * relative
        return out

    def _came(self, k: int) -> Bools:
        return np.asarray(self.y[:, self.gate[k]] == 1)

    def _donors(self, k: int) -> Floats:
        came = self._came(k)
        return np.asarray(self.y[came, k] / self.own[came, k])


def fitted(y: Floats, arm: Ints, mean: Floats, *, binary: tuple[bool, ...]) -> Fitted:
    """Return the pool in which the fitted means are the truth.

    Fitted chances below .001 or above .999, and fitted costs per event below 5 % of their mean,
    are moved to that bound: a world has to be possible.

    Parameters
    ----------
    y : ndarray, shape (n, K)
        Outcomes that were seen.
    arm : ndarray of int64, shape (n,)
        Arm that was seen.
    mean : ndarray, shape (n, A, K)
        Fitted mean under each arm.
    binary : tuple of bool, length K
        Which outcomes are 0 or 1.

    Examples
    --------
    >>> mean = np.array([[[0.5], [0.75]], [[0.5], [0.75]]])
    >>> y, arm = np.array([[1.0], [0.0]]), np.array([0, 0])
    >>> fitted(y, arm, mean, binary=(True,)).potential()[:, :, 0].tolist()
    [[1.0, 1.0], [0.0, 0.5]]
    """
    rows = np.arange(arm.size)
    gates = tuple(_gate(y, k, binary) for k in range(y.shape[1]))
    level = mean.copy()
    chance = np.zeros_like(mean)
    for k in (k for k, is_binary in enumerate(binary) if is_binary):
        level[:, :, k] = np.clip(mean[:, :, k], _RAREST, 1 - _RAREST)
        chance[:, :, k] = _turned(y[:, k] == 1, level[:, :, k], level[rows, arm, k])
    for k, gate in enumerate(gates):
        if gate not in (_NONE, k):
            came = y[:, gate] == 1
            least = _SMALLEST * y[came, k].mean()
            level[:, :, k] = np.maximum(mean[:, :, k] / level[:, :, gate], least)
            chance[:, :, k] = chance[:, :, gate]
    return Fitted(y=y, gate=gates, chance=chance, level=level, own=level[rows, arm])


def _gate(y: Floats, k: int, binary: tuple[bool, ...]) -> int:
    if binary[k]:
        return k
    costs = y[:, k] != 0
    events = (b for b, is_binary in enumerate(binary) if is_binary)
    never_without = (b for b in events if not costs[y[:, b] == 0].any())
    possible = (y[:, k] >= 0).all() and costs.any()
    return next(never_without, _NONE) if possible else _NONE


def _turned(came: Bools, mean: Floats, own: Floats) -> Floats:
    """Return the chance of an event under each arm, given whether one came under the own arm."""
    stays = np.minimum(mean / own[:, None], 1.0)
    comes = np.maximum(mean - own[:, None], 0.0) / (1.0 - own[:, None])
    return np.where(came[:, None], stays, comes)
