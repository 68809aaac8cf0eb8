"""The test that needs no large numbers: draw again which clusters got the arm."""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np

from whatif.base.arrays import Bools, Floats, Ints
from whatif.base.rng import generator
from whatif.effects.contrasts import Metric
from whatif.scores.record import Scores

_EXACT = 20_000
_DRAWS = 9_999
_SAME = 1.0 - 1e-9


def randomisation_p(top: Floats, bottom: Floats, treated: Bools, *, seed: int) -> float:
    """Chance of a difference at least this large if the arm changed nothing anywhere.

    The statistic is the difference between arms of ``Σ top / Σ bottom`` over clusters. Every choice
    of as many treated clusters counts once when there are at most 20,000; beyond that 9,999 of them
    are drawn, and the one that happened is added.

    Parameters
    ----------
    top, bottom : ndarray, shape (C,)
        Sums within clusters: of the outcome and of the units (or of a ratio's denominator).
    treated : ndarray of bool, shape (C,)
        Which clusters got the arm, each with the same known chance.
    seed : int
        The study's seed.

    Returns
    -------
    float
        Two-sided p-value; NaN where an arm has no cluster, or nothing to divide by.

    References
    ----------
    Fisher (1935), The Design of Experiments, section 21; Imbens & Rubin (2015), Causal Inference,
    chapter 5.

    Examples
    --------
    >>> sums = np.array([1.0, 2.0, 10.0, 11.0])
    >>> treated = np.array([False, False, True, True])
    >>> round(randomisation_p(sums, np.ones(4), treated, seed=0), 4)
    0.3333
    """
    fewer = treated if 2 * treated.sum() <= treated.size else ~treated
    chosen = int(fewer.sum())
    seen = float(_gap(top, bottom, np.flatnonzero(fewer)[None, :])[0])
    if chosen == 0 or not np.isfinite(seen):
        return float("nan")
    if comb(treated.size, chosen) <= _EXACT:
        every = np.array(list(combinations(range(treated.size), chosen)))
        return float((_gap(top, bottom, every) >= seen * _SAME).mean())
    rng = generator(seed, "randomisation")
    drawn = np.stack([rng.choice(treated.size, chosen, replace=False) for _ in range(_DRAWS)])
    return float((1 + (_gap(top, bottom, drawn) >= seen * _SAME).sum()) / (1 + _DRAWS))


def _gap(top: Floats, bottom: Floats, chosen: Ints) -> Floats:
    """Difference between chosen clusters and the others, by choice; infinite without a divisor."""
    above, below = top[chosen].sum(axis=1), bottom[chosen].sum(axis=1)
    others = bottom.sum() - below
    gap = np.full(len(chosen), np.inf)
    usable = (below > 0) & (others > 0)
    np.divide(above, below, out=gap, where=usable)
    gap[usable] -= (top.sum() - above[usable]) / others[usable]
    return np.asarray(np.abs(gap))


def randomisation_of(scores: Scores, metric: Metric, *, arm: int, seed: int) -> float | None:
    """Test one arm against the control where clusters were assigned with one known chance.

    None for any other design: there, to draw the arms again would not repeat what was done.
    """
    known = bool(scores.overlap) and all(summary.known for summary in scores.overlap)
    if not (scores.clusters_assigned and known) or np.ptp(scores.propensity, axis=0).any():
        return None
    used = np.flatnonzero((scores.arm == 0) | (scores.arm == arm))
    codes, cluster = np.unique(scores.cluster[used], return_inverse=True)
    top, bottom = scores.weight[used] * scores.y[used, metric.numerator], scores.weight[used]
    if metric.denominator is not None:
        bottom = bottom * scores.y[used, metric.denominator]
    sums = [np.bincount(cluster, part, codes.size).astype(np.float64) for part in (top, bottom)]
    treated = np.bincount(cluster[scores.arm[used] == arm], minlength=codes.size) > 0
    p_value = randomisation_p(sums[0], sums[1], treated, seed=seed)
    return p_value if np.isfinite(p_value) else None
