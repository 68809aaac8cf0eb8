"""Run folders: all or nothing, never overwritten while intact, found again by name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from whatif.base.errors import LockedError, PublishError, UsageError
from whatif.publish.atomic import publishing, sweep, write_bytes, write_folder
from whatif.publish.lock import site_lock, study_lock
from whatif.publish.run_folder import find_run, is_intact, write_run

FILES = {"answer.json": b'{"a": 1}\n', "report.html": b"<p>one</p>\n"}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def stop_renames(monkeypatch: pytest.MonkeyPatch, *, after: int = 0) -> None:
    """Let `after` renames through, then fail as a full disk would."""
    real, done = os.replace, iter(range(after))

    def replace(source: Path, target: Path) -> None:
        if next(done, None) is None:
            raise OSError(28, "No space left on device")
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)


# ---- one file


def test_a_file_is_replaced_whole_and_only_when_it_changed(tmp_path: Path) -> None:
    page = tmp_path / "deep" / "index.html"
    assert write_bytes(page, b"old")
    before = page.stat().st_mtime_ns
    assert not write_bytes(page, b"old")
    assert page.stat().st_mtime_ns == before
    assert write_bytes(page, b"new")
    assert page.read_bytes() == b"new"
    assert names(page.parent) == ["index.html"]


def test_a_write_that_dies_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "index.html"
    write_bytes(page, b"old")
    stop_renames(monkeypatch)
    with pytest.raises(OSError, match="No space left"):
        write_bytes(page, b"new")
    assert page.read_bytes() == b"old"
    assert names(tmp_path) == ["index.html"]


def test_files_are_readable_by_others_as_the_umask_says(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    page = tmp_path / "page"
    write_bytes(page, b"x")
    assert page.stat().st_mode == plain.stat().st_mode


# ---- one folder


@pytest.mark.parametrize("renames", [0, 1])
def test_a_folder_that_dies_on_the_way_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renames: int
) -> None:
    run = tmp_path / "run"
    write_folder(run, {"a": b"old"})
    real = os.replace
    calls = iter(range(99))

    def replace(source: Path, target: Path) -> None:
        if next(calls) == renames:
            raise OSError(28, "No space left on device")
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(OSError, match="No space left"):
        write_folder(run, {"a": b"new", "b": b"new"})
    assert (run / "a").read_bytes() == b"old"
    assert names(tmp_path) == ["run"]


def test_a_folder_in_the_way_is_replaced_with_nothing_left_over(tmp_path: Path) -> None:
    run = tmp_path / "run"
    write_folder(run, {"a": b"old", "gone": b"old"})
    write_folder(run, {"a": b"new"})
    assert names(tmp_path) == ["run"]
    assert names(run) == ["a"]
    (tmp_path / "file").write_bytes(b"in the way")
    write_folder(tmp_path / "file", {"a": b"new"})
    assert names(tmp_path / "file") == ["a"]


def test_a_killed_writer_leaves_only_what_the_next_one_sweeps(tmp_path: Path) -> None:
    code = f"""
