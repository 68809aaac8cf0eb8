"""PostgreSQL: a table, a view or one SELECT, read in Arrow batches in a read-only transaction."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

from whatif.base.errors import DataError, Problem, UsageError, did_you_mean
from whatif.base.secrets import without
from whatif.contract.arrow_tables import Table, plain_types, refuse_missing

SCHEMES = ("postgresql", "postgres")
_FORM = "write postgresql://USER@HOST/DATABASE#TABLE, #SCHEMA.TABLE or #SELECT …"
_QUERY = re.compile(r"\s*(select|with)\s", re.IGNORECASE)
_ADDRESS = re.compile(r"[^:]+://(?:(?P<login>[^/?]*)@)?(?P<hosts>[^/?]*)(?P<path>[^?]*)")
_ODD_PORT = re.compile(r":(?!\d*(?:,|$))")
_SAID = re.compile(r"(?:ERROR|FATAL): +|Failed to connect: ")
_CASTS = {
    "numeric": "::float8",
    "money": "::numeric::float8",
    "oid": "::int8",
    "bpchar": "::text",
}
_FIRST_DAY = -2_440_588
"""4713 BC in days since 1970: PostgreSQL knows no day before, so what lies below is infinite."""
_DAY = 86_400_000_000
_READ_ONLY = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
_TABLES = """
SELECT n.nspname::text, c.relname::text, pg_catalog.pg_table_is_visible(c.oid)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f')
  AND n.nspname !~ '^pg_(catalog|toast|temp)' AND n.nspname <> 'information_schema'
ORDER BY 1, 2"""


def read_postgres(
    source: str, columns: Sequence[str] | None, shown: str, *, header_only: bool = False
) -> Table:
    """Return the needed columns of a table, view or query, as plain types in no promised order.

    The transaction is read-only and sees one moment. Types that Arrow lacks are turned by the
    server: ``numeric`` and ``money`` to floats, ``uuid`` and network addresses to text; text of
    fixed width loses its padding. Parts of the login that the address leaves out come from the
    environment of libpq (``PGPASSWORD``, ``PGSERVICE``, ``~/.pgpass``).

    Parameters
    ----------
    source : str
        ``postgresql://user:password@host/database#table``, ``#schema.table``, or ``#`` and a query
        that starts with ``select`` or ``with``.
    columns : sequence of str, optional
        Columns to read; all by default.
    shown : str
        The source for errors, without login.
    header_only : bool
        Return no rows, only the columns.

    Raises
    ------
    UsageError
        If the address has another form, or the driver is not installed.
    DataError
        If the server, table or a column is missing, or the server refuses.
    """
    address, wanted = _parts(source, shown)
    with _cursor(address, shown) as cursor:
        cursor.execute(_READ_ONLY)
        origin = f"({wanted.rstrip().rstrip(';')}\n)" if _QUERY.match(wanted) else None
        origin = origin or _place(cursor, wanted, shown)
        cursor.execute(f"SELECT * FROM {origin} AS t LIMIT 0")
        schema = cursor.fetch_arrow_table().schema
        refuse_missing(columns or (), schema.names, shown)
        fields = [schema.field(schema.get_field_index(name)) for name in columns or schema.names]
        listed = ", ".join(_column(field) for field in fields)
        cursor.execute(f"SELECT {listed} FROM {origin} AS t{' LIMIT 0' if header_only else ''}")
        return _table(cursor.fetch_record_batch(), shown)


def passwords_of(address: str) -> tuple[str, ...]:
    """Return every spelling of the passwords in an address, to be hidden from texts.

    Examples
    --------
    >>> passwords_of("postgresql://ann:a%40b@db/shop?sslpassword=c")
    ('a%40b', 'a@b', 'c')
    """
    found = _ADDRESS.match(address)
    login = ((found and found["login"]) or "").partition(":")[2]
    query = address.partition("?")[2].partition("#")[0].split("&")
    named = [pair.partition("=")[2] for pair in query if "password" in pair.partition("=")[0]]
    spelled = [text for one in (login, *named) for text in (one, unquote(one))]
    return tuple(dict.fromkeys(filter(None, spelled)))


def is_readable(address: str) -> bool:
    """Return whether the parts of an address can be told apart.

    If not, a driver takes half of a password for a port or a database, and repeats it in errors.

    Examples
    --------
    >>> is_readable("postgresql://ann:a%2Fb@[::1]:5432,db2:5433/shop?sslmode=require")
    True
    >>> is_readable("postgresql://ann:1/b@db/shop")
    False
    """
    found = _ADDRESS.match(address)
    hosts = "" if found is None else re.sub(r"\[[^\]]*\]", "", found["hosts"])
    return found is not None and "@" not in found["path"] and not _ODD_PORT.search(hosts)


def _parts(source: str, shown: str) -> tuple[str, str]:
    """Return the address for libpq, and what stands behind the ``#``."""
    address, _, wanted = source.partition("#")
    if not wanted.strip():
        raise _usage(f"The source {shown!r} does not name a table or a query.", _FORM)
    if not is_readable(address):
        raise _usage(
            f"The source {shown!r} has no readable host and port.",
            f"{_FORM}; in a password write / as %2F, @ as %40, # as %23, % as %25.",
        )
    return address, wanted


