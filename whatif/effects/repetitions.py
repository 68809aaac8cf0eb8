"""How much answers hang on the drawing of the folds, when a study draws them several times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from whatif.base.errors import Notice, Problem
from whatif.contract.spec import StudySpec
from whatif.effects.populations import difference
from whatif.effects.rows import EffectRows
from whatif.effects.table import metrics_of
from whatif.scores.record import Scores

LARGEST_SHARE = 0.2
"""Spread over drawings of the folds, as a share of the error, that passes without a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepetitionSpread:
    """One overall effect over R drawings of the folds.

    Attributes
    ----------
    outcome, arm : str
        Outcome or ratio, and the arm compared with the control.
    repetitions : int
        R.
    mean, median : float
        Over the drawings, in the outcome's unit; the effect shown averages the scores, which for
        an outcome is the mean.
    sd : float
        Standard deviation between drawings: what one drawing alone would have left to luck.
    monte_carlo_error : float
        ``sd / √R``, what is left to luck in the effect shown.
    std_error : float
        Clustered error of the effect shown.
    """

    outcome: str
    arm: str
    repetitions: int
    mean: float
    median: float
    sd: float
    monte_carlo_error: float
    std_error: float


def repetition_spread(
    scores: Scores, effects: EffectRows, spec: StudySpec
) -> tuple[RepetitionSpread, ...]:
    """Return the spread of every overall effect over drawings of the folds; empty for one drawing.

    References
    ----------
    Chernozhukov et al. (2018), The Econometrics Journal 21(1), C1–C68, section 3.4 (mean and
    median over splits).
    """
    count = len(scores.repeats)
    if count == 1:
        return ()
    metrics = {metric.name: metric for metric in metrics_of(spec)}
    found = []
    for row in effects.effects:
        if row.segment or not row.std_error or row.estimate is None:
            continue
        metric, arm = metrics[row.outcome], scores.arms.index(row.arm)
        drawn = np.array([difference(theta, metric, arm) for theta in scores.repeats])
        sd = float(drawn.std(ddof=1))
        found.append(
            RepetitionSpread(
                outcome=row.outcome,
                arm=row.arm,
                repetitions=count,
                mean=float(drawn.mean()),
                median=float(np.median(drawn)),
                sd=sd,
                monte_carlo_error=sd / count**0.5,
                std_error=row.std_error,
            )
        )
    return tuple(found)


def repetition_notice(spread: tuple[RepetitionSpread, ...]) -> tuple[Notice, ...]:
    """Name the effects whose spread over drawings is above a fifth of their error."""
    large = [one for one in spread if one.sd > LARGEST_SHARE * one.std_error]
    if not large:
        return ()
    named = "; ".join(
        f"{one.outcome} ({one.arm}): {one.sd / one.std_error:.0%} of its error, "
        f"{one.monte_carlo_error / one.std_error:.0%} left after averaging {one.repetitions}"
        for one in large
    )
    problem = Problem(
        what=f"Drawing the folds anew moves some effects by much of their own error: {named}.",
        why="the range of an effect does not count this luck.",
        fix="raise `repetitions`; more data or fewer covariates make the models steadier.",
    )
    return (Notice(code="unsteady_folds", problem=problem),)
