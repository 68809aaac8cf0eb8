"""Results of checks as the report room receives them."""

from __future__ import annotations

from whatif.checks.result import CheckResult, Cost, Status


def check(
    code: str,
    name: str,
    status: Status,
    finding: str,
    *,
    integrity: bool = False,
    what: str = "What this looks at.",
    fix: str = "Repair the cause, then run again.",
) -> CheckResult:
    """Return one check result."""
    return CheckResult(
        code=code,
        name=name,
        status=status,
        statistic=0.41,
        threshold=0.001,
        finding=finding,
        what=what,
        blind="What nobody measured.",
        why="A hidden difference between the groups would pass for an effect.",
        fix=fix,
        integrity=integrity,
        cost=Cost.VIEW,
    )


CHECKS = (
    check(
        "WI-SRM-01",
        "sample_ratio",
        Status.HELD,
        "100,112 sessions got folded and 99,888 expanded, as 50:50 allows; a shift of 0.4 "
        "points would have been seen.",
        integrity=True,
        what="Whether each arm got the share of sessions it was meant to get.",
        fix="Look for redirects, crashes or filters that differ by arm.",
    ),
    check(
        "WI-ARM-01",
        "two_arms",
        Status.HELD,
        "No session is logged in two arms.",
        integrity=True,
        what="Whether a unit of assignment appears in more than one arm.",
    ),
    check(
        "WI-MIS-01",
        "missing_outcome",
        Status.HELD,
        "Outcomes are complete in both arms.",
        integrity=True,
        what="Whether outcomes are missing more often in one arm.",
    ),
    check(
        "WI-BAL-01",
        "covariate_balance",
        Status.BROKE,
        "tenure_days differs by 0.11 standard deviations before treatment; 0.10 was the line.",
        what="Whether the arms looked alike before treatment.",
        fix="Compare the logging of tenure between the two pages; the estimate adjusts for it.",
    ),
    check(
        "WI-OVL-01",
        "overlap",
        Status.NOT_APPLICABLE,
        "Probabilities are declared.",
        what="Whether every kind of session could have got either arm.",
    ),
    check(
        "WI-PLA-01",
        "placebo_treatment",
        Status.HELD,
        "99 shuffled treatments gave effects around zero; this says nothing about hidden "
        "confounding.",
        what="Whether the pipeline finds an effect where there is none.",
    ),
    check(
        "WI-RCC-01",
        "random_common_cause",
        Status.HELD,
        "A made-up cause moves the estimate by 0.02 standard errors.",
        what="Whether an irrelevant covariate moves the answer.",
    ),
    check(
        "WI-SUB-01",
        "subset_stability",
        Status.DID_NOT_RUN,
        "Too little data: subsets would see a change only of twice the effect.",
        what="Whether parts of the data agree with the whole.",
        fix="Run again with four more weeks of data.",
    ),
)

SRM_BROKE = (
    check(
        "WI-SRM-01",
        "sample_ratio",
        Status.BROKE,
        "103,912 sessions got folded and 96,088 expanded; 50:50 makes that one in a billion.",
        integrity=True,
        what="Whether each arm got the share of sessions it was meant to get.",
        fix="Look for redirects, crashes or filters that differ by arm.",
    ),
    *CHECKS[1:],
)
