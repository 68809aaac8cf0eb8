"""Least squares on scores with errors summed within clusters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from whatif.base.arrays import Floats, Ints
from whatif.base.errors import EstimationError, Problem
from whatif.effects.minimum import LEAST_ARM_CLUSTERS_FOR_INTERVAL


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LeastSquares:
    """Coefficients of a weighted regression and their clustered covariance."""

    coefficient: Floats
    covariance: Floats


def cluster_covariance(influence: Floats, cluster: Ints) -> Floats:
    """Return ``C/(C−1) · Σ_c ψ_c ψ_cᵀ`` with ψ_c the sum of influence values in cluster c.

    Parameters
    ----------
    influence : ndarray, shape (n, m)
        Influence values, already divided by n.
    cluster : ndarray of int, shape (n,)
        Cluster codes.

    Examples
    --------
    >>> cluster_covariance(np.array([[1.0], [1.0], [-2.0]]), np.array([0, 0, 1]))
    array([[16.]])
    """
    codes, index = np.unique(cluster, return_inverse=True)
    sums = np.column_stack(
        [np.bincount(index, weights=column, minlength=codes.size) for column in influence.T]
    )
    return np.asarray(sums.T @ sums * (codes.size / (codes.size - 1)))


def least_squares(y: Floats, x: Floats, *, cluster: Ints, weight: Floats) -> LeastSquares:
    """Regress `y` on `x` with weights; shapes (n,), (n, p), (n,), (n,).

    No column of `x` may be determined by the others. On a score difference this is the best linear
    projection of the effect on `x`.

    References
    ----------
    Semenova & Chernozhukov (2021), Econometrics Journal 24(2), 264–289, section 2; Liang & Zeger
    (1986), Biometrika 73(1), 13–22, for errors by cluster.
    """
    root = np.sqrt(weight)
    q, r = np.linalg.qr(x * root[:, None])
    coefficient = np.linalg.solve(r, q.T @ (root * y))
    influence = (q * (root * (y - x @ coefficient))[:, None]) @ np.linalg.inv(r).T
    return LeastSquares(coefficient=coefficient, covariance=cluster_covariance(influence, cluster))


def degrees(*, cluster: Ints, arm: Ints, compared: tuple[int, int], assigned: bool) -> int:
    """Clusters − 1, those of the smaller of two arms when whole clusters were assigned.

    Raises
    ------
    EstimationError
        If fewer than 10 clusters got either arm: no error could be trusted.
    """
    by_arm = [np.unique(cluster[arm == a]).size for a in compared]
    if min(by_arm) < LEAST_ARM_CLUSTERS_FOR_INTERVAL:
        raise EstimationError(
            Problem(
                what=f"A held-out part has only {min(by_arm)} clusters in an arm; "
                f"{LEAST_ARM_CLUSTERS_FOR_INTERVAL} are needed.",
                why="with so few, errors and tests of differing effects cannot be trusted.",
                fix="use more data, or fewer `folds`.",
            )
        )
    return min(by_arm) - 1 if assigned else int(np.unique(cluster).size) - 1
