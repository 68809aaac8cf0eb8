"""Average effects of groups sorted by predicted effect, with medians over many splits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from whatif.base.arrays import Floats, Ints
from whatif.effects.bands import t_critical
from whatif.effects.predicted.clustered import least_squares
from whatif.effects.rows import Ends

TOP_MINUS_BOTTOM = "most minus least"


@dataclass(frozen=True, slots=True, kw_only=True)
class SortedGroupRow:
    """Average effect of one group of units sorted by held-out predicted effect.

    Attributes
    ----------
    outcome, arm, versus : str
        What was compared.
    group : str
        ``"1"``, predicted to gain least, … or ``"most minus least"``.
    predicted : float
        Mean predicted effect, in the outcome's unit; median over splits.
    estimate : float
        Average effect from the scores; median over splits. Groups need not be in order.
    ci : (low, high)
        Medians over splits of the ends of intervals at level 1 − α/2: at least the study's level.
    p_value : float
        Two-sided, twice the median over splits: that the effect (or difference) is 0.
    splits : int
        Splits of clusters in halves; one half learned, the other was sorted.
    final : str
        Name of the surface.
    """

    outcome: str
    arm: str
    versus: str
    group: str
    predicted: float
    estimate: float
    ci: Ends
    p_value: float
    splits: int
    final: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Split:
    """Groups of one split, G groups and then the last minus the first: arrays of shape (G + 1,)."""

    predicted: Floats
    estimate: Floats
    std_error: Floats
    df: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Medians:
    """Medians over splits, shape (G + 1,) each; `ci` has shape (G + 1, 2)."""

    predicted: Floats
    estimate: Floats
    ci: Floats
    p_value: Floats


def sort_into_groups(
    priority: Floats, *, weight: Floats, groups: int, draws: np.random.Generator
) -> Ints:
    """Return the group 0 … groups − 1 of each unit, equal in weight, by rising priority.

    Units of equal priority are put in order by chance.

    Examples
    --------
    >>> draws = np.random.default_rng(0)
    >>> sort_into_groups(np.array([3.0, 1.0, 2.0, 0.0]), weight=np.ones(4), groups=2, draws=draws)
    array([1, 0, 1, 0])
    """
    order = np.lexsort((draws.random(priority.size), priority))
    middle = np.cumsum(weight[order]) - weight[order] / 2
    group = np.empty(priority.size, dtype=np.int64)
    group[order] = np.minimum((middle / weight.sum() * groups).astype(np.int64), groups - 1)
    return group


def one_split(
    difference: Floats, predicted: Floats, group: Ints, *, cluster: Ints, weight: Floats, df: int
) -> Split:
    """Average score difference by group with clustered errors; shapes (n,)."""
    size = int(group.max()) + 1
    member = (group[:, None] == np.arange(size)).astype(np.float64)
    fitted = least_squares(difference, member, cluster=cluster, weight=weight)
    ends = np.zeros(size)
    ends[[0, -1]] = -1.0, 1.0
    rows = np.vstack([np.eye(size), ends])
    means = (weight * predicted) @ member / (weight @ member)
    return Split(
        predicted=rows @ means,
        estimate=rows @ fitted.coefficient,
        std_error=np.sqrt(np.einsum("ij,jk,ik->i", rows, fitted.covariance, rows)),
        df=df,
    )


def medians(splits: Sequence[Split], *, level: float) -> Medians:
    """Summarise splits by medians whose intervals and tests also count the choice of a split.

    References
    ----------
    Chernozhukov, Demirer, Duflo & Fernández-Val (2025), Econometrica 93(4), 1121–1164: median
    intervals at level 1 − α/2 cover with 1 − α, and twice the median p-value is a p-value.
    """
    estimate = np.array([split.estimate for split in splits])
    error = np.array([split.std_error for split in splits])
    df = np.array([split.df for split in splits])[:, None]
    half = np.array([[t_critical((1 + level) / 2, split.df)] for split in splits]) * error
    p_value = 2 * stats.t.sf(np.abs(estimate) / error, df)
    return Medians(
        predicted=np.median([split.predicted for split in splits], axis=0),
        estimate=np.median(estimate, axis=0),
        ci=np.column_stack(
            [np.median(estimate - half, axis=0), np.median(estimate + half, axis=0)]
        ),
        p_value=np.minimum(1.0, 2 * np.median(p_value, axis=0)),
    )
