"""What a causal graph says must be unrelated in the data: d-separation among measured columns."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from whatif.engines.graph_files import Dag


@dataclass(frozen=True, slots=True, kw_only=True)
class Implication:
    """`first` and `second` are unrelated among units alike in `given`.

    Attributes
    ----------
    first, second : str
        Two nodes without an arrow between them, in alphabetical order.
    given : tuple of str
        A smallest set of measured nodes that separates them, sorted; none can be left out.
    """

    first: str
    second: str
    given: tuple[str, ...]


def implications(
    dag: Dag, *, measured: Collection[str], always: Collection[str] = ()
) -> tuple[Implication, ...]:
    """Return one implication for every pair of measured nodes that some measured set separates.

    Pairs joined by an arrow, or by a path through hidden nodes that no measured node blocks, have
    none.

    Parameters
    ----------
    dag : Dag
        The graph.
    measured : collection of str
        Columns at hand; those that are not nodes are ignored.
    always : collection of str
        Nodes that every row is conditioned on already, such as the row filter; they need not be
        measured, are part of every set and are not listed in `given`.

    References
    ----------
    Pearl (2009), *Causality* (2nd ed.), theorem 1.2.4; van der Zander & Liśkiewicz (2020), UAI,
    section 4, for minimal separators within a restricted set.

    Examples
    --------
    >>> chain = Dag(nodes=("a", "b", "c"), edges=(("a", "b"), ("b", "c")))
    >>> implications(chain, measured="abc")
    (Implication(first='a', second='c', given=('b',)),)
    """
    import networkx as nx

    graph = _graph(dag)
    fixed = set(always) & set(dag.nodes)
    known = (set(measured) & set(dag.nodes)) - fixed
    joined = {frozenset(edge) for edge in dag.edges}
    found = []
    for first, second in combinations(sorted(known), 2):
        if frozenset((first, second)) in joined:
            continue
        near = nx.ancestors(graph, first) | nx.ancestors(graph, second)
        near |= set().union(*(nx.ancestors(graph, node) for node in fixed))
        # A separator exists if and only if the measured ancestors are one (van der Zander,
        # Liśkiewicz & Textor 2019), so nothing that the pair causes is ever conditioned on.
        allowed = (near & known) - {first, second}
        given = _smallest(graph, first, second, allowed=allowed, fixed=fixed)
        if given is not None:
            found.append(Implication(first=first, second=second, given=given))
    return tuple(found)


def _smallest(
    graph: Any,  # noqa: ANN401  (networkx has no types)
    first: str,
    second: str,
    *,
    allowed: set[str],
    fixed: set[str],
) -> tuple[str, ...] | None:
    """Return a separator from which no node can be left out, the same in every process.

    The direct causes of one of the two are tried first, because sets that start small are quick
    to thin out. Nodes are left out in alphabetical order; networkx' own search would break ties
    by the order of a Python set.
    """
    import networkx as nx

    parents = (set(graph.predecessors(first)), set(graph.predecessors(second)))
    starts = [*(start for start in parents if start <= allowed | fixed), allowed]
    separators = (
        start - fixed
        for start in starts
        if nx.is_d_separator(graph, {first}, {second}, start | fixed)
    )
    kept = next(separators, None)
    if kept is None:
        return None
    for node in sorted(kept):
        if nx.is_d_separator(graph, {first}, {second}, (kept - {node}) | fixed):
            kept.discard(node)
    return tuple(sorted(kept))


def separated(dag: Dag, one: str, other: str, given: Collection[str]) -> bool:
    """Say whether the graph makes `one` and `other` unrelated among units alike in `given`."""
    import networkx as nx

    return bool(nx.is_d_separator(_graph(dag), {one}, {other}, set(given) & set(dag.nodes)))


def _graph(dag: Dag) -> Any:  # noqa: ANN401  (networkx has no types)
    import networkx as nx

    graph = nx.DiGraph()
    graph.add_nodes_from(dag.nodes)
    graph.add_edges_from(dag.edges)
    return graph
