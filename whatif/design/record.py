"""The design of one study: plain arrays, every one in the row order of the analysed units."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whatif.base.arrays import Bools, Floats, Ints
from whatif.base.errors import Notice
from whatif.design.options import Options


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Features:
    """Covariates as learners read them: numbers only, never names.

    Attributes
    ----------
    names : tuple of str
        Covariate columns, in column order of `values`.
    values : ndarray of float32, shape (n, p)
        Numbers, or level codes 0, 1, … where `categorical`; NaN is missing.
    categorical : ndarray of bool, shape (p,)
        Which columns hold level codes.
    """

    names: tuple[str, ...]
    values: NDArray[np.float32]
    categorical: Bools

    def take(self, rows: Ints) -> Self:
        """Return the features of `rows`."""
        return replace(self, values=self.values[rows])

    def only(self, kept: Bools) -> Self:
        """Return the features of the columns in `kept`, shape (p,)."""
        return replace(
            self,
            names=tuple(name for name, keep in zip(self.names, kept, strict=True) if keep),
            values=self.values[:, kept],
            categorical=self.categorical[kept],
        )

    def with_column(self, name: str, values: Floats) -> Self:
        """Return the features with one more numeric column, shape (n,)."""
        wider = np.column_stack([self.values, values.astype(np.float32)])
        return replace(
            self,
            names=(*self.names, name),
            values=wider,
            categorical=np.append(self.categorical, False),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Intake:
    """Every row that arrived, before rows without an outcome were set aside.

    When rows were added up per unit over a window, each unit stands here twice, whatever the
    number of its rows: with the arm of its first row, and with another arm that it was also seen
    in, else the first arm again. A number of rows that the arm itself may have changed thus weighs
    nothing.

    Attributes
    ----------
    arm : ndarray of int64, shape (rows,)
        Index into ``Design.arms``.
    assigned, cluster : ndarray of int64, shape (rows,)
        Codes of the unit of assignment and of the cluster.
    order : ndarray of int64, shape (rows,)
        Rank in time (row order without a time column): who was seen first.
    missing : ndarray of bool, shape (rows, outcomes)
        Where an outcome is missing.
    known : ndarray of float64, shape (rows, arms), or None
        Known assignment probabilities.
    logged : ndarray of int64, shape (rows,), or None
        Arm by the assignment log, −1 where the log names no arm of the study; None without a log.
    """

    arm: Ints
    assigned: Ints
    cluster: Ints
    order: Ints
    missing: Bools
    known: Floats | None
    logged: Ints | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Design:
    """How assignment happened, in arrays; n units, A arms, K outcomes, C clusters.

    Attributes
    ----------
    kind : str
        ``"experiment"`` or ``"observational"``.
    arms : tuple of str
        Labels; ``arms[0]`` is the control.
    arm : ndarray of int64, shape (n,)
        Index into `arms`.
    cluster, assigned : ndarray of int64, shape (n,)
        Codes of the cluster (0 … C − 1) and of the unit of assignment.
    clusters_assigned : bool
        Whether whole clusters were assigned.
    fold : ndarray of int64, shape (n,)
        Fold of the unit's cluster, 0 … n_folds − 1.
    n_folds : int
        Number of folds.
    known : ndarray of float64, shape (n, A), or None
        Known assignment probabilities; None means "estimate them".
    phase : ndarray of int64, shape (n,)
        Phase of a ramp; all zero without phases.
    outcomes, kinds : tuple of str, length K
        Outcome columns and their kinds (``"binary"``, ``"cost"``, …).
    y : ndarray of float64, shape (n, K)
        Observed outcomes.
    weight : ndarray of float64, shape (n,)
        Positive sampling weights; all ones when the study names none.
    features : Features
        Covariates, read by learners.
    columns : DataFrame, n rows
        Pre-treatment columns as read (covariates, segments, time).
    check_columns : DataFrame, n rows
        Columns that only checks read: negative controls, what finds bots, first exposure.
    unit : Series, n rows
        Unit ids.
    intake : Intake
        Every row before exclusions.
    population : str
        Who the answer is about, in words.
    notices : tuple of Notice
        Named warnings for the page.
    refolds : tuple of ndarray of int64, each of shape (n,)
        Folds drawn again, once per repetition after the first.
    halves : ndarray of float64, shape (n, 2, K), or None
        Outcomes summed over the first and the second half of the window, 0 where a unit has no
        row; None when rows were not added up. No model reads them.
    options : Options or None
        Orders and costs by the option chosen, which only the split of a cost reads.
    """

    kind: Literal["experiment", "observational"]
    arms: tuple[str, ...]
    arm: Ints
    cluster: Ints
    assigned: Ints
    clusters_assigned: bool
    fold: Ints
    n_folds: int
    known: Floats | None
    phase: Ints
    outcomes: tuple[str, ...]
    kinds: tuple[str, ...]
    y: Floats
    weight: Floats
    features: Features
    columns: pd.DataFrame
    check_columns: pd.DataFrame
    unit: pd.Series
    intake: Intake
    population: str
    notices: tuple[Notice, ...]
    refolds: tuple[Ints, ...] = ()
    halves: Floats | None = None
    options: Options | None = None

    @property
    def n(self) -> int:
        """Number of analysed units."""
        return int(self.arm.size)

    def take(self, rows: Ints) -> Self:
        """Return the design of `rows` only; cluster codes keep their meaning, not their range."""
        return replace(
            self,
            arm=self.arm[rows],
            cluster=self.cluster[rows],
            assigned=self.assigned[rows],
            fold=self.fold[rows],
            refolds=tuple(fold[rows] for fold in self.refolds),
            known=None if self.known is None else self.known[rows],
            phase=self.phase[rows],
            y=self.y[rows],
            weight=self.weight[rows],
            features=self.features.take(rows),
            columns=self.columns.iloc[rows],
            check_columns=self.check_columns.iloc[rows],
            unit=self.unit.iloc[rows],
            halves=None if self.halves is None else self.halves[rows],
            options=None if self.options is None else self.options.take(rows),
        )
