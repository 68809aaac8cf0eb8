"""Geometry of the interval bars: one small drawing per table row, differences only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from whatif.effects.bounds.row import BoundsRow
from whatif.effects.rows import EffectRow, Ends
from whatif.report.measure import Measure

WIDTH = 200
_MARGIN = 8
_ROOM = 1.08
_CLIP = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A linear scale from raw differences to drawing units.

    Attributes
    ----------
    low, high : float
        Raw values at the left and right margin.
    """

    low: float
    high: float

    def at(self, value: float) -> int:
        """Return the position of `value`, held inside the drawing."""
        share = (value - self.low) / (self.high - self.low)
        return round(_MARGIN + min(max(share, 0.0), 1.0) * (WIDTH - 2 * _MARGIN))

    def beyond(self, value: float | None, *, left: bool) -> bool:
        """Return whether an end lies outside the drawing (or nowhere: unbounded)."""
        return value is None or (value < self.low if left else value > self.high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backdrop:
    """What an interval is read against, in drawing units.

    Attributes
    ----------
    zero : int
        Zero line.
    band : (int, int) or None
        "Too small to matter".
    limit : int or None
        The limit of a guardrail.
    """

    zero: int
    band: tuple[int, int] | None
    limit: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One interval bar in drawing units.

    Attributes
    ----------
    left, right : int
        Ends of the interval.
    open_left, open_right : bool
        Whether an end runs out of the drawing, drawn as an arrow head.
    point : int or None
        The estimate; None where bounds stand in its place.
    bounds : (int, int) or None
        Ends of an identified interval.
    """

    left: int
    right: int
    open_left: bool
    open_right: bool
    point: int | None
    bounds: tuple[int, int] | None = None


def symmetric_axis(measure: Measure, ranges: Iterable[Ends]) -> Axis:
    """Return an axis with zero in the middle that fits ranges, band and limit."""
    ends = [abs(end) for ends in ranges for end in ends if end is not None]
    reach = max([*ends, *_lines(measure)], default=0.0) * _ROOM or 1.0
    return Axis(low=-reach, high=reach)


def shared_axis(measure: Measure, ranges: Iterable[Ends]) -> Axis:
    """Return one axis for all rows of a table; a range far wider than the rest runs out of it."""
    closed = [(low, high) for low, high in ranges if low is not None and high is not None]
    lines = _lines(measure)
    if not closed:
        return Axis(low=-(max(lines, default=1.0)), high=max(lines, default=1.0))
    usual = sorted(high - low for low, high in closed)[len(closed) // 2]
    low = min(max(low, high - _CLIP * usual) for low, high in closed)
    high = max(min(high, low_ + _CLIP * usual) for low_, high in closed)
    low, high = min(low, 0.0, *(-line for line in lines)), max(high, 0.0, *lines)
    pad = (high - low) * (_ROOM - 1) or 1.0
    return Axis(low=low - pad, high=high + pad)


def _lines(measure: Measure) -> list[float]:
    return [line for line in (measure.matters_from, measure.limit) if line is not None]


def backdrop(measure: Measure, axis: Axis) -> Backdrop:
    """Return the zero line, the band and the limit of a metric on `axis`."""
    matters, harm = measure.matters_from, measure.harm()
    return Backdrop(
        zero=axis.at(0.0),
        band=None if matters is None else (axis.at(-matters), axis.at(matters)),
        limit=None if harm is None else axis.at(harm),
    )


def bar(row: EffectRow, axis: Axis) -> Bar | None:
    """Return the bar of `row`, or None where it carries no numbers."""
    if row.shown != "shown" or row.estimate is None:
        return None
    return _bar(row.read_from, axis, point=axis.at(row.estimate), bounds=None)


def bounds_bar(row: BoundsRow, axis: Axis) -> Bar | None:
    """Return the bar of bounds, or None where there are none."""
    low, high = row.bounds
    if row.shown != "shown" or low is None or high is None:
        return None
    return _bar(row.ci, axis, point=None, bounds=(axis.at(low), axis.at(high)))


def _bar(ends: Ends, axis: Axis, *, point: int | None, bounds: tuple[int, int] | None) -> Bar:
    low, high = ends
    return Bar(
        left=axis.at(axis.low if low is None else low),
        right=axis.at(axis.high if high is None else high),
        open_left=axis.beyond(low, left=True),
        open_right=axis.beyond(high, left=False),
        point=point,
        bounds=bounds,
    )
