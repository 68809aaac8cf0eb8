"""Paths on a causal graph: what causes what, which routes are open, and what would close them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import pairwise
from typing import Any

from whatif.engines.graph_files import Dag

Route = tuple[str, ...]


def descendants(dag: Dag, node: str) -> frozenset[str]:
    """Return everything that `node` causes, directly or not; `node` itself is left out."""
    import networkx as nx

    return frozenset(nx.descendants(_graph(dag), node))


def ancestors(dag: Dag, nodes: Iterable[str]) -> frozenset[str]:
    """Return everything that causes one of `nodes`, and the nodes themselves."""
    import networkx as nx

    graph, wanted = _graph(dag), set(nodes)
    return frozenset(wanted.union(*(nx.ancestors(graph, node) for node in wanted)))


def parents(dag: Dag, node: str) -> Route:
    """Return the direct causes of `node`, sorted."""
    return tuple(a for a, b in dag.edges if b == node)


def directed_path(dag: Dag, start: str, end: str) -> Route | None:
    """Return a shortest chain of arrows from `start` to `end`; None when there is none."""
    import networkx as nx

    graph = _graph(dag)
    if end not in nx.descendants(graph, start):
        return None
    return tuple(nx.shortest_path(graph, start, end))


def blocks(dag: Dag, treatment: str, outcome: str, adjusted: Collection[str]) -> bool:
    """Say whether `adjusted` blocks every backdoor path from `treatment` to `outcome`.

    A backdoor path starts with an arrow into the treatment, so the arrows out of it are taken
    away and the rest is tested for d-separation: Pearl 2009, *Causality* (2nd ed.), definition
    3.3.1. The criterion also asks that nothing in `adjusted` descends from the treatment; that
    is `descendants`' to say.
    """
    import networkx as nx

    graph = _graph(without_effects_of(dag, treatment))
    return bool(nx.is_d_separator(graph, {treatment}, {outcome}, set(adjusted)))


def open_path(dag: Dag, treatment: str, outcome: str, adjusted: Collection[str]) -> Route | None:
    """Return a shortest backdoor path that `adjusted` leaves open; None when all are blocked.

    A walk passes a node that is not a collider when the node is not adjusted for, and a collider
    when the collider or something it causes is. A breadth-first search over (node, came with the
    arrow) finds a shortest such walk, and a shortest one never meets a node twice: where it did,
    the loop could be cut out.

    Examples
    --------
    >>> dag = Dag(nodes=("t", "x", "y"), edges=(("t", "y"), ("x", "t"), ("x", "y")))
    >>> open_path(dag, "t", "y", ())
    ('t', 'x', 'y')
    >>> open_path(dag, "t", "y", ("x",)) is None
    True
    """
    cut = without_effects_of(dag, treatment)
    opened = ancestors(cut, adjusted)
    up: dict[str, list[str]] = {node: [] for node in cut.nodes}
    down: dict[str, list[str]] = {node: [] for node in cut.nodes}
    for cause, effect in cut.edges:
        up[effect].append(cause)
        down[cause].append(effect)
    walks: list[tuple[Route, bool]] = [((treatment, node), False) for node in up[treatment]]
    seen: set[tuple[str, bool]] = set()
    for walk, with_arrow in walks:  # grows while it is read: a queue
        node = walk[-1]
        if node == outcome:
            return walk
        if (node, with_arrow) in seen:
            continue
        seen.add((node, with_arrow))
        chain = node not in adjusted
        collider = node in opened
        if collider if with_arrow else chain:
            walks += [((*walk, cause), False) for cause in up[node]]
        if chain:
            walks += [((*walk, effect), True) for effect in down[node]]
    return None


def colliders(dag: Dag, path: Route) -> Route:
    """Return the nodes of `path` at which two arrows of it meet."""
    arrows = set(dag.edges)
    steps = pairwise(pairwise(path))
    return tuple(b for (a, b), (_, c) in steps if (a, b) in arrows and (c, b) in arrows)


def drawn(dag: Dag, path: Route) -> str:
    """Return `path` in one line, each arrow as the graph has it.

    Examples
    --------
    >>> drawn(Dag(nodes=("t", "x"), edges=(("x", "t"),)), ("t", "x"))
    't ← x'
    """
    arrows = set(dag.edges)
    steps = pairwise(path)
    return path[0] + "".join(f" → {b}" if (a, b) in arrows else f" ← {b}" for a, b in steps)


def best_offer(
    dag: Dag, treatment: str, outcomes: Collection[str], candidates: Collection[str]
) -> Route:
    """Return the candidates that cause the treatment or an outcome, descendants left out, sorted.

    When any subset of the candidates blocks every backdoor path to all outcomes, this one does:
    van der Zander, Liśkiewicz & Textor 2019 (Artificial Intelligence 270), section 3. So one
    test settles what a search over subsets would, with 100 candidates as with five.
    """
    allowed = set(candidates) - descendants(dag, treatment) - {treatment, *outcomes}
    return tuple(sorted(allowed & ancestors(dag, [treatment, *outcomes])))


def closes(
    dag: Dag, treatment: str, outcomes: Collection[str], candidates: Collection[str]
) -> bool:
    """Say whether some subset of the candidates blocks every backdoor path to all outcomes."""
    offer = best_offer(dag, treatment, outcomes, candidates)
    return all(blocks(dag, treatment, outcome, offer) for outcome in outcomes)


def must_measure(
    dag: Dag, treatment: str, outcomes: Collection[str], measured: Collection[str]
) -> Route:
    """Return hidden nodes that, once measured, would identify the effect; none can be left out.

    The direct causes of the treatment always suffice, so there always is an answer where each
    outcome descends from the treatment.
    """
    hidden = sorted(set(dag.nodes) - set(measured) - {treatment, *outcomes})
    for node in tuple(hidden):
        fewer = [name for name in hidden if name != node]
        if closes(dag, treatment, outcomes, {*measured, *fewer}):
            hidden = fewer
    return tuple(hidden)


def without_effects_of(dag: Dag, node: str) -> Dag:
    """Return the graph without the arrows out of `node`."""
    return Dag(nodes=dag.nodes, edges=tuple(edge for edge in dag.edges if edge[0] != node))


def _graph(dag: Dag) -> Any:  # noqa: ANN401  (networkx has no types)
    import networkx as nx

    graph = nx.DiGraph()
    graph.add_nodes_from(dag.nodes)
    graph.add_edges_from(dag.edges)
    return graph
