"""Policies asked of stored scores: what was asked is checked here, nothing is computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from whatif.base.arrays import Floats
from whatif.base.errors import EstimationError, Problem, UsageError, did_you_mean
from whatif.contract.spec import StudySpec, ValueSpec
from whatif.effects.minimum import LEAST_CLUSTERS
from whatif.effects.money import DAYS_PER_MONTH, units_per_month
from whatif.engines.threads import one_blas_thread
from whatif.report.format import (
    coin_places,
    decimals,
    end_decimals,
    number,
    singular_unit,
)
from whatif.run.effect_question import outcome_of
from whatif.run.named import index_of, require_sign, require_trusted
from whatif.run.policy_errors import SEE, UNTRUSTED, require_finite, unfit
from whatif.run.policy_limits import Capacity, Limits, limits_of
from whatif.scenarios.policy.columns import coded, usable
from whatif.scenarios.policy.lesson import Lesson
from whatif.scenarios.policy.policy import BudgetRow, budget_curve, policy, written
from whatif.scenarios.policy.rows import LimitRow, PolicyRow, limit_rows, policy_rows
from whatif.scenarios.policy.rule import Rule
from whatif.scores.record import Scores
from whatif.verdict.policy_wording import (
    budget_note,
    choices,
    conditions_in_words,
    policy_note,
    rule_in_words,
    unclear_gain,
)
from whatif.verdict.record import Decision

MOST_DEPTH = 4
SMALLEST_SHARE_OF_CLUSTERS = 50
"""A line of the rule rests on 50 clusters, and on no less than one in so many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A policy as a caller asks for it; see `whatif.Answer.policy`."""

    max_share: float | None = None
    capacity: Capacity | None = None
    depth: int = 2
    min_leaf: int | None = None
    columns: str | Sequence[str] | None = None
    per: Mapping[str, float] | None = None
    arm_cost: Mapping[str, float] | None = None
    outcome: str | None = None
    forest: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Asked:
    """A policy that was asked for, checked.

    Attributes
    ----------
    lesson : Lesson
        What it is learned from and valued on.
    spec : StudySpec
        The study.
    arms, columns : tuple of str
        Arms, and the columns that rules may use.
    unit : str
        What rewards are in.
    per_month : float or None
        Units a month; None where neither study nor data say.
    trimmed : str
        Who was kept, where units without overlap were left out; else empty.
    """

    lesson: Lesson
    spec: StudySpec
    arms: tuple[str, ...]
    columns: tuple[str, ...]
    unit: str
    per_month: float | None
    trimmed: str

    @property
    def randomised(self) -> bool:
        """Whether units came to their arms by chance."""
        return self.spec.design.kind in {"experiment", "encouragement"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answered:
    """A learned policy: rows of its worth and limits, its rule, and the words for both."""

    rows: tuple[PolicyRow, ...]
    limits: tuple[LimitRow, ...]
    rule: Rule | None
    words: str
    note: str


def asked(
    scores: Scores, spec: StudySpec, wanted: Wanted, *, days: int | None, decision: Decision
) -> Asked:
    """Check what was asked for.

    Raises
    ------
    UsageError
        If the run's verdict is withheld, a name is not known, an amount or size is out of its
        range, nothing is worth anything, limits cannot be met from these data, or the target is
        not everyone.
    EstimationError
        If an arm has fewer than 50 clusters.
    """
    require_trusted(withheld=decision is Decision.CANNOT_BE_TRUSTED, why=UNTRUSTED)
    clusters = _require_fit(scores)
    value, unit = _value(scores, spec, wanted)
    per_month = units_per_month(value, units=scores.n, days=days)
    columns = _columns(scores, spec, wanted.columns)
    cluster = np.unique(scores.cluster, return_inverse=True)[1].astype(np.int64)
    _require_sizes(wanted, clusters)
    fewest = wanted.min_leaf or max(LEAST_CLUSTERS, clusters // SMALLEST_SHARE_OF_CLUSTERS)
    limits = _limits(scores, wanted, per_month)
    made = coded(scores.columns[list(columns)], fewest=fewest)
    reward, seen = _rewards(scores, value)
    lesson = Lesson(
        reward=reward,
        seen=seen,
        weight=scores.weight,
        cluster=cluster,
        arm=scores.arm,
        assigned=scores.clusters_assigned,
        features=made.features,
        codes=made.codes,
        group=limits.group,
        groups=limits.groups,
        depth=wanted.depth,
        min_leaf=fewest,
        forest=wanted.forest,
        level=spec.level,
        seed=spec.seed,
    )
    return Asked(
        lesson=lesson,
        spec=spec,
        arms=scores.arms,
        columns=columns,
        unit=unit,
        per_month=per_month,
        trimmed=scores.population if spec.overlap.rule == "trim" else "",
    )


def _limits(scores: Scores, wanted: Wanted, per_month: float | None) -> Limits:
    a_day = None if per_month is None else per_month / DAYS_PER_MONTH
    return limits_of(scores, max_share=wanted.max_share, capacity=wanted.capacity, a_day=a_day)


def answered(asked: Asked) -> Answered:
    """Learn the policy and value it on folds that it did not learn from."""
    lesson = asked.lesson
    with one_blas_thread():
        made = policy(lesson)
    rule = written(lesson, made.rule, treatment=asked.spec.treatment.column, arms=asked.arms)
    rows = policy_rows(
        lesson,
        made,
        choices=choices(asked.arms),
        unit=asked.unit,
        per_month=asked.per_month,
    )
    words = rule_in_words(rule)
    if rule is None or rule.for_everyone != asked.arms[0]:
        words = f"{words} {_doubt(rows[1], asked)}".strip()
    return Answered(
        rows=rows,
        limits=limit_rows(
            lesson,
            made,
            segments=[conditions_in_words(group.when) for group in lesson.groups],
            a_day=None if asked.per_month is None else asked.per_month / DAYS_PER_MONTH,
        ),
        rule=rule,
        words=words,
        note=policy_note(
            words=words,
            counted=_counted(asked),
            over=asked.arms[1:] if any(g.limit is not None for g in lesson.groups) else (),
            steps=made.steps,
            level=lesson.level,
            columns=asked.columns,
            randomised=asked.randomised,
            population=asked.trimmed,
        ),
    )


def budgets(asked: Asked) -> tuple[tuple[BudgetRow, ...], str]:
    """Return the held-out gain at budgets of 0, .1, …, 1, and what to know when reading it."""
    with one_blas_thread():
        rows = budget_curve(asked.lesson)
    nobody = any(row.budget > 0 and row.share == 0 for row in rows)
    level = asked.lesson.level
    return rows, budget_note(level=level, randomised=asked.randomised, nobody=nobody)


def _doubt(over_control: PolicyRow, asked: Asked) -> str:
    """Return that the gain over the control is not clear; empty where it is."""
    low, high = over_control.band
    if over_control.gain is None or (low is not None and low > 0):
        return ""
    places = coin_places(decimals(low, high)) if low is not None or high is not None else 3
    ends = [number(e, end_decimals(e, places)) for e in (low, high) if e is not None]
    return unclear_gain(
        asked.arms[0],
        gain=number(over_control.gain, places),
        spread="" if low == high else " to ".join(ends),
        counted=_counted(asked),
        loses=high is not None and high < 0,
    )


def _counted(asked: Asked) -> str:
    """Return what gains are in, as ``USD per session``."""
    return f"{asked.unit} per {singular_unit(asked.spec.unit)}".strip()


def _rewards(scores: Scores, value: ValueSpec) -> tuple[Floats, Floats]:
    """Return what every arm is worth to each unit, and what it had; shapes (n, A) and (n,)."""
    worth = np.array([value.per.get(name, 0.0) for name in scores.outcomes])
    cost = np.array([value.arm_cost.get(arm, 0.0) for arm in scores.arms])
    with one_blas_thread():
        return scores.gamma @ worth - cost, scores.y @ worth - cost[scores.arm]


def _value(scores: Scores, spec: StudySpec, wanted: Wanted) -> tuple[ValueSpec, str]:
    """Return what outcomes are worth and arms cost, and the unit of both."""
    if wanted.outcome is not None:
        if wanted.per:
            raise unfit("per", "one outcome is asked for, so others cannot be worth anything")
        chosen = outcome_of(spec, wanted.outcome)
        sign = 1.0 if chosen.better == "higher" else -1.0
        known = ValueSpec(currency=chosen.unit or chosen.column, per={chosen.column: sign})
    else:
        known = spec.value or ValueSpec(currency="", per={})
    for outcome, amount in (wanted.per or {}).items():
        index_of(outcome, list(scores.outcomes), "outcome")
        require_finite("per", f"the worth of {outcome!r}", amount)
        require_sign(outcome, amount, spec, see=SEE)
    for arm, amount in (wanted.arm_cost or {}).items():
        index_of(arm, list(scores.arms), "arm")
        require_finite("arm_cost", f"the cost of {arm!r}", amount)
        if amount < 0:
            raise unfit("arm_cost", f"{arm!r} cannot cost {amount:g}: a cost is 0 or more")
    per = {**known.per, **(wanted.per or {})}
    if not any(per.values()):
        raise UsageError(
            Problem(
                what="No outcome is worth anything.",
                why="a policy needs to know what it should make large.",
                fix="add `value` to the study, or say per={...} or outcome="
                f"{scores.outcomes[0]!r}.",
            )
        )
    cost = {**known.arm_cost, **(wanted.arm_cost or {})}
    monthly = "auto" if spec.value is None else spec.value.units_per_month
    value = ValueSpec(currency=known.currency, per=per, arm_cost=cost, units_per_month=monthly)
    return value, known.currency


def _columns(scores: Scores, spec: StudySpec, named: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the columns that rules may use: those named, else all but the clock and dates."""
    kept = [str(name) for name in scores.columns]
    if named is None:
        clock = {spec.time} - set(spec.covariates or ())
        return tuple(n for n in kept if n not in clock and usable(scores.columns[n]))
    wanted = (named,) if isinstance(named, str) else tuple(dict.fromkeys(named))
    for name in wanted:
        if name in {*scores.outcomes, spec.treatment.column}:
            raise _unusable(name, "is known only after the arm was given", kept)
        if name not in kept:
            raise _unusable(name, "was not kept with this run", kept)
        if not usable(scores.columns[name]):
            raise _unusable(name, "holds dates, infinite numbers or things other than words", kept)
    if not wanted:
        raise _unusable("nothing", "cannot tell units apart", kept)
    return wanted


