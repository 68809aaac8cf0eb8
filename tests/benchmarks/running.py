"""What long measurements share: replications side by side, and pages kept by section."""

from __future__ import annotations

import datetime as dt
import os
import platform
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import pandas as pd

from whatif.base.versions import package_versions

Draw = TypeVar("Draw")
_POOLS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def replicated(
    work: Callable[[int], Sequence[Draw]], seeds: Sequence[int], *, label: str
) -> list[Draw]:
    """Call `work` on every seed, a process a core with one thread each; progress on stderr."""
    rows: list[Draw] = []
    cores = os.cpu_count() or 1
    with one_thread(), ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as pool:
        for done, draws in enumerate(pool.map(work, seeds), start=1):
            rows += draws
            if done % max(len(seeds) // 100, 1) == 0:
                sys.stderr.write(f"\r{label}: {done} of {len(seeds)}")
    sys.stderr.write("\n")
    return rows


@contextmanager
def one_thread() -> Iterator[None]:
    """Let processes started in the block use one thread each for linear algebra."""
    before = {pool: os.environ.get(pool) for pool in _POOLS}
    os.environ.update(dict.fromkeys(_POOLS, "1"))
    try:
        yield
    finally:
        for pool, value in before.items():
            if value is None:
                del os.environ[pool]
            else:
                os.environ[pool] = value


def markdown(frame: pd.DataFrame, *, digits: int = 3) -> str:
    """Return the columns of `frame` as a table; its index is not shown.

    Examples
    --------
    >>> print(markdown(pd.DataFrame({"part": ["a"], "share": [0.25]})))
    | part | share |
    |---|---|
    | a | 0.250 |
    """
    lines = [
        "| " + " | ".join(_cell(value, digits) for value in row) + " |"
        for row in frame.itertuples(index=False)
    ]
    head = "| " + " | ".join(map(str, frame.columns)) + " |"
    return "\n".join([head, "|" + "---|" * frame.shape[1], *lines])


def _cell(value: object, digits: int) -> str:
    if isinstance(value, float):
        return "–" if pd.isna(value) else f"{value:.{digits}f}"
    return str(value)


def sections(page: str) -> dict[str, str]:
    """Return the sections of second rank by title.

    Examples
    --------
    >>> sections("# A\\n\\n## B\\n\\ntext\\n")
    {'B': 'text'}
    """
    parts = re.split(r"(?m)^## (.+)$", page)[1:]
    return {title: text.strip() for title, text in zip(parts[::2], parts[1::2], strict=True)}


def keep(path: Path, *, head: str, order: Sequence[str], measured: dict[str, str]) -> None:
    """Write `measured` sections into the page at `path`; sections not measured now stay."""
    kept = sections(path.read_text(encoding="utf-8")) if path.exists() else {}
    made = {title: text for title, text in (kept | measured).items() if title in order}
    body = [f"## {title}\n\n{made[title]}" for title in order if title in made]
    path.write_text("\n\n".join([head, *body]) + "\n", encoding="utf-8")


def machine() -> str:
    """Return processor, cores and memory, and no name or place."""
    cores = os.cpu_count() or 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{_processor()}, {cores} cores, {memory:.0f} GB"


def _processor() -> str:
    listed = Path("/proc/cpuinfo")
    text = listed.read_text(encoding="utf-8") if listed.exists() else ""
    found = re.search(r"(?m)^model name\s*: (.+)$", text)
    return found[1].strip() if found else platform.machine()


def made_on() -> str:
    """Return the day, the Python and the versions that move numbers."""
    versions = ", ".join(f"{name} {number}" for name, number in package_versions())
    day = dt.datetime.now(dt.UTC).date()
    return f"{day}, Python {platform.python_version()}, {versions}"
