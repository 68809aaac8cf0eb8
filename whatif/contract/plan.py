"""The plan in a study file: what it promises before anyone looks, in one spelling."""

from __future__ import annotations

import re

from whatif.base.plan import MetricPlan, Plan
from whatif.contract.spec import (
    ColumnProbability,
    OutcomeSpec,
    PhaseProbability,
    Probability,
    RatioSpec,
    StudySpec,
    arm_label,
    metric_name,
)

_QUOTED_OR_SPACE = re.compile(r"""('(?:[^']|'')*'|"(?:[^"]|"")*")|\s+""")


def plan_of(spec: StudySpec) -> Plan:
    """Return what a study promises; stating a default promises the same as leaving it out.

    Examples
    --------
    >>> study = StudySpec.model_validate({"study": "mail", "outcomes": [{"column": "visit"}],
    ...     "treatment": {"column": "sent", "control": 0}})
    >>> plan_of(study).primary, plan_of(study).control
    ('visit', '0')
    """
    unit = spec.unit or ""
    value, overlap, decision = spec.value, spec.overlap, spec.decision
    primary = metric_name(spec.primary)
    per_month = None if value is None else value.units_per_month
    return Plan(
        treatment=spec.treatment.column,
        control=arm_label(spec.treatment.control),
        metrics=tuple(
            sorted((_metric(one, primary) for one in spec.metrics), key=lambda one: one.name)
        ),
        design=spec.design.kind,
        probability=_chances(spec.design.probability),
        assignment_log=spec.assignment_log or "",
        arms=tuple(sorted({arm_label(arm) for arm in spec.treatment.arms or ()})),
        where="" if spec.data is None else _one_spelling(spec.data.where or ""),
        weights=spec.weights or "",
        trimmed=(overlap.low, overlap.high) if overlap.rule == "trim" else (),
        unit=unit,
        cluster=spec.cluster or spec.assigned or unit,
        assigned=spec.assigned or unit,
        first_exposure=spec.first_exposure or "",
        window=spec.window or "",
        maturity=spec.maturity or "",
        target=spec.target,
        level=spec.level,
        segments=tuple(sorted({tuple(sorted(cut)) for cut in spec.segments})),
        option=spec.option or "",
        currency="" if value is None else value.currency,
        worth=() if value is None else _sorted(value.per),
        arm_cost=() if value is None else _sorted(value.arm_cost),
        units_per_month=None if per_month == "auto" else per_month,
        decide_on="" if decision.on is None else decision.on.isoformat(),
        looks=decision.looks,
        first_look="" if decision.start is None else decision.start.isoformat(),
        look_every=decision.every if decision.looks == "scheduled" else "7d",
        rollout_if=spec.rollout_if,
        time=spec.time or "",
        freshness=spec.freshness,
        review="required" if spec.review.required else "",
    )


def _metric(metric: OutcomeSpec | RatioSpec, primary: str) -> MetricPlan:
    name = metric_name(metric)
    role = "guardrail" if metric.role == "guardrail" else "secondary"
    return MetricPlan(
        name=name,
        kind="" if isinstance(metric, RatioSpec) else metric.kind or "",
        numerator=metric.numerator if isinstance(metric, RatioSpec) else "",
        denominator=metric.denominator if isinstance(metric, RatioSpec) else "",
        role="primary" if name == primary else role,
        better=metric.better,
        matters_from=metric.matters_from,
        limit=metric.limit,
    )


def _chances(declared: Probability) -> str:
    """Return the chances of the arms in one spelling, whatever their order in the file."""
    if isinstance(declared, ColumnProbability):
        return f"in column {declared.column}"
    if isinstance(declared, PhaseProbability):
        phases = (f"{phase} ({_of_arms(arms)})" for phase, arms in sorted(declared.phases.items()))
        return f"by {declared.column}: {', '.join(phases)}"
    return declared if isinstance(declared, str) else _of_arms(declared)


def _of_arms(chances: dict[str, float]) -> str:
    return ", ".join(f"{arm} {chance!r}" for arm, chance in sorted(chances.items()))


def _one_spelling(where: str) -> str:
    """Return a row filter with single spaces; quoted text stays as it is."""
    return _QUOTED_OR_SPACE.sub(lambda found: found[1] or " ", where).strip()


def _sorted(amounts: dict[str, float]) -> tuple[tuple[str, float], ...]:
    return tuple(sorted(amounts.items()))
