"""Penalised linear models trained again and again: the tuning held, Newton steps from a start."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from whatif.base.arrays import Bools, Floats, Ints
from whatif.engines.linear import Tuning, tuning
from whatif.engines.penalty import slopes

TOLERANCE = 1e-9
"""Largest element of the gradient, per row, at which a fit counts as done."""

_MOST_STEPS = 60
_SLOW = 0.3  # a step that leaves more of the gradient than this is worth a new Hessian


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """A fitted logit from which others start; where they end does not depend on it.

    Attributes
    ----------
    line : ndarray, shape (q + 1,)
        Constant and slopes.
    factor : ndarray, shape (q + 1, q + 1)
        Lower Cholesky factor of the Hessian there.
    """

    line: Floats
    factor: Floats


@dataclass(frozen=True, slots=True, eq=False)
class HeldModel:
    """One nuisance model whose tuning was chosen once.

    Attributes
    ----------
    tuned : Tuning
        Strength of the penalty, and how dear curves are.
    start : Start or None
        Where fits of a yes/no outcome begin.
    """

    tuned: Tuning
    start: Start | None


def hold(
    x: Floats,
    y: Floats | Ints,
    *,
    levels: int,
    curved: Bools,
    weight: Floats | None,
    cluster: Ints,
) -> HeldModel:
    """Choose the tuning of one model, and fit it where later fits start from it.

    Parameters
    ----------
    x, y : ndarray, shapes (rows, q), (rows,)
        Model matrix and outcome of training rows.
    levels : int
        2 for a yes/no outcome, more for a label, 0 for an amount.
    curved : ndarray of bool, shape (q,)
        Columns that bend a line.
    weight : ndarray, shape (rows,), or None
        Sampling weights; only their proportions matter.
    cluster : ndarray of int64, shape (rows,)
        Clusters that inner folds keep whole.
    """
    tuned = tuning(x, y, levels=levels, curved=curved, weight=weight, cluster=cluster)
    if levels != 2 or (y == y[0]).all():  # noqa: PLR2004  (yes and no)
        return HeldModel(tuned, None)
    found = _newton(x, y, weight, _cost(y, weight, tuned, curved), None)
    return HeldModel(tuned, found)


def mean_line(
    x: Floats, y: Floats, *, curved: Bools, weight: Floats | None, tuned: Tuning
) -> Floats:
    """Return constant and slopes of a ridge regression, shape (q + 1,)."""
    penalty, scale = tuned.at(len(x), curved)
    share = None if weight is None else weight / weight.mean()
    beta, mean = slopes(x, y, weight=share, penalty=penalty, scale=scale)
    return np.append(mean[-1] - mean[:-1] @ beta, beta)


def logit_line(
    x: Floats, y: Floats | Ints, *, curved: Bools, weight: Floats | None, model: HeldModel
) -> Floats | None:
    """Return constant and slopes of a penalised logit, shape (q + 1,); None if it never settles.

    The optimum is unique, so it does not depend on where the steps start. Steps use the Hessian
    of the start as long as each leaves less than a third of the gradient, else their own.
    """
    if (y == y[0]).all():
        return np.append(np.inf if y[0] else -np.inf, np.zeros(x.shape[1]))
    cost = _cost(y, weight, model.tuned, curved)
    start = model.start
    if start is not None and start.line.size != x.shape[1] + 1:
        start = None
    found = _newton(x, y, weight, cost, start)
    return None if found is None else found.line


def _cost(y: Floats | Ints, weight: Floats | None, tuned: Tuning, curved: Bools) -> Floats:
    """Penalty of each slope; as in `predict_probability`, it counts the label's variance."""
    penalty, scale = tuned.at(len(y), curved)
    mean = float(np.average(y, weights=weight))
    return np.asarray(max(1.0, penalty * mean * (1 - mean)) / scale**2)


def _newton(
    x: Floats, y: Floats | Ints, weight: Floats | None, cost: Floats, start: Start | None
) -> Start | None:
    """Minimise the penalised log loss; None if the steps do not settle."""
    from scipy.linalg import solve_triangular

    share = np.ones(len(x)) if weight is None else weight / weight.mean()
    mean = float(share @ y) / len(x)
    line = np.append(special.logit(mean), np.zeros(cost.size)) if start is None else start.line
    factor = None if start is None else start.factor
    last = np.inf
    for _ in range(_MOST_STEPS):
        chance = special.expit(line[0] + x @ line[1:])
        miss = share * (chance - y)
        gradient = np.append(miss.sum(), miss @ x + cost * line[1:])
        size = float(np.abs(gradient).max()) / len(x)
        if not np.isfinite(size):
            return None
        if factor is not None and size <= TOLERANCE:
            return Start(line, factor)
        if factor is None or size > _SLOW * last:
            factor = _factor(x, share * chance * (1 - chance), cost)
        last = size
        half = solve_triangular(factor, gradient, lower=True)
        line = line - solve_triangular(factor, half, lower=True, trans="T")
    return None


def _factor(x: Floats, curvature: Floats, cost: Floats) -> Floats:
    """Lower Cholesky factor of the Hessian of the penalised log loss."""
    out = np.empty((cost.size + 1, cost.size + 1))
    rooted = x * np.sqrt(curvature)[:, None]
    out[1:, 1:] = rooted.T @ rooted
    out[1:, 1:].flat[:: cost.size + 1] += cost
    out[0, 0] = curvature.sum()
    out[0, 1:] = out[1:, 0] = curvature @ x
    return np.asarray(np.linalg.cholesky(out))
