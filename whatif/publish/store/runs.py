"""Finished runs with their checks, publishes and changes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise

from sqlalchemy import Connection, delete, func, insert, select

from whatif.base.history import Change, PastRun, RunLine
from whatif.contract.stored import from_json, to_json
from whatif.publish.store.records import CheckLine, FinishedRun, moment
from whatif.publish.store.tables import CHANGES, CHECKS, PUBLISHES, RUNS


def keep(connection: Connection, finished: Sequence[FinishedRun]) -> int:
    """Add runs in the order given; return how many were not there yet."""
    known = known_runs(connection, {one.line.study for one in finished})
    new = {(one.line.study, one.line.run_id): one for one in reversed(finished)}
    new = {key: new[key] for key in reversed(new) if key not in known}
    rows = [
        {
            "study": study,
            "run_id": run_id,
            "finished_at": moment(one.finished_at),
            "line": to_json(one.line),
        }
        for (study, run_id), one in new.items()
    ]
    checks = [
        {
            "study": study,
            "run_id": run_id,
            "place": place,
            "code": check.code,
            "name": check.name,
            "status": check.status,
        }
        for (study, run_id), one in new.items()
        for place, check in enumerate(one.checks)
    ]
    if rows:
        connection.execute(insert(RUNS), rows)
    if checks:
        connection.execute(insert(CHECKS), checks)
    return len(rows)


def known_runs(connection: Connection, studies: Collection[str]) -> set[tuple[str, str]]:
    """Return study and id of every run of some studies."""
    rows = connection.execute(
        select(RUNS.c.study, RUNS.c.run_id).where(RUNS.c.study.in_(sorted(studies)))
    )
    return {(row.study, row.run_id) for row in rows}


def studies(connection: Connection) -> tuple[str, ...]:
    """Return the studies that have a run, sorted."""
    return tuple(sorted(connection.scalars(select(RUNS.c.study).distinct())))


def checks_of(connection: Connection, study: str, run_id: str) -> tuple[CheckLine, ...]:
    """Return the checks of a run in the order of its page."""
    rows = connection.execute(
        select(CHECKS.c.code, CHECKS.c.name, CHECKS.c.status)
        .where(CHECKS.c.study == study, CHECKS.c.run_id == run_id)
        .order_by(CHECKS.c.place)
    )
    return tuple(CheckLine(code=row.code, name=row.name, status=row.status) for row in rows)


def history(connection: Connection, study: str, *, shown: str) -> tuple[PastRun, ...]:
    """Return the runs of a study in the order they were made: three queries, however many runs."""
    runs = connection.execute(
        select(RUNS.c.run_id, RUNS.c.finished_at, RUNS.c.line)
        .where(RUNS.c.study == study)
        .order_by(RUNS.c.seq)
    ).all()
    published = {
        row.run_id: row.at
        for row in connection.execute(
            select(PUBLISHES.c.run_id, func.min(PUBLISHES.c.at).label("at"))
            .where(PUBLISHES.c.study == study)
            .group_by(PUBLISHES.c.run_id)
        )
    }
    changes = changes_of(connection, study, shown=shown)
    ids = (None, *(row.run_id for row in runs))
    return tuple(
        PastRun(
            line=from_json(RunLine, row.line, shown=f"run {row.run_id} in {shown}"),
            finished_at=row.finished_at,
            published_at=published.get(row.run_id),
            change=None if before is None else changes.get((before, now)),
        )
        for row, (before, now) in zip(runs, pairwise(ids), strict=True)
    )


def publish(connection: Connection, study: str, run_id: str, *, place: str, at: str) -> None:
    """Note when a run was first put at a place."""
    key = {"study": study, "run_id": run_id, "place": place}
    if connection.execute(select(PUBLISHES.c.at).filter_by(**key)).one_or_none() is None:
        connection.execute(insert(PUBLISHES).values(**key, at=at))


def save_change(connection: Connection, study: str, change: Change) -> None:
    """Keep why the estimate moved between two runs; a newer account replaces an older one."""
    key = {"study": study, "before_run": change.before, "now_run": change.now}
    connection.execute(delete(CHANGES).filter_by(**key))
    connection.execute(insert(CHANGES).values(**key, change=to_json(change)))


def changes_of(connection: Connection, study: str, *, shown: str) -> dict[tuple[str, str], Change]:
    """Return every change of a study by the ids of its two runs."""
    rows = connection.execute(
        select(CHANGES.c.before_run, CHANGES.c.now_run, CHANGES.c.change).filter_by(study=study)
    )
    return {(row.before_run, row.now_run): _change(row.change, shown) for row in rows}


def change_between(
    connection: Connection, study: str, before: str, now: str, *, shown: str
) -> Change | None:
    """Return why the estimate moved between two runs, or None."""
    text = connection.scalar(
        select(CHANGES.c.change).filter_by(study=study, before_run=before, now_run=now)
    )
    return None if text is None else _change(text, shown)


def remove(connection: Connection, study: str, run_ids: Sequence[str]) -> int:
    """Remove runs and all rows about them; return how many there were."""
    gone = connection.execute(delete(RUNS).where(RUNS.c.study == study, RUNS.c.run_id.in_(run_ids)))
    return gone.rowcount


def _change(text: str, shown: str) -> Change:
    return from_json(Change, text, shown=f"a change in {shown}")
