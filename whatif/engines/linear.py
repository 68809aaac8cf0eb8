"""Penalised linear and logistic models on slopes and curves: the nuisance candidate for small data.

The penalty, and how much dearer a curve is than a slope, are chosen on inner folds of whole
clusters; with plenty of rows for every column they no longer matter and a penalty of 1 stands.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from whatif.base.arrays import Bools, Floats, Ints, mean_one
from whatif.engines.inner_folds import inner_folds
from whatif.engines.linear_basis import Basis, Matrix, fit_basis
from whatif.engines.penalty import CURVES, FOLDS, STRENGTHS, choose_penalty, ridge

__all__ = [
    "Basis",
    "Matrix",
    "Tuning",
    "fit_basis",
    "predict_mean",
    "predict_probability",
    "tuning",
]

PLENTY = 500
"""Rows per column from which the penalty is not worth choosing."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """What inner folds chose: how strongly to penalise.

    Attributes
    ----------
    strength : float
        Penalty per training row, for columns of unit variance.
    curve : float
        Scale of columns that bend a line; a small one makes them dear.
    """

    strength: float
    curve: float

    def at(self, rows: int, curved: Bools) -> tuple[float, Floats]:
        """Return the penalty for so many training rows, and the scale of each column."""
        return self.strength * rows, np.where(curved, self.curve, 1.0)


def tuning(
    x: Floats, y: Floats | Ints, *, levels: int, curved: Bools, weight: Floats | None, cluster: Ints
) -> Tuning:
    """Choose the tuning of one model as `predict_mean` and `predict_probability` do.

    Parameters as there; `levels` is 0 for an amount.
    """
    targets = (y[:, None] == np.arange(levels)) if levels else y[:, None]
    penalty, scale = _chosen(
        x,
        targets.astype(np.float64),
        order=y,
        curved=curved,
        weight=mean_one(weight),
        cluster=cluster,
    )
    return Tuning(penalty / len(x), float(scale.min(initial=1.0)))


def predict_mean(
    x: Floats,
    y: Floats,
    at: Floats,
    *,
    curved: Bools | None = None,
    weight: Floats | None = None,
    cluster: Ints | None = None,
) -> Floats:
    """Ridge regression of `y` on `x`, predicted at `at`; returns (m,).

    Parameters
    ----------
    x, y, at : ndarray, shapes (rows, q), (rows,), (m, q)
        Model matrix and outcome of training rows, model matrix of the rows to predict.
    curved : ndarray of bool, shape (q,), optional
        `Basis.curved`; None: no column bends a line.
    weight : ndarray, shape (rows,), optional
        Sampling weights; only their proportions matter.
    cluster : ndarray of int64, shape (rows,), optional
        Clusters that inner folds keep whole; None: every row is its own.
    """
    x, at, curved = _no_wider_than_long(x, at, curved)
    share = mean_one(weight)
    penalty, scale = _chosen(x, y[:, None], order=y, curved=curved, weight=share, cluster=cluster)
    return ridge(x, y, weight=share, penalty=penalty, scale=scale)(at)


def predict_probability(
    x: Floats,
    label: Ints,
    at: Floats,
    *,
    levels: int,
    curved: Bools | None = None,
    weight: Floats | None = None,
    cluster: Ints | None = None,
    tuned: Tuning | None = None,
) -> Floats:
    """Penalised logistic regression of an integer `label`, probabilities at `at`.

    Parameters as in `predict_mean`; `label` is 0 … `levels` − 1; inner folds choose the tuning
    where it is not given. Returns shape (m, levels), zero for a level that no training row has.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    share = mean_one(weight)
    mean = np.bincount(label, weights=share, minlength=levels) / label.size
    out, met = np.zeros((at.shape[0], levels)), np.flatnonzero(mean)
    if met.size == 1:
        out[:, met] = 1.0
        return out
    x, at, curved = _no_wider_than_long(x, at, curved)
    flags = (label[:, None] == met).astype(np.float64)
    penalty, scale = (
        _chosen(x, flags, order=label, curved=curved, weight=share, cluster=cluster)
        if tuned is None
        else tuned.at(len(x), curved)
    )
    variance = float((mean[met] * (1 - mean[met])).mean())
    inverse = 1 / max(1.0, penalty * variance)
    model = LogisticRegression(C=inverse, solver="newton-cholesky", max_iter=100)
    with warnings.catch_warnings():
        # Separable data stop short of the tolerance; the out-of-fold loss judges what came out.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(_scaled(x, scale), label, sample_weight=share)
    out[:, model.classes_] = model.predict_proba(_scaled(at, scale))
    return out


def _scaled(x: Floats, scale: Floats) -> Floats:
    """Scale columns; no copy where there is nothing to scale."""
    return x if (scale == 1).all() else x * scale


def _no_wider_than_long(
    x: Floats, at: Floats, curved: Bools | None
) -> tuple[Floats, Floats, Bools]:
    """With more columns than rows, turn to the rows' own axes: the same fits, far smaller."""
    curved = np.zeros(x.shape[1], dtype=bool) if curved is None else curved
    if x.shape[1] <= len(x):
        return x, at, curved
    scale = np.where(curved, CURVES[-1], 1.0)
    _, _, axes = np.linalg.svd(x * scale, full_matrices=False)
    turn = (axes * scale).T
    return x @ turn, at @ turn, np.zeros(len(axes), dtype=bool)


def _chosen(
    x: Floats,
    targets: Floats,
    *,
    order: Floats | Ints,
    curved: Bools,
    weight: Floats | None,
    cluster: Ints | None,
) -> tuple[float, Floats]:
    """Return the penalty and the scale of each column."""
    rows, columns = x.shape
    if rows >= PLENTY * columns:
        return 1.0, np.ones(columns)
    fold = inner_folds(order, cluster=cluster, folds=FOLDS)
    if fold.max() + 1 < FOLDS:  # too few clusters to compare penalties on: nearly a constant
        return float(STRENGTHS[-1] * rows), np.ones(columns)
    penalty, curve = choose_penalty(x, targets, weight=weight, fold=fold, curved=curved)
    return penalty, np.where(curved, curve, 1.0)
