"""From the joint means of a run to its scenario file: which cells, which outcomes, which ranges."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from whatif.base.arrays import Floats, Ints
from whatif.contract.segments import MISSING
from whatif.contract.spec import RatioSpec, StudySpec, ValueSpec
from whatif.effects.cells import EVERYONE
from whatif.effects.contrasts import Metric
from whatif.effects.joint import Joint
from whatif.effects.minimum import LEAST_ARM_CLUSTERS_FOR_INTERVAL, shown
from whatif.effects.rows import Level
from whatif.scenarios.sheet.critical import ConeValue, cone_critical, span_critical
from whatif.scenarios.sheet.record import (
    LEAST_DF,
    MOST_BYTES,
    MOST_PARAMETERS,
    Critical,
    Sheet,
    Worth,
)
from whatif.scenarios.sheet.text import encode

_DIGITS = 4  # of a simulated critical value
Columns = tuple[tuple[str, tuple[Level, ...]], ...]
_SAMPLE = Critical(declared=1.2345678901234567, prices=1.2345678901234567, rollout=12.3456)


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a file says of its run.

    Attributes
    ----------
    run_id : str
        Content hash of the run.
    as_of : str or None
        Last day of its data, ISO 8601.
    arm : str or None
        Arm of the verdict; the first that is not the control where it names none.
    units : float or None
        Units a month.
    withheld : bool
        Whether an integrity check broke.
    """

    run_id: str
    as_of: str | None
    arm: str | None
    units: float | None
    withheld: bool


def sheet_of(means: Joint, spec: StudySpec, about: About) -> Sheet | None:
    """Return the finest scenario file that is honest and small.

    Its cells are those of the declared dimension with most cells in which every cell is shown for
    every outcome in every arm, if cells × arms × outcomes are at most 96 and the file at most
    40,960 bytes; else of the next coarser; else everyone. Outcomes that are neither primary, nor
    part of a ratio, nor worth money are left out, last first, where everyone would be the only
    cell with them.

    Parameters
    ----------
    means : Joint
        Joint means of the run's declared cells.
    spec : StudySpec
        The study.
    about : About
        What the file says of its run.

    Returns
    -------
    Sheet or None
        None where there is nothing to ask: an arm is absent, there is no error at all (one
        cluster), or numbers do not fit the file.
    """
    for dimension, outcomes in _candidates(means, spec):
        sheet = _sheet(means, spec, about, dimension, outcomes)
        try:
            fits = len(encode(sheet).encode()) <= MOST_BYTES
        except OverflowError:
            return None
        if fits:
            return replace(sheet, critical=_critical(means, sheet, seed=spec.seed))
    return None


def _candidates(means: Joint, spec: StudySpec) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Yield a dimension and outcomes, best first, that 96 parameters can hold."""
    arms = tuple(range(len(means.arms)))
    ranked, core = _ranked(means, spec)
    metrics = [Metric(name=means.outcomes[k], numerator=k) for k in ranked]
    if any(shown(means, metric, 0, arms) == "no_overlap" for metric in metrics):
        return
    whole = [
        d
        for d in range(len(means.cells.dimensions))
        if all(
            shown(means, metric, cell, arms) == "shown"
            for metric in metrics
            for cell in means.cells.of_dimension(d)
        )
    ]
    finest = sorted(whole, key=lambda d: -len(means.cells.of_dimension(d)))
    for dimensions in (finest, [EVERYONE]):
        for kept in range(len(ranked), max(core, 1) - 1, -1):
            for d in dimensions:
                if len(means.cells.of_dimension(d)) * len(arms) * kept <= MOST_PARAMETERS:
                    yield d, tuple(sorted(ranked[:kept]))


def _ranked(means: Joint, spec: StudySpec) -> tuple[list[int], int]:
    """Return outcomes, those no file can do without first, and how many these are."""
    primary = [] if isinstance(spec.primary, RatioSpec) else [spec.primary.column]
    parts = [name for ratio in spec.ratios for name in (ratio.numerator, ratio.denominator)]
    valued = [] if spec.value is None else [name for name, worth in spec.value.per.items() if worth]
    core = list(dict.fromkeys([*primary, *parts, *valued]))
    ranked = dict.fromkeys([*core, *(outcome.column for outcome in spec.outcomes)])
    return [means.outcomes.index(name) for name in ranked], len(core)


def _sheet(
    means: Joint, spec: StudySpec, about: About, dimension: int, outcomes: tuple[int, ...]
) -> Sheet:
    own = means.cells.of_dimension(dimension)
    columns = _columns(means, dimension)
    names = tuple(means.outcomes[k] for k in outcomes)
    index = _places(means, own, outcomes)
    return Sheet(
        study=spec.study,
        run_id=about.run_id,
        as_of=about.as_of,
        level=spec.level,
        target=means.target,
        looks=spec.decision.looks,
        withheld=about.withheld,
        arms=means.arms,
        outcomes=names,
        ratios=tuple(
            Metric(
                name=ratio.name,
                numerator=names.index(ratio.numerator),
                denominator=names.index(ratio.denominator),
            )
            for ratio in spec.ratios
        ),
        columns=columns,
        cells=_levels_of(means, own, columns),
        n=tuple(int(means.counts.units[cell]) for cell in own),
        clusters=tuple(int(means.counts.clusters[cell]) for cell in own),
        df=_degrees(means, own),
        theta=means.theta[np.ix_(own, range(len(means.arms)), outcomes)],
        share=means.share[list(own)],
        covariance=means.covariance[np.ix_(index, index)],
        declared=means.arms.index(about.arm) if about.arm in means.arms[1:] else 1,
        worth=None if spec.value is None else _worth(spec.value, names, means.arms),
        units=about.units,
        critical=_SAMPLE,
    )


def _worth(value: ValueSpec, outcomes: tuple[str, ...], arms: tuple[str, ...]) -> Worth:
    return Worth(
        currency=value.currency,
        per=tuple(value.per.get(name, 0.0) for name in outcomes),
        arm_cost=tuple(value.arm_cost.get(arm, 0.0) for arm in arms),
    )


def _levels_of(means: Joint, own: range, columns: Columns) -> Ints:
    """Return the level of each cell, by index, in each column."""
    segments = [dict(means.cells.segments[cell]) for cell in own]
    places = [[levels.index(segment[name]) for name, levels in columns] for segment in segments]
    return np.array(places, dtype=np.int64).reshape(len(own), len(columns))


def _columns(means: Joint, dimension: int) -> Columns:
    """Return the columns of a dimension with their levels, sorted, a missing one last."""
    if dimension == EVERYONE:
        return ()
    segments = [means.cells.segments[cell] for cell in means.cells.of_dimension(dimension)]

    def order(level: Level) -> tuple[bool, str, float]:
        text = isinstance(level, str)
        return (level == MISSING, str(level) if text else "", 0.0 if text else float(level))

    return tuple(
        (name, tuple(sorted({dict(segment)[name] for segment in segments}, key=order)))
        for name in means.cells.dimensions[dimension]
    )


def _places(means: Joint, own: range, outcomes: tuple[int, ...]) -> list[int]:
    """Return where the file's parameters stand in the joint covariance."""
    grid = np.arange(means.theta.size).reshape(means.theta.shape)
    theta = grid[np.ix_(own, range(len(means.arms)), outcomes)]
    return [*theta.ravel().tolist(), *(means.theta.size + cell for cell in own)]


