"""From an interval to a word: the closed set of readings, one per effect row."""

from __future__ import annotations

import datetime as dt
import math
from typing import Literal

from whatif.contract.spec import OutcomeSpec, RatioSpec, StudySpec, metric_name
from whatif.effects.rows import EffectRow, EffectRows
from whatif.verdict.record import Reading

Better = Literal["higher", "lower"]
_Row = tuple[str, str, str, str]
_LOCKED_LOOKS = frozenset({"once", "scheduled"})
_NOT_SHOWN = {"suppressed": Reading.SUPPRESSED, "no_overlap": Reading.NO_OVERLAP}


def read_difference(
    lo: float | None, hi: float | None, *, matters_from: float | None, better: Better
) -> Reading:
    """Read one interval of a difference: which side of zero, and is it large enough to matter?

    Parameters
    ----------
    lo, hi : float
        Ends of the interval, in the outcome's unit; infinite ends are allowed.
    matters_from : float or None
        Smallest difference worth shipping; None reads the sign only.
    better : {"higher", "lower"}
        The good direction.

    Returns
    -------
    Reading
        Exactly one of better, better perhaps, worse, worse perhaps, no difference, not clear.

    Raises
    ------
    ValueError
        If an end is missing or NaN, ``lo > hi``, or ``matters_from`` is not positive.

    Examples
    --------
    >>> read_difference(0.0016, 0.0046, matters_from=0.002, better="higher").value
    'better_perhaps'
    """
    low, high = _signed(lo, hi, better)
    if matters_from is None:
        return _sign(low, high, Reading.BETTER, Reading.WORSE)
    _require_positive("matters_from", matters_from)
    if -matters_from < low and high < matters_from:
        return Reading.NO_DIFFERENCE
    if low >= matters_from:
        return Reading.BETTER
    if high <= -matters_from:
        return Reading.WORSE
    return _sign(low, high, Reading.BETTER_PERHAPS, Reading.WORSE_PERHAPS)


def read_guardrail(lo: float | None, hi: float | None, *, limit: float, better: Better) -> Reading:
    """Read one interval of a guardrail: is the harm within its limit?

    Parameters
    ----------
    lo, hi : float
        Ends of the interval, in the outcome's unit; infinite ends are allowed.
    limit : float
        Largest harm tolerated, positive, on the harmful side.
    better : {"higher", "lower"}
        The good direction.

    Returns
    -------
    Reading
        Exactly one of within, over, worse with the limit not ruled out, harm not ruled out.

    Raises
    ------
    ValueError
        If an end is missing or NaN, ``lo > hi``, or `limit` is not positive.

    Examples
    --------
    >>> read_guardrail(-0.10, 0.20, limit=0.25, better="lower").value
    'within_limit'
    """
    low, high = _signed(lo, hi, better)
    _require_positive("limit", limit)
    if low > -limit:
        return Reading.WITHIN_LIMIT
    if high < -limit:
        return Reading.OVER_LIMIT
    return Reading.WORSE_LIMIT_NOT_RULED_OUT if high < 0 else Reading.HARM_NOT_RULED_OUT


def readings(
    effects: EffectRows, spec: StudySpec, *, as_of: dt.date | None = None
) -> tuple[Reading, ...]:
    """Read every effect row, in order.

    Overall rows are read from `ci`, segments from `band`, both from `sequential` where results are
    looked at more than once. Segments that the F test does not tell apart inherit the overall
    reading. Cuts that were not declared, intervals that are unbounded and errors of zero read
    *not clear yet*.

    Parameters
    ----------
    effects : EffectRows
        Every effect of the run and the tests of its segments.
    spec : StudySpec
        Which metrics are guardrails, their limits and what matters.
    as_of : date or None
        Last day of the data. Before the decision date only sequential ranges are read: looking
        early needs wider intervals than the others.

    Returns
    -------
    tuple of Reading
        One per row of ``effects.effects``.

    Raises
    ------
    ValueError
        If a row is about a metric that the study does not declare.
    """
    metrics = {metric_name(metric): metric for metric in spec.metrics}
    unknown = sorted({row.outcome for row in effects.effects} - metrics.keys())
    if unknown:
        raise ValueError(f"Effects name metrics that the study does not declare: {unknown}.")
    locked = before_decision(spec, as_of)
    overall = {
        _key(row): _read(row, metrics[row.outcome])
        for row in reversed(effects.effects)
        if not row.segment and row.shown == "shown"
    }
    return tuple(
        Reading.NOT_CLEAR
        if locked and row.shown == "shown" and row.sequential is None
        else _row_reading(row, metrics[row.outcome], effects, overall)
        for row in effects.effects
    )


def before_decision(spec: StudySpec, as_of: dt.date | None) -> bool:
    """Return whether the study fixed a decision date that the data have not reached."""
    decide_on = spec.decision.on
    if decide_on is None or as_of is None or spec.decision.looks not in _LOCKED_LOOKS:
        return False
    return as_of < decide_on


def before_first_look(row: EffectRow) -> bool:
    """Return whether results are looked at more than once and `row` was not looked at yet."""
    return row.sequential == (None, None)


def segments_differ(
    effects: EffectRows, *, outcome: str, arm: str, dimension: tuple[str, ...]
) -> bool:
    """Return whether the F test tells the segments of `dimension` apart at ``1 - level``.

    A test that could not run is no evidence of a difference.
    """
    return any(
        test.p_value is not None and test.p_value <= 1 - effects.level
        for test in effects.heterogeneity
        if (test.outcome, test.arm) == (outcome, arm) and set(test.dimension) == set(dimension)
    )


def _row_reading(
    row: EffectRow,
    metric: OutcomeSpec | RatioSpec,
    effects: EffectRows,
    overall: dict[_Row, Reading],
) -> Reading:
    own = _read(row, metric)
    if not row.segment or row.shown != "shown" or not _readable(row):
        return own
    dimension = tuple(column for column, _ in row.segment)
    if segments_differ(effects, outcome=row.outcome, arm=row.arm, dimension=dimension):
        return own
    return overall.get(_key(row), Reading.NOT_CLEAR)


def _read(row: EffectRow, metric: OutcomeSpec | RatioSpec) -> Reading:
    if row.shown != "shown":
        return _NOT_SHOWN[row.shown]
    lo, hi = row.read_from
    if not _readable(row) or lo is None or hi is None:
        return Reading.NOT_CLEAR
    if metric.role == "guardrail" and metric.limit is not None:
        return read_guardrail(lo, hi, limit=metric.limit, better=metric.better)
    return read_difference(lo, hi, matters_from=metric.matters_from, better=metric.better)


def _readable(row: EffectRow) -> bool:
    return row.planned and row.estimate is not None and bool(row.std_error)


def _key(row: EffectRow) -> _Row:
    return row.outcome, row.arm, row.versus, row.estimator


def _sign(low: float, high: float, above: Reading, below: Reading) -> Reading:
    if low > 0:
        return above
    return below if high < 0 else Reading.NOT_CLEAR


def _signed(lo: float | None, hi: float | None, better: Better) -> tuple[float, float]:
    if lo is None or hi is None:
        raise ValueError("An interval with an unbounded end has no reading of its own.")
    if math.isnan(lo) or math.isnan(hi) or lo > hi:
        raise ValueError(f"Not an interval: [{lo}, {hi}].")
    return (lo, hi) if better == "higher" else (-hi, -lo)


def _require_positive(name: str, value: float) -> None:
    if not value > 0:
        raise ValueError(f"{name} must be positive, not {value}.")
