"""From the law of an estimate to a row of power, the same before and after a study."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from whatif.contract.spec import OutcomeSpec, RatioSpec
from whatif.effects.power.precision import Precision, asked_of, good_sign
from whatif.effects.power.row import PowerRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Sized:
    """A row of power and the law behind it; None where the row has no numbers."""

    row: PowerRow
    precision: Precision | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How large a whole study is: units, and the days they take (None: not known)."""

    units: int
    days: int | None


def sized(
    row: PowerRow,
    precision: Precision | None,
    metric: OutcomeSpec | RatioSpec,
    whole: Extent,
    *,
    effect: float | None = None,
) -> Sized:
    """Return `row` with its numbers; as it is where no range can be had.

    Parameters
    ----------
    row : PowerRow
        What the numbers are about.
    precision : Precision or None
        How exactly the effect is measured.
    metric : OutcomeSpec or RatioSpec
        Which direction is good, what matters, the limit.
    whole : Extent
        The whole study, for what it would need.
    effect : float, optional
        Size of an effect to see, in place of the study's.
    """
    if precision is None:
        return Sized(row=row, precision=None)
    law, asked = precision.law(), asked_of(metric, effect)
    smallest = precision.smallest(good_sign(metric))
    chance = times = None
    if asked is not None:
        chance = precision.law(asked.effect).passes(asked.distance)
        times = precision.times(asked.distance, asked.effect)
    positive = row.baseline is not None and row.baseline > 0
    made = replace(
        row,
        std_error=law.error,
        half_width=law.half_width,
        df=int(law.df),
        smallest=smallest,
        relative=smallest / row.baseline if smallest and positive and row.baseline else None,
        asked=None if asked is None else asked.distance,
        chance=chance,
        times=times,
        units_needed=None if times is None else math.ceil(times * whole.units),
        days_needed=None if times is None or not whole.days else math.ceil(times * whole.days),
    )
    return Sized(row=made, precision=precision)
