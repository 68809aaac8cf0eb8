"""One run of a study at a time, and one writer of the site's index at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from whatif.base.errors import LockedError, Problem
from whatif.publish.atomic import publishing

SITE_LOCK = ".whatif.lock"


@contextmanager
def study_lock(out: Path, study: str) -> Iterator[None]:
    """Hold the lock of `study` under ``OUT/.whatif/locks``; do not wait for it.

    The operating system frees the lock when its process ends, however it ends.

    Raises
    ------
    LockedError
        If another run of the same study holds it (exit code 75).
    PublishError
        If `out` cannot be written to.
    """
    with _held(out / ".whatif" / "locks" / f"{study}.lock", f"study {study!r}", wait=0):
        yield


@contextmanager
def site_lock(site: Path, *, wait: float = 30.0) -> Iterator[None]:
    """Hold the lock of the site's index, waiting up to `wait` seconds for another study.

    Raises
    ------
    LockedError
        If it stays taken (exit code 75).
    PublishError
        If `site` cannot be written to.
    """
    with _held(site / SITE_LOCK, f"site {site}", wait=wait):
        yield


@contextmanager
def waiting_lock(path: Path, what: str, *, wait: float = 30.0) -> Iterator[None]:
    """Hold the lock file `path`, waiting up to `wait` seconds; `what` names it in the error.

    Raises
    ------
    LockedError
        If it stays taken (exit code 75).
    PublishError
        If it cannot be made.
    """
    with _held(path, what, wait=wait):
        yield


@contextmanager
def _held(path: Path, what: str, *, wait: float) -> Iterator[None]:
    import filelock

    with publishing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(path)
        try:
            lock.acquire(timeout=wait)
        except filelock.Timeout:
            raise LockedError(
                Problem(
                    what=f"Another process is working on {what}.",
                    why="two at a time could overwrite each other's page.",
                    fix="wait until it has ended, then run the same command again.",
                )
            ) from None
    try:
        yield
    finally:
        lock.release()
