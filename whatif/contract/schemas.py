"""Data schemas: what a column promises, read from ``data_schemas/*.yaml``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from whatif.base.errors import Problem, UsageError, did_you_mean
from whatif.contract.plain_errors import findings
from whatif.contract.yaml_text import parse_mapping

Type = Literal["string", "integer", "number", "boolean", "timestamp", "date"]
Measured = Literal["before", "treatment", "after"]
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
_FOLDER = "data_schemas"


class _Block(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Range(_Block):
    """Smallest and largest allowed number; `above` and `below` exclude the bound itself."""

    min: float | None = None
    max: float | None = None
    above: float | None = None
    below: float | None = None


class ColumnSchema(_Block):
    """What one column promises.

    `measured` says whether its value was settled before the treatment, is the treatment, or came
    after; a column that came after may not be adjusted for or cut by.
    """

    type: Type
    measured: Measured
    description: str = ""
    unit: str | None = None
    range: Range = Range()
    levels: tuple[str | int | float | bool, ...] | None = None
    nullable: bool = False
    unique: bool = False

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.range != Range() and self.type not in ("integer", "number"):
            raise ValueError(f"a range fits numbers only, not type {self.type}")
        return self


class DataSchema(_Block):
    """What a data set promises: its name, what a row is, and its columns."""

    name: str
    row: str
    description: str = ""
    columns: Annotated[dict[str, ColumnSchema], Field(min_length=1)]

    def measured(self, column: str) -> Measured | None:
        """Return when `column` was measured; None when the schema does not list it."""
        found = self.columns.get(column)
        return None if found is None else found.measured

    def types(self) -> dict[str, Type]:
        """Return the promised type of each column."""
        return {name: column.type for name, column in self.columns.items()}


def load_schema(name: str, near: Path | None = None) -> DataSchema:
    """Return the data schema called `name`.

    Looked for in ``data_schemas/`` beside `near` and in each folder above it, then among the
    schemas that come with the package.

    Parameters
    ----------
    name : str
        File name without ``.yaml``, e.g. ``checkout_sessions.v1``.
    near : Path, optional
        Folder of the study file.

    Raises
    ------
    UsageError
        If there is no such schema, or the file breaks the rules of a schema.

    Examples
    --------
    >>> load_schema("checkout_sessions.v1").measured("converted")
    'after'
    """
    for folder in _folders(near):
        file = folder / f"{name}.yaml"
        if _NAME.match(name) and file.is_file():
            return parse_schema(file.read_text(encoding="utf-8"), name=name)
    known = available_schemas(near)
    raise UsageError(
        Problem(
            what=f"There is no data schema {name!r}{_hint(name, known)}",
            why="without it nothing says which columns were settled before the treatment.",
            fix=f"name one of: {', '.join(known)}; or delete `contract` to have types inferred.",
        )
    )


def available_schemas(near: Path | None = None) -> list[str]:
    """Return the names of all schemas that `load_schema` finds, sorted."""
    names = {
        file.name.removesuffix(".yaml")
        for folder in _folders(near)
        for file in folder.iterdir()
        if file.name.endswith(".yaml")
    }
    return sorted(names)


def parse_schema(text: str, *, name: str) -> DataSchema:
    """Return the data schema written in `text`.

    Parameters
    ----------
    text : str
        YAML with `name`, `row` and `columns`.
    name : str
        The name it must have.

    Raises
    ------
    UsageError
        With every unknown key, missing key and wrong value at once.
    """
    where = f"data schema {name}"
    mapping: dict[str, Any] = parse_mapping(text, name=where)
    try:
        schema = DataSchema.model_validate(mapping)
    except ValidationError as error:
        problems = [finding.problem for finding in findings(error, DataSchema)]
        raise UsageError(
            *(Problem(what=f"{where}: {p.what}", why=p.why, fix=p.fix) for p in problems)
        ) from None
    if schema.name != name:
        raise UsageError(
            Problem(
                what=f"{where}: its `name` is {schema.name!r}.",
                why="a page would name a contract that no file has.",
                fix="give the file and its `name` the same name.",
            )
        )
    return schema


def _hint(name: str, known: list[str]) -> str:
    hint = did_you_mean(name, known)
    return f"; {hint}" if hint.startswith("did") else "."


def _folders(near: Path | None) -> Iterator[Path]:
    if near is not None:
        start = near.resolve()
        yield from (p / _FOLDER for p in (start, *start.parents) if (p / _FOLDER).is_dir())
    package = Path(__file__).resolve().parents[1]
    shipped = (package / "_shipped" / _FOLDER, package.parent / _FOLDER)
    yield from (folder for folder in shipped if folder.is_dir())
