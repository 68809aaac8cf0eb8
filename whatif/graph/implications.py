"""What a study's graph says must be unrelated among its rows, and what the data can test of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from whatif.contract.spec import ColumnProbability, PhaseProbability, StudySpec
from whatif.engines.graph_files import Dag
from whatif.engines.graph_implications import Implication, implications
from whatif.graph.estimand import Estimand
from whatif.graph.question import ROW_FILTER, question_of

__all__ = ["Implication", "Implied", "dag_of", "implied_by"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Implied:
    """The graph's claims about the rows of a study.

    Attributes
    ----------
    testable : tuple of Implication
        Claims over columns at hand. Where the chances of an arm are known, a claim about the
        treatment may be given the column that holds them.
    unread : tuple of str
        Measured nodes that the study does not read, so no claim about them can be tested.
    """

    testable: tuple[Implication, ...]
    unread: tuple[str, ...]


def dag_of(estimand: Estimand) -> Dag:
    """Return the graph of an estimand; nodes without arrows are left out."""
    nodes = {name for edge in estimand.edges for name in edge}
    return Dag(nodes=tuple(sorted(nodes)), edges=estimand.edges)


def implied_by(estimand: Estimand, spec: StudySpec, *, at_hand: Collection[str]) -> Implied:
    """Say which independences the graph claims among the rows that the study keeps.

    Parameters
    ----------
    estimand : Estimand
        Holds the graph.
    spec : StudySpec
        Its row filter conditions every row; columns held at one value are not tested.
    at_hand : collection of str
        Columns whose values a check can read.
    """
    question = question_of(spec, dag_of(estimand), at_hand)
    given = spec.design.probability
    known = {given.column} if isinstance(given, ColumnProbability | PhaseProbability) else set()
    chances = known - set(at_hand)
    found = implications(
        question.kept,
        measured={*at_hand, *chances} - {ROW_FILTER},
        always=question.conditioned(()),
    )
    treatment = estimand.treatment
    testable = tuple(
        one
        for one in found
        if not chances & {one.first, one.second}
        and (not chances & set(one.given) or treatment in (one.first, one.second))
    )
    read = {*at_hand, *chances, *question.fixed, *estimand.hidden}
    return Implied(
        testable=testable,
        unread=tuple(node for node in question.dag.nodes if node not in read),
    )
