"""What a study promises before anyone looks, the lock on that promise, and what differs from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from whatif.base.hashing import of_json

Aspect = Literal[
    "where",
    "weights",
    "trimmed",
    "unit",
    "cluster",
    "assigned",
    "first_exposure",
    "window",
    "maturity",
    "treatment",
    "control",
    "arms",
    "design",
    "probability",
    "assignment_log",
    "target",
    "level",
    "metric_added",
    "metric_dropped",
    "kind",
    "better",
    "numerator",
    "denominator",
    "primary",
    "role",
    "matters_from",
    "limit",
    "segment_added",
    "segment_dropped",
    "option",
    "value",
    "decide_on",
    "looks",
    "first_look",
    "look_every",
    "rollout_if",
    "time",
    "freshness",
    "review",
]
"""What can differ from the plan, one word each."""

Apart = Literal["primary", "counted"]
"""What may differ between two studies that compare the same arms."""

NumberStatus = Literal["planned", "exploratory", "changed_after_looking"]
"""Whether a number was promised before anyone looked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricPlan:
    """An outcome or a ratio as planned.

    Attributes
    ----------
    name : str
        Outcome column or name of the ratio.
    kind : str
        Kind of an outcome as declared; empty where the data decide, and for ratios.
    numerator, denominator : str
        Of a ratio; empty for an outcome.
    role : str
        ``"primary"``, ``"guardrail"`` or ``"secondary"``.
    better : str
        ``"higher"`` or ``"lower"``.
    matters_from, limit : float or None
        Smallest difference worth shipping, largest harm tolerated; in the metric's unit.
    """

    name: str
    kind: str = ""
    numerator: str = ""
    denominator: str = ""
    role: str = "secondary"
    better: str = "higher"
    matters_from: float | None = None
    limit: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is promised before the first look: who is counted, what is measured, how it is decided.

    How the numbers are estimated (covariates, graph, learners, folds, seed) and where the rows
    come from, which moves with the feed, are no part of it. Texts are empty where the study says
    nothing.

    Attributes
    ----------
    treatment, control : str
        The column, and the level that others are compared with.
    metrics : tuple of MetricPlan
        Sorted by name; one of them is primary.
    design : str
        Kind of design.
    probability : str
        Chances of the arms in one spelling.
    assignment_log : str
        Column with the arm as it was assigned.
    arms : tuple of str
        Sorted; empty for every other level.
    where, weights : str
        Row filter, and the column of sampling weights.
    trimmed : tuple of float
        Chances of an arm outside of which units are left out; empty where none are.
    unit, cluster, assigned, first_exposure, window, maturity : str
        Who is counted, over what time; an empty `unit` is the row.
    target : str
        Whom an average speaks of.
    level : float
        Of every range.
    segments : tuple of tuple of str
        Declared cuts, each sorted by column.
    option : str
        Column with what an order chose.
    currency : str
        Of the value; empty where the study declares none.
    worth, arm_cost : tuple of (str, float)
        Worth of one unit of each outcome, and cost of an arm per unit; sorted by name.
    units_per_month : float or None
        None where the data say.
    decide_on, looks, first_look, look_every, rollout_if : str
        The decision rule.
    time, freshness : str
        Column of the moment, and how old the newest row may be.
    review : str
        ``"required"`` where readers see approved runs only; else empty.
    """

    treatment: str
    control: str
    metrics: tuple[MetricPlan, ...]
    design: str = "observational"
    probability: str = "estimated"
    assignment_log: str = ""
    arms: tuple[str, ...] = ()
    where: str = ""
    weights: str = ""
    trimmed: tuple[float, ...] = ()
    unit: str = ""
    cluster: str = ""
    assigned: str = ""
    first_exposure: str = ""
    window: str = ""
    maturity: str = ""
    target: str = "ate"
    level: float = 0.95
    segments: tuple[tuple[str, ...], ...] = ()
    option: str = ""
    currency: str = ""
    worth: tuple[tuple[str, float], ...] = ()
    arm_cost: tuple[tuple[str, float], ...] = ()
    units_per_month: float | None = None
    decide_on: str = ""
    looks: str = "once"
    first_look: str = ""
    look_every: str = "7d"
    rollout_if: str = "better"
    time: str = ""
    freshness: str = "7d"
    review: str = ""

    @property
    def primary(self) -> str:
        """Name of the primary metric."""
        return next(one.name for one in self.metrics if one.role == "primary")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The same comparison, looked at under another name.

    Attributes
    ----------
    study : str
        The other study.
    runs : int
        How many runs it had.
    differs : tuple of str
        ``"primary"`` where its primary metric is another one, ``"counted"`` where other rows count.
    """

    study: str
    runs: int
    differs: tuple[Apart, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanLock:
    """A plan as it stood before the first look.

    Attributes
    ----------
    hash : str
        Of the plan.
    plan : Plan
        What was promised.
    locked_at : str
        Moment, in UTC.
    runs_before : int
        Runs that had been made when it was locked; above 0 the lock came too late.
    seen : tuple of Seen
        Other studies that had looked at the same question by then.
    """

    hash: str
    plan: Plan
    locked_at: str
    runs_before: int = 0
    seen: tuple[Seen, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """One thing that differs from the locked plan.

    Attributes
    ----------
    aspect : str
        What.
    subject : str
        Which metric, segment or item of value it is about; empty where the aspect says it all.
    before, now : str
        As locked and as declared; empty where there is nothing.
    """

    aspect: Aspect
    subject: str
    before: str
    now: str


def canonical(plan: Plan) -> dict[str, Any]:
    """Return a plan as plain values; what stands at its default is left out.

    A key that a later version adds therefore changes neither the values nor the hash of a plan
    that does not use it.

    Examples
    --------
    >>> metric = MetricPlan(name="converted", role="primary")
    >>> canonical(Plan(treatment="presentation", control="folded", metrics=(metric,)))["metrics"]
    [{'name': 'converted', 'role': 'primary'}]
    """
    return _said(plan) | {"metrics": [_said(one) for one in plan.metrics]}


def plan_hash(plan: Plan) -> str:
    """Return the content hash of a plan."""
    return of_json(canonical(plan))


def deviations(lock: Plan, now: Plan) -> tuple[Deviation, ...]:
    """Return everything in which a study differs from its locked plan, in the plan's order.

    Examples
    --------
    >>> metric = MetricPlan(name="converted", role="primary")
    >>> plan = Plan(treatment="presentation", control="folded", metrics=(metric,))
    >>> from dataclasses import replace
    >>> [d.aspect for d in deviations(plan, replace(plan, level=0.9))]
    ['level']
    """
    return (*_plain(lock, now), *_metrics(lock, now), *_segments(lock, now), *_value(lock, now))


_PLAIN: tuple[Aspect, ...] = (
    "where",
    "weights",
    "trimmed",
    "unit",
    "cluster",
    "assigned",
    "first_exposure",
    "window",
    "maturity",
    "treatment",
    "control",
    "arms",
    "design",
    "probability",
    "assignment_log",
    "target",
    "level",
    "option",
    "decide_on",
    "looks",
    "first_look",
    "look_every",
    "rollout_if",
    "time",
    "freshness",
    "review",
)
_OF_METRIC: tuple[Aspect, ...] = (
    "kind",
    "better",
    "numerator",
    "denominator",
    "matters_from",
    "limit",
)


def _plain(lock: Plan, now: Plan) -> Iterator[Deviation]:
    for aspect in _PLAIN:
        yield from _pair(aspect, "", getattr(lock, aspect), getattr(now, aspect))


def _metrics(lock: Plan, now: Plan) -> Iterator[Deviation]:
    before, after = ({one.name: one for one in plan.metrics} for plan in (lock, now))
    yield from _pair("primary", "", lock.primary, now.primary)
    for name in sorted(before.keys() - after.keys()):
        yield Deviation(aspect="metric_dropped", subject=name, before=before[name].role, now="")
    for name in sorted(after.keys() - before.keys()):
        yield Deviation(aspect="metric_added", subject=name, before="", now=after[name].role)
    for name in sorted(before.keys() & after.keys()):
        for aspect in _OF_METRIC:
            old, new = getattr(before[name], aspect), getattr(after[name], aspect)
            yield from _pair(aspect, name, old, new)
        roles = before[name].role, after[name].role
        if "guardrail" in roles:
            yield from _pair("role", name, *roles)


def _segments(lock: Plan, now: Plan) -> Iterator[Deviation]:
    for cut in sorted(set(now.segments) - set(lock.segments)):
        yield Deviation(aspect="segment_added", subject=cut_name(cut), before="", now="")
    for cut in sorted(set(lock.segments) - set(now.segments)):
        yield Deviation(aspect="segment_dropped", subject=cut_name(cut), before="", now="")


def _value(lock: Plan, now: Plan) -> Iterator[Deviation]:
    yield from _pair("value", "currency", lock.currency, now.currency)
    for mine, its in ((lock.worth, now.worth), (lock.arm_cost, now.arm_cost)):
        old, new = dict(mine), dict(its)
        for name in sorted(old.keys() | new.keys()):
            yield from _pair("value", name, old.get(name), new.get(name))
    yield from _pair("value", "units per month", lock.units_per_month, now.units_per_month)


def cut_name(columns: tuple[str, ...]) -> str:
    """Return the one name of a cut, whatever the order of its columns.

    Examples
    --------
    >>> cut_name(("region", "device"))
    'device × region'
    """
    return " × ".join(sorted(columns))


def _pair(aspect: Aspect, subject: str, before: object, now: object) -> Iterator[Deviation]:
    if before != now:
        yield Deviation(aspect=aspect, subject=subject, before=_text(before), now=_text(now))


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(_text(one) for one in value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return "" if value is None else str(value)


def _said(record: Plan | MetricPlan) -> dict[str, Any]:
    made: Mapping[str, Any] = {one.name: getattr(record, one.name) for one in fields(record)}
    return {
        one.name: _listed(made[one.name]) for one in fields(record) if made[one.name] != one.default
    }


def _listed(value: object) -> object:
    return [_listed(one) for one in value] if isinstance(value, tuple) else value
