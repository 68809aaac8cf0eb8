"""The two databases: how each is reached, and how each lets one writer in at a time."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from whatif.base.errors import Problem, UsageError
from whatif.base.secrets import redacted
from whatif.contract.sources_postgres import is_readable

WRITES = "whatif_writes"
"""Execution option of transactions that write."""

_LOCK = 7_263_110_206_274
"""Key of the advisory lock: whichever number, so long as no other program takes it."""

_IDLE = 60_000
"""Milliseconds after which the server ends a writer that it no longer hears from."""


def sqlite_engine(path: Path, *, wait: float) -> Engine:
    """Return an engine on a file; a writer waits up to `wait` seconds for another."""
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"timeout": wait, "isolation_level": None},
    )

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _record: object) -> None:  # noqa: ANN401  (a driver's connection)
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        writes = connection.get_execution_options().get(WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def postgres_engine(address: str, *, wait: float) -> Engine:
    """Return an engine on a server; a writer waits up to `wait` seconds for another.

    Raises
    ------
    UsageError
        If the address cannot be read, or the driver is not installed.
    """
    _, _, rest = address.partition("://")
    if not is_readable(address):
        raise _unreadable()
    try:
        engine = create_engine(
            make_url(f"postgresql+psycopg://{rest}"),
            connect_args={"connect_timeout": math.ceil(wait)},
            pool_pre_ping=True,
        )
    except ImportError:
        raise _usage(
            f"The run store {redacted(address)} needs the driver for PostgreSQL.",
            "run: pip install 'whatif[postgres]'.",
        ) from None
    except (ArgumentError, ValueError):
        raise _unreadable() from None

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        if connection.get_execution_options().get(WRITES):
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {math.ceil(wait * 1000) or 1}")
            connection.exec_driver_sql(f"SET LOCAL idle_in_transaction_session_timeout = {_IDLE}")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        else:
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")

    return engine


def _unreadable() -> UsageError:
    return _usage(
        "The address of the run store cannot be read.",
        "write postgresql://USER:PASSWORD@HOST/DATABASE; in a password write / as %2F, @ as %40, "
        "# as %23, % as %25.",
    )


def _usage(what: str, fix: str) -> UsageError:
    return UsageError(Problem(what=what, why="it holds what is known of past runs.", fix=fix))
