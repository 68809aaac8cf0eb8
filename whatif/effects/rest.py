"""Each segment against the rest of its dimension."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from whatif.base.arrays import Floats
from whatif.effects.bands import sup_t, t_critical
from whatif.effects.contrasts import Estimate, Metric
from whatif.effects.joint import Joint
from whatif.effects.rows import RestRow


def rest_rows(
    means: Joint,
    metric: Metric,
    *,
    arm: int,
    cells: Sequence[int],
    level: float,
    seed: int,
    family: str,
) -> tuple[RestRow, ...]:
    """Return the effect in each of `cells` minus the effect among everyone else.

    The rest pools the other cells by their shares of the population, which are estimated too; both
    uncertainties come from the joint covariance. A cell is left out where a ratio of the rest has
    nothing to divide by.

    Parameters
    ----------
    means : Joint
        Joint means.
    metric : Metric
        Outcome or ratio.
    arm : int
        Compared with the control.
    cells : sequence of int
        Cells of one dimension that are shown.
    level, seed : float, int
        Coverage of intervals and bands, and the study's seed.
    family : str
        Name of the dimension's family.
    """
    pairs = [(cell, against_rest(means, metric, cell=cell, arm=arm)) for cell in cells]
    found = [(cell, made) for cell, made in pairs if made is not None]
    df = min((means.degrees(cell, arm) for cell in cells), default=0)
    if not found or df == 0:
        return ()
    gradients = np.stack([made.gradient for _, made in found])
    critical = sup_t(gradients @ means.covariance @ gradients.T, level=level, df=df, seed=seed)
    alone = t_critical(level, df)
    return tuple(
        RestRow(
            outcome=metric.name,
            arm=means.arms[arm],
            versus=means.arms[0],
            segment=means.cells.segments[cell],
            estimate=made.value,
            std_error=(error := means.error(made.gradient)),
            ci=(made.value - alone * error, made.value + alone * error),
            band=(made.value - critical * error, made.value + critical * error),
            family=f"{family} · against the rest",
            critical=critical,
            df=df,
            target=means.target,
        )
        for cell, made in found
    )


def against_rest(means: Joint, metric: Metric, *, cell: int, arm: int) -> Estimate | None:
    """Return the effect in a cell minus that of everyone outside it; None without a rest.

    The gradient has a part for the shares: its length is that of ``means.covariance``.
    """
    if not 0.0 < means.share[cell] < 1.0:
        return None
    value, gradient = 0.0, np.zeros(len(means.covariance))
    for which, sign in ((arm, 1.0), (0, -1.0)):
        for rest, side in ((False, 1.0), (True, -1.0)):
            part = _mean(means, metric, cell, which, rest=rest)
            if part is None:
                return None
            value += sign * side * part.value
            gradient += sign * side * part.gradient
    return Estimate(value=value, gradient=gradient)


def _mean(means: Joint, metric: Metric, cell: int, arm: int, *, rest: bool) -> Estimate | None:
    top = _outcome(means, metric.numerator, cell, arm, rest=rest)
    if metric.denominator is None:
        return top
    bottom = _outcome(means, metric.denominator, cell, arm, rest=rest)
    if not bottom.value > 0.0:
        return None
    ratio = top.value / bottom.value
    return Estimate(value=ratio, gradient=(top.gradient - ratio * bottom.gradient) / bottom.value)


def _outcome(means: Joint, outcome: int, cell: int, arm: int, *, rest: bool) -> Estimate:
    """Mean of an outcome in the cell, or ``(θ_everyone − p θ_cell) / (1 − p)`` in its rest."""
    place = np.arange(means.theta.size).reshape(means.theta.shape)
    gradient: Floats = np.zeros(len(means.covariance))
    own = float(means.theta[cell, arm, outcome])
    if not rest:
        gradient[place[cell, arm, outcome]] = 1.0
        return Estimate(value=own, gradient=gradient)
    share = float(means.share[cell])
    value = (float(means.theta[0, arm, outcome]) - share * own) / (1.0 - share)
    gradient[place[0, arm, outcome]] = 1.0 / (1.0 - share)
    gradient[place[cell, arm, outcome]] = -share / (1.0 - share)
    gradient[means.theta.size + cell] = (value - own) / (1.0 - share)
    return Estimate(value=value, gradient=gradient)
