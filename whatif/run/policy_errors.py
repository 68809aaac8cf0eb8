"""Refusals of a policy that was asked for: numbers that are none, or out of range."""

from __future__ import annotations

import math
from numbers import Real

from whatif.base.errors import Problem, UsageError

SEE = "`answer.policy`"
UNTRUSTED = "a rule would turn numbers that cannot be trusted into advice."


def require_number(part: str, value: object) -> None:
    """Refuse what is no number."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise unfit(part, f"{value!r} is not a number")


def require_finite(part: str, what: str, value: float) -> None:
    """Refuse an amount that is no number, missing or infinite."""
    require_number(part, value)
    if not math.isfinite(value):
        raise unfit(part, f"{what} is {value}, and {value} is not a finite number")


def unfit(part: str, why: str) -> UsageError:
    """Return the error of a question whose parts contradict each other or are out of range."""
    return UsageError(
        Problem(
            what=f"The question does not fit together at {part}: {why}.",
            why="an answer to another question would be given.",
            fix=f"see the parameters of {SEE}.",
        )
    )
