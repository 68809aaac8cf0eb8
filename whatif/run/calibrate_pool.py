"""The pool a calibration resamples: whole clusters of a study, their chances, and its worlds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from whatif.base.arrays import Floats, Ints
from whatif.base.errors import DataError, Problem
from whatif.checks.analysed import exposure_order
from whatif.checks.assignment import first_rows
from whatif.checks.refitting import FEWEST_CLUSTERS, whole_clusters
from whatif.contract.spec import StudySpec, metric_name
from whatif.design.record import Design
from whatif.effects.calibration import true_effects
from whatif.effects.cells import cut
from whatif.effects.table import metrics_of
from whatif.run.assemble import Prepared
from whatif.run.calibrate_draws import Outcomes, Pool, World
from whatif.scores.record import Scores
from whatif.scores.targets import TARGETS
from whatif.simulate.fitted import fitted
from whatif.simulate.planted import Nothing, Plant, flip, scale

LEARNER = "glm"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Planted:
    """The study's own outcomes under every arm, and one effect of all arms but the control.

    Attributes
    ----------
    y : ndarray, shape (n, K)
        Outcomes of the pool.
    """

    y: Floats
    plant: Plant
    arms: int

    def potential(self) -> Floats:
        """Return the mean outcome of each row under each arm, shape (n, A, K)."""
        return np.stack([self.y, *[self.plant.expected(self.y)] * (self.arms - 1)], axis=1)

    def drawn(self, rows: Ints, arm: Ints, rng: np.random.Generator) -> Floats:
        """Return outcomes of rows that got `arm`, shape (m, K)."""
        return self.plant.drawn(self.y[rows], arm > 0, rng)


def pool_of(prepared: Prepared, scores: Scores | None) -> Pool:
    """Return the pool of a study; `scores` hold the fitted chances of an observational one.

    Raises
    ------
    DataError
        If there are too few clusters in an arm, or an effect the size of `matters_from` cannot be
        planted.
    """
    spec, whole = prepared.spec, prepared.design
    rows, chance = _answered_for(spec, whole, scores)
    kept = whole_clusters(whole.cluster[rows], seed=spec.seed)
    taken, chance_kept = whole.take(rows[kept]), chance[kept]
    cluster = pd.factorize(taken.cluster)[0].astype(np.int64)
    assigned = pd.factorize(taken.assigned)[0].astype(np.int64)
    design = replace(taken, cluster=cluster, assigned=assigned)
    _require_clusters(design)
    mean = None if scores is None else fitted_means(scores)
    weight = design.weight * TARGETS[spec.target].tilt(chance_kept)
    first, _ = first_rows(whole.assigned[rows], exposure_order(whole, spec)[rows])
    return Pool(
        prepared=replace(prepared, design=design),
        chance=chance_kept,
        missing=whole.intake.missing.mean(axis=0),
        units=chance[first],
        learners=(LEARNER,) if LEARNER in spec.learners else spec.learners,
        worlds=tuple(_worlds(spec, design, weight, None if mean is None else mean[kept])),
    )


def _answered_for(spec: StudySpec, design: Design, scores: Scores | None) -> tuple[Ints, Floats]:
    """Return the rows the study answers for, and the chance of each arm in them."""
    if scores is not None:
        found = pd.Index(design.unit).get_indexer(pd.Index(scores.unit))
        rows = np.asarray(found, dtype=np.int64)
        return (rows if scores.n < design.n else np.arange(design.n)), scores.propensity
    chance = design.known
    if chance is None:
        share = np.bincount(design.arm, minlength=len(design.arms)) / design.n
        chance = np.tile(share, (design.n, 1))
    if spec.overlap.rule == "refuse":
        return np.arange(design.n), chance
    rows = np.flatnonzero(TARGETS[spec.target].inside(chance, spec.overlap))
    return rows, chance[rows]


def _require_clusters(design: Design) -> None:
    arms = range(len(design.arms))
    seen = [int(np.unique(design.cluster[design.arm == a]).size) for a in arms]
    if min(seen) >= FEWEST_CLUSTERS:
        return
    counts = ", ".join(f"{label} {n:,}" for label, n in zip(design.arms, seen, strict=True))
    raise DataError(
        Problem(
            what=f"Too few clusters to resample: {counts}; {FEWEST_CLUSTERS} in every arm needed.",
            why="draws from so few would say how the pipeline does on them, not on their like.",
            fix="calibrate when the study has grown.",
        )
    )


def _worlds(
    spec: StudySpec, design: Design, weight: Floats, mean: Floats | None
) -> Iterator[World]:
    """Yield the worlds: no effect, the smallest that matters once and twice, and as fitted."""
    cells, metrics = cut(design.columns, spec.segments), metrics_of(spec)
    primary = metric_name(spec.primary)
    for name, planted, outcomes in _outcomes(spec, design, weight, mean):
        truth = true_effects(outcomes.potential(), weight, cells, metrics)
        effect = truth.get((primary, 1, ()), 0.0) if planted is None else planted
        yield World(name=name, effect=effect, outcomes=outcomes, truth=truth)


def _outcomes(
    spec: StudySpec, design: Design, weight: Floats, mean: Floats | None
) -> Iterator[tuple[str, float | None, Outcomes]]:
    """Yield name, planted effect on the primary metric, and outcomes of each world."""
    arms, matters = len(design.arms), spec.primary.matters_from
    yield "nothing", 0.0, Planted(y=design.y, plant=Nothing(), arms=arms)
    if matters is not None:
        good = matters if spec.primary.better == "higher" else -matters
        for name, effect in (("matters_from", good), ("twice", 2 * good)):
            plant = _plant(spec, design, weight, effect)
            yield name, effect, Planted(y=design.y, plant=plant, arms=arms)
    if mean is not None:
        binary = tuple(kind == "binary" for kind in design.kinds)
        yield "as_fitted", None, fitted(design.y, design.arm, mean, binary=binary)


def fitted_means(scores: Scores) -> Floats | None:
    """Return the fitted mean of each unit under each arm that scores hold, shape (n, A, K).

    None where they do not tell: scores of another target than everyone, or averaged over several
    drawings of the folds.
    """
    if scores.target != "ate" or len(scores.repeats) > 1:
        return None
    rows = np.arange(scores.n)
    chance = scores.propensity[rows, scores.arm][:, None]
    mean = np.array(scores.gamma)
    mean[rows, scores.arm] = (chance * mean[rows, scores.arm] - scores.y) / (chance - 1.0)
    return mean


def _plant(spec: StudySpec, design: Design, weight: Floats, effect: float) -> Plant:
    metric = metrics_of(spec)[spec.metrics.index(spec.primary)]
    column, over = metric.numerator, metric.denominator
    plant: Plant | None
    if over is None and design.kinds[column] == "binary":
        plant = flip(design.y, weight, column=column, effect=effect)
    else:
        plant = scale(design.y, weight, column=column, effect=effect, over=over)
    if plant is not None:
        return plant
    raise DataError(
        Problem(
            what=f"An effect of {effect:g} on {metric.name} cannot be planted in these data.",
            why="there are not enough units whose outcome could change by that much.",
            fix="declare a smaller `matters_from`, in the unit of the metric.",
        )
    )
