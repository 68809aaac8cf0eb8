"""Sources: Parquet, CSV, tables of DuckDB and PostgreSQL, frames; only needed columns are read."""

from __future__ import annotations

import csv
import glob
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from whatif.base.errors import DataError, Problem, UsageError
from whatif.base.hashing import of_files
from whatif.base.secrets import redacted
from whatif.contract.arrow_tables import (
    Table,
    content_hash,
    plain_types,
    refuse_missing,
    sorted_rows,
)
from whatif.contract.sources_csv import csv_header, is_csv, read_csv
from whatif.contract.sources_postgres import SCHEMES, read_postgres

_KINDS = (
    "a Parquet file, glob or folder, a .csv or .csv.gz file, duckdb:///FILE#TABLE, "
    "or postgresql://USER@HOST/DATABASE#TABLE"
)
_NO_ROWS = "there is nothing to estimate from."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SourceTable:
    """What was read.

    Attributes
    ----------
    table : pyarrow.Table
        The needed columns, plain types.
    fingerprint : str
        sha256 of the files' bytes, or of the columns' content for tables and frames.
    shown : str
        The source as declared, without credentials.
    files : tuple of Path
        Files read, sorted; empty for a frame.
    """

    table: Table
    fingerprint: str
    shown: str
    files: tuple[Path, ...]


def read_source(
    source: str,
    base: Path,
    columns: Sequence[str] | None = None,
    *,
    types: Mapping[str, str] | None = None,
    sort_by: Sequence[str] = (),
) -> SourceTable:
    """Read the needed columns of a declared source.

    Parameters
    ----------
    source : str
        A Parquet file, glob or folder, a CSV or CSV.gz file or glob,
        ``duckdb:///file.db#table`` (four slashes for an absolute path), or
        ``postgresql://user:password@host/database#table`` (or a SELECT in the table's place).
    base : Path
        Folder that a relative path starts from.
    columns : sequence of str, optional
        Columns to read; all by default.
    types : mapping of str to str, optional
        Promised types, used for CSV only; other formats know their own.
    sort_by : sequence of str
        Columns that order the rows of a database table, which has no order of its own.

    Raises
    ------
    UsageError
        If the kind of source is not known.
    DataError
        If it is missing, empty, unreadable, or lacks a column.
    """
    shown = redacted(source)
    scheme = re.match(r"^([A-Za-z][A-Za-z0-9+.-]*):/", source)
    if scheme is not None:
        return _read_url(scheme.group(1).lower(), source, base, columns, sort_by)
    files = _files(source, base)
    with _readable(shown):
        reader = _read_csvs if is_csv(files[0]) else _read_parquets
        table = plain_types(reader(files, columns, types or {}, shown))
    _refuse_empty(table, shown)
    return SourceTable(table=table, fingerprint=of_files(files), shown=shown, files=tuple(files))


def header_of(source: str, base: Path) -> tuple[str, ...]:
    """Return the column names of a declared source; no row is read.

    Raises
    ------
    UsageError
        If the kind of source is not known.
    DataError
        If it is missing or unreadable.
    """
    shown = redacted(source)
    scheme = re.match(r"^([A-Za-z][A-Za-z0-9+.-]*):/", source)
    if scheme is not None and scheme.group(1).lower() == "duckdb":
        from whatif.contract.sources_duckdb import read_duckdb

        return tuple(read_duckdb(source, base, None, shown, header_only=True)[1].column_names)
    if scheme is not None and scheme.group(1).lower() in SCHEMES:
        return tuple(read_postgres(source, None, shown, header_only=True).column_names)
    if scheme is not None:
        raise _unknown_kind(shown)
    file = _files(source, base)[0]
    import pyarrow.parquet as pq

    with _readable(shown):
        names = csv_header(file)[0] if is_csv(file) else pq.read_schema(file).names
    if not names:
        raise DataError(_empty(shown))
    return tuple(names)


def frame_source(
    frame: pd.DataFrame, columns: Sequence[str], *, sort_by: Sequence[str] = ()
) -> SourceTable:
    """Take the needed columns of a frame in memory; the frame itself is not changed.

    Parameters
    ----------
    frame : DataFrame
        One row per unit.
    columns : sequence of str
        Columns to take.
    sort_by : sequence of str
        Columns that order the rows, so that the order in memory does not matter.

    Raises
    ------
    DataError
        If a column is missing or appears twice, or the frame has no rows.
    """
    import pyarrow as pa

    shown = "a frame in memory"
    names = [name for name in frame.columns if isinstance(name, str)]
    refuse_missing(columns, names, shown)
    _refuse_double(columns, names, shown)
    table = plain_types(pa.table({name: _from_series(frame[name]) for name in columns}))
    _refuse_empty(table, shown)
    table = sorted_rows(table, sort_by)
    return SourceTable(table=table, fingerprint=content_hash(table), shown=shown, files=())


