"""A process of its own for tests of the run store: JOB, STORE and a number."""

from __future__ import annotations

import datetime as dt
import sys
import time

from tests.store_cases import finished, notice
from whatif.publish.store.opening import open_store

NOW = dt.datetime(2026, 11, 2, 7, 0, tzinfo=dt.UTC)
ROUNDS = 5


def begin_and_hang(store: str) -> None:
    """Begin an attempt, say so, and never end it."""
    with open_store(store) as opened:
        opened.begin("hung", now=NOW)
        print("begun", flush=True)  # noqa: T201
        time.sleep(600)


def hold_half_a_write(store: str) -> None:
    """Write half a transaction, say so, and never commit it."""
    with open_store(store) as opened, opened.database.writing() as connection:
        connection.exec_driver_sql(
            "INSERT INTO runs (study, run_id, finished_at, line) VALUES ('half', 'x', '', '{}')"
        )
        print("begun", flush=True)  # noqa: T201
        time.sleep(600)


def write_much(store: str, number: int) -> None:
    """Write all kinds of rows, some of them the same ones that other processes write."""
    for turn in range(ROUNDS):
        with open_store(store) as opened:
            attempt = opened.begin(f"busy-{number}", now=NOW)
            opened.keep(finished("shared", f"r{turn}"), finished(f"busy-{number}", f"r{turn}"))
            opened.published("shared", f"r{turn}", place="site", now=NOW)
            opened.outbox.put(notice(f"k{turn}"))
            opened.history("shared")
            opened.finish(attempt, run_id=f"r{turn}", exit_code=0, now=NOW)


if __name__ == "__main__":
    job, where, given = sys.argv[1:]
    if job == "write":
        write_much(where, int(given))
    elif job == "half":
        hold_half_a_write(where)
    else:
        begin_and_hang(where)
