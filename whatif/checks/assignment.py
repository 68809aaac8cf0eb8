"""Maths on units of assignment: first exposure, strata, and whether arms differ by more than luck.

Under randomisation only the arms are random, not who came or what they did. Every test here takes
its error from that: the covariance of a difference between arms follows from the chances of each
unit of assignment, whole units at a time, so a customer with many sessions counts once. Nothing is
estimated, so the small-sample corrections of sandwich covariances are not needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from whatif.base.arrays import Floats, Ints

MANY_STRATA = 200
POWER = 0.5


def first_rows(unit: Ints, order: Ints) -> tuple[Ints, Ints]:
    """Find each unit's first row in time.

    Parameters
    ----------
    unit : ndarray of int64, shape (n,)
        Codes ≥ 0 of the unit of assignment; not necessarily dense.
    order : ndarray of int64, shape (n,)
        Rank in time.

    Returns
    -------
    first : ndarray of int64, shape (U,)
        Row of first exposure of every unit, units in the order of their codes.
    index : ndarray of int64, shape (n,)
        Position in `first` of each row's unit.

    Examples
    --------
    >>> first, index = first_rows(np.array([7, 3, 7]), np.array([2, 1, 0]))
    >>> first.tolist(), index.tolist()
    ([1, 2], [1, 0, 1])
    """
    row = np.full(int(unit.max(initial=-1)) + 1, -1, dtype=np.int64)
    latest_first = np.argsort(order, kind="stable")[::-1]
    row[unit[latest_first]] = latest_first
    seen = row >= 0
    position = np.cumsum(seen) - 1
    return row[seen], position[unit]


def strata(chance: Floats) -> tuple[Ints, Floats]:
    """Group rows with the same chances.

    Returns
    -------
    code : ndarray of int64, shape (n,)
        Stratum of each row, 0 … S − 1.
    chances : ndarray, shape (S, A)
        The chances of each stratum.
    """
    if _constant(chance):
        return np.zeros(len(chance), dtype=np.int64), chance[:1]
    frame = pd.DataFrame(chance)
    code = frame.groupby(list(frame.columns), sort=True).ngroup().to_numpy()
    first = np.unique(code, return_index=True)[1]
    return code.astype(np.int64), chance[first]


def chances(arm: Ints, known: Floats | None, *, arms: int) -> Floats:
    """Return the chance of each arm, shape (n, A): the known one, else the share of the arm."""
    if known is not None:
        return known
    share = np.bincount(arm, minlength=arms) / arm.size
    return np.broadcast_to(share, (arm.size, arms))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Imbalance:
    """How far q columns differ between each arm and the rest.

    Attributes
    ----------
    difference, std_error : ndarray, shape (A, q)
        Mean in the arm minus mean in the rest, in the columns' units.
    statistic, p_value : float
        Omnibus quadratic form over all arms and columns, and its χ² tail.
    rank : int
        Its degrees of freedom; 0 when nothing varies.
    units : int
        Units of assignment behind it.
    """

    difference: Floats
    std_error: Floats
    statistic: float
    p_value: float
    rank: int
    units: int


def arm_imbalance(values: Floats, *, arm: Ints, chance: Floats, unit: Ints) -> Imbalance:
    """Test that no column differs between arms by more than the assignment allows.

    ``S_a = Σ_i (1{A_i = a} − p_ia)(x_i − x̄)``; given the units of assignment its covariance is
    exactly ``Σ_u (diag p_u − p_u p_uᵀ) ⊗ x_u x_uᵀ``, with x_u the sum of the unit's centred rows.

    Parameters
    ----------
    values : ndarray, shape (n, q)
        Columns fixed before assignment, finite.
    arm : ndarray of int64, shape (n,)
        Arm of the row.
    chance : ndarray, shape (n, A)
        Chance of each arm.
    unit : ndarray of int64, shape (n,)
        Dense codes 0 … U − 1 of what was assigned as a whole.

    References
    ----------
    Hansen & Bowers (2008), Statistical Science 23(2), 219–236, section 3: the combined baseline
    difference d² for clustered, stratified randomisation.
    """
    centred = _centred(values, chance)
    q, n_arms = values.shape[1], chance.shape[1]
    sums, at = _by_unit(centred, chance, unit)
    score = np.stack([centred @ ((arm == a) - chance[:, a]) for a in range(n_arms)])
    blocks = _covariances(sums, at)
    variance = np.stack([np.diag(blocks[a, a]) for a in range(n_arms)])
    scale = (chance * (1 - chance)).sum(axis=0)[:, None]
    others = (n_arms - 1) * q
    covariance = blocks[1:, 1:].transpose(0, 2, 1, 3).reshape(others, others)
    statistic, rank = quadratic_form(score[1:].ravel(), covariance)
    return Imbalance(
        difference=score / scale,
        std_error=np.sqrt(variance) / scale,
        statistic=statistic,
        p_value=float(special.chdtrc(rank, statistic)) if rank else 1.0,
        rank=rank,
        units=sums.shape[1],
    )


def quadratic_form(score: Floats, covariance: Floats) -> tuple[float, int]:
    """Return ``sᵀ V⁺ s`` and the rank of V; directions without variance are left out.

    Examples
    --------
    >>> value, rank = quadratic_form(np.array([2.0, 2.0]), np.ones((2, 2)))
    >>> round(value, 9), rank
    (4.0, 1)
    """
    sd = np.sqrt(np.diag(covariance))
    live = sd > sd.max(initial=0.0) * 1e-9
    if not live.any():
        return 0.0, 0
    unit_sd = sd[live]
    values, vectors = np.linalg.eigh(covariance[np.ix_(live, live)] / np.outer(unit_sd, unit_sd))
    kept = values > 1e-8 * live.sum()
    along = vectors[:, kept].T @ (score[live] / unit_sd)
    return float((along**2 / values[kept]).sum()), int(kept.sum())


def noticeable(rank: int, alpha: float) -> float:
    """Return how many standard errors off one column must be for a χ² test to see it half the time.

    Examples
    --------
    >>> round(noticeable(1, 0.05), 2)
    1.96
    """
    critical = special.chdtri(rank, alpha)
    return float(np.sqrt(special.chndtrinc(critical, rank, 1 - POWER)))


def _constant(chance: Floats) -> bool:
    return bool((chance == chance[0]).all())


def _centred(values: Floats, chance: Floats) -> Floats:
    """Centre within strata of equal chances (overall when there are many), shape (q, n)."""
    code, rows = strata(chance)
    if not 1 < len(rows) <= MANY_STRATA:
        return np.array([column - column.mean() for column in values.T])
    size = np.bincount(code)
    return np.array(
        [column - (np.bincount(code, weights=column) / size)[code] for column in values.T]
    )


def _by_unit(centred: Floats, chance: Floats, unit: Ints) -> tuple[Floats, Floats]:
    """Return sums over the rows of each unit, shape (q, U), and the unit's chances."""
    first = np.zeros(int(unit.max(initial=-1)) + 1, dtype=np.int64)
    if first.size == unit.size:
        return centred, chance
    first[unit[::-1]] = np.arange(unit.size)[::-1]
    return np.array([np.bincount(unit, weights=column) for column in centred]), chance[first]


def _covariances(sums: Floats, chance: Floats) -> Floats:
    """Return ``Σ_u (diag p_u − p_u p_uᵀ) ⊗ x_u x_uᵀ``, shape (A, A, q, q)."""
    arms, q = chance.shape[1], len(sums)
    if _constant(chance):
        p = chance[0]
        return np.asarray(np.multiply.outer(np.diag(p) - np.outer(p, p), sums @ sums.T))
    out = np.empty((arms, arms, q, q))
    for a in range(arms):
        for b in range(a, arms):
            weight = chance[:, a] * ((a == b) - chance[:, b])
            out[a, b] = out[b, a] = (sums * weight) @ sums.T
    return out
