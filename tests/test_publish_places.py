"""Places: whole files or none on a folder, in memory and on S3; secrets never shown."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from tests.s3_server import s3_server, use_server
from whatif.base.errors import LockedError, PublishError, UsageError
from whatif.publish.lock import waiting_lock
from whatif.publish.places import remote as remote_module
from whatif.publish.places.local import LocalPlace
from whatif.publish.places.opening import open_place
from whatif.publish.places.place import Place
from whatif.publish.places.remote import RemotePlace


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with s3_server() as endpoint:
        yield endpoint


def s3_place(where: str = "s3://bucket/a/site") -> RemotePlace:
    place = open_place(where)
    assert isinstance(place, RemotePlace)
    if not place.files.exists("bucket"):
        place.files.mkdir("bucket")
    return place


@pytest.fixture(params=["local", "file", "memory", "s3", "folders"])
def place(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Place:
    """An empty place of every kind."""
    if request.param == "local":
        return open_place(tmp_path / "site")
    if request.param == "file":
        return open_place(f"file://{tmp_path}/site")
    name = hashlib.sha256(str(tmp_path).encode()).hexdigest()[:8]
    if request.param == "memory":
        return open_place(f"memory://{name}/site")
    if request.param == "folders":  # as over SFTP: a file needs its folder
        return RemotePlace(
            address="sftp://host/site",
            root=str(tmp_path / "site"),
            files=LocalFileSystem(skip_instance_cache=True),
            headers=lambda name: {},
            in_folders=True,
        )
    use_server(monkeypatch, request.getfixturevalue("server"))
    return s3_place(f"s3://bucket/{name}/site")


def test_a_file_is_written_once_and_read_back(place: Place) -> None:
    assert place.read("checkout/index.html") is None
    assert place.names() == place.names("checkout") == place.folders() == ()
    with place.lock():
        assert place.write("checkout/index.html", b"old")
        assert not place.write("checkout/index.html", b"old")
        assert place.write("checkout/index.html", b"new")
        assert place.write("checkout/runs/abc/SHA256SUMS", b"")
        assert place.write("checkout-2/index.html", b"x")
        assert place.write("index.html", b"front")
    assert place.read("checkout/index.html") == b"new"
    assert place.read("checkout/runs/abc/SHA256SUMS") == b""
    assert place.read("checkout") is None
    assert place.folders() == ("checkout", "checkout-2")
    assert place.names() == (
        "checkout-2/index.html",
        "checkout/index.html",
        "checkout/runs/abc/SHA256SUMS",
        "index.html",
    )
    assert place.names("checkout") == ("checkout/index.html", "checkout/runs/abc/SHA256SUMS")
    assert place.names("checkout/runs") == ("checkout/runs/abc/SHA256SUMS",)
    assert place.names("nowhere") == ()


def test_what_another_writer_put_is_seen_at_once(place: Place) -> None:
    with place.lock():
        place.write("a/x.html", b"1")
    assert place.names() == ("a/x.html",)
    other = fsspec_twin(place)
    with other.lock():
        other.write("b/y.html", b"2")
        other.remove(["a/x.html"])
    assert place.names() == ("b/y.html",)
    assert "b" in place.folders()
    assert place.read("a/x.html") is None


def fsspec_twin(place: Place) -> Place:
    """Return a place at the same address, opened by itself."""
    if isinstance(place, RemotePlace) and place.address.startswith("sftp"):
        return place
    return open_place(place.address)


def test_removing_passes_over_what_is_not_there(place: Place) -> None:
    with place.lock():
        place.write("a/runs/1/x.html", b"1")
        place.write("a/y.html", b"2")
        place.remove(["a/runs/1/x.html", "a/runs/1/gone.html", "b/gone.html"])
    assert place.names() == ("a/y.html",)
    if isinstance(place, LocalPlace):
        assert not (place.root / "a" / "runs").exists()


@pytest.mark.parametrize("name", ["../x", "a/../x", "/etc/x", "", ".hidden", "a//b", "a/", "a b"])
def test_a_name_that_could_leave_the_place_is_refused(place: Place, name: str) -> None:
    for use in (place.read, lambda n: place.write(n, b""), lambda n: place.remove([n])):
        with pytest.raises(PublishError, match="cannot be the name of a file on the site"):
            use(name)


def test_a_second_writer_waits_and_then_gives_up(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def soon(path: Path, what: str) -> Any:
        return waiting_lock(path, what, wait=0.05)

    monkeypatch.setattr(remote_module, "waiting_lock", soon)
    monkeypatch.setattr(
        "whatif.publish.places.local.site_lock",
        lambda root: waiting_lock(root / ".whatif.lock", f"site {root}", wait=0.05),
    )
    with (
        place.lock(),
        pytest.raises(LockedError, match="Another process is working on site"),
        fsspec_twin(place).lock(),
    ):
        pass
    with place.lock():
        pass


# ---- addresses


def test_an_address_is_opened_without_reaching_it(tmp_path: Path) -> None:
    assert open_place(str(tmp_path)).address == str(tmp_path)
    assert open_place("memory://deep/er/").address == "memory://deep/er"
    assert open_place("s3://no-such-bucket/site").address == "s3://no-such-bucket/site"


def test_what_cannot_be_opened_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"(?s)s33:// are not known.*did you mean 's3'"):
        open_place("s33://bucket/site")
    with pytest.raises(UsageError, match=r"(?s)sftp:// need a package.*paramiko"):
        open_place("sftp://user:hush@host/site")
    for address in ("simplecache::s3://key:hush@bucket/site", "s3://k:hush@bucket/site?x=hush"):
        with pytest.raises(UsageError, match=r"chains several places|has a part after") as caught:
            open_place(address)
        assert "hush" not in str(caught.value)

    def missing(protocol: str) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec, "get_filesystem_class", missing)
    with pytest.raises(UsageError, match=r"pip install 'whatif\[s3\]'"):
        open_place("s3://bucket/site")


def test_secrets_of_an_address_are_passed_on_and_never_shown(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    place = open_place("s3://AKIAKEY:hu%2Fsh@bucket/site")
    assert isinstance(place, RemotePlace)
    assert (place.files.key, place.files.secret) == ("AKIAKEY", "hu/sh")

    def fail(*args: object, **more: object) -> None:
        raise ConnectionError("no route for AKIAKEY with hu/sh or hu%2Fsh, s3://u:p@b")

    monkeypatch.setattr(place.files, "cat_file", fail)
    monkeypatch.setattr(place.files, "pipe_file", fail)
    monkeypatch.setattr(place.files, "find", fail)
    monkeypatch.setattr(place.files, "ls", fail)
    monkeypatch.setattr(place.files, "rm_file", fail)
    for use in (
        lambda: place.read("x"),
        lambda: place.write("x", b""),
        place.names,
        place.folders,
        lambda: place.remove(["x"]),
    ):
        with pytest.raises(PublishError, match=r"s3://bucket/site.*could not be read") as caught:
            use()
        printed = "".join(traceback.format_exception(caught.value)) + repr(place)
        for secret in ("AKIAKEY", "hu/sh", "hu%2Fsh", "u:p@"):
            assert secret not in printed
    assert capfd.readouterr() == ("", "")


def test_a_put_that_does_not_read_back_is_undone() -> None:
    class Torn(MemoryFileSystem):  # type: ignore[misc]
        cachable = False
        torn = False

        def pipe_file(self, path: str, value: bytes, *args: Any, **more: Any) -> None:
            super().pipe_file(path, value[: len(value) // 2] if self.torn else value)
            self.__class__.torn = False

    files = Torn(global_store=False)
    place = RemotePlace(
        address="torn://site", root="/site", files=files, headers=lambda n: {}, in_folders=False
    )
    place.write("index.html", b"old page")
    for name, before in (("index.html", b"old page"), ("new.html", None)):
        Torn.torn = True
        with pytest.raises(PublishError, match="does not read back as it was written"):
            place.write(name, b"a newer page")
        assert place.read(name) == before


# ---- S3


def test_objects_of_s3_carry_their_type_and_caching(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_server(monkeypatch, server)
    place = s3_place("s3://bucket/typed")
    wanted = {
        "assets/page-0123456789ab.css": ("text/css; charset=utf-8", "max-age=31536000, immutable"),
        "assets/page-0123456789ab.js": (
            "text/javascript; charset=utf-8",
            "max-age=31536000, immutable",
        ),
        "assets/icon-0123456789ab.svg": ("image/svg+xml", "max-age=31536000, immutable"),
        "index.html": ("text/html; charset=utf-8", "no-cache"),
        "status.json": ("application/json", "no-cache"),
        "feed.xml": ("application/atom+xml; charset=utf-8", "no-cache"),
        "a/history.csv": ("text/csv; charset=utf-8", "no-cache"),
        "a/runs/1/SHA256SUMS": ("text/plain; charset=utf-8", "no-cache"),
        "a/x.woff2": ("application/octet-stream", "no-cache"),
    }
    for name, (kind, caching) in wanted.items():
        place.write(name, b"content")
        head = place.files.call_s3("head_object", Bucket="bucket", Key=f"typed/{name}")
        assert (head["ContentType"], head["CacheControl"]) == (kind, caching), name


def test_a_bucket_that_is_not_there_is_not_made(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_server(monkeypatch, server)
    place = open_place("s3://key:hush@no-such-bucket/site")
    assert place.read("index.html") is None
    with pytest.raises(PublishError, match=r"(?s)s3://no-such-bucket/site.*What to do") as caught:
        place.write("index.html", b"x")
    assert caught.value.exit_code == 6
    assert "hush" not in "".join(traceback.format_exception(caught.value))
    assert not s3_place().files.exists("no-such-bucket")


def test_a_server_that_does_not_answer_is_exit_6(monkeypatch: pytest.MonkeyPatch) -> None:
    use_server(monkeypatch, "http://127.0.0.1:9")
    monkeypatch.setattr("s3fs.S3FileSystem.retries", 1)
    with pytest.raises(PublishError, match=r"s3://bucket/site could not be read") as caught:
        open_place("s3://bucket/site").write("index.html", b"x")
    assert caught.value.exit_code == 6


def test_opening_a_folder_loads_no_library_of_object_stores() -> None:
    code = (
        "import sys; from whatif.publish.places.opening import open_place; open_place('site');"
        "print([m for m in ('fsspec', 's3fs', 'boto3', 'aiohttp') if m in sys.modules])"
    )
    root = Path(__file__).resolve().parent.parent
    ended = subprocess.run(
        [sys.executable, "-c", code], check=True, cwd=root, capture_output=True, text=True
    )
    assert ended.stdout.strip() == "[]"


def test_a_server_that_is_asked_at_once_and_does_not_answer_is_an_error_that_says_so() -> None:
    with pytest.raises(PublishError, match="could not be read or written: ConnectionRefusedError"):
        open_place("ftp://ann:hush@127.0.0.1:1/site")
