"""Every error a user can meet, and the exit code each one ends with.

* WhatIfError                 1  a bug if it is not one of the below
  - UsageError                2  command, study file or graph file
  - DataError                 3  the data are missing, or break their contract
  - NotIdentifiedError        5  no measured columns can answer the question
  - OverlapError              5  some units could never have received another arm
  - EstimationError           5  an estimator could not be fitted
  - PublishError              6  the page could not be put where readers look
  - NoticeError               7  the answer stands, but a notice did not reach its address
  - LockedError              75  another run of the same study is under way

Exit code 4 is not an error: the answer is published and its verdict withheld.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong, in words a product manager can act on.

    Attributes
    ----------
    what : str
        The fact, with the observed value.
    why : str
        What it would do to the answer.
    fix : str
        The next action.
    """

    what: str
    why: str
    fix: str

    def __str__(self) -> str:
        return f"{self.what}\n    Why it matters: {self.why}\n    What to do: {self.fix}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A named warning: the run goes on, and the page says it.

    Attributes
    ----------
    code : str
        Stable name, e.g. ``"small_segment"``.
    problem : Problem
        What, why and what to do.
    """

    code: str
    problem: Problem


class WhatIfError(Exception):
    """Base class: ``except WhatIfError`` catches everything raised on purpose."""

    code: ClassVar[str] = "WI-ERROR"
    exit_code: ClassVar[int] = 1

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__(*problems)

    def __str__(self) -> str:
        count = len(self.problems)
        head = f"[{self.code}] {count} problem{'' if count == 1 else 's'}"
        return "\n".join([head, *(f"  - {problem}" for problem in self.problems)])


class UsageError(WhatIfError):
    """The command, the study file or the graph file cannot be followed."""

    code, exit_code = "WI-USAGE", 2


class DataError(WhatIfError):
    """The data are missing or break the promise written in ``data_schemas/``."""

    code, exit_code = "WI-DATA", 3


class NotIdentifiedError(WhatIfError):
    """No set of measured columns can answer the question."""

    code, exit_code = "WI-NOT-IDENTIFIED", 5


class OverlapError(WhatIfError):
    """Some units could never have received another arm."""

    code, exit_code = "WI-OVERLAP", 5


class EstimationError(WhatIfError):
    """An estimator could not be fitted."""

    code, exit_code = "WI-ESTIMATION", 5


class PublishError(WhatIfError):
    """The page could not be put where readers look."""

    code, exit_code = "WI-PUBLISH", 6


class NoticeError(WhatIfError):
    """The answer stands, but a notice did not reach its address."""

    code, exit_code = "WI-NOTICE", 7


class LockedError(WhatIfError):
    """Another run of the same study is under way."""

    code, exit_code = "WI-LOCKED", 75


_MOST_NAMES = 20


def did_you_mean(name: str, known: list[str]) -> str:
    """Return a hint such as ``did you mean 'device'?``, or the list of known names.

    Examples
    --------
    >>> did_you_mean("devise", ["device", "hour"])
    "did you mean 'device'?"
    """
    near = get_close_matches(name, known, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    some, more = sorted(known)[:_MOST_NAMES], len(known) - _MOST_NAMES
    return f"known: {', '.join(some)}{f' … and {more:,} more' if more > 0 else ''}."
