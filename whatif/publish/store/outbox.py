"""Notices to be sent: each key once, kept until it was delivered."""

from __future__ import annotations

from dataclasses import asdict, fields

from sqlalchemy import Connection, insert, select, update

from whatif.publish.store.records import StoredNotice
from whatif.publish.store.tables import NOTICES

_N = NOTICES.c


def put(connection: Connection, notice: StoredNotice) -> bool:
    """Add a notice; return False, and change nothing, where its key was ever put before."""
    if connection.scalar(select(_N.key).where(_N.key == notice.key)) is not None:
        return False
    connection.execute(insert(NOTICES).values(**asdict(notice)))
    return True


def pending(connection: Connection) -> tuple[StoredNotice, ...]:
    """Return what was not delivered yet, oldest first."""
    columns = [_N[field.name] for field in fields(StoredNotice)]
    rows = connection.execute(
        select(*columns).where(_N.delivered_at.is_(None)).order_by(_N.seq)
    ).mappings()
    return tuple(StoredNotice(**row) for row in rows)


def delivered(connection: Connection, key: str, *, at: str) -> None:
    """Note that a notice went out."""
    connection.execute(update(NOTICES).where(_N.key == key).values(delivered_at=at))


def undelivered(connection: Connection, key: str, *, problem: str) -> None:
    """Count one more try that failed, and keep why."""
    connection.execute(
        update(NOTICES).where(_N.key == key).values(attempts=_N.attempts + 1, last_problem=problem)
    )
