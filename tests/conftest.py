"""What every test may ask for, and how the suite runs: threads, hypothesis, skips."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.postgres import Server

ROOT = Path(__file__).resolve().parent.parent

if "PYTEST_XDIST_WORKER" in os.environ:  # each worker has a core, not the machine
    for pool in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(pool, "1")


def pytest_configure(config: pytest.Config) -> None:
    """Draw hypothesis examples at random on a desk, and the same ones every time in CI."""
    from hypothesis import settings

    settings.register_profile("desk", deadline=None)
    settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
    settings.load_profile("ci" if os.environ.get("CI") else "desk")


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Folder of the public reference data: ``$WHATIF_DATA``, else beside the repository."""
    folder = Path(os.environ.get("WHATIF_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"reference data not found at {folder}: set WHATIF_DATA to their folder")
    return folder


@pytest.fixture(scope="session")
def chromium() -> Path:
    """Path of a Chromium: ``$WHATIF_CHROMIUM``, else the first one on the path."""
    names = ("chromium", "chromium-browser", "google-chrome")
    asked = os.environ.get("WHATIF_CHROMIUM")
    found = next(filter(None, map(shutil.which, (asked,) if asked else names)), None)
    if found is None:
        pytest.skip("no Chromium: apt-get install chromium, or set WHATIF_CHROMIUM to its path")
    return Path(found)


@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Browser]:
    """One Chromium for the module."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=str(chromium), args=["--no-sandbox", "--disable-gpu"]
        )
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """A PostgreSQL server of its own, started on first use."""
    from tests.postgres import programs, server

    folder = programs()
    if folder is None:
        pytest.skip("no PostgreSQL server: apt-get install postgresql")
    with server(folder) as running:
        yield running


@pytest.fixture
def postgres(postgres_server: Server) -> Iterator[str]:
    """Address of an empty PostgreSQL database, with its password."""
    with postgres_server.database() as url:
        yield url


Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


def _no_skip(report: Report) -> Report:
    """Turn a skip into a failure where WHATIF_NO_SKIPS is set; an expected failure stays one."""
    if os.environ.get("WHATIF_NO_SKIPS") and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = (
            f"WHATIF_NO_SKIPS is set, so this fails: {str(reason).removeprefix('Skipped: ')}"
        )
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Hold every test to `_no_skip`."""
    return _no_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Hold every module that skips itself to `_no_skip`."""
    return _no_skip((yield))
