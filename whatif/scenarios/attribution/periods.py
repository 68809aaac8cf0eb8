"""Two periods of one study, unit by unit: from one table of scores cut in time, or from two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd

from whatif.base.arrays import Bools, Floats, Ints
from whatif.base.errors import Problem, UsageError
from whatif.effects.cells import cut
from whatif.effects.contrasts import Metric
from whatif.effects.rows import Segment
from whatif.scores.record import Scores


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Units:
    """n units of two periods, as far as one mean or ratio needs them.

    Attributes
    ----------
    period, arm, cluster : ndarray of int64, shape (n,)
        0 for the earlier period and 1 for the later; index of the arm; code of the cluster, the
        same in both periods.
    weight, top, bottom : ndarray, shape (n,)
        Sampling weight, observed numerator and denominator (ones where the mean has none).
    score_top, score_bottom : ndarray, shape (n, A)
        Doubly robust scores of both under each arm.
    """

    period: Ints
    arm: Ints
    cluster: Ints
    weight: Floats
    top: Floats
    bottom: Floats
    score_top: Floats
    score_bottom: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Periods:
    """Two periods to compare.

    Attributes
    ----------
    units : Units
        Units of both.
    cell : ndarray of int64, shape (n,)
        Cell of each unit.
    segments : tuple of Segment
        What defines each cell.
    arms : tuple of str
        Labels of the arms.
    ratio : bool
        Whether the denominator is an outcome.
    clusters_assigned : bool
        Whether whole clusters were assigned.
    unlinked : int
        Clusters of the earlier period of which it is not known whether they came again.
    """

    units: Units
    cell: Ints
    segments: tuple[Segment, ...]
    arms: tuple[str, ...]
    ratio: bool
    clusters_assigned: bool
    unlinked: int = 0


def in_time(
    scores: Scores,
    metric: Metric,
    dimensions: Sequence[tuple[str, ...]],
    *,
    earlier: Bools,
    later: Bools,
) -> Periods:
    """Return two periods of one run.

    Parameters
    ----------
    scores : Scores
        Scores of n units.
    metric : Metric
        What moved.
    dimensions : sequence of tuple of str
        Declared cuts to choose the finest from; none for one cell.
    earlier, later : ndarray of bool, shape (n,)
        Units of each period; nobody is in both.
    """
    rows = np.flatnonzero(earlier | later)
    units = _units(scores, metric, rows, period=later[rows].astype(np.int64))
    return _periods(scores, metric, units, _columns(scores, dimensions, rows), dimensions)


def since_run(
    earlier: Scores,
    later: Scores,
    metric: Metric,
    dimensions: Sequence[tuple[str, ...]],
    *,
    clusters_repeat: bool,
) -> Periods:
    """Return an earlier run, and the units of a later run that are new.

    Clusters have numbers of their own in each run; units that stand in both runs tell which
    belong together.

    Parameters
    ----------
    earlier, later : Scores
        Two runs of one study.
    metric, dimensions
        As in `in_time`.
    clusters_repeat : bool
        Whether a cluster can hold several units.

    Raises
    ------
    UsageError
        If no unit of the later run is new.
    """
    place, new = matched(earlier.unit, later.unit)
    if not new.any():
        raise UsageError(
            Problem(
                what=f"None of the {later.n:,} units of the later run is new.",
                why="units that stand in both runs count in the earlier period only, which leaves "
                "nothing to compare with.",
                fix="give the older run as `since`, or cut one run in time with `split`.",
            )
        )
    rows = np.flatnonzero(new)
    cluster, unlinked = _linked(earlier.cluster, later.cluster, place)
    everyone = np.arange(earlier.n)
    first = _units(earlier, metric, everyone, period=np.zeros(earlier.n, np.int64))
    second = _units(later, metric, rows, period=np.ones(rows.size, np.int64))
    merged = {
        one.name: np.concatenate([getattr(first, one.name), getattr(second, one.name)])
        for one in fields(Units)
    }
    merged["cluster"] = np.concatenate([cluster, later.cluster[rows]])
    columns = pd.concat(
        [_columns(earlier, dimensions, everyone), _columns(later, dimensions, rows)],
        ignore_index=True,
    )
    return _periods(
        later,
        metric,
        Units(**merged),
        columns,
        dimensions,
        unlinked=unlinked if clusters_repeat else 0,
    )


def _columns(scores: Scores, dimensions: Sequence[tuple[str, ...]], rows: Ints) -> pd.DataFrame:
    names = dict.fromkeys(name for dimension in dimensions for name in dimension)
    return scores.columns[list(names)].iloc[rows]


def _units(scores: Scores, metric: Metric, rows: Ints, *, period: Ints) -> Units:
    above, below = metric.numerator, metric.denominator
    return Units(
        period=period,
        arm=scores.arm[rows],
        cluster=scores.cluster[rows],
        weight=scores.weight[rows],
        top=scores.y[rows, above],
        bottom=np.ones(rows.size) if below is None else scores.y[rows, below],
        score_top=scores.gamma[rows, :, above],
        score_bottom=np.ones((rows.size, len(scores.arms)))
        if below is None
        else scores.gamma[rows, :, below],
    )


def _periods(
    scores: Scores,
    metric: Metric,
    units: Units,
    columns: pd.DataFrame,
    dimensions: Sequence[tuple[str, ...]],
    *,
    unlinked: int = 0,
) -> Periods:
    cells = cut(columns, tuple(dimensions))
    sizes = [len(cells.of_dimension(d)) for d in range(len(dimensions))]
    finest = int(np.argmax(sizes)) if sizes else -1
    own = cells.of_dimension(finest)
    return Periods(
        units=units,
        cell=cells.codes(finest, np.arange(units.arm.size)) - own.start,
        segments=tuple(cells.segments[cell] for cell in own),
        arms=scores.arms,
        ratio=metric.denominator is not None,
        clusters_assigned=scores.clusters_assigned,
        unlinked=unlinked,
    )


def matched(earlier: pd.Series, later: pd.Series) -> tuple[Ints, Bools]:
    """Return where the later run holds each unit of the earlier one, −1 for nowhere.

    Also which units of the later run are new.
    """
    code, known = pd.factorize(pd.concat([later, earlier], ignore_index=True))
    now, then = code[: len(later)], code[len(later) :]
    row = np.full(len(known), -1, dtype=np.int64)
    row[now] = np.arange(len(later))
    return row[then], np.bincount(then, minlength=len(known))[now] == 0


def _linked(earlier: Ints, later: Ints, place: Ints) -> tuple[Ints, int]:
    """Return the earlier run's clusters by the later run's numbers; unknown ones get new numbers.

    Also counts the unknown ones.
    """
    known = place >= 0
    first_new = int(later.max()) + 1
    link = np.full(int(earlier.max()) + 1, -1, dtype=np.int64)
    link[earlier[known]] = later[place[known]]
    unknown = int(((np.bincount(earlier) > 0) & (link < 0)).sum())
    return np.where(link < 0, first_new + np.arange(link.size), link)[earlier], unknown
