"""Looks at any time: the clock of a confidence sequence, and the range it gives today."""

from __future__ import annotations

import numpy as np

from whatif.base.arrays import Floats, Ints
from whatif.effects.cells import EVERYONE
from whatif.effects.joint import Joint
from whatif.effects.looks.critical import anytime_critical
from whatif.effects.looks.rules import Quantity
from whatif.effects.rows import Ends
from whatif.scores.record import Scores

UNITS_PLANNED = 5_000
"""Independent units at which a sequence is narrowest; it holds whatever their number."""


def unit_products(scores: Scores, means: Joint) -> Floats:
    """Sum products of scores over units in every cell, shape (S, A·K + 1, A·K + 1).

    ``Σ w² [Γ, μ][Γ, μ]ᵀ / (Σ w μ)²``: for a contrast with gradient g, ``v = [g, −g·θ]`` times it
    times v is the squared error had every unit been a cluster of its own.

    Parameters
    ----------
    scores : Scores
        Scores of n units.
    means : Joint
        Their means in S cells.
    """
    flat = scores.gamma.reshape(scores.n, -1)
    size = flat.shape[1] + 1
    products = np.zeros((len(means.cells.segments), size, size))
    everyone = np.arange(scores.n)
    for d in (EVERYONE, *range(len(means.cells.dimensions))):
        code = means.cells.codes(d, everyone)
        for cell in means.cells.of_dimension(d):
            products[cell] = _products(scores, flat, np.flatnonzero(code == cell))
    return products


def products_of_everyone(scores: Scores) -> Floats:
    """Return `unit_products` of the first cell alone, which is everyone; shape (1, J, J)."""
    flat = scores.gamma.reshape(scores.n, -1)
    return _products(scores, flat, np.arange(scores.n))[None]


def _products(scores: Scores, flat: Floats, rows: Ints) -> Floats:
    weight, mass = scores.weight[rows], scores.mass[rows]
    values = np.column_stack([flat.take(rows, axis=0), mass]) * weight[:, None]
    total = float(weight @ mass)
    return values.T @ values / total**2 if total > 0 else np.zeros((values.shape[1],) * 2)


def anytime_range(
    means: Joint, products: Floats, quantity: Quantity, *, cell: int, arm: int, alpha: float
) -> Ends:
    """Return a range that covers the running effect at every look; unbounded before the first.

    ``estimate ± SE · √((1 + 1/kη)·log((kη + 1)/α²))`` with the clustered error of today and
    ``η = SE²_plan / SE²``, the planned error being that of 5,000 independent units: η is the
    number of independent units that today's data are worth, in units of the plan.

    Parameters
    ----------
    means : Joint
        Means of every cell.
    products : ndarray
        From :func:`unit_products`.
    quantity : Quantity
        What is looked at.
    cell, arm : int
        Index into ``means.cells`` and ``means.arms``.
    alpha : float
        Chance that the range misses at any look.

    References
    ----------
    Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas (2024), Annals of Statistics 52(6), section 2;
    Dalal, Blöbaum, Kasiviswanathan & Ramdas (2024), Anytime-valid inference for double/debiased
    machine learning of causal parameters, for doubly robust scores.
    """
    if not quantity.enough(means, cell=cell, arm=arm):
        return (None, None)
    value, gradient = quantity.of(means, cell=cell, arm=arm)
    worth = independent_units(means, products, gradient, cell=cell)
    if not worth > 0:
        return (None, None)
    half = anytime_critical(alpha, worth / UNITS_PLANNED) * means.error(gradient)
    return (value - half, value + half)


def independent_units(means: Joint, products: Floats, gradient: Floats, *, cell: int) -> float:
    """Return how many independent units a cell is worth; 0 where there is no error.

    Units times the squared error had every unit been a cluster of its own, over the clustered one.
    """
    error = means.error(gradient)
    own = gradient.reshape(len(means.theta), -1)[cell]
    direction = np.append(own, -own @ means.theta[cell].ravel())
    alone = float(direction @ products[cell] @ direction)
    return float(means.counts.units[cell] * alone / error**2) if error > 0 and alone > 0 else 0.0
