"""How strongly to penalise a linear model: inner cross-validation from sums of products alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from whatif.base.arrays import Bools, Floats, Ints

FOLDS = 5
STRENGTHS = 10.0 ** np.arange(-4, 2.01, 0.5)
"""Penalties tried, as shares of the number of rows, for columns of unit variance."""

CURVES = (1.0, 0.3, 0.1)
"""Scales tried for curve columns; .1 makes a curve a hundred times dearer than a slope."""


def products(x: Floats, targets: Floats, weight: Floats | None) -> Floats:
    """Weighted sums of products of `x`, `targets` and a constant, shape (q + L + 1,) squared."""
    z = np.column_stack([x, targets, np.ones(len(x))])
    return np.asarray(z.T @ (z if weight is None else z * weight[:, None]))


def centred(sums: Floats) -> tuple[Floats, Floats]:
    """Return sums of products around the means, and the means."""
    rows, mean = sums[-1, -1], sums[-1, :-1] / sums[-1, -1]
    return sums[:-1, :-1] - rows * np.outer(mean, mean), mean


def choose_penalty(
    x: Floats, targets: Floats, *, weight: Floats | None, fold: Ints, curved: Bools
) -> tuple[float, float]:
    """Return the penalty and the scale of curve columns with the least inner-fold squared error.

    Every fold costs one matrix of products, whatever the number of penalties. For a label the
    squared error of its indicators stands in for the log loss: at the constant model a Newton step
    of the logit is this least-squares problem, times the label's variance.

    Parameters
    ----------
    x : ndarray, shape (rows, q)
        Columns of the model, without a constant.
    targets : ndarray, shape (rows, L)
        What is predicted; the error is summed over columns.
    weight : ndarray, shape (rows,), or None
        Weight of each row, 1 on average.
    fold : ndarray of int64, shape (rows,)
        Inner fold of each row.
    curved : ndarray of bool, shape (q,)
        Columns that bend a line.
    """
    parts = [
        products(x[own], targets[own], None if weight is None else weight[own])
        for own in (fold == g for g in range(int(fold.max()) + 1))
    ]
    whole, best = np.sum(parts, axis=0), (np.inf, 0.0, 1.0)
    for curve in CURVES if curved.any() else CURVES[:1]:
        scale = np.where(curved, curve, 1.0)
        loss = np.sum([_losses(whole - part, part, scale) for part in parts], axis=0)
        least = int(np.argmin(loss))
        if loss[least] < best[0]:
            best = (loss[least], float(STRENGTHS[least] * len(x)), curve)
    return best[1], best[2]


def _losses(train: Floats, held: Floats, scale: Floats) -> Floats:
    """Squared error on held-out rows by penalty, from sums of products alone."""
    q = scale.size
    inside, mean = centred(train)
    outside = held[:-1, :-1] - np.outer(mean, held[-1, :-1]) - np.outer(held[-1, :-1], mean)
    outside += held[-1, -1] * np.outer(mean, mean)
    both = scale[:, None] * scale
    values, vectors = np.linalg.eigh(inside[:q, :q] * both)
    slopes = vectors.T @ (inside[:q, q:] * scale[:, None])
    spread = vectors.T @ (outside[:q, :q] * both) @ vectors
    agree = vectors.T @ (outside[:q, q:] * scale[:, None])
    left = np.trace(outside[q:, q:])

    shrunk = 1 / (np.maximum(values, 0) + STRENGTHS[:, None] * train[-1, -1])
    beta = slopes * shrunk[:, :, None]
    return np.asarray(left + (beta * (spread @ beta - 2 * agree)).sum(axis=(1, 2)))


Solved = Callable[[Floats], Floats]


def ridge(x: Floats, y: Floats, *, weight: Floats | None, penalty: float, scale: Floats) -> Solved:
    """Return the prediction function of a ridge regression with an unpenalised constant."""
    beta, mean = slopes(x, y, weight=weight, penalty=penalty, scale=scale)
    return lambda at: mean[-1] + (at - mean[:-1]) @ beta


def slopes(
    x: Floats, y: Floats, *, weight: Floats | None, penalty: float, scale: Floats
) -> tuple[Floats, Floats]:
    """Return the slopes of a ridge regression, and the means of `x` and `y` it goes through."""
    from scipy.linalg import solve

    inside, mean = centred(products(x, y[:, None], weight))
    gram = inside[:-1, :-1] + np.diag(penalty / scale**2)
    return solve(gram, inside[:-1, -1], assume_a="pos"), mean
