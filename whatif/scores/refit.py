"""Training again for checks: the GLM with its columns and tuning chosen once and held."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import special

from whatif.base.arrays import Bools, Floats, Ints
from whatif.design.record import Design, Features
from whatif.engines import linear, linear_held
from whatif.engines.linear_held import HeldModel
from whatif.engines.threads import one_blas_thread
from whatif.scores.crossfit import require_arms
from whatif.scores.executor import Executor, Threads
from whatif.scores.fit import average, estimates_propensity, refitter, require_finite, shares
from whatif.scores.record import Target
from whatif.scores.targets import TARGETS
from whatif.scores.tasks import GLM

Refit = Callable[[Design], Floats]
Models = dict[tuple[int, int, int], HeldModel]
"""Models by fold, outcome and arm; −1 and −1 stand for the chance of each arm."""


_ONE_BY_ONE = Threads(1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Held:
    """One sample made ready to be trained on many times.

    Attributes
    ----------
    design : Design
        The sample, the columns of the linear model in place of its covariates. Draws are made from
        it: other arms, other folds, fewer rows, or one more covariate behind its columns.
    refit : callable
        ``refit(design) -> ndarray, shape (A - 1, K)``: arm minus control for every outcome.
    executor : Executor
        Carries out draws; their results do not depend on it.
    """

    design: Design
    refit: Refit
    executor: Executor = _ONE_BY_ONE

    def each(self, draws: Iterable[Callable[[], Design]]) -> Floats:
        """Train on every draw, made when its turn comes; shape (draws, A − 1, K)."""
        with one_blas_thread():
            return np.array(list(self.executor.run(partial(self._one, draw) for draw in draws)))

    def full(self) -> Floats:
        """Train on the design itself; shape (A − 1, K)."""
        return np.asarray(self.each([lambda: self.design])[0])

    def _one(self, draw: Callable[[], Design]) -> Floats:
        return self.refit(draw())


def holder(*, seed: int, target: Target = "ate") -> Callable[[Design], Held]:
    """Return what checks call before they train on many draws of one sample.

    ``hold(design)`` learns the columns of the linear model on the training rows of the first fold,
    and chooses on the sample as it is what a refit would choose anew each time: the strength of
    every penalty, and how dear curves are. A refit at the design itself thus gives the candidate's
    estimate. Where no covariate is adjusted for, or a model has more columns than rows, nothing
    can be held and every draw is trained in full.
    """

    def hold(design: Design) -> Held:
        plain = Held(design=design, refit=refitter(seed=seed, target=target))
        if not design.features.names:
            return plain
        require_arms(design)
        first = design.features.values[design.fold != 0]
        basis = linear.fit_basis(first, design.features.categorical)
        columns = basis.columns(design.features.values)
        if columns.shape[1] >= _fewest_rows(design) or not columns.shape[1]:
            return plain
        with one_blas_thread():
            models = _models(design, columns, basis.curved)
        values = columns.astype(np.float32)
        held = replace(
            design,
            features=Features(
                names=tuple(f"column {j}" for j in range(values.shape[1])),
                values=values,
                categorical=np.zeros(values.shape[1], dtype=bool),
            ),
        )
        candidate = _Candidate(values, columns, basis.curved, models)
        refit = partial(_refit, candidate=candidate, target=target)
        return Held(design=held, refit=refit, executor=Threads(os.cpu_count() or 1))

    return hold


@dataclass(frozen=True, slots=True, eq=False)
class _Candidate:
    """The held design's columns, exact where they are its own, and the models held."""

    values: NDArray[np.float32]
    columns: Floats
    curved: Bools
    models: Models

    def matrix(self, values: NDArray[np.float32]) -> tuple[Floats, Bools]:
        """Return the model matrix of a draw, and which columns bend; a new covariate may bend."""
        if values is self.values:
            return self.columns, self.curved
        own = self.curved.size
        x = values[:, :own].astype(np.float64)
        if values.shape[1] == own:
            return x, self.curved
        more = values[:, own:]
        basis = linear.fit_basis(more, np.zeros(more.shape[1], dtype=bool))
        return np.hstack([x, basis.columns(more)]), np.append(self.curved, basis.curved)


