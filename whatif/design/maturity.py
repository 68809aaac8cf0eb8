"""Rows that are old enough: outcomes that arrive late are counted only once they are final."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np

from whatif.base.arrays import Bools
from whatif.base.errors import DataError, Notice, Problem
from whatif.contract.clock import read_moments
from whatif.contract.spec import StudySpec
from whatif.design.build import Rows


def matured(
    rows: Rows, spec: StudySpec, *, as_of: dt.date | None
) -> tuple[Rows, tuple[Notice, ...]]:
    """Return the rows that had at least ``spec.maturity`` to become final, for every outcome.

    A row counts when the as-of day is `maturity` or more after its own day; with a `window`, when
    it is that long after the window's last day. Younger rows are set aside and counted.

    Parameters
    ----------
    rows : Rows
        One row per unit; after `whatif.design.window.per_unit`.
    spec : StudySpec
        The study.
    as_of : date or None
        Last day that a row may have; None without a time column.

    Raises
    ------
    DataError
        If no row is old enough.
    """
    if spec.maturity is None or as_of is None:
        return rows, ()
    moments = read_moments(spec, rows.frame)
    if moments is None:
        return rows, ()
    wait = waiting_days(spec)
    kept = moments.until(as_of - dt.timedelta(days=wait))
    if kept.all():
        return rows, ()
    if not kept.any():
        raise DataError(_nothing_left(spec, as_of))
    at = np.flatnonzero(kept)
    made = replace(
        rows,
        frame=rows.frame[kept].reset_index(drop=True),
        arm=rows.arm[at],
        again=None if rows.again is None else rows.again[at],
        halves=None if rows.halves is None else rows.halves[at],
        options=None if rows.options is None else rows.options.take(at),
    )
    return made, (_young(spec, rows, kept, as_of),)


def waiting_days(spec: StudySpec) -> int:
    """Return the days from a row's first moment to its final outcomes: window, then maturity.

    Examples
    --------
    >>> from whatif.contract.study_file import study_from_mapping
    >>> waiting_days(study_from_mapping({"study": "mail", "data": {"source": "m.csv"},
    ...     "treatment": {"column": "sent", "control": 0}, "outcomes": [{"column": "spend"}],
    ...     "time": "day", "unit": "person", "window": "28d", "maturity": "14d"}))
    42
    """
    return sum(int(span.removesuffix("d")) for span in (spec.window, spec.maturity) if span)


def counted_days(
    spec: StudySpec, period: tuple[dt.date, dt.date] | None, *, as_of: dt.date | None
) -> int | None:
    """Return the days on which the units that count were first seen, both ends included.

    Fewer than the days in the data where young units are set aside, so that units a day are right.

    Parameters
    ----------
    spec : StudySpec
        The study.
    period : (date, date) or None
        First and last day in the data; None without a time column.
    as_of : date or None
        Last day that a row may have.
    """
    if period is None:
        return None
    first, last = period
    window = int((spec.window or "0d").removesuffix("d"))
    last -= dt.timedelta(days=window)
    if spec.maturity and as_of is not None:
        last = min(last, as_of - dt.timedelta(days=waiting_days(spec)))
    return max((last - first).days + 1, 1)


def _span(spec: StudySpec) -> str:
    after = f" after its window of {spec.window}" if spec.window else ""
    return f"`maturity: {spec.maturity}`{after}"


def _young(spec: StudySpec, rows: Rows, kept: Bools, as_of: dt.date) -> Notice:
    by_arm = ", ".join(
        f"{label} {int((~kept[rows.arm == a]).sum()):,}" for a, label in enumerate(rows.arms)
    )
    problem = Problem(
        what=f"{int((~kept).sum()):,} of {kept.size:,} units are younger on {as_of} than "
        f"{_span(spec)} asks for and are set aside: {by_arm}.",
        why="costs and other outcomes that are posted late are not complete yet.",
        fix="run again later to count them too.",
    )
    return Notice(code="not_matured", problem=problem)


def _nothing_left(spec: StudySpec, as_of: dt.date) -> Problem:
    return Problem(
        what=f"No rows are left: on {as_of} none is as old as {_span(spec)} asks for.",
        why="there is nothing to estimate from before outcomes are final.",
        fix="wait until rows are old enough, or shorten `maturity` if outcomes are final sooner.",
    )
