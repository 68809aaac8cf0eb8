"""The score table: one doubly robust score per unit, arm and outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pandas as pd

from whatif.base.arrays import Floats, Ints
from whatif.base.records import NuisanceQuality, OverlapSummary

Target = Literal["ate", "att", "overlap"]
Refusal = Literal["small_target", "few_clusters", "outside"]


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
class Transported:
    """Mean outcomes carried to another population, or why they were not.

    Attributes
    ----------
    name : str
        The population's name in the study.
    covariates : tuple of str
        Columns by which the two may differ; at given values people must respond alike.
    n, clusters : int
        Its rows and clusters.
    weighted : bool
        Whether its rows count by sampling weights; else each counts once.
    effective : float or None
        Clusters that the study's rows count as once they are weighted to look like it,
        ``(Σ R_c)² / Σ R_c²``; None where the table is too small to weight anyone.
    arm_effective : tuple of float, length A
        The same among the units of each arm.
    outside : float
        Share of it that nobody in the study is comparable with.
    levels : tuple of (str, int)
        Its rows with a level that the study never saw, by covariate.
    rare : int
        Its rows that are so much rarer in the study that a unit would stand for more than
        1 / `overlap.low` units.
    closed : int
        Its rows whose estimated chance of an arm breaks the study's overlap rule.
    refused : str or None
        ``"small_target"`` fewer than ten clusters; ``"few_clusters"`` fewer than 100 effective
        ones; ``"outside"`` more than 1 % is outside; None where there is an answer.
    theta : ndarray, shape (A, K), or None
        Mean outcome had it got each arm, in the outcome's unit; None where refused.
    sigma : ndarray, shape (A·K, A·K), or None
        Covariance of ``theta.ravel()`` over draws of both tables, clustered.
    """

    name: str
    covariates: tuple[str, ...]
    n: int
    clusters: int
    weighted: bool
    effective: float | None
    arm_effective: tuple[float, ...]
    outside: float
    levels: tuple[tuple[str, int], ...]
    rare: int
    closed: int
    refused: Refusal | None
    theta: Floats | None
    sigma: Floats | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OptionScores:
    """Scores of orders and of their cost by the option chosen; n units, A arms, J options.

    They stand beside the study's outcomes and are never one of them.

    Attributes
    ----------
    names : tuple of str, length J
        Options, the most chosen first.
    columns : tuple of str, length 2J
        Labels of the third axis of `gamma`: orders by option, then cost by option.
    cost : str
        The outcome that the costs add up to.
    orders : str or None
        The outcome that the orders add up to; None where the study counts none.
    gamma : ndarray of float64, shape (n, A, 2J), read-only
        Scores, with the mass of the table they stand in.
    y : ndarray of float64, shape (n, 2J), read-only
        What was observed.
    """

    names: tuple[str, ...]
    columns: tuple[str, ...]
    cost: str
    orders: str | None
    gamma: Floats
    y: Floats


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
    transported : tuple of Transported
        What the models say of each population under `transport`.
    options : OptionScores or None
        Orders and costs by the option chosen, where the study names `option`.
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
    transported: tuple[Transported, ...] = ()
    options: OptionScores | None = None

    @property
    def n(self) -> int:
        """Number of scored units."""
        return int(self.gamma.shape[0])
