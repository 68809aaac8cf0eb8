"""Work done over and over by children that kill themselves at their k-th step, for every k.

``python -m tests.publish_killer FOLDER`` prints, by scenario, how many were killed and what was
wrong with what they left. A step is a file opened for writing, a flush to disk, a rename, a folder
made, a file or folder removed; before each flush of a file there is one more, at which the child
first tears the file in half.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.publish_cases import (
    broken_links,
    files_of,
    front,
    history_of,
    make_run,
    put,
    tree,
)
from whatif.publish.places.local import LocalPlace
from whatif.publish.prune import kept, prune, prune_runs
from whatif.publish.run_folder import find_run, is_intact
from whatif.publish.site import publish

Tree = dict[str, bytes]

_CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir"}


def die_at(step: int, under: Path) -> None:
    """Kill this process at its `step`-th step below a folder."""
    count = iter(range(10**9))

    def reached() -> bool:
        return next(count) == step

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event in _CHANGES:
            mine = str(args[0]).startswith(str(under)) or not str(args[0]).startswith("/")
        else:
            written = event == "open" and (args[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            mine = bool(written) and str(args[0]).startswith(str(under))
        if mine and reached():
            die()

    def fsync(handle: int) -> None:
        if stat.S_ISREG(os.fstat(handle).st_mode) and reached():
            os.ftruncate(handle, os.fstat(handle).st_size // 2)
            die()
        if reached():
            die()

    os.fsync = fsync  # type: ignore[assignment]
    sys.addaudithook(hook)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What stands before, what is done, and what must hold of what a killed child leaves."""

    before: Callable[[Path], object]
    work: Callable[[Path], object]
    holds: Callable[[Path, Tree, Tree], list[str]]


def _readers_see(now: Path, old: Tree, new: Tree) -> list[str]:
    site, before, after = tree(now / "site"), _part(old, "site/"), _part(new, "site/")
    torn = [n for n, content in site.items() if content not in (before.get(n), after.get(n))]
    gone = [name for name in before.keys() & after.keys() if name not in site]
    # no page leads to a run that is not wholly up, or partly removed: it has no sums
    links = [
        link
        for link in sorted({*broken_links(site)} - {*broken_links(before)})
        if "/runs/" not in link.partition(" ->")[0]
        or f"{link.rpartition('/')[0].partition('/report.html')[0]}/SHA256SUMS" in site
    ]
    return [*(f"torn: {n}" for n in torn), *(f"gone: {n}" for n in gone), *links]


def _part(files: Tree, folder: str) -> Tree:
    return {
        name.removeprefix(folder): content
        for name, content in files.items()
        if name.startswith(folder) and "/." not in name
    }


def _runs_are_whole(now: Path, _old: Tree, _new: Tree) -> list[str]:
    runs = now / "out" / "checkout" / "runs"
    there = [path for path in runs.iterdir() if path.is_dir() and not path.name.startswith(".")]
    broken = [f"half: {path.name}" for path in there if not is_intact(path)]
    return [*broken, *([] if find_run(now / "out", "checkout").name == "new" else ["latest"])]


def _site(folder: Path) -> LocalPlace:
    return LocalPlace(root=folder / "site")


def _old_site(folder: Path) -> None:
    put(_site(folder), folder / "out", history_of("old"), look=".old{}")
    put(_site(folder), folder / "out", history_of("old", study="other"), look=".old{}")
    make_run(folder / "out", "new", look=".new{}")


def _first_run(folder: Path) -> None:
    put(_site(folder), folder / "out", history_of("new"), look=".new{}")


def _newer_run(folder: Path) -> None:
    put(_site(folder), folder / "out", history_of("old", "new"), look=".new{}")


def _awaiting_run(folder: Path) -> None:
    history = history_of("old", "new", shown="old", awaiting="new")
    put(_site(folder), folder / "out", history, look=".new{}")


def _rejected_run(folder: Path) -> None:
    history = history_of("old", shown=None)
    publish(_site(folder), (), history, files=files_of(history), front=front)


def _damaged_site(folder: Path) -> None:
    _old_site(folder)
    _newer_run(folder)
    (folder / "site" / "checkout" / "runs" / "new" / "answer.json").unlink()
    (folder / "site" / "checkout" / "runs" / "new" / "scenario.json").write_bytes(b"altered")


def _two_runs(folder: Path) -> None:
    _old_site(folder)
    _newer_run(folder)


def _pruned(folder: Path) -> None:
    history = kept(history_of("old", "new"), ())
    prune(_site(folder), history, files=files_of(history, ".new{}"), front=front)


def _five_runs(folder: Path) -> None:
    for name in ("a", "b", "c", "new"):
        make_run(folder / "out", name)


def _pruned_runs(folder: Path) -> None:
    prune_runs(folder / "out", "checkout", ["c"])


SCENARIOS = {
    "first": Scenario(before=Path.mkdir, work=_first_run, holds=_readers_see),
    "newer": Scenario(before=_old_site, work=_newer_run, holds=_readers_see),
    "awaiting": Scenario(before=_old_site, work=_awaiting_run, holds=_readers_see),
    "rejected": Scenario(before=_old_site, work=_rejected_run, holds=_readers_see),
    "repair": Scenario(before=_damaged_site, work=_newer_run, holds=_readers_see),
    "prune": Scenario(before=_two_runs, work=_pruned, holds=_readers_see),
    "prune_runs": Scenario(before=_five_runs, work=_pruned_runs, holds=_runs_are_whole),
}


def _child(work: Callable[[Path], object], folder: Path, step: int) -> int:
    child = os.fork()
    if child == 0:
        try:
            die_at(step, folder)
            work(folder)
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def kill_everywhere(name: str, base: Path) -> dict[str, Any]:
    """Kill at every step of a scenario; return how many were killed and what was wrong."""
    base.mkdir()
    scenario = SCENARIOS[name]
    old, new, now = base / "old", base / "new", base / "now"
    scenario.before(old)
    shutil.copytree(old, new)
    scenario.work(new)
    wrong, step = [], 0
    before, after = tree_of(old), tree_of(new)
    while True:
        shutil.copytree(old, now)
        ended = _child(scenario.work, now, step)
        found = scenario.holds(now, before, after)
        scenario.work(now)  # the next one
        left = tree_of(now)
        if left != after:
            found.append(f"the next one left something else: {left.keys() ^ after.keys()}")
        wrong += [f"step {step}: {one}" for one in found]
        shutil.rmtree(now)
        if ended == 0:
            break
        if ended != -signal.SIGKILL:
            wrong.append(f"step {step}: ended with {ended}")
        step += 1
    return {"kills": step, "wrong": wrong}


def tree_of(folder: Path) -> Tree:
    """Return every file below a folder, hidden ones too, locks aside."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".lock"
    }


if __name__ == "__main__":
    os.fsync = lambda _handle: None  # type: ignore[assignment]  # only a power cut would tell
    told = {name: kill_everywhere(name, Path(sys.argv[1]) / name) for name in SCENARIOS}
    sys.stdout.write(json.dumps(told))
