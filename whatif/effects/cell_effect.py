"""One effect in one cell: whether it may be shown, its numbers, and its row."""

from __future__ import annotations

from dataclasses import dataclass

from whatif.effects.bands import t_critical
from whatif.effects.contrasts import Contrast, Metric, Term, contrast
from whatif.effects.joint import Joint
from whatif.effects.minimum import LEAST_ORDERS, enough_for_interval, has_mean, shown
from whatif.effects.ratio_sets import interval_of
from whatif.effects.rows import EffectRow, Ends, Relative, Shown


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CellEffect:
    """An arm minus the control, for one metric in one cell of `means`.

    Attributes
    ----------
    made : Contrast or None
        None without both arms, or without anything to divide a ratio by.
    shown : str
        As in `EffectRow`.
    df : int
        Degrees of freedom in the cell.
    interval : bool
        Whether there are enough clusters for an interval.
    """

    means: Joint
    metric: Metric
    arm: int
    cell: int
    made: Contrast | None
    shown: Shown
    df: int
    interval: bool

    @classmethod
    def of(cls, means: Joint, metric: Metric, arm: int, cell: int) -> CellEffect:
        """Compare `arm` with the control in `cell`."""
        pair, df = (0, arm), means.degrees(cell, arm)
        possible = has_mean(means, metric, cell, pair)
        return cls(
            means=means,
            metric=metric,
            arm=arm,
            cell=cell,
            made=contrast(means, metric, cell=cell, arm=arm) if possible else None,
            shown=shown(means, metric, cell, pair),
            df=df,
            interval=df > 0 and enough_for_interval(means, [(cell, a) for a in pair]),
        )

    @property
    def error(self) -> float | None:
        """Clustered standard error of the difference."""
        return None if self.made is None else self.means.error(self.made.gradient)

    def ends(self, critical: float | None) -> Ends:
        """Return the interval at a critical value; unbounded where none would be honest."""
        if critical is None or self.made is None or not self.interval:
            return (None, None)
        pair = ((1.0, self.arm), (-1.0, 0))
        terms = [Term(coefficient=c, metric=self.metric, cell=self.cell, arm=a) for c, a in pair]
        return interval_of(self.means, terms, critical).ends

    def row(
        self,
        *,
        level: float,
        wide: float | None,
        df: int,
        dimension: tuple[str, ...],
        shrunk: float | None,
    ) -> EffectRow:
        """Return the row of a planned effect; `wide` and `df` are those of its family's band."""
        means, made = self.means, self.made
        critical = wide if self.interval and self.shown == "shown" else None
        alone = t_critical(level, self.df) if self.interval else None
        return EffectRow(
            outcome=self.metric.name,
            arm=means.arms[self.arm],
            versus=means.arms[0],
            segment=means.cells.segments[self.cell],
            n=int(means.counts.units[self.cell]),
            clusters=int(means.counts.clusters[self.cell]),
            baseline=made.baseline if made else None,
            estimate=made.difference if made else None,
            std_error=self.error,
            ci=self.ends(alone),
            band=self.ends(critical),
            relative=self._relative(alone) if self.shown == "shown" else None,
            shrunk=shrunk,
            planned=True,
            estimator="aipw",
            family=family_name(self.metric, means.arms[self.arm], dimension),
            critical=0.0 if critical is None else float(critical),
            df=df,
            shown=self.shown,
            target=means.target,
        )

    def _relative(self, half: float | None) -> Relative | None:
        made, means = self.made, self.means
        events = means.counts.events[self.cell, [0, self.arm], self.metric.numerator]
        if made is None or made.lift is None or half is None or (events < LEAST_ORDERS).any():
            return None
        if made.baseline <= half * means.error(made.baseline_gradient):
            return None
        error = means.error(made.lift_gradient)
        return Relative(estimate=made.lift, ci=(made.lift - half * error, made.lift + half * error))


def family_name(metric: Metric, arm: str, dimension: tuple[str, ...]) -> str:
    """Return the name of a family: one metric, arm and dimension."""
    return f"{metric.name} · {arm} · {' × '.join(dimension) or 'overall'}"
