"""One row per assigned customer: outcomes summed over a fixed window from first exposure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.typing import SeriesGroupBy

from whatif.base.arrays import Floats, Ints
from whatif.base.errors import Notice, Problem, UsageError
from whatif.contract.spec import StudySpec
from whatif.design.build import Rows


def per_unit(rows: Rows, spec: StudySpec) -> tuple[Rows, tuple[Notice, ...]]:
    """Return one row per unit, with outcomes summed over ``spec.window`` from its first row.

    Rows of a unit at the same moment are ordered by their content, never by their place. A sum
    with a missing outcome is missing. Another arm that a unit was seen in stands in ``again``, and
    what happened in each half of the window in ``halves``.

    When customers are assigned, their later sessions are consequences of the arm, so covariates,
    segments and arm are those of the first row. Units whose window has not ended by the last day
    in the data are set aside and counted.

    Raises
    ------
    UsageError
        If the study has a window but no `time` or `unit`.
    """
    if spec.window is None:
        return rows, ()
    if spec.time is None or spec.unit is None:
        raise UsageError(
            Problem(
                what="The study has `window` but no `time` and `unit`.",
                why="a window is counted from each unit's first row.",
                fix="name the time column under `time` and the unit under `unit`.",
            )
        )
    length = pd.Timedelta(days=int(spec.window.removesuffix("d")))
    by_option = _by_option(rows)
    ordered = _in_time(rows.frame.assign(__arm=rows.arm, **by_option), spec.time, spec.unit)
    by_unit = ordered.groupby(spec.unit, sort=False)
    start = by_unit[spec.time].transform("min")
    outcomes = [outcome.column for outcome in spec.outcomes]
    within = ordered[ordered[spec.time] < start + length]
    ordered = ordered.assign(__again=_other_arm(ordered["__arm"], by_unit["__arm"]))
    first = ordered.drop_duplicates(spec.unit).set_index(spec.unit)
    summed = [*outcomes, *by_option]
    sums = within.groupby(spec.unit, sort=False)[summed].sum(skipna=False)
    table = first.drop(columns=summed).join(sums).reset_index()
    matured = table[spec.time] + length <= ordered[spec.time].max() + pd.Timedelta(seconds=1)
    kinds = tuple("count" if kind == "binary" else kind for kind in rows.kinds)
    kept = table[matured].reset_index(drop=True)
    late = (within[spec.time] >= start.loc[within.index] + length / 2).to_numpy()
    parts = (within[~late], within[late])
    halves = [_sums(part, spec.unit, outcomes, kept[spec.unit]) for part in parts]
    arm = kept.pop("__arm").to_numpy(dtype=np.int64)
    again = kept.pop("__again").to_numpy(dtype=np.int64)
    made = replace(
        rows,
        frame=kept.drop(columns=list(by_option)),
        options=rows.options and rows.options.summed(kept[list(by_option)].to_numpy()),
        arm=arm,
        kinds=kinds,
        again=again if len(table) < len(ordered) else None,
        halves=np.stack(halves, axis=1),
    )
    return made, _young(matured, spec.window)


def _by_option(rows: Rows) -> dict[str, Floats]:
    """Return orders and costs by option as columns to add up."""
    made = () if rows.options is None else rows.options.y.T
    return {f"__option{k}": values for k, values in enumerate(made)}


def _in_time(frame: pd.DataFrame, time: str, unit: str) -> pd.DataFrame:
    """Sort by time, unit and, for rows of a unit at one moment, a hash of the whole row."""
    tied = frame.duplicated([unit, time], keep=False).to_numpy()
    content = np.zeros(len(frame), dtype=np.uint64)
    if tied.any():
        # Object, not Arrow-backed, strings: their hash is pandas' documented stable one.
        words = frame.loc[tied, sorted(frame.columns)].astype("str").astype(object)
        content[tied] = pd.util.hash_pandas_object(words, index=False).to_numpy()
    by = [time, unit, "__content"]
    return frame.assign(__content=content).sort_values(by).drop(columns="__content")


def _sums(rows: pd.DataFrame, unit: str, outcomes: list[str], units: pd.Series) -> Floats:
    """Sum outcomes per unit; 0 for a unit without rows, missing where an outcome is missing."""
    sums = rows.groupby(unit, sort=False)[outcomes].sum(skipna=False)
    return sums.reindex(units, fill_value=0).to_numpy(dtype=np.float64, na_value=np.nan)


def _other_arm(arm: pd.Series, by_unit: SeriesGroupBy[Any, Any]) -> Ints:
    """Return, for each row, an arm other than its own that its unit was seen in, else its own."""
    own = arm.to_numpy()
    lowest, highest = by_unit.transform("min").to_numpy(), by_unit.transform("max").to_numpy()
    return np.where(highest != own, highest, lowest).astype(np.int64)


def _young(matured: pd.Series, window: str) -> tuple[Notice, ...]:
    young = int((~matured).sum())
    if young == 0:
        return ()
    problem = Problem(
        what=f"{young:,} of {len(matured):,} units were first seen less than {window} before the "
        "data end and are set aside.",
        why="their window is not over, so their outcomes are not final.",
        fix="run again later to count them too.",
    )
    return (Notice(code="window_not_over", problem=problem),)
