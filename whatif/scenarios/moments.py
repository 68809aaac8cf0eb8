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
        Share of the population that gets the arm.
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
    paid : int, optional
        The outcome that those who get the arm pay for.
    """
    outcomes = len(book.base)
    rows = _rows(book, arm=arm, chosen=chosen, share=share, paid=paid)
    values = np.zeros(2 * outcomes + 2)
    influence = np.zeros((values.size, book.clusters))
    mass = book.cluster_mass if mix is None else mix.levels.within @ mix.ratio
    each = None if mix is None else mix.ratio.take(mix.levels.code)
    for j, row in enumerate(rows):
        if mix is not None and each is not None:
            values[j], influence[j] = _mixed(book, row, mix, each)
        elif outcomes <= j < 2 * outcomes:
            values[j], influence[j] = book.base[j - outcomes], book.base_influence[j - outcomes]
        else:
            values[j] = row.sum() / book.n
            influence[j] = book.by_cluster(row) - values[j] * book.cluster_mass
    factor = book.clusters / (book.clusters - 1) if book.clusters > 1 else np.nan
    return Moments(
        change=values[:outcomes],
        base=values[outcomes : 2 * outcomes],
        given=float(values[-2]),
        paid=float(values[-1]),
        covariance=factor * (influence @ influence.T) / book.n**2,
        effective_clusters=float(mass.sum() ** 2 / (mass**2).sum()),
    )


def _rows(
    book: Ledger, *, arm: int, chosen: Bools, share: float, paid: int | None
) -> Iterator[Floats]:
    scale = share * chosen
    yield from (gain * scale for gain in book.gain[arm])
    yield from book.score[0]
    yield book.mass * scale
    if paid is not None:
        yield book.score[arm, paid] * scale


def _mixed(book: Ledger, row: Floats, mix: Remix, each: Floats) -> tuple[float, Floats]:
    """Return the mean at another mix, and its influence by cluster; `each` is a row's M/P."""
    levels, used = mix.levels, mix.shares > 0
    inside = np.zeros(used.size)
    total = np.bincount(levels.code, row, used.size)
    inside[used] = total[used] / levels.mass[used]
    away = book.by_cluster(row * each) - levels.within @ (mix.ratio * inside)
    return float(mix.shares @ inside), away
