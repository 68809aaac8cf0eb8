"""One row per assigned customer: outcomes summed over a fixed window from first exposure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from whatif.base.errors import Notice, Problem, UsageError
from whatif.contract.spec import StudySpec
from whatif.design.build import Rows


def per_unit(rows: Rows, spec: StudySpec) -> tuple[Rows, tuple[Notice, ...]]:
    """Return one row per unit, with outcomes summed over ``spec.window`` from its first row.

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
    ordered = rows.frame.assign(__arm=rows.arm).sort_values([spec.time], kind="stable")
    by_unit = ordered.groupby(spec.unit, sort=False)
    start = by_unit[spec.time].transform("min")
    outcomes = [outcome.column for outcome in spec.outcomes]
    within = ordered[ordered[spec.time] < start + length]
    first = ordered.drop_duplicates(spec.unit).set_index(spec.unit)
    sums = within.groupby(spec.unit, sort=False)[outcomes].sum(min_count=1)
    table = first.drop(columns=outcomes).join(sums).reset_index()
    matured = table[spec.time] + length <= ordered[spec.time].max() + pd.Timedelta(seconds=1)
    kinds = tuple("count" if kind == "binary" else kind for kind in rows.kinds)
    kept = table[matured].reset_index(drop=True)
    arm = kept.pop("__arm").to_numpy(dtype=np.int64)
    return replace(rows, frame=kept, arm=arm, kinds=kinds), _young(matured, spec.window)


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
