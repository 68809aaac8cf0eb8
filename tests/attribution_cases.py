"""Two periods built cell by cell, for tests of what made a number move."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from whatif.base.arrays import Floats, Ints
from whatif.scenarios.attribution.attribute import Attribution, Part, attribute
from whatif.scenarios.attribution.periods import Periods, Units


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Units by period, cell and arm, with the same outcome for all units of one of them."""

    counts: Ints
    top: Floats
    bottom: Floats | None = None

    def periods(self, *, per_cluster: int = 1) -> Periods:
        """Return the units, `per_cluster` neighbours to a cluster; scores are the outcomes."""
        shape = self.counts.shape
        place = np.repeat(np.arange(self.counts.size), self.counts.ravel())
        period, cell, arm = np.unravel_index(place, shape)
        n = place.size
        below = np.ones(shape) if self.bottom is None else self.bottom
        units = Units(
            period=period.astype(np.int64),
            arm=arm.astype(np.int64),
            cluster=np.arange(n) // per_cluster,
            weight=np.ones(n),
            top=self.top.ravel()[place],
            bottom=below.ravel()[place],
            score_top=self.top[period, cell],
            score_bottom=below[period, cell],
        )
        return Periods(
            units=units,
            cell=cell.astype(np.int64),
            segments=tuple((("place", f"p{s}"),) for s in range(shape[1])),
            arms=("folded", "expanded", "tabs")[: shape[2]],
            ratio=self.bottom is not None,
            clusters_assigned=False,
        )


def noisy(
    seed: int = 0,
    *,
    n: int = 6_000,
    clusters: int = 1_500,
    cells: int = 3,
    arms: int = 3,
    ratio: bool = True,
    weighted: bool = True,
) -> Periods:
    """Customers who come in both periods, of several segments, with weights and noisy outcomes."""
    rng = np.random.default_rng(seed)
    cluster = rng.integers(0, clusters, n)
    period = rng.integers(0, 2, n)
    mix = rng.dirichlet(np.full(cells, 8.0), 2)
    shares = rng.dirichlet(np.full(arms, 8.0), (2, cells))
    cell = _drawn(rng, mix[period])
    arm = _drawn(rng, shares[period, cell])
    level = rng.uniform(2.0, 8.0, (2, cells, arms))
    taste = rng.normal(size=clusters)[cluster]
    bought = (rng.uniform(size=n) < 0.6).astype(np.float64) if ratio else np.ones(n)
    top = bought * (level[period, cell, arm] + taste + rng.normal(size=n))
    score = level[period, cell] + rng.normal(size=(n, arms))
    return Periods(
        units=Units(
            period=period,
            arm=arm,
            cluster=cluster,
            weight=rng.uniform(0.5, 2.0, n) if weighted else np.ones(n),
            top=top,
            bottom=bought,
            score_top=score,
            score_bottom=0.6 + 0.1 * rng.normal(size=(n, arms)) if ratio else np.ones((n, arms)),
        ),
        cell=cell,
        segments=tuple((("place", f"p{s}"),) for s in range(cells)),
        arms=("folded", "expanded", "tabs")[:arms],
        ratio=ratio,
        clusters_assigned=False,
    )


def _drawn(rng: np.random.Generator, chance: Floats) -> Ints:
    luck = rng.uniform(size=(len(chance), 1))
    return np.asarray((luck > chance.cumsum(axis=1)[:, :-1]).sum(axis=1), np.int64)


def taken(periods: Periods, rows: Ints) -> Periods:
    """Return some of the units, in any order and as often as named."""
    units = periods.units
    return replace(
        periods,
        cell=periods.cell[rows],
        units=Units(
            period=units.period[rows],
            arm=units.arm[rows],
            cluster=units.cluster[rows],
            weight=units.weight[rows],
            top=units.top[rows],
            bottom=units.bottom[rows],
            score_top=units.score_top[rows],
            score_bottom=units.score_bottom[rows],
        ),
    )


def parts(periods: Periods) -> dict[str, Part]:
    """Return the parts of a move by name."""
    return by_name(attribute(periods, level=0.95))


def by_name(found: Attribution) -> dict[str, Part]:
    """Return the parts of a move by name."""
    return {part.part: part for part in found.parts}