def _degrees(means: Joint, own: range) -> int:
    """Return the degrees of freedom of the smallest cell, too few where an arm has too few."""
    arms = range(1, len(means.arms))
    fewest = int(means.counts.arm_clusters[list(own)].min())
    df = min(means.degrees(cell, arm) for cell in own for arm in arms)
    return df if fewest >= LEAST_ARM_CLUSTERS_FOR_INTERVAL else min(df, max(fewest - 1, 0))


def _critical(means: Joint, sheet: Sheet, *, seed: int) -> Critical:
    """Return critical values by what may be moved; none below ten clusters in an arm.

    Of several arms the declared one was picked by its result, so its range holds for every arm.
    """
    if sheet.df < LEAST_DF:
        return Critical(declared=None, prices=None, rollout=None)
    picked = len(sheet.arms) - 1
    everyone = min(means.degrees(0, arm) for arm in range(1, picked + 1))
    valued = 0 if sheet.worth is None else sum(worth != 0 for worth in sheet.worth.per)
    prices = span_critical(sheet.level, rank=picked * max(valued, 1), df=everyone)
    simulated = round(rollout_critical(sheet, seed=seed).critical, _DIGITS)
    return Critical(
        declared=span_critical(sheet.level, rank=picked, df=everyone),
        prices=prices,
        rollout=max(simulated, prices),
    )


def rollout_critical(sheet: Sheet, *, seed: int) -> ConeValue:
    """Return the critical value of everything that rollout, mix and price sliders can reach.

    A rollout adds up ``p_s r_sa (θ_sa − θ_s0)`` over cells and arms with r ≥ 0, and prices of a
    fixed sign add up outcomes: every profit, and every change of an outcome up to its sign, is a
    combination with weights of one sign of the generators (cell, arm, outcome). A mix only changes
    the weights of cells, which stay ≥ 0, so it is covered too. Outcomes that are worth nothing
    cannot be added to others and stand alone. A change of a ratio lies next to the cone: orders and
    cost after enter it with opposite signs, as in profit; what their levels before add is small
    while the effect is small beside the level.

    Parameters
    ----------
    sheet : Sheet
        The file without critical values.
    seed : int
        The study's seed.
    """
    size, arms, outcomes = sheet.theta.shape
    per = (0.0,) * outcomes if sheet.worth is None else sheet.worth.per
    rows = [
        _generator(sheet, s, a, k, sign=-1.0 if per[k] < 0 else 1.0)
        for k in range(outcomes)
        for s in range(size)
        for a in range(1, arms)
    ]
    gradients = np.stack(rows)
    each = size * (arms - 1)
    valued = [k for k in range(outcomes) if per[k] != 0]
    families = [valued, *([k] for k in range(outcomes) if k not in valued)]
    groups = tuple(
        tuple(place for k in family for place in range(k * each, (k + 1) * each))
        for family in families
        if family
    )
    covariance = gradients @ sheet.covariance @ gradients.T
    return cone_critical(covariance, groups, level=sheet.level, df=sheet.df, seed=seed)


def _generator(sheet: Sheet, s: int, a: int, k: int, *, sign: float) -> Floats:
    """Return the gradient of giving arm a in cell s, as outcome k sees it."""
    by_theta = np.zeros(sheet.theta.shape)
    by_theta[s, a, k], by_theta[s, 0, k] = sheet.share[s], -sheet.share[s]
    by_share = np.zeros(sheet.share.size)
    by_share[s] = sheet.theta[s, a, k] - sheet.theta[s, 0, k]
    return np.concatenate([sign * by_theta.ravel(), sign * by_share])
