"""What an arm is worth a month, and the worth of an order at which it pays."""

from __future__ import annotations

import numpy as np

from whatif.base.arrays import Floats
from whatif.base.records import BreakEven, Money
from whatif.contract.spec import ValueSpec
from whatif.effects.bands import t_critical
from whatif.effects.contrasts import Metric, contrast
from whatif.effects.fieller import fieller
from whatif.effects.joint import Joint

DAYS_PER_MONTH = 30.44


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


def money(means: Joint, value: ValueSpec, *, arm: int, per_month: float, level: float) -> Money:
    """Value giving everyone `arm` instead of the control, per month, with its interval.

    Linear in the joint means, so its error from Σ is exact; the covariance of orders and cost is
    in it. Break-even is Fieller's set for the first outcome with a positive worth.
    """
    n_outcomes = len(means.outcomes)
    gains = [contrast(means, Metric(name=k, numerator=i), cell=0, arm=arm)
             for i, k in enumerate(means.outcomes)]  # fmt: skip
    worth = np.array([value.per.get(name, 0.0) for name in means.outcomes])
    paid = value.arm_cost.get(means.arms[arm], 0.0) - value.arm_cost.get(means.arms[0], 0.0)
    gradient = sum((w * g.gradient for w, g in zip(worth, gains, strict=True)), start=np.zeros(1))
    estimate = float(worth @ np.array([g.difference for g in gains])) - paid
    critical = t_critical(level, means.degrees(0, arm))
    half = critical * float(np.sqrt(gradient @ means.sigma @ gradient))
    ordered = next((i for i in range(n_outcomes) if worth[i] > 0), None)
    return Money(
        arm=means.arms[arm],
        versus=means.arms[0],
        currency=value.currency,
        units_per_month=per_month,
        estimate=per_month * estimate,
        ci=(per_month * (estimate - half), per_month * (estimate + half)),
        break_even=None
        if ordered is None
        else _break_even(
            means.outcomes[ordered],
            gain=(gains[ordered].difference, gains[ordered].gradient),
            rest=(estimate - worth[ordered] * gains[ordered].difference,
                  gradient - worth[ordered] * gains[ordered].gradient),
            sigma=means.sigma,
            critical=critical,
        ),
    )  # fmt: skip


def _break_even(
    outcome: str,
    *,
    gain: tuple[float, Floats],
    rest: tuple[float, Floats],
    sigma: Floats,
    critical: float,
) -> BreakEven:
    """Solve ``worth · gain + rest = 0`` for the worth of one more of `outcome`."""
    variances = (
        float(rest[1] @ sigma @ rest[1]),
        float(gain[1] @ sigma @ gain[1]),
        float(-rest[1] @ sigma @ gain[1]),
    )
    found = fieller(-rest[0], gain[0], variances=variances, critical=critical)
    return BreakEven(
        outcome=outcome,
        value=float(-rest[0] / gain[0]) if gain[0] != 0 else None,
        kind=found.kind,
        ends=found.ends,
        pays_above=bool(gain[0] > 0),
    )
