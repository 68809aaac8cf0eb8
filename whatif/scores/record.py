"""The score table: one doubly robust score per unit, arm and outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pandas as pd

from whatif.base.arrays import Floats, Ints
from whatif.base.records import NuisanceQuality, OverlapSummary

Target = Literal["ate", "att", "overlap"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Population:
    """What the predictions of a run say about one population, set beside its answer.

    Attributes
    ----------
    name : str
        Its rule, e.g. ``"0.05–0.95"``.
    target : str
        Target of the scores behind it.
    described : str
        Who it is, in words.
    n, clusters : int
        Units and clusters that enter.
    outside : float
        Share of it whose chances break the study's overlap rule.
    extrapolates : bool
        Whether that share is more than a study tolerates: the number is then not a measurement.
    theta : ndarray, shape (A, K)
        Mean outcome had the population got each arm, in the outcome's unit.
    sigma : ndarray, shape (A·K, A·K)
        Clustered covariance of ``theta.ravel()``.
    """

    name: str
    target: Target
    described: str
    n: int
    clusters: int
    outside: float
    extrapolates: bool
    theta: Floats
    sigma: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scores:
    """Cross-fitted doubly robust scores of n units, A arms, K outcomes.

    Attributes
    ----------
    arms, outcomes : tuple of str
        Labels of the second and third axis of `gamma`; ``arms[0]`` is the control.
    gamma : ndarray of float64, shape (n, A, K), read-only
        Score of each unit under each arm, in the outcome's unit.
    mass : ndarray of float64, shape (n,), read-only
        How much of the target population the unit stands for: all ones for ``"ate"``. A mean is
        ``Σ weight · gamma / Σ weight · mass``, its influence ``weight · (gamma − θ · mass)``.
    propensity : ndarray of float64, shape (n, A), read-only
        Chance of each arm, known or estimated out of fold.
    arm : ndarray of int64, shape (n,)
        Arm the unit got.
    y : ndarray of float64, shape (n, K)
        Observed outcomes.
    cluster, fold : ndarray of int64, shape (n,)
        Codes of cluster and fold.
    weight : ndarray of float64, shape (n,)
        Sampling weight of the unit in every average.
    target : str
        Whom averages speak of: ``"ate"`` everyone, ``"att"`` units that got an arm other than the
        control, ``"overlap"`` units in proportion to how undecided their arm was.
    unit : Series, n rows
        Unit ids.
    columns : DataFrame, n rows
        Pre-treatment columns, for segments and scenarios.
    clusters_assigned : bool
        Whether whole clusters were assigned.
    quality : tuple of NuisanceQuality
        Out-of-fold quality of every nuisance.
    overlap : tuple of OverlapSummary
        Distribution of the chance of each arm.
    population : str
        Who the answer is about; a trimmed population says so.
    repeats : ndarray of float64, shape (R, A, K)
        Mean score by arm and outcome of each repetition of the folds; `gamma` is their average.
    key : str
        Content hash of everything the scores depend on.
    populations : tuple of Population
        Trimming rules and targets side by side, where `gamma` no longer tells: another target, a
        trimmed population, or several repetitions.
    residual : ndarray of float64, shape (n, K), or None
        Outcome minus its prediction under the arm the unit got, where `gamma` does not tell:
        for ``"att"``, whose scores of the treated are their outcomes.
    """

    arms: tuple[str, ...]
    outcomes: tuple[str, ...]
    gamma: Floats
    mass: Floats
    propensity: Floats
    arm: Ints
    y: Floats
    cluster: Ints
    fold: Ints
    weight: Floats
    target: Target
    unit: pd.Series
    columns: pd.DataFrame
    clusters_assigned: bool
    quality: tuple[NuisanceQuality, ...]
    overlap: tuple[OverlapSummary, ...]
    population: str
    repeats: Floats
    key: str
    populations: tuple[Population, ...] = ()
    residual: Floats | None = None

    @property
    def n(self) -> int:
        """Number of scored units."""
        return int(self.gamma.shape[0])
