"""What other estimators say on the same rows, folds and covariates: a second opinion."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from whatif.base.arrays import Bools, Ints
from whatif.base.errors import EstimationError
from whatif.base.records import SecondOpinion
from whatif.base.rng import generator, integer_seed
from whatif.contract.spec import StudySpec
from whatif.design.probability import is_logged
from whatif.design.record import Design
from whatif.engines.econml_catalogue import econml_class
from whatif.engines.econml_estimators import AverageEffects, fit_average

MAX_ROWS = 100_000
OURS = "aipw"
_TWO = 2


def asked_for(spec: StudySpec) -> tuple[str, ...]:
    """Return the estimators that the study names beside ``aipw``.

    Raises
    ------
    UsageError
        If a name is unknown or answers another question.
    """
    names = tuple(name for name in dict.fromkeys(spec.estimators) if name != OURS)
    for name in names:
        econml_class(name)
    return names


def second_opinions(
    design: Design, spec: StudySpec, *, max_rows: int = MAX_ROWS
) -> tuple[SecondOpinion, ...]:
    """Fit every estimator the study names beside ``aipw``, for every outcome and arm.

    Parameters
    ----------
    design : Design
        Arrays of the study.
    spec : StudySpec
        The study; its `estimators` are fitted in the order given.
    max_rows : int
        Above this many units, whole clusters are drawn until it is reached.

    Returns
    -------
    tuple of SecondOpinion
        By estimator, outcome, arm. Ratios are not estimated.

    Raises
    ------
    UsageError
        If a name is unknown or answers another question; nothing is fitted then.
    EstimationError
        If an estimator fails; it is named, with the outcome and the cause.
    """
    names = asked_for(spec)
    if not names:
        return ()
    rows = drawn_rows(design.cluster, most=max_rows, seed=spec.seed)
    part = design.take(rows)
    return tuple(
        opinion
        for name in names
        for k, outcome in enumerate(part.outcomes)
        for opinion in _opinions(part, name, outcome, _fit(part, spec, name, k), design.n)
    )


def drawn_rows(cluster: Ints, *, most: int, seed: int) -> Ints:
    """Return rows of clusters drawn whole, at most `most` rows where one cluster allows it.

    Shape (m,), increasing; all rows when they are few enough.
    """
    if cluster.size <= most:
        return np.arange(cluster.size, dtype=np.int64)
    code, size = np.unique(cluster, return_inverse=True, return_counts=True)[1:]
    order = generator(seed, "second opinion").permutation(size.size)
    taken = max(1, int(np.searchsorted(np.cumsum(size[order]), most, side="right")))
    chosen = np.zeros(size.size, dtype=bool)
    chosen[order[:taken]] = True
    return np.flatnonzero(chosen[code]).astype(np.int64)


def _opinions(
    part: Design, name: str, outcome: str, fitted: AverageEffects, units: int
) -> list[SecondOpinion]:
    notes = [fitted.note]
    if part.n < units:
        notes.append(f"{part.n:,} of {units:,} units, drawn by cluster")
    if is_logged(part.known, part.phase) and len(part.arms) > _TWO:
        notes.append("logged chances not used")
    return [
        SecondOpinion(
            estimator=name,
            outcome=outcome,
            arm=arm,
            estimate=float(fitted.estimate[a]),
            ci=None if fitted.ci is None else (float(fitted.ci[a, 0]), float(fitted.ci[a, 1])),
            rows=part.n,
            note="; ".join(notes),
        )
        for a, arm in enumerate(part.arms[1:])
    ]


def _fit(part: Design, spec: StudySpec, name: str, k: int) -> AverageEffects:
    x, categorical = _covariates(part)
    outcome = part.outcomes[k]
    try:
        return fit_average(
            name,
            y=part.y[:, k],
            arm=part.arm,
            n_arms=len(part.arms),
            x=x,
            categorical=categorical,
            folds=_folds(part.fold),
            seed=integer_seed(spec.seed, f"{name} {outcome}"),
            level=spec.level,
        )
    except EstimationError as error:
        problems = [replace(p, what=f"Outcome {outcome!r}: {p.what}") for p in error.problems]
        raise EstimationError(*problems) from error


def _folds(fold: Ints) -> list[tuple[Ints, Ints]]:
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in np.unique(fold)]


def _covariates(part: Design) -> tuple[NDArray[np.float64], Bools]:
    """Return features, and what the chance of an arm hangs on: the phase, or logged chances.

    EconML estimates the chances itself. Where they differ between rows, it can only do so with
    the column that made them differ. With more than two arms a log of the received arm's chance
    would give the arm away, so it is left out.
    """
    columns = [part.features.values.astype(np.float64)]
    categorical = list(part.features.categorical)
    if np.ptp(part.phase) > 0:
        columns.append(part.phase[:, None].astype(np.float64))
        categorical.append(True)
    elif part.known is not None and is_logged(part.known, part.phase) and len(part.arms) == _TWO:
        columns.append(part.known[:, 1:])
        categorical.append(False)
    return np.column_stack(columns), np.array(categorical, dtype=bool)