def _unusable(name: str, reason: str, kept: list[str]) -> UsageError:
    return UsageError(
        Problem(
            what=f"{name!r} {reason}.",
            why="a rule chooses by what is known of a unit before it gets an arm.",
            fix=did_you_mean(name, kept),
        )
    )


def _require_sizes(wanted: Wanted, clusters: int) -> None:
    if not isinstance(wanted.depth, int) or not 1 <= wanted.depth <= MOST_DEPTH:
        raise unfit("depth", f"{wanted.depth} is not a whole number from 1 to {MOST_DEPTH}")
    fewest = wanted.min_leaf
    if fewest is not None and not (isinstance(fewest, int) and 1 <= fewest <= clusters // 2):
        raise unfit("min_leaf", f"{fewest} is not a whole number from 1 to half of the clusters")


def _require_fit(scores: Scores) -> int:
    """Return the number of clusters, where scores speak of everyone and arms have enough."""
    _require_everyone(scores)
    by_arm = [
        np.count_nonzero(np.bincount(scores.cluster[scores.arm == a]))
        for a in range(len(scores.arms))
    ]
    if min(by_arm) < LEAST_CLUSTERS:
        raise EstimationError(
            Problem(
                what=f"An arm has only {min(by_arm)} clusters; {LEAST_CLUSTERS} are needed.",
                why="a policy is learned on some clusters and valued on others.",
                fix="use more data.",
            )
        )
    return int(np.count_nonzero(np.bincount(scores.cluster)))


def _require_everyone(scores: Scores) -> None:
    if scores.target != "ate":
        raise UsageError(
            Problem(
                what=f"A policy needs `target: ate`; this study says {scores.target}.",
                why="scores of another target speak of other units than those who will be given "
                "an arm.",
                fix="run the study with `target: ate`.",
            )
        )
