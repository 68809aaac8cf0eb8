"""Bounds on the effect among units that would order under either arm: the third cost number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from whatif.base.arrays import Floats
from whatif.contract.outcomes import resolve_kind
from whatif.contract.spec import StudySpec
from whatif.effects.bands import t_critical
from whatif.effects.bounds.average import Averaged
from whatif.effects.bounds.cells import Blocks, Buyers, Features, Finest, blocks, finest
from whatif.effects.bounds.ends import cell_ends
from whatif.effects.bounds.imbens_manski import imbens_manski
from whatif.effects.bounds.row import BoundsRow, BoundsShown
from whatif.effects.contrasts import Metric
from whatif.effects.joint import Joint
from whatif.effects.minimum import enough_for_interval, shown
from whatif.effects.rows import Ends
from whatif.scores.record import Scores

LARGEST_LEFT_OUT = 0.1
"""Share of units in cells without orders in both arms beyond which bounds are not shown."""


def lee_bounds(scores: Scores, spec: StudySpec, means: Joint) -> tuple[BoundsRow, ...]:
    """Bound the effect on every cost that only orders have, everyone first, then segments.

    Such a cost is the numerator of a declared ratio, of kind cost or amount, whose denominator is
    binary. The bounds rest on one assumption that no data can test: within a cell of the declared
    segments the arm moves ordering one way only. Where the data do not settle which way, both are
    allowed for.

    Parameters
    ----------
    scores : Scores
        Scores of n units. Where their target is not everyone, or a cost is not 0 without an order,
        a row says so and holds no numbers.
    spec : StudySpec
        Ratios, segments and level.
    means : Joint
        Joint means over the cells of the declared segments.

    References
    ----------
    Lee (2009), Review of Economic Studies 76(3), 1071–1102; Semenova (2025), Generalized Lee
    bounds (arXiv:2008.12720), for cells that may differ in direction.
    """
    compared = [
        _Comparison(scores=scores, means=means, level=spec.level, cost=cost, order=order, arm=arm)
        for cost, order in _pairs(scores, spec)
        for arm in range(1, len(scores.arms))
    ]
    if scores.target != "ate":
        return tuple(one.without("other_target") for one in compared)
    possible = [one for one in compared if one.only_among()]
    rows = [one.without("not_only_among") for one in compared if one not in possible]
    if possible:
        dimensions = [d for d, names in enumerate(means.cells.dimensions) if names in spec.segments]
        fine = finest(means.cells, dimensions)
        grouped = blocks(fine.code, scores.cluster)
        rows += [row for one in possible for row in one.rows(fine, grouped)]
    return tuple(rows)


def _pairs(scores: Scores, spec: StudySpec) -> list[tuple[int, int]]:
    """Return each cost with the binary outcome it needs, by index into the outcomes."""
    outcomes = [outcome.column for outcome in spec.outcomes]
    kinds = [resolve_kind(outcome, y) for outcome, y in zip(spec.outcomes, scores.y.T, strict=True)]
    ratios = [(outcomes.index(r.numerator), outcomes.index(r.denominator)) for r in spec.ratios]
    return [
        (cost, order)
        for cost, order in dict.fromkeys(ratios)
        if kinds[cost] in {"cost", "amount"} and kinds[order] == "binary"
    ]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Comparison:
    """One cost, one arm against the control; outcomes and arm by index."""

    scores: Scores
    means: Joint
    level: float
    cost: int
    order: int
    arm: int

    def only_among(self) -> bool:
        """Whether the cost is 0 wherever there is no order."""
        y = self.scores.y
        return not ((y[:, self.order] == 0) & (y[:, self.cost] != 0)).any()

    def without(self, shown: BoundsShown, cell: int = 0) -> BoundsRow:
        """Return the row of a cell without numbers."""
        return BoundsRow(
            outcome=self.scores.outcomes[self.cost],
            among=self.scores.outcomes[self.order],
            arm=self.scores.arms[self.arm],
            versus=self.scores.arms[0],
            segment=self.means.cells.segments[cell],
            n=int(self.means.counts.units[cell]),
            clusters=int(self.means.counts.clusters[cell]),
            bounds=(None, None),
            std_error=(None, None),
            ci=(None, None),
            share=None,
            trimmed=None,
            settled=0,
            unsettled=0,
            left_out=0.0,
            shown=shown,
            target=self.scores.target,
        )

    def rows(self, fine: Finest, grouped: Blocks) -> Iterator[BoundsRow]:
        """Yield everyone's row, then one per segment."""
        features, buyers = self._features(grouped), self._buyers(fine, grouped)
        made = cell_ends(
            features,
            grouped,
            buyers,
            cells=len(fine.parents),
            critical=t_critical(self.level, max(self.means.degrees(0, self.arm), 1)),
        )
        everyone = np.zeros((len(fine.parents), 1), dtype=np.int64)
        for parent in np.hstack([everyone, fine.parents]).T:
            cells, segment = np.unique(parent, return_inverse=True)
            averaged = Averaged.of(made, grouped, segment)
            for at, cell in enumerate(cells):
                yield self._row(int(cell), averaged, at)

    def _features(self, grouped: Blocks) -> Features:
        scores = self.scores

        def summed(outcome: int) -> tuple[Floats, Floats]:
            control, arm = (
                grouped.sums(scores.weight * scores.gamma[:, a, outcome]) for a in (0, self.arm)
            )
            return control, arm

        return Features(
            mass=grouped.sums(scores.weight), orders=summed(self.order), cost=summed(self.cost)
        )

    def _buyers(self, fine: Finest, grouped: Blocks) -> Buyers:
        scores = self.scores
        inside = (scores.arm == 0) | (scores.arm == self.arm)
        rows = np.flatnonzero(inside & (scores.y[:, self.order] != 0))
        rows = rows.take(np.argsort(scores.y[rows, self.cost], kind="stable"))
        arm = scores.arm.take(rows)
        return Buyers(
            value=scores.y[rows, self.cost],
            weight=scores.weight.take(rows) / scores.propensity[rows, arm],
            treated=arm == self.arm,
            cell=fine.code.take(rows),
            cluster=scores.cluster.take(rows),
            block=grouped.of_unit.take(rows),
        )

    def _row(self, cell: int, averaged: Averaged, at: int) -> BoundsRow:
        """Return the row of a cell of the joint means, segment `at` of its dimension."""
        left_out = float(averaged.left_out[at])
        if averaged.share[at] <= 0.0:
            return replace(self.without("no_overlap", cell), left_out=left_out)
        low, high = averaged.ends[at].tolist()
        errors = (float(averaged.errors[at, 0]), float(averaged.errors[at, 1]))
        ci: Ends = (None, None)
        df = self.means.degrees(cell, self.arm)
        if df > 0 and enough_for_interval(self.means, [(cell, 0), (cell, self.arm)]):
            ci = imbens_manski(low, high, errors=errors, level=self.level, df=df)
        ratio = Metric(name="", numerator=self.cost, denominator=self.order)
        large = shown(self.means, ratio, cell, (0, self.arm))
        return replace(
            self.without(large if left_out <= LARGEST_LEFT_OUT else "suppressed", cell),
            bounds=(low, high),
            std_error=errors,
            ci=ci,
            share=float(averaged.share[at]),
            trimmed=(float(averaged.trimmed[at, 0]), float(averaged.trimmed[at, 1])),
            settled=int(averaged.settled[at]),
            unsettled=int(averaged.unsettled[at]),
            left_out=left_out,
        )
