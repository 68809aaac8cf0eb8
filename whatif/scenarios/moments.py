"""The few averages that a what-if is made of, with their joint clustered covariance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from whatif.base.arrays import Bools, Floats
from whatif.scenarios.ledger import Ledger, Levels


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Remix:
    """Another mix over the G levels of a dimension, declared exact.

    Attributes
    ----------
    levels : Levels
        The dimension, laid over the rows of the ledger.
    shares : ndarray, shape (G,)
        Share of each level in the mix; adds up to 1.
    """

    levels: Levels
    shares: Floats

    @property
    def ratio(self) -> Floats:
        """Share in the mix over share in the data, by level."""
        found, mass = np.zeros(self.shares.size), self.levels.mass
        np.divide(self.shares * mass.sum(), mass, out=found, where=self.shares > 0)
        return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moments:
    """Averages per unit of the population, or of the mix asked about; K outcomes.

    Attributes
    ----------
    change : ndarray, shape (K,)
        Change of each outcome against the control for everyone.
    base : ndarray, shape (K,)
        Each outcome under the control for everyone.
    given : float
        Share of the population that gets the arm; 0 where nobody asked.
    paid : float
        Mean of the outcome that is paid for, counted only where the arm is given; 0 without one.
    covariance : ndarray, shape (2K + 2, 2K + 2)
        Of ``(change, base, given, paid)``.
    effective_clusters : float
        ``(Σ_c W_c)² / Σ_c W_c²``, W the mass of a cluster in the mix.
    """

    change: Floats
    base: Floats
    given: float
    paid: float
    covariance: Floats
    effective_clusters: float

    def error(self, gradient: Floats) -> float:
        """Return the standard error of a number with this gradient by the averages."""
        return float(np.sqrt(max(float(gradient @ self.covariance @ gradient), 0.0)))


def moments(
    book: Ledger,
    *,
    arm: int,
    chosen: Bools,
    share: float,
    mix: Remix | None = None,
    charged: bool = True,
    paid: int | None = None,
) -> Moments:
    """Average a what-if: `share` of the `chosen` units get `arm`, everyone else the control.

    Without a mix a mean is ``Σ x / n`` with influence ``x − mean · mass``. With shares M over
    levels g it is ``Σ_g M_g x̄_g``, and a unit's influence is ``M_g/P_g · (x − x̄_g · mass)``: the
    mix is exact, the means within levels are not (ruling 25). Influence is summed within clusters,
    and the covariance is ``C/(C−1) · Σ_c ψ_c ψ_cᵀ / n²``.

    Parameters
    ----------
    book : Ledger
        Scores of n units.
    arm : int
        Who gives.
    chosen : ndarray of bool, shape (n,)
        In the ledger's order.
    share : float
        In (0, 1]; who of the chosen gets the arm is left to chance.
    mix : Remix, optional
        Another mix of the population.
    charged : bool, optional
        Whether the share that gets the arm is wanted, because giving it costs something.
    paid : int, optional
        The outcome that those who get the arm pay for.
    """
    outcomes = len(book.base)
    people = _AsTheyAre(book) if mix is None else _Mixed(book, mix)
    values = np.zeros(2 * outcomes + 2)
    influence = np.zeros((values.size, book.clusters))
    for k in range(outcomes):
        values[outcomes + k], influence[outcomes + k] = people.base(k)
    scale = np.where(chosen, share, 0.0)
    for j, row in _rows(book, arm=arm, scale=scale, charged=charged, paid=paid):
        values[j], influence[j] = people.average(row)
    factor = book.clusters / (book.clusters - 1) if book.clusters > 1 else np.nan
    mass = people.cluster_mass
    return Moments(
        change=values[:outcomes],
        base=values[outcomes : 2 * outcomes],
        given=float(values[-2]),
        paid=float(values[-1]),
        covariance=factor * (influence @ influence.T) / book.n**2,
        effective_clusters=float(mass.sum() ** 2 / (mass**2).sum()),
    )


def _rows(
    book: Ledger, *, arm: int, scale: Floats, charged: bool, paid: int | None
) -> Iterator[tuple[int, Floats]]:
    """Yield what varies with the question, and its place among the averages."""
    for k, gain in enumerate(book.gain[arm]):
        yield k, gain * scale
    if charged:
        yield -2, book.mass * scale
    if paid is not None:
        yield -1, book.score[arm, paid] * scale


class _AsTheyAre:
    """Averages over the population of the data, with influence by cluster."""

    def __init__(self, book: Ledger) -> None:
        self._book = book
        self.cluster_mass = book.cluster_mass

    def base(self, k: int) -> tuple[float, Floats]:
        return float(self._book.base[k]), self._book.base_influence[k]

    def average(self, row: Floats) -> tuple[float, Floats]:
        mean = float(row.sum()) / self._book.n
        return mean, self._book.by_cluster(row) - mean * self.cluster_mass


class _Mixed:
    """Averages over another mix, with influence by cluster."""

    def __init__(self, book: Ledger, mix: Remix) -> None:
        self._book, self._mix, self._ratio = book, mix, mix.ratio
        self._each = self._ratio.take(mix.levels.code)
        self.cluster_mass = mix.levels.within @ self._ratio

    def base(self, k: int) -> tuple[float, Floats]:
        levels = self._mix.levels
        return self._of_levels(levels.base[k], levels.base_within[k] @ self._ratio)

    def average(self, row: Floats) -> tuple[float, Floats]:
        code, size = self._mix.levels.code, self._ratio.size
        total = np.bincount(code, row, size).astype(np.float64)
        return self._of_levels(total, self._book.by_cluster(row * self._each))

    def _of_levels(self, total: Floats, summed: Floats) -> tuple[float, Floats]:
        levels, used = self._mix.levels, self._mix.shares > 0
        inside = np.zeros(used.size)
        inside[used] = total[used] / levels.mass[used]
        return float(self._mix.shares @ inside), summed - levels.within @ (self._ratio * inside)
