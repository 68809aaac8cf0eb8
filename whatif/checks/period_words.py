"""Days in the study's zone, and the words for periods and the effects in them."""

from __future__ import annotations

import datetime as dt

import numpy as np

from whatif.base.arrays import Ints
from whatif.checks.conclude import amount, percent
from whatif.contract.clock import Moments

_EPOCH = dt.date(1970, 1, 1).toordinal()
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)


def local_days(moments: Moments) -> Ints:
    """Return the day of each row in the study's zone, counted from 1970-01-01."""
    return moments.local().to_numpy().astype("datetime64[D]").astype(np.int64)


def day_number(day: dt.date) -> int:
    """Return the days since 1970-01-01."""
    return day.toordinal() - _EPOCH


def dates(first: int, last: int) -> str:
    """Write a stretch of days, counted from 1970-01-01.

    Examples
    --------
    >>> dates(20648, 20649), dates(20634, 20640), dates(20648, 20648)
    ('14–15 July 2026', '30 June – 6 July 2026', '14 July 2026')
    """
    one, two = (dt.date.fromordinal(day + _EPOCH) for day in (first, last))
    end = f"{two.day} {_MONTHS[two.month - 1]} {two.year}"
    if one == two:
        return end
    if (one.year, one.month) == (two.year, two.month):
        return f"{one.day}–{end}"
    year = "" if one.year == two.year else f" {one.year}"
    return f"{one.day} {_MONTHS[one.month - 1]}{year} – {end}"


def signed(value: float, *, relative: bool = False) -> str:
    """Write a difference with its sign.

    Examples
    --------
    >>> signed(0.0123), signed(-2.0), signed(0.1234, relative=True)
    ('+0.012', '−2', '+12.3 %')
    """
    text = percent(abs(value)) if relative else amount(abs(value))
    return f"{'−' if value < 0 else '+'}{text}"
