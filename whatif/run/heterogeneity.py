"""Questions about whom the arm helps more, asked of stored scores; each trains effect surfaces."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from whatif.base.errors import Problem, UsageError, did_you_mean
from whatif.base.rng import generator
from whatif.contract.spec import StudySpec
from whatif.effects.predicted.calibration import CalibrationRow, calibration_slope
from whatif.effects.predicted.in_turn import Combined, Part, combine
from whatif.effects.predicted.projection import ProjectionRow, best_linear_projection
from whatif.effects.predicted.ranking import CurvePoint, Measure, RankingRow, pooled_curve, rate
from whatif.effects.predicted.sorted_groups import (
    TOP_MINUS_BOTTOM,
    SortedGroupRow,
    medians,
    one_split,
    sort_into_groups,
)
from whatif.run.effect_question import Question, outcome_of
from whatif.scores.cate import Cate, fit_cate
from whatif.scores.record import Scores
from whatif.scores.surfaces import (
    Held,
    Surface,
    predicted_halves,
    predicted_in_turn,
    require_everyone,
)

GROUPS = 5
SPLITS = 21
"""Odd, so that a median over splits is one of them."""


def cate(asked: Question) -> Cate:
    """Predict every unit's effect out of fold."""
    return fit_cate(
        asked.scores,
        outcome=asked.k,
        covariates=asked.covariates,
        final=asked.final,
        seed=asked.spec.seed,
    )


def ranking(asked: Question) -> tuple[RankingRow, ...]:
    """Test by AUTOC and Qini whether ranking by predicted effect works, arm by arm.

    Raises
    ------
    EstimationError
        If a surface cannot be fitted, or a fold has under 10 clusters in an arm.
    """
    rows: list[RankingRow] = []
    for arm, surface in enumerate(asked.surfaces, start=1):
        held = predicted_in_turn(surface)
        for measure in Measure:
            made = _combined(asked, held, arm, _rate_of(asked, surface, measure))
            rows.append(
                RankingRow(
                    outcome=asked.outcome.column,
                    arm=asked.scores.arms[arm],
                    versus=asked.scores.arms[0],
                    measure=str(measure),
                    estimate=made.estimate,
                    std_error=made.std_error,
                    ci=made.ci,
                    statistic=made.statistic,
                    p_value=made.p_value,
                    works=_positive(made, asked.spec.level),
                    parts=made.parts,
                    final=asked.final.name,
                )
            )
    return tuple(rows)


def calibration(asked: Question) -> tuple[CalibrationRow, ...]:
    """Test whether effects follow their predictions, arm by arm.

    Raises
    ------
    EstimationError
        If a surface cannot be fitted, or a fold has under 10 clusters in an arm.
    """
    rows: list[CalibrationRow] = []
    for arm, surface in enumerate(asked.surfaces, start=1):
        made = _combined(asked, predicted_in_turn(surface), arm, _slope_of(surface))
        rows.append(
            CalibrationRow(
                outcome=asked.outcome.column,
                arm=asked.scores.arms[arm],
                versus=asked.scores.arms[0],
                slope=made.estimate,
                std_error=made.std_error,
                ci=made.ci,
                statistic=made.statistic,
                p_value=made.p_value,
                informative=_positive(made, asked.spec.level),
                parts=made.parts,
                final=asked.final.name,
            )
        )
    return tuple(rows)


Measured = Callable[[Held], tuple[float, float]]


def _rate_of(asked: Question, surface: Surface, measure: Measure) -> Measured:
    def measured(held: Held) -> tuple[float, float]:
        made = rate(
            asked.sign * surface.data.difference[held.rows],
            asked.sign * held.predicted,
            cluster=surface.cluster[held.rows],
            weight=surface.data.weight[held.rows],
            measure=measure,
        )
        return made.estimate, made.std_error

    return measured


def _slope_of(surface: Surface) -> Measured:
    def measured(held: Held) -> tuple[float, float]:
        return calibration_slope(
            surface.data.difference[held.rows],
            held.predicted,
            cluster=surface.cluster[held.rows],
            weight=surface.data.weight[held.rows],
        )

    return measured


