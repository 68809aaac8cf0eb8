"""How much more data an unsettled reading needs, if its estimate stays where it is.

A standard error falls with the square root of the data, so a range that must be k times narrower
needs k² times the data.
"""

from __future__ import annotations


def times_to_settle(
    estimate: float, lo: float, hi: float, *, matters_from: float | None
) -> float | None:
    """Return the multiple of today's data at which a *not clear yet* reading would settle.

    It settles once the range excludes zero, or lies within ± `matters_from`, whichever is sooner.

    Parameters
    ----------
    estimate, lo, hi : float
        Difference and its interval, in the outcome's unit.
    matters_from : float or None
        Smallest difference worth shipping.

    Returns
    -------
    float or None
        None where no amount would do.

    Examples
    --------
    >>> times_to_settle(0.5, -0.5, 1.5, matters_from=None)
    4.0
    """
    sign_known = abs(estimate)
    too_small = 0.0 if matters_from is None else matters_from - abs(estimate)
    return _times(lo, hi, needed=max(sign_known, too_small))


def times_to_clear_limit(
    estimate: float, lo: float, hi: float, *, limit: float, better: str
) -> float | None:
    """Return the multiple of today's data at which a guardrail would read *within the limit*.

    Parameters
    ----------
    estimate, lo, hi : float
        Difference and its interval, in the outcome's unit.
    limit : float
        Largest harm tolerated, positive.
    better : {"higher", "lower"}
        The good direction.

    Returns
    -------
    float or None
        None where the estimate itself is at or beyond the limit.

    Examples
    --------
    >>> times_to_clear_limit(0.0, -2.0, 2.0, limit=1.0, better="lower")
    4.0
    """
    gain = estimate if better == "higher" else -estimate
    return _times(lo, hi, needed=gain + limit)


def _times(lo: float, hi: float, *, needed: float) -> float | None:
    return ((hi - lo) / 2 / needed) ** 2 if needed > 0 else None
