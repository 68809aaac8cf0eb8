"""Does the graph fit the data better than the same arrows between shuffled names?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from whatif.base.arrays import Floats, Ints
from whatif.base.rng import generator, integer_seed
from whatif.checks.assignment import first_rows
from whatif.checks.conclude import conclude, percent
from whatif.checks.evidence import Evidence
from whatif.checks.observed import Observed, names_at_hand, observed
from whatif.checks.result import CheckResult, Cost, Status
from whatif.engines.dowhy_falsify import LEVEL, Shuffled, beside_shuffled
from whatif.graph.implications import dag_of

SHUFFLES = 20
MOST_ROWS = 500
FEWEST_ROWS = 100
MOST_NODES = 40
CONTRADICTED = 0.01


class GraphFalsification:
    """Count rejected claims of the graph and of 20 graphs with shuffled names (DoWhy).

    One row of each of at most 500 clusters, so that rows are independent. It breaks when shuffled
    graphs fit as well and a claim is contradicted beyond luck (Bonferroni at .01), so that weak
    data alone cannot break it. The statistic is the share of shuffled graphs that fit as well.
    """

    code: ClassVar[str] = "WI-GRA-02"
    name: ClassVar[str] = "graph_falsification"
    cost: ClassVar[Cost] = Cost.REFIT
    integrity: ClassVar[bool] = False
    what: ClassVar[str] = "Whether the graph fits better than its arrows between shuffled names."
    why: ClassVar[str] = "A graph no better than a random one says nothing about what to adjust."
    blind: ClassVar[str] = "A single wrong arrow in a graph that is otherwise right."
    fix: ClassVar[str] = (
        "Draw the graph again with those who know the shop; the claims that break one by one are "
        "listed under graph implications."
    )

    def run(self, evidence: Evidence) -> CheckResult:
        """Compare the graph with shuffled ones."""
        dag = dag_of(evidence.estimand)
        if not dag.edges:
            return conclude(self, Status.NOT_APPLICABLE, "The study has no graph.")
        if len(dag.nodes) > MOST_NODES:
            why = f"The graph has {len(dag.nodes)} columns; up to {MOST_NODES} can be compared."
            return conclude(self, Status.DID_NOT_RUN, why)
        nodes = [name for name in names_at_hand(evidence) if name in dag.nodes]
        table = observed(evidence, nodes)
        columns = _one_row_each(table, seed=evidence.spec.seed)
        rows = len(next(iter(columns.values()), ()))
        if rows < FEWEST_ROWS:
            why = f"Too little data: {rows} clusters without gaps, {FEWEST_ROWS} needed."
            return conclude(self, Status.DID_NOT_RUN, why)
        seed = integer_seed(evidence.spec.seed, "graph falsification")
        found = beside_shuffled(dag, columns, draws=SHUFFLES, seed=seed)
        if found is None:
            why = "The graph claims nothing that the columns at hand could contradict."
            return conclude(self, Status.NOT_APPLICABLE, why)
        status, words = _judged(found)
        return conclude(
            self,
            status,
            f"On one row of each of {rows} clusters the data reject {found.violations} of the "
            f"graph's {found.tests} claims at {LEVEL:g}; {percent(found.as_good, digits=0)} of "
            f"{SHUFFLES} shuffled graphs fit as well. {words}",
            statistic=found.as_good,
            threshold=LEVEL,
        )


def _judged(found: Shuffled) -> tuple[Status, str]:
    if found.equivalent >= LEVEL:
        return Status.DID_NOT_RUN, (
            f"{percent(found.equivalent, digits=0)} of them claim the very same, so the graph is "
            "too small or too plain to tell from a shuffled one."
        )
    if found.as_good <= LEVEL:
        return Status.HELD, "A graph no better than a random one could have been seen."
    if found.smallest * found.tests < CONTRADICTED:
        return Status.BROKE, "The data contradict the graph, and a random one does no worse."
    return Status.DID_NOT_RUN, "Too little data: no claim is contradicted beyond luck either."


def _one_row_each(table: Observed, *, seed: int) -> dict[str, Floats]:
    """Return the columns on one random row of each of at most 500 clusters, gaps left out."""
    rng = generator(seed, "graph falsification rows")
    parts = {name: column.parts() for name, column in table.columns.items()}
    wide = {name: np.column_stack([v for _, v in own]) for name, own in parts.items() if own}
    whole = np.ones(table.design.n, dtype=bool)
    for values in wide.values():
        whole &= ~np.isnan(values).any(axis=1)
    inside: Ints = np.flatnonzero(whole)
    if not inside.size:
        return {}
    first, _ = first_rows(table.cluster[inside], rng.permutation(inside.size))
    rows = np.sort(rng.permutation(inside[first])[:MOST_ROWS])
    return {name: values[rows] for name, values in wide.items()}
