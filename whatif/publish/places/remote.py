"""A site at an address that fsspec can reach: S3, Google Cloud Storage, memory and others."""

from __future__ import annotations

import getpass
import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from whatif.base.errors import Problem, PublishError, WhatIfError
from whatif.base.secrets import without
from whatif.publish.lock import waiting_lock
from whatif.publish.places.place import checked


@dataclass(frozen=True, slots=True, kw_only=True)
class RemotePlace:
    """A prefix of a filesystem of fsspec; each file is one put of a whole object.

    Every put is read back and compared. A put that fails is undone where the place lets a torn
    file stand, so that a reader finds the old file. Transient errors are tried again by the
    backend: S3 by ``AWS_MAX_ATTEMPTS`` and ``AWS_RETRY_MODE``, and by s3fs five times around it.

    Attributes
    ----------
    address : str
        The address as it may be shown.
    root : str
        The prefix, as the filesystem spells it.
    files : fsspec filesystem
        It must not keep listings.
    headers : callable
        What a put is told of a name: content type and caching, as this filesystem takes them.
    in_folders : bool
        Whether a folder must be made before a file can stand in it.
    secrets : tuple of str
        What no text may show.
    """

    address: str
    root: str = field(repr=False)
    files: Any = field(repr=False)
    headers: Callable[[str], Mapping[str, Any]] = field(repr=False)
    in_folders: bool
    secrets: tuple[str, ...] = field(repr=False, default=())

    def read(self, name: str) -> bytes | None:
        """Return the content of an object, or None where there is no such object."""
        with told(self.address, self.secrets):
            return self._stored(self._path(name))

    def write(self, name: str, content: bytes) -> bool:
        """Put a whole object and read it back; return whether anything changed."""
        path = self._path(name)
        with told(self.address, self.secrets):
            before = self._stored(path)
            if before == content:
                return False
            try:
                if self.in_folders:
                    self.files.makedirs(path.rpartition("/")[0], exist_ok=True)
                self._put(name, content)
            except Exception:
                with suppress(Exception):
                    self._undo(name, before, content)
                raise
        return True

    def names(self, under: str = "") -> tuple[str, ...]:
        """Return every object under a folder that is not hidden, sorted."""
        with told(self.address, self.secrets):
            try:
                found = self.files.find(f"{self.root}/{under}".rstrip("/"))
            except FileNotFoundError:
                return ()
        names = (path[len(self.root) + 1 :] for path in found)
        return tuple(sorted(name for name in names if not f"/{name}".count("/.")))

    def folders(self) -> tuple[str, ...]:
        """Return the folders at the root that are not hidden, sorted."""
        with told(self.address, self.secrets):
            try:
                there = self.files.ls(self.root, detail=True)
            except FileNotFoundError:
                return ()
        found = (one["name"].rstrip("/") for one in there if one["type"] == "directory")
        names = {path.rpartition("/")[2] for path in found}
        return tuple(sorted(name for name in names if not name.startswith(".")))

    def remove(self, names: Iterable[str]) -> None:
        """Remove objects one by one: a bulk removal may fail for some and not say so."""
        with told(self.address, self.secrets):
            for name in names:
                with suppress(FileNotFoundError):
                    self.files.rm_file(self._path(name))

    def lock(self) -> AbstractContextManager[None]:
        """Hold the address against other writers of this machine and account.

        The lock is a file in the temporary folder, named by the address. It does not hold against
        writers on other machines or under other accounts: of two that publish at once, each file
        is from one of them, and the front page may miss the newest card of the other until either
        publishes again. Give one scheduler the site, or let its queue run one job at a time.

        Raises
        ------
        LockedError
            If another writer keeps it for half a minute.
        """
        key = hashlib.sha256(self.address.rstrip("/").encode()).hexdigest()[:32]
        folder = Path(tempfile.gettempdir()) / f"whatif-locks-{getpass.getuser()}"
        return waiting_lock(folder / f"{key}.lock", f"site {self.address}")

    def _path(self, name: str) -> str:
        return f"{self.root}/{checked(name)}"

    def _stored(self, path: str) -> bytes | None:
        try:
            return bytes(self.files.cat_file(path))
        except (FileNotFoundError, IsADirectoryError):
            return None

    def _put(self, name: str, content: bytes) -> None:
        path = self._path(name)
        self.files.pipe_file(path, content, **self.headers(name))
        if self._stored(path) != content:
            raise OSError(f"{name} does not read back as it was written")

    def _undo(self, name: str, before: bytes | None, content: bytes) -> None:
        path = self._path(name)
        if self._stored(path) in (before, content):
            return
        if before is None:
            self.files.rm_file(path)
        else:
            self._put(name, before)


@contextmanager
def told(address: str, secrets: Sequence[str]) -> Iterator[None]:
    """Turn whatever a backend raises into an error that says what to do, without secrets.

    Raises
    ------
    PublishError
        In place of it.
    """
    try:
        yield
    except WhatIfError:
        raise
    except Exception as error:  # backends raise classes of their own
        said = without(" ".join(str(error).split()), *secrets)
        kind = type(error).__name__
        raise PublishError(
            Problem(
                what=f"{address} could not be read or written: {kind}: {said or kind}.",
                why="readers keep the last good page and do not see this run.",
                fix="check the address, the network, and that this account may list, read, "
                "write and delete there; then run the same command again.",
            )
        ) from None
