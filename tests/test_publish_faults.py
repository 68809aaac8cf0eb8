"""Faults while publishing: readers find old pages or new ones; the next publish completes it."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from tests.publish_cases import broken_links, files_of, front, history_of, make_run, put, tree
from tests.s3_server import Line, s3_server, use_server
from whatif.base.errors import PublishError
from whatif.publish.places.local import LocalPlace
from whatif.publish.places.opening import open_place
from whatif.publish.places.place import Place
from whatif.publish.places.remote import RemotePlace
from whatif.publish.site import publish

ROOT = Path(__file__).resolve().parent.parent
Tree = dict[str, bytes]


def old_site(place: Place, out: Path) -> None:
    put(place, out, history_of("old"), look=".old{}")
    put(place, out, history_of("old", study="other"), look=".old{}")


def newer(place: Place, out: Path) -> None:
    put(place, out, history_of("old", "new"), look=".new{}")


def wrong_for_readers(site: Tree, old: Tree, new: Tree) -> list[str]:
    """Return files that are neither old nor new, gone ones, and links of pages that lead nowhere.

    A run without its sums is not up yet: no page leads to it.
    """
    half = "checkout/runs/new/"
    skip = half if half + "SHA256SUMS" not in site else "-"
    torn = [n for n, content in site.items() if content not in (old.get(n), new.get(n))]
    gone = [n for n in old if n not in site]
    return torn + gone + [link for link in broken_links(site) if not link.startswith(skip)]


@pytest.fixture
def quick_folder() -> Iterator[Path]:
    """A folder in memory where there is one: a disk would only take its time."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        yield Path(name)


# ---- a folder


def test_killed_at_every_step(quick_folder: Path) -> None:
    command = [sys.executable, "-m", "tests.publish_killer", str(quick_folder)]
    ended = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    told = json.loads(ended.stdout)
    assert [wrong for found in told.values() for wrong in found["wrong"]] == []
    kills = {name: found["kills"] for name, found in told.items()}
    assert len(kills) == 7
    assert kills["newer"] > 80
    assert sum(kills.values()) > 400, kills


def test_a_disk_that_fills_at_every_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the content fits, then there is no room."""
    place, out = LocalPlace(root=tmp_path / "site"), tmp_path / "out"
    old_site(place, out)
    make_run(out, "new", look=".new{}")
    old, done, faults = tree(place), False, 0
    new = expected(tmp_path)
    real = Path.open

    class Full(io.BytesIO):
        def __init__(self, path: Path) -> None:
            super().__init__()
            self.path = path

        def write(self, content: Any) -> int:
            self.path.write_bytes(bytes(content)[: len(content) // 2])
            raise OSError(28, "No space left on device")

    while not done:
        writes = iter(range(999))

        def opened(path: Path, mode: str = "r", *args: Any, **more: Any) -> Any:
            if mode == "xb" and next(writes) == faults:  # noqa: B023
                return Full(path)
            return real(path, mode, *args, **more)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "open", opened)
            try:
                newer(place, out)
                done = True
            except PublishError as error:
                assert "No space left on device" in str(error)  # noqa: PT017
                faults += 1
        assert wrong_for_readers(tree(place), old, new) == []
        assert not [path for path in place.root.rglob(".staging*") if path.is_file()]
    assert faults > 0
    assert tree(place) == new


def expected(folder: Path) -> Tree:
    """Return what an undisturbed publish leaves."""
    place = LocalPlace(root=folder / "undisturbed")
    old_site(place, folder / "undisturbed-out")
    newer(place, folder / "undisturbed-out")
    return tree(place)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """Mount a disk of `size` in memory."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("no disk in memory could be mounted: run as root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    """Room for k more blocks, for every k until the publish fits."""
    new, out = expected(tmp_path), tmp_path / "out"
    block, faults = 4096, 0
    with small_disk(tmp_path / "disk", "2m") as disk:
        place = LocalPlace(root=disk / "site")
        old_site(place, out)
        make_run(out, "new", look=".new{}")
        old, filler = tree(place), disk / "filler"
        shutil.copytree(place.root, tmp_path / "kept")
        for room in range(99):
            shutil.rmtree(place.root)
            shutil.copytree(tmp_path / "kept", place.root)
            free = os.statvfs(disk).f_bavail * block
            filler.write_bytes(b"x" * (free - room * block))
            try:
                newer(place, out)
            except PublishError as error:
                assert "No space left on device" in str(error)  # noqa: PT017
                assert error.exit_code == 6  # noqa: PT017
                faults += 1
            else:
                break
            finally:
                filler.unlink()
            assert wrong_for_readers(tree(place), old, new) == []
        assert faults > 5
        assert tree(place) == new


