"""Why a verdict is what it is, strongest reason first, and what would change it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from whatif.checks.result import CheckResult, Status
from whatif.contract.spec import OutcomeSpec, RatioSpec, StudySpec, metric_name
from whatif.effects.rows import EffectRow, Segment
from whatif.effects.sensitivity.record import Sensitivity
from whatif.verdict import wording
from whatif.verdict.more_data import times_to_clear_limit, times_to_settle
from whatif.verdict.record import Decision, Reading
from whatif.verdict.rules import BAD, GOOD, WITHIN
from whatif.verdict.sensitivity_wording import thin_reason, would_change_hidden_strength

_Metric = OutcomeSpec | RatioSpec
THIN = 0.1
"""A comparison that rests on less than this share of one side's clusters is a thin one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmCase:
    """What speaks for and against one arm.

    Attributes
    ----------
    arm : str
        The arm.
    primary : (metric, row, reading)
        Overall effect on the primary metric.
    guardrails : tuple of (metric, row or None, reading)
        Overall effect on each guardrail; the row is None where none was estimated.
    """

    arm: str
    primary: tuple[_Metric, EffectRow, Reading]
    guardrails: tuple[tuple[_Metric, EffectRow | None, Reading], ...]


def arm_reasons(
    case: ArmCase, decision: Decision, spec: StudySpec, *, better_in: Sequence[Segment] = ()
) -> tuple[str, ...]:
    """Return the readings behind a decision: guardrails that stand in the way come first."""
    metric, _, reading = case.primary
    first = [wording.metric_reason(metric_name(metric), reading, arm=case.arm)]
    if decision is Decision.ROLL_OUT and reading is Reading.NO_DIFFERENCE:
        first.append(wording.smaller_difference_accepted_reason())
    if better_in:
        first.append(wording.better_segments_reason(metric_name(metric), better_in))
    against: list[str] = []
    others: list[str] = []
    for guardrail, _, read in case.guardrails:
        sentence = wording.metric_reason(metric_name(guardrail), read, arm=case.arm)
        (others if read in WITHIN else against).append(sentence)
    no_limit = [
        wording.no_limit_reason(metric_name(one)) for one in spec.guardrails if one.limit is None
    ]
    return (*against, *first, *others, *no_limit)


def arm_would_change(case: ArmCase, decision: Decision, spec: StudySpec) -> tuple[str, ...]:
    """Return what would change a decision that rests on readings."""
    metric, row, reading = case.primary
    name = metric_name(metric)
    found = [
        sentence
        for guardrail in case.guardrails
        if (sentence := _guardrail_change(case.arm, *guardrail)) is not None
    ]
    if reading is Reading.NOT_CLEAR:
        found.insert(0, _more_data(metric, row))
    if reading in BAD:
        found.insert(0, wording.would_change_other_version(name, case.arm))
    if reading is Reading.NO_DIFFERENCE and decision is not Decision.ROLL_OUT:
        found.append(wording.would_change_smaller_matters(name))
    if decision is Decision.ROLL_OUT or (not found and reading in GOOD):
        found.append(wording.would_change_later_run(name, guarded=bool(spec.guardrails)))
    return tuple(found)


def unbalanced_reason() -> str:
    """Say that adjustment was not shown to have made the arms comparable."""
    return (
        "It was not shown that adjustment made the arms alike in what was measured, so the "
        "difference may still be theirs from the start."
    )


def hidden_cause_change(spec: StudySpec, arm: str, sensitivity: Sensitivity | None) -> str:
    """Name a hidden cause that would change the verdict, as strong as it would have to be.

    Its strength is that at which the range of the primary effect of `arm` reaches zero. The
    yardstick is the weakest measured covariate that is strong enough, else the strongest.
    """
    name = metric_name(spec.primary)
    known = () if sensitivity is None else sensitivity.effects
    room = next((one.rva for one in known if (one.outcome, one.arm) == (name, arm)), 0.0)
    if sensitivity is None or room == 0.0:
        return wording.would_change_hidden_cause(spec.treatment.column, name)
    measured = [one for one in sensitivity.benchmarks if (one.outcome, one.arm) == (name, arm)]
    enough = [one for one in measured if one.strength >= room]
    like = enough[-1] if enough else next(iter(measured), None)
    return would_change_hidden_strength(
        spec.treatment.column,
        name,
        strength=room,
        like=None if like is None or like.strength == 0.0 else like.covariate,
        times=1.0 if like is None or like.strength == 0.0 else room / like.strength,
    )


def thin_reasons(arm: str, sensitivity: Sensitivity | None) -> tuple[str, ...]:
    """Say where few units of one side carry the comparison of past data."""
    sides = () if sensitivity is None else sensitivity.resting
    return tuple(
        thin_reason(
            one.side,
            other=next(two.side for two in sides if two.arm == arm and two is not one),
            effective=one.effective,
            clusters=one.clusters,
        )
        for one in sides
        if one.arm == arm and one.effective < THIN * one.clusters
    )


def check_reasons(checks: Sequence[CheckResult]) -> tuple[str, ...]:
    """Return one sentence per broken check, then per integrity check that did not run."""
    broke = [
        wording.check_broke_reason(check.name, check.finding)
        for check in checks
        if check.status is Status.BROKE
    ]
    missing = [
        wording.check_missing_reason(check.name, check.finding)
        for check in checks
        if check.integrity and check.status is Status.DID_NOT_RUN
    ]
    return (*broke, *missing)


def _guardrail_change(
    arm: str, metric: _Metric, row: EffectRow | None, reading: Reading
) -> str | None:
    name = metric_name(metric)
    if reading in WITHIN:
        return None
    if reading is Reading.OVER_LIMIT:
        return wording.would_change_guardrail_met(name, arm)
    if metric.limit is None:
        return wording.would_change_limit_declared(name)
    ends = _bounded(row)
    if ends is None:
        return wording.would_change_more_data_limit(name, None)
    times = times_to_clear_limit(*ends, limit=metric.limit, better=metric.better)
    return wording.would_change_more_data_limit(name, times)


def _more_data(metric: _Metric, row: EffectRow) -> str:
    ends = _bounded(row)
    times = None if ends is None else times_to_settle(*ends, matters_from=metric.matters_from)
    return wording.would_change_more_data(metric_name(metric), times)


def _bounded(row: EffectRow | None) -> tuple[float, float, float] | None:
    if row is None or row.estimate is None:
        return None
    low, high = row.read_from
    return None if low is None or high is None else (row.estimate, low, high)
