"""Runs in processes of their own, forked before any work: killed at a moment, or two at once.

``python -m tests.publishing_killer HOME FOLDER`` prints what each scenario left, as JSON. HOME has
the published run of a first Monday; each scenario plays the next one in a copy of it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cronsim  # noqa: F401  (loaded before the fork, once for all)
import filelock  # noqa: F401
import lightgbm  # noqa: F401
import pandas as pd
import pandera.pandas  # noqa: F401
import psutil  # noqa: F401

import whatif.run.job
import whatif.run.making
import whatif.run.publisher
from tests.publishing_life import NEXT, STUDY, copy_home, run, shown, state, tree, verified
from whatif.publish.places.local import LocalPlace
from whatif.publish.store.run_store import RunStore

MOMENTS: dict[str, tuple[Any, str, int, bool]] = {
    "after the lock": (whatif.run.job, "publisher", 0, False),
    "after the attempt began": (RunStore, "begin", 0, True),
    "after the models": (whatif.run.making, "analyse", 0, True),
    "after the run folder": (whatif.run.making, "write_run", 0, True),
    "after the store": (RunStore, "keep", 0, True),
    "among the pages": (LocalPlace, "write", 14, True),
    "before the front page": (LocalPlace, "write", 18, False),
    "before the trail of pages": (whatif.run.publisher, "record_publish", 0, False),
    "before the attempt ends": (RunStore, "finish", 0, False),
    "after the attempt ends": (RunStore, "finish", 0, True),
}
# Seconds that stages took, and what depends on them: the file of sums and the head of the trail.
_HEAD = re.compile(rb'"audit_head":"[0-9a-f]*"')


def die_at(owner: Any, name: str, calls: int, after: bool) -> None:
    """Kill this process before or after a function's call number `calls`."""
    real, left = getattr(owner, name), iter(range(calls, -1, -1))

    def dying(*args: Any, **more: Any) -> Any:
        mine = next(left, -1) == 0
        if mine and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        found = real(*args, **more)
        if mine:
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    setattr(owner, name, dying)


def forked(folder: Path, work: Callable[[], int]) -> int:
    """Start a process that works in a folder; return its number."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            os.chdir(folder)
            code = work()
        finally:
            os._exit(code)
    return child


def ended(child: int) -> int:
    """Wait for a process; return its exit code."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def next_monday() -> int:
    """Run on the data of the next Monday; 1 where it ends in a bug."""
    shutil.copy("all.parquet", "log.parquet")
    return run(at=NEXT).code


def site() -> dict[str, bytes]:
    """Return what readers see, without the head of the trail, which knows how long stages took."""
    return {name: _HEAD.sub(b"", content) for name, content in tree("reports/site").items()}


def after_a_kill(home: Path, to: Path, moment: str, good: dict[str, bytes]) -> dict[str, Any]:
    """Kill a run, look at what it left, run again, and look once more."""
    copy_home(home, to)

    def dying() -> int:
        die_at(*MOMENTS[moment])
        return next_monday()

    code = ended(forked(to, dying))
    os.chdir(to)
    before = {
        "killed": code == -signal.SIGKILL,
        "status": state(NEXT),
        "readers see a run": shown() is not None,
    }
    again = ended(forked(to, next_monday))
    left = site()
    return before | {
        "again": again,
        "status again": state(NEXT),
        "sound": verified().code,
        "differs": sorted(n for n in left.keys() | good.keys() if left.get(n) != good.get(n)),
    }


def undisturbed(home: Path, to: Path) -> dict[str, bytes]:
    """Return the site of a run that nothing happened to."""
    copy_home(home, to)
    assert ended(forked(to, next_monday)) == 0
    os.chdir(to)
    return site()


def waiting(to: Path) -> int:
    """Run until the models are to be fitted, say so, and go on once told."""
    making: Any = whatif.run.making
    real = making.analyse

    def held(*args: Any, **more: Any) -> Any:
        Path("held").touch()
        while not (to / "go").exists():
            time.sleep(0.01)
        return real(*args, **more)

    making.analyse = held
    return next_monday()


def two_of_one(home: Path, to: Path) -> dict[str, Any]:
    """Start a second run of a study while the first one works."""
    copy_home(home, to)
    one = forked(to, lambda: waiting(to))
    while not (to / "held").exists():
        time.sleep(0.01)
    two = ended(forked(to, partial(_code, "study.yaml")))
    (to / "go").touch()
    os.chdir(to)
    return {"codes": [ended(one), two], "status": state(NEXT), "sound": verified().code}


def _code(study: str) -> int:
    return run(at=NEXT, study=study).code


def two_of_two(home: Path, to: Path) -> dict[str, Any]:
    """Run two studies at once on one site."""
    copy_home(home, to)
    text = (to / "study.yaml").read_text()
    (to / "other.yaml").write_text(text.replace(f"study: {STUDY}", "study: other"))
    pd.read_parquet(to / "all.parquet").to_parquet(to / "log.parquet")
    both = [forked(to, partial(_code, name)) for name in ("study.yaml", "other.yaml")]
    codes = [ended(one) for one in both]
    os.chdir(to)
    return {
        "codes": codes,
        "front": sorted(json.loads(Path("reports/site/status.json").read_bytes())["studies"]),
        "sound": verified().code,
    }


def main() -> None:
    """Play every scenario."""
    home, folder = Path(sys.argv[1]), Path(sys.argv[2])
    good = undisturbed(home, folder / "good")
    told = {
        moment: after_a_kill(home, folder / str(n), moment, good)
        for n, moment in enumerate(MOMENTS)
    }
    told["two of one"] = two_of_one(home, folder / "one")
    told["two of two"] = two_of_two(home, folder / "two")
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
