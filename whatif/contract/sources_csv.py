"""CSV files: cells are read as text, then each column takes the first type that fits all of it."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from whatif.contract.arrow_tables import Table

_MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None")
_ENDS = (".csv", ".csv.gz")


def is_csv(path: Path) -> bool:
    """Return whether the name of `path` says CSV.

    Examples
    --------
    >>> is_csv(Path("a.csv.gz"))
    True
    """
    return path.name.lower().endswith(_ENDS)


def csv_header(path: Path) -> tuple[list[str], str]:
    """Return the column names of `path` and its delimiter (comma, semicolon or tab)."""
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8-sig", newline="") as handle:
        first = handle.readline()
    delimiter = max(",;\t", key=first.count)
    return next(csv.reader([first.rstrip("\r\n")], delimiter=delimiter), []), delimiter


def read_csv(path: Path, columns: Sequence[str], types: Mapping[str, str]) -> Table:
    """Return `columns` of the CSV file `path` as an Arrow table.

    Parameters
    ----------
    path : Path
        Plain or gzipped.
    columns : sequence of str
        Columns to keep; each must be in the header.
    types : mapping of str to str
        Promised type by column; a column that does not fit it stays text, so that whoever checks
        the promise can count what is wrong. Other columns are inferred from all rows.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    header, delimiter = csv_header(path)
    with pa.input_stream(str(path), compression="detect") as stream:
        table = arrow_csv.read_csv(
            stream,
            read_options=arrow_csv.ReadOptions(column_names=header, skip_rows=1),
            parse_options=arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                include_columns=list(columns),
                column_types=dict.fromkeys(columns, pa.large_string()),
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
    return pa.table({name: typed(table.column(name), types.get(name)) for name in columns})


def typed(column: Any, promised: str | None) -> Any:  # noqa: ANN401  (pyarrow columns)
    """Return a text column as the promised type, or as the first type that fits every cell."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if promised == "string":
        return column
    if column.null_count == len(column):
        return column.cast(pa.float64())
    cleaned = pc.utf8_trim_whitespace(column)
    gaps = pc.is_in(cleaned, value_set=pa.array(_MISSING, pa.large_string()))
    cleaned = pc.if_else(gaps, pa.scalar(None, pa.large_string()), cleaned)
    for target in _candidates(promised):
        try:
            cast = cleaned.cast(target)
        except pa.ArrowInvalid:
            continue
        if promised is None and pa.types.is_integer(target) and _has_leading_zero(cleaned):
            return column
        return cast
    return column if promised is None else cleaned


def _candidates(promised: str | None) -> tuple[Any, ...]:
    import pyarrow as pa

    moments = (pa.timestamp("us"), pa.timestamp("us", tz="UTC"))
    by_type: dict[str | None, tuple[Any, ...]] = {
        "integer": (pa.int64(), pa.float64()),
        "number": (pa.float64(),),
        "boolean": (pa.bool_(),),
        "timestamp": moments,
        "date": (pa.date32(),),
        None: (pa.int64(), pa.float64(), pa.bool_(), pa.date32(), *moments),
    }
    return by_type[promised]


def _has_leading_zero(column: Any) -> bool:  # noqa: ANN401  (a pyarrow column)
    import pyarrow.compute as pc

    found = pc.any(pc.match_substring_regex(column, r"^[-+]?0[0-9]"))
    return bool(found.as_py())
