"""Which effect is asked about, and how it is to be learned: checked once, at the edge."""

from __future__ import annotations

from dataclasses import dataclass

from whatif.base.errors import EstimationError, Problem, UsageError, did_you_mean
from whatif.contract.spec import OutcomeSpec, RatioSpec, StudySpec, metric_name
from whatif.effects.predicted.clustered import degrees
from whatif.engines.econml_cate import FINALS, Final
from whatif.scores.record import Scores
from whatif.scores.surfaces import Held, Surface, effect_surfaces, require_everyone


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Question:
    """Whose effect, learned how: the checked form of what a caller asked for."""

    scores: Scores
    spec: StudySpec
    outcome: OutcomeSpec
    k: int
    covariates: tuple[str, ...]
    final: Final

    @property
    def sign(self) -> float:
        """1 where a higher outcome is better, else −1."""
        return 1.0 if self.outcome.better == "higher" else -1.0

    @property
    def surfaces(self) -> tuple[Surface, ...]:
        """What the surface of every arm but the control is learned from."""
        return effect_surfaces(
            self.scores,
            outcome=self.k,
            covariates=self.covariates,
            final=self.final,
            seed=self.spec.seed,
        )

    def degrees(self, held: Held, arm: int) -> int:
        """Return the degrees of freedom of a held-out part."""
        scores = self.scores
        return degrees(
            cluster=scores.cluster[held.rows],
            arm=scores.arm[held.rows],
            compared=(0, arm),
            assigned=scores.clusters_assigned,
        )


def question(scores: Scores, spec: StudySpec, *, outcome: str | None, final: str) -> Question:
    """Check what was asked for.

    Parameters
    ----------
    scores : Scores
        The score table.
    spec : StudySpec
        The study.
    outcome : str or None
        An outcome column; None is the primary metric.
    final : str
        ``"causal_forest"``, ``"score_forest"`` or ``"linear"``.

    Raises
    ------
    UsageError
        If the outcome or surface is unknown or a ratio, or the study's target is not everyone.
    EstimationError
        If the run kept no column that effects could vary with.
    """
    require_everyone(scores)
    chosen = outcome_of(spec, outcome)
    finals = {known.name: known for known in FINALS}
    if final not in finals:
        raise UsageError(
            Problem(
                what=f"There is no effect surface {final!r}.",
                why="surfaces differ in what they can express, so none stands in for another.",
                fix=did_you_mean(final, list(finals)),
            )
        )
    return Question(
        scores=scores,
        spec=spec,
        outcome=chosen,
        k=scores.outcomes.index(chosen.column),
        covariates=_covariates(scores, spec),
        final=finals[final],
    )


def outcome_of(spec: StudySpec, name: str | None) -> OutcomeSpec:
    """Return the outcome `name`, or the primary one.

    Raises
    ------
    UsageError
        If it is unknown, or a ratio.
    """
    known = {metric_name(metric): metric for metric in spec.metrics}
    asked = metric_name(spec.primary) if name is None else name
    if asked not in known:
        raise UsageError(
            Problem(
                what=f"There is no outcome {asked!r}.",
                why="only declared outcomes have scores.",
                fix=did_you_mean(asked, [outcome.column for outcome in spec.outcomes]),
            )
        )
    metric = known[asked]
    if isinstance(metric, RatioSpec):
        raise UsageError(
            Problem(
                what=f"{asked!r} is a ratio, which no single unit has.",
                why="effects by covariates are learned from the score of each unit.",
                fix=f"ask for {metric.numerator!r} or {metric.denominator!r}.",
            )
        )
    return metric


def _covariates(scores: Scores, spec: StudySpec) -> tuple[str, ...]:
    """Return the kept columns, the clock only where the study names it as a covariate."""
    clock = {spec.time} - set(spec.covariates or ())
    names = tuple(str(name) for name in scores.columns if name not in clock)
    if not names:
        raise EstimationError(
            Problem(
                what="This run kept no pre-treatment column.",
                why="effects can only differ by what was known before treatment.",
                fix="name `covariates` or `segments` in the study and run it again.",
            )
        )
    return names
