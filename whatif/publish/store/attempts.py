"""Attempts: one row a try, and an end for those whose process did not live to write it."""

from __future__ import annotations

from dataclasses import fields
from typing import cast

from sqlalchemy import ColumnElement, Connection, insert, select, update

from whatif.publish.store.process import Process, is_dead
from whatif.publish.store.records import Attempt, State
from whatif.publish.store.tables import ATTEMPTS

ORPHANED = "The process ended before it could say why: it was stopped, or the machine was."
_A = ATTEMPTS.c
_SHOWN = [_A[field.name] for field in fields(Attempt)]


def settle(connection: Connection, *, at: str) -> None:
    """Close running attempts of this machine whose process is dead: they failed."""
    running = connection.execute(
        select(_A.id, _A.host, _A.pid, _A.token).where(_A.state == "running")
    ).all()
    for row in running:
        if is_dead(Process(host=row.host, pid=row.pid, token=row.token)):
            end(connection, row.id, "failed", at=at, exit_code=1, problem=ORPHANED)


def begin(connection: Connection, study: str, process: Process, *, at: str) -> int:
    """Return the number of a new attempt, after closing those whose process is dead."""
    settle(connection, at=at)
    made = connection.scalar(
        insert(ATTEMPTS)
        .values(
            study=study,
            state="running",
            started_at=at,
            problem="",
            host=process.host,
            pid=process.pid,
            token=process.token,
        )
        .returning(_A.id)
    )
    return cast("int", made)


def end(
    connection: Connection,
    attempt: int,
    state: State,
    *,
    at: str,
    exit_code: int,
    run_id: str | None = None,
    problem: str = "",
) -> None:
    """Write how an attempt ended."""
    connection.execute(
        update(ATTEMPTS)
        .where(_A.id == attempt)
        .values(state=state, finished_at=at, run_id=run_id, exit_code=exit_code, problem=problem)
    )


def last(connection: Connection, study: str) -> Attempt | None:
    """Return the newest attempt of a study, or None."""
    return _newest(connection, _A.study == study)


def last_good(connection: Connection, study: str) -> Attempt | None:
    """Return the newest attempt of a study that made a run or found it unchanged, or None."""
    return _newest(connection, _A.study == study, _A.state == "done")


def _newest(connection: Connection, *among: ColumnElement[bool]) -> Attempt | None:
    rows = connection.execute(
        select(*_SHOWN).where(*among).order_by(_A.id.desc()).limit(1)
    ).mappings()
    return next((Attempt(**row) for row in rows), None)
