"""Cuts made after looking: p-values count every cut tried, intervals count the picking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import numpy as np
from scipy import stats

from whatif.base.arrays import Floats
from whatif.effects.bands import t_critical
from whatif.effects.cell_effect import CellEffect
from whatif.effects.cells import cut
from whatif.effects.contrasts import Contrast, Metric
from whatif.effects.heterogeneity import equality_test
from whatif.effects.joint import Joint, joint
from whatif.effects.rows import EffectRow, HeterogeneityRow
from whatif.effects.stepdown import holm, level_of_picked, step_down
from whatif.scores.record import Scores

Dimensions = tuple[tuple[str, ...], ...]


def exploratory_rows(
    scores: Scores, metrics: Sequence[Metric], dimensions: Dimensions, *, level: float, seed: int
) -> tuple[tuple[EffectRow, ...], tuple[HeterogeneityRow, ...]]:
    """Return effects and tests of cuts that the study did not declare, as one family.

    The family is every metric, arm and cell of every one of `dimensions`. A row's `p_value` is
    adjusted for the whole family (step-down, from the joint covariance). Its `ci`, and `band`, is
    at level 1 − αR/m with R of the family's m effects picked by that test: among picked effects, a
    share α of these intervals misses on average. The tests of difference are adjusted by Holm.

    Parameters
    ----------
    scores : Scores
        Scores of n units.
    metrics : sequence of Metric
        Outcomes and ratios of the study.
    dimensions : tuple of tuple of str
        Every undeclared cut that was tried, each of pre-treatment columns.
    level, seed : float, int
        Of the study.

    References
    ----------
    Benjamini & Yekutieli (2005), Journal of the American Statistical Association 100(469), 71–81.
    """
    if not dimensions:
        return (), ()
    means = joint(scores, cut(scores.columns, dimensions))
    families = [
        [CellEffect.of(means, metric, arm, cell) for cell in means.cells.of_dimension(d)]
        for d in range(len(dimensions))
        for metric, arm in product(metrics, range(1, len(means.arms)))
    ]
    effects = [effect for family in families for effect in family]
    tried = [(i, made) for i, e in enumerate(effects) if (made := _tried(e)) is not None]
    adjusted = _adjusted(means, [(effects[i], made) for i, made in tried], seed=seed)
    p_values = dict(zip([i for i, _ in tried], adjusted.tolist(), strict=True))
    picked = int((adjusted <= 1 - level).sum())
    own = level_of_picked(level, picked=picked, tried=max(len(tried), 1))
    rows = tuple(
        _row(effect, p_values.get(i), level=own, tried=len(tried))
        for i, effect in enumerate(effects)
    )
    return rows, _tests(means, families)


def _tried(effect: CellEffect) -> Contrast | None:
    usable = effect.shown == "shown" and effect.interval and bool(effect.error)
    return effect.made if usable else None


def _adjusted(means: Joint, tried: list[tuple[CellEffect, Contrast]], *, seed: int) -> Floats:
    if not tried:
        return np.zeros(0)
    gradients = np.stack([made.gradient for _, made in tried])
    covariance = gradients @ means.sigma @ gradients.T
    t = np.array([made.difference for _, made in tried]) / np.sqrt(np.diag(covariance))
    df = np.array([effect.df for effect, _ in tried])
    return step_down(2.0 * stats.t.sf(np.abs(t), df), covariance, seed=seed)


def _row(effect: CellEffect, p_value: float | None, *, level: float, tried: int) -> EffectRow:
    columns = tuple(name for name, _ in effect.means.cells.segments[effect.cell])
    wide = None if p_value is None else t_critical(level, effect.df)
    row = effect.row(level=level, wide=wide, df=effect.df, dimension=columns, shrunk=None)
    return replace(
        row,
        ci=row.band,
        relative=None,
        planned=False,
        family=f"undeclared cuts · {tried} effects tried",
        p_value=p_value,
    )


def _tests(means: Joint, families: list[list[CellEffect]]) -> tuple[HeterogeneityRow, ...]:
    rows = [_test(means, family) for family in families]
    known = [row.p_value for row in rows if row.p_value is not None]
    adjusted = iter(holm(known).tolist())
    return tuple(
        row if row.p_value is None else replace(row, p_value=next(adjusted)) for row in rows
    )


def _test(means: Joint, family: list[CellEffect]) -> HeterogeneityRow:
    visible = [effect.made for effect in family if effect.made and effect.shown == "shown"]
    gradients = np.stack([made.gradient for made in visible]) if visible else np.zeros((0, 1))
    covariance = gradients @ means.sigma @ gradients.T if visible else np.zeros((0, 0))
    first = family[0]
    statistic, p_value, df = equality_test(
        np.array([made.difference for made in visible]),
        covariance,
        clusters=means.clusters_compared(first.arm),
    )
    return HeterogeneityRow(
        outcome=first.metric.name,
        arm=means.arms[first.arm],
        dimension=tuple(name for name, _ in means.cells.segments[first.cell]),
        statistic=statistic,
        p_value=p_value,
        df=df,
        planned=False,
    )