def _combined(asked: Question, held: tuple[Held, ...], arm: int, measured: Measured) -> Combined:
    return combine(tuple(_parts(asked, held, arm, measured)), level=asked.spec.level)


def _parts(asked: Question, held: tuple[Held, ...], arm: int, measured: Measured) -> Iterator[Part]:
    for part in held:
        df = asked.degrees(part, arm)
        estimate, error = measured(part)
        yield Part(estimate=estimate, std_error=error, df=df)


def _positive(made: Combined, level: float) -> bool:
    if made.estimate is None or made.p_value is None:
        return False
    return made.estimate > 0 and made.p_value < 1 - level


def curve(asked: Question) -> tuple[CurvePoint, ...]:
    """Return the pooled curve of ranking by out-of-fold predictions, a picture without a test."""
    predicted = cate(asked).effect
    out: list[CurvePoint] = []
    for a, surface in enumerate(asked.surfaces):
        shares, gains = pooled_curve(
            asked.sign * surface.data.difference,
            asked.sign * predicted[:, a],
            fold=surface.fold,
            weight=surface.data.weight,
        )
        out += [
            CurvePoint(arm=asked.scores.arms[a + 1], share=float(share), gain=float(gain))
            for share, gain in zip(shares, gains, strict=True)
        ]
    return tuple(out)


def sorted_groups(asked: Question, *, splits: int = SPLITS) -> tuple[SortedGroupRow, ...]:
    """Average effects of five groups sorted by predicted effect, medians over `splits` splits.

    Raises
    ------
    EstimationError
        If a surface cannot be fitted, or a half has under 10 clusters in an arm.
    """
    draws = generator(asked.spec.seed, "sorted groups")
    rows: list[SortedGroupRow] = []
    for arm, surface in enumerate(asked.surfaces, start=1):
        made = medians(
            [
                one_split(
                    surface.data.difference[held.rows],
                    held.predicted,
                    sort_into_groups(
                        asked.sign * held.predicted,
                        weight=surface.data.weight[held.rows],
                        groups=GROUPS,
                        draws=draws,
                    ),
                    cluster=surface.cluster[held.rows],
                    weight=surface.data.weight[held.rows],
                    df=asked.degrees(held, arm),
                )
                for held in predicted_halves(surface, splits=splits)
            ],
            level=asked.spec.level,
        )
        names = [*(str(group) for group in range(1, GROUPS + 1)), TOP_MINUS_BOTTOM]
        rows += [
            SortedGroupRow(
                outcome=asked.outcome.column,
                arm=asked.scores.arms[arm],
                versus=asked.scores.arms[0],
                group=name,
                predicted=float(made.predicted[g]),
                estimate=float(made.estimate[g]),
                ci=(float(made.ci[g, 0]), float(made.ci[g, 1])),
                p_value=float(made.p_value[g]),
                splits=splits,
                final=asked.final.name,
            )
            for g, name in enumerate(names)
        ]
    return tuple(rows)


def projection(
    scores: Scores, spec: StudySpec, *, on: tuple[str, ...], outcome: str | None
) -> tuple[ProjectionRow, ...]:
    """Project the effect of every arm on the columns `on`.

    Raises
    ------
    UsageError
        If a column was not kept, the outcome is unknown or a ratio, or the study's target is not
        everyone.
    EstimationError
        If a column is constant or repeats others, or an arm has under 10 clusters.
    """
    require_everyone(scores)
    k = scores.outcomes.index(outcome_of(spec, outcome).column)
    kept = [str(name) for name in scores.columns]
    unknown = [name for name in on if name not in kept]
    if unknown or not on:
        raise UsageError(
            Problem(
                what=f"{', '.join(map(repr, unknown)) or 'Nothing'} was not kept with this run.",
                why="effects are projected on pre-treatment columns that the study names.",
                fix=did_you_mean((unknown or [""])[0], kept),
            )
        )
    return tuple(
        row
        for arm in range(1, len(scores.arms))
        for row in best_linear_projection(
            scores, scores.columns[list(on)], outcome=k, arm=arm, level=spec.level
        )
    )
