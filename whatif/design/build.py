"""From a validated data set to the design: arms, clusters, folds, probabilities, features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from whatif.base.arrays import Bools, Floats, Ints
from whatif.base.errors import Notice
from whatif.contract.intake import check_columns
from whatif.contract.spec import PhaseProbability, StudySpec, arm_label
from whatif.design.features import features_of
from whatif.design.folds import default_folds, fold_of
from whatif.design.options import Options
from whatif.design.probability import known_probabilities
from whatif.design.record import Design, Features, Intake
from whatif.design.sound import (
    later_notice,
    missing_notice,
    repeats,
    require_target,
    require_units,
    require_variation,
    require_whole,
    sampling_weights,
)


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
    again : ndarray of int64, shape (n,), or None
        When rows were added up per unit: another arm the unit was also seen in, else `arm`.
    halves : ndarray of float64, shape (n, 2, K), or None
        When rows were added up per unit: outcomes in each half of the window.
    options : Options or None
        Orders and costs by the option chosen.
    """

    frame: pd.DataFrame
    arm: Ints
    arms: tuple[str, ...]
    kinds: tuple[str, ...]
    covariates: tuple[str, ...]
    again: Ints | None = None
    halves: Floats | None = None
    options: Options | None = None


def build_design(rows: Rows, spec: StudySpec, *, notices: tuple[Notice, ...] = ()) -> Design:
    """Describe in arrays how units came to their arms.

    Units with a missing outcome are set aside, counted by arm in a notice and in ``intake``, where
    the check of missing outcomes finds them.

    Raises
    ------
    DataError
        If fewer than two units are left in an arm, the primary outcome no longer varies, a unit
        of assignment spans clusters, or a probability, weight or covariate is unusable.
    UsageError
        If the study's target or trimming cannot be had with these arms.
    """
    frame, outcomes = rows.frame, tuple(outcome.column for outcome in spec.outcomes)
    assigned_by, cluster_by = _assigned_and_clustered_by(spec)
    require_target(spec, rows.arms)
    known, phase = known_probabilities(spec.design.probability, frame, rows.arm, rows.arms)
    names, features = _features(rows, spec, phase)
    cluster, assigned = _codes(frame, cluster_by), _codes(frame, assigned_by)
    require_whole(spec, assigned, cluster)
    values, missing = _outcomes(frame, outcomes)
    intake = _intake(rows, spec, assigned=assigned, cluster=cluster, missing=missing, known=known)
    lacking = missing_notice(rows.arm, rows.arms, missing, outcomes)
    index = _analysed(rows, spec, values, missing)
    folds = spec.folds or default_folds(index.size)
    design = Design(
        kind=_kind(spec),
        arms=rows.arms,
        arm=rows.arm,
        cluster=cluster,
        assigned=assigned,
        clusters_assigned=assigned_by == cluster_by,
        fold=fold_of(_ids(frame, cluster_by), folds=folds, seed=spec.seed),
        refolds=_refolds(_ids(frame, cluster_by), spec, folds),
        n_folds=folds,
        known=known,
        phase=phase,
        outcomes=outcomes,
        kinds=rows.kinds,
        y=values,
        weight=sampling_weights(frame, spec.weights),
        features=features,
        columns=frame[_pre_treatment(spec, names)],
        check_columns=frame[list(check_columns(spec))],
        unit=_ids(frame, spec.unit),
        intake=intake,
        population=_population(spec),
        notices=(*notices, *later_notice(spec, assigned), *lacking),
        halves=rows.halves,
        options=rows.options,
    )
    return design if index.size == len(frame) else design.take(index)


def _assigned_and_clustered_by(spec: StudySpec) -> tuple[str | None, str | None]:
    assigned_by = spec.assigned or spec.unit
    return assigned_by, spec.cluster or assigned_by


def _outcomes(frame: pd.DataFrame, names: tuple[str, ...]) -> tuple[Floats, Bools]:
    """Return outcomes as numbers, and where one is missing."""
    values = frame[list(names)].to_numpy(dtype=np.float64, na_value=np.nan)
    return values, np.isnan(values)


def _analysed(rows: Rows, spec: StudySpec, values: Floats, missing: Bools) -> Ints:
    """Return the rows with every outcome; refuse what is left if it cannot be compared."""
    index = np.flatnonzero(~missing.any(axis=1))
    require_units(rows.arm[index], rows.arms)
    require_variation(spec, values[index])
    return index


