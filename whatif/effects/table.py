"""From the joint means to effect rows: intervals, bands, segment tests, shrinkage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from whatif.base.arrays import Bools, Floats
from whatif.contract.spec import OutcomeSpec, StudySpec
from whatif.effects.bands import sup_t, t_critical
from whatif.effects.cells import cut
from whatif.effects.contrasts import Contrast, Metric, contrast
from whatif.effects.heterogeneity import equality_test
from whatif.effects.joint import Joint, joint
from whatif.effects.rows import EffectRow, EffectRows, HeterogeneityRow, Relative, Segment, Shown
from whatif.effects.shrinkage import LEAST_SEGMENTS, main_effects, shrink
from whatif.scores.record import Scores

LEAST_CLUSTERS = 50
LEAST_EVENTS = 20
LEAST_ORDERS = 50
LEAST_ARM_CLUSTERS_FOR_INTERVAL = 10


def metrics_of(spec: StudySpec) -> tuple[Metric, ...]:
    """Return the study's outcomes and ratios by index into its outcomes."""
    columns = [outcome.column for outcome in spec.outcomes]
    return tuple(
        Metric(name=metric.column, numerator=columns.index(metric.column))
        if isinstance(metric, OutcomeSpec)
        else Metric(
            name=metric.name,
            numerator=columns.index(metric.numerator),
            denominator=columns.index(metric.denominator),
        )
        for metric in spec.metrics
    )


def effect_rows(scores: Scores, spec: StudySpec) -> tuple[Joint, EffectRows]:
    """Return the joint means and every planned effect, overall effects first.

    Raises
    ------
    KeyError
        If a segment column is not among the scores' columns.
    """
    means = joint(scores, cut(scores.columns, spec.segments))
    effects: list[EffectRow] = []
    tests: list[HeterogeneityRow] = []
    families = [range(1), *(means.cells.of_dimension(d) for d in range(len(spec.segments)))]
    for d, cells in enumerate(families):
        for metric, arm in product(metrics_of(spec), range(1, len(means.arms))):
            family = _Family.of(means, metric, arm, cells, spec)
            effects.extend(family.rows())
            if d > 0:
                tests.append(family.test(spec.segments[d - 1]))
    return means, EffectRows(effects=tuple(effects), heterogeneity=tuple(tests), level=spec.level)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Family:
    """One metric × arm × dimension: the effects that one band covers."""

    means: Joint
    metric: Metric
    arm: int
    cells: range
    shown: tuple[Shown, ...]
    contrasts: tuple[Contrast | None, ...]
    covariance: Floats  # of the shown effects
    critical: float
    df: int
    shrunk: dict[Segment, float]
    level: float

    @classmethod
    def of(cls, means: Joint, metric: Metric, arm: int, cells: range, spec: StudySpec) -> _Family:
        status = tuple(_shown(means, metric, arm, cell) for cell in cells)
        contrasts = tuple(
            contrast(means, metric, cell=cell, arm=arm)
            if _has_mean(means, metric, arm, cell)
            else None
            for cell in cells
        )
        used = [c for c, s in zip(contrasts, status, strict=True) if c and s == "shown"]
        gradients = np.stack([c.gradient for c in used]) if used else np.zeros((0, 1))
        covariance = gradients @ means.sigma @ gradients.T if used else np.zeros((0, 0))
        visible = [cell for cell, s in zip(cells, status, strict=True) if s == "shown"]
        df = min((means.degrees(cell, arm) for cell in visible), default=0)
        critical = sup_t(covariance, level=spec.level, df=df, seed=spec.seed) if df else np.nan
        return cls(
            means=means,
            metric=metric,
            arm=arm,
            cells=cells,
            shown=status,
            contrasts=contrasts,
            covariance=covariance,
            critical=critical,
            df=df,
            shrunk=_shrunk(
                [means.cells.segments[cell] for cell in visible],
                np.array([c.difference for c in used]),
                covariance,
                scale=_worth_shipping(metric, spec),
            ),
            level=spec.level,
        )

    def rows(self) -> Iterator[EffectRow]:
        """Yield one row per cell."""
        for cell, status, made in zip(self.cells, self.shown, self.contrasts, strict=True):
            yield self._row(cell, status, made)

    def _row(self, cell: int, status: Shown, made: Contrast | None) -> EffectRow:
        segment = self.means.cells.segments[cell]
        df = self.means.degrees(cell, self.arm)
        error = _error(self.means, made.gradient) if made else None
        enough = _enough_for_interval(self.means, cell, self.arm)
        half = t_critical(self.level, df) if enough else None
        wide = self.critical if enough and status == "shown" else None
        estimate = made.difference if made else None
        return EffectRow(
            outcome=self.metric.name,
            arm=self.means.arms[self.arm],
            versus=self.means.arms[0],
            segment=segment,
            n=int(self.means.counts.units[cell]),
            clusters=int(self.means.counts.clusters[cell]),
            baseline=made.baseline if made else None,
            estimate=estimate,
            std_error=error,
            ci=_ends(estimate, error, half),
            band=_ends(estimate, error, wide),
            relative=self._relative(cell, made, half) if made and status == "shown" else None,
            shrunk=self.shrunk.get(segment),
            planned=True,
            estimator="aipw",
            family=_family_name(self.metric.name, self.means.arms[self.arm], segment),
            critical=float(wide) if wide is not None else 0.0,
            df=df if len(self.cells) == 1 else self.df,
            shown=status,
        )

    def _relative(self, cell: int, made: Contrast, half: float | None) -> Relative | None:
        events = self.means.counts.events[cell, [0, self.arm], self.metric.numerator]
        if made.lift is None or half is None or (events < LEAST_ORDERS).any():
            return None
        if made.baseline <= half * _error(self.means, made.baseline_gradient):
            return None
        error = _error(self.means, made.lift_gradient)
        return Relative(estimate=made.lift, ci=(made.lift - half * error, made.lift + half * error))

    def test(self, dimension: tuple[str, ...]) -> HeterogeneityRow:
        """Test whether the shown cells of the family differ."""
        pairs = zip(self.shown, self.contrasts, strict=True)
        estimate = np.array([made.difference for s, made in pairs if made and s == "shown"])
        clusters = self.means.clusters_compared(self.arm)
        statistic, p_value, df = equality_test(estimate, self.covariance, clusters=clusters)
        return HeterogeneityRow(
            outcome=self.metric.name,
            arm=self.means.arms[self.arm],
            dimension=dimension,
            statistic=statistic,
            p_value=p_value,
            df=df,
        )


