"""What `make` does on a bare machine: its sentences, and when it installs again.

A stub stands in for Python and pip, so that nothing is installed and nothing is fetched.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TEXT_TOOLS = ("cat", "cksum", "tr", "sed", "awk", "sort", "wc", "grep", "tail")
TOOLS = (*TEXT_TOOLS, "sh", "rm", "mkdir", "dirname", "cp", "chmod")
NEEDS_PYTHON = r"whatif needs Python 3.11 to 3.13"
STUB = """#!/bin/sh
case "$*" in
    *version_info*) echo "$STUB_VERSION" ;;
    *ensurepip*) exit "${STUB_NO_VENV:-0}" ;;
    *ctypes*) exit "${STUB_NO_OPENMP:-0}" ;;
    "-m venv "*) mkdir -p "$3/bin" "$3/lib" && cp "$0" "$3/bin/python" ;;
    *" -m pip "* | "-m pip "*)
        echo "$*" >>pip-calls
        echo "Collecting numpy==1.0"
        echo "${STUB_PIP_SAYS:-Installing collected packages: numpy}"
        exit "${STUB_PIP_STATUS:-0}" ;;
esac
"""

pytestmark = pytest.mark.skipif(
    shutil.which("make") is None, reason="these tests run make: apt-get install make"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A copy of the repository's install files, and a PATH with little on it."""

    repo: Path
    bin: Path

    def add_python(self, name: str, text: str = STUB) -> None:
        stub = self.bin / name
        stub.write_text(text)
        stub.chmod(0o755)

    def make(self, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
        make = shutil.which("make")
        assert make is not None
        return subprocess.run(
            [make, *words],
            cwd=self.repo,
            env={"PATH": str(self.bin), "STUB_VERSION": "3.12", **settings},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )

    def pip_calls(self) -> list[str]:
        calls = self.repo / "pip-calls"
        return calls.read_text().splitlines() if calls.exists() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A bare machine whose repository stands in a folder with a space in its name."""
    made = Machine(repo=tmp_path / "a folder", bin=tmp_path / "bin")
    (made.repo / ".ci").mkdir(parents=True)
    made.bin.mkdir()
    for name in ("Makefile", "pyproject.toml", ".ci/setup"):
        shutil.copy(ROOT / name, made.repo / name)
    (made.repo / "requirements.lock").write_text("numpy==1.0 \\\n    --hash=sha256:00\n")
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found is not None, tool
        (made.bin / tool).symlink_to(found)
    return made


def test_without_python_it_says_what_to_install(machine: Machine) -> None:
    done = machine.make("demo")
    assert done.returncode != 0
    assert NEEDS_PYTHON in done.stderr
    assert "apt-get install python3 python3-venv" in done.stderr
    assert not (machine.repo / ".venv").exists()


def test_an_old_python_is_named(machine: Machine) -> None:
    machine.add_python("python3")
    done = machine.make("test", STUB_VERSION="3.9")
    assert done.returncode != 0
    assert f"{NEEDS_PYTHON} (python3 is 3.9);" in done.stderr


def test_a_python_that_was_asked_for_must_exist(machine: Machine) -> None:
    machine.add_python("python3")
    done = machine.make("demo", "PYTHON=/nowhere/python3")
    assert done.returncode != 0
    assert f"{NEEDS_PYTHON}, and PYTHON=/nowhere/python3 is not one;" in done.stderr


def test_a_launcher_that_starts_nothing_is_passed_over(machine: Machine) -> None:
    machine.add_python("python3.13", "#!/bin/sh\nexit 127\n")
    machine.add_python("python3.11")
    done = machine.make("env", STUB_VERSION="3.11")
    assert done.returncode == 0, done.stderr
    assert "with Python 3.11" in done.stderr


def test_a_python_without_venv_is_told_apart(machine: Machine) -> None:
    machine.add_python("python3")
    done = machine.make("demo", STUB_NO_VENV="1")
    assert done.returncode != 0
    assert "python3 is Python 3.12 but cannot create virtual environments" in done.stderr
    assert "apt-get install python3-venv" in done.stderr
    assert not (machine.repo / ".venv").exists()


def test_a_missing_openmp_runtime_is_said_before_anything_is_fetched(machine: Machine) -> None:
    machine.add_python("python3")
    done = machine.make("demo", STUB_NO_OPENMP="1")
    assert done.returncode != 0
    assert "apt-get install libgomp1" in done.stderr
    assert machine.pip_calls() == []


def test_it_installs_once_with_hashes_and_then_keeps_quiet(machine: Machine) -> None:
    machine.add_python("python3")
    first = machine.make("env")
    assert first.returncode == 0, first.stderr
    packages, itself = machine.pip_calls()
    assert "--require-hashes" in packages
    assert "-r requirements.lock" in packages
    assert "--no-index --editable ." in itself
    second = machine.make("env")
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert len(machine.pip_calls()) == 2


def test_a_new_lock_file_updates_the_environment_in_place(machine: Machine) -> None:
    machine.add_python("python3")
    machine.make("env")
    (machine.repo / ".venv" / "kept").touch()
    (machine.repo / "requirements.lock").write_text("numpy==2.0 \\\n    --hash=sha256:00\n")
    assert machine.make("env").returncode == 0
    assert len(machine.pip_calls()) == 4
    assert (machine.repo / ".venv" / "kept").exists()
    assert len(list((machine.repo / ".venv").glob(".whatif-*"))) == 1


def test_a_moved_folder_gets_a_new_environment(machine: Machine) -> None:
    machine.add_python("python3")
    machine.make("env")
    (machine.repo / ".venv" / "left over").touch()
    moved = Machine(repo=machine.repo.rename(machine.repo.parent / "moved"), bin=machine.bin)
    assert moved.make("env").returncode == 0
    assert not (moved.repo / ".venv" / "left over").exists()


def test_another_python_gets_a_new_environment(machine: Machine) -> None:
    machine.add_python("python3")
    machine.add_python("python3.13", STUB.replace("$STUB_VERSION", "3.13"))
    machine.make("env", "PYTHON=python3")
    done = machine.make("env", "PYTHON=python3.13")
    assert done.returncode == 0
    assert "with Python 3.13" in done.stderr
    assert machine.make("env", "PYTHON=python3.13").stderr == ""


@pytest.mark.parametrize(
    ("pip_says", "sentence"),
    [
        ("ERROR: Connection to the index timed out", "check the network"),
        ("ERROR: No space left on device", "The disk is full"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "a mirror or proxy changed it"),
        ("ERROR: ProxyError: tunnel failed", "set HTTPS_PROXY and PIP_CERT"),
        ("ERROR: No matching distribution found for x", "has no build for this machine"),
        ("ERROR: something else", "read the whole log"),
    ],
    ids=["network", "disk", "hashes", "proxy", "no build", "other"],
)
def test_a_failed_install_says_what_to_do_and_is_redone(
    machine: Machine, pip_says: str, sentence: str
) -> None:
    machine.add_python("python3")
    failed = machine.make("env", STUB_PIP_STATUS="1", STUB_PIP_SAYS=pip_says)
    assert failed.returncode != 0
    assert "failed while installing requirements.lock" in failed.stderr
    assert pip_says in failed.stderr
    assert sentence in failed.stderr
    (machine.repo / ".venv" / "half").touch()
    again = machine.make("env")
    assert again.returncode == 0, again.stderr
    assert not (machine.repo / ".venv" / "half").exists()


def test_a_dry_run_changes_nothing(machine: Machine) -> None:
    machine.add_python("python3")
    done = machine.make("-n", "demo", "test")
    assert done.returncode == 0
    assert not (machine.repo / ".venv").exists()


def test_make_alone_lists_the_targets(machine: Machine) -> None:
    done = machine.make()
    assert done.returncode == 0
    listed = {line.split()[1] for line in done.stdout.splitlines()}
    assert {"demo", "test", "lint", "types", "imports", "notebooks", "browser"} <= listed
