"""One policy: its held-out worth against the alternatives, and the rule that people are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from whatif.base.arrays import Bools, Floats, Ints
from whatif.effects.rows import Ends
from whatif.scenarios.policy.gains import Means, means
from whatif.scenarios.policy.held_out import Apply, held_out
from whatif.scenarios.policy.learn import NOBODY, Chooser, chosen, learn_within, single
from whatif.scenarios.policy.leaves import Leaf, Split
from whatif.scenarios.policy.lesson import Lesson
from whatif.scenarios.policy.rule import Condition, Line, Rule, shortened

BUDGETS = tuple(tenth / 10 for tenth in range(11))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Policy:
    """A way of choosing arms, valued on folds that it did not learn from.

    Attributes
    ----------
    value : Means
        Worth of the policy, of every arm for everyone, and of what units got: 1 + A + 1 means.
    gain : Means
        The policy's worth less that of each of those alternatives, in the same order: A + 1 means.
    arm : ndarray of int64, shape (n,)
        Arm that the held-out policy gives each unit.
    share : ndarray, shape (A,)
        Share of units that it gives each arm.
    group_share : tuple of float
        Share of each group that the held-out policy gives another arm than the control.
    steps : tuple of int
        What each fold got: 0 the control for everyone, 1 the best single arm, 2 a rule.
    rule : tuple of Chooser
        Learned on everything, one a group, at the step that is clear there.
    """

    value: Means
    gain: Means
    arm: Ints
    share: Floats
    group_share: tuple[float, ...]
    steps: tuple[int, ...]
    rule: tuple[Chooser, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetRow:
    """What a budget gains, held out.

    Attributes
    ----------
    budget : float
        Largest share of units that may get another arm than the control.
    share : float
        Share of held-out units that does.
    gain, std_error : float
        Gain over the control for everyone, per unit of the whole population, and its error.
    ci, band : (low, high)
        Interval of this budget alone, and of all budgets at once; None is unbounded.
    """

    budget: float
    share: float
    gain: float
    std_error: float
    ci: Ends
    band: Ends


def policy(lesson: Lesson) -> Policy:
    """Learn who should get which arm, and what choosing so is worth.

    The value is that of this way of choosing, learned on four fifths of the clusters; never that
    of a rule on the data it was learned from, which is too high. A rule must be clearly better
    than the best arm for everyone, and that clearly better than the control, or the simpler stays.

    References
    ----------
    Zhou, Athey & Wager (2023), Operations Research 71(1), 148–183, for policies from doubly robust
    scores and their value on held-out data.
    """
    made = held_out(lesson, lambda rows: _applied(lesson, [_steps(lesson, rows)]))
    arm = made.arm[:, 0]
    everyone = np.ones(lesson.n, dtype=np.bool_)
    given = lesson.reward[np.arange(lesson.n), arm]
    others = np.column_stack([lesson.reward, lesson.seen])
    share = lesson.weight / lesson.weight.sum()
    arms = lesson.reward.shape[1]
    return Policy(
        value=means(lesson, np.column_stack([given, others]), everyone),
        gain=means(lesson, given[:, None] - others, everyone),
        arm=arm,
        share=np.array([share[arm == a].sum() for a in range(arms)]),
        group_share=tuple(
            float(share[own & (arm != 0)].sum() / share[own].sum()) if own.any() else 0.0
            for own in (lesson.group == g for g in range(len(lesson.groups)))
        ),
        steps=tuple(int(step) for step in made.step[:, 0]),
        rule=_rule(lesson, everyone, int(made.final_step[0])),
    )


def budget_curve(lesson: Lesson) -> tuple[BudgetRow, ...]:
    """Return the held-out gain of the policy at budgets of 0, .1, …, 1 of all units.

    Limits of groups do not count here: each budget is one limit for everyone.
    """
    one = lesson.limited(1.0)

    def learned(rows: Bools) -> Apply:
        singles, rules = single(one, rows, BUDGETS), learn_within(one, rows, BUDGETS)
        return _applied(one, [((a,), (b,)) for a, b in zip(singles, rules, strict=True)])

    made = held_out(one, learned)
    gain = np.take_along_axis(one.reward, made.arm, axis=1) - one.reward[:, :1]
    found = means(one, gain, np.ones(one.n, dtype=np.bool_))
    share = one.weight / one.weight.sum() @ (made.arm != 0)
    return tuple(
        BudgetRow(
            budget=budget,
            share=float(share[b]),
            gain=float(found.estimate[b]),
            std_error=float(found.std_error[b]),
            ci=interval,
            band=band,
        )
        for b, (budget, interval, band) in enumerate(
            zip(
                BUDGETS,
                found.intervals(one.level),
                found.band(one.level, one.seed),
                strict=True,
            )
        )
    )


def _steps(lesson: Lesson, rows: Bools) -> tuple[tuple[Chooser, ...], ...]:
    """Return the best single arm and the best rule, one a group each."""
    return tuple(_rule(lesson, rows, step) for step in (1, 2))


def _rule(lesson: Lesson, rows: Bools, step: int) -> tuple[Chooser, ...]:
    if step == 0:
        return tuple(NOBODY for _ in lesson.groups)
    how = single if step == 1 else learn_within
    return tuple(
        how(lesson, rows & (lesson.group == g), [group.limit])[0]
        for g, group in enumerate(lesson.groups)
    )


def _applied(lesson: Lesson, policies: Sequence[tuple[tuple[Chooser, ...], ...]]) -> Apply:
    """Return the arms at every step of every policy, shape (units, steps, policies)."""

    def apply(rows: Bools) -> Ints:
        arms = [[chosen(lesson, step, rows) for step in policy] for policy in policies]
        return np.moveaxis(np.array(arms), -1, 0).swapaxes(1, 2)

    return apply


def written(
    lesson: Lesson, rules: tuple[Chooser, ...], *, treatment: str, arms: tuple[str, ...]
) -> Rule | None:
    """Write the trees of all groups as one rule; None for forests, which have no lines."""
    lines: list[Line] = []
    for group, rule in zip(lesson.groups, rules, strict=True):
        if not isinstance(rule, Leaf | Split):
            return None
        for conditions, arm in _paths(lesson, rule, group.when):
            if arm != 0:
                lines.append(Line(when=shortened(conditions), give=arms[arm]))
    return Rule(treatment=treatment, lines=tuple(lines), otherwise=arms[0])


def _paths(
    lesson: Lesson, rule: Leaf | Split, before: tuple[Condition, ...]
) -> list[tuple[tuple[Condition, ...], int]]:
    if isinstance(rule, Leaf):
        return [(before, rule.arm)]
    feature = lesson.features[rule.feature]
    return [
        *_paths(lesson, rule.low, (*before, feature.low(rule.cut))),
        *_paths(lesson, rule.high, (*before, feature.high(rule.cut))),
    ]
