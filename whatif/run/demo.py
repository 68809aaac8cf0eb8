"""The first command a newcomer types: simulated sessions, a study, a page."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import get_args

from whatif.base.errors import Problem, UsageError, did_you_mean
from whatif.publish.atomic import publishing, write_bytes
from whatif.run.analysis import RunOptions, Stage
from whatif.run.job import Done, Target, cache_folder, run_study
from whatif.run.making import Clock, utc_now
from whatif.simulate.assign import Mode
from whatif.simulate.checkout import simulate_checkout
from whatif.simulate.files import write_log, write_truth

STUDY = "mobile-expanded-options"
SESSIONS = 150_000
SEED = 0


def run_demo(out: Path, *, stage: Stage, clock: Clock = utc_now) -> Done:
    """Simulate the founding experiment, run it, and publish the page under ``OUT/site``.

    Raises
    ------
    WhatIfError
        As the run raises it.
    """
    folder = out / STUDY
    with publishing(folder):
        for name in ("study.yaml", "checkout.dot"):
            if not (folder / name).exists():
                write_bytes(folder / name, _shipped(name))
        (folder / "data").mkdir(parents=True, exist_ok=True)
    log = folder / "data" / "checkout.parquet"
    if not log.exists():
        tick = stage("Simulating sessions", 1)
        simulate_to(log, sessions=SESSIONS, seed=SEED, mode="randomised")
        tick(1)
    return run_study(
        folder / "study.yaml",
        options=RunOptions(cache=cache_folder(out)),
        target=Target(out=out, publish=True, site=out / "site"),
        stage=stage,
        clock=clock,
    )


def simulate_to(path: Path, *, sessions: int, seed: int, mode: str) -> tuple[Path, Path]:
    """Write a simulated log and its truth; return both paths.

    Raises
    ------
    UsageError
        If the mode is unknown or the path cannot be written.
    """
    modes = {name: name for name in get_args(Mode)}
    if mode not in modes:
        raise UsageError(
            Problem(
                what=f"There is no simulation mode {mode!r}.",
                why="the mode says how sessions came to their arms.",
                fix=did_you_mean(mode, list(modes)),
            )
        )
    known: Mode = modes[mode]
    log = write_log(simulate_checkout(sessions, seed=seed, mode=known), path)
    return log, write_truth(log, mode=known)


def _shipped(name: str) -> bytes:
    """Return a file of the demo study, from the package or from its repository."""
    packed = resources.files("whatif") / "_shipped" / "demo" / name
    if packed.is_file():
        return packed.read_bytes()
    return (Path(__file__).parents[2] / "reports" / STUDY / name).read_bytes()
