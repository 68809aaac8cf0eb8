"""DoWhy's attribution of the same move, beside ours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from whatif.base.errors import Problem, UsageError
from whatif.base.rng import integer_seed
from whatif.engines.dowhy_attribution import change_of_mean
from whatif.scenarios.attribution.attribute import Attribution
from whatif.scenarios.attribution.observed import named_cells
from whatif.scenarios.attribution.periods import Periods
from whatif.scenarios.attribution.shapley import PARTS

DRAWS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherPart:
    """One part of a move as DoWhy splits it.

    Attributes
    ----------
    part : str
        As in `Part`.
    estimate : float
        Mean over several ways to split rows in folds, in the outcome's unit.
    seed_sd : float
        Standard deviation between those ways.
    apart : float or None
        Distance from our estimate in our standard errors; None where ours has no error.
    """

    part: str
    estimate: float
    seed_sd: float
    apart: float | None


def second_opinion(periods: Periods, found: Attribution, *, seed: int) -> tuple[OtherPart, ...]:
    """Ask DoWhy for the parts of a move that was split.

    Parameters
    ----------
    periods, found : Periods, Attribution
        What was split, and how.
    seed : int
        The study's seed.

    Raises
    ------
    UsageError
        If the move is one of a ratio or of weighted units, or a period lacks a segment or arm:
        DoWhy splits plain means of cells that occur in both.
    """
    why = _unfit(periods, found)
    if why:
        raise UsageError(
            Problem(
                what=f"DoWhy has no second opinion: {why}.",
                why="it splits plain means over segments and arms that occur in both periods.",
                fix="leave out `second_opinion`, or ask about an outcome of such units.",
            )
        )
    kept, _ = named_cells(periods)
    made = change_of_mean(
        kept.units.period,
        kept.cell,
        kept.units.arm,
        kept.units.top,
        draws=DRAWS,
        seed=integer_seed(seed, "attribution"),
    )
    ours = {part.part: part for part in found.parts}
    return tuple(
        OtherPart(
            part=name,
            estimate=float(draws.mean()),
            seed_sd=float(draws.std(ddof=1)),
            apart=abs(float(draws.mean()) - ours[name].estimate) / ours[name].std_error
            if ours[name].std_error > 0
            else None,
        )
        for name, draws in zip(PARTS, made.T, strict=True)
    )


def _unfit(periods: Periods, found: Attribution) -> str:
    if periods.ratio:
        return "a ratio is not a mean"
    if np.ptp(periods.units.weight) > 0:
        return "units are weighted"
    return "a segment or an arm is absent from a period" if found.borrowed else ""
