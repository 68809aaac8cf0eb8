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
class Detail:
    """One line of what a check looked at, such as the effect in one week.

    Attributes
    ----------
    name : str
        What the line is about: a period, a group, a negative control.
    outcome, arm : str
        Which effect it shows.
    n : int
        Units behind it.
    estimate : float
        In the outcome's unit.
    ci : (float or None, float or None)
        Interval at the study's level; None is unbounded.
    """

    name: str
    outcome: str
    arm: str
    n: int
    estimate: float
    ci: tuple[float | None, float | None]


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
    what, why, blind, fix : str
        What the check looks at, why it matters, what it cannot see, what to do when it breaks.
    integrity : bool
        Whether a break withholds the verdict.
    cost : Cost
        Declared cost.
    details : tuple of Detail
        What the finding rests on, for the appendix.
    """

    code: str
    name: str
    status: Status
    statistic: float | None
    threshold: float | None
    finding: str
    what: str
    why: str
    blind: str
    fix: str
    integrity: bool
    cost: Cost
    details: tuple[Detail, ...] = ()
