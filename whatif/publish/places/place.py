"""What a place that holds a site must be able to do, and the names that it takes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Protocol

from whatif.base.errors import Problem, PublishError

_NAME = re.compile(r"\w[\w.-]{0,199}(/\w[\w.-]{0,199})*", re.ASCII)


class Place(Protocol):
    """A folder, here or elsewhere, whose files are named by ``/``-separated paths.

    Every method raises ``PublishError`` where the place cannot be reached, read or written; its
    text never holds a user or a password. Only write and remove while holding the lock.
    """

    @property
    def address(self) -> str:
        """The address as it may be shown."""

    def read(self, name: str) -> bytes | None:
        """Return the content of a file, or None where there is no such file."""

    def write(self, name: str, content: bytes) -> bool:
        """Put a whole file in one step; return whether anything changed."""

    def names(self, under: str = "") -> tuple[str, ...]:
        """Return every file under a folder, from the root of the place, sorted; none if absent."""

    def folders(self) -> tuple[str, ...]:
        """Return the folders at the root of the place, sorted."""

    def remove(self, names: Iterable[str]) -> None:
        """Remove files; those that are not there are passed over."""

    def lock(self) -> AbstractContextManager[None]:
        """Hold the place for one writer, waiting a while for another one."""


def checked(name: str) -> str:
    """Return `name`, which may not lead out of its place nor be hidden there.

    Raises
    ------
    PublishError
        If it could.

    Examples
    --------
    >>> checked("checkout/runs/2a3c9e0b4cfa/report.html")
    'checkout/runs/2a3c9e0b4cfa/report.html'
    """
    if not _NAME.fullmatch(name):
        raise PublishError(
            Problem(
                what=f"{name!r} cannot be the name of a file on the site.",
                why="it could reach outside the site.",
                fix="use letters, digits, '-', '_' and '.' only, and no name that starts with '.'.",
            )
        )
    return name
