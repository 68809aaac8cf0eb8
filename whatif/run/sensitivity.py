"""Hidden causes of a run: what the page says, and questions asked of stored scores."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from whatif.base.arrays import Ints
from whatif.base.errors import EstimationError, Problem, UsageError, WhatIfError
from whatif.checks.benchmarking import measured_benchmarks
from whatif.checks.evidence import Evidence
from whatif.contract.outcomes import resolve_kind
from whatif.contract.spec import RatioSpec, StudySpec
from whatif.effects.cells import cut
from whatif.effects.rows import Segment
from whatif.effects.sensitivity.assess import Worth, hidden_cause, resting
from whatif.effects.sensitivity.bounds import bounded, bounded_like
from whatif.effects.sensitivity.record import (
    Benchmark,
    BoundedEffect,
    HiddenCause,
    Sensitivity,
)
from whatif.run.named import Where, declared, index_of, named, unfit
from whatif.scores.record import Scores

MONEY = "money"


def benchmarked(evidence: Evidence, *, quick: bool) -> Evidence:
    """Return the evidence with every covariate measured as a yardstick, where that can be done.

    Where it cannot, the check finds out again and gives the reason.
    """
    spec, design = evidence.spec, evidence.design
    known = design.kind == "experiment" or design.known is not None
    if quick or known or not design.features.names or isinstance(spec.primary, RatioSpec):
        return evidence
    try:
        return replace(evidence, benchmarks=measured_benchmarks(evidence))
    except (WhatIfError, ArithmeticError, np.linalg.LinAlgError):
        return evidence


def sensitivity_of(
    scores: Scores, spec: StudySpec, benchmarks: tuple[Benchmark, ...]
) -> Sensitivity | None:
    """Return how strong hidden causes must be, for every overall effect that can tell.

    None where chances are known, where nothing was adjusted for, and where no effect can tell.
    """
    if _refused(scores, spec) is not None:
        return None
    names = [outcome.column for outcome in spec.outcomes]
    if spec.value is not None:
        names.append(MONEY)
    found = tuple(_told(scores, spec, names))
    if not found:
        return None
    sides = [resting(scores, arm=arm) for arm in range(1, len(scores.arms))]
    both = tuple(side for pair in sides for side in pair)
    return Sensitivity(effects=found, benchmarks=benchmarks, resting=both)


def hidden_causes(
    scores: Scores, spec: StudySpec, *, outcome: str | None, segment: Where | None
) -> tuple[HiddenCause, ...]:
    """Return how one effect of every arm moves with the strength of a hidden cause.

    Raises
    ------
    UsageError
        If chances are known, nothing was adjusted for, the outcome is a ratio or not known, or the
        segment was not declared or does not occur.
    EstimationError
        If an arm has fewer than ten clusters there, or the models leave nothing to bound with.
    """
    refused = _refused(scores, spec)
    if refused is not None:
        raise UsageError(refused)
    primary = spec.primary.name if isinstance(spec.primary, RatioSpec) else spec.primary.column
    name = primary if outcome is None else outcome
    if name in {ratio.name for ratio in spec.ratios}:
        raise UsageError(
            Problem(
                what=f"{name!r} is a ratio, for which no bound is known in this version.",
                why="what a hidden cause does to a ratio is not the ratio of what it does.",
                fix="ask about its numerator and its denominator.",
            )
        )
    place = tuple(sorted((segment or {}).items()))
    rows = _rows(scores, spec, place) if place else None
    return tuple(
        hidden_cause(
            scores,
            _worth(scores, spec, name, arm),
            arm=arm,
            level=spec.level,
            rows=rows,
            segment=place,
        )
        for arm in range(1, len(scores.arms))
    )


def asked(
    scores: Scores,
    spec: StudySpec,
    answer: str,
    *,
    outcome: str | None,
    segment: Where | None,
    strength: tuple[float, float, float],
) -> tuple[tuple[HiddenCause, ...], tuple[Benchmark, ...], tuple[BoundedEffect, ...]]:
    """Return one effect of every arm, its benchmarks, and its bounds at every strength.

    Parameters
    ----------
    answer : str
        The run's ``answer.json``, which holds the benchmarks.
    outcome, segment
        As in `hidden_causes`, which says what may be raised.
    strength : (float, float, float)
        ``cf_y``, ``cf_d`` and ``rho``.
    """
    cf_y, cf_d, rho = strength
    if not (0.0 <= cf_y < 1.0 and 0.0 <= cf_d < 1.0 and abs(rho) <= 1.0):
        raise unfit("strength", "cf_y and cf_d are shares below 1, and rho lies from -1 to 1")
    causes = hidden_causes(scores, spec, outcome=outcome, segment=segment)
    stored = json.loads(answer).get("sensitivity") or {"benchmarks": []}
    measured = tuple(
        like
        for like in (Benchmark(**row) for row in stored["benchmarks"])
        if like.outcome == causes[0].outcome and not segment
    )
    rows = [
        row
        for cause in causes
        for row in (
            bounded(cause, cf_y=cf_y, cf_d=cf_d, rho=rho),
            *(bounded_like(cause, like) for like in measured if like.arm == cause.arm),
        )
    ]
    return causes, measured, tuple(rows)


def _told(scores: Scores, spec: StudySpec, names: list[str]) -> Iterator[HiddenCause]:
    for name in names:
        for arm in range(1, len(scores.arms)):
            try:
                worth = _worth(scores, spec, name, arm)
                yield hidden_cause(scores, worth, arm=arm, level=spec.level)
            except EstimationError:  # the check of hidden confounding says why
                continue


def _refused(scores: Scores, spec: StudySpec) -> Problem | None:
    if spec.design.kind != "observational" or spec.design.probability != "estimated":
        return Problem(
            what="The chance of each arm is known, so no hidden cause can have steered it.",
            why="bounds for hidden causes would suggest a doubt that the design rules out.",
            fix="read the effect as it is; the checks look for faults of the assignment.",
        )
    if not any(row.target == "propensity" for row in scores.quality):
        return Problem(
            what="Nothing was adjusted for, so every cause is a hidden one.",
            why="bounds start from an effect that measured causes were taken out of.",
            fix="name the covariates that moved the arm, or a graph.",
        )
    return None


def _worth(scores: Scores, spec: StudySpec, name: str, arm: int) -> Worth:
    """Return an outcome, or money with the known costs of the arms taken off."""
    outcomes, per = list(scores.outcomes), np.zeros(len(scores.outcomes))
    if name == MONEY and MONEY not in outcomes:
        value = spec.value
        if value is None:
            raise unfit("outcome", "the study declares no value, so money is not known")
        for column, worth in value.per.items():
            per[outcomes.index(column)] = worth
        costs = [value.arm_cost.get(scores.arms[a], 0.0) for a in (0, arm)]
        return Worth(name=MONEY, per=per, paid=costs[1] - costs[0])
    k = index_of(name, outcomes, "outcome")
    per[k] = 1.0
    declared_as = next(one for one in spec.outcomes if one.column == name)
    return Worth(name=name, per=per, binary=resolve_kind(declared_as, scores.y[:, k]) == "binary")


def _rows(scores: Scores, spec: StudySpec, place: Segment) -> Ints:
    """Return the units of a declared segment."""
    dimension = declared(spec, [name for name, _ in place])
    cells = cut(scores.columns, (dimension,))
    known = {frozenset(segment): cell for cell, segment in enumerate(cells.segments)}
    cell = known.get(frozenset(place))
    if cell is None:
        levels = [named(segment) for segment in cells.segments[1:]]
        index_of(named(place), levels, "segment")
    return np.flatnonzero(cells.code[:, 0] == cell).astype(np.int64)
