"""Gradient boosted trees (LightGBM): the nuisance candidate for large data."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from whatif.base.arrays import Bools, Floats

Matrix = NDArray[np.float32]
TREES = 100
LARGE = 100_000
"""Rows from which trees may have 31 leaves instead of 15."""


def _parameters(rows: int, seed: int) -> dict[str, Any]:
    return {
        "verbose": -1,
        "num_threads": 1,  # models run side by side; one thread each gives the same bytes anywhere
        "deterministic": True,
        "force_row_wise": True,
        "learning_rate": 0.1,
        "num_leaves": 15 if rows < LARGE else 31,
        "max_bin": 63,
        "min_data_in_leaf": max(20, rows // 400),
        "min_sum_hessian_in_leaf": 1.0,
        "lambda_l2": 1.0,
        "seed": seed,
    }


def predict_mean(
    x: Matrix, y: Floats, at: Matrix, *, categorical: Bools, seed: int, binary: bool
) -> Floats:
    """Boosted regression (or probability, when `binary`) of `y` on `x`, predicted at `at`.

    Shapes (rows, p), (rows,), (m, p); returns (m,). Level codes are ordinary splits: LightGBM
    gets arrays only, because it refuses names with JSON characters.
    """
    objective = {"objective": "binary" if binary else "regression"}
    booster = _train(x, y, objective | _parameters(len(x), seed), categorical)
    return np.asarray(booster.predict(at, num_threads=1), dtype=np.float64)


def predict_probability(
    x: Matrix, label: NDArray[np.int64], at: Matrix, *, levels: int, categorical: Bools, seed: int
) -> Floats:
    """Boosted probabilities of an integer `label` at `at`, shape (m, levels)."""
    if levels == 2:  # noqa: PLR2004  (two arms are one binary model)
        second = predict_mean(
            x, label.astype(np.float64), at, categorical=categorical, seed=seed, binary=True
        )
        return np.column_stack([1 - second, second])
    objective = {"objective": "multiclass", "num_class": levels}
    booster = _train(
        x, label.astype(np.float64), objective | _parameters(len(x), seed), categorical
    )
    return np.asarray(booster.predict(at, num_threads=1), dtype=np.float64)


def _train(x: Matrix, y: Floats, parameters: dict[str, Any], categorical: Bools) -> Any:  # noqa: ANN401
    import lightgbm as lgb

    data = lgb.Dataset(
        x, label=y, categorical_feature=np.flatnonzero(categorical).tolist(), free_raw_data=True
    )
    return lgb.train(parameters, data, TREES)
