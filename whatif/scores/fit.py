"""The one slow step: from a design to its score table."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from whatif.base.arrays import Bools, Floats, frozen
from whatif.base.errors import EstimationError, Problem
from whatif.base.records import NuisanceQuality
from whatif.contract.spec import OverlapSpec
from whatif.design.probability import is_logged
from whatif.design.record import Design
from whatif.design.transport import TargetRows
from whatif.engines.threads import one_blas_thread
from whatif.scores import overlap
from whatif.scores.choice import choose
from whatif.scores.crossfit import Candidate, Tick, cross_fit
from whatif.scores.executor import Executor, Threads
from whatif.scores.populations import trimming_table
from whatif.scores.record import Population, Scores, Target
from whatif.scores.targets import (
    TARGETS,
    Predictions,
    TargetRule,
    averaged_chance,
    averaged_scores,
)
from whatif.scores.tasks import BOOSTING, GLM, PROPENSITY, Shared
from whatif.scores.transport import Elsewhere, transported

LEARNERS = (GLM, BOOSTING)


def fit_scores(
    design: Design,
    *,
    rule: OverlapSpec,
    seed: int,
    key: str,
    target: Target = "ate",
    learners: tuple[str, ...] = LEARNERS,
    workers: int | None = None,
    tick: Tick | None = None,
    targets: tuple[TargetRows, ...] = (),
) -> Scores:
    """Cross-fit the nuisances and return one doubly robust score per unit, arm and outcome.

    With several drawings of the folds (``design.refolds``) scores are averaged over them; models'
    quality is that of the first.

    Parameters
    ----------
    design : Design
        Arrays of the study, n units, A arms, K outcomes.
    rule : OverlapSpec
        What to do with units whose estimated or logged chance of an arm is extreme.
    seed : int
        The study's seed.
    key : str
        Content hash of everything the scores depend on.
    target : str
        Whom averages speak of: ``"ate"``, ``"att"`` or ``"overlap"``.
    learners : tuple of str
        Candidates for every nuisance; the smallest out-of-fold loss wins.
    workers : int, optional
        Models fitted side by side; the scores do not depend on it.
    tick : callable, optional
        Called with 1 after every fitted model.
    targets : tuple of TargetRows
        Other populations that the answer is carried to.

    Raises
    ------
    OverlapError
        If more than 1 % of the target population is outside a rule that says ``refuse``, or none
        is inside.
    EstimationError
        If a fold's training data lack an arm, or a model returned numbers that are not finite.
    """
    aim = TARGETS[target]
    executor = Threads(workers or os.cpu_count() or 1)
    fit = partial(_nuisances, seed=seed, learners=learners, executor=executor, tick=tick)
    origin = partial(cross_fit, seed=seed, learners=learners, executor=executor, tick=tick)
    with one_blas_thread():
        drawn = [fit(one, targets=targets) for one in _drawings(design)]
        rounds = tuple(one.predictions for one in drawn)
        chance = averaged_chance(rounds)
        kept, population = _overlapping(design, aim, rounds, rule)
        table = _populations(design, aim, rounds, rule, kept)
        design, rounds, chance = _left(design, rounds, chance, kept)
        gamma, mass = averaged_scores(aim, y=design.y, arm=design.arm, rounds=rounds)
        whole = average(design, gamma, mass)[None]
        repeats = whole if len(rounds) == 1 else _repeats(design, aim, rounds)
        moved = transported(design, rounds, _away(drawn), targets, rule=rule, fit=origin)
    arms, outcomes = len(design.arms), len(design.outcomes)
    return Scores(
        arms=design.arms,
        outcomes=design.outcomes,
        gamma=frozen("scores", gamma, shape=(None, arms, outcomes)),
        mass=frozen("mass", mass, shape=(None,)),
        propensity=frozen("propensity", chance, shape=(None, arms)),
        arm=design.arm,
        y=design.y,
        cluster=design.cluster,
        fold=design.fold,
        weight=design.weight,
        target=aim.name,
        unit=design.unit,
        columns=design.columns,
        clusters_assigned=design.clusters_assigned,
        quality=drawn[0].quality,
        overlap=overlap.summarise(chance, design.arms, known=design.known is not None),
        population=population,
        repeats=repeats,
        key=key,
        populations=table,
        residual=_residual(design, rounds) if aim is TARGETS["att"] else None,
        transported=moved,
    )


def _left(
    design: Design, rounds: tuple[Predictions, ...], chance: Floats, kept: Bools
) -> tuple[Design, tuple[Predictions, ...], Floats]:
    """Return what is left of a design and its predictions."""
    if kept.all():
        return design, rounds, chance
    rows = np.flatnonzero(kept)
    return design.take(rows), tuple(one.take(rows) for one in rounds), chance[rows]


def _residual(design: Design, rounds: tuple[Predictions, ...]) -> Floats:
    """Return outcome minus prediction under the unit's own arm, averaged over the rounds."""
    own = (np.arange(design.n), design.arm)
    return np.asarray(design.y - sum(one.mean[own] for one in rounds) / len(rounds))