import os, pathlib
from whatif.publish.atomic import write_folder
os.replace = lambda *paths: os._exit(9)
write_folder(pathlib.Path({str(tmp_path / "run")!r}), {{"a": b"half"}})
"""
    root = Path(__file__).resolve().parent.parent
    ended = subprocess.run([sys.executable, "-c", code], check=False, cwd=root)
    assert ended.returncode == 9
    assert [name.startswith(".staging-run") for name in names(tmp_path)] == [True]
    (tmp_path / ".staging-page-1").write_bytes(b"half")
    sweep(tmp_path)
    assert names(tmp_path) == []


# ---- runs


def test_a_run_is_written_once(tmp_path: Path) -> None:
    first = write_run(tmp_path, "checkout", "abc", FILES)
    assert (first.path, first.unchanged) == (tmp_path / "checkout" / "runs" / "abc", False)
    assert names(first.path) == ["SHA256SUMS", "answer.json", "report.html"]
    assert (first.path / "answer.json").read_bytes() == FILES["answer.json"]
    again = write_run(tmp_path, "checkout", "abc", FILES | {"report.html": b"another"})
    assert again.unchanged
    assert (first.path / "report.html").read_bytes() == FILES["report.html"]


def test_checksums_are_those_of_the_usual_tool(tmp_path: Path) -> None:
    run = write_run(tmp_path, "checkout", "abc", FILES).path
    command = ["sha256sum", "--check", "--quiet", "SHA256SUMS"]
    assert subprocess.run(command, cwd=run, check=False).returncode == 0


@pytest.mark.parametrize("damage", ["altered", "missing", "no sums", "bad sums", "lacks a file"])
def test_a_damaged_run_is_rebuilt(tmp_path: Path, damage: str) -> None:
    run = write_run(tmp_path, "checkout", "abc", FILES).path
    assert is_intact(run)
    needed = dict(FILES)
    if damage == "altered":
        (run / "report.html").write_bytes(b"<p>two</p>\n")
    elif damage == "missing":
        (run / "report.html").unlink()
    elif damage == "no sums":
        (run / "SHA256SUMS").unlink()
    elif damage == "bad sums":
        (run / "SHA256SUMS").write_text("nonsense\n")
    else:
        needed["scenario.json"] = b"{}\n"
    assert not is_intact(run, needed)
    again = write_run(tmp_path, "checkout", "abc", needed)
    assert not again.unchanged
    assert is_intact(run, needed)
    assert (run / "report.html").read_bytes() == FILES["report.html"]
    assert names(run.parent) == ["abc", "latest"]


def test_a_run_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    with pytest.raises(PublishError, match=r"(?s)Nothing could be written.*What to do") as caught:
        write_run(blocked, "checkout", "abc", FILES)
    assert caught.value.exit_code == 6


def test_a_run_that_dies_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop_renames(monkeypatch)
    with pytest.raises(PublishError, match="No space left on device"):
        write_run(tmp_path, "checkout", "abc", FILES)
    assert names(tmp_path / "checkout" / "runs") == []


def test_an_error_that_is_not_about_writing_passes() -> None:
    with pytest.raises(KeyError), publishing(Path("x")):
        raise KeyError("other")


# ---- finding


def test_a_run_is_found_by_folder_id_and_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = write_run(tmp_path, "checkout", "abc", FILES).path
    second = write_run(tmp_path, "checkout", "def", FILES).path
    assert find_run(tmp_path, str(first)) == first
    assert find_run(tmp_path, "abc") == first
    assert find_run(tmp_path, "checkout") == second
    assert find_run(tmp_path, str(tmp_path / "checkout")) == second
    write_run(tmp_path, "checkout", "abc", FILES)  # run again: the latest, though unchanged
    assert find_run(tmp_path, "checkout") == first
    monkeypatch.chdir(tmp_path)
    assert find_run(tmp_path, "checkout").resolve() == first.resolve()


@pytest.mark.parametrize(
    ("ref", "hint"),
    [("chekout", "did you mean 'checkout'"), ("*", "known: checkout"), ("..", "known: checkout")],
)
def test_a_run_that_is_not_there_is_a_usage_error(tmp_path: Path, ref: str, hint: str) -> None:
    write_run(tmp_path / "out", "checkout", "abc", FILES)
    with pytest.raises(UsageError, match=hint):
        find_run(tmp_path / "out", ref)


def test_without_any_run_the_error_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no study has a run under"):
        find_run(tmp_path, "checkout")


def test_a_pointer_to_a_run_that_was_removed_finds_nothing(tmp_path: Path) -> None:
    run = write_run(tmp_path, "checkout", "abc", FILES).path
    (run / "answer.json").unlink()
    with pytest.raises(UsageError, match="There is no run 'checkout'"):
        find_run(tmp_path, "checkout")


# ---- locks


def test_a_second_run_of_a_study_is_locked_out(tmp_path: Path) -> None:
    with study_lock(tmp_path, "checkout"):
        with (
            pytest.raises(LockedError, match="Another process is working on study 'checkout'") as e,
            study_lock(tmp_path, "checkout"),
        ):
            pass
        assert e.value.exit_code == 75
        with study_lock(tmp_path, "other"):
            pass
    with study_lock(tmp_path, "checkout"):
        pass


def test_a_lock_dies_with_its_process(tmp_path: Path) -> None:
    code = f"""
import os, pathlib
from whatif.publish.lock import study_lock
with study_lock(pathlib.Path({str(tmp_path)!r}), "checkout"):
    os._exit(9)
"""
    root = Path(__file__).resolve().parent.parent
    ended = subprocess.run([sys.executable, "-c", code], check=False, cwd=root)
    assert ended.returncode == 9
    with study_lock(tmp_path, "checkout"):
        pass


def test_the_site_lock_waits_and_then_gives_up(tmp_path: Path) -> None:
    with (
        site_lock(tmp_path),
        pytest.raises(LockedError, match="Another process is working on site"),
        site_lock(tmp_path, wait=0.05),
    ):
        pass


def test_a_lock_that_cannot_be_made_is_a_publish_error(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    with (
        pytest.raises(PublishError, match="Nothing could be written"),
        study_lock(blocked, "checkout"),
    ):
        pass
