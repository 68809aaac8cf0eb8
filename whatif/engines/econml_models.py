"""Models that EconML's estimators are built from; import this only where one is fitted."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge

BOOSTING_FROM = 5_000


class PerArm(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """One regression per arm behind the interface of a single one.

    EconML's DR learners hand their outcome model features followed by one 0/1 column per arm other
    than the control, and would fit all arms at once. Here the rows are split by those columns.

    Parameters
    ----------
    base : regressor
        Cloned for every arm.
    arms : int
        Number of arms, the control included.
    """

    def __init__(self, base: Any, arms: int) -> None:  # noqa: ANN401  (any regressor)
        self.base = base
        self.arms = arms

    def fit(self, features: NDArray[Any], y: NDArray[Any]) -> Self:
        """Fit one clone of `base` on the rows of each arm."""
        x, arm = self._split(features)
        y = np.asarray(y).ravel()
        self.models_ = [clone(self.base).fit(x[arm == a], y[arm == a]) for a in range(self.arms)]
        return self

    def predict(self, features: NDArray[Any]) -> NDArray[Any]:
        """Predict every row with the model of its arm, shape (rows,)."""
        x, arm = self._split(features)
        out = np.empty(len(x))
        for a, model in enumerate(self.models_):
            rows = arm == a
            if rows.any():
                out[rows] = model.predict(x[rows])
        return out

    def _split(self, features: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        x, flags = features[:, : 1 - self.arms], features[:, 1 - self.arms :]
        return x, np.where(flags.any(axis=1), flags.argmax(axis=1) + 1, 0)


def regressor(rows: int, seed: int) -> Any:  # noqa: ANN401  (a scikit-learn regressor)
    """Return a model of a mean: boosted trees from 5,000 rows on, else a ridge regression."""
    if rows >= BOOSTING_FROM:
        return HistGradientBoostingRegressor(random_state=seed, **_boosting())
    return Ridge(alpha=1.0)


def classifier(rows: int, seed: int) -> Any:  # noqa: ANN401  (a scikit-learn classifier)
    """Return a model of the chance of each arm: boosted trees, or a penalised logit."""
    if rows >= BOOSTING_FROM:
        return HistGradientBoostingClassifier(random_state=seed, **_boosting())
    return LogisticRegression(C=1.0, max_iter=1_000)


def _boosting() -> dict[str, Any]:
    return {
        "max_iter": 100,
        "learning_rate": 0.08,
        "max_leaf_nodes": 15,
        "l2_regularization": 1.0,
        "early_stopping": False,
    }
