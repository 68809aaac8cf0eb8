"""A site in a folder of this machine, or on a file share that is mounted here."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from whatif.publish.atomic import make_folder, publishing, write_bytes
from whatif.publish.lock import SITE_LOCK, site_lock
from whatif.publish.places.place import checked

STAGING = ".staging"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalPlace:
    """A folder; each file is built in ``.staging``, flushed to disk and renamed into place.

    Attributes
    ----------
    root : Path
        The folder; made when missing.
    """

    root: Path

    @property
    def address(self) -> str:
        """The folder."""
        return str(self.root)

    def read(self, name: str) -> bytes | None:
        """Return the content of a file, or None where there is no such file."""
        with publishing(self.root):
            try:
                return (self.root / checked(name)).read_bytes()
            except (FileNotFoundError, IsADirectoryError):
                return None

    def write(self, name: str, content: bytes) -> bool:
        """Put a whole file by one rename; return whether anything changed."""
        with publishing(self.root):
            return write_bytes(self.root / checked(name), content, staging=self.root / STAGING)

    def names(self, under: str = "") -> tuple[str, ...]:
        """Return every file under a folder that is not hidden, sorted."""
        found = []
        walk = os.walk(self.root / under, onerror=_refuse, followlinks=True)
        with publishing(self.root):
            for folder, folders, files in walk:
                folders[:] = [name for name in folders if not name.startswith(".")]
                base = Path(folder).relative_to(self.root)
                found += [(base / name).as_posix() for name in files if not name.startswith(".")]
        return tuple(sorted(found))

    def hidden(self) -> tuple[str, ...]:
        """Return every hidden file but the lock and what is being written, sorted.

        No page is ever hidden: whatever stands here, a server's settings among them, was put here
        by somebody else.
        """
        found = []
        with publishing(self.root):
            for folder, folders, files in os.walk(self.root, onerror=_refuse, followlinks=True):
                base = Path(folder).relative_to(self.root)
                if base == Path():
                    folders[:] = [name for name in folders if name != STAGING]
                names = [(base / name).as_posix() for name in files]
                found += [name for name in names if name != SITE_LOCK and _is_hidden(name)]
        return tuple(sorted(found))

    def folders(self) -> tuple[str, ...]:
        """Return the folders at the root that are not hidden, sorted."""
        with publishing(self.root):
            there = self.root.iterdir() if self.root.is_dir() else ()
            return tuple(sorted(p.name for p in there if p.is_dir() and not p.name.startswith(".")))

    def remove(self, names: Iterable[str]) -> None:
        """Remove files, and the folders that are empty then."""
        with publishing(self.root):
            for name in names:
                path = self.root / checked(name)
                path.unlink(missing_ok=True)
                for folder in path.relative_to(self.root).parents[:-1]:
                    with suppress(OSError):  # not empty, or gone
                        (self.root / folder).rmdir()

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder against writers here and on hosts that share its locks.

        Whatever a writer that died has left in ``.staging`` is removed first.

        Raises
        ------
        LockedError
            If another writer keeps it for half a minute.
        """
        with publishing(self.root):
            make_folder(self.root)
        with site_lock(self.root):
            shutil.rmtree(self.root / STAGING, ignore_errors=True)
            try:
                yield
            finally:
                with suppress(OSError):  # not made, or not emptied
                    (self.root / STAGING).rmdir()


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))


def _refuse(error: OSError) -> None:
    """Pass over what is not there; a folder that cannot be read must not look empty."""
    if not isinstance(error, FileNotFoundError):
        raise error
