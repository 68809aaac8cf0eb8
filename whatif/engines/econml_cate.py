"""Surfaces of an effect over covariates, from EconML: arrays in, predicted effects out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from whatif.base.arrays import Bools, Floats, Ints
from whatif.base.errors import EstimationError, Problem
from whatif.engines.threads import one_blas_thread

TREES = 100
TREE_ROWS = 10_000
MOST_FOREST_ROWS = 100_000
_REDUNDANT = 1e-8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EffectData:
    """What the effect of one arm is learned from; n rows.

    Attributes
    ----------
    x : ndarray of float64, shape (n, q)
        Covariates without gaps.
    difference : ndarray, shape (n,)
        Doubly robust score of the arm minus that of the control.
    outcome_residual, arm_residual : ndarray, shape (n,)
        Outcome minus its expected value, and 0/1 arm minus its chance, among units that got the
        arm or the control.
    compared : ndarray of bool, shape (n,)
        Units that got the arm or the control; residuals mean nothing elsewhere.
    weight : ndarray, shape (n,)
        Sampling weights.
    """

    x: Floats
    difference: Floats
    outcome_residual: Floats
    arm_residual: Floats
    compared: Bools
    weight: Floats

    def take(self, rows: Ints) -> EffectData:
        """Return the data of `rows`."""
        return replace(
            self,
            x=self.x[rows],
            difference=self.difference[rows],
            outcome_residual=self.outcome_residual[rows],
            arm_residual=self.arm_residual[rows],
            compared=self.compared[rows],
            weight=self.weight[rows],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Final:
    """A way to learn the effect surface.

    Attributes
    ----------
    name : str
        As asked for, e.g. ``"causal_forest"``.
    fit : callable
        From training data, covariates to predict at and a seed to predicted effects.
    most_rows : int or None
        Training rows above which whole clusters are drawn; None uses all.
    """

    name: str
    fit: Callable[[EffectData, Floats, int], Floats]
    most_rows: int | None


def predict_effect(final: Final, train: EffectData, at: Floats, *, seed: int) -> Floats:
    """Learn the effect on `train` and predict it at `at`, shape (m,), in the outcome's unit.

    The result does not depend on the number of threads.

    Raises
    ------
    EstimationError
        If rows are fewer than covariates, an arm is missing, or the fit fails.
    """
    _require_usable(final, train)
    _load()
    try:
        with one_blas_thread():
            out = np.asarray(final.fit(train, at, seed), dtype=np.float64)
    except Exception as error:  # EconML raises whatever its parts raise
        raise _failed(final, f"{type(error).__name__}: {error}") from error
    if not np.isfinite(out).all():
        raise _failed(final, "its predictions are not finite numbers")
    return out


def _load() -> None:
    """Load every library first: a pool of threads that starts later escapes the limit."""
    import econml.grf
    import econml.sklearn_extensions.linear_model  # noqa: F401


def _require_usable(final: Final, train: EffectData) -> None:
    if train.x.shape[1] == 0:
        raise _failed(final, "no covariate varies, so effects cannot be told apart")
    if len(train.x) <= train.x.shape[1] + 1:
        raise _failed(final, f"{len(train.x)} rows for {train.x.shape[1]} covariate columns")
    residual = train.arm_residual[train.compared]
    if not ((residual > 0).any() and (residual < 0).any()):
        raise _failed(final, "its training rows lack the arm or the control")


def _failed(final: Final, cause: str) -> EstimationError:
    return EstimationError(
        Problem(
            what=f"The effect surface {final.name!r} could not be fitted: {cause}.",
            why="without a surface nobody can be told from anybody by their effect.",
            fix="give the study more data or covariates that vary, or ask for another surface.",
        )
    )


def _forest_keywords(rows: int, seed: int) -> dict[str, Any]:
    """Honest trees on subsamples; one thread, because threads add trees up in any order."""
    return {
        "n_estimators": TREES,
        "max_samples": min(0.45, 0.45 * TREE_ROWS / rows),
        "min_samples_leaf": 20,
        "inference": False,
        "n_jobs": 1,
        "random_state": seed,
    }


def _causal_forest(train: EffectData, at: Floats, seed: int) -> Floats:
    """Generalised random forest on residuals: Athey, Tibshirani & Wager (2019), section 6."""
    from econml.grf import CausalForest

    used = train.compared
    forest = CausalForest(**_forest_keywords(int(used.sum()), seed))
    forest.fit(
        train.x[used],
        train.arm_residual[used],
        train.outcome_residual[used],
        sample_weight=train.weight[used],
    )
    return np.asarray(forest.predict(at)).ravel()


def _score_forest(train: EffectData, at: Floats, seed: int) -> Floats:
    """Honest regression forest of the score difference: the DR-learner of Kennedy (2023)."""
    from econml.grf import RegressionForest

    forest = RegressionForest(**_forest_keywords(len(train.x), seed))
    forest.fit(train.x, train.difference, sample_weight=train.weight)
    return np.asarray(forest.predict(at)).ravel()


def _linear(train: EffectData, at: Floats, seed: int) -> Floats:  # noqa: ARG001  (nothing is drawn)
    """Least squares of the score difference: Semenova & Chernozhukov (2021), section 2."""
    from econml.sklearn_extensions.linear_model import StatsModelsLinearRegression

    kept = _independent(train.x)
    model = StatsModelsLinearRegression()
    model.fit(train.x[:, kept], train.difference, sample_weight=train.weight)
    return np.asarray(model.predict(at[:, kept])).ravel()


def _independent(x: Floats) -> Bools:
    """Return columns that the constant and the columns before them do not determine."""
    with_constant = np.column_stack([np.ones(len(x)), x])
    diagonal = np.abs(np.diag(np.linalg.qr(with_constant, mode="r")))[1:]
    return np.asarray(diagonal > _REDUNDANT * np.sqrt(len(x)))


CAUSAL_FOREST = Final(name="causal_forest", fit=_causal_forest, most_rows=MOST_FOREST_ROWS)
SCORE_FOREST = Final(name="score_forest", fit=_score_forest, most_rows=MOST_FOREST_ROWS)
LINEAR = Final(name="linear", fit=_linear, most_rows=None)
FINALS = (CAUSAL_FOREST, SCORE_FOREST, LINEAR)
