"""The README's Python runs as printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
PRINTED = ("desktop", "desktop", "Give expanded to 50 % of units")


def test_readme_has_python() -> None:
    assert BLOCKS


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_readme_python_runs(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(BLOCKS[number], str(README), "exec"), {"__name__": "readme"})
    printed = capsys.readouterr().out
    assert PRINTED[number] in printed
    assert "mobile" in printed
