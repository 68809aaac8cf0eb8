"""The run store: every method one transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType

from sqlalchemy import Connection, Engine

from whatif.base.history import Change, PastRun
from whatif.base.secrets import redacted, without
from whatif.publish.store import attempts, outbox, runs
from whatif.publish.store.engines import WRITES
from whatif.publish.store.faults import mapped
from whatif.publish.store.process import this_process
from whatif.publish.store.records import (
    Attempt,
    CheckLine,
    FinishedRun,
    StoredNotice,
    moment,
    storable,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """An open database, and the two kinds of transactions on it.

    Attributes
    ----------
    engine : Engine
        Connections.
    shown : str
        The store as it may be shown.
    secrets : tuple of str
        Passwords that no message may repeat.
    """

    engine: Engine
    shown: str
    secrets: tuple[str, ...]

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Read as of one moment.

        Raises
        ------
        LockedError, PublishError
            If the database fails.
        """
        with mapped(self.shown, self.secrets), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Write as the only writer; all of it, or on any error nothing.

        Raises
        ------
        LockedError, PublishError
            If the database fails, or another writer does not end.
        """
        writer = self.engine.execution_options(**{WRITES: True})
        with mapped(self.shown, self.secrets), writer.begin() as connection:
            yield connection


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredOutbox:
    """Notices in the store, as sending wants them."""

    database: Database

    def put(self, notice: StoredNotice) -> bool:
        """Keep a notice unless its key was ever put before; return whether it is new."""
        with self.database.writing() as connection:
            return outbox.put(connection, notice)

    def pending(self) -> tuple[StoredNotice, ...]:
        """Return what is not delivered yet, oldest first."""
        with self.database.reading() as connection:
            return outbox.pending(connection)

    def delivered(self, key: str, *, at: str) -> None:
        """Say that a notice has arrived."""
        with self.database.writing() as connection:
            outbox.delivered(connection, key, at=at)

    def undelivered(self, key: str, *, problem: str) -> None:
        """Count one more attempt, and keep why it failed."""
        with self.database.writing() as connection:
            outbox.undelivered(connection, key, problem=storable(without(problem)))


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStore:
    """What was tried, made, checked, published and told; close it, or use it with ``with``.

    Every method raises a LockedError when another process keeps the store locked, and a
    PublishError when the database cannot be reached, is damaged, holds a row that cannot be read,
    or its disk is full; nothing is then half-written.
    """

    database: Database

    def __enter__(self) -> RunStore:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self.database.engine.dispose()

    @property
    def shown(self) -> str:
        """The store as it may be shown."""
        return self.database.shown

    @property
    def outbox(self) -> StoredOutbox:
        """Notices to be sent."""
        return StoredOutbox(database=self.database)

    def begin(self, study: str, *, now: dt.datetime) -> int:
        """Return the number of a new attempt of this process.

        Running attempts of this machine whose process is dead become failed, whichever their study.
        """
        with self.database.writing() as connection:
            return attempts.begin(connection, study, this_process(), at=moment(now))

    def settle(self, *, now: dt.datetime) -> None:
        """Close running attempts of this machine whose process is dead, as :meth:`begin` does."""
        with self.database.writing() as connection:
            attempts.settle(connection, at=moment(now))

    def finish(self, attempt: int, *, run_id: str, exit_code: int, now: dt.datetime) -> None:
        """Note that an attempt made a run, or found it unchanged."""
        with self.database.writing() as connection:
            attempts.end(
                connection, attempt, "done", at=moment(now), exit_code=exit_code, run_id=run_id
            )

    def fail(self, attempt: int, *, exit_code: int, problem: str, now: dt.datetime) -> None:
        """Note that an attempt failed, and why: words without any value from the data."""
        with self.database.writing() as connection:
            attempts.end(
                connection,
                attempt,
                "failed",
                at=moment(now),
                exit_code=exit_code,
                problem=storable(without(problem, *self.database.secrets)),
            )

    def last_attempt(self, study: str) -> Attempt | None:
        """Return the newest attempt of a study, or None."""
        with self.database.reading() as connection:
            return attempts.last(connection, study)

    def last_good(self, study: str) -> Attempt | None:
        """Return the newest attempt that made a run or found it unchanged, or None."""
        with self.database.reading() as connection:
            return attempts.last_good(connection, study)

    def keep(self, *finished: FinishedRun) -> int:
        """Add runs in the order given, all or none; return how many were not there yet.

        A run that is there already stays as it is, in its place.
        """
        with self.database.writing() as connection:
            return runs.keep(connection, finished)

    def studies(self) -> tuple[str, ...]:
        """Return the studies that have a run, sorted."""
        with self.database.reading() as connection:
            return runs.studies(connection)

    def history(self, study: str) -> tuple[PastRun, ...]:
        """Return the runs of a study in the order they were made, without sign-offs.

        A run has a change where one was saved against the run just before it.
        """
        with self.database.reading() as connection:
            return runs.history(connection, study, shown=self.shown)

    def checks(self, study: str, run_id: str) -> tuple[CheckLine, ...]:
        """Return the checks of a run in the order of its page; none for a run not kept."""
        with self.database.reading() as connection:
            return runs.checks_of(connection, study, run_id)

    def published(self, study: str, run_id: str, *, place: str, now: dt.datetime) -> None:
        """Note that a kept run was put at a place; the first time counts."""
        with self.database.writing() as connection:
            runs.publish(connection, study, run_id, place=redacted(place), at=moment(now))

    def save_change(self, study: str, change: Change) -> None:
        """Keep why the estimate moved between two kept runs, in place of an older account."""
        with self.database.writing() as connection:
            runs.save_change(connection, study, change)

    def change(self, study: str, before: str, now: str) -> Change | None:
        """Return why the estimate moved between two runs, or None where nobody has said."""
        with self.database.reading() as connection:
            return runs.change_between(connection, study, before, now, shown=self.shown)

    def changes(self, study: str) -> Mapping[tuple[str, str], Change]:
        """Return every change of a study by the ids of its two runs, the older one first."""
        with self.database.reading() as connection:
            return runs.changes_of(connection, study, shown=self.shown)

    def remove(self, study: str, run_ids: Sequence[str]) -> int:
        """Remove runs with their checks, publishes and changes; return how many there were.

        Attempts and notices stay: they are the record of what was tried and told.
        """
        with self.database.writing() as connection:
            return runs.remove(connection, study, run_ids)
