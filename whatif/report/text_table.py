"""A table whose every cell is text."""

from __future__ import annotations

from dataclasses import dataclass

Cells = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTable:
    """Its caption, its heads and its rows; without rows there is no table."""

    caption: str
    heads: Cells
    rows: tuple[Cells, ...]
