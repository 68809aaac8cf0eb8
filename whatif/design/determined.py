"""The founding trap: arms that another column decides cannot be told apart from that column."""

from __future__ import annotations

import numpy as np
import pandas as pd

from whatif.base.arrays import Ints
from whatif.base.errors import NotIdentifiedError, Problem
from whatif.design.record import Design

_LEAST_ROWS_PER_LEVEL = 20
_STEP = _LEAST_ROWS_PER_LEVEL // 2
"""Every so many rows are looked at first: most columns are cleared without reading the rest."""


def refuse_determined_arms(design: Design, *, treatment: str, time: str | None) -> None:
    """Refuse a study whose arms are a function of a column that was settled before them.

    *Mobile folds, desktop shows* compares devices, not presentations: no row tells what either
    device would have done under the other presentation.

    Parameters
    ----------
    design : Design
        Arrays of the study; every pre-treatment column is looked at.
    treatment : str
        The treatment column, for the message.
    time : str or None
        The time column; a change of everyone on one day is another design.

    Raises
    ------
    NotIdentifiedError
        Naming the column and the designs that could answer.
    """
    names = [str(name) for name in design.columns if name != time]
    deciding = [name for name in names if _decides(design.columns[name], design.arm)]
    if not deciding:
        return
    named = ", ".join(repr(name) for name in deciding)
    raise NotIdentifiedError(
        Problem(
            what=f"{treatment!r} follows from {named}: every value there goes with one arm only.",
            why=f"comparing the arms would compare {named} instead; no unit shows what the other "
            "arm would have done.",
            fix="draw the arms by chance within each value (an experiment); or use a change over "
            "time that reached some units earlier than others (staged rollout), or a threshold at "
            "which the arm switches (breakpoint).",
        )
    )


def _decides(column: pd.Series, arm: Ints) -> bool:
    first_look = _one_arm_each(column.iloc[::_STEP], arm[::_STEP], rows=arm.size)
    return first_look and _one_arm_each(column, arm, rows=arm.size)


def _one_arm_each(column: pd.Series, arm: Ints, *, rows: int) -> bool:
    """Whether every level goes with one arm, and there are few enough for that not to be luck."""
    level = pd.factorize(column, use_na_sentinel=False)[0]
    width, levels = int(arm.max()) + 1, int(level.max()) + 1
    if rows < _LEAST_ROWS_PER_LEVEL * levels:
        return False
    seen = np.bincount(level * width + arm, minlength=levels * width).reshape(levels, width) > 0
    return bool((seen.sum(axis=1) == 1).all())
