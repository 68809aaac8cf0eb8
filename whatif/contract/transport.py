"""Tables of other populations: covariates of people who took no part in the study."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from whatif.base.errors import DataError, Problem, UsageError, did_you_mean
from whatif.base.secrets import redacted
from whatif.contract.arrow_tables import to_frame
from whatif.contract.intake import columns_of_rule
from whatif.contract.schemas import DataSchema
from whatif.contract.sources import header_of, read_source
from whatif.contract.spec import StudySpec, TransportSpec
from whatif.contract.where import mask, parse_where


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TargetTable:
    """The rows of another population, as read.

    Attributes
    ----------
    name : str
        Its name in the study.
    shown : str
        Its source, without credentials.
    frame : DataFrame
        Covariates, and the cluster and the sampling weights where the table holds them.
    """

    name: str
    shown: str
    frame: pd.DataFrame


def read_targets(
    spec: StudySpec, *, base: Path, covariates: Sequence[str], schema: DataSchema | None
) -> tuple[TargetTable, ...]:
    """Read the table of every population under `transport`.

    Parameters
    ----------
    spec : StudySpec
        The study.
    base : Path
        Folder that relative sources start from.
    covariates : sequence of str
        Columns that the study's models read; each must be there.
    schema : DataSchema, optional
        The study's contract, which types the columns of CSV files.

    Raises
    ------
    UsageError
        If a filter reads a column that is settled after the treatment.
    DataError
        If a table is missing, empty, unreadable or lacks a column, or its filter leaves no row.
    """
    return tuple(
        _read(one, spec, base=base, covariates=covariates, schema=schema) for one in spec.transport
    )


def _read(
    one: TransportSpec,
    spec: StudySpec,
    *,
    base: Path,
    covariates: Sequence[str],
    schema: DataSchema | None,
) -> TargetTable:
    filtered = sorted(columns_of_rule(one.where))
    _refuse_late(one, filtered, schema)
    known = header_of(one.source, base)
    _refuse_missing(one, dict.fromkeys([*covariates, *filtered]), known)
    cluster = spec.cluster or spec.assigned or spec.unit
    extra = [name for name in (cluster, spec.weights) if name in known and name is not None]
    columns = list(dict.fromkeys([*covariates, *filtered, *extra]))
    types = None if schema is None else schema.types()
    rows = to_frame(read_source(one.source, base, columns, types=types).table)
    if one.where is not None:
        rows = rows[mask(parse_where(one.where), rows)].reset_index(drop=True)
        _refuse_nothing_left(one, rows)
    kept = list(dict.fromkeys([*covariates, *extra]))
    return TargetTable(name=one.name, shown=redacted(one.source), frame=rows[kept])


def _refuse_late(one: TransportSpec, used: list[str], schema: DataSchema | None) -> None:
    if schema is None:
        return
    late = [name for name in used if schema.measured(name) not in (None, "before")]
    if late:
        raise UsageError(
            Problem(
                what=f"The filter of transport {one.name!r} reads {', '.join(map(repr, late))}, "
                f"which {schema.name} does not count as settled before the treatment.",
                why="people chosen by what they did later respond otherwise than people like them.",
                fix="filter on columns that are settled before the treatment.",
            )
        )


def _refuse_missing(one: TransportSpec, needed: Iterable[str], known: Sequence[str]) -> None:
    lost = [name for name in needed if name not in known]
    if lost:
        raise DataError(
            *(
                Problem(
                    what=f"The table of transport {one.name!r} has no column {name!r}; "
                    f"{did_you_mean(name, list(known))}",
                    why="the study's models read it, or the filter does, so the rows of the table "
                    "cannot be placed without it.",
                    fix="add the column to that table, or leave it out of the study.",
                )
                for name in lost
            )
        )


def _refuse_nothing_left(one: TransportSpec, rows: pd.DataFrame) -> None:
    if rows.empty:
        raise DataError(
            Problem(
                what=f"The filter `{one.where}` leaves no row of transport {one.name!r}.",
                why="there is nobody to carry the effects to.",
                fix="check the filter and the table.",
            )
        )
