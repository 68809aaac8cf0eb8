"""Looks at fixed days: which days, the means at each of them, and ranges that spend one error."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats

from whatif.base.arrays import Floats, Ints
from whatif.base.errors import Problem, UsageError
from whatif.contract.clock import read_moments
from whatif.contract.spec import DecisionSpec, StudySpec
from whatif.effects.cells import Cells
from whatif.effects.joint import Joint, joint
from whatif.effects.looks.critical import boundaries
from whatif.effects.looks.rules import Quantity
from whatif.effects.rows import Ends, Segment
from whatif.scores.record import Scores

MOST_LOOKS = 30


def look_days(decision: DecisionSpec, *, first: dt.date) -> tuple[dt.date, ...]:
    """Return the days of a study's looks, oldest first: every so many days back from the last.

    Parameters
    ----------
    decision : DecisionSpec
        Decided `on` a day, looked at `every` so many days from `start`.
    first : date
        First day in the data, for a decision without `start`.

    Raises
    ------
    UsageError
        If the decision day does not lie after the first day, or there are more than 30 looks.

    Examples
    --------
    >>> rule = DecisionSpec(on=dt.date(2026, 12, 15), looks="scheduled", every="7d")
    >>> [str(day) for day in look_days(rule, first=dt.date(2026, 12, 1))]
    ['2026-12-08', '2026-12-15']
    """
    begun = decision.start or first
    if decision.on is None or decision.on <= begun:
        raise UsageError(
            Problem(
                what=f"decision.on {decision.on} does not lie after {begun}, the first day.",
                why="scheduled looks are spread from the first day to the day of the decision.",
                fix="set `on:` to the day of the decision.",
            )
        )
    step = dt.timedelta(days=int(decision.every.removesuffix("d")))
    looks = -((begun - decision.on) // step)
    if looks > MOST_LOOKS:
        raise UsageError(
            Problem(
                what=f"decision.every {decision.every!r} makes {looks} looks from {begun} to "
                f"{decision.on}; at most {MOST_LOOKS} are possible.",
                why="each look widens the ranges of all later ones.",
                fix="set `every:` to more days, or use `looks: anytime`.",
            )
        )
    return tuple(decision.on - k * step for k in reversed(range(looks)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Schedule:
    """The looks of a study and where its n units stand in them.

    Attributes
    ----------
    days : tuple of date
        Every day of a look, oldest first.
    fraction : ndarray, shape (len(days),)
        Share of the study's days behind each look; how much error may be spent depends on it.
    reached : int
        Looks whose day the data have reached. Rows after the last of them wait for the next.
    last_day : date
        Last day on which the outcome of a unit was complete.
    look : ndarray of int64, shape (n,)
        First look at which each unit counts; ``len(days)`` for units after the decision day.
    """

    days: tuple[dt.date, ...]
    fraction: Floats
    reached: int
    last_day: dt.date
    look: Ints


def schedule_of(scores: Scores, spec: StudySpec) -> Schedule:
    """Return the looks of a study whose scores hold its time column.

    A unit counts from the day of its row or, when outcomes are added up over a window, from the
    day on which its window was over.

    Raises
    ------
    UsageError
        As :func:`look_days`.
    ValueError
        If the study names no time column.
    """
    moments = read_moments(spec, scores.columns)
    if moments is None:
        raise ValueError("Scheduled looks need the moment of each row.")
    everyone = np.ones(scores.n, dtype=np.bool_)
    begun = spec.decision.start or moments.first_day(everyone)
    if spec.window is not None:
        length = pd.Timedelta(days=int(spec.window.removesuffix("d")))
        moments = replace(moments, stamps=moments.stamps + length)
    days = look_days(spec.decision, first=begun)
    last_day = moments.last_day(everyone)
    look = np.zeros(scores.n, dtype=np.int64)
    for day in days:
        look += ~moments.until(day)
    elapsed = np.array([(day - begun).days + 1 for day in days])
    return Schedule(
        days=days,
        fraction=elapsed / elapsed[-1],
        reached=sum(day <= last_day for day in days),
        last_day=last_day,
        look=look,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Past:
    """Means of one cell at its looks so far, under one clustered covariance across looks.

    Attributes
    ----------
    means : Joint
        Its cells are the units up to each look and the others; everyone are those up to the last.
    looks : tuple of int
        Index into ``means.cells`` of each look, oldest first.
    fraction : ndarray, shape (len(looks),)
        Share of the study behind each look.
    """

    means: Joint
    looks: tuple[int, ...]
    fraction: Floats


def past_means(scores: Scores, schedule: Schedule, rows: Ints) -> Past | None:
    """Return the means of the units `rows` at every look so far; None before every arm occurs.

    The covariance across looks is that of influence values summed within clusters over the rows
    up to each look: customers who come back tie the looks together.
    """
    rows = rows[schedule.look[rows] < schedule.reached]
    look, arm = schedule.look[rows], scores.arm[rows]
    seen = [look[arm == a] for a in range(len(scores.arms))]
    if any(one.size == 0 for one in seen):
        return None
    new = np.bincount(look, minlength=schedule.reached)
    last = schedule.reached - 1
    begun = max(int(one.min()) for one in seen)
    # A look that nobody joins before the next one is the same look with more error to spend.
    kept = [j for j in range(begun, last + 1) if j == last or new[j + 1] > 0]
    cells = _look_cells(np.searchsorted(kept, look), len(kept))
    return Past(
        means=joint(_take(scores, rows), cells),
        looks=(*(2 + 2 * j for j in range(len(kept) - 1)), 0),
        fraction=schedule.fraction[kept],
    )


def _look_cells(position: Ints, looks: int) -> Cells:
    """Cut units by whether they count at each look but the last, and by all of these at once."""
    names = tuple(f"look {j}" for j in range(looks - 1))
    segments: list[Segment] = [()]
    codes = []
    for j, name in enumerate(names):
        codes.append(len(segments) + (position <= j))
        segments += [((name, False),), ((name, True),)]
    dimensions: list[tuple[str, ...]] = [(name,) for name in names]
    if len(names) > 1:
        dimensions.append(names)
        codes.append(len(segments) + position)
        segments += [tuple((name, b <= j) for j, name in enumerate(names)) for b in range(looks)]
    return Cells(
        segments=tuple(segments),
        dimensions=tuple(dimensions),
        starts=tuple(range(1, 1 + 2 * len(dimensions), 2)),
        code=np.stack(codes).T if codes else np.zeros((position.size, 0), dtype=np.int64),
    )


def _take(scores: Scores, rows: Ints) -> Scores:
    return replace(
        scores,
        gamma=scores.gamma.take(rows, axis=0),
        mass=scores.mass.take(rows),
        propensity=scores.propensity.take(rows, axis=0),
        arm=scores.arm.take(rows),
        y=scores.y.take(rows, axis=0),
        cluster=scores.cluster.take(rows),
        fold=scores.fold.take(rows),
        weight=scores.weight.take(rows),
        unit=scores.unit.iloc[rows],
        columns=scores.columns.iloc[rows, :0],
    )


def scheduled_range(past: Past, quantity: Quantity, *, arm: int, alpha: float) -> Ends:
    """Return the repeated interval of the last look; unbounded before the first.

    ``estimate ± c_j · error_j`` with the c of :func:`~whatif.effects.sequential.boundaries` for
    the looks that had enough data, carried to Student's t by ``t⁻¹_ν(Φ(c))``. All looks together
    miss with chance at most `alpha`.

    References
    ----------
    Jennison & Turnbull (1989), Interim analyses: the repeated confidence interval approach, JRSS
    B 51(3), 305–361.
    """
    means = past.means
    ready = [j for j, s in enumerate(past.looks) if quantity.enough(means, cell=s, arm=arm)]
    if not ready:
        return (None, None)
    found = [quantity.of(means, cell=past.looks[j], arm=arm) for j in ready]
    gradients = np.stack([gradient for _, gradient in found])
    covariance = gradients @ means.sigma @ gradients.T
    error = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    if not (error > 0).all():
        return (None, None)
    critical = boundaries(covariance / np.outer(error, error), past.fraction[ready], alpha)[-1]
    wide = float(stats.t.isf(stats.norm.sf(critical), means.degrees(0, arm)))
    if not np.isfinite(wide):
        return (None, None)
    value, half = found[-1][0], wide * float(error[-1])
    return (value - half, value + half)
