"""The first command a newcomer types: what it makes weighs little."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from whatif.cli import app

MOST = 61_440  # 60 KB


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the demo leaves."""
    folder = tmp_path_factory.mktemp("demo")
    done = CliRunner().invoke(app, ["demo", "--out", str(folder)])
    assert done.exit_code == 0, done.stderr
    return folder


def test_the_page_and_what_it_loads_are_light(out: Path) -> None:
    (alone,) = out.glob("*/runs/*/report.html")
    page, scenario = re.subn(r'(id="?scenario"?>)[^<]+', r"\1", alone.read_text(encoding="utf-8"))
    assert scenario == 1
    assert len(page.encode()) <= MOST
    shared = list((out / "site" / "assets").iterdir())
    assert {path.suffix for path in shared} == {".css", ".js", ".svg"}
    assert sum(path.stat().st_size for path in shared) <= MOST
    (study,) = (out / "site").glob("*/index.html")
    loaded = re.findall(r'(?:src|href)="?\.\./(assets/[^"> ]+)', study.read_text(encoding="utf-8"))
    assert {(out / "site" / name) for name in loaded} == set(shared)
