"""From readings and checks to one verdict: which rule wins, for which arm, for whom, and why."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from whatif.checks.result import CheckResult, Status
from whatif.contract.spec import OutcomeSpec, RatioSpec, StudySpec, metric_name
from whatif.effects.rows import EffectRow, EffectRows, Segment
from whatif.effects.sensitivity.record import Sensitivity
from whatif.verdict import wording
from whatif.verdict.readings import before_decision, before_first_look
from whatif.verdict.reasons import (
    ArmCase,
    arm_reasons,
    arm_would_change,
    check_reasons,
    hidden_cause_change,
    thin_reasons,
    unbalanced_reason,
)
from whatif.verdict.record import Decision, Reading, Verdict
from whatif.verdict.rules import GOOD, decide_arm, from_past_data
from whatif.verdict.where import Place, better_segments, clearest_segments, place_of

Evidence = Literal["randomised", "adjusted", "unbalanced", "unadjusted"]
_RANK = {Decision.ROLL_OUT: 2, Decision.DISCUSS: 1, Decision.DO_NOT_ROLL_OUT: 0}


def decide(
    effects: EffectRows,
    readings: Sequence[Reading],
    checks: Sequence[CheckResult],
    spec: StudySpec,
    *,
    evidence: Evidence,
    fresh: bool,
    as_of: dt.date | None,
    money_by_arm: Mapping[str, float] | None = None,
    net_value: Mapping[str, Reading] | None = None,
    sensitivity: Sensitivity | None = None,
) -> Verdict:
    """Decide about a study; the first rule that fits wins.

    A broken integrity check withholds everything, then stale data, then an early look: before the
    decision date or, where results are looked at more than once, before the first look at the
    primary metric or a guardrail in every arm. Then come the readings of these metrics. Other
    broken checks are reasons for doubt; they never withhold.

    Parameters
    ----------
    effects : EffectRows
        Every effect of the run.
    readings : sequence of Reading
        One per row of ``effects.effects``.
    checks : sequence of CheckResult
        Every check of the run.
    spec : StudySpec
        The study as declared.
    evidence : {"randomised", "adjusted", "unbalanced", "unadjusted"}
        Only randomised evidence may say roll out; past data that nothing was adjusted for, or
        whose arms were not shown to be alike after it, are at most discussed.
    fresh : bool
        Whether the newest data are recent enough for the study.
    as_of : date or None
        Last day of the data.
    money_by_arm : mapping of str to float, optional
        Money per month by arm; chooses among several arms. Default: the primary estimate.
    net_value : mapping of str to Reading, optional
        Reading of the money by arm; *better* lifts a guardrail that reads worse without being
        over its limit from "do not roll out" to "discuss".
    sensitivity : Sensitivity, optional
        How strong a hidden cause would have to be, for past data.

    Raises
    ------
    ValueError
        If readings and rows differ in number, or no overall effect of the primary exists.
    """
    if len(readings) != len(effects.effects):
        raise ValueError(f"{len(readings)} readings for {len(effects.effects)} effects.")
    cases = _cases(effects, readings, spec)
    if not cases:
        raise ValueError(f"There is no overall effect on {metric_name(spec.primary)!r}.")
    withheld = _withheld(checks, spec, cases, fresh=fresh, as_of=as_of)
    if withheld is not None:
        return _verdict(withheld, readings)
    ruled = [
        _ruled(case, effects, readings, spec, (net_value or {}).get(case.arm)) for case in cases
    ]
    best = max(ruled, key=lambda one: (_RANK[one.decision], _worth(one.case, cases, money_by_arm)))
    draft = _settled(best, checks, spec, evidence, sensitivity, several=len(cases) > 1)
    return _verdict(draft, readings)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ruled:
    case: ArmCase
    decision: Decision
    place: Place = field(default_factory=Place)
    better: tuple[Segment, ...] = ()
    clearest: tuple[Segment, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    decision: Decision
    arm: str
    where: str = wording.EVERYONE
    clearest: tuple[Segment, ...] = ()
    several: bool = False
    looked: bool = False
    arm_looked: bool = False
    reasons: tuple[str, ...]
    would_change: tuple[str, ...]


def _cases(
    effects: EffectRows, readings: Sequence[Reading], spec: StudySpec
) -> tuple[ArmCase, ...]:
    overall: dict[tuple[str, str], tuple[EffectRow, Reading]] = {}
    for row, reading in zip(effects.effects, readings, strict=True):
        if not row.segment:
            overall.setdefault((row.outcome, row.arm), (row, reading))
    name = metric_name(spec.primary)
    return tuple(
        ArmCase(
            arm=arm,
            primary=(spec.primary, *overall[name, arm]),
            guardrails=tuple(_guardrail(metric, arm, overall) for metric in spec.guardrails),
        )
        for outcome, arm in overall
        if outcome == name
    )


def _guardrail(
    metric: OutcomeSpec | RatioSpec,
    arm: str,
    overall: Mapping[tuple[str, str], tuple[EffectRow, Reading]],
) -> tuple[OutcomeSpec | RatioSpec, EffectRow | None, Reading]:
    found = overall.get((metric_name(metric), arm))
    return (metric, None, Reading.NOT_CLEAR) if found is None else (metric, *found)


def _withheld(
    checks: Sequence[CheckResult],
    spec: StudySpec,
    cases: Sequence[ArmCase],
    *,
    fresh: bool,
    as_of: dt.date | None,
) -> _Draft | None:
    broke = [check for check in checks if check.integrity and check.status is Status.BROKE]
    if broke:
        decision = Decision.CANNOT_BE_TRUSTED
        why = tuple(wording.check_broke_reason(check.name, check.finding) for check in broke)
        change = tuple(wording.would_change_check(check.name) for check in broke)
    elif not fresh:
        decision = Decision.OUT_OF_DATE
        why = (wording.out_of_date_reason(as_of, spec.freshness),)
        change = (wording.would_change_newer_data(),)
    elif (early := _too_early(spec, cases, as_of)) is not None:
        decision, why, change = Decision.TOO_EARLY, (early[0],), (early[1],)
    else:
        return None
    others = check_reasons([check for check in checks if check not in broke])
    return _Draft(decision=decision, arm=cases[0].arm, reasons=(*why, *others), would_change=change)


def _too_early(
    spec: StudySpec, cases: Sequence[ArmCase], as_of: dt.date | None
) -> tuple[str, str] | None:
    """Say why it is too early and what would change it; None when there is something to read."""
    decide_on = spec.decision.on
    locked = before_decision(spec, as_of)
    looked_at = any(case.primary[1].sequential is not None for case in cases)
    if locked and not looked_at and decide_on is not None and as_of is not None:
        return wording.too_early_reason(decide_on, as_of), wording.would_change_date(decide_on)
    waiting = [_waiting(case) for case in cases]
    if not all(waiting) or not (locked or spec.decision.looks == "anytime"):
        return None
    names = [metric_name(metric) for metric in waiting[0]]
    reason = wording.no_look_yet_reason(
        names,
        who=spec.cluster or spec.assigned or spec.unit,
        ratio=any(isinstance(metric, RatioSpec) for metric in waiting[0]),
        every=spec.decision.every if locked else None,
    )
    return reason, wording.would_change_first_look(names)


def _waiting(case: ArmCase) -> tuple[OutcomeSpec | RatioSpec, ...]:
    """Return the decision metrics of an arm that were not looked at yet."""
    read = (case.primary, *case.guardrails)
    return tuple(metric for metric, row, _ in read if row is not None and before_first_look(row))


def _ruled(
    case: ArmCase,
    effects: EffectRows,
    readings: Sequence[Reading],
    spec: StudySpec,
    net_value: Reading | None,
) -> _Ruled:
    primary = case.primary[2]
    guardrails = [reading for _, _, reading in case.guardrails]
    decision = decide_arm(primary, guardrails, rollout_if=spec.rollout_if, net_value=net_value)
    better = better_segments(effects, readings, spec, case.arm)
    if decision is not Decision.ROLL_OUT:
        return _Ruled(case=case, decision=decision, better=better)
    place = place_of(effects, readings, spec, case.arm)
    if place.nowhere:
        return _Ruled(case=case, decision=Decision.DISCUSS, place=place, better=better)
    gain = primary in GOOD
    clearest = clearest_segments(effects, readings, spec, case.arm, place) if gain else ()
    return _Ruled(case=case, decision=decision, place=place, clearest=clearest)


def _worth(
    case: ArmCase, cases: Sequence[ArmCase], money_by_arm: Mapping[str, float] | None
) -> float:
    if money_by_arm is not None and all(one.arm in money_by_arm for one in cases):
        return money_by_arm[case.arm]
    metric, row, _ = case.primary
    if row.estimate is None:
        return float("-inf")
    return row.estimate if metric.better == "higher" else -row.estimate


def _settled(
    best: _Ruled,
    checks: Sequence[CheckResult],
    spec: StudySpec,
    evidence: Evidence,
    sensitivity: Sensitivity | None,
    *,
    several: bool,
) -> _Draft:
    arm_looked = several and best.decision is not Decision.DO_NOT_ROLL_OUT
    place_looked = bool(best.place.exclude)
    past = evidence != "randomised"
    reasons = [
        *arm_reasons(best.case, best.decision, spec, better_in=best.better),
        *([wording.nowhere_reason()] if best.place.nowhere else []),
        *([wording.place_chosen_reason()] if place_looked else []),
        *([wording.clearest_reason()] if best.clearest else []),
        *([wording.arm_chosen_reason()] if arm_looked else []),
        *([wording.past_data_reason()] if past else []),
        *([unbalanced_reason()] if evidence == "unbalanced" else []),
        *(thin_reasons(best.case.arm, sensitivity) if past else []),
        *check_reasons(checks),
    ]
    change = arm_would_change(best.case, best.decision, spec)
    if past:
        hidden = hidden_cause_change(spec, best.case.arm, sensitivity)
        change = (wording.would_change_test(), hidden, *change)
    return _Draft(
        decision=from_past_data(best.decision, adjusted=evidence == "adjusted")
        if past
        else best.decision,
        arm=best.case.arm,
        where=wording.place_words(best.place.exclude, spec.target),
        clearest=best.clearest,
        several=several,
        looked=arm_looked or place_looked,
        arm_looked=several,
        reasons=tuple(reasons),
        would_change=change,
    )


def _verdict(draft: _Draft, readings: Sequence[Reading]) -> Verdict:
    return Verdict(
        decision=draft.decision,
        arm=draft.arm,
        chosen_after_looking=draft.arm_looked,
        where=draft.where,
        headline=wording.headline(
            draft.decision,
            arm=draft.arm,
            place=draft.where,
            several_arms=draft.several,
            chosen_after_looking=draft.looked,
            clearest=draft.clearest,
        ),
        reasons=draft.reasons,
        would_change=draft.would_change,
        readings=tuple(readings),
    )
