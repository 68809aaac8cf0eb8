"""Commands run by the benchmark: where they are, what they took, and the study they all answer."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
STUDY = "bench"
_LAUNCHER = """
import json, os, subprocess, sys, time
began = time.perf_counter()
process = subprocess.Popen(sys.argv[2:])
_, status, used = os.wait4(process.pid, 0)
took = [time.perf_counter() - began, used.ru_maxrss, os.waitstatus_to_exitcode(status)]
process.returncode = took[-1]
with open(sys.argv[1], "w") as file:
    json.dump(took, file)
"""
# Linux counts the memory of the process that starts a command into the command's own peak, so a
# bare Python starts it and not this one.
_FIELDS = {"arm", "converted", "shipping_cost", "customer_id", "session_id"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One command that ended well.

    Attributes
    ----------
    seconds : float
        Wall time: what the command says of itself if it does, else from start to end.
    gigabytes : float
        Largest resident memory of the process, in 10⁹ bytes.
    said : dict
        The JSON line that it printed last, if any.
    """

    seconds: float
    gigabytes: float
    said: dict[str, Any]


def bench_folder() -> Path:
    """Folder of the shared benchmark: ``$WHATIF_BENCH``, else beside that of the shared data.

    Raises
    ------
    SystemExit
        If floor, peers or data are not there.
    """
    data = Path(os.environ.get("WHATIF_DATA") or ROOT.parent / "shared" / "data")
    folder = Path(os.environ.get("WHATIF_BENCH") or data.parent / "bench")
    missing = [n for n in ("floor.py", "peers.py", "checkout_data.py") if not (folder / n).exists()]
    if missing:
        raise SystemExit(
            f"bench: {', '.join(missing)} not found: set WHATIF_BENCH to the folder that holds the "
            "shared floor.py, peers.py and checkout_data.py. Without them there is nothing to "
            "compare with."
        )
    return folder.resolve()


def taken(command: Sequence[str | Path], *, settings: dict[str, str] | None = None) -> Taken:
    """Run a command and return what it took.

    Raises
    ------
    SystemExit
        If the command fails, with what it wrote.
    """
    words = list(map(str, command))
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "told.json"
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _LAUNCHER, told, *words],
            env={**os.environ, **(settings or {})},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        seconds, kibibytes, status = json.loads(told.read_text(encoding="utf-8"))
    if status:
        name = " ".join(Path(word).name for word in words)
        raise SystemExit(f"bench: {name} ended with {status}:\n{done.stderr}{done.stdout}")
    last = done.stdout.rstrip().rpartition("\n")[2]
    said = json.loads(last) if last.startswith("{") else {}
    return Taken(
        seconds=float(said.get("seconds", seconds)), gigabytes=kibibytes * 1024 / 1e9, said=said
    )


def python(*words: str | Path) -> Taken:
    """Run this Python on a script or module."""
    return taken([sys.executable, *words])


def whatif(*words: str | Path, cache: Path | None = None) -> Taken:
    """Run the installed command, with a score cache of its own."""
    settings = {} if cache is None else {"WHATIF_CACHE": str(cache)}
    return taken([Path(sys.executable).with_name("whatif"), *words], settings=settings)


@contextmanager
def study_folder(sessions: int, *, noise_columns: int = 8) -> Iterator[Path]:
    """Yield a folder with the study file and its Parquet data, written by another process."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python("-B", "-m", "tests.benchmarks.commands", folder, str(sessions), str(noise_columns))
        yield folder


@contextmanager
def published_run(folder: Path, *, quick: bool) -> Iterator[tuple[Taken, Path]]:
    """Run and publish the study from nothing; yield what it took and the folder of runs.

    Raises
    ------
    SystemExit
        If the command fails or no page is on the site.
    """
    with tempfile.TemporaryDirectory() as name:
        out, checks = Path(name) / "out", ["--quick"] if quick else []
        file = folder / "study.yaml"
        took = whatif("run", file, "--out", out, *checks, "--publish", cache=Path(name) / "cache")
        if not list((out / "site").rglob("*.html")):
            raise SystemExit("bench: whatif run published no page.")
        yield took, out


@contextmanager
def demo_run() -> Iterator[Path]:
    """Yield the folder of the run that ``whatif demo`` makes."""
    with tempfile.TemporaryDirectory() as name:
        whatif("demo", "--out", name)
        (answer,) = Path(name).glob("*/runs/*/answer.json")
        yield answer.parent


def write_study(folder: Path, bench: Path, *, sessions: int, noise_columns: int) -> None:
    """Write ``sessions.parquet`` and ``study.yaml``: confounded past data, nine segments."""
    import yaml

    spec = importlib.util.spec_from_file_location("checkout_data", bench / "checkout_data.py")
    assert spec is not None
    assert spec.loader is not None
    data = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(data)
    frame, _ = data.checkout(sessions, noise_columns=noise_columns)
    frame.insert(0, "session_id", range(sessions))
    frame.to_parquet(folder / "sessions.parquet", index=False)
    study = _study([name for name in frame if name not in _FIELDS])
    (folder / "study.yaml").write_text(yaml.safe_dump(study, sort_keys=False), encoding="utf-8")


def _study(covariates: list[str]) -> dict[str, Any]:
    return {
        "study": STUDY,
        "question": "Does showing every delivery option pay?",
        "data": {"source": "sessions.parquet"},
        "unit": "session_id",
        "cluster": "customer_id",
        "treatment": {"column": "arm", "control": 0},
        "design": {"kind": "observational"},
        "outcomes": [
            {"column": "converted", "role": "primary", "kind": "binary", "matters_from": 0.002},
            {"column": "shipping_cost", "kind": "cost", "better": "lower", "unit": "USD"},
        ],
        "ratios": [
            {
                "name": "cost_per_order",
                "numerator": "shipping_cost",
                "denominator": "converted",
                "role": "guardrail",
                "better": "lower",
                "limit": 0.25,
                "unit": "USD",
                "per": "order",
            }
        ],
        "covariates": covariates,
        "segments": ["urbanicity", ["urbanicity", "mobile"]],
        "estimators": ["aipw"],
        "value": {
            "currency": "USD",
            "per": {"converted": 18.0, "shipping_cost": -1.0},
            "units_per_month": 1_000_000,
        },
    }


if __name__ == "__main__":
    place, rows, noise = sys.argv[1:]
    write_study(Path(place), bench_folder(), sessions=int(rows), noise_columns=int(noise))
