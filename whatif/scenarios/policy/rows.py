"""A policy's worth, its limits and the alternatives as rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from whatif.effects.rows import Ends
from whatif.scenarios.policy.lesson import Lesson
from whatif.scenarios.policy.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRow:
    """One way to give arms, and what choosing by the learned policy gains over it.

    Attributes
    ----------
    choice : str
        Who gets what, in words; the first row is the learned way of choosing.
    n, clusters : int
        Units and clusters behind the numbers.
    share : float
        Share of units that gets another arm than the control.
    value, value_std_error : float
        Mean worth per unit, costs of arms taken off, and its clustered error.
    value_ci : (low, high)
        Its interval; None is unbounded.
    gain, std_error : float or None
        Worth of the learned policy less that of this choice, per unit, and its clustered error;
        None for that way of choosing itself.
    ci, band : (low, high)
        Interval of this gain alone, and of the gains over all choices at once.
    per_month : float or None
        The gain a month; None without units a month.
    df : int or None
        Degrees of freedom; None below ten clusters in an arm, where there is no interval.
    unit : str
        What the numbers are in.
    """

    choice: str
    n: int
    clusters: int
    share: float
    value: float
    value_std_error: float
    value_ci: Ends
    gain: float | None
    std_error: float | None
    ci: Ends
    band: Ends
    per_month: float | None
    df: int | None
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitRow:
    """How far a limit was used.

    Attributes
    ----------
    segment : str
        Who shares the limit, in words.
    n : int
        Units in the data.
    limit, share : float
        Largest share that may get another arm than the control, and the share that does in held-out
        folds. The limit holds exactly only where a rule was learned.
    a_day, limit_a_day : float or None
        The same as units a day; None without days.
    """

    segment: str
    n: int
    limit: float
    share: float
    a_day: float | None
    limit_a_day: float | None


def policy_rows(
    lesson: Lesson, made: Policy, *, choices: Sequence[str], unit: str, per_month: float | None
) -> tuple[PolicyRow, ...]:
    """Return the learned policy, every arm for everyone, and what units got, one row each.

    Parameters
    ----------
    lesson, made : Lesson, Policy
        What was learned from, and what came of it.
    choices : sequence of str, length A + 2
        Names of the rows.
    unit : str
        What rewards are in.
    per_month : float or None
        Units a month.
    """
    arms = lesson.reward.shape[1]
    got = float(lesson.weight @ (lesson.arm != 0) / lesson.weight.sum())
    shares = [float(made.share[1:].sum()), 0.0, *([1.0] * (arms - 1)), got]
    values = made.value.intervals(lesson.level)
    alone = ((None, None), *made.gain.intervals(lesson.level))
    band = ((None, None), *made.gain.band(lesson.level, lesson.seed))
    gains = [None, *map(float, made.gain.estimate)]
    errors = [None, *map(float, made.gain.std_error)]
    return tuple(
        PolicyRow(
            choice=choice,
            n=lesson.n,
            clusters=lesson.clusters,
            share=shares[r],
            value=float(made.value.estimate[r]),
            value_std_error=float(made.value.std_error[r]),
            value_ci=values[r],
            gain=gain,
            std_error=errors[r],
            ci=alone[r],
            band=band[r],
            per_month=None if gain is None or per_month is None else per_month * gain,
            df=made.value.df,
            unit=unit,
        )
        for r, (choice, gain) in enumerate(zip(choices, gains, strict=True))
    )


def limit_rows(
    lesson: Lesson, made: Policy, *, segments: Sequence[str], a_day: float | None
) -> tuple[LimitRow, ...]:
    """Return every limit with the held-out share that uses it; groups without a limit are left out.

    Parameters
    ----------
    lesson, made : Lesson, Policy
        What was learned from, and what came of it.
    segments : sequence of str
        Names of the groups.
    a_day : float or None
        Units a day in the whole population.
    """
    everyone = lesson.weight.sum()
    rows = []
    for g, (group, name) in enumerate(zip(lesson.groups, segments, strict=True)):
        if group.limit is None:
            continue
        own = lesson.group == g
        size = float(lesson.weight[own].sum() / everyone)
        rows.append(
            LimitRow(
                segment=name,
                n=int(np.count_nonzero(own)),
                limit=group.limit,
                share=made.group_share[g],
                a_day=None if a_day is None else a_day * size * made.group_share[g],
                limit_a_day=None if a_day is None else a_day * size * group.limit,
            )
        )
    return tuple(rows)