def _from_series(series: pd.Series) -> object:
    import pyarrow as pa

    try:
        values = pa.array(series, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        # mixed types: as text, so that the checks that follow can count what does not fit
        text = [None if pd.isna(value) else str(value) for value in series]
        values = pa.array(text, pa.large_string())
    return values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])


def _files(source: str, base: Path) -> list[Path]:
    path = base / source
    if path.is_dir():
        files = sorted(p for p in path.rglob("*.parquet") if not _hidden(p, path))
        missing = f"The folder {source!r} holds no Parquet files."
    elif path.exists():
        files, missing = [path], ""
    else:
        files = sorted(Path(p) for p in glob.glob(str(path), recursive=True))  # noqa: PTH207  (an absolute pattern)
        files = [p for p in files if p.is_file()]
        missing = f"There is no file {source!r}."
    if not files:
        raise DataError(
            Problem(what=missing, why=_NO_ROWS, fix="check the path, or give another with --data.")
        )
    kinds = {"csv" if is_csv(p) else p.suffix.lower() for p in files}
    if not kinds <= {"csv"} and not kinds <= {".parquet", ".pq"}:
        raise UsageError(
            Problem(
                what=f"{source!r} is not a known kind of source ({', '.join(sorted(kinds))}).",
                why="its rows cannot be read.",
                fix=f"give {_KINDS}.",
            )
        )
    return files


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)


def _read_parquets(
    files: Sequence[Path], columns: Sequence[str] | None, _: Mapping[str, str], shown: str
) -> Table:
    import pyarrow as pa
    import pyarrow.dataset as ds
    import pyarrow.parquet as pq

    schemas = [pq.read_schema(file) for file in files]
    names = list(columns or schemas[0].names)
    for file, schema in zip(files, schemas, strict=True):
        refuse_missing(names, schema.names, shown if len(files) == 1 else file.name)
        _refuse_double(names, schema.names, shown)
    parts = [pa.schema([schema.field(name) for name in names]) for schema in schemas]
    unified = pa.unify_schemas(parts, promote_options="permissive")
    dataset = ds.dataset([str(file) for file in files], format="parquet", schema=unified)
    return dataset.to_table(columns=names)


def _read_csvs(
    files: Sequence[Path],
    columns: Sequence[str] | None,
    types: Mapping[str, str],
    shown: str,
) -> Table:
    import pyarrow as pa

    tables = []
    for file in files:
        if file.stat().st_size == 0:
            raise DataError(_empty(shown if len(files) == 1 else file.name))
        header, _ = csv_header(file)
        columns = columns or header
        refuse_missing(columns, header, shown if len(files) == 1 else file.name)
        _refuse_double(columns, header, shown)
        tables.append(read_csv(file, columns, types))
    return pa.concat_tables(tables, promote_options="permissive")


def _read_url(
    scheme: str, source: str, base: Path, columns: Sequence[str] | None, sort_by: Sequence[str]
) -> SourceTable:
    shown = redacted(source)
    if scheme == "duckdb":
        from whatif.contract.sources_duckdb import read_duckdb

        file, table = read_duckdb(source, base, columns, shown)
        table = sorted_rows(plain_types(table), sort_by)
        _refuse_empty(table, shown)
        return SourceTable(table=table, fingerprint=content_hash(table), shown=shown, files=(file,))
    if scheme in SCHEMES:
        table = read_postgres(source, columns, shown)
        # a server hands out rows in any order, and units may repeat: every column breaks ties
        table = sorted_rows(table, (*sort_by, *sorted(set(table.column_names) - set(sort_by))))
        _refuse_empty(table, shown)
        return SourceTable(table=table, fingerprint=content_hash(table), shown=shown, files=())
    raise _unknown_kind(shown)


def _unknown_kind(shown: str) -> UsageError:
    return UsageError(
        Problem(
            what=f"The source {shown!r} is of an unknown kind.",
            why="its rows cannot be read.",
            fix=f"give {_KINDS}.",
        )
    )


def _refuse_double(columns: Sequence[str], known: Sequence[str], shown: str) -> None:
    double = [name for name, count in Counter(known).items() if count > 1 and name in columns]
    if double:
        raise DataError(
            Problem(
                what=f"{shown} has more than one column called {', '.join(map(repr, double))}.",
                why="which of them is meant is not known.",
                fix="rename or remove the others.",
            )
        )


def _refuse_empty(table: Table, shown: str) -> None:
    if table.num_rows == 0:
        raise DataError(_empty(shown))


def _empty(shown: str) -> Problem:
    return Problem(
        what=f"{shown} is empty: it has no rows.",
        why=_NO_ROWS,
        fix="check the query or job that writes it, then run again.",
    )


@contextmanager
def _readable(shown: str) -> Iterator[None]:
    """Turn what readers raise about a broken file into a `DataError`."""
    import pyarrow as pa

    try:
        yield
    except (OSError, EOFError, UnicodeError, zlib.error, csv.Error, pa.ArrowException) as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            Problem(
                what=f"{shown} cannot be read: {said}",
                why=_NO_ROWS,
                fix="write the file again, or check that it is what its name says.",
            )
        ) from None
