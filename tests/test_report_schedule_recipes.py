"""Recipes for Airflow, Dagster and Prefect: their text; ``make recipes`` runs them."""

from __future__ import annotations

import ast

import pytest

from tests.recipes import CASES, LIBRARIES, PAGE, Library
from tests.schedule_cases import AWKWARD, job
from whatif.report.schedulers.units import FILES

IDS = [library.kind for library in LIBRARIES]


@pytest.mark.parametrize("library", LIBRARIES, ids=IDS)
def test_a_recipe_compiles_and_holds_the_job(library: Library) -> None:
    made = job(study="my-checkout", file=AWKWARD, site="s3://bucket/site")
    ((name, text),) = FILES[library.kind](made).items()
    assert name == "whatif_my_checkout.py"
    tree = ast.parse(text)
    compile(tree, name, "exec")
    constants = {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    assert ast.literal_eval(constants["RUN"]) == list(made.run)
    assert ast.literal_eval(constants["TELL"]) == list(made.tell)
    strings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    assert {"0 7 * * 1", "Europe/London", 75, 4} <= strings
    assert ast.get_docstring(tree)


@pytest.mark.parametrize("library", LIBRARIES, ids=IDS)
def test_the_page_of_recipes_has_every_case(library: Library) -> None:
    page = PAGE.read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith(f"| {library.package} ")]
    assert len(rows) == len(CASES)
    for case, row in zip(CASES, rows, strict=True):
        _, _, codes, recorded, withheld, runs, told, _ = (cell.strip() for cell in row.split("|"))
        assert codes.startswith(", ".join(map(str, case.codes)))
        assert recorded == (library.good if case.good else library.failed)
        assert (withheld, told) == ("yes" if case.withheld else "no", "no" if case.good else "yes")
        assert int(runs) == case.runs
