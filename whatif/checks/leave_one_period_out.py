"""Does the answer hang on a single week?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import stats

from whatif.base.arrays import Floats, Ints
from whatif.checks.conclude import amount, conclude, listed
from whatif.checks.evidence import Evidence
from whatif.checks.period_effects import (
    LEVEL,
    NO_TIME,
    TOO_SMALL,
    period_means,
    varies,
    watched,
)
from whatif.checks.period_words import dates, local_days, signed
from whatif.checks.result import CheckResult, Cost, Detail, Status
from whatif.contract.clock import read_moments
from whatif.contract.spec import StudySpec, metric_name
from whatif.effects.bands import t_critical
from whatif.effects.cell_effect import CellEffect
from whatif.effects.contrasts import Metric
from whatif.effects.joint import Joint
from whatif.effects.rest import against_rest
from whatif.effects.stepdown import holm

FEWEST_PERIODS = 4
MOST_PERIODS = 28
HALVED = 0.5
"""A move matters from half of the effect, or half of what matters."""
_WEEK = 7


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Periods:
    """How the days of a study are cut.

    Attributes
    ----------
    code : ndarray of int64, shape (n,)
        Period of each row.
    names : tuple of str
        Dates of each period.
    words : str
        ``"days"``, ``"weeks"`` or ``"stretches of 14 days"``.
    """

    code: Ints
    names: tuple[str, ...]
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Without:
    """The effect without one period, beside the whole.

    Attributes
    ----------
    name : str
        Dates of the period.
    detail : Detail
        The effect without the period.
    whole : float
        The effect with it, in the metric's unit.
    move, error : float
        Effect without the period minus the whole, and its clustered error.
    df : int
        Degrees of freedom, counted in the period.
    """

    name: str
    detail: Detail
    whole: float
    move: float
    error: float
    df: int

    @property
    def p_value(self) -> float:
        """Chance of a move this large by luck."""
        return float(2 * stats.t.sf(abs(self.move) / self.error, self.df))


def cut_periods(day: Ints) -> Periods:
    """Cut days into weeks from the first day on; into days below four weeks.

    A last week that is not whole joins the one before. Above 28 weeks periods last two weeks, then
    three, and so on.

    Parameters
    ----------
    day : ndarray of int64, shape (n,)
        Day of each row, counted from 1970-01-01.

    Examples
    --------
    >>> cut_periods(np.arange(30)).names[-1]
    '22–30 January 1970'
    """
    first, days = int(day.min()), int(np.ptp(day)) + 1
    length = 1 if days < FEWEST_PERIODS * _WEEK else _WEEK * -(-days // (_WEEK * MOST_PERIODS))
    count = max(days // length, 1)
    ends = [*(first + length * (k + 1) - 1 for k in range(count - 1)), first + days - 1]
    starts = [first, *(end + 1 for end in ends[:-1])]
    words = {1: "days", _WEEK: "weeks"}
    return Periods(
        code=np.minimum((day - first) // length, count - 1),
        names=tuple(dates(start, end) for start, end in zip(starts, ends, strict=True)),
        words=words.get(length, f"stretches of {length} days"),
    )


def effects_without(
    means: Joint, metric: Metric, *, arm: int, names: tuple[str, ...], spec: StudySpec
) -> list[Without]:
    """Return the effect without each period that is large enough to judge.

    Parameters
    ----------
    means : Joint
        Joint means of everyone, cell 0, and of each period.
    metric : Metric
        Outcome or ratio.
    arm : int
        Compared with the control.
    names : tuple of str
        Words for the periods.
    spec : StudySpec
        The study.
    """
    whole = CellEffect.of(means, metric, arm, 0)
    critical = t_critical(spec.level, whole.df) if whole.df else np.inf
    found = []
    for p, name in enumerate(names):
        one = CellEffect.of(means, metric, arm, p + 1)
        rest = against_rest(means, metric, cell=p + 1, arm=arm)
        if one.made is None or whole.made is None or rest is None or not varies(one):
            continue
        others = _padded(means, one.made.gradient) - rest.gradient
        error = means.error(others - _padded(means, whole.made.gradient))
        value, half = one.made.difference - rest.value, critical * means.error(others)
        detail = Detail(
            name=f"without {name}",
            outcome=metric.name,
            arm=means.arms[arm],
            n=int(means.counts.units[0] - means.counts.units[p + 1]),
            estimate=value,
            ci=(value - half, value + half),
        )
        found.append(
            Without(
                name=name,
                detail=detail,
                whole=whole.made.difference,
                move=value - whole.made.difference,
                error=error,
                df=one.df,
            )
        )
    return found


def _padded(means: Joint, gradient: Floats) -> Floats:
    """Let a gradient by means be one by means and shares, which nothing hangs on here."""
    return np.append(gradient, np.zeros(means.share.size))


class LeaveOnePeriodOut:
    """Leave out each period and see whether the effect moves by more than luck.

    The error of a move is that of the difference of the two estimates, customers who come back in
    several periods included. All periods, metrics and arms are one family at .01 (Holm); the
    statistic is the smallest adjusted p-value. *Held* also needs an even chance of seeing a move
    of half the effect, or half of what matters.
    """

    code: ClassVar[str] = "WI-LOP-01"
    name: ClassVar[str] = "leave_one_period_out"
    cost: ClassVar[Cost] = Cost.VIEW
    integrity: ClassVar[bool] = False
    what: ClassVar[str] = "Whether leaving out one week moves the effect by more than luck."
    why: ClassVar[str] = (
        "An answer that hangs on one odd week is sound for the weeks measured but does not carry "
        "over to others."
    )
    blind: ClassVar[str] = "A slow change over many weeks, and what is odd in every week."
    fix: ClassVar[str] = (
        "Find out what happened in that week (a sale, an outage, a release), declare it under "
        "`events`, and say what the effect is without it."
    )

    def run(self, evidence: Evidence) -> CheckResult:
        """Leave out every period in turn."""
        spec = evidence.spec
        moments = read_moments(spec, evidence.scores.columns)
        if moments is None:
            return conclude(self, Status.NOT_APPLICABLE, NO_TIME)
        day = local_days(moments)
        if np.ptp(day) + 1 < FEWEST_PERIODS:
            reason = f"The data cover fewer than {FEWEST_PERIODS} days."
            return conclude(self, Status.NOT_APPLICABLE, reason)
        periods = cut_periods(day)
        scores, metrics = watched(evidence.scores, spec)
        means = period_means(scores, periods.code, len(periods.names))
        found = [
            effects_without(means, metric, arm=arm, names=periods.names, spec=spec)
            for metric in metrics
            for arm in range(1, len(means.arms))
        ]
        every = [one for family in found for one in family]
        if not every:
            reason = f"Too little data: all {len(periods.names)} {periods.words} have {TOO_SMALL}."
            return conclude(self, Status.DID_NOT_RUN, reason)
        p_value = holm([one.p_value for one in every])
        worst, primary = every[int(p_value.argmin())], found[: len(means.arms) - 1]
        status, seen = Status.BROKE, "luck does not explain the move."
        if p_value.min() >= LEVEL:
            status, seen = _seen(primary, periods, LEVEL / len(every), spec)
            own = [one for family in primary for one in family]
            worst = min(own or every, key=lambda one: one.p_value)
        return conclude(
            self,
            status,
            f"Of {len(periods.names)} {periods.words} left out in turn, luck explains "
            f"{worst.name} least: without it the effect of {worst.detail.arm} on "
            f"{worst.detail.outcome} moves by {signed(worst.move)} to "
            f"{signed(worst.detail.estimate)}; {seen}",
            statistic=float(p_value.min()),
            threshold=LEVEL,
            details=tuple(one.detail for one in every),
        )


def _seen(
    primary: Sequence[Sequence[Without]], periods: Periods, alpha: float, spec: StudySpec
) -> tuple[Status, str]:
    """Return whether a move that matters would have been seen for every arm, in words."""
    lost = [name for name in periods.names if any(name not in _names(one) for one in primary)]
    if lost:
        many = "have" if len(lost) > 1 else "has"
        return Status.DID_NOT_RUN, f"too little data: {listed(lost)} {many} {TOO_SMALL}."
    visible = [max(stats.t.isf(alpha / 2, w.df) * w.error for w in one) for one in primary]
    fault = [HALVED * max(abs(one[0].whole), spec.primary.matters_from or 0.0) for one in primary]
    at = int(np.argmax(np.subtract(visible, fault)))
    move = f"{amount(float(visible[at]))} in {metric_name(spec.primary)}"
    if visible[at] > fault[at]:
        return Status.DID_NOT_RUN, (
            f"too little data: only a move of {move} or more could have been seen."
        )
    return Status.HELD, f"a move of {move} could have been seen."


def _names(found: Sequence[Without]) -> set[str]:
    return {one.name for one in found}
