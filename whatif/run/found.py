"""What a command found: for machines, and for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a question found: as a record for machines, and as text for a terminal.

    `withheld` says that the run cannot be trusted (exit code 4).
    """

    record: dict[str, Any]
    text: str
    withheld: bool = False
