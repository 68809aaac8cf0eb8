"""Arrow tables: plain column types, a content hash that ignores layout, and frames from them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from whatif.base.errors import DataError, Problem, did_you_mean

Table = Any  # pyarrow.Table; pyarrow ships no types


def plain_types(table: Table) -> Table:
    """Return `table` with dictionaries decoded, decimals as floats and one spelling of each type.

    Raises
    ------
    DataError
        If a column holds lists, records, bytes or durations.
    """
    import pyarrow as pa

    problems, columns = [], []
    for field, column in zip(table.schema, table.columns, strict=True):
        target = _plain_type(field.type)
        if target is None:
            problems.append(_unsupported(field.name, str(field.type)))
            continue
        columns.append(column if target == field.type else column.cast(target, safe=False))
    if problems:
        raise DataError(*problems)
    return pa.table(dict(zip(table.column_names, columns, strict=True)))


def _plain_type(kind: Any) -> Any:  # noqa: ANN401  (pyarrow types)
    import pyarrow as pa
    from pyarrow import types

    if types.is_dictionary(kind):
        return _plain_type(kind.value_type)
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return pa.large_string()
    if types.is_null(kind) or types.is_decimal(kind) or types.is_float16(kind):
        return pa.float64()
    if types.is_date(kind):
        return pa.date32()
    keep = types.is_boolean(kind) or types.is_integer(kind) or types.is_floating(kind)
    return kind if keep or types.is_timestamp(kind) else None


def _unsupported(name: str, kind: str) -> Problem:
    return Problem(
        what=f"Column {name!r} holds values of type {kind}.",
        why="only numbers, text, true/false, dates and times can be analysed.",
        fix="turn it into plain columns, or do not name it in the study.",
    )


def sorted_rows(table: Table, by: Sequence[str]) -> Table:
    """Return `table` ordered by the columns `by` that it has; unchanged without any."""
    keys = [(name, "ascending") for name in by if name in table.column_names]
    return table.sort_by(keys) if keys else table


def content_hash(table: Table) -> str:
    """Return the sha256 of names, types and values in row order; chunks and padding do not count.

    Examples
    --------
    >>> import pyarrow as pa
    >>> one = pa.chunked_array([[1, 2, None]])
    >>> two = pa.chunked_array([[1], [2, None]])
    >>> content_hash(pa.table({"x": one})) == content_hash(pa.table({"x": two}))
    True
    """
    digest = hashlib.sha256()
    for name in sorted(table.column_names):
        column = table.column(name)
        for part in (name.encode(), str(column.type).encode(), *_buffers(column)):
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
    return digest.hexdigest()


def _buffers(column: Any) -> tuple[bytes, ...]:  # noqa: ANN401  (a pyarrow column)
    import pyarrow as pa
    import pyarrow.compute as pc

    valid = column.is_valid().to_numpy().tobytes()
    if pa.types.is_large_string(column.type):
        filled = column.fill_null("")
        lengths = pc.binary_length(filled).to_numpy().tobytes()
        return valid, lengths, b"".join(_text_bytes(chunk) for chunk in filled.chunks)
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    elif pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    elif pa.types.is_date(column.type):
        column = column.cast(pa.int32())
    return valid, column.fill_null(0).to_numpy().tobytes()


def _text_bytes(chunk: Any) -> bytes:  # noqa: ANN401  (a pyarrow large_string array)
    if not len(chunk):
        return b""
    _, offsets, text = chunk.buffers()
    ends = np.frombuffer(offsets, dtype=np.int64)[chunk.offset : chunk.offset + len(chunk) + 1]
    return b"" if text is None else text[int(ends[0]) : int(ends[-1])].to_pybytes()


def to_frame(table: Table) -> pd.DataFrame:
    """Return `table` as a frame; true/false with gaps keeps its type, dates become midnights."""
    import pyarrow as pa

    frame: pd.DataFrame = table.to_pandas(date_as_object=False, split_blocks=True)
    for name in table.column_names:
        column = table.column(name)
        if pa.types.is_boolean(column.type) and column.null_count:
            frame[name] = column.to_pandas(types_mapper={pa.bool_(): pd.BooleanDtype()}.get)
    return frame


def refuse_missing(columns: Sequence[str], known: Sequence[str], shown: str) -> None:
    """Raise a DataError that names each of `columns` that is not among `known`."""
    lost = [name for name in columns if name not in known]
    if lost:
        raise DataError(
            *(
                Problem(
                    what=f"{shown} has no column {name!r}; {did_you_mean(name, list(known))}",
                    why="the study names it.",
                    fix="correct the name in the study, or add the column to the data.",
                )
                for name in lost
            )
        )
