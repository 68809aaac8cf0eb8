"""The scenario file as a record: everything a slider needs, and nothing it would have to fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from whatif.base.arrays import Floats, Ints
from whatif.effects.contrasts import Metric
from whatif.effects.rows import Level
from whatif.scores.record import Target

MOST_PARAMETERS = 96
"""Cells × arms × outcomes that a file holds at most."""

MOST_BYTES = 40_960
"""Size of a file at most."""

LEAST_DF = 9
"""Degrees of freedom below which nothing has a range: fewer than ten clusters in an arm."""

Looked = Literal["once", "scheduled", "anytime"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """What one of each outcome is worth, by outcome, and what an arm costs a unit, by arm."""

    currency: str
    per: tuple[float, ...]
    arm_cost: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Critical:
    """Critical values by what a reader may have moved; None where no range would be honest.

    Attributes
    ----------
    declared : float or None
        Nothing: the declared arm for everyone, at the declared prices. Student's for one arm
        beside the control; of several it allows for having picked that one by its result.
    prices : float or None
        Prices, as often as the reader likes.
    rollout : float or None
        Who gets which arm, or the mix, and prices.
    """

    declared: float | None
    prices: float | None
    rollout: float | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sheet:
    """What ``scenario.json`` holds: S cells, A arms, K outcomes, J columns that cut the cells.

    Attributes
    ----------
    study, run_id : str
        The run behind it.
    as_of : str or None
        Last day of its data, ISO 8601.
    level : float
        Coverage of ranges.
    target : str
        Whom the means speak of.
    looks : str
        How often results are looked at; ranges of the file are for one look.
    withheld : bool
        Whether an integrity check broke, so that nothing may be read.
    arms, outcomes : tuple of str
        Labels; ``arms[0]`` is the control.
    ratios : tuple of Metric
        Ratios by index into `outcomes`.
    columns : tuple of (str, tuple of levels)
        The J columns; none when the one cell is everyone.
    cells : ndarray of int64, shape (S, J)
        Level of each cell, by index, in each column.
    n, clusters : tuple of int
        Units and clusters in each cell.
    df : int
        Degrees of freedom of the smallest cell; below `LEAST_DF` nothing has a range.
    theta : ndarray, shape (S, A, K)
        Mean outcome of the cell had everyone in it got the arm, in the outcome's unit.
    share : ndarray, shape (S,)
        Share of the population in each cell.
    covariance : ndarray, shape (S·A·K + S, S·A·K + S)
        Clustered covariance of ``theta.ravel()`` followed by `share`.
    declared : int
        The arm that the declared scenario gives to everyone.
    worth : Worth or None
        None when the study declares no value.
    units : float or None
        Units a month; None where neither study nor data say.
    critical : Critical
        Critical values of ranges.
    """

    study: str
    run_id: str
    as_of: str | None
    level: float
    target: Target
    looks: Looked
    withheld: bool
    arms: tuple[str, ...]
    outcomes: tuple[str, ...]
    ratios: tuple[Metric, ...]
    columns: tuple[tuple[str, tuple[Level, ...]], ...]
    cells: Ints
    n: tuple[int, ...]
    clusters: tuple[int, ...]
    df: int
    theta: Floats
    share: Floats
    covariance: Floats
    declared: int
    worth: Worth | None
    units: float | None
    critical: Critical
