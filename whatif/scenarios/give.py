"""What if some units got an arm and the rest the control: a linear view of the scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from whatif.base.arrays import Bools, Floats
from whatif.base.errors import Problem, UsageError
from whatif.effects.bands import t_critical
from whatif.effects.contrasts import Metric
from whatif.effects.minimum import LEAST_ARM_CLUSTERS_FOR_INTERVAL
from whatif.scores.record import Scores


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioEffect:
    """Change of one metric per unit of the whole population, against control for everyone.

    Estimate and error are None for a ratio without orders to divide by; the interval is None below
    ten clusters an arm.
    """

    outcome: str
    versus: str
    estimate: float | None
    std_error: float | None
    ci: tuple[float | None, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioAnswer:
    """Answer to "give `give` to the units where `where`".

    Attributes
    ----------
    give, where : str
        The arm, and the row expression (empty for everyone).
    n : int
        Units that would get the arm.
    effects : tuple of ScenarioEffect
        One per outcome and ratio.
    """

    give: str
    where: str
    n: int
    effects: tuple[ScenarioEffect, ...]


def give_arm(
    scores: Scores,
    metrics: tuple[Metric, ...],
    *,
    give: str,
    chosen: Bools,
    where: str,
    level: float,
) -> ScenarioAnswer:
    """Value giving `give` to the units `chosen`, everyone else the control.

    Parameters
    ----------
    scores : Scores
        Scores of n units.
    chosen : ndarray of bool, shape (n,)
        Who gets the arm; must depend on pre-treatment columns only.

    Raises
    ------
    UsageError
        If `give` is not an arm, nobody is chosen, or the chosen never got one of the two arms.
    """
    if give not in scores.arms:
        raise UsageError(
            Problem(
                what=f"There is no arm {give!r}.",
                why="only arms that were observed have scores.",
                fix=f"give one of {', '.join(scores.arms)}.",
            )
        )
    if not chosen.any():
        raise UsageError(
            Problem(
                what=f"Nobody in the data satisfies {where!r}.",
                why="a scenario outside the data would be a guess.",
                fix="check the levels in the expression against the page's segments.",
            )
        )
    arm = scores.arms.index(give)
    _require_both_arms(scores, arm, chosen, where)
    scenario = np.where(chosen[:, None], scores.gamma[:, arm], scores.gamma[:, 0])
    clusters = _clusters(scores, arm)
    critical = (
        t_critical(level, clusters - 1) if clusters >= LEAST_ARM_CLUSTERS_FOR_INTERVAL else None
    )
    effects = tuple(_effect(scores, scenario, metric, critical) for metric in metrics)
    return ScenarioAnswer(give=give, where=where, n=int(chosen.sum()), effects=effects)


def _require_both_arms(scores: Scores, arm: int, chosen: Bools, where: str) -> None:
    missing = [scores.arms[a] for a in {0, arm} if not (scores.arm[chosen] == a).any()]
    if missing:
        raise UsageError(
            Problem(
                what=f"Nobody with {where!r} got {' or '.join(sorted(missing))}.",
                why="what the arm does there was never seen, so the answer would be a guess.",
                fix="ask about units that could get both arms.",
            )
        )


def _clusters(scores: Scores, arm: int) -> int:
    """Clusters that count for the degrees of freedom, as for the effects on the page."""
    if not scores.clusters_assigned:
        return int(np.unique(scores.cluster).size)
    return min(int(np.unique(scores.cluster[scores.arm == a]).size) for a in (0, arm))


def _effect(
    scores: Scores, scenario: Floats, metric: Metric, critical: float | None
) -> ScenarioEffect:
    after, before = (_mean(values, scores, metric) for values in (scenario, scores.gamma[:, 0]))
    if after is None or before is None:
        return ScenarioEffect(
            outcome=metric.name,
            versus=scores.arms[0],
            estimate=None,
            std_error=None,
            ci=(None, None),
        )
    gap = after[0] - before[0]
    error = _clustered_error(after[1] - before[1], scores) if critical is not None else None
    half = None if critical is None or error is None else critical * error
    return ScenarioEffect(
        outcome=metric.name,
        versus=scores.arms[0],
        estimate=gap,
        std_error=error,
        ci=(None, None) if half is None else (gap - half, gap + half),
    )


def _mean(values: Floats, scores: Scores, metric: Metric) -> tuple[float, Floats] | None:
    total = float(scores.weight @ scores.mass)
    top = values[:, metric.numerator]
    n = float(scores.weight @ top) / total
    if metric.denominator is None:
        return n, top - n * scores.mass
    bottom = values[:, metric.denominator]
    d = float(scores.weight @ bottom) / total
    if d <= 0.0:
        return None
    return n / d, (top - n / d * bottom) / d


def _clustered_error(influence: Floats, scores: Scores) -> float:
    weighted = influence * scores.weight / (scores.weight @ scores.mass / scores.n)
    sums = np.bincount(scores.cluster, weights=weighted)
    clusters = np.unique(scores.cluster).size
    factor = clusters / (clusters - 1) if clusters > 1 else np.nan
    return float(np.sqrt(factor * (sums**2).sum()) / scores.n)
