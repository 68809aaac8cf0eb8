"""The smallest effects a finished run could see, from its own clustered errors."""

from __future__ import annotations

from whatif.contract.spec import StudySpec, metric_name
from whatif.effects.joint import Joint
from whatif.effects.looks.anytime import UNITS_PLANNED, independent_units
from whatif.effects.looks.ranges import AnytimeLooks, Looks, ScheduledLooks, family_size
from whatif.effects.looks.rules import Quantity
from whatif.effects.power.precision import AtAnyTime, Fixed, Precision
from whatif.effects.power.row import PowerRow
from whatif.effects.power.sized import Extent, Sized, sized
from whatif.effects.rows import EffectRow, EffectRows
from whatif.effects.table import metrics_of


def sizes_seen(
    effects: EffectRows,
    means: Joint,
    looks: Looks | None,
    spec: StudySpec,
    *,
    days: int | None,
) -> tuple[Sized, ...]:
    """Return how small an effect each planned row could have shown, in the order of the rows.

    The error is today's, whatever the effect; more data shrink variances in proportion to their
    clusters. The range is the one that readings come from: an interval for everyone, a band for
    segments, the range of today's look under repeated looks.

    Parameters
    ----------
    effects : EffectRows
        Effects of the run.
    means : Joint
        The joint means behind them.
    looks : Looks or None
        How often results are looked at; None for once.
    spec : StudySpec
        The study.
    days : int or None
        Days that the data cover.
    """
    metrics = {metric_name(metric): metric for metric in spec.metrics}
    whole = Extent(units=int(means.counts.units[0]), days=days)
    return tuple(
        sized(
            _without_numbers(row, spec),
            _precision(row, means, looks, spec),
            metrics[row.outcome],
            whole,
        )
        for row in effects.effects
        if row.planned
    )


def _without_numbers(row: EffectRow, spec: StudySpec) -> PowerRow:
    return PowerRow(
        outcome=row.outcome,
        arm=row.arm,
        versus=row.versus,
        segment=row.segment,
        assigned=spec.assigned or spec.unit or "row",
        units=row.n,
        clusters=row.clusters,
        baseline=row.baseline,
        std_error=None,
        half_width=None,
        df=row.df,
        smallest=None,
        relative=None,
        asked=None,
        chance=None,
        times=None,
        units_needed=None,
        days_needed=None,
        shown=row.shown,
    )


def _precision(
    row: EffectRow, means: Joint, looks: Looks | None, spec: StudySpec
) -> Precision | None:
    """Return the precision of today; None without a range, as before a first look."""
    low, high = row.read_from
    if row.shown != "shown" or not row.std_error or low is None or high is None:
        return None
    cell, arm = means.cells.segments.index(row.segment), means.arms.index(row.arm)
    metric = next(metric for metric in metrics_of(spec) if metric.name == row.outcome)
    quantity = Quantity(parts=((metric, 1.0),))
    error, df = row.std_error, means.degrees(cell, arm)
    if isinstance(looks, AnytimeLooks):
        _, gradient = quantity.of(means, cell=cell, arm=arm)
        worth = independent_units(means, looks.products, gradient, cell=cell)
        alpha = looks.alpha(family_size(row, means, spec), overall=not row.segment)
        sequence = AtAnyTime(alpha=alpha, progress=worth / UNITS_PLANNED)
        return Precision(still=error**2, clusters=df + 1, critical=sequence)
    if isinstance(looks, ScheduledLooks) and (past := looks.past[cell]) is not None:
        _, gradient = quantity.of(past.means, cell=0, arm=arm)
        error, df = past.means.error(gradient), past.means.degrees(0, arm)
    elif row.segment:
        df = row.df
    critical = Fixed.of((high - low) / 2 / error, df)
    return Precision(still=error**2, clusters=df + 1, critical=critical)
