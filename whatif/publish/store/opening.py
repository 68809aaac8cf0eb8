"""Opening a run store: a file or a server, its tables made on first use, newer ones refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import insert, inspect, select

from whatif.base.errors import Problem, PublishError, UsageError
from whatif.base.secrets import redacted
from whatif.contract.sources_postgres import SCHEMES, passwords_of
from whatif.publish.lock import waiting_lock
from whatif.publish.store.engines import postgres_engine, sqlite_engine
from whatif.publish.store.faults import mapped
from whatif.publish.store.run_store import Database, RunStore
from whatif.publish.store.tables import METADATA, SCHEMA_VERSION, VERSION

WAIT = 30.0


def open_store(where: str | Path, *, wait: float = WAIT) -> RunStore:
    """Open a run store, and make it where there is none.

    Parameters
    ----------
    where : str or Path
        An SQLite file, such as ``OUT/.whatif/runs.sqlite``, or
        ``postgresql://user:password@host/database``.
    wait : float
        Seconds a writer waits for another one.

    Raises
    ------
    UsageError
        If the address is of another kind, or the driver is not installed.
    LockedError
        If another process keeps the store locked.
    PublishError
        If it cannot be reached or written, is damaged, or a newer version wrote it.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with open_store(Path(folder) / "runs.sqlite") as store:
    ...         store.studies()
    ()
    """
    scheme, mark, _ = str(where).partition("://")
    if mark and not isinstance(where, Path):
        return _open_server(scheme, where, wait)
    path = Path(where)
    database = Database(engine=sqlite_engine(path, wait=wait), shown=str(path), secrets=())
    return _ready(database, file=path, wait=wait)


def _open_server(scheme: str, address: str, wait: float) -> RunStore:
    if scheme not in SCHEMES:
        raise UsageError(
            Problem(
                what=f"The run store cannot be kept in {redacted(address)}.",
                why="it needs transactions that several processes share.",
                fix="give postgresql://USER@HOST/DATABASE, or the path of an SQLite file.",
            )
        )
    database = Database(
        engine=postgres_engine(address, wait=wait),
        shown=redacted(address),
        secrets=passwords_of(address),
    )
    return _ready(database, file=None, wait=wait)


def _ready(database: Database, *, file: Path | None, wait: float) -> RunStore:
    """Return the store once its tables are there and of this version."""
    try:
        with mapped(database.shown, database.secrets):
            if file is not None:
                file.parent.mkdir(parents=True, exist_ok=True)
        if _version(database) is None:
            with _alone(database, file, wait):
                _make_tables(database)
        _refuse_newer(database)
    except BaseException:
        database.engine.dispose()
        raise
    return RunStore(database=database)


@contextmanager
def _alone(database: Database, file: Path | None, wait: float) -> Iterator[None]:
    """Be the only process that makes a file, and put it into WAL mode, which stays with it."""
    if file is None:  # a server's own lock is enough
        yield
        return
    with waiting_lock(file.with_name(f"{file.name}.lock"), f"the run store {file}", wait=wait):
        with mapped(database.shown, database.secrets):
            raw = database.engine.raw_connection()
            try:
                raw.cursor().execute("PRAGMA journal_mode = WAL")
            finally:
                raw.close()
        yield


def _version(database: Database) -> int | None:
    with database.reading() as connection:
        if not inspect(connection).has_table(SCHEMA_VERSION.name):
            return None
        return connection.scalar(select(SCHEMA_VERSION.c.version))


def _make_tables(database: Database) -> None:
    """Make all tables in one transaction, unless another process just did."""
    with database.writing() as connection:
        if not inspect(connection).has_table(SCHEMA_VERSION.name):
            METADATA.create_all(connection)
            connection.execute(insert(SCHEMA_VERSION).values(version=VERSION))


def _refuse_newer(database: Database) -> None:
    version = _version(database)
    if version != VERSION:
        raise PublishError(
            Problem(
                what=f"The run store {database.shown} has tables of version {version}; this "
                f"version of whatif knows {VERSION}.",
                why="a newer version wrote it, and its rows could be damaged.",
                fix="install that version again, or keep the store of this one elsewhere.",
            )
        )
