"""Scores kept by content hash, so that asking again costs nothing."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from whatif.base.errors import DataError
from whatif.scores.record import Scores
from whatif.scores.store import from_parquet, to_parquet


def cached_scores(
    folder: Path | None, key: str, fit: Callable[[], Scores], *, renew: bool = False
) -> Scores:
    """Return the scores stored under `key`, or fit and store them.

    A damaged entry is fitted again, and a folder that cannot be written is done without: the
    cache can only save time, never change or lose an answer.

    Parameters
    ----------
    folder : Path or None
        Where score tables are kept; None keeps nothing.
    key : str
        Content hash of everything the scores depend on.
    fit : callable
        Called without arguments when nothing usable is stored.
    renew : bool
        Fit again and replace what is stored.
    """
    if folder is None:
        return fit()
    path = folder / f"{key}.parquet"
    if path.exists() and not renew:
        stored = _read(path)
        if stored is not None and stored.key == key:
            return stored
    scores = fit()
    with suppress(OSError):
        _write(path, to_parquet(scores, period=None))
    return scores


def _read(path: Path) -> Scores | None:
    try:
        return from_parquet(path)
    except DataError:
        return None


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(content)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
