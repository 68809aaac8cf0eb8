"""Known assignment probabilities, one row per unit."""

from __future__ import annotations

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from whatif.base.arrays import Floats, Ints
from whatif.base.errors import DataError, Problem
from whatif.contract.spec import ColumnProbability, PhaseProbability, Probability

_TOLERANCE = 1e-6


def known_probabilities(
    probability: Probability, frame: pd.DataFrame, arm: Ints, arms: tuple[str, ...]
) -> tuple[Floats | None, Ints]:
    """Return known chances, shape (n, A), or None, with the phase of each unit, shape (n,).

    Raises
    ------
    DataError
        If a logged probability is not between 0 and 1 or is missing, a phase is not declared, or
        an arm has chance 0 or 1 in a phase that the rows have.
    """
    phase = np.zeros(len(frame), dtype=np.int64)
    if isinstance(probability, ColumnProbability):
        return _logged(frame[probability.column], arm, arms), phase
    if isinstance(probability, PhaseProbability):
        return _phases(probability, frame[probability.column], arms)
    if isinstance(probability, dict):
        return np.tile([probability[a] for a in arms], (len(frame), 1)), phase
    return None, phase


def is_logged(known: Floats | None, phase: Ints) -> bool:
    """Return whether known chances differ between rows of one phase: a log of each row's own."""
    return known is not None and not np.ptp(phase) > 0 and bool(np.ptp(known, axis=0).any())


def _logged(column: pd.Series, arm: Ints, arms: tuple[str, ...]) -> Floats:
    got = column.to_numpy(dtype=np.float64, na_value=np.nan)
    bad = ~((got > 0) & (got <= 1))
    if bad.any():
        raise DataError(
            Problem(
                what=f"{int(bad.sum()):,} rows have a logged probability in {column.name!r} that "
                "is missing, 0 or above 1.",
                why="every unit is weighted by the chance of the arm it got.",
                fix="log the probability at assignment time, and fill these rows from that log.",
            )
        )
    sure = int((got == 1).sum())
    if sure:
        raise DataError(
            Problem(
                what=f"{sure:,} rows have a logged probability of exactly 1 in {column.name!r}.",
                why="their unit could not get any other arm, so they are not part of the "
                "experiment and would compare people who were never randomised.",
                fix=f"leave them out with `where: {column.name} < 1`, or correct the log.",
            )
        )
    # Only the chance of the arm that was received enters a score; the rest share what is left.
    out = np.repeat(((1 - got) / (len(arms) - 1))[:, None], len(arms), axis=1)
    out[np.arange(got.size), arm] = got
    return out


def _phases(
    probability: PhaseProbability, column: pd.Series, arms: tuple[str, ...]
) -> tuple[Floats, Ints]:
    names = sorted(probability.phases)
    seen = column.astype("str").to_numpy(dtype=object)
    unknown = sorted(set(seen) - set(names))
    if unknown:
        raise DataError(
            Problem(
                what=f"Column {column.name!r} has phases the study does not declare: {unknown}.",
                why="without their probabilities those units cannot be weighted.",
                fix="add them under `design.probability.phases`, or leave them out with `where`.",
            )
        )
    code = np.searchsorted(names, seen.astype(str)).astype(np.int64)
    table = np.array([[probability.phases[name].get(a, 0.0) for a in arms] for name in names])
    wrong = [n for n, row in zip(names, table, strict=True) if abs(row.sum() - 1) > _TOLERANCE]
    if wrong:
        raise DataError(
            Problem(
                what=f"The probabilities of phases {wrong} do not sum to 1 over {list(arms)}.",
                why="a unit gets exactly one arm.",
                fix="give every phase one probability per arm, summing to 1.",
            )
        )
    _require_randomised(column, code, names, table)
    return table[code], code


def _require_randomised(column: pd.Series, code: Ints, names: list[str], table: Floats) -> None:
    rows = np.bincount(code, minlength=len(names))
    fixed = ((table <= 0) | (table >= 1)).any(axis=1) & (rows > 0)
    if fixed.any():
        phases = [name for name, one in zip(names, fixed, strict=True) if one]
        shown = phases[0] if is_numeric_dtype(column) else repr(phases[0])
        raise DataError(
            Problem(
                what=f"An arm has a chance of 0 or 1 in phases {phases} of {column.name!r} "
                f"({int(rows[fixed].sum()):,} rows).",
                why="those rows are not randomised between these arms.",
                fix=f"leave the phase out with `where`, e.g. `{column.name} != {shown}`.",
            )
        )
