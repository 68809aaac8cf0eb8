"""An interval for a value that is only known to lie between two estimated ends."""

from __future__ import annotations

from scipy import optimize, special

from whatif.effects.bands import t_critical


def imbens_manski(
    low: float, high: float, *, errors: tuple[float, float], level: float, df: int
) -> tuple[float, float]:
    """Cover a value with probability `level` wherever it lies between two ends.

    ``[low − c·e_low, high + c·e_high]`` with ``F(c + (high − low) / max e) − F(−c) = level``; F is
    Student's. c falls from the two-sided to the one-sided critical value as the ends move apart.

    Parameters
    ----------
    low, high : float
        Estimated ends, ``low <= high``.
    errors : (float, float)
        Their errors, in the same unit.
    level : float
        Coverage, such as .95.
    df : int
        Degrees of freedom.

    References
    ----------
    Imbens & Manski (2004), Econometrica 72(6), 1845–1857, section 4. Stoye (2009), Econometrica
    77(4), 1299–1315, shows that it holds near equal ends where estimated ends never cross.

    Examples
    --------
    >>> low, high = imbens_manski(-0.016, 0.100, errors=(0.017, 0.014), level=0.95, df=10**9)
    >>> round(low, 3), round(high, 3)
    (-0.044, 0.123)
    """
    largest = max(errors)
    if largest <= 0.0:
        return low, high
    width = (high - low) / largest

    def excess(c: float) -> float:
        return float(special.stdtr(df, c + width) - special.stdtr(df, -c) - level)

    least, most = float(special.stdtrit(df, level)), t_critical(level, df)
    if excess(least) >= 0.0:
        c = least
    elif excess(most) <= 0.0:
        c = most
    else:
        c = float(optimize.brentq(excess, least, most))
    return low - c * errors[0], high + c * errors[1]
