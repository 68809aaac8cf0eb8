"""The move of an effect between two runs, split into what was revised and what is new."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from whatif.base.arrays import Bools, Floats
from whatif.effects.bands import t_critical
from whatif.effects.minimum import LEAST_ARM_CLUSTERS_FOR_INTERVAL
from whatif.effects.ratio_sets import NEAR_ZERO
from whatif.effects.rows import Ends
from whatif.scenarios.changes.means import Told, cell_means, overall, recombined
from whatif.scenarios.changes.runs import Runs, Side

COUNTED, RESCORED, REVISED = "counted", "rescored", "revised"
NEW, MIX, MECHANISM = "new", "mix", "mechanism"
TOTAL = "total"
_ADDED = (NEW, MIX, MECHANISM)
_LEAST_CARRYING = 10.0
_MOST_UNKNOWN = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a move, in the metric's unit.

    Attributes
    ----------
    part : str
        ``"counted"`` other units of the days that the older run covers: some gone, some late;
        ``"rescored"`` other scores of the same units; ``"revised"`` both of these, joined;
        ``"mix"`` and ``"mechanism"`` what new units add by coming from other segments, and by
        other effects within them; ``"new"`` both of these where there are no segments;
        ``"total"``.
    estimate, std_error : float
        Contribution and its clustered error.
    ci : (low, high)
        Its interval; None without an honest one.
    share : float or None
        Of the total; None where its interval holds zero, or it has none.
    df : int
        Degrees of freedom behind the interval.
    """

    part: str
    estimate: float
    std_error: float
    ci: Ends
    share: float | None
    df: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Move:
    """A move and its parts.

    Attributes
    ----------
    before, now : float
        The difference in each run, from its scores.
    total : Part
        Now minus before.
    parts : tuple of Part
        They sum to the total; a part that cannot be there is left out.
    covariance : ndarray, shape (P, P)
        Of the parts; it sums to the variance of the total.
    """

    before: float
    now: float
    total: Part
    parts: tuple[Part, ...]
    covariance: Floats