def test_a_target_that_may_only_be_read(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with small_disk(tmp_path / "disk", "2m") as disk:
        place = LocalPlace(root=disk / "site")
        old_site(place, out)
        old = tree(place)
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with pytest.raises(PublishError, match=r"(?s)Read-only file system.*What to do") as caught:
            newer(place, out)
        assert caught.value.exit_code == 6
        assert tree(place) == old
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        newer(place, out)
        assert tree(place) == expected(tmp_path)


# ---- an object store


class Failing(MemoryFileSystem):  # type: ignore[misc]
    """Objects in memory whose k-th put fails: before, half-way, in silence, or after."""

    cachable = False

    def __init__(self) -> None:
        super().__init__(global_store=False)
        self.puts, self.fail_at, self.how = 0, -1, ""

    def pipe_file(self, path: str, value: bytes, *args: Any, **more: Any) -> None:
        self.puts += 1
        failing = self.puts - 1 == self.fail_at
        if self.how == "gone" and self.puts > self.fail_at >= 0:
            raise ConnectionError("the network is gone")
        if not failing:
            super().pipe_file(path, value)
            return
        super().pipe_file(path, value if self.how == "late" else value[: len(value) // 2])
        if self.how != "silent":
            raise TimeoutError("no answer")


def in_memory() -> tuple[RemotePlace, Failing]:
    files = Failing()
    place = RemotePlace(
        address="memory://x", root="/x", files=files, headers=lambda name: {}, in_folders=False
    )
    return place, files


@pytest.mark.parametrize("how", ["gone", "torn", "silent", "late"])
def test_a_put_that_fails_everywhere(tmp_path: Path, how: str) -> None:
    out = tmp_path / "out"
    place, files = in_memory()
    old_site(place, out)
    stored, old = dict(files.store), tree(place)
    files.puts = 0
    newer(place, out)
    new, puts = tree(place), files.puts
    assert puts > 12
    for k in range(puts):
        files.store = dict(stored)
        files.puts, files.fail_at, files.how = 0, k, how
        with pytest.raises(PublishError, match=r"memory://x could not be read or written"):
            newer(place, out)
        assert wrong_for_readers(tree(place), old, new) == [], k
        files.fail_at = -1
        newer(place, out)
        assert tree(place) == new, k


def test_a_put_over_a_cut_line_to_s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two puts come through; every later one is cut on the wire after half of its content."""
    out = tmp_path / "out"
    with s3_server() as endpoint:
        line = Line(endpoint)
        use_server(monkeypatch, line.endpoint)
        monkeypatch.setattr("s3fs.S3FileSystem.retries", 1)
        place = open_place("s3://bucket/site")
        assert isinstance(place, RemotePlace)
        place.files.mkdir("bucket")
        old_site(place, out)
        make_run(out, "new", look=".new{}")
        old, new = tree(place), expected(tmp_path)
        faults, done = 0, False
        while not done:
            line.puts, line.cut_from = 0, 3
            try:
                newer(place, out)
                done = True
            except PublishError as error:
                assert "s3://bucket/site could not be read or written" in str(error)  # noqa: PT017
                faults += 1
            line.cut_from = None
            assert wrong_for_readers(tree(place), old, new) == []
        assert faults > 5
        assert line.cuts >= faults
        assert tree(place) == new
        line.close()


# ---- two at once

ROUNDS = """
import os
import sys
from pathlib import Path
from fsspec.implementations.local import LocalFileSystem
from tests.publish_cases import history_of, put
from whatif.publish.places.local import LocalPlace
from whatif.publish.places.remote import RemotePlace
kind, base, rounds, names = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
place = LocalPlace(root=base / "site") if kind == "local" else RemotePlace(
    address=f"test://{base}", root=str(base / "site"), in_folders=True,
    files=LocalFileSystem(skip_instance_cache=True), headers=lambda name: {})

def work(me):
    ids = []
    for n in range(rounds):
        if me.startswith("same"):
            put(place, base / "out", history_of("old", "new"), look=".new{}")
            continue
        ids.append(f"{me}{n}")
        put(place, base / me, history_of(*ids, study=me), look="." + me + "{}")
        run = f"{me}-shared{n}"
        put(place, base / me, history_of(run, study="shared"), look="." + me + "{}")

children = []
for me in names:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work(me)
            code = 0
        finally:
            os._exit(code)
    children.append(child)
sys.exit(any([os.waitpid(child, 0)[1] for child in children]))
"""


def writers(kind: str, folder: Path, rounds: int, *names: str) -> subprocess.Popen[bytes]:
    """Start processes that publish `rounds` times each, all at once."""
    command = [sys.executable, "-c", ROUNDS, kind, str(folder), str(rounds), *names]
    return subprocess.Popen(command, cwd=ROOT)


@pytest.mark.parametrize("kind", ["local", "remote"])
def test_publishers_at_once(quick_folder: Path, kind: str) -> None:
    names, rounds, looks = ("ann", "bob", "cyd"), 8, 0
    running = writers(kind, quick_folder, rounds, *names)
    place = LocalPlace(root=quick_folder / "site")
    while running.poll() is None:
        page = place.read("shared/index.html")  # a reader in between
        if page is not None:
            looks += 1
            assert page.endswith(b"</script>\n") or kind == "remote"  # a copy, not a rename
        time.sleep(0.01)
    assert running.returncode == 0
    there = tree(place)
    for name in names:
        assert f"{name}/index.html".encode() in there["index.html"]
        assert f"<p>{name}{rounds - 1}</p>".encode() in there[f"{name}/index.html"]
    shown = json.loads(there["status.json"])["studies"]["shared"]
    assert f"<p>{shown}</p>".encode() in there["shared/index.html"]
    assert json.loads(there["shared/answer.json"]) == {"run_id": shown}
    assert broken_links(there) == []
    assert looks > 0
    assert not [path for path in place.root.rglob(".staging*") if path.is_file()]


def test_two_that_publish_the_same_leave_what_one_leaves(tmp_path: Path) -> None:
    place = LocalPlace(root=tmp_path / "site")
    old_site(place, tmp_path / "out")
    make_run(tmp_path / "out", "new", look=".new{}")
    assert writers("local", tmp_path, 5, "same-1", "same-2").wait() == 0
    assert tree(place) == expected(tmp_path)
    history = history_of("old", "new")
    again = publish(place, (), history, files=files_of(history, ".new{}"), front=front)
    assert again.unchanged
