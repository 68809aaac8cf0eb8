"""Which covariates does the effect move with? Its best linear projection."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from whatif.base.arrays import Floats
from whatif.base.errors import EstimationError, Problem
from whatif.contract.segments import MISSING
from whatif.effects.bands import t_critical
from whatif.effects.heterogeneity import equality_test
from whatif.effects.predicted.clustered import degrees, least_squares
from whatif.effects.rows import Ends
from whatif.scores.record import Scores

INTERCEPT = "(constant)"
EVERY_SLOPE = "(all slopes are 0)"
_REDUNDANT = 1e-7


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectionRow:
    """One coefficient of the effect's best linear projection, or the test of all slopes.

    Attributes
    ----------
    outcome, arm, versus : str
        What was compared.
    term : str
        ``"(constant)"``, a number's column, ``"column = level"`` against its most frequent level,
        or ``"(all slopes are 0)"``.
    estimate, std_error : float or None
        Change of the effect per unit of the term, in the outcome's unit; None for the test.
    ci : (low, high)
        Interval of this coefficient alone.
    statistic, p_value : float or None
        Two-sided t test, or the clustered F test of all slopes; None where clusters are too few.
    """

    outcome: str
    arm: str
    versus: str
    term: str
    estimate: float | None
    std_error: float | None
    ci: Ends
    statistic: float | None
    p_value: float | None


def projection_columns(frame: pd.DataFrame) -> tuple[tuple[str, ...], Floats]:
    """Return names and columns of the projection, the constant first, shape (n, p).

    Numbers stay in their unit, a gap is filled with the mean and marked by a column of its own;
    moments count days since the first; words become a 0/1 column per level but the most frequent.

    Examples
    --------
    >>> frame = pd.DataFrame({"hour": [1, 3, 2], "device": ["mobile", "desktop", "mobile"]})
    >>> projection_columns(frame)[0]
    ('(constant)', 'hour', 'device = desktop')
    """
    names, columns = [INTERCEPT], [np.ones(len(frame))]
    for name in frame:
        column = _in_days(frame[name])
        made = _numbers if _is_number(column) else _levels
        for label, values in made(str(name), column):
            names.append(label)
            columns.append(values)
    return tuple(names), np.column_stack(columns)


def _in_days(column: pd.Series) -> pd.Series:
    if not pd.api.types.is_datetime64_any_dtype(column):
        return column
    days: pd.Series = (column - column.min()) / pd.Timedelta(days=1)
    return days


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _numbers(name: str, column: pd.Series) -> list[tuple[str, Floats]]:
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    gap = np.isnan(values)
    if gap.all():
        return []
    filled = np.where(gap, values[~gap].mean(), values)
    marked = [(f"{name} = {MISSING}", gap.astype(np.float64))] if gap.any() else []
    return [(name, filled), *marked]


def _levels(name: str, column: pd.Series) -> list[tuple[str, Floats]]:
    words = column.astype("str").where(column.notna(), MISSING)
    common = words.value_counts().sort_index().idxmax()
    return [
        (f"{name} = {level}", (words == level).to_numpy(dtype=np.float64))
        for level in sorted(words.unique())
        if level != common
    ]


def best_linear_projection(
    scores: Scores, columns: pd.DataFrame, *, outcome: int, arm: int, level: float
) -> tuple[ProjectionRow, ...]:
    """Project the effect of `arm` on `columns`, with clustered errors and a test of all slopes.

    Parameters
    ----------
    scores : Scores
        Scores of n units whose averages speak of everyone.
    columns : DataFrame, n rows
        Pre-treatment columns.
    outcome, arm : int
        Index of the outcome and of the arm.
    level : float
        Level of the intervals.

    Raises
    ------
    EstimationError
        If a column is constant or determined by the others, or clusters are too few.

    References
    ----------
    Semenova & Chernozhukov (2021), Econometrics Journal 24(2), 264–289, section 2.
    """
    names, x = projection_columns(columns)
    _require_slopes(names, x)
    fitted = least_squares(
        scores.gamma[:, arm, outcome] - scores.gamma[:, 0, outcome],
        x,
        cluster=scores.cluster,
        weight=scores.weight,
    )
    df = degrees(
        cluster=scores.cluster,
        arm=scores.arm,
        compared=(0, arm),
        assigned=scores.clusters_assigned,
    )
    errors = np.sqrt(np.diag(fitted.covariance))
    half = t_critical(level, df)
    what = {"outcome": scores.outcomes[outcome], "arm": scores.arms[arm], "versus": scores.arms[0]}
    rows = [
        ProjectionRow(
            **what,
            term=name,
            estimate=float(value),
            std_error=float(error),
            ci=(float(value - half * error), float(value + half * error)),
            statistic=float(value / error) if error > 0 else None,
            p_value=float(2 * stats.t.sf(abs(value / error), df)) if error > 0 else None,
        )
        for name, value, error in zip(names, fitted.coefficient, errors, strict=True)
    ]
    compared = np.isin(scores.arm, (0, arm))
    clusters = int(np.unique(scores.cluster[compared]).size)
    f, p_value, _ = all_slopes(fitted.coefficient, fitted.covariance, clusters=clusters)
    none: Ends = (None, None)
    test = ProjectionRow(
        **what, term=EVERY_SLOPE, estimate=None, std_error=None, ci=none, statistic=f,
        p_value=p_value,
    )  # fmt: skip
    return (*rows, test)


def all_slopes(
    coefficient: Floats, covariance: Floats, *, clusters: int
) -> tuple[float | None, float | None, tuple[int, int]]:
    """Test that every coefficient but the first is 0, as `equality_test` tests segments."""
    slopes = np.concatenate([[0.0], coefficient[1:]])
    spread = np.zeros_like(covariance)
    spread[1:, 1:] = covariance[1:, 1:]
    return equality_test(slopes, spread, clusters=clusters)


def _require_slopes(names: tuple[str, ...], x: Floats) -> None:
    scaled = x[:, 1:] - x[:, 1:].mean(axis=0)
    spread = np.linalg.norm(scaled, axis=0)
    scaled = scaled / np.where(spread > 0, spread, 1.0)
    own = np.abs(np.diag(np.linalg.qr(scaled, mode="r")))
    useless = [name for name, size in zip(names[1:], own, strict=True) if size < _REDUNDANT]
    if useless or len(names) == 1:
        raise EstimationError(
            Problem(
                what=f"The effect cannot be projected on {', '.join(useless) or 'nothing'}.",
                why="a column that is constant, or that the columns before it determine, has no "
                "slope of its own.",
                fix="name columns that vary and do not repeat each other.",
            )
        )