def split(runs: Runs, *, level: float, joined: bool = False) -> Move | None:
    """Split the move of an effect from an older run to a newer one.

    With O and N the units of the runs, C those in both, and E those of N that are in C or of days
    that the older run covers: *counted* is ``θ_O(C) − θ_O(O) + θ_N(E) − θ_N(C)``, *rescored*
    ``θ_N(C) − θ_O(C)``, and what new units add ``θ_N(N) − θ_N(E)``. The last is split by Shapley
    over shares and means of segments; a segment that E lacks borrows its means from N. One
    clustered covariance over both runs counts a cluster in both once.

    A part carried by few clusters has no interval. The total has one all the same, unless such
    parts together are more than half of its variance; its degrees of freedom are the clusters that
    carry it, less one.

    Parameters
    ----------
    runs : Runs
        Two runs.
    level : float
        Coverage of the intervals.
    joined : bool
        Whether *counted* and *rescored* are one part, because they have one reason.

    Returns
    -------
    Move or None
        None where the runs share no unit, or a denominator is not positive.

    References
    ----------
    Shorrocks (2013), Journal of Economic Inequality 11(1), 99–126, section 2.
    """
    pieces = _joined(_pieces(runs)) if joined else _pieces(runs)
    if not all(np.isfinite(one.value) for piece in pieces for one in piece.told):
        return None
    size = int(max(runs.before.cluster.max(), runs.now.cluster.max())) + 1
    sums = np.array([piece.by_cluster(runs, size) for piece in pieces]).reshape(-1, size)
    factor = _factor(runs, size)
    made = _Ranges(runs=runs, level=level, factor=factor, uncertain=_least_certain(runs, factor))
    then, now = overall(runs.before, _all(runs.before)), overall(runs.now, _all(runs.now))
    if not np.isfinite([then.value, now.value]).all():
        return None
    parts = [
        made.part(piece.part, piece.value, row) for piece, row in zip(pieces, sums, strict=True)
    ]
    unknown = sums[[part.ci == (None, None) for part in parts]].sum(axis=0)
    whole = made.total(now.value - then.value, sums.sum(axis=0), unknown)
    return Move(
        before=then.value,
        now=now.value,
        total=whole,
        parts=tuple(replace(part, share=_share(part, whole)) for part in parts),
        covariance=factor * (sums @ sums.T),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Piece:
    """A part of a move: numbers of either run, added up."""

    part: str
    before: tuple[Told, ...]
    now: tuple[Told, ...]

    @property
    def told(self) -> tuple[Told, ...]:
        return (*self.before, *self.now)

    @property
    def value(self) -> float:
        return float(sum(one.value for one in self.told))

    def by_cluster(self, runs: Runs, size: int) -> Floats:
        """Add up what units of both runs tell within clusters."""
        sums = np.zeros(size)
        for side, told in ((runs.before, self.before), (runs.now, self.now)):
            for one in told:
                sums += np.bincount(side.cluster, one.by_unit, size)
        return sums


def _pieces(runs: Runs) -> list[_Piece]:
    """Return the parts that can be there."""
    then, then_shared = (overall(runs.before, rows) for rows in (_all(runs.before), runs.kept))
    now_shared, again = (overall(runs.now, rows) for rows in (runs.shared, runs.again))
    pieces = []
    if not runs.same_units:
        before, now = (then_shared, _less(then)), (again, _less(now_shared))
        pieces.append(_Piece(part=COUNTED, before=before, now=now))
    if not runs.same_scores:
        pieces.append(_Piece(part=RESCORED, before=(_less(then_shared),), now=(now_shared,)))
    if not runs.again.all():
        pieces += [_Piece(part=name, before=(), now=(told,)) for name, told in _new(runs, again)]
    return pieces


def _joined(pieces: list[_Piece]) -> list[_Piece]:
    """Return the parts with those that are not of new units as one."""
    revised = [piece for piece in pieces if piece.part in {COUNTED, RESCORED}]
    if not revised:
        return pieces
    before = tuple(one for piece in revised for one in piece.before)
    now = tuple(one for piece in revised for one in piece.now)
    rest = [piece for piece in pieces if piece not in revised]
    return [_Piece(part=REVISED, before=before, now=now), *rest]


def _all(side: Side) -> Bools:
    return np.ones(side.cluster.size, dtype=bool)


def _less(told: Told) -> Told:
    return Told(value=-told.value, by_unit=-told.by_unit)


def _new(runs: Runs, again: Told) -> list[tuple[str, Told]]:
    """Return what new units add: mix and mechanism by segments, or all in one."""
    now = overall(runs.now, _all(runs.now))
    moved = Told(value=now.value - again.value, by_unit=now.by_unit - again.by_unit)
    size = len(runs.segments) + bool(runs.merged)
    if size == 1 or not np.isfinite(moved.value):
        return [(NEW, moved)]
    side, cell = runs.now, runs.cell
    late = cell_means(side, cell, _all(side), size)
    early = cell_means(side, cell, runs.again, size)
    # a segment that only new units have: its means are theirs, its share was 0
    means = cell_means(side, cell, runs.again | ~(early.mass > 0)[cell], size)
    mixed = recombined(side, cell, mix=late, means=means)
    crossed = recombined(side, cell, mix=early, means=late)
    if not np.isfinite([mixed.value, crossed.value]).all():
        return [(NEW, moved)]
    mix = Told(
        value=(mixed.value - again.value + now.value - crossed.value) / 2,
        by_unit=(mixed.by_unit - again.by_unit + now.by_unit - crossed.by_unit) / 2,
    )
    rest = Told(value=moved.value - mix.value, by_unit=moved.by_unit - mix.by_unit)
    return [(MIX, mix), (MECHANISM, rest)]


def _factor(runs: Runs, size: int) -> float:
    seen = np.zeros(size, dtype=bool)
    seen[runs.before.cluster], seen[runs.now.cluster] = True, True
    clusters = int(seen.sum())
    return clusters / (clusters - 1) if clusters > 1 else float("nan")


def _least_certain(runs: Runs, factor: float) -> float:
    """Return the largest ``(error / mean)²`` of a denominator; 0 where there is none."""
    if not runs.ratio:
        return 0.0
    found = []
    sets = ((runs.before, _all(runs.before)), (runs.now, runs.again), (runs.now, _all(runs.now)))
    for side, rows in sets:
        weight = np.where(rows, side.weight, 0.0)
        total = weight @ side.mass
        mean = weight @ side.bottom / total
        for a in (0, 1):
            told = weight * (side.bottom[:, a] - mean[a] * side.mass) / total
            sums = np.bincount(side.cluster, told)
            found.append(factor * float(sums @ sums) / float(mean[a]) ** 2)
    return max(found)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Ranges:
    """Errors and intervals of parts, from their sums within clusters."""

    runs: Runs
    level: float
    factor: float
    uncertain: float

    def part(self, name: str, value: float, sums: Floats) -> Part:
        """Return a part without its share."""
        sets = [(self.runs.before, _all(self.runs.before)), (self.runs.now, _all(self.runs.now))]
        if name in _ADDED:
            sets.append((self.runs.now, ~self.runs.again))
        return self._ranged(name, value, sums, self._degrees(sets))

    def total(self, value: float, sums: Floats, unknown: Floats) -> Part:
        """Return the total; `unknown` are the sums of the parts without an interval."""
        sets = [(self.runs.before, _all(self.runs.before)), (self.runs.now, _all(self.runs.now))]
        df = min(self._degrees(sets), int(_carrying(sums)) - 1)
        known = float(unknown @ unknown) <= _MOST_UNKNOWN * float(sums @ sums)
        return self._ranged(TOTAL, value, sums, df if known else 0)

    def _ranged(self, name: str, value: float, sums: Floats, df: int) -> Part:
        error = float(np.sqrt(self.factor * float(sums @ sums))) if sums.any() else 0.0
        critical = t_critical(self.level, df) if df > 0 else np.inf
        ends: Ends = (None, None)
        if error == 0 and value == 0:
            ends = (0.0, 0.0)
        elif (
            df > 0
            and _carrying(sums) >= _LEAST_CARRYING
            and critical**2 * self.uncertain <= NEAR_ZERO
        ):
            ends = (value - critical * error, value + critical * error)
        return Part(part=name, estimate=value, std_error=error, ci=ends, share=None, df=max(df, 0))

    def _degrees(self, sets: list[tuple[Side, Bools]]) -> int:
        """Clusters − 1 of the smallest set of units; 0 where an arm has too few in one."""
        counts = np.array([_clusters(side, rows) for side, rows in sets])
        if counts[:, :2].min() < LEAST_ARM_CLUSTERS_FOR_INTERVAL:
            return 0
        used = counts[:, :2] if self.runs.clusters_assigned else counts[:, 2]
        return int(used.min()) - 1


def _share(part: Part, whole: Part) -> float | None:
    """Return how much of the total a part is; None where the total may be zero."""
    low, high = whole.ci
    if low is None or high is None or low <= 0 <= high:
        return None
    return part.estimate / whole.estimate


def _carrying(sums: Floats) -> float:
    """Return how many clusters carry a part, ``(Σψ²)² / Σψ⁴``."""
    squares = sums**2
    fourth = float(squares @ squares)
    return float(squares.sum()) ** 2 / fourth if fourth > 0 else 0.0


def _clusters(side: Side, rows: Bools) -> tuple[int, int, int]:
    """Count clusters with a unit that got the control, the arm, or anything."""
    most = int(side.cluster.max()) + 1
    sets = (rows & (side.place == 0), rows & (side.place == 1), rows)
    control, arm, all_of = (
        int(np.count_nonzero(np.bincount(side.cluster[one], minlength=most))) for one in sets
    )
    return control, arm, all_of
