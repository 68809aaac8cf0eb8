"""What an arm is worth a unit and a month, and the worth of an order at which it pays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from whatif.base.records import BreakEven, Money, MoneyPart
from whatif.contract.spec import ValueSpec
from whatif.effects.bands import t_critical
from whatif.effects.contrasts import Estimate, Metric, Term, total
from whatif.effects.joint import Joint
from whatif.effects.minimum import enough_for_interval
from whatif.effects.ratio_sets import ratio_of
from whatif.effects.rows import Ends, Segment
from whatif.scores.record import Scores, Target

DAYS_PER_MONTH = 30.44


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyRow:
    """What giving one arm instead of another is worth, to everyone or in a segment.

    Attributes
    ----------
    arm, versus : str
        The arm that is given, and the one it replaces.
    segment : tuple of (column, level)
        Who gets it; empty for everyone.
    currency : str
        Code such as ``"USD"``; empty where the study names none.
    n, clusters : int
        Units and clusters in the segment.
    per_unit, std_error : float
        Money per unit of the segment, positive for a gain, and its clustered error.
    ci : (low, high)
        Interval of `per_unit`; None is unbounded.
    units_per_month : float or None
        Units a month in the whole population; None where neither study nor data say.
    per_month, per_month_std_error : float or None
        Money a month: the segment's share of `units_per_month` times `per_unit`, with the share as
        uncertain as it is.
    per_month_ci : (low, high)
        Interval of `per_month`.
    break_even : BreakEven or None
        The worth of one more of the first outcome that is worth something, at which gain and cost
        cancel; None without such an outcome, or without an interval.
    critical : float or None
        Critical value of the intervals; None below ten clusters an arm.
    df : int
        Degrees of freedom behind it.
    target : str
        Whom the number speaks of.
    """

    arm: str
    versus: str
    segment: Segment
    currency: str
    n: int
    clusters: int
    per_unit: float
    std_error: float
    ci: Ends
    units_per_month: float | None
    per_month: float | None
    per_month_std_error: float | None
    per_month_ci: Ends
    break_even: BreakEven | None
    critical: float | None
    df: int
    target: Target


def units_per_month(value: ValueSpec, *, units: int, days: int | None) -> float | None:
    """Return units a month: as declared, else units / days covered × 30.44; None without days.

    Examples
    --------
    >>> units_per_month(ValueSpec(currency="USD", per={"y": 1.0}), units=100, days=50)
    60.88
    """
    if value.units_per_month != "auto":
        return float(value.units_per_month)
    return None if days is None else units / days * DAYS_PER_MONTH


def monthly_units(value: ValueSpec, scores: Scores, *, days: int | None) -> float | None:
    """Return units a month that averages of `scores` speak of; None where nobody knows.

    A study's number counts everyone. Averages over units that got an arm speak of their share of
    it; those weighted by overlap speak of no number of units.

    Parameters
    ----------
    value : ValueSpec
        Money as declared.
    scores : Scores
        Scores of n units.
    days : int or None
        Days they cover.
    """
    everyone = units_per_month(value, units=scores.n, days=days)
    if everyone is None or scores.target == "overlap":
        return None
    return everyone * float(scores.weight @ scores.mass / scores.weight.sum())


def money(means: Joint, value: ValueSpec, *, arm: int, per_month: float, level: float) -> Money:
    """Value giving everyone `arm` instead of the control, per month, with its interval."""
    made = money_row(means, value, arm=arm, per_month=per_month, level=level)
    return Money(
        arm=made.arm,
        versus=made.versus,
        currency=made.currency,
        units_per_month=per_month,
        estimate=per_month * made.per_unit,
        ci=made.per_month_ci,
        break_even=made.break_even,
        parts=_parts(means, value, arm=arm, per_month=per_month, critical=made.critical),
    )


def _parts(
    means: Joint, value: ValueSpec, *, arm: int, per_month: float, critical: float | None
) -> tuple[MoneyPart, ...]:
    """Return the money a month of each valued outcome alone, then what the arm itself costs."""
    parts = []
    for outcome in (name for name in means.outcomes if value.per.get(name)):
        worth = value.per[outcome]
        alone = ValueSpec(currency=value.currency, per={outcome: worth})
        gain = total(means, _worth(means, alone, cell=0, arm=arm, versus=0))
        estimate, error = per_month * gain.value, per_month * means.error(gain.gradient)
        ends = _ends(estimate, error, critical)
        parts.append(MoneyPart(outcome=outcome, worth=worth, estimate=estimate, ci=ends))
    paid = value.arm_cost.get(means.arms[arm], 0.0) - value.arm_cost.get(means.arms[0], 0.0)
    if paid:
        cost = -per_month * paid
        parts.append(MoneyPart(outcome=None, worth=-paid, estimate=cost, ci=(cost, cost)))
    return tuple(parts)


def money_row(
    means: Joint,
    value: ValueSpec,
    *,
    arm: int,
    versus: int = 0,
    cell: int = 0,
    per_month: float | None,
    level: float,
) -> MoneyRow:
    """Value giving the units of a cell `arm` instead of `versus`.

    Linear in the joint means, so its error from Σ is exact; the covariance of orders and cost is
    in it. Break-even is Fieller's set for the first outcome with a positive worth.

    Parameters
    ----------
    means : Joint
        Joint means; both arms must occur in the cell.
    value : ValueSpec
        What one unit of each outcome is worth, and what an arm costs per unit.
    arm, versus, cell : int
        By index into `means`.
    per_month : float or None
        Units a month in the whole population.
    level : float
        Coverage of the intervals.
    """
    gain = total(means, _worth(means, value, cell=cell, arm=arm, versus=versus))
    paid = value.arm_cost.get(means.arms[arm], 0.0) - value.arm_cost.get(means.arms[versus], 0.0)
    net = Estimate(value=gain.value - paid, gradient=gain.gradient)
    places = [(cell, arm), (cell, versus)]
    df = means.degrees_of(places)
    honest = df > 0 and enough_for_interval(means, places)
    critical = t_critical(level, df) if honest else None
    error, monthly = means.error(net.gradient), _monthly(means, net, cell, per_month)
    monthly_error = None if monthly is None else means.error(monthly.gradient)
    return MoneyRow(
        arm=means.arms[arm],
        versus=means.arms[versus],
        segment=means.cells.segments[cell],
        currency=value.currency,
        n=int(means.counts.units[cell]),
        clusters=int(means.counts.clusters[cell]),
        per_unit=net.value,
        std_error=error,
        ci=_ends(net.value, error, critical),
        units_per_month=per_month,
        per_month=None if monthly is None else monthly.value,
        per_month_std_error=monthly_error,
        per_month_ci=_ends(None if monthly is None else monthly.value, monthly_error, critical),
        break_even=_break_even(means, value, net, pair=(arm, versus), cell=cell, critical=critical),
        critical=critical,
        df=df,
        target=means.target,
    )


def _worth(means: Joint, value: ValueSpec, *, cell: int, arm: int, versus: int) -> list[Term]:
    return [
        Term(
            coefficient=sign * value.per[name],
            metric=Metric(name=name, numerator=k),
            cell=cell,
            arm=which,
        )
        for k, name in enumerate(means.outcomes)
        if name in value.per
        for which, sign in ((arm, 1.0), (versus, -1.0))
    ]


def _monthly(means: Joint, net: Estimate, cell: int, per_month: float | None) -> Estimate | None:
    """Return ``N p net`` with p the cell's share; the gradient goes on into the shares."""
    if per_month is None:
        return None
    share = float(means.share[cell])
    of_shares = np.zeros(means.share.size)
    of_shares[cell] = net.value
    gradient = per_month * np.concatenate([share * net.gradient, of_shares])
    return Estimate(value=per_month * share * net.value, gradient=gradient)


def _ends(estimate: float | None, error: float | None, critical: float | None) -> Ends:
    if estimate is None or error is None or critical is None:
        return (None, None)
    return (estimate - critical * error, estimate + critical * error)


def _break_even(
    means: Joint,
    value: ValueSpec,
    net: Estimate,
    *,
    pair: tuple[int, int],
    cell: int,
    critical: float | None,
) -> BreakEven | None:
    """Solve ``worth · gain + rest = 0`` for the worth of one more of the first valued outcome."""
    ordered = next((k for k in means.outcomes if value.per.get(k, 0.0) > 0), None)
    if ordered is None or critical is None:
        return None
    one_more = ValueSpec(currency=value.currency, per={ordered: 1.0})
    gain = total(means, _worth(means, one_more, cell=cell, arm=pair[0], versus=pair[1]))
    worth = value.per[ordered]
    paid = Estimate(
        value=worth * gain.value - net.value, gradient=worth * gain.gradient - net.gradient
    )
    found = ratio_of(means, paid, gain, critical)
    return BreakEven(
        outcome=ordered,
        value=paid.value / gain.value if gain.value != 0 else None,
        kind=found.kind,
        ends=found.ends,
        pays_above=bool(gain.value > 0),
    )
