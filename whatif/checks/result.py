"""What one check found: four outcomes, because "could not run" must never look like "passed"."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """Outcome of a check."""

    HELD = "held"
    BROKE = "broke"
    NOT_APPLICABLE = "not_applicable"
    DID_NOT_RUN = "did_not_run"


class Cost(StrEnum):
    """VIEW reads what is there (milliseconds); REFIT trains models again."""

    VIEW = "view"
    REFIT = "refit"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What one check found.

    Attributes
    ----------
    code, name : str
        Stable id such as ``"WI-SRM-01"``, and its name ``"sample_ratio"``.
    status : Status
        Held, broke, not applicable, or did not run.
    statistic, threshold : float or None
        The number and the line it was held against.
    finding : str
        One plain sentence with the numbers.
    what, why, fix : str
        What the check looks at, why it matters, what to do when it breaks.
    integrity : bool
        Whether a break withholds the verdict.
    cost : Cost
        Declared cost.
    """

    code: str
    name: str
    status: Status
    statistic: float | None
    threshold: float | None
    finding: str
    what: str
    why: str
    fix: str
    integrity: bool
    cost: Cost
