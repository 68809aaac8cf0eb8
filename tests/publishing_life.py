"""A small study that is run, published and read through the command line, at moments of choice."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pandas as pd
import yaml
from sqlalchemy import MetaData, select
from typer.testing import CliRunner

from whatif.cli import app
from whatif.publish.store.opening import open_store
from whatif.publish.store.tables import ATTEMPTS
from whatif.run.demo import simulate_to

STUDY = "checkout"
SITE = Path("reports/site")
MONDAY = dt.datetime(2026, 10, 26, 7, 5, tzinfo=dt.UTC)
NEXT = MONDAY + dt.timedelta(days=7)
KEYS: dict[str, Any] = {
    "study": STUDY,
    "question": "Does it pay to show every option?",
    "data": {"source": "log.parquet", "contract": "checkout_sessions.v1"},
    "unit": "session_id",
    "cluster": "customer_id",
    "assigned": "session_id",
    "time": "started_at",
    "treatment": {"column": "presentation", "control": "folded", "arms": ["expanded"]},
    "design": {"kind": "experiment", "probability": {"folded": 0.5, "expanded": 0.5}},
    "outcomes": [{"column": "converted", "kind": "binary", "matters_from": 0.002}],
    "covariates": ["cart_value"],
    "decision": {"looks": "anytime"},
    "freshness": "8d",
    "schedule": {"cron": "0 7 * * 1", "timezone": "UTC", "due_within_hours": 12},
}


@dataclass(frozen=True)
class Outcome:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str
    bug: BaseException | None = None

    @property
    def record(self) -> dict[str, Any]:
        """The one JSON object on stdout."""
        found: dict[str, Any] = json.loads(self.out)
        return found


def command(*words: object, at: dt.datetime = MONDAY) -> Outcome:
    """Run a command in this process at a moment."""
    with (
        mock.patch("whatif.cli.studies.now", return_value=at),
        mock.patch("whatif.cli.published.now", return_value=at),
    ):
        done = CliRunner().invoke(app, [str(word) for word in words])
    bug = None if isinstance(done.exception, SystemExit) else done.exception
    return Outcome(done.exit_code, done.stdout, done.stderr, bug)


def run(*words: object, at: dt.datetime = MONDAY, study: str = "study.yaml") -> Outcome:
    """Run the study and publish it."""
    return command("run", study, "--quick", "--publish", *words, at=at)


def write_study(name: str = "study.yaml", **changes: object) -> Path:
    """Write the study file, with other keys where asked."""
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(KEYS | changes, sort_keys=False), encoding="utf-8")
    return path


def deliver(until: str | None = None) -> None:
    """Write the log of all sessions, or of those before a day."""
    log = pd.read_parquet("all.parquet")
    if until is not None:
        log = log[log["started_at"] < pd.Timestamp(until, tz="UTC")]
    log.to_parquet("log.parquet", index=False)


def make_home(folder: Path) -> Path:
    """Make a folder with a study, its data, and the published run of its first Monday."""
    simulate_to(folder / "all.parquet", sessions=3_000, seed=3, mode="randomised")
    here = Path.cwd()
    os.chdir(folder)
    try:
        deliver("2026-10-25")
        write_study()
        done = run()
        assert (done.code, done.bug) == (0, None), done.err
    finally:
        os.chdir(here)
    return folder


def copy_home(home: Path, to: Path) -> Path:
    """Copy what :func:`make_home` made."""
    shutil.copytree(home, to, dirs_exist_ok=True)
    return to


def tree(*folders: str) -> dict[str, bytes]:
    """Return every file below folders, the store and locks aside."""
    return {
        path.as_posix(): path.read_bytes()
        for folder in folders or ("reports",)
        for path in sorted(Path(folder).rglob("*"))
        if path.is_file() and path.suffix != ".lock" and "runs.sqlite" not in path.name
    }


def rows(where: str | Path = "reports/.whatif/runs.sqlite", *, but: str = "") -> dict[str, Any]:
    """Return every table of a store."""
    found: dict[str, Any] = {}
    with open_store(where) as store, store.database.reading() as connection:
        tables = MetaData()
        tables.reflect(connection)
        for table in tables.sorted_tables:
            if table.name != but:
                found[table.name] = [tuple(row) for row in connection.execute(select(table))]
    return found


def attempts() -> list[tuple[str, int | None]]:
    """Return state and exit code of each attempt, the newest last."""
    with open_store("reports/.whatif/runs.sqlite") as store, store.database.reading() as connection:
        columns = (ATTEMPTS.c.state, ATTEMPTS.c.exit_code)
        return [tuple(row) for row in connection.execute(select(*columns).order_by(ATTEMPTS.c.id))]


def card(study: str = STUDY) -> dict[str, Any]:
    """Return what the front page knows of a study."""
    found: dict[str, Any] = json.loads((SITE / study / "card.json").read_bytes())
    return found


def shown(study: str = STUDY) -> str | None:
    """Return the run that readers see."""
    run = card(study)["shown"]
    return None if run is None else str(run["line"]["run_id"])


def latest(study: str = STUDY) -> str:
    """Return the run that was made last."""
    return (Path("reports") / study / "runs" / "latest").read_text(encoding="utf-8").strip()


def state(at: dt.datetime = MONDAY, study: str = STUDY) -> tuple[str, int]:
    """Return what ``whatif status`` says of a study, and how it ends."""
    done = command("status", study, "--json", at=at)
    return done.record["studies"][study]["state"], done.code


def verified(*words: object) -> Outcome:
    """Run ``whatif audit verify``."""
    return command("audit", "verify", *words)


def page(study: str = STUDY) -> str:
    """Return the study's page."""
    return (SITE / study / "index.html").read_text(encoding="utf-8")
