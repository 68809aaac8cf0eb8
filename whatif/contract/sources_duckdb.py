"""DuckDB files: one table or view, opened read-only, by names that are quoted here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from whatif.base.errors import DataError, Problem, UsageError, did_you_mean
from whatif.contract.arrow_tables import Table, refuse_missing

_PREFIX = "duckdb:///"


def read_duckdb(
    source: str,
    base: Path,
    columns: Sequence[str] | None,
    shown: str,
    *,
    header_only: bool = False,
) -> tuple[Path, Table]:
    """Return the database file and the needed columns of its table.

    Parameters
    ----------
    source : str
        ``duckdb:///file.db#table`` or ``duckdb:///file.db#schema.table``.
    base : Path
        Folder that a relative path starts from; a path that exists only from the root is taken
        from there.
    columns : sequence of str, optional
        Columns to read; all by default.
    shown : str
        The source for errors.
    header_only : bool
        Return no rows, only the columns.

    Raises
    ------
    UsageError
        If the address has another form.
    DataError
        If the file, table or a column is missing, or the file is not a database.
    """
    import duckdb

    location, mark, table = source.removeprefix(_PREFIX).partition("#")
    if not source.startswith(_PREFIX) or not mark or not table or not location:
        raise UsageError(
            Problem(
                what=f"The source {shown!r} does not name a file and a table.",
                why="its rows cannot be found.",
                fix="write duckdb:///FILE#TABLE.",
            )
        )
    file = base / location
    if not file.exists() and Path(f"/{location}").exists():
        file = Path(f"/{location}")
    if not file.is_file():
        raise _data_error(f"There is no file {location!r}.", "check the path.")
    try:
        with duckdb.connect(str(file), read_only=True) as connection:
            limit = " LIMIT 0" if header_only else ""
            return file, _read_table(connection, table, columns, shown, limit)
    except duckdb.Error as error:
        said = str(error).splitlines()[0]
        raise _data_error(f"{shown} cannot be read: {said}", "check the database.") from None


def _read_table(
    connection: Any,  # noqa: ANN401  (duckdb ships no types)
    table: str,
    columns: Sequence[str] | None,
    shown: str,
    limit: str,
) -> Table:
    rows = connection.execute(
        "SELECT table_schema, table_name, column_name FROM information_schema.columns "
        "WHERE table_catalog = current_database() ORDER BY ordinal_position"
    ).fetchall()
    found: dict[tuple[str, str], list[str]] = {}
    for schema, name, column in rows:
        found.setdefault((schema, name), []).append(column)
    spelled = {(n if s == "main" else f"{s}.{n}"): (s, n) for s, n in found}
    if table not in spelled:
        hint = did_you_mean(table, list(spelled))
        raise _data_error(f"{shown} has no table {table!r}; {hint}", "correct the name.")
    known = found[spelled[table]]
    refuse_missing(columns or (), known, shown)
    wanted = ", ".join(_quoted(name) for name in columns or known)
    place = ".".join(_quoted(part) for part in spelled[table])
    return connection.sql(f"SELECT {wanted} FROM {place}{limit}").to_arrow_table()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _data_error(what: str, fix: str) -> DataError:
    return DataError(Problem(what=what, why="there is nothing to estimate from.", fix=fix))
