"""How a check puts its result together, and how its sentence writes numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from whatif.checks.evidence import Check
from whatif.checks.result import CheckResult, Detail, Status


def conclude(
    check: Check,
    status: Status,
    finding: str,
    *,
    statistic: float | None = None,
    threshold: float | None = None,
    details: tuple[Detail, ...] = (),
) -> CheckResult:
    """Return the result of `check`: its own sentences plus what it found."""
    return CheckResult(
        code=check.code,
        name=check.name,
        status=status,
        statistic=statistic,
        threshold=threshold,
        finding=finding,
        what=check.what,
        why=check.why,
        blind=check.blind,
        fix=check.fix,
        integrity=check.integrity,
        cost=check.cost,
        details=details,
    )


def percent(share: float, *, digits: int = 1) -> str:
    """Write a share as a percentage.

    Examples
    --------
    >>> percent(0.0312)
    '3.1 %'
    """
    return f"{100 * share:.{digits}f} %"


def amount(value: float) -> str:
    """Write a number with two significant digits and no exponent.

    Examples
    --------
    >>> amount(0.001234), amount(1234.5), amount(0.00003987), amount(0.0)
    ('0.0012', '1,234', '0.00004', '0')
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    places = max(1 - math.floor(math.log10(abs(value))), 0)
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def listed(words: Sequence[str]) -> str:
    """Join words as a sentence does.

    Examples
    --------
    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)