def _drawings(design: Design) -> list[Design]:
    """Return the design under each drawing of its folds; one where no model is fitted."""
    more = design.refolds if design.features.names else ()
    return [design, *(replace(design, fold=fold) for fold in more)]


def _repeats(design: Design, aim: TargetRule, rounds: tuple[Predictions, ...]) -> Floats:
    """Average the scores of each drawing of the folds alone, shape (R, A, K)."""
    made = (averaged_scores(aim, y=design.y, arm=design.arm, rounds=(one,)) for one in rounds)
    return np.stack([average(design, gamma, mass) for gamma, mass in made])


def average(design: Design, gamma: Floats, mass: Floats) -> Floats:
    """Return the mean of each arm and outcome from `gamma` and `mass`, shape (A, K)."""
    total = np.einsum("i,iak->ak", design.weight, gamma)
    return np.asarray(total / (design.weight @ mass))


def refitter(
    *, seed: int, target: Target = "ate", learners: tuple[str, ...] = (GLM,)
) -> Callable[[Design], Floats]:
    """Return what checks call when they train models again.

    ``refit(design)`` gives arm minus control for every outcome with the named learners, the GLM
    candidate by default, shape (A − 1, K), for the study's target and weights. Calls in a row on
    the same covariates and folds share the model matrices; units outside the overlap rule stay in,
    and folds are drawn once.
    """
    last: list[tuple[Design, Shared]] = []

    def refit(design: Design) -> Floats:
        same = last and _same_covariates(last[0][0], design)
        shared = last[0][1] if same else Shared()
        last[:] = [(design, shared)]
        with one_blas_thread():
            made = _nuisances(
                design,
                seed=seed,
                learners=learners,
                executor=Threads(os.cpu_count() or 1),
                tick=None,
                shared=shared,
            )
            theta = _repeats(design, TARGETS[target], (made.predictions,))[0]
        return np.asarray(theta[1:] - theta[0])

    return refit


def _same_covariates(one: Design, other: Design) -> bool:
    return one.features.values is other.features.values and one.fold is other.fold


def _overlapping(
    design: Design,
    aim: TargetRule,
    rounds: tuple[Predictions, ...],
    rule: OverlapSpec,
) -> tuple[Bools, str]:
    """Return the units that the answer is about, and who they are."""
    everyone = np.ones(design.n, dtype=bool)
    population = overlap.target_population(aim, design.population, design.arms)
    if not _is_held_to_overlap(design):
        return everyone, population
    chance = averaged_chance(rounds)
    kept = aim.inside(chance, rule)
    if rule.rule == "refuse" or not kept.any():
        overlap.refuse_outside(
            aim, kept, design, chance, rule, instead=lambda: _instead(design, rounds, rule)
        )
        return everyone, population
    if kept.all():
        return everyone, population
    return kept, overlap.trimmed_population(aim, population, kept=kept, arm=design.arm, rule=rule)


def _populations(
    design: Design,
    aim: TargetRule,
    rounds: tuple[Predictions, ...],
    rule: OverlapSpec,
    kept: Bools,
) -> tuple[Population, ...]:
    """Set populations side by side now, where the scores will not tell them any more."""
    told = aim is TARGETS["ate"] and len(rounds) == 1 and bool(kept.all())
    if told or not _is_held_to_overlap(design):
        return ()
    return trimming_table(design, rounds, rule)


def _instead(design: Design, rounds: tuple[Predictions, ...], rule: OverlapSpec) -> str:
    """Say what other populations would rest on: their size and error, never their answer."""
    sizes = [
        f"{one.name}: {one.n:,} units, error {_first_error(one):.3g}"
        for one in trimming_table(design, rounds, rule)
        if not one.extrapolates
    ]
    if not sizes:
        return ""
    return (
        f" Errors of {design.outcomes[0]} ({design.arms[1]} − {design.arms[0]}) elsewhere: "
        f"{'; '.join(sizes)}."
    )


