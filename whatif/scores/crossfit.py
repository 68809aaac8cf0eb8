"""Cross-fitting: every nuisance predicted on folds that do not hold the unit's cluster."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from whatif.base.arrays import Floats, Ints
from whatif.base.errors import EstimationError, Problem
from whatif.base.rng import integer_seed
from whatif.design.record import Design
from whatif.engines import boosting, linear

Tick = Callable[[int], None]
Bases = dict[int, tuple[Floats, Floats]]
"""Model matrices of the GLM by fold, for training rows and held-out rows."""
PROPENSITY = "propensity"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidate:
    """Out-of-fold predictions of one learner for one nuisance.

    Attributes
    ----------
    learner : str
        ``"glm"`` or ``"boosting"``.
    target : str
        ``"propensity"`` or an outcome column.
    arm : int
        Arm the model was fitted in; −1 for the propensity.
    predicted : ndarray
        Shape (n,) for an outcome mean, (n, A) for the propensity.
    """

    learner: str
    target: str
    arm: int
    predicted: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Task:
    learner: str
    target: str
    arm: int
    fold: int
    predict: Callable[[], Floats]


def cross_fit(
    design: Design,
    *,
    learners: tuple[str, ...],
    propensity: bool,
    seed: int,
    workers: int,
    tick: Tick | None = None,
    bases: Bases | None = None,
) -> tuple[Candidate, ...]:
    """Fit every learner for every nuisance on every fold.

    Parameters
    ----------
    design : Design
        Arrays of the study; at least one covariate.
    learners : tuple of str
        ``"glm"`` and/or ``"boosting"``.
    propensity : bool
        Whether the chance of each arm is estimated too.
    seed : int
        The study's seed.
    workers : int
        Models fitted side by side; the result does not depend on it.
    tick : callable, optional
        Called with 1 after every fitted model.
    bases : dict, optional
        Filled with the GLM's model matrices, and read instead of building them again; the caller
        vouches that covariates and folds are the same.

    Raises
    ------
    EstimationError
        If an arm is missing from the training side of a fold.
    """
    _require_arms(design)
    out: dict[tuple[str, str, int], Floats] = {}
    kept = {} if bases is None else bases
    with ThreadPoolExecutor(max_workers=workers) as pool:
        for fold in range(design.n_folds):
            tasks = _fold_tasks(
                design, fold, learners, propensity=propensity, seed=seed, bases=kept
            )
            held = design.fold == fold
            if bases is None:
                kept.clear()
            fitted = pool.map(_predict, tasks)
            for task, values in zip(tasks, fitted, strict=True):
                shape = (design.n, len(design.arms)) if task.arm < 0 else (design.n,)
                key = (task.learner, task.target, task.arm)
                out.setdefault(key, np.empty(shape))[held] = values
                if tick is not None:
                    tick(1)
    return tuple(
        Candidate(learner=learner, target=target, arm=arm, predicted=predicted)
        for (learner, target, arm), predicted in out.items()
    )


def _predict(task: _Task) -> Floats:
    return task.predict()


def count_models(design: Design, *, learners: tuple[str, ...], propensity: bool) -> int:
    """Return the number of models `cross_fit` will fit, for a progress bar."""
    nuisances = len(design.arms) * len(design.outcomes) + int(propensity)
    return design.n_folds * nuisances * len(learners)


def _require_arms(design: Design) -> None:
    for fold in range(design.n_folds):
        seen = np.bincount(design.arm[design.fold != fold], minlength=len(design.arms))
        if (seen == 0).any() or not (design.fold == fold).any():
            raise EstimationError(
                Problem(
                    what=f"Fold {fold + 1} of {design.n_folds} would be predicted without every "
                    "arm in its training data, or holds no rows.",
                    why="a model fitted without an arm cannot say what that arm would do.",
                    fix="use more data, or fewer `folds`; a study needs several clusters in "
                    "every arm.",
                )
            )


def _fold_tasks(
    design: Design,
    fold: int,
    learners: tuple[str, ...],
    *,
    propensity: bool,
    seed: int,
    bases: Bases,
) -> list[_Task]:
    train, at = np.flatnonzero(design.fold != fold), np.flatnonzero(design.fold == fold)
    made: dict[str, _Made] = {}
    if "glm" in learners:
        if fold not in bases:
            bases[fold] = _model_matrices(design, train, at)
        made["glm"] = _glm_tasks(design, train, bases[fold], propensity=propensity)
    if "boosting" in learners:
        made["boosting"] = _boosting_tasks(design, train, at, propensity=propensity, seed=seed)
    return [
        _Task(learner=learner, target=target, arm=arm, fold=fold, predict=predict)
        for learner, tasks in made.items()
        for target, arm, predict in tasks
    ]


def _model_matrices(design: Design, train: Ints, at: Ints) -> tuple[Floats, Floats]:
    values = design.features.values
    basis = linear.fit_basis(values[train], design.features.categorical)
    return basis.columns(values[train]), basis.columns(values[at])


_Made = list[tuple[str, int, Callable[[], Floats]]]


def _glm_tasks(
    design: Design, train: Ints, matrices: tuple[Floats, Floats], *, propensity: bool
) -> _Made:
    (x, held), levels = matrices, len(design.arms)
    made: _Made = []
    if propensity:
        label = design.arm[train]
        made.append(
            (PROPENSITY, -1, partial(linear.predict_probability, x, label, held, levels=levels))
        )
    for arm in range(levels):
        inside = np.flatnonzero(design.arm[train] == arm)
        for k, outcome in enumerate(design.outcomes):
            y = design.y[train[inside], k]
            binary = design.kinds[k] == "binary"
            made.append((outcome, arm, partial(_glm_mean, x, inside, y, held, binary=binary)))
    return made


def _glm_mean(x: Floats, inside: Ints, y: Floats, held: Floats, *, binary: bool) -> Floats:
    if (y == y[0]).all():
        return np.full(len(held), y[0])
    if binary:
        return linear.predict_probability(x[inside], y.astype(np.int64), held, levels=2)[:, 1]
    return linear.predict_mean(x[inside], y, held)


def _boosting_tasks(design: Design, train: Ints, at: Ints, *, propensity: bool, seed: int) -> _Made:
    values, levels = design.features.values, len(design.arms)
    x, held = values[train], values[at]
    categorical, own_seed = design.features.categorical, integer_seed(seed, "boosting")
    fit_arms = partial(boosting.predict_probability, categorical=categorical, seed=own_seed)
    fit_mean = partial(boosting.predict_mean, categorical=categorical, seed=own_seed)
    made: _Made = []
    if propensity:
        label = design.arm[train]
        made.append((PROPENSITY, -1, partial(fit_arms, x, label, held, levels=levels)))
    for arm in range(levels):
        inside = np.flatnonzero(design.arm[train] == arm)
        own = x[inside]
        for k, outcome in enumerate(design.outcomes):
            y = design.y[train[inside], k]
            binary = design.kinds[k] == "binary"
            made.append((outcome, arm, partial(fit_mean, own, y, held, binary=binary)))
    return made
