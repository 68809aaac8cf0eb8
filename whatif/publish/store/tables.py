"""The tables of the run store, alike in SQLite and PostgreSQL; moments are ISO 8601 text in UTC."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

VERSION = 1
"""Raised with every change of a table; a store of a higher version is refused."""

METADATA = MetaData()


def _of_a_run(run: str = "run_id") -> ForeignKeyConstraint:
    """Rows about a run go when the run goes."""
    return ForeignKeyConstraint(["study", run], ["runs.study", "runs.run_id"], ondelete="CASCADE")


SCHEMA_VERSION = Table("schema_version", METADATA, Column("version", Integer, primary_key=True))

ATTEMPTS = Table(
    "attempts",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("study", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("started_at", Text, nullable=False),
    Column("finished_at", Text),
    Column("run_id", Text),
    Column("exit_code", Integer),
    Column("problem", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("token", Text, nullable=False),
    Index("attempts_of_study", "study", "id"),
    sqlite_autoincrement=True,
)

RUNS = Table(
    "runs",
    METADATA,
    Column("seq", Integer, primary_key=True),
    Column("study", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("finished_at", Text, nullable=False),
    Column("line", Text, nullable=False),
    UniqueConstraint("study", "run_id"),
    sqlite_autoincrement=True,
)

CHECKS = Table(
    "checks",
    METADATA,
    Column("study", Text, primary_key=True),
    Column("run_id", Text, primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("code", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("status", Text, nullable=False),
    _of_a_run(),
)

PUBLISHES = Table(
    "publishes",
    METADATA,
    Column("study", Text, primary_key=True),
    Column("run_id", Text, primary_key=True),
    Column("place", Text, primary_key=True),
    Column("at", Text, nullable=False),
    _of_a_run(),
)

CHANGES = Table(
    "changes",
    METADATA,
    Column("study", Text, primary_key=True),
    Column("before_run", Text, primary_key=True),
    Column("now_run", Text, primary_key=True),
    Column("change", Text, nullable=False),
    _of_a_run("before_run"),
    _of_a_run("now_run"),
)

NOTICES = Table(
    "notices",
    METADATA,
    Column("seq", Integer, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("study", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("delivered_at", Text),
    Column("attempts", Integer, nullable=False),
    Column("last_problem", Text, nullable=False),
    Index("notices_to_send", "delivered_at"),
    sqlite_autoincrement=True,
)
