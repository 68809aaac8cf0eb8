"""The models of one fold as independent tasks: every learner, every nuisance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from whatif.base.arrays import Bools, Floats, Ints
from whatif.base.rng import integer_seed
from whatif.design.record import Design
from whatif.engines import boosting, boosting_large, linear, sklearn_learners

PROPENSITY = "propensity"
GLM, BOOSTING = "glm", "boosting"
LARGE = 100_000
"""Units from which boosting bins the covariates once for all models."""

Matrices = tuple[Floats, Floats, Bools]
"""The GLM's model matrices of one fold, training and held-out rows, and which columns curve."""


@dataclass(frozen=True, slots=True, eq=False)
class Shared:
    """What the tasks of all folds share: the GLM's matrices by fold, and boosting's bins.

    Filled as it is needed; refits on the same covariates and folds hand it on.
    """

    matrices: dict[int, Matrices] = field(default_factory=dict)
    bins: list[boosting_large.Bins] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Task:
    """One call that predicts one or several nuisances on a fold.

    Attributes
    ----------
    learner : str
        ``"glm"``, ``"boosting"`` or the name of a scikit-learn class.
    nuisances : tuple of (str, int)
        ``("propensity", -1)``, or an outcome and the arm its model is fitted in.
    predict : callable
        Gives one array a nuisance: the chance of every arm, shape (m, A), or a mean, shape (m,).
    """

    learner: str
    nuisances: tuple[tuple[str, int], ...]
    predict: Callable[[], list[Floats]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """Training rows as one learner reads them, and the covariates it predicts at.

    Attributes
    ----------
    x, at : ndarray, shapes (rows, q), (m, q)
        Covariates, or the columns of a linear model.
    weight : ndarray, shape (rows,), or None
        Sampling weights; None when all are equal.
    cluster : ndarray of int64, shape (rows,)
        Clusters, which inner folds keep whole.
    """

    x: NDArray[Any]
    at: NDArray[Any]
    weight: Floats | None
    cluster: Ints

    def rows(self, inside: Ints) -> Self:
        """Return the sample of some training rows."""
        weight = None if self.weight is None else self.weight[inside]
        return replace(self, x=self.x[inside], weight=weight, cluster=self.cluster[inside])


Chance = Callable[[Sample, Ints, int], Floats]
"""From a sample, its arms and their number to the chance of every arm, shape (m, A)."""

Mean = Callable[[Sample, Floats, bool], Floats]
"""From a sample, an outcome and whether it is binary to its mean, shape (m,)."""

Means = Callable[[Sample, Floats, tuple[bool, ...]], Floats]
"""The same for all outcomes at once, shape (m, K)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Training:
    """What every learner of one fold learns from.

    Attributes
    ----------
    sample : Sample
        Covariates as numbers; NaN is missing.
    arm : ndarray of int64, shape (rows,)
        Arm of each training row.
    y : ndarray, shape (rows, K)
        Outcomes.
    binary : tuple of bool, length K
        Which outcomes are 0 or 1.
    levels : int
        Number of arms.
    """

    sample: Sample
    arm: Ints
    y: Floats
    binary: tuple[bool, ...]
    levels: int


def fold_tasks(
    design: Design,
    fold: int,
    learners: tuple[str, ...],
    *,
    propensity: bool,
    seed: int,
    shared: Shared,
    elsewhere: NDArray[np.float32] | None = None,
) -> list[Task]:
    """Return the tasks of one fold, the longest first.

    They predict the rows of the fold, followed by those of `elsewhere` where it is given.
    """
    train, at = np.flatnonzero(design.fold != fold), np.flatnonzero(design.fold == fold)
    # Boosting bounds the weight in a leaf, so the scale of the weights would change its trees.
    weight = None if np.ptp(design.weight) == 0 else (design.weight / design.weight.mean())[train]
    values = design.features.values
    held = values[at] if elsewhere is None else np.concatenate([values[at], elsewhere])
    training = Training(
        sample=Sample(
            x=values[train],
            at=held,
            weight=weight,
            cluster=design.cluster[train],
        ),
        arm=design.arm[train],
        y=design.y[train],
        binary=tuple(kind == "binary" for kind in design.kinds),
        levels=len(design.arms),
    )
    chance = ((PROPENSITY, -1),) if propensity else ()
    arms = range(len(design.arms) if design.outcomes else 0)
    by_arm = [tuple((k, a) for k in design.outcomes) for a in arms]
    tasks = []
    for name in (one for one in learners if one != GLM):
        fit_chance, fit_means = _learner(name, design, seed=seed, shared=shared)
        if propensity:
            predict = partial(_chance_alone, fit_chance, training)
            tasks.append(Task(learner=name, nuisances=chance, predict=predict))
        for arm, nuisances in enumerate(by_arm):
            means = partial(_means_in, fit_means, training, arm)
            tasks.append(Task(learner=name, nuisances=nuisances, predict=means))
    if GLM in learners:
        everything = (*chance, *(one for nuisances in by_arm for one in nuisances))
        categorical, kept = design.features.categorical, shared.matrices
        predict = partial(_glm_fold, training, categorical, propensity, fold, kept)
        tasks.append(Task(learner=GLM, nuisances=everything, predict=predict))
    return tasks


def _chance_alone(chance: Chance, training: Training) -> list[Floats]:
    return [chance(training.sample, training.arm, training.levels)]


def _means_in(means: Means, training: Training, arm: int) -> list[Floats]:
    inside = np.flatnonzero(training.arm == arm)
    return list(means(training.sample.rows(inside), training.y[inside], training.binary).T)


def _learner(name: str, design: Design, *, seed: int, shared: Shared) -> tuple[Chance, Means]:
    """Return the learner of that name; one that is not ours is a scikit-learn class."""
    categorical, own_seed = design.features.categorical, integer_seed(seed, name)
    if name == BOOSTING and design.n >= LARGE:
        if not shared.bins:
            shared.bins.append(boosting_large.shared_bins(design.features.values, categorical))
        bins = shared.bins[0]
        return partial(_large_chance, bins, own_seed), partial(_large_means, bins, own_seed)
    fixed: dict[str, Any] = {"categorical": categorical, "seed": own_seed}
    chance, mean = (
        (partial(boosting.predict_probability, **fixed), partial(boosting.predict_mean, **fixed))
        if name == BOOSTING
        else (
            partial(sklearn_learners.predict_probability, name, **fixed),
            partial(sklearn_learners.predict_mean, name, **fixed),
        )
    )
    return partial(_clustered_chance, chance), partial(_each, partial(_clustered_mean, mean))


def _each(mean: Mean, sample: Sample, y: Floats, binary: tuple[bool, ...]) -> Floats:
    return np.column_stack([mean(sample, y[:, k], one) for k, one in enumerate(binary)])


def _glm_fold(
    training: Training,
    categorical: Bools,
    propensity: bool,  # noqa: FBT001
    fold: int,
    kept: dict[int, Matrices],
) -> list[Floats]:
    """Fit the GLM of every nuisance on one model matrix."""
    if fold not in kept:
        basis = linear.fit_basis(training.sample.x, categorical)
        columns = [basis.columns(values) for values in (training.sample.x, training.sample.at)]
        kept[fold] = columns[0], columns[1], basis.curved
    x, at, curved = kept[fold]
    own = replace(training, sample=replace(training.sample, x=x, at=at))
    means = partial(_each, partial(_glm_mean, curved))
    arms = range(training.levels if training.binary else 0)
    return [
        *(_chance_alone(partial(_glm_chance, curved), own) if propensity else []),
        *(column for arm in arms for column in _means_in(means, own, arm)),
    ]


def _glm_chance(curved: Bools, sample: Sample, label: Ints, levels: int) -> Floats:
    return linear.predict_probability(
        sample.x,
        label,
        sample.at,
        levels=levels,
        curved=curved,
        weight=sample.weight,
        cluster=sample.cluster,
    )


def _glm_mean(curved: Bools, sample: Sample, y: Floats, binary: bool) -> Floats:  # noqa: FBT001
    if (y == y[0]).all():
        return np.full(len(sample.at), y[0])
    if binary:
        return _glm_chance(curved, sample, y.astype(np.int64), 2)[:, 1]
    return linear.predict_mean(
        sample.x, y, sample.at, curved=curved, weight=sample.weight, cluster=sample.cluster
    )


def _clustered_chance(
    fit: Callable[..., Floats], sample: Sample, label: Ints, levels: int
) -> Floats:
    return fit(
        sample.x, label, sample.at, levels=levels, weight=sample.weight, cluster=sample.cluster
    )


def _clustered_mean(
    fit: Callable[..., Floats],
    sample: Sample,
    y: Floats,
    binary: bool,  # noqa: FBT001
) -> Floats:
    return fit(sample.x, y, sample.at, binary=binary, weight=sample.weight, cluster=sample.cluster)


def _large_chance(
    bins: boosting_large.Bins, seed: int, sample: Sample, label: Ints, levels: int
) -> Floats:
    return boosting_large.predict_probability(
        sample.x, label, sample.at, bins=bins, levels=levels, seed=seed, weight=sample.weight
    )


def _large_means(
    bins: boosting_large.Bins, seed: int, sample: Sample, y: Floats, binary: tuple[bool, ...]
) -> Floats:
    return boosting_large.predict_means(
        sample.x, y, sample.at, bins=bins, binary=binary, seed=seed, weight=sample.weight
    )
