"""What a run could see, wired: from its effects or its stored scores to power with readings."""

from __future__ import annotations

from whatif.contract.spec import StudySpec, metric_name
from whatif.effects.joint import Joint
from whatif.effects.looks.ranges import Looks, take_looks, with_looks
from whatif.effects.power.after import sizes_seen
from whatif.effects.power.sized import Sized
from whatif.effects.rows import EffectRows
from whatif.effects.table import effect_rows
from whatif.scores.record import Scores
from whatif.verdict.chances import Power, power_of


def power_seen(
    effects: EffectRows, means: Joint, looks: Looks | None, spec: StudySpec, *, days: int | None
) -> tuple[Power, ...]:
    """Return how small an effect a run could see, for every planned effect."""
    return with_chances(sizes_seen(effects, means, looks, spec, days=days), spec)


def power_of_scores(scores: Scores, spec: StudySpec, *, days: int | None) -> tuple[Power, ...]:
    """Return the same from stored scores."""
    means, effects = effect_rows(scores, spec)
    looks = take_looks(scores, means, spec)
    return power_seen(with_looks(effects, looks, means, spec), means, looks, spec, days=days)


def with_chances(sizes: tuple[Sized, ...], spec: StudySpec) -> tuple[Power, ...]:
    """Return rows of power with the chance of each reading."""
    metrics = {metric_name(metric): metric for metric in spec.metrics}
    return tuple(
        power_of(
            one.row,
            metrics[one.row.outcome],
            None if one.precision is None else one.precision.law,
        )
        for one in sizes
    )
