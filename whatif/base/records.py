"""Small frozen records that several rooms pass along and none of them computes from."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSummary:
    """Which data a run used.

    Attributes
    ----------
    source : str
        Source as declared, without credentials.
    contract : str or None
        Name of the data schema; None when types were inferred.
    fingerprint : str
        sha256 of the content that was read.
    rows, units, clusters : int
        Rows read, units analysed, clusters analysed.
    arms : tuple of (str, int)
        Analysed units by arm, control first.
    period : (date, date) or None
        First and last day in the data; None without a time column.
    as_of : date or None
        Last day a row may have; None without a time column.
    days : int or None
        Days on which the analysed units were first seen; None without a time column.
    """

    source: str
    contract: str | None
    fingerprint: str
    rows: int
    units: int
    clusters: int
    arms: tuple[tuple[str, int], ...]
    period: tuple[dt.date, dt.date] | None
    as_of: dt.date | None
    days: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NuisanceQuality:
    """Out-of-fold quality of one nuisance model.

    Attributes
    ----------
    target : str
        ``"propensity"`` or an outcome column.
    arm : str
        Arm the model was fitted in; ``"all"`` for the propensity.
    chosen : str
        Learner, or blend in whole percent, with the smallest out-of-fold loss.
    loss_name : str
        ``"log loss"`` or ``"squared error"``.
    losses : tuple of (str, float)
        Out-of-fold loss by learner, the constant's and the blend's included.
    gain : float
        Share of the constant's loss that the chosen learner removes.
    weights : tuple of (str, float)
        Weight of each learner in what was chosen; they sum to 1.
    intercept, slope : float or None
        Least-squares line of observed on predicted, out of fold: 0 and 1 when predictions can be
        taken at their word; a slope below 1 is too sure of itself. None when predictions are all
        alike.
    """

    target: str
    arm: str
    chosen: str
    loss_name: str
    losses: tuple[tuple[str, float], ...]
    gain: float
    weights: tuple[tuple[str, float], ...] = ()
    intercept: float | None = None
    slope: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlapSummary:
    """Distribution of the chance of each arm.

    Attributes
    ----------
    arm : str
        The arm.
    known : bool
        Whether the probabilities were declared rather than estimated.
    low, median, high : float
        Smallest, median and largest chance in the data.
    edges : tuple of float
        Histogram edges from 0 to 1.
    counts : tuple of int
        Units per bin.
    """

    arm: str
    known: bool
    low: float
    median: float
    high: float
    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakEven:
    """The worth of one unit of an outcome at which an arm pays for itself.

    Attributes
    ----------
    outcome : str
        Outcome whose worth is varied, the others kept as declared.
    value : float or None
        The worth at which gain and cost cancel; None where there is no such point.
    kind : str
        Shape of the set of worths the data do not rule out: ``"interval"``, ``"rays"``,
        ``"all"`` or ``"empty"`` (Fieller).
    ends : (float or None, float or None)
        Ends of that set; None is unbounded.
    pays_above : bool
        Whether the arm pays above `value` (or below it).
    """

    outcome: str
    value: float | None
    kind: Literal["interval", "rays", "all", "empty"]
    ends: tuple[float | None, float | None]
    pays_above: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyPart:
    """What one valued outcome alone adds to the money of a month.

    Attributes
    ----------
    outcome : str or None
        The outcome; None for what the arm itself costs.
    worth : float
        What one more of it is worth; for an arm, what it costs a unit, as a negative number.
    estimate : float
        Money a month; positive is a gain.
    ci : (float or None, float or None)
        Its interval at the study's level; None is unbounded.
    """

    outcome: str | None
    worth: float
    estimate: float
    ci: tuple[float | None, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """What giving everyone an arm instead of the control is worth a month.

    Attributes
    ----------
    arm, versus : str
        The arm and the control.
    currency : str
        Code such as ``"USD"``.
    units_per_month : float
        Units a month the amount is for.
    estimate : float
        Money a month; positive is a gain.
    ci : (float or None, float or None)
        Its interval at the study's level; None is unbounded.
    break_even : BreakEven or None
        None when not asked for.
    parts : tuple of MoneyPart
        The same money by where it comes from: their estimates sum to `estimate`.
    """

    arm: str
    versus: str
    currency: str
    units_per_month: float
    estimate: float
    ci: tuple[float | None, float | None]
    break_even: BreakEven | None = None
    parts: tuple[MoneyPart, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondOpinion:
    """Another estimator's answer to the same question, for everyone.

    Attributes
    ----------
    estimator : str
        Name as the study spells it, e.g. ``"econml.LinearDML"``.
    outcome, arm : str
        Outcome column, and the arm that is compared with the control.
    estimate : float
        Average effect over `rows`, in the outcome's unit.
    ci : (float, float) or None
        The estimator's own interval, which is not clustered; None where none can be trusted.
    rows : int
        Units it was fitted on and averaged over.
    note : str
        What to know when reading it, in words.
    """

    estimator: str
    outcome: str
    arm: str
    estimate: float
    ci: tuple[float, float] | None
    rows: int
    note: str
