"""Run folders: written once, never overwritten while intact, and found again by name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from whatif.base.errors import Problem, UsageError, did_you_mean
from whatif.publish.atomic import make_folder, publishing, sweep, write_bytes, write_folder

CHECKSUMS = "SHA256SUMS"
LATEST = "latest"
ANSWER = "answer.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenRun:
    """Where a run stands.

    Attributes
    ----------
    path : Path
        The run folder.
    unchanged : bool
        Whether an intact run with this id stood there already.
    """

    path: Path
    unchanged: bool


def write_run(
    out: Path, study: str, run_id: str, files: Mapping[str, bytes], *, rebuild: bool = False
) -> WrittenRun:
    """Put a run at ``OUT/<study>/runs/<run_id>`` and make it the study's latest.

    An intact folder with the same id is left alone; one that is incomplete or altered is rebuilt.
    A file of SHA-256 sums is added, readable by ``sha256sum --check``. Call it while holding
    ``study_lock(out, study)``.

    Parameters
    ----------
    out : Path
        The folder of all studies.
    study, run_id : str
        Names of folders.
    files : mapping of str to bytes
        Plain file names and their content.
    rebuild : bool
        Replace an intact folder too.

    Raises
    ------
    PublishError
        If it cannot be written; nothing is then half-written.
    """
    runs = out / study / "runs"
    target = runs / run_id
    unchanged = not rebuild and is_intact(target, files)
    with publishing(target):
        make_folder(runs)
        sweep(runs)
        if not unchanged:
            write_folder(target, {**files, CHECKSUMS: sums(files)})
        write_bytes(runs / LATEST, f"{run_id}\n".encode())
    return WrittenRun(path=target, unchanged=unchanged)


def is_intact(run_folder: Path, needed: Iterable[str] = (ANSWER,)) -> bool:
    """Return whether every file of a run is there and unaltered, the `needed` ones among them."""
    try:
        listed = _listed(run_folder)
        return set(needed) <= listed.keys() and all(
            _digest((run_folder / name).read_bytes()) == digest for name, digest in listed.items()
        )
    except (OSError, ValueError):
        return False


def read_intact(run_folder: Path, names: Iterable[str]) -> dict[str, bytes] | None:
    """Return those of the named files that a run lists, or None where one was altered or is gone.

    Other files of the run, its scores among them, are not read.
    """
    try:
        listed = _listed(run_folder)
        files = {name: (run_folder / name).read_bytes() for name in names if name in listed}
    except (OSError, ValueError):
        return None
    same = all(_digest(content) == listed[name] for name, content in files.items())
    return files if same else None


def sums(files: Mapping[str, bytes]) -> bytes:
    """Return the content of the file of SHA-256 sums, sorted by name."""
    lines = (f"{_digest(files[name])}  {name}\n" for name in sorted(files))
    return "".join(lines).encode()


def find_run(out: Path, ref: str) -> Path:
    """Return the run folder that `ref` names: a study (its latest run), a folder, or a run id.

    Raises
    ------
    UsageError
        If there is none.
    """
    for found in (_latest(out / ref), _of_folder(Path(ref)), _by_id(out, ref)):
        if found is not None:
            return found
    studies = [folder.parent.name for folder in sorted(out.glob("*/runs"))]
    hint = did_you_mean(ref, studies) if studies else f"no study has a run under {out} yet."
    raise UsageError(
        Problem(
            what=f"There is no run {ref!r}.",
            why="this command reads a run that was made before.",
            fix=f"name a run folder, a run id or a study with a run; {hint}",
        )
    )


def _of_folder(folder: Path) -> Path | None:
    if folder.name == LATEST and folder.is_file():
        return _latest(folder.parent.parent)
    return folder if (folder / ANSWER).is_file() else _latest(folder)


def _latest(study: Path) -> Path | None:
    pointer = study / "runs" / LATEST
    if not pointer.is_file():
        return None
    run = study / "runs" / pointer.read_text(encoding="utf-8").strip()
    return run if (run / ANSWER).is_file() else None


def _by_id(out: Path, run_id: str) -> Path | None:
    runs = [run for runs in sorted(out.glob("*/runs")) for run in sorted(runs.iterdir())]
    named = [run for run in runs if run.name == run_id and (run / ANSWER).is_file()]
    return named[0] if named else None


def _listed(run_folder: Path) -> dict[str, str]:
    text = (run_folder / CHECKSUMS).read_text(encoding="utf-8")
    rows = [line.split("  ", maxsplit=1) for line in text.splitlines()]
    return {name: digest for digest, name in rows}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
