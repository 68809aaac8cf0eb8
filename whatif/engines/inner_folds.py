"""Inner folds: how learners hold back part of their training rows without splitting a cluster."""

from __future__ import annotations

import numpy as np

from whatif.base.arrays import Floats, Ints


def inner_folds(y: Floats | Ints, *, cluster: Ints | None, folds: int) -> Ints:
    """Deal whole clusters to inner folds that have alike outcomes, shape (rows,).

    Clusters are sorted by their mean outcome and dealt in turn, so that a rare event reaches every
    fold that it can. With fewer clusters than `folds`, each is a fold of its own.

    Parameters
    ----------
    y : ndarray, shape (rows,)
        Outcome, or integer label.
    cluster : ndarray of int64, shape (rows,), or None
        Cluster codes; None: every row is a cluster of its own.
    folds : int
        Number of folds.

    Examples
    --------
    >>> inner_folds(np.array([3.0, 1.0, 2.0, 4.0]), cluster=None, folds=2).tolist()
    [0, 0, 1, 1]
    >>> inner_folds(np.array([0, 1, 0, 1]), cluster=np.array([7, 7, 9, 9]), folds=2).tolist()
    [0, 0, 1, 1]
    """
    if cluster is None:
        return _dealt(np.asarray(y, dtype=np.float64), folds)
    _, own, rows = np.unique(cluster, return_inverse=True, return_counts=True)
    return _dealt(np.bincount(own, weights=y) / rows, folds)[own]


def _dealt(mean: Floats, folds: int) -> Ints:
    out = np.empty(mean.size, dtype=np.int64)
    out[np.argsort(mean, kind="stable")] = np.arange(mean.size) % folds
    return out
