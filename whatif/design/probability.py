"""Known assignment probabilities, one row per unit."""

from __future__ import annotations

import numpy as np
import pandas as pd

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
        If a logged probability is outside (0, 1] or missing, or a phase is not declared.
    """
    phase = np.zeros(len(frame), dtype=np.int64)
    if isinstance(probability, ColumnProbability):
        return _logged(frame[probability.column], arm, arms), phase
    if isinstance(probability, PhaseProbability):
        return _phases(probability, frame[probability.column], arms)
    if isinstance(probability, dict):
        return np.tile([probability[a] for a in arms], (len(frame), 1)), phase
    return None, phase


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
                fix="add them under `design.probability.phases`.",
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
    return table[code], code
