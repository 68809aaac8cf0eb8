"""Are the costs of the youngest week already complete?"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import special

from whatif.base.arrays import Floats, Ints
from whatif.checks.conclude import amount, conclude, percent
from whatif.checks.evidence import Evidence
from whatif.checks.period_words import dates, day_number
from whatif.checks.result import CheckResult, Cost, Detail, Status
from whatif.contract.clock import Moments, read_moments
from whatif.contract.spec import StudySpec
from whatif.design.record import Design
from whatif.effects.bands import t_critical
from whatif.effects.stepdown import holm

LEVEL = 0.01
MEANINGFUL = 0.2  # a fifth of the youngest week's cost is missing
KINDS = ("cost", "amount")
MOST_WEEKS = 8
FEWEST_WEEKS = 2
FEWEST_CLUSTERS = 10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Weeks:
    """Full weeks counted back from the last day in the data, at most 8 before the youngest.

    Attributes
    ----------
    cell : ndarray of int64, shape (n,)
        Week × arms + arm, week 0 the youngest; −1 before the first week that is compared.
    arms, before : int
        Number of arms, and of weeks before the youngest.
    last : date
        Last day of the youngest week.
    """

    cell: Ints
    arms: int
    before: int
    last: dt.date

    def sums(self, values: Floats) -> Floats:
        """Add up a column by week and arm, shape (before + 1, arms)."""
        inside = self.cell >= 0
        size = (self.before + 1) * self.arms
        found = np.bincount(self.cell[inside], weights=values[inside], minlength=size)
        return np.asarray(found.reshape(-1, self.arms))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rate:
    """A cost per order, or per unit where no ratio is declared.

    `name` is in words; `top` and `bottom`, shape (n,), are weighted costs and orders.
    """

    outcome: str
    name: str
    top: Floats
    bottom: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Fall:
    """How a rate of the youngest week differs from the weeks before.

    Attributes
    ----------
    pooled : bool
        All arms together (else an arm minus the control).
    words : str
        What was compared.
    youngest, before : float
        The number in the youngest week and before.
    p_value : float
        One-sided where `pooled`: only a fall is a sign of late costs.
    visible : float
        Smallest difference that is seen half the time.
    """

    pooled: bool
    words: str
    youngest: float
    before: float
    p_value: float
    visible: float


def week_test(
    values: Floats, error: float, *, one_sided: bool, level: float = LEVEL
) -> tuple[float, float]:
    """Compare the youngest week with the weeks before, which differ by more than luck in orders.

    ``t = (x₀ − x̄) / (s √(1 + 1/W))`` on W − 1 degrees of freedom, with s the spread of the W weeks
    before: prices, weather and carriers move whole weeks. The clustered `error` of the difference
    stands in where it is larger, as when the youngest week has few orders.

    Parameters
    ----------
    values : ndarray, shape (W + 1,)
        A number by week, the youngest first.
    error : float
        Clustered standard error of the youngest minus the others.
    one_sided : bool
        Whether only a fall counts.
    level : float
        For the second return value.

    Returns
    -------
    p_value : float
    visible : float
        Smallest difference that is seen half the time at `level`.

    Examples
    --------
    >>> p_value, visible = week_test(np.array([1.0, 4.0, 5.0, 6.0]), 0.1, one_sided=True)
    >>> round(p_value, 4), round(visible, 2)
    (0.0371, 8.04)
    """
    before = values[1:]
    df = before.size - 1
    scale = max(float(before.std(ddof=1)) * np.sqrt(1 + 1 / before.size), error)
    if not scale > 0:
        return 1.0, float("inf")
    lower = float(special.stdtr(df, (values[0] - before.mean()) / scale))
    p_value = lower if one_sided else 2 * min(lower, 1 - lower)
    critical = special.stdtrit(df, 1 - (level if one_sided else level / 2))
    return p_value, float(scale * critical)


class LateCosts:
    """Compare cost per order in the youngest week with the weeks before (ruling 32).

    Weeks, not orders, are the independent pieces, because whole weeks differ. All arms together
    are held against a fall, each arm minus the control against a change either way; arms are
    weighted alike in every week, so that a ramp does not look like a fall. The statistic is the
    smallest p-value (Holm).
    """

    code: ClassVar[str] = "WI-LAT-01"
    name: ClassVar[str] = "late_costs"
    cost: ClassVar[Cost] = Cost.VIEW
    integrity: ClassVar[bool] = False
    what: ClassVar[str] = "Whether the costs of the youngest week look complete."
    why: ClassVar[str] = (
        "Costs that are posted late are missing from young rows, so the cost of every arm, and "
        "with it any difference, is understated."
    )
    blind: ClassVar[str] = (
        "Costs that stay incomplete for weeks. A season or trend that lowers costs looks like "
        "lateness, one that lifts them hides it."
    )
    fix: ClassVar[str] = (
        "Declare how long costs take to arrive (`maturity: 14d`), or lengthen it; then only rows "
        "that old count."
    )

    def run(self, evidence: Evidence) -> CheckResult:
        """Compare every cost of the youngest week with the weeks before."""
        design, spec = evidence.design, evidence.spec
        moments = read_moments(spec, design.columns) if spec.time in design.columns else None
        rates = tuple(_rates(design, spec))
        if moments is None or not rates:
            lacks = "time column" if moments is None else "outcome that is a cost or an amount"
            return conclude(self, Status.NOT_APPLICABLE, f"The study has no {lacks}.")
        weeks = _weeks(design, moments)
        if weeks.before < FEWEST_WEEKS:
            found = f"{weeks.before + 1} full weeks, {FEWEST_WEEKS + 1} needed"
            return conclude(self, Status.DID_NOT_RUN, f"Too little data: {found}.")
        clusters = _fewest_clusters(design, weeks)
        if clusters < FEWEST_CLUSTERS:
            found = f"{clusters} clusters in an arm in one week, {FEWEST_CLUSTERS} needed"
            return conclude(self, Status.DID_NOT_RUN, f"Too little data: {found}.")
        usable = [rate for rate in rates if (weeks.sums(rate.bottom) > 0).all()]
        level = LEVEL / max(len(usable) * len(design.arms), 1)
        falls = [fall for rate in usable for fall in _falls(design, weeks, rate, level)]
        if not any(np.isfinite(fall.visible) for fall in falls):
            why = "No cost varies, or some week has no order in an arm."
            return conclude(self, Status.DID_NOT_RUN, why)
        return self._judged(falls, weeks, _details(design, weeks, usable, spec.level))

    def _judged(self, falls: list[Fall], weeks: Weeks, details: tuple[Detail, ...]) -> CheckResult:
        adjusted = holm([fall.p_value for fall in falls])
        worst = int(np.argmin(adjusted))
        shown = falls[worst] if adjusted[worst] < LEVEL else _least_seen(falls)
        blind = max(_blindness(fall) for fall in falls if fall.pooled)
        last = day_number(weeks.last)
        finding = (
            f"In the youngest week ({dates(last - 6, last)}) {shown.words} was "
            f"{amount(shown.youngest)}, in the {weeks.before} weeks before {amount(shown.before)}"
        )
        if adjusted[worst] < LEVEL:
            status, seen = Status.BROKE, "weeks do not differ that much by themselves"
        elif blind > MEANINGFUL:
            least = "no fall" if np.isinf(blind) else f"only a fall of {percent(blind, digits=0)}"
            status, seen = Status.DID_NOT_RUN, f"too little data: {least} could have been seen"
        else:
            status, seen = Status.HELD, f"a fall of {percent(blind, digits=0)} could have been seen"
        return conclude(
            self,
            status,
            f"{finding}; {seen}.",
            statistic=float(adjusted[worst]),
            threshold=LEVEL,
            details=details,
        )


def _rates(design: Design, spec: StudySpec) -> Iterator[Rate]:
    for k, (name, kind) in enumerate(zip(design.outcomes, design.kinds, strict=True)):
        if kind not in KINDS:
            continue
        per = [ratio.denominator for ratio in spec.ratios if ratio.numerator == name]
        bottom = design.y[:, design.outcomes.index(per[0])] if per else np.ones(design.n)
        yield Rate(
            outcome=name,
            name=f"{name} per {per[0] if per else 'unit'}",
            top=design.weight * design.y[:, k],
            bottom=design.weight * bottom,
        )


def _weeks(design: Design, moments: Moments) -> Weeks:
    everyone = np.ones(design.n, dtype=bool)
    last = moments.last_day(everyone)
    week = (moments.end_of(last) - moments.stamps).dt.days.to_numpy(dtype=np.int64) // 7
    full = ((last - moments.first_day(everyone)).days + 1) // 7
    before = min(full - 1, MOST_WEEKS)
    arms = len(design.arms)
    cell = np.where(week <= before, week * arms + design.arm, -1)
    return Weeks(cell=cell, arms=arms, before=before, last=last)


def _fewest_clusters(design: Design, weeks: Weeks) -> int:
    """Count the clusters of the week and arm that has fewest."""
    inside = weeks.cell >= 0
    size = (weeks.before + 1) * weeks.arms
    seen = np.zeros((int(design.cluster.max()) + 1, size), dtype=bool)
    seen[design.cluster[inside], weeks.cell[inside]] = True
    return int(seen.sum(axis=0).min())


def _falls(design: Design, weeks: Weeks, rate: Rate, level: float) -> Iterator[Fall]:
    """Yield the fall of all arms together, then the change of every arm minus the control."""
    top, bottom = weeks.sums(rate.top), weeks.sums(rate.bottom)
    by_week = top / bottom
    before = top[1:].sum(axis=0) / bottom[1:].sum(axis=0)
    influence = _influence(weeks, rate)
    arms = np.eye(weeks.arms)
    for a, mix in enumerate([bottom.sum(axis=0) / bottom.sum(), *(arms[1:] - arms[0])]):
        error = _clustered_error(influence * mix[design.arm], design.cluster, weeks)
        p_value, visible = week_test(by_week @ mix, error, one_sided=a == 0, level=level)
        yield Fall(
            pooled=a == 0,
            words=rate.name if a == 0 else f"{rate.name}, {design.arms[a]} minus {design.arms[0]},",
            youngest=float(by_week[0] @ mix),
            before=float(before @ mix),
            p_value=p_value,
            visible=visible,
        )


def _influence(weeks: Weeks, rate: Rate) -> Floats:
    """Return each row's part in its arm's rate of the youngest week minus that of the others."""
    top, bottom = weeks.sums(rate.top), weeks.sums(rate.bottom)
    ratios = [top[:1], top[1:].sum(axis=0, keepdims=True)]
    sizes = [bottom[:1], bottom[1:].sum(axis=0, keepdims=True)]
    level = np.repeat(np.concatenate(ratios) / np.concatenate(sizes), [1, weeks.before], axis=0)
    size = np.repeat(np.concatenate(sizes), [1, weeks.before], axis=0)
    sign = np.where(np.arange(weeks.before + 1) == 0, 1.0, -1.0)[:, None]
    at = np.maximum(weeks.cell, 0)
    value = (sign / size).ravel()[at] * (rate.top - level.ravel()[at] * rate.bottom)
    return np.where(weeks.cell >= 0, value, 0.0)


def _clustered_error(influence: Floats, cluster: Ints, weeks: Weeks) -> float:
    count = np.count_nonzero(np.bincount(cluster[weeks.cell >= 0]))
    total = np.bincount(cluster, weights=influence)
    return float(np.sqrt(count / (count - 1) * (total @ total)))


def _least_seen(falls: list[Fall]) -> Fall:
    """Return the pooled fall that is hardest to see."""
    return max((fall for fall in falls if fall.pooled), key=_blindness)


def _blindness(fall: Fall) -> float:
    """Return the smallest fall that is seen half the time, as a share of the level before."""
    return fall.visible / abs(fall.before) if fall.before else np.inf


def _details(design: Design, weeks: Weeks, rates: list[Rate], level: float) -> tuple[Detail, ...]:
    """Return the rate of every arm in the youngest week and before, with clustered intervals."""
    lines: list[Detail] = []
    for rate in rates:
        top, bottom = weeks.sums(rate.top), weeks.sums(rate.bottom)
        influence = _influence(weeks, rate)
        for a, label in enumerate(design.arms):
            for name, period in (("youngest week", slice(0, 1)), ("weeks before", slice(1, None))):
                young = weeks.cell < weeks.arms
                inside = (weeks.cell >= 0) & (design.arm == a) & (young == (period.start == 0))
                error = _clustered_error(influence * inside, design.cluster, weeks)
                estimate = float(top[period, a].sum() / bottom[period, a].sum())
                clusters = int(np.count_nonzero(np.bincount(design.cluster[inside])))
                half = t_critical(level, clusters - 1) * error
                lines.append(
                    Detail(
                        name=f"{rate.name}, {name}",
                        outcome=rate.outcome,
                        arm=label,
                        n=int(inside.sum()),
                        estimate=estimate,
                        ci=(estimate - half, estimate + half),
                    )
                )
    return tuple(lines)
