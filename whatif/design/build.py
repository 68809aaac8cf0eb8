"""From a validated data set to the design: arms, clusters, folds, probabilities, features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from whatif.base.arrays import Bools, Floats, Ints
from whatif.base.errors import DataError, Notice, Problem
from whatif.contract.spec import StudySpec
from whatif.design.features import features_of
from whatif.design.folds import default_folds, fold_of
from whatif.design.probability import known_probabilities
from whatif.design.record import Design, Intake


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """Rows of a study, one per unit, with their arms.

    Attributes
    ----------
    frame : DataFrame, n rows
        Every column the study names.
    arm : ndarray of int64, shape (n,)
        Index into `arms`.
    arms : tuple of str
        Labels, control first.
    kinds : tuple of str
        Kind of each outcome of the study.
    covariates : tuple of str
        Usable covariates.
    """

    frame: pd.DataFrame
    arm: Ints
    arms: tuple[str, ...]
    kinds: tuple[str, ...]
    covariates: tuple[str, ...]


def build_design(rows: Rows, spec: StudySpec, *, notices: tuple[Notice, ...] = ()) -> Design:
    """Describe in arrays how units came to their arms.

    Units with a missing outcome are set aside, counted by arm in a notice and in ``intake``, where
    the check of missing outcomes finds them.

    Raises
    ------
    DataError
        If fewer than two units are left in an arm, or a probability or covariate is unusable.
    """
    frame, outcomes = rows.frame, tuple(outcome.column for outcome in spec.outcomes)
    cluster_ids = _ids(frame, spec.cluster or spec.unit)
    assigned_ids = _ids(frame, spec.assigned or spec.unit)
    known, phase = known_probabilities(spec.design.probability, frame, rows.arm, rows.arms)
    values = frame[list(outcomes)].to_numpy(dtype=np.float64, na_value=np.nan)
    cluster = pd.factorize(cluster_ids)[0].astype(np.int64)
    assigned = pd.factorize(assigned_ids)[0].astype(np.int64)
    intake = Intake(
        arm=rows.arm, assigned=assigned, cluster=cluster, order=_order(frame, spec.time),
        missing=np.isnan(values), known=known,
    )  # fmt: skip
    kept = np.asarray(~intake.missing.any(axis=1))
    _require_units(rows, kept)
    names = _feature_names(rows.covariates, spec)
    features = features_of(frame, names)
    index = np.flatnonzero(kept)
    folds = spec.folds or default_folds(index.size)
    design = Design(
        kind=_kind(spec),
        arms=rows.arms,
        arm=rows.arm,
        cluster=cluster,
        assigned=assigned,
        clusters_assigned=(spec.assigned or spec.unit) == (spec.cluster or spec.unit),
        fold=fold_of(cluster_ids, folds=folds, seed=spec.seed),
        n_folds=folds,
        known=known,
        phase=phase,
        outcomes=outcomes,
        kinds=rows.kinds,
        y=values,
        features=features,
        columns=frame[_pre_treatment(spec, names)],
        unit=_ids(frame, spec.unit),
        intake=intake,
        population=_population(spec),
        notices=(*notices, *_missing_notice(rows, kept, outcomes, intake.missing)),
    )
    return design if kept.all() else design.take(index)


def _kind(spec: StudySpec) -> Literal["experiment", "observational"]:
    return "experiment" if spec.design.kind == "experiment" else "observational"


def _ids(frame: pd.DataFrame, column: str | None) -> pd.Series:
    if column is None:
        return pd.Series(np.arange(len(frame)), index=frame.index, name="row")
    return frame[column]


def _order(frame: pd.DataFrame, time: str | None) -> Ints:
    if time is None:
        return np.arange(len(frame), dtype=np.int64)
    ranked = np.argsort(frame[time].astype("int64").to_numpy(), kind="stable")
    order = np.empty(len(frame), dtype=np.int64)
    order[ranked] = np.arange(len(frame))
    return order


def _feature_names(covariates: tuple[str, ...], spec: StudySpec) -> tuple[str, ...]:
    """Covariates, then segment columns, so that effects within a segment are adjusted too."""
    if not covariates:
        return ()
    segments = [name for dimension in spec.segments for name in dimension]
    return tuple(dict.fromkeys([*covariates, *segments]))


def _pre_treatment(spec: StudySpec, features: tuple[str, ...]) -> list[str]:
    segments = [name for dimension in spec.segments for name in dimension]
    time = [spec.time] if spec.time else []
    return list(dict.fromkeys([*features, *segments, *time]))


def _population(spec: StudySpec) -> str:
    unit = "rows" if spec.unit is None else f"units ({spec.unit})"
    where = f" where {spec.data.where}" if spec.data and spec.data.where else ""
    return f"all {unit} in the data{where}"


def _require_units(rows: Rows, kept: Bools) -> None:
    counts = np.bincount(rows.arm[kept], minlength=len(rows.arms))
    short = [label for label, count in zip(rows.arms, counts, strict=True) if count < 2]  # noqa: PLR2004
    if short:
        raise DataError(
            Problem(
                what=f"Arms with fewer than two units that have every outcome: {short}.",
                why="there is nothing to compare.",
                fix="check the outcome columns and the treatment column of these rows.",
            )
        )


def _missing_notice(
    rows: Rows, kept: Bools, outcomes: tuple[str, ...], missing: Bools
) -> tuple[Notice, ...]:
    if kept.all():
        return ()
    by_arm = ", ".join(
        f"{label} {int((~kept[rows.arm == a]).sum()):,}" for a, label in enumerate(rows.arms)
    )
    columns = [
        name for name, gone in zip(outcomes, np.asarray(missing.any(axis=0)), strict=True) if gone
    ]
    problem = Problem(
        what=f"{int((~kept).sum()):,} of {kept.size:,} units lack an outcome "
        f"({', '.join(columns)}) and are set aside: {by_arm}.",
        why="if the arms lose units for different reasons, the rest are not comparable.",
        fix="find out why they are missing; if missing means nothing happened, fill in 0.",
    )
    return (Notice(code="missing_outcome", problem=problem),)


def constant_probabilities(known: Floats | None) -> Floats | None:
    """Return the one row of probabilities all units share, shape (A,), or None."""
    if known is None or np.ptp(known, axis=0).any():
        return None
    return np.asarray(known[0])
