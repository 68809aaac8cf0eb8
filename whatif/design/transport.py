"""Another population in the study's arrays: its covariates in the study's own codes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whatif.base.arrays import Bools, Floats, Ints
from whatif.base.errors import DataError, Problem, UsageError
from whatif.contract.spec import StudySpec
from whatif.contract.transport import TargetTable
from whatif.design.folds import fold_of
from whatif.design.record import Design
from whatif.design.sound import sampling_weights

Matrix = NDArray[np.float32]
Kind = Literal["words", "moments", "numbers"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TargetRows:
    """The rows of another population as the study's models read them; N rows, p covariates.

    Attributes
    ----------
    name : str
        Its name in the study.
    covariates : ndarray of float32, shape (N, p)
        Covariates in the study's codes; NaN is missing, or a level that the study never saw.
    unseen : ndarray of bool, shape (N,)
        Rows with a level that the study never saw, or a gap in a column where it has none.
    levels : tuple of (str, int)
        Number of such rows by covariate, where there are any.
    cluster : ndarray of int64, shape (N,)
        Cluster; the study's own code where it knows the cluster, a larger one where not.
    fold : ndarray of int64, shape (N,)
        Fold that the cluster has, or would have, in the study.
    weight : ndarray of float64, shape (N,)
        Sampling weight; all ones where the table holds none.
    weighted : bool
        Whether the table holds sampling weights.
    """

    name: str
    covariates: Matrix
    unseen: Bools
    levels: tuple[tuple[str, int], ...]
    cluster: Ints
    fold: Ints
    weight: Floats
    weighted: bool

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.covariates)


def target_rows(
    table: TargetTable, spec: StudySpec, design: Design, *, ids: pd.Series | None
) -> TargetRows:
    """Bring the rows of another population into the study's codes.

    Parameters
    ----------
    table : TargetTable
        Its rows.
    spec : StudySpec
        The study.
    design : Design
        The study in arrays.
    ids : Series or None
        Cluster ids of the study's rows in the order in which they were coded; None when every row
        is its own cluster.

    Raises
    ------
    UsageError
        If the study's models read no covariate.
    DataError
        If a column has another type than in the study, a number is infinite, a cluster has no id,
        or a weight is unusable.
    """
    features = design.features
    if not features.names:
        raise _nothing_to_carry(table.name)
    coded = features.values  # noqa: PD011  (an array)
    values = np.empty((len(table.frame), len(features.names)), dtype=np.float32)
    unseen = np.zeros(values.shape, dtype=bool)
    for j, name in enumerate(features.names):
        column, own = table.frame[name], design.columns[name]
        code, known = coded[:, j], bool(features.categorical[j])
        _require_kind(table, name, column, _kind(own))
        values[:, j] = (
            _codes(column, own, code) if known else _numbers(column, own, code, table, name)
        )
        gap = np.isnan(values[:, j])
        unseen[:, j] = gap & (column.notna().to_numpy() | ~np.isnan(code).any())
    named = zip(features.names, unseen.sum(axis=0), strict=True)
    cluster, fold = _clusters(table, spec, design, ids)
    held = None if spec.weights not in table.frame.columns else spec.weights
    return TargetRows(
        name=table.name,
        covariates=values,
        unseen=np.asarray(unseen.any(axis=1)),
        levels=tuple((name, int(count)) for name, count in named if count),
        cluster=cluster,
        fold=fold,
        weight=sampling_weights(table.frame, held),
        weighted=held is not None,
    )


def beside(design: Design, target: TargetRows) -> Design:
    """Stack the study's rows and another population's: which of the two is a row from?

    The arm of a row is 0 in the study and 1 in the other population; each side weighs as much as
    it has rows. There is no outcome: only the chance of the arm can be learnt.
    """
    n, both = design.n, design.n + target.n
    arm = np.repeat(np.array([0, 1], dtype=np.int64), [n, target.n])
    cluster = np.concatenate([design.cluster, target.cluster])
    empty = pd.DataFrame(index=range(both))
    values = np.concatenate([design.features.values, target.covariates])  # noqa: PD011
    sides = (design.weight, target.weight)
    return replace(
        design,
        kind="observational",
        arms=("study", target.name),
        arm=arm,
        cluster=cluster,
        assigned=cluster,
        fold=np.concatenate([design.fold, target.fold]),
        refolds=(),
        known=None,
        phase=np.zeros(both, dtype=np.int64),
        outcomes=(),
        kinds=(),
        y=np.empty((both, 0)),
        weight=np.concatenate([weight / weight.mean() for weight in sides]),
        features=replace(design.features, values=values),
        columns=empty,
        check_columns=empty,
        unit=pd.Series(np.arange(both)),
        halves=None,
        options=None,
    )


def _clusters(
    table: TargetTable, spec: StudySpec, design: Design, ids: pd.Series | None
) -> tuple[Ints, Ints]:
    """Return cluster codes that continue the study's, and folds."""
    by = spec.cluster or spec.assigned or spec.unit
    shared = ids is not None and by in table.frame.columns
    own = table.frame[by] if shared else pd.Series(np.arange(len(table.frame)))
    if own.isna().any():
        raise DataError(
            Problem(
                what=f"Transport {table.name!r} has {int(own.isna().sum()):,} rows without {by!r}.",
                why="errors are clustered by it, and nobody knows to whom those rows belong.",
                fix="fill it in, or leave the column out: then every row counts as its own.",
            )
        )
    fold = fold_of(own, folds=design.n_folds, seed=spec.seed)
    code, met = pd.factorize(own)
    known = pd.Index([] if ids is None or not shared else pd.unique(ids))
    place = known.get_indexer(pd.Index(met)) if len(known) else np.full(len(met), -1)
    first = max(len(known), int(design.cluster.max()) + 1)
    new = place < 0
    place = np.where(new, first - 1 + np.cumsum(new), place)
    return place.astype(np.int64)[code], fold


