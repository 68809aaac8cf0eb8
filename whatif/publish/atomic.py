"""Writing so that a reader sees the old content or the new, never half of one.

Everything is built beside its target on the same file system, flushed to disk, and renamed into
place. A process that dies in between leaves the old content and, at worst, a hidden leftover that
the next write sweeps up.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from whatif.base.errors import Problem, PublishError

STAGING = ".staging-"


@contextmanager
def publishing(target: Path) -> Iterator[None]:
    """Turn any failure to write under `target` into an error that says what to do.

    Raises
    ------
    PublishError
        In place of any ``OSError``.
    """
    try:
        yield
    except OSError as error:
        raise PublishError(
            Problem(
                what=f"Nothing could be written to {target}: {error.strerror or error}.",
                why="readers keep the last good page and do not see this run.",
                fix="name a folder that exists or can be made, may be written to, and has room.",
            )
        ) from error


def write_bytes(path: Path, content: bytes, *, staging: Path | None = None) -> bool:
    """Put `content` at `path` in one step; return whether anything changed.

    Parameters
    ----------
    path : Path
        The file to make or to replace.
    content : bytes
        What it holds afterwards.
    staging : Path, optional
        Folder on the same file system to build it in. Default: beside the target.

    Raises
    ------
    OSError
        If it cannot be written; the old content then still stands.
    """
    if path.is_file() and path.read_bytes() == content:
        return False
    make_folder(path.parent)
    beside = path.parent if staging is None else staging
    make_folder(beside)
    staged = beside / f"{STAGING}{path.name}-{secrets.token_hex(4)}"
    try:
        _write_through(staged, content)
        os.replace(staged, path)  # noqa: PTH105  (named so that tests can stop it)
    finally:
        staged.unlink(missing_ok=True)
    flush_folder(path.parent)
    return True


def write_folder(target: Path, files: Mapping[str, bytes]) -> None:
    """Put a folder of `files` at `target` in one rename; a folder in the way is replaced.

    Parameters
    ----------
    target : Path
        The folder to make.
    files : mapping of str to bytes
        Plain file names and their content.

    Raises
    ------
    OSError
        If it cannot be written; what stood at `target` then still stands.
    """
    make_folder(target.parent)
    staged = target.with_name(f"{STAGING}{target.name}-{secrets.token_hex(4)}")
    try:
        staged.mkdir()
        for name, content in files.items():
            _write_through(staged / name, content)
        flush_folder(staged)
        _swap(staged, target)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    flush_folder(target.parent)


def sweep(folder: Path) -> None:
    """Remove what writers that died left in `folder`; only call it under a lock."""
    for leftover in folder.glob(f"{STAGING}*"):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Make `folder` and those above it, their names flushed to disk; it may be there already."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        flush_folder(folder.parent)


def remove_folder(folder: Path) -> None:
    """Remove a folder so that a process that dies on the way leaves it whole or gone.

    What is left of it is hidden, and swept by the next ``sweep`` of its parent.

    Raises
    ------
    OSError
        If it cannot be renamed or emptied.
    """
    aside = folder.with_name(f"{STAGING}{folder.name}-old-{secrets.token_hex(4)}")
    os.replace(folder, aside)  # noqa: PTH105
    flush_folder(folder.parent)
    shutil.rmtree(aside)


def flush_folder(folder: Path) -> None:
    """Flush the names in `folder` to disk, so that a rename survives a power cut."""
    if os.name == "nt":  # pragma: no cover  (Windows cannot open a folder)
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write_through(path: Path, content: bytes) -> None:
    with path.open("xb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())


def _swap(staged: Path, target: Path) -> None:
    if not target.exists():
        os.replace(staged, target)  # noqa: PTH105
        return
    aside = target.with_name(f"{STAGING}{target.name}-old-{secrets.token_hex(4)}")
    os.replace(target, aside)  # noqa: PTH105
    try:
        os.replace(staged, target)  # noqa: PTH105
    except OSError:
        os.replace(aside, target)  # noqa: PTH105
        raise
    if aside.is_dir():
        shutil.rmtree(aside, ignore_errors=True)
    else:
        aside.unlink(missing_ok=True)
