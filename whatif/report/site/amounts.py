"""A past run's primary number as a reader counts it: differences with their unit and range."""

from __future__ import annotations

import datetime as dt
from urllib.parse import quote

from whatif.base.history import MetricLine, PastRun, Range
from whatif.report.format import coin_places, day, decimals, end_decimals, signed, title

SHORT = 12


def unit_words(metric: MetricLine) -> str:
    """Return what a difference is counted in.

    Examples
    --------
    >>> unit_words(MetricLine(label="Converted", better="higher", factor=1000.0, prefix="",
    ...     noun="orders", per="per 1,000 sessions", matters_from=0.002))
    'orders per 1,000 sessions'
    """
    return " ".join(part for part in (metric.noun, metric.per) if part)


def difference_words(metric: MetricLine, estimate: float, around: Range, *, extra: int = 0) -> str:
    """Return a difference, signed and rounded as its range deserves.

    Parameters
    ----------
    metric : MetricLine
        How it is printed.
    estimate : float
        In the raw unit.
    around : (low, high)
        Its range; it decides the number of decimals.
    extra : int
        Decimals beyond that, for parts that are to add up.
    """
    return metric.prefix + signed(estimate * metric.factor, _places(metric, around, extra))


def range_words(metric: MetricLine, around: Range) -> str:
    """Return a signed range: ``+9.0 to +15.2``, ``at least +9.0`` or ``not bounded``.

    An end next to zero or to the smallest difference that matters has more decimals, so that it
    stays on its side.
    """
    turn = metric.factor * (metric.matters_from or 0.0)
    return _ends(metric, around, _places(metric, around, 0), (0.0, turn, -turn))


def move_range_words(metric: MetricLine, around: Range) -> str:
    """Return the signed range of a move, one decimal finer: only zero is a mark for it."""
    return _ends(metric, around, _places(metric, around, 1), (0.0,))


def _ends(metric: MetricLine, around: Range, places: int, marks: tuple[float, ...]) -> str:
    ends = [None if end is None else end * metric.factor for end in around]
    low, high = (
        None if end is None else signed(end, end_decimals(end, places, marks=marks)) for end in ends
    )
    if low is not None and high is not None:
        return f"{low} to {high}"
    if low is None and high is None:
        return "not bounded"
    return f"at least {low}" if high is None else f"at most {high}"


def direction_of(metric: MetricLine, estimate: float, around: Range) -> int:
    """Return 1 for a move up, -1 for one down, and 0 where it rounds to nothing."""
    shown = round(estimate * metric.factor, _places(metric, around, 1))
    return (shown > 0) - (shown < 0)


def with_range(metric: MetricLine, estimate: float, around: Range) -> str:
    """Return a difference with its range in brackets."""
    return f"{difference_words(metric, estimate, around)} ({range_words(metric, around)})"


def _places(metric: MetricLine, around: Range, extra: int) -> int:
    low, high = (None if end is None else end * metric.factor for end in around)
    places = decimals(low, high) + extra
    return coin_places(places) if metric.prefix else places


def day_words(value: dt.date | None) -> str:
    """Return a day, or nothing where there is none."""
    return "" if value is None else day(value)


def moment_day(iso: str) -> str:
    """Return the day of an ISO moment, in UTC."""
    return day(dt.datetime.fromisoformat(iso).astimezone(dt.UTC).date())


def study_title(study: str) -> str:
    """Return a study's name as a heading."""
    return title(study.replace("-", " "))


def url_part(name: str) -> str:
    """Return a name as one part of a relative address."""
    return quote(name, safe="")


def run_day(run: PastRun) -> str:
    """Return how far the data of a run reach; its short id where they have no dates."""
    reach = run.line.data_to or run.line.as_of
    return run.line.run_id[:SHORT] if reach is None else day(reach)


def run_name(run: PastRun) -> str:
    """Return what tells a run from all others: how far its data reach, and its short id."""
    reach, name = run_day(run), run.line.run_id[:SHORT]
    return name if reach == name else f"{reach} ({name})"
