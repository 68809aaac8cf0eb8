"""Scores kept by content hash, so that asking again costs nothing."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from whatif.base.errors import DataError
from whatif.scores.record import Scores
from whatif.scores.store import from_parquet, to_parquet, write_parquet


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """A score table, and the file it is or will be.

    Attributes
    ----------
    scores : Scores
        The table.
    parquet : callable
        Returns its Parquet bytes, waiting for them if they are still being made.
    """

    scores: Scores
    parquet: Callable[[], bytes]


def cached_scores(
    folder: Path | None,
    key: str,
    fit: Callable[[], Scores],
    *,
    time: str | None = None,
    renew: bool = False,
) -> Kept:
    """Return the scores stored under `key`, or fit and store them.

    New scores are written on a thread of their own while the caller goes on. A damaged entry is
    fitted again, and a folder that cannot be written is done without: the cache can only save
    time, never change or lose an answer.

    Parameters
    ----------
    folder : Path or None
        Where score tables are kept; None keeps nothing.
    key : str
        Content hash of everything the scores depend on.
    fit : callable
        Called without arguments when nothing usable is stored.
    time : str, optional
        Column of the moment of each unit.
    renew : bool
        Fit again and replace what is stored.
    """
    if folder is None:
        scores = fit()
        return Kept(scores, partial(_encoded, scores, time))
    path = folder / f"{key}.parquet"
    if path.exists() and not renew:
        stored = _read(path)
        if stored is not None and stored.key == key:
            return Kept(stored, partial(_read_back, path, stored, time))
    scores = fit()
    pool = ThreadPoolExecutor(1)
    made = pool.submit(_keep, path, scores, time)
    pool.shutdown(wait=False)
    return Kept(scores, partial(_once_kept, made, path, scores, time))


def _period(scores: Scores, time: str | None) -> pd.Series | None:
    return None if time is None else scores.columns[time]


def _encoded(scores: Scores, time: str | None) -> bytes:
    return to_parquet(scores, period=_period(scores, time))


def _once_kept(made: Future[bool], path: Path, scores: Scores, time: str | None) -> bytes:
    return _read_back(path, scores, time) if made.result() else _encoded(scores, time)


def _read_back(path: Path, scores: Scores, time: str | None) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # a cache that cannot be used is done without
        return _encoded(scores, time)


def _keep(path: Path, scores: Scores, time: str | None) -> bool:
    """Write the table, and say whether that worked."""
    try:
        _write(path, scores, time)
    except OSError:
        return False
    return True


def _read(path: Path) -> Scores | None:
    try:
        return from_parquet(path)
    except DataError:
        return None


def _write(path: Path, scores: Scores, time: str | None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    os.close(descriptor)
    try:
        write_parquet(scores, name, period=_period(scores, time))
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