def _kind(column: pd.Series) -> Kind:
    kinds = pd.api.types
    if kinds.is_datetime64_any_dtype(column):
        return "moments"
    return "numbers" if kinds.is_numeric_dtype(column) else "words"


def _require_kind(table: TargetTable, name: str, column: pd.Series, wanted: Kind) -> None:
    found = _kind(column)
    if found == wanted or column.isna().all():
        return
    raise DataError(
        Problem(
            what=f"Column {name!r} of transport {table.name!r} holds {found}; in the study it "
            f"holds {wanted}.",
            why="the study's models would read its values as something else.",
            fix="write the column in that table as it is in the study's data.",
        )
    )


def _codes(column: pd.Series, own: pd.Series, code: Matrix) -> Matrix:
    """Return the study's level codes, NaN for a gap or a level it never saw."""
    rows = np.flatnonzero(~np.isnan(code))[::-1]
    first = np.full(int(np.nanmax(code, initial=-1)) + 1, -1)
    first[code[rows].astype(np.int64)] = rows
    met = np.flatnonzero(first >= 0)
    levels = {str(own.iloc[first[level]]): float(level) for level in met}
    index, words = pd.factorize(column.astype("str").where(column.notna()))
    of_words = np.array([*(levels.get(str(word), np.nan) for word in words), np.nan])
    return of_words[index].astype(np.float32)


def _numbers(
    column: pd.Series, own: pd.Series, code: Matrix, table: TargetTable, name: str
) -> Matrix:
    if _kind(own) == "moments":
        first = int(np.nanargmin(code))
        day = pd.Timedelta(days=1)
        start = pd.to_datetime(own.iloc[first], utc=True) - day * float(code[first])
        days = (pd.to_datetime(column, utc=True) - start) / day
        return np.asarray(days.to_numpy(dtype=np.float32, na_value=np.nan))
    values = column.to_numpy(dtype=np.float32, na_value=np.nan)
    if np.isinf(values).any():
        raise DataError(
            Problem(
                what=f"Column {name!r} of transport {table.name!r} has "
                f"{int(np.isinf(values).sum()):,} infinite values.",
                why="no model can say what happens there.",
                fix="replace them by missing values, as in the study's data.",
            )
        )
    return np.asarray(values)


def _nothing_to_carry(name: str) -> UsageError:
    return UsageError(
        Problem(
            what=f"Effects cannot be carried to {name!r}: the study's models read no covariate.",
            why="nothing would say how the other population differs from the study's.",
            fix="name the columns in which they differ under `covariates`.",
        )
    )
