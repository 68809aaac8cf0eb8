"""Geometry of an estimate over runs: the small picture of a card and the chart of a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from whatif.base.history import Range, TrendPoint

SPARK_WIDTH, SPARK_HEIGHT = 160, 40
CHART_HEIGHT = 168
_MARGIN = 4
_LABELS = 15
_TOP, _BOTTOM = 10, 144
_REACH = 1.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Spark:
    """A small picture in drawing units, as path data.

    Attributes
    ----------
    bands : str
        Outlines of the ranges of neighbouring runs.
    line : str
        Through the estimates; interrupted where a run shows none.
    zero : float
        Height of the line of no difference.
    last : (float, float) or None
        Where the newest estimate stands.
    """

    bands: str
    line: str
    zero: float
    last: tuple[float, float] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartPoint:
    """One run of a chart: ``x`` in percent of the width, heights in pixels."""

    x: float
    y: float
    top: float
    bottom: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart whose width follows the page.

    Attributes
    ----------
    points : tuple of ChartPoint
        Runs with an estimate, the oldest first.
    links : tuple of (ChartPoint, ChartPoint)
        Neighbours to be joined by a line.
    zero : float
        Height of the line of no difference, in pixels.
    band : (float, float) or None
        Heights between which a difference is too small to matter.
    beyond : bool
        Whether a range runs out of the picture.
    """

    points: tuple[ChartPoint, ...]
    links: tuple[tuple[ChartPoint, ChartPoint], ...]
    zero: float
    band: tuple[float, float] | None
    beyond: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Heights:
    """A vertical scale: raw differences to heights, greater ones further up."""

    low: float
    high: float
    top: float
    bottom: float

    def at(self, value: float) -> float:
        """Return the height of `value`, held inside the picture."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.bottom - min(max(share, 0.0), 1.0) * (self.bottom - self.top), 1)

    def ends(self, around: Range) -> tuple[float, float]:
        """Return the heights of the upper and the lower end; an open end reaches the edge."""
        low, high = around
        return (
            self.top if high is None else self.at(high),
            self.bottom if low is None else self.at(low),
        )

    def holds(self, around: Range) -> bool:
        """Return whether both ends stand inside the picture."""
        low, high = around
        return low is not None and high is not None and self.low <= low and high <= self.high


def heights(points: Sequence[TrendPoint], *, top: float, bottom: float) -> Heights:
    """Return a scale with every estimate, zero, and the newest range; wider ones run out of it."""
    known = [point for point in points if point.estimate is not None]
    values = [0.0, *(point.estimate for point in known if point.estimate is not None)]
    values += [end for point in known[-1:] for end in point.anytime if end is not None]
    pad = (_REACH - 1) / 4 * (max(values) - min(values)) or 1.0
    return Heights(low=min(values) - pad, high=max(values) + pad, top=top, bottom=bottom)


def spark(points: Sequence[TrendPoint]) -> Spark | None:
    """Return the small picture of a study; None where fewer than two runs have an estimate."""
    scale = heights(points, top=_MARGIN / 2, bottom=SPARK_HEIGHT - _MARGIN / 2)
    step = (SPARK_WIDTH - 2 * _MARGIN) / max(len(points) - 1, 1)
    placed = [
        (round(_MARGIN + i * step, 1), point.estimate, point.anytime)
        for i, point in enumerate(points)
    ]
    drawn = [
        (x, scale.at(estimate), *scale.ends(around))
        for x, estimate, around in placed
        if estimate is not None
    ]
    if len(drawn) < 2:  # noqa: PLR2004
        return None
    known = {x for x, *_ in drawn}
    by_x = {x: rest for x, *rest in drawn}
    bands, lines = [], []
    for there, group in groupby((x for x, *_ in placed), key=known.__contains__):
        xs = list(group)
        if there:
            up = "L".join(f"{x} {by_x[x][1]}" for x in xs)
            down = "L".join(f"{x} {by_x[x][2]}" for x in reversed(xs))
            bands.append(f"M{up}L{down}z")
            lines.append("M" + "L".join(f"{x} {by_x[x][0]}" for x in xs))
    last = drawn[-1]
    return Spark(bands="".join(bands), line="".join(lines), zero=scale.at(0.0), last=last[:2])


def chart(points: Sequence[TrendPoint], matters_from: float | None) -> Chart | None:
    """Return the chart of a page; None where fewer than two runs have an estimate."""
    scale = heights(points, top=_TOP, bottom=_BOTTOM)
    room = 100 - 2 * _LABELS
    step = room / max(len(points) - 1, 1)
    placed: list[ChartPoint | None] = []
    for i, point in enumerate(points):
        if point.estimate is None:
            placed.append(None)
            continue
        top, bottom = scale.ends(point.anytime)
        x = round(_LABELS + i * step, 2)
        placed.append(ChartPoint(x=x, y=scale.at(point.estimate), top=top, bottom=bottom))
    drawn = tuple(one for one in placed if one is not None)
    if len(drawn) < 2:  # noqa: PLR2004
        return None
    band = None if matters_from is None else (scale.at(matters_from), scale.at(-matters_from))
    return Chart(
        points=drawn,
        links=tuple((a, b) for a, b in pairwise(placed) if a is not None and b),
        zero=scale.at(0.0),
        band=band,
        beyond=any(p.estimate is not None and not scale.holds(p.anytime) for p in points),
    )
