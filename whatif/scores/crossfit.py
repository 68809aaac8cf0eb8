"""Cross-fitting: every nuisance predicted on folds that do not hold the unit's cluster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from whatif.base.arrays import Floats
from whatif.base.errors import EstimationError, Problem
from whatif.design.record import Design
from whatif.design.transport import TargetRows
from whatif.scores.executor import Executor
from whatif.scores.tasks import Shared, fold_tasks

Tick = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidate:
    """Out-of-fold predictions of one learner for one nuisance.

    Attributes
    ----------
    learner : str
        ``"glm"``, ``"boosting"`` or the name of a scikit-learn class.
    target : str
        ``"propensity"`` or an outcome column.
    arm : int
        Arm the model was fitted in; −1 for the propensity.
    predicted : ndarray
        Shape (n,) for an outcome mean, (n, A) for the propensity.
    elsewhere : ndarray or None
        The same at the rows of other populations, one below another; None without any.
    """

    learner: str
    target: str
    arm: int
    predicted: Floats
    elsewhere: Floats | None = None


def cross_fit(
    design: Design,
    *,
    learners: tuple[str, ...],
    propensity: bool,
    seed: int,
    executor: Executor,
    tick: Tick | None = None,
    shared: Shared | None = None,
    targets: tuple[TargetRows, ...] = (),
) -> tuple[Candidate, ...]:
    """Fit every learner for every nuisance on every fold.

    Parameters
    ----------
    design : Design
        Arrays of the study; at least one covariate.
    learners : tuple of str
        Names of the learners.
    propensity : bool
        Whether the chance of each arm is estimated too.
    seed : int
        The study's seed.
    executor : Executor
        Carries out the tasks; the result does not depend on it.
    tick : callable, optional
        Called with the number of models that a finished task fitted.
    shared : Shared, optional
        Filled with model matrices and bins, and read instead of making them again; the caller
        vouches that covariates and folds are the same.
    targets : tuple of TargetRows
        Other populations to predict with the same models: the mean over the folds' models, or the
        one model that never saw the cluster of a row, where the study knows that cluster.

    Raises
    ------
    EstimationError
        If an arm is missing from the training side of a fold.
    """
    require_arms(design)
    out: dict[tuple[str, str, int], Floats] = {}
    away: dict[tuple[str, str, int], Floats] = {}
    values = np.concatenate([one.covariates for one in targets]) if targets else None
    shares = _shares(design, targets)
    kept = Shared() if shared is None else shared
    for fold in range(design.n_folds):
        tasks = fold_tasks(
            design,
            fold,
            learners,
            propensity=propensity,
            seed=seed,
            shared=kept,
            elsewhere=values,
        )
        held = design.fold == fold
        rows = int(held.sum())
        for task, made in zip(tasks, executor.run(t.predict for t in tasks), strict=True):
            for (target, arm), found in zip(task.nuisances, made, strict=True):
                key = (task.learner, target, arm)
                out.setdefault(key, np.empty((design.n, *found.shape[1:])))[held] = found[:rows]
                if targets:
                    more = (found[rows:].T * shares[fold]).T
                    away[key] = away[key] + more if key in away else more
            if tick is not None:
                tick(len(task.nuisances))
        if shared is None:
            kept.matrices.clear()
    return tuple(
        Candidate(
            learner=key[0], target=key[1], arm=key[2], predicted=made, elsewhere=away.get(key)
        )
        for key, made in out.items()
    )


def _shares(design: Design, targets: tuple[TargetRows, ...]) -> Floats:
    """Return how much each fold's model says about each row of the targets, shape (folds, N)."""
    if not targets:
        return np.empty((design.n_folds, 0))
    cluster = np.concatenate([one.cluster for one in targets])
    fold_of = np.full(max(int(cluster.max()), int(design.cluster.max())) + 1, -1)
    fold_of[design.cluster] = design.fold
    own = fold_of[cluster]
    folds = np.arange(design.n_folds)[:, None]
    return np.where(own < 0, 1 / design.n_folds, own == folds)


def count_models(design: Design, *, learners: tuple[str, ...], propensity: bool) -> int:
    """Return the number of models `cross_fit` will fit, for a progress bar."""
    nuisances = len(design.arms) * len(design.outcomes) + int(propensity)
    return design.n_folds * nuisances * len(learners)


def require_arms(design: Design) -> None:
    """Refuse folds whose training side lacks an arm.

    Raises
    ------
    EstimationError
        If one does, or a fold holds no rows.
    """
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
