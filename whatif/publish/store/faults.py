"""What a database says when it fails, as errors that say what to do; passwords stay hidden."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from whatif.base.errors import DataError, LockedError, Problem, PublishError, WhatIfError
from whatif.base.secrets import without

_NOT_A_STORE = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
_BUSY = ("SQLITE_BUSY", "55P03")
_FULL = ("SQLITE_FULL", "53100")
_WHY = "without it nobody knows which runs were made, published and told of."


@contextmanager
def mapped(shown: str, secrets: tuple[str, ...]) -> Iterator[None]:
    """Turn any failure of a database into an error that says what to do.

    Parameters
    ----------
    shown : str
        The store as it may be shown.
    secrets : tuple of str
        Passwords, hidden wherever a message repeats them.

    Raises
    ------
    LockedError
        If another process keeps the store to itself for too long.
    PublishError
        In place of every other error of the database or the file system, and where a row cannot
        be read.
    """
    try:
        yield
    except DataError as error:
        raise PublishError(*error.problems) from None
    except (SQLAlchemyError, OSError) as error:
        raise told(error, shown, secrets) from None


def told(error: Exception, shown: str, secrets: tuple[str, ...]) -> WhatIfError:
    """Return the error that a user sees in place of a database's."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    code = _code(cause)
    if code.startswith(_BUSY):
        return LockedError(
            Problem(
                what=f"Another process keeps the run store {shown} locked.",
                why="two at a time could overwrite each other's rows.",
                fix="wait until it has ended, then run the same command again.",
            )
        )
    if code.startswith(_NOT_A_STORE):
        return _problem(
            f"The run store {shown} is damaged, or not a database.",
            "move the file away and run the command again: runs on disk are imported into a new "
            "store; what was published and told is then forgotten.",
        )
    if code.startswith(_FULL):
        return _problem(f"The disk of the run store {shown} is full.", "make room, and run again.")
    said = without(str(cause), *secrets).strip() or type(cause).__name__
    return _problem(
        f"The run store {shown} cannot be used: {said.splitlines()[0]}",
        "name a folder that may be written to, or check WHATIF_STORE: the address, the login, and "
        "that the server runs.",
    )


def _code(cause: BaseException) -> str:
    """Return the name that SQLite gives an error, or the five characters of PostgreSQL."""
    if isinstance(cause, sqlite3.Error):
        return str(getattr(cause, "sqlite_errorname", ""))
    return str(getattr(cause, "sqlstate", "") or "")


def _problem(what: str, fix: str) -> PublishError:
    return PublishError(Problem(what=what, why=_WHY, fix=fix))
