"""Scores of orders and costs by the option chosen, fitted beside a finished score table."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np

from whatif.base.arrays import Floats, Ints, frozen
from whatif.design.options import Options
from whatif.design.record import Design
from whatif.engines.threads import one_blas_thread
from whatif.scores.choice import choose
from whatif.scores.crossfit import Tick, count_models, cross_fit
from whatif.scores.executor import Executor, Threads
from whatif.scores.fit import arm_means, require_finite
from whatif.scores.record import OptionScores, Scores
from whatif.scores.targets import TARGETS


def with_options(
    design: Design,
    scores: Scores,
    *,
    seed: int,
    learners: tuple[str, ...],
    workers: int | None = None,
    tick: Tick | None = None,
) -> Scores:
    """Return `scores` with those of the design's options beside them; unchanged without options.

    Chances, target, folds and units are those of the table. In each arm the options add up,
    row by row, to the table's own scores of the cost (and of orders). Models of parts do not add
    up by themselves, so the most chosen option is what the others leave and needs no model of its
    own. An option that an arm never had scores 0 there.

    Parameters
    ----------
    design : Design
        The design that `scores` were fitted on.
    scores : Scores
        Its score table; units outside the overlap rule may be gone.
    seed, learners, workers, tick
        As in `whatif.scores.fit.fit_scores`.

    Raises
    ------
    EstimationError
        If a fold's training data lack an arm, or a model returned numbers that are not finite.
    """
    if design.options is None:
        return scores
    executor = Threads(workers or os.cpu_count() or 1)
    rows = _kept(design, scores)
    with one_blas_thread():
        mean = _means(design, design.options, seed=seed, learners=learners, executor=executor,
                      tick=tick)[rows]  # fmt: skip
    require_finite(mean, scores.propensity)
    options = design.options.take(rows)
    made, mass = TARGETS[scores.target].scores(options.y, scores.arm, mean, scores.propensity)
    made += mean * (scores.mass - mass)[:, None, None]  # zero unless several rounds were averaged
    gamma = _adding_up(made, scores, options)
    shape = (None, len(scores.arms), len(options.columns))
    return replace(
        scores,
        options=OptionScores(
            names=options.names,
            columns=options.columns,
            cost=options.cost,
            orders=options.orders,
            gamma=frozen("scores by option", gamma, shape=shape),
            y=frozen("outcomes by option", options.y, shape=(None, len(options.columns))),
        ),
    )


def count_option_models(design: Design, *, learners: tuple[str, ...]) -> int:
    """Return the number of models `with_options` will fit, for a progress bar."""
    if design.options is None or not design.features.names:
        return 0
    asked, _ = _modelled(design, design.options)
    each = count_models(asked, learners=learners, propensity=False)
    return each * (1 + len(design.refolds))


def _kept(design: Design, scores: Scores) -> Ints:
    """Return the design's rows that are in the table."""
    if scores.n == design.n:
        return np.arange(design.n)
    return design.unit.index.get_indexer(scores.unit.index).astype(np.int64)


def _modelled(design: Design, options: Options) -> tuple[Design, Ints]:
    """Return a design of the columns that need models, and which of all columns they are.

    The first option needs none where every arm has it: it is what the others leave.
    """
    size = len(options.names)
    everywhere = all(options.y[design.arm == a, 0].any() for a in range(len(design.arms)))
    left = [0, size] if options.orders is not None else [size]
    kept = np.setdiff1d(np.arange(2 * size), left if everywhere else [])
    return replace(
        design,
        outcomes=tuple(options.columns[k] for k in kept),
        kinds=tuple(options.kinds[k] for k in kept),
        y=options.y[:, kept],
    ), kept


def _means(
    design: Design,
    options: Options,
    *,
    seed: int,
    learners: tuple[str, ...],
    executor: Executor,
    tick: Tick | None,
) -> Floats:
    """Predict columns under every arm, averaged over drawings of the folds; 0 without a model."""
    asked, kept = _modelled(design, options)
    total = np.zeros((design.n, len(design.arms), len(options.columns)))
    if not design.features.names:
        total[:, :, kept] = arm_means(asked)
    if not design.features.names or not kept.size:
        return total
    for fold in (design.fold, *design.refolds):
        drawn = replace(asked, fold=fold)
        fitted = cross_fit(
            drawn, learners=learners, propensity=False, seed=seed, executor=executor, tick=tick
        )
        chosen, _ = choose(drawn, fitted)
        for k, column in zip(kept, asked.outcomes, strict=True):
            for a in range(len(design.arms)):
                total[:, a, k] += chosen[column, a].predicted
    return total / (1 + len(design.refolds))


def _adding_up(gamma: Floats, scores: Scores, options: Options) -> Floats:
    """Make the options of each arm add up to its scores of the cost and of orders."""
    size = len(options.names)
    wholes = [(options.cost, slice(size, None))]
    if options.orders is not None:
        wholes.append((options.orders, slice(0, size)))
    for a in range(len(scores.arms)):
        chosen = np.count_nonzero(options.y[scores.arm == a, :size], axis=0)
        gamma[:, a, np.tile(chosen == 0, 2)] = 0.0
        most = 0 if chosen[0] else int(np.argmax(chosen))
        if chosen[most] == 0:
            continue
        for name, part in wholes:
            whole = scores.gamma[:, a, scores.outcomes.index(name)]
            gamma[:, a, part][:, most] += whole - gamma[:, a, part].sum(axis=1)
    return gamma