def relearner(*, seed: int, target: Target, learners: tuple[str, ...]) -> Refit | None:
    """Return a refit with the study's own learners; None where these are the GLM alone."""
    if set(learners) == {GLM}:
        return None
    return refitter(seed=seed, target=target, learners=learners)


def _fewest_rows(design: Design) -> int:
    arms = len(design.arms)
    return min(
        int(np.bincount(design.arm[design.fold != fold], minlength=arms).min())
        for fold in range(design.n_folds)
    )


def _models(design: Design, columns: Floats, curved: Bools) -> Models:
    found: Models = {}
    for fold in range(design.n_folds):
        for (k, a), rows, y, levels in _nuisances(design, fold):
            found[fold, k, a] = linear_held.hold(
                columns[rows],
                y,
                levels=levels,
                curved=curved,
                weight=_weight(design, rows),
                cluster=design.cluster[rows],
            )
    return found


def _nuisances(
    design: Design, fold: int
) -> Iterable[tuple[tuple[int, int], Ints, Floats | Ints, int]]:
    """Yield each model of a fold: outcome and arm, training rows, what it learns, its levels."""
    train = np.flatnonzero(design.fold != fold)
    if estimates_propensity(design):
        yield (-1, -1), train, design.arm[train], len(design.arms)
    for a in range(len(design.arms)):
        rows = train[design.arm[train] == a]
        for k, kind in enumerate(design.kinds):
            yield (k, a), rows, design.y[rows, k], 2 * (kind == "binary")


def _weight(design: Design, rows: Ints) -> Floats | None:
    return None if np.ptp(design.weight) == 0 else design.weight[rows]


def _refit(design: Design, *, candidate: _Candidate, target: Target) -> Floats:
    require_arms(design)
    x, curved = candidate.matrix(design.features.values)
    mean = np.empty((design.n, len(design.arms), len(design.outcomes)))
    chance = np.array(shares(design) if design.known is None else design.known)
    for fold in range(design.n_folds):
        at = np.flatnonzero(design.fold == fold)
        for (k, a), rows, y, levels in _nuisances(design, fold):
            found = _predicted(
                x, rows, y, at,
                levels=levels, curved=curved, weight=_weight(design, rows),
                model=candidate.models[fold, k, a],
            )  # fmt: skip
            if k < 0:
                chance[at] = found
            else:
                mean[at, a, k] = found[:, -1]
    require_finite(mean, chance)
    gamma, mass = TARGETS[target].scores(design.y, design.arm, mean, chance)
    theta = average(design, gamma, mass)
    return np.asarray(theta[1:] - theta[0])


def _predicted(
    x: Floats,
    rows: Ints,
    y: Floats | Ints,
    at: Ints,
    *,
    levels: int,
    curved: Bools,
    weight: Floats | None,
    model: HeldModel,
) -> Floats:
    """Predict at `at`: chances by level, or one column of means."""
    own = x[rows]
    if not levels:
        line = linear_held.mean_line(
            own, np.asarray(y, float), curved=curved, weight=weight, tuned=model.tuned
        )
        return np.asarray(line[0] + x @ line[1:])[at, None]
    if levels == 2:  # noqa: PLR2004  (yes and no)
        found = linear_held.logit_line(own, y, curved=curved, weight=weight, model=model)
        if found is not None:
            yes = special.expit(found[0] + x @ found[1:])[at]
            return np.column_stack([1 - yes, yes])
    return linear.predict_probability(
        own, y.astype(np.int64), x[at],
        levels=levels, curved=curved, weight=weight, tuned=model.tuned,
    )  # fmt: skip
