"""Causal graphs from DOT, GML or an edge list, read into plain sorted names and arrows."""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

from whatif.base.errors import Problem, UsageError

Edge = tuple[str, str]
_DOT_OPENING = re.compile(
    r"\s*(?:(?://|\#)[^\n]*\n\s*|/\*.*?\*/\s*)*(?:strict\s+)?(?:di)?graph\b"
    r"(?!\s*\[)[^{\[]*\{",
    re.IGNORECASE | re.DOTALL,
)
_GML_OPENING = re.compile(
    r"(?:\s*(?:\#[^\n]*|[Cc]reator\s[^\n]*|[Vv]ersion\s[^\n]*)\n)*\s*graph\s*\["
)
_QUOTED_WITH_PORT = re.compile(r'("(?:[^"\\]|\\.)*")(?::.*)?', re.DOTALL)
_TOKEN = re.compile(
    r'(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<arrow>->)|(?P<end>;)|(?P<comment>\#.*)'
    r'|(?P<name>(?:(?!->)[^\s;"\#,])+)|(?P<space>\s+)|(?P<bad>.)'
)
_STATEMENT = re.compile(r"(?:n(?:an)*|nn)?")  # a name, a chain of arrows, or two names
_DOT_DEFAULTS = frozenset({"node", "edge", "graph"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Dag:
    """A directed graph without cycles.

    Attributes
    ----------
    nodes : tuple of str
        Names, sorted.
    edges : tuple of (str, str)
        Arrows (cause, effect), sorted, each once.
    """

    nodes: tuple[str, ...]
    edges: tuple[Edge, ...]


def read_graph(source: str, *, base: Path) -> Dag:
    """Return the graph that a study names: a file, or the text of a graph itself.

    The text is read as DOT (``digraph { a -> b }``), as GML (``graph [ directed 1 … ]``), or as
    an edge list: one ``a -> b`` or ``a b`` per line, ``#`` starts a comment, names with blanks
    stand in double quotes, a name alone is a node without arrows.

    Parameters
    ----------
    source : str
        Inline text when it has a line break or an arrow ``->``, else a path.
    base : Path
        Folder that a relative path starts from.

    Raises
    ------
    UsageError
        If the file cannot be read, the text is not a graph, an arrow has no or two directions,
        a node points to itself, there is no arrow, or arrows form a cycle (which is named).

    Examples
    --------
    >>> read_graph("tenure -> arm -> sale", base=Path()).edges
    (('arm', 'sale'), ('tenure', 'arm'))
    """
    inline = "\n" in source or "->" in source
    label = "The graph in the study file" if inline else f"Graph file {source!r}"
    text = source if inline else _file_text(base / source, label)
    if _DOT_OPENING.match(text):
        nodes, edges = _from_dot(text, label)
    elif _GML_OPENING.match(text):
        nodes, edges = _from_gml(text, label)
    else:
        nodes, edges = _from_edge_list(text, label)
    return _checked(nodes, edges, label)


def _file_text(path: Path, label: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        reason = (error.strerror or "it cannot be opened").lower()
        _fail(
            f"{label} cannot be read: {reason}.",
            "check `graph:`; a path is relative to the study file's folder.",
        )
    except UnicodeDecodeError:
        _fail(
            f"{label} is not UTF-8 text.",
            "save it as UTF-8 DOT, GML or an edge list; a picture of a graph cannot be read.",
        )


def _fail(what: str, fix: str) -> NoReturn:
    why = "without a graph that can be followed, nobody can say which columns must be adjusted for."
    raise UsageError(Problem(what=what, why=why, fix=fix))


def _checked(nodes: Iterable[str], edges: Iterable[Edge], label: str) -> Dag:
    import networkx as nx

    arrows = tuple(sorted(set(edges)))
    loops = [a for a, b in arrows if a == b]
    if loops:
        _fail(
            f"{label} has an arrow from {loops[0]!r} to itself.",
            "delete that arrow; for a column that changes over time, draw one node per time.",
        )
    if not arrows:
        _fail(f"{label} has no arrows.", "write at least `treatment -> outcome`.")
    graph = nx.DiGraph(arrows)
    if not nx.is_directed_acyclic_graph(graph):
        ring = [a for a, _ in nx.find_cycle(graph)]
        first = ring.index(min(ring))
        turn = [*ring[first:], *ring[:first], ring[first]]
        _fail(
            f"{label} has a cycle: {' → '.join(turn)}.",
            "delete the arrow that goes back in time; a cause cannot be its own effect.",
        )
    return Dag(nodes=tuple(sorted({*nodes, *graph.nodes})), edges=arrows)


def _from_edge_list(text: str, label: str) -> tuple[set[str], list[Edge]]:
    nodes: set[str] = set()
    edges: list[Edge] = []
    for number, line in enumerate(text.splitlines(), start=1):
        for statement in _statements(line):
            shape = "".join(kind[0] for kind, _ in statement)
            if not _STATEMENT.fullmatch(shape):
                _fail(
                    f"{label}, line {number} is not an arrow: {line.strip()!r}.",
                    "write one "
                    'arrow per line, `cause -> effect`; put names with blanks in "double quotes".',
                )
            names = [text for kind, text in statement if kind == "name"]
            nodes.update(names)
            edges += pairwise(names)
    return nodes, edges


def _statements(line: str) -> Iterator[list[tuple[str, str]]]:
    """Split a line at ``;``, drop its comment, and return each part as (kind, text) pairs."""
    part: list[tuple[str, str]] = []
    for token in _TOKEN.finditer(line):
        kind, text = str(token.lastgroup), token.group()
        if kind == "comment":
            break
        if kind == "end":
            yield part
            part = []
        elif kind == "quoted":
            part.append(("name", _unescaped(text)))
        elif kind != "space":
            part.append((kind, text))
    yield part


def _unescaped(quoted: str) -> str:
    return quoted[1:-1].replace('\\"', '"').strip()


def _dot_name(name: str) -> str:
    """Return a DOT name without its quotes and port."""
    match = _QUOTED_WITH_PORT.fullmatch(name)
    if match is None:
        return name.split(":", maxsplit=1)[0].strip()
    return _unescaped(match.group(1))


def _from_gml(text: str, label: str) -> tuple[set[str], list[Edge]]:
    import networkx as nx

    try:
        graph = nx.parse_gml(text)
    except (nx.NetworkXError, ValueError) as error:
        _fail(
            f"{label} is not valid GML: {error}.",
            "give every node an `id` and a `label`, and every edge a `source` and a `target`.",
        )
    if not graph.is_directed():
        _fail(
            f"{label} is an undirected GML graph.",
            "add `directed 1` and let every edge go from cause to effect.",
        )
    return {str(n) for n in graph.nodes}, [(str(e[0]), str(e[1])) for e in graph.edges]


def _from_dot(text: str, label: str) -> tuple[set[str], list[Edge]]:
    graphs, complaint = _parse_dot(text)
    if not graphs:
        _fail(
            f"{label} is not valid DOT: {complaint}.",
            "close every brace, and put names with blanks or signs in double quotes.",
        )
    if graphs[0].get_type() != "digraph":
        _fail(
            f"{label} is an undirected DOT graph.",
            "write `digraph` and `->` instead of `graph` and `--`.",
        )
    nodes: set[str] = set()
    edges: list[Edge] = []
    _collect(graphs[0].obj_dict, nodes, edges, label)
    return nodes, edges


def _parse_dot(text: str) -> tuple[list[Any], str]:
    """Return the parsed graphs and what the parser printed when there are none."""
    with warnings.catch_warnings():
        # pydot 4 calls names that pyparsing 3.3 renamed; neither concerns the graph.
        warnings.filterwarnings(
            "ignore", message=".* deprecated - use", category=DeprecationWarning
        )
        import pydot

        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            graphs = pydot.graph_from_dot_data(text)
    lines = printed.getvalue().strip().splitlines()
    return list(graphs or []), lines[-1] if lines else "it cannot be parsed"


def _collect(block: Mapping[str, Any], nodes: set[str], edges: list[Edge], label: str) -> set[str]:
    """Add the nodes and arrows of a DOT block and of the blocks in it; return its nodes."""
    inside = {_dot_name(n) for n in block["nodes"] if n not in _DOT_DEFAULTS} - {"", "\\n"}
    for several in block["subgraphs"].values():
        for part in several:
            inside |= _collect(part, nodes, edges, label)
    for (tail, head), several in block["edges"].items():
        for edge in several:
            direction = str(edge["attributes"].get("dir", "forward")).strip('"')
            if direction != "forward":
                _fail(
                    f"{label} has an arrow with dir={direction}.",
                    "draw every arrow from cause "
                    "to effect; draw a hidden common cause as a node of its own.",
                )
        ends = [
            {_dot_name(end)} if isinstance(end, str) else _collect(end, nodes, edges, label)
            for end in (tail, head)
        ]
        edges += [(a, b) for a in ends[0] for b in ends[1]]
        inside |= ends[0] | ends[1]
    nodes |= inside
    return inside
