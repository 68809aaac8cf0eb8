"""Training again without each covariate: how strong causes are that were measured."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from whatif.base.errors import EstimationError, Problem
from whatif.checks.analysed import covariate_columns, primary_outcome
from whatif.checks.evidence import Evidence
from whatif.checks.refitting import Subsample, subsample
from whatif.contract.spec import OverlapSpec
from whatif.design.record import Design
from whatif.effects.sensitivity.assess import Worth, compared, elements
from whatif.effects.sensitivity.benchmark import gain
from whatif.effects.sensitivity.elements import Elements
from whatif.effects.sensitivity.record import Benchmark
from whatif.scores.executor import side_by_side
from whatif.scores.fit import fit_scores

MOST_COVARIATES = 30
EVERY_CHANCE = OverlapSpec.model_construct(low=0.0, high=1.0, rule="refuse")
"""Both sides of a comparison keep the same units, whatever their chances."""


def measured_benchmarks(evidence: Evidence) -> tuple[Benchmark, ...]:
    """Return what leaving out each covariate does to the primary effect, strongest first.

    Linear models on the stated subsample, with and without the covariate, on the same units and
    folds. With more than 30 covariates, the 30 that go most with arm and outcome together.

    Raises
    ------
    EstimationError
        If models cannot be trained again here.
    """
    sample = subsample(evidence)
    if sample.unfit:
        raise EstimationError(
            Problem(
                what=f"Models cannot be trained again: {sample.unfit}.",
                why="no measured cause can serve as a yardstick for hidden ones.",
                fix="wait for more data.",
            )
        )
    design = replace(sample.design, refolds=())
    left_out = candidates(sample)
    fits = [partial(_parts, evidence, one)
            for one in (design, *(_without(design, j) for j in left_out))]  # fmt: skip
    full, *shorter = side_by_side(fits)
    found = [
        gain(
            design.features.names[j],
            about=(primary_outcome(evidence.spec), design.arms[arm]),
            long=long,
            short=short,
        )
        for j, parts in zip(left_out, shorter, strict=True)
        for arm, (long, short) in enumerate(zip(full, parts, strict=True), start=1)
    ]
    return tuple(sorted(found, key=lambda one: -one.strength))


def candidates(sample: Subsample) -> tuple[int, ...]:
    """Return the covariates worth leaving out, by index: all, or the 30 most likely to matter.

    Ordered by the product of the correlations with having another arm than the control and with
    the outcome; of several columns of one covariate the largest counts.
    """
    features = sample.design.features
    if len(features.names) <= MOST_COVARIATES:
        return tuple(range(len(features.names)))
    y, other = sample.design.y[:, 0], (sample.design.arm != 0).astype(np.float64)
    likely = dict.fromkeys(features.names, 0.0)
    for name, column in covariate_columns(features):
        both = abs(np.corrcoef(column, y)[0, 1] * np.corrcoef(column, other)[0, 1])
        likely[name] = max(likely[name], float(both))
    chosen = sorted(likely, key=lambda name: -likely[name])[:MOST_COVARIATES]
    return tuple(sorted(features.names.index(name) for name in chosen))


def _without(design: Design, column: int) -> Design:
    kept = np.arange(len(design.features.names)) != column
    return replace(design, features=design.features.only(kept))


def _parts(evidence: Evidence, design: Design) -> list[tuple[Elements, float]]:
    """Return elements and estimate of every arm but the control."""
    scores = fit_scores(
        design,
        rule=EVERY_CHANCE,
        seed=evidence.spec.seed,
        key="",
        target=evidence.scores.target,
        learners=("glm",),
        workers=1,
    )
    worth = Worth(name=design.outcomes[0], per=np.ones(1))
    out = []
    for arm in range(1, len(scores.arms)):
        part = compared(scores, worth, arm=arm)
        control, treated = part.means
        out.append((elements(part, scores.target), treated - control))
    return out
