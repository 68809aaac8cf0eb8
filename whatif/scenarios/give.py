"""What if some units got an arm and the rest the control: a linear view of the scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from whatif.base.arrays import Bools, Floats
from whatif.base.errors import Problem, UsageError
from whatif.effects.bands import t_critical
from whatif.effects.contrasts import Metric
from whatif.scores.record import Scores


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioEffect:
    """Change of one metric per unit of the whole population, against control for everyone."""

    outcome: str
    versus: str
    estimate: float
    std_error: float
    ci: tuple[float, float]


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
        If `give` is not an arm, or nobody is chosen.
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
    scenario = np.where(chosen[:, None], scores.gamma[:, arm], scores.gamma[:, 0])
    critical = t_critical(level, int(np.unique(scores.cluster).size) - 1)
    effects = []
    for metric in metrics:
        after, after_influence = _mean(scenario, scores.weight, metric)
        before, before_influence = _mean(scores.gamma[:, 0], scores.weight, metric)
        error = _clustered_error(after_influence - before_influence, scores)
        gap = after - before
        effects.append(
            ScenarioEffect(
                outcome=metric.name,
                versus=scores.arms[0],
                estimate=gap,
                std_error=error,
                ci=(gap - critical * error, gap + critical * error),
            )
        )
    return ScenarioAnswer(give=give, where=where, n=int(chosen.sum()), effects=tuple(effects))


def _mean(values: Floats, weight: Floats, metric: Metric) -> tuple[float, Floats]:
    top = values[:, metric.numerator]
    n = float(np.average(top, weights=weight))
    if metric.denominator is None:
        return n, top - n
    bottom = values[:, metric.denominator]
    d = float(np.average(bottom, weights=weight))
    return n / d, ((top - n) - n / d * (bottom - d)) / d


def _clustered_error(influence: Floats, scores: Scores) -> float:
    weighted = influence * scores.weight / scores.weight.mean()
    sums = np.bincount(scores.cluster, weights=weighted)
    clusters = np.unique(scores.cluster).size
    factor = clusters / (clusters - 1) if clusters > 1 else np.nan
    return float(np.sqrt(factor * (sums**2).sum()) / scores.n)