def _refolds(cluster: pd.Series, spec: StudySpec, folds: int) -> tuple[Ints, ...]:
    """Draw the folds again for every repetition after the first, from the seeds that follow."""
    seeds = range(spec.seed + 1, spec.seed + spec.repetitions)
    return tuple(fold_of(cluster, folds=folds, seed=seed) for seed in seeds)


def _kind(spec: StudySpec) -> Literal["experiment", "observational"]:
    return "experiment" if spec.design.kind == "experiment" else "observational"


def _ids(frame: pd.DataFrame, column: str | None) -> pd.Series:
    if column is None:
        return pd.Series(np.arange(len(frame)), index=frame.index, name="row")
    return frame[column]


def _codes(frame: pd.DataFrame, column: str | None) -> Ints:
    return pd.factorize(_ids(frame, column))[0].astype(np.int64)


def _intake(
    rows: Rows,
    spec: StudySpec,
    *,
    assigned: Ints,
    cluster: Ints,
    missing: Bools,
    known: Floats | None,
) -> Intake:
    """Describe the rows that arrived; those added up per unit stand twice, with both arms."""
    order = _order(rows.frame, spec, assigned)
    logged = _logged_arm(rows, spec)
    if rows.again is None:
        return Intake(
            arm=rows.arm,
            assigned=assigned,
            cluster=cluster,
            order=order,
            missing=missing,
            known=known,
            logged=logged,
        )
    return Intake(
        arm=np.concatenate([rows.arm, rows.again]),
        assigned=np.tile(assigned, 2),
        cluster=np.tile(cluster, 2),
        order=np.concatenate([order, order + order.size]),
        missing=np.tile(missing, (2, 1)),
        known=None if known is None else np.tile(known, (2, 1)),
        logged=None if logged is None else np.tile(logged, 2),
    )


def _logged_arm(rows: Rows, spec: StudySpec) -> Ints | None:
    """Return the arm that the assignment log names, −1 where it names none of the study's."""
    if spec.assignment_log is None:
        return None
    code, levels = pd.factorize(rows.frame[spec.assignment_log])
    labels = [arm_label(level) for level in levels]
    arms = [rows.arms.index(label) if label in rows.arms else -1 for label in labels]
    return np.array([*arms, -1], dtype=np.int64)[code]


def _order(frame: pd.DataFrame, spec: StudySpec, assigned: Ints) -> Ints:
    """Rank rows in time; ties of rows assigned together by unit id, not by their place."""
    if spec.time is None:
        return np.arange(len(frame), dtype=np.int64)
    keys = [frame[spec.time].astype("int64").to_numpy()]
    if spec.unit is not None and repeats(assigned):
        keys.insert(0, pd.factorize(frame[spec.unit], sort=True)[0])
    ranked = np.lexsort(keys)
    order = np.empty(len(frame), dtype=np.int64)
    order[ranked] = np.arange(len(frame))
    return order


def _features(rows: Rows, spec: StudySpec, phase: Ints) -> tuple[tuple[str, ...], Features]:
    """Return feature names and values: covariates, segment columns and the phase of a ramp.

    Segments are there so that effects within one are adjusted too; the phase because outcomes
    move with time while chances move with the phase.
    """
    if not rows.covariates:
        return (), features_of(rows.frame, ())
    given = spec.design.probability
    ramp = [given.column] if isinstance(given, PhaseProbability) and np.ptp(phase) > 0 else []
    segments = [name for dimension in spec.segments for name in dimension]
    names = tuple(dict.fromkeys([*rows.covariates, *segments, *ramp]))
    frame = rows.frame[list(names)]
    return names, features_of(frame.astype(dict.fromkeys(ramp, "str")) if ramp else frame, names)


def _pre_treatment(spec: StudySpec, features: tuple[str, ...]) -> list[str]:
    cuts = [name for dimension in (*spec.segments, *spec.exploratory) for name in dimension]
    time = [spec.time] if spec.time else []
    return list(dict.fromkeys([*features, *cuts, *time]))


def _population(spec: StudySpec) -> str:
    unit = "rows" if spec.unit is None else f"units ({spec.unit})"
    where = f" where {spec.data.where}" if spec.data and spec.data.where else ""
    weighted = f", weighted by {spec.weights}" if spec.weights else ""
    return f"all {unit} in the data{where}{weighted}"


def constant_probabilities(known: Floats | None) -> Floats | None:
    """Return the one row of probabilities all units share, shape (A,), or None."""
    if known is None or np.ptp(known, axis=0).any():
        return None
    return np.asarray(known[0])
