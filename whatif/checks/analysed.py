"""What several checks read from the evidence: analysed rows, time order, covariate columns."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from whatif.base.arrays import Floats, Ints
from whatif.base.errors import EstimationError, Problem
from whatif.checks.evidence import Evidence
from whatif.contract.spec import OutcomeSpec, StudySpec
from whatif.design.record import Design, Features
from whatif.scores.record import Scores

RARE = 50
MOST_LEVELS = 20


def analysed_rows(evidence: Evidence) -> Ints:
    """Return, for every scored unit, its row in the design (a trimmed population has fewer).

    Raises
    ------
    EstimationError
        If a scored unit is not in the design.
    """
    return rows_of(evidence.design, evidence.scores)


def rows_of(design: Design, scores: Scores) -> Ints:
    """Return, for every unit of `scores`, its row in `design`.

    Raises
    ------
    EstimationError
        If a scored unit is not in the design.
    """
    if scores.n == design.n:
        return np.arange(design.n, dtype=np.int64)
    found = pd.Index(design.unit).get_indexer(pd.Index(scores.unit))
    rows: Ints = np.asarray(found, dtype=np.int64)
    if (rows < 0).any():
        raise EstimationError(
            Problem(
                what=f"{int((rows < 0).sum()):,} scored units are not in the design.",
                why="a check would look at other units than the answer is about.",
                fix="run the study again with an empty cache.",
            )
        )
    return rows


def exposure_order(design: Design, spec: StudySpec) -> Ints:
    """Return the rank in time of each row; row order without a time column."""
    if spec.time is None or spec.time not in design.columns:
        return np.arange(design.n, dtype=np.int64)
    order = np.empty(design.n, dtype=np.int64)
    order[np.argsort(design.columns[spec.time].to_numpy(), kind="stable")] = np.arange(design.n)
    return order


def primary_outcome(spec: StudySpec) -> str:
    """Return the primary outcome's column; the numerator when the primary is a ratio."""
    primary = spec.primary
    return primary.column if isinstance(primary, OutcomeSpec) else primary.numerator


def covariate_columns(features: Features) -> Iterator[tuple[str, Floats]]:
    """Yield columns whose means can be compared, one at a time, each with its covariate's name.

    A number is one column, its missing values filled with the mean; words give one indicator for
    each of the 20 most frequent levels; missing values add an indicator. Indicators that fewer
    than 50 rows have or lack, and columns that do not vary, are left out.
    """
    for j, name in enumerate(features.names):
        value = features.values[:, j].astype(np.float64)  # noqa: PD011  (no frame)
        gone = np.isnan(value)
        found = [gone] if gone.any() else []
        if features.categorical[j]:
            levels, counts = np.unique(value[~gone], return_counts=True)
            frequent = np.argsort(-counts, kind="stable")[:MOST_LEVELS]
            found += [value == level for level in levels[frequent]]
        for one in found:
            if _frequent(one.sum(), one.size):
                yield name, one.astype(np.float64)
        if not features.categorical[j] and not gone.all():
            filled = np.where(gone, value[~gone].mean(), value) if gone.any() else value
            if np.ptp(filled) > 0:
                yield name, filled


def _frequent(count: int, size: int) -> bool:
    return RARE <= count <= size - RARE
