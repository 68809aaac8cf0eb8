"""The data set of a study: filtered, cut at the as-of day, with arms and kinds settled."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from whatif.base.arrays import Bools, Ints
from whatif.base.errors import DataError, Notice, Problem
from whatif.contract.arms import find_arms
from whatif.contract.clock import Moments, read_moments
from whatif.contract.intake import needed_columns, read_rows
from whatif.contract.option_column import option_problems
from whatif.contract.outcomes import (
    Kind,
    id_problems,
    infinite_problems,
    numeric,
    outcome_problems,
    resolve_kind,
    unwritten_zeros,
)
from whatif.contract.schemas import DataSchema
from whatif.contract.segments import segment_problems
from whatif.contract.spec import StudySpec
from whatif.contract.where import mask, parse_where

__all__ = ["DataSet", "load_dataset", "needed_columns"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DataSet:
    """The rows of one study, ready for the design; n rows.

    Attributes
    ----------
    frame : DataFrame, n rows
        The needed columns, index 0 to n - 1. Outcomes that were true/false are 1.0/0.0; other
        true/false columns with gaps have the type ``boolean``; the time column holds moments.
    arm_labels : tuple of str
        Control first.
    arm_codes : ndarray of int64, shape (n,)
        Index into `arm_labels`.
    outcomes, kinds : tuple of str
        Outcome columns and their kinds, in declared order.
    covariates : tuple of str
        Declared covariates and adjustment columns that have a value somewhere.
    schema : DataSchema or None
        The contract; None when types were inferred.
    types : tuple of (str, str)
        Type of each column as read, for the manifest.
    fingerprint, source : str
        Content hash, and the source as declared without credentials.
    notices : tuple of Notice
        Named warnings for the page.
    rows_read, rows_filtered, rows_after_as_of, rows_other_arms : int
        Rows in the source; of these removed by `where`, by the as-of day, and for another level
        of the treatment.
    as_of : date or None
        Last day a row may have; None without a time column.
    period : (date, date) or None
        First and last day of the rows; None without a time column.
    """

    frame: pd.DataFrame
    arm_labels: tuple[str, ...]
    arm_codes: Ints
    outcomes: tuple[str, ...]
    kinds: tuple[Kind, ...]
    covariates: tuple[str, ...]
    schema: DataSchema | None
    types: tuple[tuple[str, str], ...]
    fingerprint: str
    source: str
    notices: tuple[Notice, ...]
    rows_read: int
    rows_filtered: int
    rows_after_as_of: int
    rows_other_arms: int
    as_of: dt.date | None
    period: tuple[dt.date, dt.date] | None

    @property
    def rows(self) -> int:
        """Number of rows kept."""
        return len(self.frame)

    @property
    def days(self) -> int | None:
        """Days covered, first and last included; None without a time column."""
        return None if self.period is None else (self.period[1] - self.period[0]).days + 1


def load_dataset(
    spec: StudySpec,
    *,
    base: Path,
    data_override: str | None = None,
    as_of: dt.date | None = None,
    frame: pd.DataFrame | None = None,
    adjustment: tuple[str, ...] = (),
) -> DataSet:
    """Read the rows of a study and settle everything the design needs to know about them.

    Parameters
    ----------
    spec : StudySpec
        The study.
    base : Path
        Folder of the study file; a declared source and contract are looked for from there.
    data_override : str, optional
        A source that replaces the declared one, relative to the working folder.
    as_of : date, optional
        Last day a row may have, in the schedule's zone; the last day in the data by default.
    frame : DataFrame, optional
        Rows in memory, which replace any source.
    adjustment : tuple of str
        Further pre-treatment columns, e.g. those that the graph adjusts for.

    Raises
    ------
    UsageError
        If a filter, covariate or segment is measured after the treatment, or names are wrong.
    DataError
        If the data are missing, break their contract, or cannot answer the question.
    """
    raw = read_rows(
        spec, base=base, data_override=data_override, frame=frame, adjustment=adjustment
    )
    kept = _filtered(spec, raw.frame)
    moments = read_moments(spec, raw.frame if kept.all() else raw.frame[kept])
    cut, day = _cut(moments, as_of, int(kept.sum()))
    part = _part(spec, raw.frame, kept, cut, moments)
    arms = find_arms(spec, part)
    inside = arms.codes >= 0
    part = part if inside.all() else part[inside].reset_index(drop=True)
    covariates, dropped = _usable(spec, part, adjustment)
    part, kinds = _settled(spec, part, covariates)
    return DataSet(
        frame=part,
        arm_labels=arms.labels,
        arm_codes=arms.codes[inside],
        outcomes=tuple(outcome.column for outcome in spec.outcomes),
        kinds=kinds,
        covariates=covariates,
        schema=raw.schema,
        types=raw.types,
        fingerprint=raw.fingerprint,
        source=raw.source,
        notices=(*raw.notices, *_as_of_notices(moments, as_of), *arms.notices, *dropped),
        rows_read=len(raw.frame),
        rows_filtered=int((~kept).sum()),
        rows_after_as_of=int((~cut).sum()),
        rows_other_arms=int((~inside).sum()),
        as_of=day,
        period=None if moments is None else _period(moments, np.flatnonzero(cut)[inside]),
    )


def _filtered(spec: StudySpec, rows: pd.DataFrame) -> Bools:
    text = None if spec.data is None else spec.data.where
    if text is None:
        return np.ones(len(rows), dtype=bool)
    kept = mask(parse_where(text), rows)
    if not kept.any():
        raise DataError(_nothing_left(f"the filter `{text}` removed all {len(rows):,} rows"))
    return kept


def _cut(moments: Moments | None, as_of: dt.date | None, rows: int) -> tuple[Bools, dt.date | None]:
    everything = np.ones(rows, dtype=bool)
    if moments is None:
        return everything, None
    if as_of is None:
        return everything, moments.last_day(everything)
    kept = moments.until(as_of)
    if not kept.any():
        first = moments.first_day(everything)
        raise DataError(_nothing_left(f"all rows lie after {as_of}; the first day is {first}"))
    return kept, as_of


def _nothing_left(what: str) -> Problem:
    return Problem(
        what=f"No rows are left: {what}.",
        why="there is nothing to estimate from.",
        fix="check the filter, the as-of day and the data.",
    )


def _as_of_notices(moments: Moments | None, as_of: dt.date | None) -> list[Notice]:
    if moments is not None or as_of is None:
        return []
    return [
        Notice(
            code="as_of_without_time",
            problem=Problem(
                what=f"The run was asked as of {as_of}, but the study names no time column.",
                why="no row could be left out for being later.",
                fix="add `time:` with the column that holds the moment of each row.",
            ),
        )
    ]


def _part(
    spec: StudySpec, rows: pd.DataFrame, kept: Bools, cut: Bools, moments: Moments | None
) -> pd.DataFrame:
    part = rows if kept.all() else rows[kept]
    if moments is not None:
        part = part.assign(**{str(spec.time): moments.stamps})
    return (part if cut.all() else part[cut]).reset_index(drop=True)


def _usable(
    spec: StudySpec, part: pd.DataFrame, adjustment: Sequence[str]
) -> tuple[tuple[str, ...], tuple[Notice, ...]]:
    """Return covariates with a value somewhere, and a notice for each of the others."""
    named = tuple(dict.fromkeys((*(spec.covariates or ()), *adjustment)))
    empty = [name for name in named if part[name].isna().all()]
    notices = tuple(
        Notice(
            code="all_missing_covariate",
            problem=Problem(
                what=f"Covariate {name!r} is missing in every row and is not used.",
                why="it cannot make arms comparable or the answer more precise.",
                fix="check the join that brings it in, or remove it from covariates.",
            ),
        )
        for name in empty
    )
    return tuple(name for name in named if name not in empty), notices


def _settled(
    spec: StudySpec, part: pd.DataFrame, covariates: Sequence[str]
) -> tuple[pd.DataFrame, tuple[Kind, ...]]:
    """Return the rows with outcomes as numbers, and the kind of each outcome."""
    outcomes = [outcome.column for outcome in spec.outcomes]
    problems = [
        *id_problems(spec, part),
        *segment_problems(spec, part),
        *outcome_problems(spec, part),
        *infinite_problems(spec, part, dict.fromkeys((*outcomes, *covariates))),
    ]
    if problems:
        raise DataError(*problems)
    flags = {name: numeric(part[name]) for name in outcomes if part[name].dtype.kind == "b"}
    values = {name: flags.get(name, numeric(part[name])) for name in outcomes}
    unwritten = list(unwritten_zeros(values))
    if unwritten:
        raise DataError(*unwritten)
    kinds = tuple(resolve_kind(outcome, values[outcome.column]) for outcome in spec.outcomes)
    unsplit = list(option_problems(spec, part, kinds))
    if unsplit:
        raise DataError(*unsplit)
    return part.assign(**flags) if flags else part, kinds


def _period(moments: Moments, rows: Ints) -> tuple[dt.date, dt.date]:
    kept = np.zeros(len(moments.stamps), dtype=bool)
    kept[rows] = True
    return moments.first_day(kept), moments.last_day(kept)
