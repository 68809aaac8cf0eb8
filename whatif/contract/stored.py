"""Stored records: frozen dataclasses to JSON and back, every field checked on the way in."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from whatif.base.errors import DataError, Problem
from whatif.base.hashing import canonical_json

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Record = TypeVar("Record")


def to_json(record: object) -> str:
    """Return a frozen record as JSON: keys sorted, no spaces, every digit kept."""
    kind: Any = type(record)
    return canonical_json(_adapter(kind).dump_python(record, mode="json"))


def from_json(kind: type[Record], text: str | bytes, *, shown: str) -> Record:
    """Return the record that `to_json` wrote.

    Parameters
    ----------
    kind : type
        A frozen dataclass.
    text : str or bytes
        JSON; fields that this version does not know are passed over.
    shown : str
        What is read, for the error.

    Raises
    ------
    DataError
        If the text is not such a record.

    Examples
    --------
    >>> from whatif.base.history import Failure
    >>> told = Failure(at="2026-11-02T07:00:00+00:00", exit_code=3, words="No data.")
    >>> from_json(Failure, to_json(told), shown="a failure") == told
    True
    """
    from pydantic import ValidationError

    named: Any = kind
    try:
        read: Record = _adapter(named).validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise DataError(
            Problem(
                what=f"{shown} cannot be read: {place}: {first['msg']}.",
                why="it was damaged, or written by another version.",
                fix="restore it from a copy, or remove it and run the command again.",
            )
        ) from None
    return read


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:  # noqa: ANN401  (any record's class)
    from pydantic import TypeAdapter

    return TypeAdapter(kind)
