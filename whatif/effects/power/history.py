"""What past data say about a study to come: means, and variances under each way to assign."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from whatif.base.arrays import Floats, Ints
from whatif.contract.spec import StudySpec
from whatif.effects.cells import cut
from whatif.effects.joint import Joint, joint
from whatif.scores.record import Scores


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PastRows:
    """Analysed units of the past, whatever arm they had; n units, K outcomes.

    Attributes
    ----------
    outcomes : tuple of str
        Names of the columns of `y`.
    y : ndarray, shape (n, K)
        Observed outcomes.
    left : ndarray, shape (n, K)
        What covariates leave of them: outcome minus out-of-fold prediction; `y` without covariates.
    cluster : ndarray of int64, shape (n,)
        Codes of who repeats.
    weight : ndarray, shape (n,)
        Sampling weights.
    columns : DataFrame, n rows
        Segment columns.
    """

    outcomes: tuple[str, ...]
    y: Floats
    left: Floats
    cluster: Ints
    weight: Floats
    columns: pd.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Way:
    """One way to assign arms.

    Attributes
    ----------
    name : str
        What gets an arm: a column, or ``"row"``.
    code : ndarray of int64, shape (n,)
        Which one each past unit belongs to.
    by_cluster : bool
        Whether it is the cluster that gets an arm.
    """

    name: str
    code: Ints
    by_cluster: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class History:
    """Means of past data, and the covariance of the mean under several ways to assign.

    Attributes
    ----------
    means : Joint
        Means and counts of every cell, with one arm.
    alone : Joint
        Its covariance is that of the means of what covariates leave, every row on its own.
    ways : tuple of (Way, Joint)
        The same with the rows of what gets an arm summed up.
    """

    means: Joint
    alone: Joint
    ways: tuple[tuple[Way, Joint], ...]


def history(past: PastRows, ways: Sequence[Way], spec: StudySpec) -> History:
    """Return the means and variances that a plan is made from.

    A comparison of arms weighs what an assigned unit brings by +1/p or −1/p, by chance and apart
    from everything else. So, if the arm changes nothing, its variance is ``1/p_a + 1/p_0`` times
    that of a mean in which the rows of an assigned unit are summed first: rows of one customer
    matter together when customers are assigned, and not at all when sessions are.

    Parameters
    ----------
    past : PastRows
        The past.
    ways : sequence of Way
        Ways to assign arms.
    spec : StudySpec
        Declares the segments.

    References
    ----------
    Donner & Klar (2000), Design and Analysis of Cluster Randomization Trials in Health Research,
    chapter 5.
    """
    cells = cut(past.columns, spec.segments)
    rows = np.arange(len(past.y), dtype=np.int64)
    left = _scores(past, past.left, rows)
    alone = joint(left, cells)
    return History(
        means=joint(_scores(past, past.y, past.cluster), cells),
        alone=alone,
        ways=tuple(
            (way, alone if _single(way.code) else joint(replace(left, cluster=way.code), cells))
            for way in ways
        ),
    )


def _single(code: Ints) -> bool:
    return int(code.max(initial=-1)) + 1 == code.size


def _scores(past: PastRows, values: Floats, cluster: Ints) -> Scores:
    """Return outcomes as the scores of one arm that everybody has."""
    n = len(values)
    return Scores(
        arms=("any",),
        outcomes=past.outcomes,
        gamma=values[:, None, :],
        mass=np.ones(n),
        propensity=np.ones((n, 1)),
        arm=np.zeros(n, dtype=np.int64),
        y=past.y,
        cluster=cluster,
        fold=np.zeros(n, dtype=np.int64),
        weight=past.weight,
        target="ate",
        unit=pd.Series(np.arange(n)),
        columns=past.columns,
        clusters_assigned=False,
        quality=(),
        overlap=(),
        population="",
        repeats=values.mean(axis=0)[None, None],
        key="",
    )
