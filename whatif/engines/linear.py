"""Regularised linear and logistic models on splines: the nuisance candidate for small data."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whatif.base.arrays import Bools, Floats

SPLINES_UP_TO = 200_000
"""Rows up to which numeric columns get cubic splines; above, boosting carries the curvature."""

CURVED_FROM = 8
"""Distinct values above which a number is worth a curve."""

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Basis:
    """Turns covariates into the columns of a linear model; learnt on training rows only."""

    transformer: Any

    def columns(self, values: Matrix) -> Floats:
        """Return the model matrix, shape (rows, columns)."""
        return np.asarray(self.transformer.transform(values), dtype=np.float64)


def fit_basis(values: Matrix, categorical: Bools) -> Basis:
    """Learn imputation, scaling, splines and level indicators from training rows.

    Parameters
    ----------
    values : ndarray of float32, shape (rows, p)
        Covariates; NaN is missing, level codes where `categorical`.
    categorical : ndarray of bool, shape (p,)
        Which columns hold level codes; a level first met at prediction adds nothing.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, SplineTransformer, StandardScaler

    seen = [_levels(values[:, j]) for j in range(values.shape[1])]
    few_rows = len(values) <= SPLINES_UP_TO
    curved = [j for j, s in enumerate(seen) if few_rows and not categorical[j] and s > CURVED_FROM]
    straight = [j for j, s in enumerate(seen) if not categorical[j] and s > 1 and j not in curved]
    levels = [j for j in np.flatnonzero(categorical) if seen[j] > 0]
    gaps = [j for j in (*curved, *straight) if np.isnan(values[:, j]).any()]
    spline = SplineTransformer(
        n_knots=5, degree=3, knots="quantile", extrapolation="linear", include_bias=False
    )
    parts = [
        ("curved", make_pipeline(_median(), spline, StandardScaler()), curved),
        ("straight", make_pipeline(_median(), StandardScaler()), straight),
        ("gaps", _missing_indicator(), gaps),
        ("levels", OneHotEncoder(handle_unknown="ignore", sparse_output=False), levels),
    ]
    transformer = ColumnTransformer([part for part in parts if part[2]], sparse_threshold=0.0)
    return Basis(transformer.fit(values.astype(np.float64)))


def _levels(column: Matrix) -> int:
    distinct = np.unique(column[:: max(1, column.size // 20_000)])
    return int(np.count_nonzero(~np.isnan(distinct)))


def _median() -> Any:  # noqa: ANN401  (a scikit-learn transformer)
    from sklearn.impute import SimpleImputer

    return SimpleImputer(strategy="median")


def _missing_indicator() -> Any:  # noqa: ANN401  (a scikit-learn transformer)
    from sklearn.preprocessing import FunctionTransformer

    return FunctionTransformer(_is_missing)


def _is_missing(values: Floats) -> Floats:
    return np.isnan(values).astype(np.float64)


def predict_mean(x: Floats, y: Floats, at: Floats) -> Floats:
    """Ridge regression of `y` on `x`, predicted at `at`; shapes (rows, q), (rows,), (m, q)."""
    from sklearn.linear_model import Ridge

    return np.asarray(Ridge(alpha=1.0, solver="cholesky").fit(x, y).predict(at), dtype=np.float64)


def predict_probability(x: Floats, label: NDArray[np.int64], at: Floats, *, levels: int) -> Floats:
    """Logistic regression of an integer `label`, probabilities at `at`, shape (m, levels)."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1.0, solver="newton-cholesky", max_iter=100)
    with warnings.catch_warnings():
        # Separable data stop short of the tolerance; the out-of-fold loss judges what came out.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(x, label)
    out = np.zeros((at.shape[0], levels))
    out[:, model.classes_] = model.predict_proba(at)
    return out
