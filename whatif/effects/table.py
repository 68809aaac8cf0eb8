"""From the joint means to effect rows: intervals, bands, segment tests, shrinkage, other cuts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from whatif.base.arrays import Floats
from whatif.contract.spec import OutcomeSpec, StudySpec
from whatif.effects.bands import sup_t
from whatif.effects.cell_effect import CellEffect, family_name
from whatif.effects.cells import EVERYONE, cut
from whatif.effects.contrasts import Contrast, Metric
from whatif.effects.exploratory import exploratory_rows
from whatif.effects.heterogeneity import equality_test
from whatif.effects.joint import Joint, joint
from whatif.effects.randomisation import randomisation_of
from whatif.effects.rest import rest_rows
from whatif.effects.rows import EffectRow, EffectRows, HeterogeneityRow, RestRow, Segment
from whatif.effects.shrinkage import LEAST_SEGMENTS, main_effects, shrink
from whatif.scores.record import Scores


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
    """Return the joint means of declared cells, and every effect with the tests around it.

    Overall effects come first, then declared segments, then cuts the study lists as exploratory,
    which change nothing in the rows before them.

    Raises
    ------
    KeyError
        If a segment column is not among the scores' columns.
    """
    means = joint(scores, cut(scores.columns, spec.segments))
    effects: list[EffectRow] = []
    tests: list[HeterogeneityRow] = []
    rest: list[RestRow] = []
    for d in (EVERYONE, *range(len(spec.segments))):
        for metric, arm in product(metrics_of(spec), range(1, len(means.arms))):
            family = _Family.of(means, metric, arm, d, spec)
            if d == EVERYONE:
                effects.extend(_few_clusters(family.rows(), scores, metric, arm, spec.seed))
                continue
            effects.extend(family.rows())
            tests.append(family.test())
            if tests[-1].p_value is not None:
                rest.extend(family.rest(spec.seed))
    other, other_tests = exploratory_rows(
        scores, metrics_of(spec), spec.exploratory, level=spec.level, seed=spec.seed
    )
    return means, EffectRows(
        effects=(*effects, *other),
        heterogeneity=(*tests, *other_tests),
        level=spec.level,
        rest=tuple(rest),
    )


def _few_clusters(
    rows: Iterator[EffectRow], scores: Scores, metric: Metric, arm: int, seed: int
) -> Iterator[EffectRow]:
    for row in rows:
        unbounded = row.ci == (None, None) and row.estimate is not None
        p_value = randomisation_of(scores, metric, arm=arm, seed=seed) if unbounded else None
        yield row if p_value is None else replace(row, p_value=p_value)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Family:
    """One metric × arm × dimension: the effects that one band covers."""

    effects: tuple[CellEffect, ...]
    visible: tuple[tuple[CellEffect, Contrast], ...]  # those large enough to show
    dimension: tuple[str, ...]
    covariance: Floats  # of the visible effects
    critical: float | None
    df: int
    shrunk: dict[Segment, float]
    level: float

    @classmethod
    def of(cls, means: Joint, metric: Metric, arm: int, d: int, spec: StudySpec) -> _Family:
        effects = tuple(
            CellEffect.of(means, metric, arm, cell) for cell in means.cells.of_dimension(d)
        )
        visible = tuple((e, e.made) for e in effects if e.made and e.shown == "shown")
        gradients = np.stack([made.gradient for _, made in visible]) if visible else None
        covariance = (
            np.zeros((0, 0)) if gradients is None else gradients @ means.sigma @ gradients.T
        )
        df = min((effect.df for effect, _ in visible), default=0)
        return cls(
            effects=effects,
            visible=visible,
            dimension=() if d == EVERYONE else means.cells.dimensions[d],
            covariance=covariance,
            critical=sup_t(covariance, level=spec.level, df=df, seed=spec.seed) if df else None,
            df=df,
            shrunk=_shrunk(visible, covariance, scale=_worth_shipping(metric, spec)),
            level=spec.level,
        )

    def rows(self) -> Iterator[EffectRow]:
        """Yield one row per cell."""
        for effect in self.effects:
            yield effect.row(
                level=self.level,
                wide=self.critical,
                df=self.df if self.dimension else effect.df,
                dimension=self.dimension,
                shrunk=self.shrunk.get(effect.means.cells.segments[effect.cell]),
            )

    def test(self) -> HeterogeneityRow:
        """Test whether the shown cells of the family differ."""
        first = self.effects[0]
        estimate = np.array([made.difference for _, made in self.visible])
        clusters = first.means.clusters_compared(first.arm)
        statistic, p_value, df = equality_test(estimate, self.covariance, clusters=clusters)
        return HeterogeneityRow(
            outcome=first.metric.name,
            arm=first.means.arms[first.arm],
            dimension=self.dimension,
            statistic=statistic,
            p_value=p_value,
            df=df,
        )

    def rest(self, seed: int) -> tuple[RestRow, ...]:
        """Compare each shown cell with the rest of the dimension."""
        first = self.effects[0]
        return rest_rows(
            first.means,
            first.metric,
            arm=first.arm,
            cells=[effect.cell for effect, _ in self.visible if effect.interval],
            level=self.level,
            seed=seed,
            family=family_name(first.metric, first.means.arms[first.arm], self.dimension),
        )


def _shrunk(
    visible: tuple[tuple[CellEffect, Contrast], ...], covariance: Floats, *, scale: float | None
) -> dict[Segment, float]:
    errors = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    if len(visible) < LEAST_SEGMENTS or bool((errors <= 0).any()):
        return {}
    segments = [effect.means.cells.segments[effect.cell] for effect, _ in visible]
    estimate = np.array([made.difference for _, made in visible])
    names = [name for name, _ in segments[0]]
    levels = {name: sorted({str(dict(s)[name]) for s in segments}) for name in names}
    codes = [tuple(levels[name].index(str(value)) for name, value in s) for s in segments]
    spread = scale if scale is not None else float(np.median(errors))
    values = shrink(estimate, covariance, main_effects(codes), scale=spread)
    return {segment: float(value) for segment, value in zip(segments, values, strict=True)}


def _worth_shipping(metric: Metric, spec: StudySpec) -> float | None:
    declared = zip(metrics_of(spec), spec.metrics, strict=True)
    return next(found.matters_from for known, found in declared if known == metric)
