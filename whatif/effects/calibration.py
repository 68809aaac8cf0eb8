"""True effects of a pool whose outcomes under every arm are known, and whether ranges hold them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from whatif.base.arrays import Floats
from whatif.effects.cells import Cells
from whatif.effects.contrasts import Metric
from whatif.effects.rows import EffectRow, EffectRows, Segment

Truth = Mapping[tuple[str, int, Segment], float]
"""From metric, arm and segment to the true effect; absent where a ratio divides by nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """Whether one interval, or one band over all its segments, held the truth.

    Attributes
    ----------
    outcome, arm : str
        Metric, and the arm compared with the control.
    dimension : tuple of str
        Segment columns of the band; empty for the interval of the overall effect.
    covered : bool
        Whether every truth lay inside.
    miss : float or None
        Estimate minus truth; None for bands.
    """

    outcome: str
    arm: str
    dimension: tuple[str, ...]
    covered: bool
    miss: float | None


def true_effects(
    potential: Floats, weight: Floats, cells: Cells, metrics: tuple[Metric, ...]
) -> Truth:
    """Return every arm's effect on every metric in every cell of a pool.

    Parameters
    ----------
    potential : ndarray, shape (n, A, K)
        Mean outcome of each row under each arm; arm 0 is the control.
    weight : ndarray, shape (n,)
        How much of the population a row stands for.
    cells : Cells
        Cells over the same rows.
    metrics : tuple of Metric
        Outcomes and ratios by index into the K outcomes.

    Examples
    --------
    >>> import pandas as pd
    >>> from whatif.effects.cells import cut
    >>> everyone = cut(pd.DataFrame(index=range(2)), ())
    >>> potential = np.array([[[0.0], [1.0]], [[2.0], [2.0]]])
    >>> true_effects(potential, np.array([3.0, 1.0]), everyone, (Metric(name="y", numerator=0),))
    {('y', 1, ()): 0.75}
    """
    out: dict[tuple[str, int, Segment], float] = {}
    for d in (-1, *range(len(cells.dimensions))):
        code = cells.codes(d, np.arange(weight.size))
        for cell in cells.of_dimension(d):
            inside = code == cell
            mean = np.tensordot(weight[inside], potential[inside], axes=1) / weight[inside].sum()
            for metric in metrics:
                value = _of_metric(mean, metric)
                if value is not None:
                    for arm in range(1, value.size):
                        key = (metric.name, arm, cells.segments[cell])
                        out[key] = float(value[arm] - value[0])
    return out


def _of_metric(mean: Floats, metric: Metric) -> Floats | None:
    if metric.denominator is None:
        return mean[:, metric.numerator]
    below = mean[:, metric.denominator]
    return None if (below <= 0).any() else np.asarray(mean[:, metric.numerator] / below)


def hits(effects: EffectRows, truth: Truth, arms: tuple[str, ...]) -> Iterator[Hit]:
    """Compare the planned ranges of one draw with the truth; rows without a range are left out.

    Raises
    ------
    ValueError
        If an effect names an arm that is not in `arms`.
    """
    planned = [row for row in effects.effects if row.planned and row.shown == "shown"]
    known = [
        (row, truth[key])
        for row in planned
        if (key := (row.outcome, arms.index(row.arm), row.segment)) in truth
    ]
    for _, family in groupby(known, key=lambda pair: (pair[0].family, not pair[0].segment)):
        held = [
            (row, value, inside)
            for row, value in family
            if (inside := _inside(row, value)) is not None
        ]
        if held:
            yield _hit(held)


def _inside(row: EffectRow, truth: float) -> bool | None:
    low, high = row.band if row.segment else row.ci
    if low is None and high is None:
        return None
    return (low is None or low <= truth) and (high is None or truth <= high)


def _hit(held: list[tuple[EffectRow, float, bool]]) -> Hit:
    row, truth, _ = held[0]
    overall = not row.segment and row.estimate is not None
    return Hit(
        outcome=row.outcome,
        arm=row.arm,
        dimension=tuple(name for name, _ in row.segment),
        covered=all(inside for _, _, inside in held),
        miss=row.estimate - truth if overall and row.estimate is not None else None,
    )


def share_error(count: int, draws: int) -> float:
    """Return the Monte Carlo error of a share, one hit and one miss added: 0 of 200 is not 0 ± 0.

    Examples
    --------
    >>> round(share_error(0, 200), 4), round(share_error(100, 200), 4)
    (0.0049, 0.0352)
    """
    near = (count + 1) / (draws + 2)
    return float(np.sqrt(near * (1 - near) / (draws + 2)))