@contextmanager
def _cursor(address: str, shown: str) -> Iterator[Any]:
    import pyarrow as pa

    try:
        from adbc_driver_postgresql import dbapi
    except ImportError:
        raise _usage(
            f"The source {shown!r} needs the driver for PostgreSQL, which is not installed.",
            "run: pip install 'whatif[postgres]'.",
        ) from None
    try:
        with dbapi.connect(address) as connection, connection.cursor() as cursor:
            yield cursor
    except (dbapi.Error, pa.ArrowException, OSError, UnicodeError) as error:
        first = without(str(error), *passwords_of(address)).strip().splitlines()[0]
        said = _SAID.split(first)[-1].strip()[:200]
        raise _data_error(
            f"{shown} cannot be read: {said}", "check the address, the login and the query."
        ) from None


def _place(cursor: Any, table: str, shown: str) -> str:  # noqa: ANN401  (an ADBC cursor)
    """Return the quoted name of a table or view, by its own name or with its schema."""
    cursor.execute(_TABLES)
    rows = cursor.fetchall()
    spelled = {f"{schema}.{name}": (schema, name) for schema, name, _ in rows}
    spelled |= {name: (schema, name) for schema, name, visible in rows if visible}
    if table not in spelled:
        hint = did_you_mean(table, list(spelled))
        raise _data_error(f"{shown} has no table {table!r}; {hint}", "correct the name.")
    return ".".join(_quoted(part) for part in spelled[table])


def _column(field: Any) -> str:  # noqa: ANN401  (a pyarrow field)
    """Return a column of the SELECT, turned into a type that Arrow has."""
    import pyarrow as pa

    name = _quoted(field.name)
    kind = (field.metadata or {}).get(b"POSTGRESQL:type", b"").decode()
    foreign = isinstance(field.type, pa.BaseExtensionType) and kind not in ("json", "jsonb")
    cast = _CASTS.get(kind, "::text" if foreign else "")
    return f"t.{name}{cast} AS {name}"


def _table(batches: Any, shown: str) -> Table:  # noqa: ANN401  (a pyarrow RecordBatchReader)
    """Return the batches as one table, each made plain as it arrives."""
    import pyarrow as pa

    empty = plain_types(batches.schema.empty_table())
    parts = [plain_types(pa.Table.from_batches([batch])) for batch in batches]
    table = pa.concat_tables([empty, *parts]).replace_schema_metadata(None)
    for name in table.column_names:
        _refuse_infinite(name, table.column(name), shown)
    return table


def _refuse_infinite(name: str, column: Any, shown: str) -> None:  # noqa: ANN401
    """Refuse ``infinity`` as a day or moment: Arrow has none, and a driver's stand-in is a lie."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_timestamp(column.type):
        days, first = column.cast(pa.int64()), _FIRST_DAY * _DAY
    elif pa.types.is_date(column.type):
        days, first = column.cast(pa.int32()), _FIRST_DAY
    else:
        return
    lowest = pc.min(days).as_py()
    if lowest is not None and lowest < first:
        count = pc.sum(pc.less(days, first)).as_py()
        raise DataError(
            Problem(
                what=f"{shown}: column {name!r} holds infinity in {count:,} rows.",
                why="a day or moment without end cannot be ordered among the others.",
                fix="put a day or NULL in its place, e.g. with a query behind the #.",
            )
        )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _usage(what: str, fix: str) -> UsageError:
    return UsageError(Problem(what=what, why="its rows cannot be found.", fix=fix))


def _data_error(what: str, fix: str) -> DataError:
    return DataError(Problem(what=what, why="there is nothing to estimate from.", fix=fix))
