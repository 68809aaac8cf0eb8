"""The declared cut by which new units are compared with those before: the finest that holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from whatif.base.arrays import Bools, Ints
from whatif.effects.cells import cut
from whatif.effects.minimum import LEAST_CLUSTERS, LEAST_EVENTS, LEAST_ORDERS
from whatif.effects.rows import Segment
from whatif.scenarios.changes.runs import Runs


def cut_by(runs: Runs, columns: pd.DataFrame, dimensions: Sequence[tuple[str, ...]]) -> Runs:
    """Return the runs cut by the dimension with the most cells.

    A cell stands alone with ruling 4's minimum in each arm, among all units of the newer run and,
    where it has any there, among those counted again. All others are one cell, the last. Without
    two cells there is no cut.

    Parameters
    ----------
    runs : Runs
        Two runs, m units in the newer one.
    columns : DataFrame, m rows
        Pre-treatment columns of the newer run.
    dimensions : sequence of tuple of str
        Declared cuts.
    """
    cells = cut(columns, tuple(dimensions))
    everyone = np.arange(len(columns))
    best = runs
    for d in range(len(dimensions)):
        own = cells.of_dimension(d)
        names = cells.segments[own.start : own.stop]
        made = _merged(runs, cells.codes(d, everyone) - own.start, names)
        best = max(best, made, key=_fineness)  # the first of equals
    return best


def _fineness(runs: Runs) -> tuple[int, int]:
    """Return how many cells there are, and how many of them stand alone."""
    return len(runs.segments) + bool(runs.merged), len(runs.segments)


def _merged(runs: Runs, cell: Ints, names: Sequence[Segment]) -> Runs:
    size = len(names)
    everyone = np.ones(cell.size, dtype=bool)
    old = np.bincount(cell[runs.again], minlength=size) > 0
    thin = ~_large(runs, cell, everyone, size) | (old & ~_large(runs, cell, runs.again, size))
    named = tuple(name for name, low in zip(names, thin, strict=True) if not low)
    merged = tuple(name for name, low in zip(names, thin, strict=True) if low)
    place = np.where(thin, len(named), np.cumsum(~thin) - 1)
    if len(named) + bool(merged) < 2 or not named:  # noqa: PLR2004
        return runs
    return replace(runs, cell=place[cell], segments=named, merged=merged)


def _large(runs: Runs, cell: Ints, rows: Bools, size: int) -> Bools:
    """Return which cells have enough clusters and events in both arms, among `rows`."""
    now, enough = runs.now, np.ones(size, dtype=bool)
    events = LEAST_ORDERS if runs.ratio else LEAST_EVENTS
    most = int(now.cluster.max()) + 1
    for arm in (0, 1):
        here = rows & (now.place == arm)
        pairs = pd.unique(cell[here] * most + now.cluster[here]) // most
        enough &= np.bincount(pairs, minlength=size) >= LEAST_CLUSTERS
        enough &= np.bincount(cell[here & now.event], minlength=size) >= events
    return enough
