"""The one list of checks, in the order of the page, and how they are run."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from whatif.base.errors import WhatIfError
from whatif.checks.balance import Balance
from whatif.checks.conclude import conclude
from whatif.checks.evidence import Check, Evidence
from whatif.checks.missing_outcome import MissingOutcome
from whatif.checks.overlap import Overlap
from whatif.checks.placebo_treatment import PlaceboTreatment
from whatif.checks.random_common_cause import RandomCommonCause
from whatif.checks.result import CheckResult, Cost, Status
from whatif.checks.sample_ratio import SampleRatio
from whatif.checks.specification_curve import SpecificationCurve
from whatif.checks.subset_stability import SubsetStability
from whatif.checks.two_arms import TwoArms

CHECKS: tuple[Check, ...] = (
    SampleRatio(),
    TwoArms(),
    MissingOutcome(),
    Balance(),
    Overlap(),
    PlaceboTreatment(),
    RandomCommonCause(),
    SubsetStability(),
    SpecificationCurve(),
)


def run_checks(
    evidence: Evidence,
    *,
    quick: bool,
    progress: Callable[[str], None] | None = None,
    checks: tuple[Check, ...] = CHECKS,
) -> tuple[CheckResult, ...]:
    """Run every check; what could not run says so and is never counted as held.

    Parameters
    ----------
    evidence : Evidence
        What is known about the run.
    quick : bool
        Skip checks that train models again.
    progress : callable, optional
        Called with a check's name before it runs.
    checks : tuple of Check
        Checks to run, all by default.

    Returns
    -------
    tuple of CheckResult
        One per check, in order. A `WhatIfError` or a numerical failure inside a check becomes
        ``did_not_run`` with the reason; any other exception is a bug and is raised.
    """
    return tuple(_run(check, evidence, quick=quick, progress=progress) for check in checks)


def _run(
    check: Check, evidence: Evidence, *, quick: bool, progress: Callable[[str], None] | None
) -> CheckResult:
    if quick and check.cost is Cost.REFIT:
        return conclude(check, Status.DID_NOT_RUN, "Not run with --quick.")
    if progress is not None:
        progress(check.name)
    try:
        return check.run(evidence)
    except WhatIfError as error:
        reason = "; ".join(problem.what for problem in error.problems) or type(error).__name__
    except (ArithmeticError, np.linalg.LinAlgError) as error:
        reason = f"{type(error).__name__}: {error}"
    return conclude(check, Status.DID_NOT_RUN, f"Not run: {reason}")
