"""Numbers, dates and names as a reader sees them; the only place where anything is rounded."""

from __future__ import annotations

import datetime as dt
import math
import re

MINUS = "\u2212"
NBSP = "\u00a0"
DASH = "\u2013"
TIMES = " \u00d7 "
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_PLAIN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_MOST_DECIMALS = 8
_EXTRA_DECIMALS = 2
_WHOLE_FROM = 1000
_TINY = 1e-6


def decimals(low: float | None, high: float | None, *, least: int = 0) -> int:
    """Return how many decimals a range deserves: the last digit is at most a quarter of it.

    Parameters
    ----------
    low, high : float or None
        Ends of the range, in the unit that is printed; None is unbounded.
    least : int
        Smallest answer; negative allows rounding to tens and hundreds.

    Examples
    --------
    >>> decimals(9.2, 15.1), decimals(1.6, 4.6), decimals(6_100.0, 19_000.0, least=-9)
    (0, 1, -3)
    """
    ends = [end for end in (low, high) if end is not None]
    wide = abs(ends[1] - ends[0]) / 2 if len(ends) == 2 else 0.0  # noqa: PLR2004
    wide = wide or max((abs(end) for end in ends), default=0.0) / 10 or 2.0
    return min(max(math.ceil(-math.log10(wide / 2)), least), _MOST_DECIMALS)


def end_decimals(end: float, places: int, *, marks: tuple[float, ...] = (0.0,)) -> int:
    """Return the decimals of one end of a range: at least `places`, more next to a mark.

    Up to two more are given where rounding would move the end onto or across one of `marks`
    (zero, the smallest difference that matters, the limit), so that the printed range never
    contradicts its reading.

    Examples
    --------
    >>> end_decimals(0.4, 0), end_decimals(5.0, 0)
    (1, 0)
    """
    for extra in range(_EXTRA_DECIMALS + 1):
        if all(_same_side(end, mark, places + extra) for mark in marks):
            return places + extra
    return places


def coin_places(places: int) -> int:
    """Return decimals for an amount of money: never exactly one.

    Examples
    --------
    >>> coin_places(0), coin_places(1), coin_places(3)
    (0, 2, 3)
    """
    return 2 if places == 1 else places


def _same_side(end: float, mark: float, places: int) -> bool:
    shown = round(end, places)
    return (end > mark) == (shown > mark) and (end < mark) == (shown < mark)


def number(value: float, places: int) -> str:
    """Return `value` with thousands separators, a true minus sign and never "-0".

    Examples
    --------
    >>> number(-0.04, 1), number(12345.6, 0), number(12345.6, -2)
    ('0.0', '12,346', '12,300')
    """
    shown = round(value, places)
    text = f"{abs(shown):,.{max(places, 0)}f}"
    return f"{MINUS}{text}" if shown < 0 else text


def signed(value: float, places: int) -> str:
    """Return `value` with a plus or minus sign unless it rounds to zero.

    Examples
    --------
    >>> signed(12.3, 0), signed(-0.4, 0)
    ('+12', '0')
    """
    text = number(value, places)
    return f"+{text}" if round(value, places) > 0 else text


def percent(share: float, places: int) -> str:
    """Return a share as a percentage, e.g. ``3.6 %`` with a space that does not break."""
    return f"{number(100 * share, places)}{NBSP}%"


def level_percent(level: float) -> str:
    """Return a confidence level as ``95 %``."""
    return f"{100 * level:g} %"


def plain(value: float | None) -> str:
    """Return a number for the appendix: four significant digits, a dash for None.

    Examples
    --------
    >>> plain(0.0123456), plain(12345.6), plain(0.0000923)
    ('0.01235', '12,346', '0.0000923')
    """
    if value is None:
        return DASH
    text = f"{abs(value):,.0f}" if abs(value) >= _WHOLE_FROM else f"{abs(value):.4g}"
    if "e" in text and abs(value) > _TINY:
        text = f"{abs(value):.{_MOST_DECIMALS}f}".rstrip("0")
    return f"{MINUS}{text}" if value < 0 and text != "0" else text


def interval_words(level: float) -> str:
    """Return what the intervals of the appendix are called.

    Examples
    --------
    >>> interval_words(0.95).replace("\u00a0", " ")
    '95 % confidence interval'
    """
    return f"{level_percent(level)} confidence interval"


def plain_range(low: float | None, high: float | None) -> str:
    """Return ``low to high`` for the appendix; a dash when nothing bounds it."""
    if low is None and high is None:
        return DASH
    return f"{MINUS + '∞' if low is None else plain(low)} to {'∞' if high is None else plain(high)}"


def p_value(value: float | None) -> str:
    """Return a p-value with three decimals, or ``< 0.001``."""
    if value is None:
        return DASH
    return "< 0.001" if value < 0.001 else f"{value:.3f}"  # noqa: PLR2004


def day(value: dt.date) -> str:
    """Return a day as ``7 Sep 2026`` in every locale."""
    return f"{value.day} {_MONTHS[value.month - 1]} {value.year}"


def moment(iso: str) -> str:
    """Return an ISO moment as ``9 Nov 2026, 19:00 UTC``."""
    at = dt.datetime.fromisoformat(iso).astimezone(dt.UTC)
    return f"{day(at)}, {at.hour:02d}:{at.minute:02d} UTC"


def human(name: object) -> str:
    """Return a column or level name without underscores; anything unusual stays verbatim.

    Examples
    --------
    >>> human("dense_urban"), human("Mens E-Mail"), human(3)
    ('dense urban', 'Mens E-Mail', '3')
    """
    text = str(name)
    return text.replace("_", " ").strip() or text if _PLAIN_NAME.fullmatch(text) else text


def title(name: str) -> str:
    """Return `human(name)` with a capital first letter."""
    text = human(name)
    return text[:1].upper() + text[1:]


def singular_unit(column: str | None) -> str:
    """Return what one row is called: ``session_id`` is one ``session``, no column one ``row``.

    Any other name is one ``unit``: what it names is not ours to guess.
    """
    if column is None:
        return "row"
    named = re.fullmatch(r"(\w{3,})_(id|key|uuid)", column, flags=re.IGNORECASE)
    return human(named.group(1)) if named else "unit"


def plural(noun: str) -> str:
    """Return the plural of a plain English noun.

    Examples
    --------
    >>> plural("order"), plural("delivery"), plural("box")
    ('orders', 'deliveries', 'boxes')
    """
    if noun.endswith(("ss", "x", "z", "ch", "sh")):
        return noun + "es"
    if noun.endswith("s"):
        return noun
    if noun.endswith("y") and noun[-2:-1] not in set("aeiou"):
        return noun[:-1] + "ies"
    return noun + "s"
