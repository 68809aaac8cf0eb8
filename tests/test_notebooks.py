"""Every notebook runs top to bottom, ships without output, and uses the public surface only."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("[0-9][0-9]_*.ipynb"))
PRIVATE = re.compile(r"from whatif|import whatif\.")


@pytest.mark.notebook
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs for cell in code), "ship notebooks without output"
    assert not any(PRIVATE.search(cell.source) for cell in code), "use `import whatif as wi` only"
    NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": str(path.parent)}}
    ).execute()


def test_there_is_a_first_question() -> None:
    assert [path.stem for path in NOTEBOOKS][:1] == ["01_first_question"]
