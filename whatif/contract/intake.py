"""Rows as they arrive: the needed columns, read and held against their contract."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from whatif.base.errors import Notice, Problem, UsageError
from whatif.contract.arrow_tables import to_frame
from whatif.contract.schemas import DataSchema, load_schema
from whatif.contract.sources import SourceTable, frame_source, read_source
from whatif.contract.spec import ColumnProbability, PhaseProbability, StudySpec
from whatif.contract.validate import (
    check_contract,
    no_contract_notice,
    outside_notice,
    recorded_types,
)
from whatif.contract.where import columns_of, parse_where


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RawRows:
    """Every row of the source.

    Attributes
    ----------
    frame : DataFrame
        The needed columns, as read.
    schema : DataSchema or None
        The contract that they keep; None when the study names none.
    types : tuple of (str, str)
        Type of each column.
    fingerprint, source : str
        Content hash, and the source without credentials.
    notices : tuple of Notice
        Says so when there is no contract.
    """

    frame: pd.DataFrame
    schema: DataSchema | None
    types: tuple[tuple[str, str], ...]
    fingerprint: str
    source: str
    notices: tuple[Notice, ...]


def needed_columns(spec: StudySpec, extra: Iterable[str] = ()) -> tuple[str, ...]:
    """Return every column that the study names, each once.

    Parameters
    ----------
    spec : StudySpec
        The study.
    extra : iterable of str
        Further columns, e.g. those that the graph adjusts for.

    Examples
    --------
    >>> from whatif.contract.study_file import study_from_mapping
    >>> needed_columns(study_from_mapping({"study": "mail", "data": {"source": "m.csv"},
    ...     "treatment": {"column": "sent", "control": 0},
    ...     "outcomes": [{"column": "visit"}], "segments": ["zip"]}), ["age"])
    ('sent', 'visit', 'zip', 'age')
    """
    ids = (spec.unit, spec.cluster, spec.assigned, spec.time, spec.weights)
    given = spec.design.probability
    chance = (given.column,) if isinstance(given, ColumnProbability | PhaseProbability) else ()
    names = (
        *(name for name in ids if name is not None),
        spec.treatment.column,
        *(outcome.column for outcome in spec.outcomes),
        *(spec.covariates or ()),
        *(name for cut in (*spec.segments, *spec.exploratory) for name in cut),
        *chance,
        *sorted(columns_of_rule(None if spec.data is None else spec.data.where)),
        *check_columns(spec),
        *(() if spec.option is None else (spec.option,)),
        *extra,
    )
    return tuple(dict.fromkeys(names))


def check_columns(spec: StudySpec) -> tuple[str, ...]:
    """Return the columns that only checks read, each once.

    Examples
    --------
    >>> from whatif.contract.study_file import study_from_mapping
    >>> check_columns(study_from_mapping({"study": "mail", "data": {"source": "m.csv"},
    ...     "treatment": {"column": "sent", "control": 0}, "bots": "clicks > 1000",
    ...     "outcomes": [{"column": "visit"}], "negative_controls": {"outcomes": ["age"]}}))
    ('age', 'clicks')
    """
    controls = spec.negative_controls
    single = (spec.assignment_log, spec.first_exposure)
    names = (
        *controls.outcomes,
        *controls.treatments,
        *sorted(columns_of_rule(spec.bots)),
        *(name for name in single if name is not None),
    )
    return tuple(dict.fromkeys(names))


def read_rows(
    spec: StudySpec,
    *,
    base: Path,
    data_override: str | None,
    frame: pd.DataFrame | None,
    adjustment: tuple[str, ...],
) -> RawRows:
    """Read the columns that the study needs and hold them against their contract.

    Parameters
    ----------
    spec, base, data_override, frame, adjustment
        As in `whatif.contract.dataset.load_dataset`.

    Raises
    ------
    UsageError
        If the contract is unknown, or says that a filter, covariate or segment is not settled
        before the treatment.
    DataError
        If the source cannot be read, lacks a column, or breaks the contract.
    """
    contract = None if spec.data is None else spec.data.contract
    schema = None if contract is None else load_schema(contract, base)
    _refuse_late_columns(spec, schema, adjustment)
    columns = needed_columns(spec, adjustment)
    order = tuple(name for name in (spec.unit, spec.time) if name is not None)
    if frame is not None:
        read = frame_source(frame, columns, sort_by=order)
    else:
        types = None if schema is None else schema.types()
        source, folder = _source(spec, base, data_override)
        read = read_source(source, folder, columns, types=types, sort_by=order)
    return _checked(spec, schema, read)


def _checked(spec: StudySpec, schema: DataSchema | None, read: SourceTable) -> RawRows:
    rows = to_frame(read.table)
    notices = (no_contract_notice(rows),) if schema is None else outside_notice(rows, schema)
    if schema is not None:
        check_contract(rows, schema, unit=spec.unit)
    return RawRows(
        frame=rows,
        schema=schema,
        types=recorded_types(rows),
        fingerprint=read.fingerprint,
        source=read.shown,
        notices=notices,
    )


def _source(spec: StudySpec, base: Path, data_override: str | None) -> tuple[str, Path]:
    """Return the source and the folder that a relative one starts from."""
    if data_override is not None:
        return data_override, Path.cwd()
    if spec.data is not None:
        return spec.data.source, base
    raise UsageError(
        Problem(
            what="The study names no data source and no frame was given.",
            why="there is nothing to read the rows from.",
            fix="add `data: {source: FILE}`, or pass a frame.",
        )
    )


def columns_of_rule(text: str | None) -> frozenset[str]:
    """Return the columns that a row filter reads; none without a filter."""
    return frozenset() if text is None else columns_of(parse_where(text))


def _refuse_late_columns(
    spec: StudySpec, schema: DataSchema | None, adjustment: Sequence[str]
) -> None:
    """Refuse filters, covariates and segments that the contract marks as not pre-treatment."""
    if schema is None:
        return
    where = None if spec.data is None else spec.data.where
    uses = [("the filter", name) for name in sorted(columns_of_rule(where))]
    uses += [("the bots' rule", name) for name in sorted(columns_of_rule(spec.bots))]
    uses += [("covariates", name) for name in spec.covariates or ()]
    uses += [("segments", name) for cut in spec.segments for name in cut]
    uses += [("exploratory", name) for cut in spec.exploratory for name in cut]
    uses += [("weights", spec.weights)] if spec.weights else []
    uses += [("the adjustment set", name) for name in adjustment]
    words = {"after": "measured after treatment", "treatment": "the treatment itself"}
    problems = [
        Problem(
            what=f"{name!r} stands in {use}, but {schema.name} says it is "
            f"{words[str(schema.measured(name))]}.",
            why="comparing rows that the treatment itself made alike hides or invents an effect.",
            fix="use columns that were settled before the treatment.",
        )
        for use, name in dict.fromkeys(uses)
        if schema.measured(name) in words
    ]
    if problems:
        raise UsageError(*problems)
