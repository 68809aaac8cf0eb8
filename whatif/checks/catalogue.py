"""The one list of checks, in the order of the page, and how they are run."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from whatif.base.errors import WhatIfError
from whatif.checks.arm_against_log import ArmAgainstLog
from whatif.checks.assignment_drift import AssignmentDrift
from whatif.checks.balance import Balance
from whatif.checks.bots import Bots
from whatif.checks.conclude import conclude
from whatif.checks.day_of_week import DayOfWeek
from whatif.checks.duplicates import Duplicates
from whatif.checks.effects_by_phase import EffectsByPhase
from whatif.checks.event_windows import EventWindows
from whatif.checks.evidence import Check, Evidence
from whatif.checks.graph_falsification import GraphFalsification
from whatif.checks.graph_implications import GraphImplications
from whatif.checks.hidden_confounding import ConfounderBenchmarks, HiddenConfounding
from whatif.checks.late_costs import LateCosts
from whatif.checks.leave_one_period_out import LeaveOnePeriodOut
from whatif.checks.missing_outcome import MissingOutcome
from whatif.checks.negative_control_outcome import NegativeControlOutcome
from whatif.checks.negative_control_treatment import NegativeControlTreatment
from whatif.checks.novelty import Novelty
from whatif.checks.nuisance_calibration import NuisanceCalibration
from whatif.checks.overlap import Overlap
from whatif.checks.placebo_treatment import PlaceboTreatment
from whatif.checks.random_common_cause import RandomCommonCause
from whatif.checks.result import CheckResult, Cost, Status
from whatif.checks.sample_ratio import SampleRatio
from whatif.checks.sample_ratio_by_day import SampleRatioByDay
from whatif.checks.sample_ratio_by_segment import SampleRatioBySegment
from whatif.checks.specification_curve import SpecificationCurve
from whatif.checks.subset_stability import SubsetStability
from whatif.checks.two_arms import TwoArms

CHECKS: tuple[Check, ...] = (
    SampleRatio(),
    ArmAgainstLog(),
    Duplicates(),
    MissingOutcome(),
    TwoArms(),
    SampleRatioBySegment(),
    SampleRatioByDay(),
    AssignmentDrift(),
    Balance(),
    Overlap(),
    NuisanceCalibration(),
    Bots(),
    EffectsByPhase(),
    Novelty(),
    DayOfWeek(),
    LeaveOnePeriodOut(),
    EventWindows(),
    LateCosts(),
    HiddenConfounding(),
    ConfounderBenchmarks(),
    NegativeControlOutcome(),
    NegativeControlTreatment(),
    GraphImplications(),
    GraphFalsification(),
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