def _shrunk(
    segments: list[Segment], estimate: Floats, covariance: Floats, *, scale: float | None
) -> dict[Segment, float]:
    errors = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    if len(segments) < LEAST_SEGMENTS or bool((errors <= 0).any()):
        return {}
    names = [name for name, _ in segments[0]]
    levels = {name: sorted({str(dict(s)[name]) for s in segments}) for name in names}
    codes = [tuple(levels[name].index(str(value)) for name, value in s) for s in segments]
    spread = scale if scale is not None else float(np.median(errors))
    values = shrink(estimate, covariance, main_effects(codes), scale=spread)
    return {segment: float(value) for segment, value in zip(segments, values, strict=True)}


def _worth_shipping(metric: Metric, spec: StudySpec) -> float | None:
    declared = zip(metrics_of(spec), spec.metrics, strict=True)
    return next(found.matters_from for known, found in declared if known == metric)


def _has_mean(means: Joint, metric: Metric, arm: int, cell: int) -> bool:
    both = bool((means.counts.arm_units[cell, [0, arm]] > 0).all())
    if metric.denominator is None or not both:
        return both
    return bool((means.theta[cell, [0, arm], metric.denominator] > 0).all())


def _shown(means: Joint, metric: Metric, arm: int, cell: int) -> Shown:
    """Minimum cell size per arm: 50 clusters and 20 events, 50 orders for a ratio."""
    pair = [0, arm]
    if (means.counts.arm_units[cell, pair] == 0).any():
        return "no_overlap"
    if cell == 0:
        return "shown" if _has_mean(means, metric, arm, cell) else "suppressed"
    enough: Bools = means.counts.arm_clusters[cell, pair] >= LEAST_CLUSTERS
    events = means.counts.events[cell, pair]
    if metric.denominator is None:
        enough &= events[:, metric.numerator] >= LEAST_EVENTS
    else:
        enough &= events[:, metric.denominator] >= LEAST_ORDERS
    return "shown" if enough.all() and _has_mean(means, metric, arm, cell) else "suppressed"


def _enough_for_interval(means: Joint, cell: int, arm: int) -> bool:
    clusters = means.counts.arm_clusters[cell, [0, arm]]
    return (
        bool((clusters >= LEAST_ARM_CLUSTERS_FOR_INTERVAL).all()) and means.degrees(cell, arm) > 0
    )


def _error(means: Joint, gradient: Floats) -> float:
    used = np.flatnonzero(gradient)
    part = gradient[used]
    return float(np.sqrt(max(float(part @ means.sigma[np.ix_(used, used)] @ part), 0.0)))


def _ends(
    estimate: float | None, error: float | None, half: float | None
) -> tuple[float | None, float | None]:
    if estimate is None or error is None or half is None:
        return (None, None)
    return (estimate - half * error, estimate + half * error)


def _family_name(metric: str, arm: str, segment: tuple[tuple[str, object], ...]) -> str:
    dimension = " × ".join(name for name, _ in segment) or "overall"
    return f"{metric} · {arm} · {dimension}"
