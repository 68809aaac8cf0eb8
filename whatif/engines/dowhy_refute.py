"""What DoWhy's refuters draw, draw for draw, without the rest of them.

DoWhy 0.14 permutes rows, samples rows and adds a column of independent noise per row. Handed one
row per unit of assignment or per cluster, these become the right operations for repeated
customers; whoever asks maps the draws back to sessions, and trains on them side by side, which
DoWhy cannot. The same seed gives DoWhy's own draws, so that its answers can be compared; its
p-values, one-sided below 100 simulations and two-sided from there on, are not used, and DoWhy,
whose loading would take longer than the draws, is not loaded.

DoWhy cannot permute within strata nor draw from known chances: :func:`placebo_within` and
:func:`placebo_redrawn` have no counterpart there.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from whatif.base.arrays import Floats, Ints


def placebo(arm: Ints, *, draws: int, seed: int) -> Iterator[Ints]:
    """Yield the arms shuffled over units of assignment.

    Parameters
    ----------
    arm : ndarray of int64, shape (U,)
        Arm of each unit of assignment.
    draws : int
        Simulations.
    seed : int
        Seed of DoWhy's generator; the first draws do not depend on how many follow.

    Examples
    --------
    >>> [one.tolist() for one in placebo(np.array([0, 0, 1]), draws=2, seed=1)]
    [[0, 1, 0], [0, 1, 0]]
    """
    rng = np.random.RandomState(seed)
    for _ in range(draws):
        yield arm[rng.choice(arm.size, size=arm.size, replace=False)]


def placebo_within(arm: Ints, stratum: Ints, *, draws: int, seed: int) -> Iterator[Ints]:
    """Yield the arms shuffled over units of assignment, each within its stratum.

    In a ramp the chances change between phases, and a shuffle over all rows would break the link
    between arm and chance.

    Parameters
    ----------
    arm, stratum : ndarray of int64, shape (U,)
        Arm and stratum of each unit of assignment.
    draws, seed : int
        As in `placebo`.
    """
    rng = np.random.default_rng(seed)
    places = np.argsort(stratum, kind="stable")
    for _ in range(draws):
        shuffled = np.empty_like(arm)
        shuffled[places] = arm[np.lexsort((rng.random(arm.size), stratum))]
        yield shuffled


def placebo_redrawn(chance: Floats, *, draws: int, seed: int) -> Iterator[Ints]:
    """Yield an arm for each unit drawn from its own known chances, shape (U, A).

    For logged chances, where every unit may have its own and there is no stratum to shuffle in.
    """
    rng = np.random.default_rng(seed)
    upper = np.cumsum(chance, axis=1)[:, :-1]
    for _ in range(draws):
        yield (rng.random((len(chance), 1)) > upper).sum(axis=1).astype(np.int64)


def random_common_cause(rows: int, *, draws: int, seed: int) -> Iterator[Floats]:
    """Yield columns of independent standard normal noise, one value per cluster.

    Parameters
    ----------
    rows : int
        Number of clusters.
    draws, seed : int
        As in `placebo`.
    """
    rng = np.random.RandomState(seed)
    for _ in range(draws):
        yield rng.normal(size=rows)


def subsets(rows: int, *, share: float, draws: int, seed: int) -> Iterator[Ints]:
    """Yield random subsets of clusters, codes in 0 … C − 1.

    Parameters
    ----------
    rows : int
        Number of clusters C.
    share : float
        Share of clusters kept; ``round(share · C)`` of them.
    draws, seed : int
        As in `placebo`.
    """
    rng = np.random.RandomState(seed)
    for _ in range(draws):
        yield rng.choice(rows, size=round(share * rows), replace=False)
