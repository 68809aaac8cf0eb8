"""The graphs of the simulated checkout, against what the simulator really reads."""

from __future__ import annotations

import re
from dataclasses import replace
from graphlib import TopologicalSorter
from pathlib import Path

import numpy as np
import pytest

from whatif.base.arrays import Floats
from whatif.simulate.assign import propensity
from whatif.simulate.checkout import simulate_checkout
from whatif.simulate.choice import mean_costs, option_chances
from whatif.simulate.world import Context, draw_customers, draw_sessions

ROOT = Path(__file__).parents[1]
STUDY = ROOT / "reports" / "mobile-expanded-options" / "checkout.dot"
CONFOUNDED = ROOT / "tests" / "data" / "confounded.dot"
COLUMN = {"member": "is_member", "mobile": "device"}


def arrows(path: Path) -> set[tuple[str, str]]:
    return set(re.findall(r"^\s*(\w+) -> (\w+);$", path.read_text(encoding="utf-8"), re.MULTILINE))


def parents(path: Path, node: str) -> set[str]:
    return {a for a, b in arrows(path) if b == node}


@pytest.fixture(scope="module")
def context() -> Context:
    rng = np.random.default_rng(1)
    return draw_sessions(rng, draw_customers(rng, 500)).context


def moved(context: Context, field: str) -> Context:
    """The context with one column shuffled."""
    values = getattr(context, field)
    return replace(context, **{field: np.random.default_rng(2).permutation(values)})


@pytest.mark.parametrize("path", [STUDY, CONFOUNDED])
def test_graph_has_no_cycle_and_one_hidden_node(path: Path) -> None:
    columns = set(simulate_checkout(100, seed=0, mode="randomised").columns)
    edges = arrows(path)
    assert {node for edge in edges for node in edge} - columns == {"taste"}
    graph: dict[str, set[str]] = {}
    for cause, effect in edges:
        graph.setdefault(effect, set()).add(cause)
    order = list(TopologicalSorter(graph).static_order())
    assert order.index("presentation") < order.index("option") < order.index("converted")


def test_only_the_arrows_into_presentation_differ() -> None:
    extra = arrows(CONFOUNDED) - arrows(STUDY)
    assert arrows(STUDY) < arrows(CONFOUNDED)
    assert {effect for _, effect in extra} == {"presentation"}
    assert parents(STUDY, "presentation") == set()


def test_parents_of_presentation_are_what_the_propensity_reads(context: Context) -> None:
    base = propensity(context)
    reads = {
        COLUMN.get(field, field)
        for field in Context.__slots__
        if not np.array_equal(propensity(moved(context, field)), base)
    }
    assert reads == parents(CONFOUNDED, "presentation")


def test_parents_of_option_and_cost_are_what_they_read(context: Context) -> None:
    n = context.hour.size
    taste = np.random.default_rng(3).normal(size=n)
    folded = np.zeros(n, dtype=bool)

    def options(context: Context) -> Floats:
        return option_chances(context, taste, folded)

    def costs(context: Context) -> Floats:
        return mean_costs(context, taste)

    for read, node, beside in (
        (options, "option", {"presentation", "taste"}),
        (costs, "shipping_cost", {"option", "taste"}),
    ):
        base = read(context)
        reads = {
            COLUMN.get(field, field)
            for field in Context.__slots__
            if not np.array_equal(read(moved(context, field)), base)
        }
        through_boxes = {"cart_value"} if node == "shipping_cost" else set()
        assert reads - through_boxes | beside | ({"boxes"} & parents(STUDY, node)) == parents(
            STUDY, node
        )
