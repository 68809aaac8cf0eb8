"""The suite's own switches: skips that fail on demand, data and Chromium that may be missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CASES = """
import pytest

def test_asks_for_data(data_folder): ...
def test_asks_for_a_browser(chromium): ...
@pytest.mark.skip(reason="not today")
def test_is_skipped(): ...
@pytest.mark.xfail
def test_is_expected_to_fail(): assert False
def test_passes(): ...
"""
WHOLE_MODULE = 'import pytest\npytest.skip("no such library", allow_module_level=True)\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with this suite's conftest and nothing else."""
    shutil.copy(Path(__file__).with_name("conftest.py"), tmp_path)
    return tmp_path


def run(folder: Path, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "WHATIF_"))}
    nowhere = {"WHATIF_DATA": "/nowhere/data", "WHATIF_CHROMIUM": "/nowhere/chromium"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider", *words, "."],
        cwd=folder,
        env={**kept, **nowhere, **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_skip_says_what_is_missing(folder: Path) -> None:
    (folder / "test_cases.py").write_text(CASES)
    done = run(folder)
    assert done.returncode == 0
    assert "1 passed, 3 skipped, 1 xfailed" in done.stdout
    assert "reference data not found at /nowhere/data: set WHATIF_DATA" in done.stdout
    assert "no Chromium: apt-get install chromium" in done.stdout


def test_on_demand_a_skip_fails_and_an_expected_failure_does_not(folder: Path) -> None:
    (folder / "test_cases.py").write_text(CASES)
    (folder / "test_module.py").write_text(WHOLE_MODULE)
    done = run(folder, "--continue-on-collection-errors", WHATIF_NO_SKIPS="1")
    assert done.returncode != 0
    assert "1 passed, 1 xfailed, 4 errors" in done.stdout
    for reason in ("not today", "no Chromium", "no such library", "reference data not found"):
        assert f"WHATIF_NO_SKIPS is set, so this fails: {reason}" in done.stdout
