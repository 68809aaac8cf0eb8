"""Gradient boosted trees (LightGBM): the nuisance candidate that finds steps and interactions.

Below 20,000 training rows the number of trees is chosen on inner folds of whole clusters, and the
inner folds' models are averaged; above, a fixed number of trees costs less than it loses.
"""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whatif.base.arrays import Bools, Floats, Ints, mean_one
from whatif.engines.inner_folds import inner_folds

Matrix = NDArray[np.float32]
SMALL = 20_000
FOLDS = 5
TREES = 100
MOST_TREES = 300
PATIENCE = 5
"""Rounds without a smaller held-back loss after which no further tree is tried."""

MORE = 1.5
"""Trees for each that was best for one model: an average of five bears more than each alone."""

_FEW = {"learning_rate": 0.2, "num_leaves": 8, "min_data_in_leaf": 10, "lambda_l2": 10.0}


def predict_mean(
    x: Matrix,
    y: Floats,
    at: Matrix,
    *,
    categorical: Bools,
    seed: int,
    binary: bool,
    weight: Floats | None = None,
    cluster: Ints | None = None,
) -> Floats:
    """Boosted regression (or probability, when `binary`) of `y` on `x`, predicted at `at`.

    Parameters
    ----------
    x, y, at : ndarray, shapes (rows, p), (rows,), (m, p)
        Covariates and outcome of training rows, covariates of the rows to predict; NaN is
        missing. LightGBM gets arrays only, because it refuses names with JSON characters.
    categorical : ndarray of bool, shape (p,)
        Which columns hold level codes; they are ordinary splits.
    seed : int
        Seed of the library.
    binary : bool
        Whether `y` is 0 or 1 and its probability is wanted.
    weight : ndarray, shape (rows,), optional
        Sampling weights; only their proportions matter.
    cluster : ndarray of int64, shape (rows,), optional
        Clusters that inner folds keep whole; None: every row is its own.

    Returns
    -------
    ndarray of float64, shape (m,)
    """
    loss = {"objective": "binary"} if binary else {"objective": "regression"}
    share = mean_one(weight)
    fold = _inner(y, cluster)
    if (y == y[0]).all() or (fold is not None and fold.max() + 1 < FOLDS):
        return np.full(len(at), np.average(y, weights=share))
    return _predicted(
        x,
        y,
        at,
        parameters=loss | _common(seed),
        categorical=categorical,
        weight=share,
        fold=fold,
    )


def predict_probability(
    x: Matrix,
    label: Ints,
    at: Matrix,
    *,
    levels: int,
    categorical: Bools,
    seed: int,
    weight: Floats | None = None,
    cluster: Ints | None = None,
) -> Floats:
    """Boosted probabilities of an integer `label` at `at`, shape (m, levels).

    Parameters as in `predict_mean`; `label` is 0 … `levels` − 1.
    """
    y = label.astype(np.float64)
    if levels == 2:  # noqa: PLR2004  (two arms are one binary model)
        second = predict_mean(
            x, y, at, categorical=categorical, seed=seed, binary=True, weight=weight,
            cluster=cluster,
        )  # fmt: skip
        return np.column_stack([1 - second, second])
    share = mean_one(weight)
    fold = _inner(y, cluster)
    if fold is not None and fold.max() + 1 < FOLDS:
        shares = np.bincount(label, weights=share, minlength=levels) / label.size
        return np.tile(shares, (len(at), 1))
    loss = {"objective": "multiclass", "num_class": levels}
    return _predicted(
        x,
        y,
        at,
        parameters=loss | _common(seed),
        categorical=categorical,
        weight=share,
        fold=fold,
    )


def _inner(y: Floats, cluster: Ints | None) -> Ints | None:
    """Return the inner fold of each row; None from `SMALL` rows on."""
    return inner_folds(y, cluster=cluster, folds=FOLDS) if y.size < SMALL else None


def _common(seed: int) -> dict[str, Any]:
    return {
        "verbose": -1,
        "num_threads": 1,  # models run side by side; one thread each gives the same bytes anywhere
        "deterministic": True,
        "force_row_wise": True,
        "max_bin": 63,
        "min_sum_hessian_in_leaf": 1.0,
        "seed": seed,
    }


def _predicted(
    x: Matrix,
    y: Floats,
    at: Matrix,
    *,
    parameters: dict[str, Any],
    categorical: Bools,
    weight: Floats | None,
    fold: Ints | None,
) -> Floats:
    import lightgbm as lgb

    coded = np.flatnonzero(categorical).tolist()
    data = lgb.Dataset(x, y, weight=weight, categorical_feature=coded, params=parameters)
    if fold is None:
        model = lgb.train(parameters | _many(len(x)), data, TREES)
        return np.asarray(model.predict(at, num_threads=1), dtype=np.float64)
    models = [
        _booster(data, parameters | _FEW, np.flatnonzero(fold != g), np.flatnonzero(fold == g))
        for g in range(FOLDS)
    ]
    trees = ceil(MORE * _best_number(models))
    for model in models:
        for _ in range(trees - model.current_iteration()):
            model.update()
    votes = [model.predict(at, num_iteration=trees, num_threads=1) for model in models]
    return np.asarray(np.mean(votes, axis=0), dtype=np.float64)


def _booster(data: Any, parameters: dict[str, Any], inside: Ints, outside: Ints) -> Any:  # noqa: ANN401
    import lightgbm as lgb

    model = lgb.Booster(parameters, data.subset(inside))
    model.add_valid(data.subset(outside), "held back")
    return model


def _best_number(models: list[Any]) -> int:
    """Grow all models by a tree at a time until their mean held-back loss falls no more."""
    best, least = 0, np.inf
    for tried in range(1, MOST_TREES + 1):
        for model in models:
            model.update()
        loss = np.mean([model.eval_valid()[0][2] for model in models])
        if loss < least:
            best, least = tried, loss
        elif tried - best >= PATIENCE:
            break
    return best


def _many(rows: int) -> dict[str, Any]:
    return {
        "learning_rate": 0.1,
        "num_leaves": 15,
        "min_data_in_leaf": max(20, rows // 400),
        "lambda_l2": 1.0,
    }
