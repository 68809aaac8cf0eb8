"""Graphs are read from DOT, GML and edge lists alike; what cannot be followed says why."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatif.base.errors import UsageError
from whatif.engines.graph_files import Dag, read_graph

HERE = Path()
CHECKOUT = Dag(
    nodes=("device", "order", "presentation", "shipping cost"),
    edges=(
        ("device", "order"),
        ("device", "presentation"),
        ("order", "shipping cost"),
        ("presentation", "order"),
    ),
)
DOT = """
// what the team believes
digraph checkout {
  rankdir=LR; node [shape=box];
  /* the trap */ device -> {presentation order};
  presentation -> order -> "shipping cost" [label="->"];  # only orders ship
}
"""
GML = """
graph [
  directed 1
  node [ id 0 label "device" ]
  node [ id 1 label "presentation" ]
  node [ id 2 label "order" ]
  node [ id 3 label "shipping cost" ]
  edge [ source 0 target 1 ] edge [ source 0 target 2 ]
  edge [ source 1 target 2 ] edge [ source 2 target 3 ]
]
"""
LIST = """
# what the team believes
device -> presentation; device order   # two on one line
presentation -> order -> "shipping cost"
"""


@pytest.mark.parametrize("text", [DOT, GML, LIST], ids=["dot", "gml", "edge-list"])
def test_three_formats_read_alike_inline_and_from_a_file(text: str, tmp_path: Path) -> None:
    (tmp_path / "graph.txt").write_text(text, encoding="utf-8")
    assert read_graph(text, base=HERE) == CHECKOUT
    assert read_graph("graph.txt", base=tmp_path) == CHECKOUT


@pytest.mark.parametrize(
    ("text", "edges"),
    [
        ("digraph { {a b} -> c }", [("a", "c"), ("b", "c")]),
        ("digraph { {a -> b} -> {c; {d}} }", [*zip("aabb", "cdcd", strict=True), ("a", "b")]),
        ('digraph { "a \\"x\\"":p -> b:n; node -> e; subgraph s { u -> v } }',
         [('a "x"', "b"), ("node", "e"), ("u", "v")]),
        ("strict digraph { a -> b; a -> b }", [("a", "b")]),
        ("a->b", [("a", "b")]),
        ("a:1 -> b-2", [("a:1", "b-2")]),
        ("graph -> sales", [("graph", "sales")]),
    ],
)  # fmt: skip
def test_groups_quotes_ports_and_repeats(text: str, edges: list[tuple[str, str]]) -> None:
    assert read_graph(text, base=HERE).edges == tuple(sorted(edges))


def test_nodes_without_arrows_are_kept() -> None:
    assert read_graph("a -> b\nlone", base=HERE).nodes == ("a", "b", "lone")
    assert read_graph("digraph { a -> b; lone }", base=HERE).nodes == ("a", "b", "lone")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a -> b; b -> c; c -> a", "has a cycle: a → b → c → a"),
        ("digraph { z -> b; b -> z }", "has a cycle: b → z → b"),
        ("a -> a", "has an arrow from 'a' to itself"),
        ("# nothing\n", "has no arrows"),
        ("digraph {}\n", "has no arrows"),
        ("digraph { a -> }", r"is not valid DOT: .*col:13"),
        ("digraph { a -> b [dir=both] }", "has an arrow with dir=both"),
        ("graph { a -- b }\n", "is an undirected DOT graph"),
        (GML.replace("directed 1", ""), "is an undirected GML graph"),
        (GML.replace("target 3", "target 9"), "is not valid GML: edge .* has undefined target 9"),
        ("a -> b\na b c", r"line 2 is not an arrow: 'a b c'"),
        ("a -> -> b", "line 1 is not an arrow"),
        ("a <- b\nc -> d", "line 1 is not an arrow: 'a <- b'"),
        ('a -> "b', "line 1 is not an arrow"),
    ],
)  # fmt: skip
def test_what_cannot_be_followed_is_a_usage_error(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        read_graph(text, base=HERE)
    assert caught.value.exit_code == 2


def test_a_file_that_cannot_be_read_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "graph.png").write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(UsageError, match=r"Graph file 'no\.dot' cannot be read: no such file"):
        read_graph("no.dot", base=tmp_path)
    with pytest.raises(UsageError, match=r"Graph file 'graph\.png' is not UTF-8 text"):
        read_graph("graph.png", base=tmp_path)
    with pytest.raises(UsageError, match="cannot be read: is a directory"):
        read_graph(".", base=tmp_path)


def test_a_broken_dot_text_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match="not valid DOT"):
        read_graph("digraph { a -> ", base=HERE)
    assert capsys.readouterr() == ("", "")


NAMES = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1).filter(
    lambda name: name.strip() == name and "\\" not in name and '"' not in name
)


@given(st.lists(NAMES, min_size=2, max_size=6, unique=True), st.data())
def test_any_quoted_names_survive_an_edge_list(names: list[str], data: st.DataObject) -> None:
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    edges = data.draw(st.lists(st.sampled_from(pairs), min_size=1))
    text = "\n".join(f'"{a}" -> "{b}"' for a, b in edges)
    assert read_graph(text, base=HERE).edges == tuple(sorted(set(edges)))
