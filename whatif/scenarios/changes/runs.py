"""Two runs of one study, unit by unit: who is in both, who came, who is gone, and which cluster."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from whatif.base.arrays import Bools, Floats, Ints
from whatif.effects.rows import Segment
from whatif.scenarios.attribution.periods import matched
from whatif.scores.record import Scores


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Which difference is followed: names of the two arms, and of the outcome or ratio.

    `denominator` is None for an outcome.
    """

    arm: str
    versus: str
    numerator: str
    denominator: str | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Side:
    """n units of one run, as far as one difference of two arms needs them.

    Attributes
    ----------
    weight, mass : ndarray, shape (n,)
        Sampling weight, and how much of the target population the unit stands for.
    top, bottom : ndarray, shape (n, 2)
        Scores of numerator and denominator under the control and under the arm; the mass where
        there is no denominator.
    place : ndarray of int64, shape (n,)
        Arm the unit got: 0 the control, 1 the arm, 2 any other.
    event : ndarray of bool, shape (n,)
        Whether the outcome, or what a ratio is divided by, is not 0.
    cluster : ndarray of int64, shape (n,)
        Codes that both runs share.
    """

    weight: Floats
    mass: Floats
    top: Floats
    bottom: Floats
    place: Ints
    event: Bools
    cluster: Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Runs:
    """An older and a newer run, n and m units.

    Attributes
    ----------
    before, now : Side
        Units of each.
    kept : ndarray of bool, shape (n,)
        Units of the older run that the newer one has too.
    shared : ndarray of bool, shape (m,)
        The same units, in the newer run.
    again : ndarray of bool, shape (m,)
        Units of the newer run that are shared, or of days that the older run covers.
    same_scores : bool
        Whether the shared units have equal scores and weights in both.
    segments : tuple of Segment
        Declared cells that stand for themselves; one, ``()``, without a cut.
    merged : tuple of Segment
        Cells too small for that; they are the last cell, together.
    cell : ndarray of int64, shape (m,)
        Cell of each unit of the newer run.
    clusters_assigned, ratio : bool
        Whether whole clusters were assigned; whether there is a denominator.
    unlinked : int
        Clusters of the older run without a unit in the newer one.
    """

    before: Side
    now: Side
    kept: Bools
    shared: Bools
    again: Bools
    same_scores: bool
    segments: tuple[Segment, ...]
    merged: tuple[Segment, ...]
    cell: Ints
    clusters_assigned: bool
    ratio: bool
    unlinked: int

    @property
    def same_units(self) -> bool:
        """Whether both runs count the same units of the days that the older one covers."""
        return bool(self.kept.all() and (self.shared == self.again).all())


def side(scores: Scores, compared: Compared, cluster: Ints) -> Side:
    """Return what one difference needs of a run."""
    arms = [scores.arms.index(compared.versus), scores.arms.index(compared.arm)]
    above = scores.outcomes.index(compared.numerator)
    below = None if compared.denominator is None else scores.outcomes.index(compared.denominator)
    place = np.full(len(scores.arms), 2, dtype=np.int64)
    place[arms] = (0, 1)
    return Side(
        weight=scores.weight,
        mass=scores.mass,
        top=scores.gamma[:, arms, above],
        bottom=np.stack([scores.mass] * 2, axis=1)
        if below is None
        else scores.gamma[:, arms, below],
        place=place[scores.arm],
        event=np.asarray(scores.y[:, above if below is None else below] != 0),
        cluster=cluster,
    )


def match(before: Scores, now: Scores, compared: Compared, late: Bools) -> Runs:
    """Return two runs unit by unit, without a cut; see `cut_by` for one.

    Clusters have numbers of their own in each run. Two are one where they share a unit; those of
    the older run without a unit in the newer one count as others.

    Parameters
    ----------
    before, now : Scores
        n units of the older run and m of the newer one, with ids of their own.
    compared : Compared
        The difference.
    late : ndarray of bool, shape (m,)
        Units of days that the older run covers.
    """
    place, new = matched(before.unit, now.unit)
    kept: Bools = np.asarray(place >= 0)
    there = place[kept]
    first, second = _linked(before.cluster, now.cluster, kept, there)
    older, newer = side(before, compared, first), side(now, compared, second)
    seen = np.bincount(before.cluster) > 0
    linked = np.bincount(before.cluster[kept], minlength=seen.size) > 0
    return Runs(
        before=older,
        now=newer,
        kept=kept,
        shared=~new,
        again=~new | late,
        same_scores=_equal(older, newer, kept, there),
        segments=((),),
        merged=(),
        cell=np.zeros(now.n, dtype=np.int64),
        clusters_assigned=now.clusters_assigned,
        ratio=compared.denominator is not None,
        unlinked=int((seen & ~linked).sum()),
    )


def late_units(before: pd.Series, now: pd.Series) -> Bools:
    """Return the units of a newer run no later than the last of the older one, by their moments."""
    return np.asarray(now <= before.max(), dtype=bool)


def _equal(before: Side, now: Side, kept: Bools, there: Ints) -> bool:
    names = ("weight", "mass", "top", "bottom")
    return all(
        np.array_equal(getattr(before, name)[kept], getattr(now, name)[there]) for name in names
    )


def _linked(before: Ints, now: Ints, kept: Bools, there: Ints) -> tuple[Ints, Ints]:
    """Return the clusters of both runs in common codes from 0."""
    first = int(before.max()) + 1
    size = first + int(now.max()) + 1
    ends = (before[kept], first + now[there])
    edges = sparse.csr_array((np.ones(there.size), ends), shape=(size, size))
    _, code = connected_components(edges, directed=False)
    code = code.astype(np.int64)
    return code[before], code[first + now]