def _first_error(one: Population) -> float:
    """Error of the first arm minus control, first outcome."""
    gradient = np.zeros(one.theta.shape)
    gradient[:2, 0] = (-1.0, 1.0)
    return float(np.sqrt(gradient.ravel() @ one.sigma @ gradient.ravel()))


def _is_held_to_overlap(design: Design) -> bool:
    """Whether chances were estimated, or logged row by row: nobody set a bound on them."""
    return estimates_propensity(design) or is_logged(design.known, design.phase)


def estimates_propensity(design: Design) -> bool:
    """Return whether the chance of each arm is a model's."""
    return design.kind == "observational" and bool(design.features.names)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Drawn:
    """What one drawing of the folds gives: predictions here and elsewhere, and their quality."""

    predictions: Predictions
    quality: tuple[NuisanceQuality, ...] = ()
    elsewhere: Elsewhere | None = None


def _away(drawn: list[_Drawn]) -> tuple[Elsewhere, ...]:
    return tuple(one.elsewhere for one in drawn if one.elsewhere is not None)


def _nuisances(
    design: Design,
    *,
    seed: int,
    learners: tuple[str, ...],
    executor: Executor,
    tick: Tick | None,
    shared: Shared | None = None,
    targets: tuple[TargetRows, ...] = (),
) -> _Drawn:
    if not design.features.names:
        mean, chance = arm_means(design), shares(design)
        if design.known is not None and np.ptp(design.known, axis=0).any():
            chance = design.known.copy()
        require_finite(mean, chance)
        return _Drawn(predictions=Predictions(mean=mean, chance=chance))
    candidates = cross_fit(
        design,
        learners=learners,
        propensity=estimates_propensity(design),
        seed=seed,
        executor=executor,
        tick=tick,
        shared=shared,
        targets=targets,
    )
    chosen, quality = choose(design, candidates)
    arms, outcomes = range(len(design.arms)), design.outcomes
    mean = np.stack(
        [np.column_stack([chosen[k, a].predicted for k in outcomes]) for a in arms], axis=1
    )
    if estimates_propensity(design):
        chance = chosen[PROPENSITY, -1].predicted
    else:
        chance = shares(design) if design.known is None else design.known.copy()
    require_finite(mean, chance)
    return _Drawn(
        predictions=Predictions(mean=mean, chance=chance),
        quality=quality,
        elsewhere=_elsewhere(design, chosen) if targets else None,
    )


def _elsewhere(design: Design, chosen: dict[tuple[str, int], Candidate]) -> Elsewhere:
    """Gather what was predicted at the rows of other populations."""
    means = [[chosen[k, a].elsewhere for k in design.outcomes] for a in range(len(design.arms))]
    chance = chosen[PROPENSITY, -1].elsewhere if estimates_propensity(design) else None
    mean = np.moveaxis(np.array(means, dtype=np.float64), 2, 0)
    require_finite(mean, np.ones((1, 1)) if chance is None else chance)
    return Elsewhere(mean=mean, chance=chance)


def arm_means(design: Design) -> Floats:
    """Return arm means over all rows of a phase, shape (n, A, K).

    Not cross-fitted, so that differences of means are exact.
    """
    out = np.empty((design.n, len(design.arms), len(design.outcomes)))
    for phase in np.unique(design.phase):
        rows = design.phase == phase
        for a in range(len(design.arms)):
            inside = rows & (design.arm == a)
            used = inside if inside.any() else design.arm == a
            out[rows, a] = np.average(design.y[used], axis=0, weights=design.weight[used])
    return out


def shares(design: Design) -> Floats:
    """Share of each arm within the unit's phase, shape (n, A): the strata of assignment."""
    out = np.empty((design.n, len(design.arms)))
    for phase in np.unique(design.phase):
        rows = design.phase == phase
        weight = np.bincount(
            design.arm[rows], weights=design.weight[rows], minlength=len(design.arms)
        )
        out[rows] = weight / weight.sum()
    return out


def require_finite(mean: Floats, chance: Floats) -> None:
    """Refuse predictions that would spoil every average.

    Raises
    ------
    EstimationError
        If one is not finite, or a chance is not positive.
    """
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
