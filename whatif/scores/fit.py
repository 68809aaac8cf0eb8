"""The one slow step: from a design to its score table."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np

from whatif.base.arrays import Bools, Floats, frozen
from whatif.base.errors import EstimationError, Problem
from whatif.base.records import NuisanceQuality
from whatif.contract.spec import OverlapSpec
from whatif.design.record import Design
from whatif.engines.threads import one_blas_thread
from whatif.scores import overlap
from whatif.scores.aipw import aipw_scores
from whatif.scores.choice import choose
from whatif.scores.crossfit import PROPENSITY, Bases, Tick, cross_fit
from whatif.scores.record import Scores

LEARNERS = ("glm", "boosting")


def fit_scores(
    design: Design,
    *,
    rule: OverlapSpec,
    seed: int,
    key: str,
    learners: tuple[str, ...] = LEARNERS,
    workers: int | None = None,
    tick: Tick | None = None,
) -> Scores:
    """Cross-fit the nuisances and return one doubly robust score per unit, arm and outcome.

    Parameters
    ----------
    design : Design
        Arrays of the study, n units, A arms, K outcomes.
    rule : OverlapSpec
        What to do with units whose estimated chance of an arm is extreme.
    seed : int
        The study's seed.
    key : str
        Content hash of everything the scores depend on.
    learners : tuple of str
        Candidates for every nuisance; the smallest out-of-fold loss wins.
    workers : int, optional
        Models fitted side by side; the scores do not depend on it.
    tick : callable, optional
        Called with 1 after every fitted model.

    Raises
    ------
    OverlapError
        If more than 1 % of units are outside a rule that says ``refuse``, or none is inside.
    EstimationError
        If a fold's training data lack an arm, or a model returned numbers that are not finite.
    """
    with one_blas_thread():
        mean, chance, quality = _nuisances(
            design, seed=seed, learners=learners, workers=workers or os.cpu_count() or 1, tick=tick
        )
        kept, population = _overlapping(design, chance, rule)
        gamma = aipw_scores(y=design.y, arm=design.arm, mean=mean, propensity=chance)
    shape = (None, len(design.arms), len(design.outcomes))
    return Scores(
        arms=design.arms,
        outcomes=design.outcomes,
        gamma=frozen("scores", gamma[kept], shape=shape),
        mass=frozen("mass", np.ones(int(kept.sum())), shape=(None,)),
        propensity=frozen("propensity", chance[kept], shape=(None, len(design.arms))),
        arm=design.arm[kept],
        y=design.y[kept],
        cluster=design.cluster[kept],
        fold=design.fold[kept],
        weight=design.weight[kept],
        target="ate",
        unit=design.unit[kept],
        columns=design.columns[kept],
        clusters_assigned=design.clusters_assigned,
        quality=quality,
        overlap=overlap.summarise(chance[kept], design.arms, known=design.known is not None),
        population=population,
        repeats=gamma[kept].mean(axis=0, keepdims=True),
        key=key,
    )


def refitter(*, seed: int) -> Callable[[Design], Floats]:
    """Return what checks call when they train models again.

    ``refit(design)`` gives arm minus control for every outcome with the GLM candidate, shape
    (A − 1, K). Calls in a row on the same covariates and folds share the model matrices; units
    outside the overlap rule stay in.
    """
    last: list[tuple[Design, Bases]] = []

    def refit(design: Design) -> Floats:
        same = last and _same_covariates(last[0][0], design)
        bases = last[0][1] if same else {}
        last[:] = [(design, bases)]
        with one_blas_thread():
            mean, chance, _ = _nuisances(
                design, seed=seed, learners=("glm",), workers=1, tick=None, bases=bases
            )
            gamma = aipw_scores(y=design.y, arm=design.arm, mean=mean, propensity=chance)
        theta = gamma.mean(axis=0)
        return np.asarray(theta[1:] - theta[0])

    return refit


def _same_covariates(one: Design, other: Design) -> bool:
    return one.features.values is other.features.values and one.fold is other.fold


def _overlapping(design: Design, chance: Floats, rule: OverlapSpec) -> tuple[Bools, str]:
    everyone = np.ones(design.n, dtype=bool)
    if not _estimates_propensity(design):
        return everyone, design.population
    kept = overlap.inside(chance, rule)
    if rule.rule == "refuse" or not kept.any():
        overlap.refuse_outside(kept, chance, rule)
        return everyone, design.population
    if kept.all():
        return everyone, design.population
    return kept, overlap.trimmed_population(design.population, kept, rule)


def _estimates_propensity(design: Design) -> bool:
    return design.kind == "observational" and bool(design.features.names)


def _nuisances(
    design: Design,
    *,
    seed: int,
    learners: tuple[str, ...],
    workers: int,
    tick: Tick | None,
    bases: Bases | None = None,
) -> tuple[Floats, Floats, tuple[NuisanceQuality, ...]]:
    if not design.features.names:
        mean, chance = _arm_means(design), _shares(design)
        if design.known is not None and np.ptp(design.known, axis=0).any():
            chance = design.known
        _require_finite(mean, chance)
        return mean, chance, ()
    candidates = cross_fit(
        design,
        learners=learners,
        propensity=_estimates_propensity(design),
        seed=seed,
        workers=workers,
        tick=tick,
        bases=bases,
    )
    chosen, quality = choose(design, candidates)
    arms, outcomes = range(len(design.arms)), design.outcomes
    mean = np.stack(
        [np.column_stack([chosen[k, a].predicted for k in outcomes]) for a in arms], axis=1
    )
    if _estimates_propensity(design):
        chance = chosen[PROPENSITY, -1].predicted
    else:
        chance = _shares(design) if design.known is None else design.known
    _require_finite(mean, chance)
    return mean, chance, quality


def _arm_means(design: Design) -> Floats:
    """Arm means over all rows of a phase, not cross-fitted: differences of means are exact."""
    out = np.empty((design.n, len(design.arms), len(design.outcomes)))
    for phase in np.unique(design.phase):
        rows = design.phase == phase
        for a in range(len(design.arms)):
            inside = rows & (design.arm == a)
            out[rows, a] = design.y[inside if inside.any() else design.arm == a].mean(axis=0)
    return out


def _shares(design: Design) -> Floats:
    """Share of each arm within the unit's phase, shape (n, A): the strata of assignment."""
    out = np.empty((design.n, len(design.arms)))
    for phase in np.unique(design.phase):
        rows = design.phase == phase
        counts = np.bincount(design.arm[rows], minlength=len(design.arms))
        out[rows] = counts / counts.sum()
    return out


def _require_finite(mean: Floats, chance: Floats) -> None:
    if np.isfinite(mean).all() and np.isfinite(chance).all() and (chance > 0).all():
        return
    raise EstimationError(
        Problem(
            what="A nuisance model returned values that are not finite, or a chance of exactly 0.",
            why="one such value would spoil every average it enters.",
            fix="look for a covariate that determines the arm or has extreme values; remove it or "
            "cap it before the study.",
        )
    )
