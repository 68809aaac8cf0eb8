"""Convex weights of several learners with the smallest out-of-fold loss."""

from __future__ import annotations

import numpy as np

from whatif.base.arrays import Floats

MOST_ROWS = 100_000
"""Rows that weights are computed from: evenly spaced ones when there are more."""

_TINY = 1e-15  # keeps the loss of a learner that gave nothing to what came finite
_ROUNDS = 50
_STILL = 1e-10


def squared_error_weights(missed: Floats, weight: Floats) -> Floats:
    """Return the mixture of learners with the smallest weighted mean squared error.

    Parameters
    ----------
    missed : ndarray, shape (rows, m)
        Observed minus predicted, by learner.
    weight : ndarray, shape (rows,)
        Weight of each row.

    Returns
    -------
    ndarray of float64, shape (m,)
        Not negative, summing to 1 (Super Learner; van der Laan, Polley & Hubbard 2007).

    Examples
    --------
    >>> missed = np.array([[1.0, -1.0], [-1.0, 2.0]])  # errors of opposite sign
    >>> squared_error_weights(missed, np.ones(2)).round(6).tolist()
    [0.615385, 0.384615]
    """
    missed, weight = _thinned(missed, weight)
    return _least(missed.T @ (missed * weight[:, None]))


def log_loss_weights(given: Floats, weight: Floats) -> Floats:
    """Return the mixture of learners with the smallest weighted mean log loss.

    Each round minimises the quadratic approximation of the loss over the simplex, which is a
    squared-error mixture of `2 − given / mixed`, and goes towards it until the loss falls (Kim,
    Carbonetto, Stephens & Anitescu 2020, "A fast algorithm for maximum likelihood estimation of
    mixture proportions", section 3).

    Parameters
    ----------
    given : ndarray, shape (rows, m)
        Probability that each learner gave to the level that came.
    weight : ndarray, shape (rows,)
        Weight of each row.

    Returns
    -------
    ndarray of float64, shape (m,)
        Not negative, summing to 1.

    Examples
    --------
    >>> given = np.array([[0.9, 0.5]] * 7 + [[0.1, 0.5]] * 3)  # 7 of 10 came: .5 + .4 w = .7
    >>> log_loss_weights(given, np.ones(10)).round(6).tolist()
    [0.5, 0.5]
    """
    given, weight = _thinned(np.maximum(given, _TINY), weight)
    share = weight / weight.sum()
    found = np.full(given.shape[1], 1 / given.shape[1])
    mixed = given @ found
    for _ in range(_ROUNDS):
        missed = 2 - given / mixed[:, None]
        aim = _least(missed.T @ (missed * share[:, None]))
        aimed = given @ aim
        if share @ (aimed / mixed) - 1 <= _STILL:  # the loss falls nowhere any more
            break
        step, loss = 1.0, share @ np.log(mixed)
        while share @ np.log(np.maximum(mixed + step * (aimed - mixed), _TINY)) < loss:
            step /= 2
        found, mixed = found + step * (aim - found), mixed + step * (aimed - mixed)
    return found


def _thinned(values: Floats, weight: Floats) -> tuple[Floats, Floats]:
    step = -(-len(values) // MOST_ROWS)
    return values[::step], weight[::step]


def _least(products: Floats) -> Floats:
    """Return the w on the simplex that makes ``w' products w`` smallest.

    Minimising ‖R v‖² + (1 − Σv)² over v ≥ 0 gives the same direction: along each ray the minimum
    rises with w' products w alone.
    """
    from scipy.optimize import nnls

    scale = products.diagonal().min()
    if scale <= 0:  # a learner without any error
        return np.asarray(np.eye(len(products))[int(products.diagonal().argmin())])
    values, vectors = np.linalg.eigh(products / scale)
    root = np.sqrt(np.maximum(values, 0))[:, None] * vectors.T
    system = np.vstack([root, np.ones(len(products))])
    found, _ = nnls(system, np.append(np.zeros(len(products)), 1.0))
    return np.asarray(found / found.sum())
