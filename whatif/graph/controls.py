"""Negative controls on the graph: which columns can serve, and why a declared one cannot."""

from __future__ import annotations

from collections.abc import Collection

from whatif.engines.graph_implications import separated
from whatif.engines.graph_paths import ancestors, descendants, directed_path, drawn, open_path
from whatif.graph.estimand import Estimand
from whatif.graph.implications import dag_of


def placebo_outcomes(estimand: Estimand, *, adjusted: Collection[str]) -> tuple[str, ...]:
    """Suggest measured columns on which the graph says there can be no effect.

    A placebo outcome is not caused by the treatment, shares a cause with it, is not adjusted for,
    and is unrelated to the arm once what is adjusted for is known: a gap between the arms would
    show a cause that the graph lacks.

    Parameters
    ----------
    estimand : Estimand
        Its edges are the graph; without edges nothing is suggested.
    adjusted : collection of str
        Every column that the models see.

    Returns
    -------
    tuple of str
        Sorted; empty in an experiment, where nothing causes the arm and balance is checked anyway.
    """
    dag, treatment = dag_of(estimand), estimand.treatment
    if treatment not in dag.nodes:
        return ()
    out = {*descendants(dag, treatment), treatment, *estimand.outcomes, *estimand.hidden}
    causes = ancestors(dag, [treatment]) - {treatment}
    return tuple(
        name
        for name in dag.nodes
        if name not in out
        and name not in adjusted
        and causes & ancestors(dag, [name])
        and separated(dag, treatment, name, adjusted)
    )


def unfit_outcome(estimand: Estimand, name: str, *, adjusted: Collection[str]) -> str | None:
    """Say why a column cannot be a negative control outcome; None where the graph allows it.

    Parameters
    ----------
    estimand : Estimand
        Holds the graph, if any.
    name : str
        The column.
    adjusted : collection of str
        Every column that the models see.
    """
    if name in adjusted:
        return "it is adjusted for"
    dag, treatment = dag_of(estimand), estimand.treatment
    if not {name, treatment} <= set(dag.nodes):
        return None
    path = directed_path(dag, treatment, name)
    if path is not None:
        return f"on the graph the treatment changes it ({' → '.join(path)})"
    path = open_path(dag, treatment, name, set(adjusted) & set(dag.nodes))
    if path is not None and estimand.source != "randomised":
        return f"on the graph the arms differ in it anyway ({drawn(dag, path)})"
    return None


def unfit_treatment(
    estimand: Estimand, name: str, *, outcome: str, adjusted: Collection[str]
) -> str | None:
    """Say why a column cannot be a negative control treatment; None where the graph allows it.

    It can where the graph makes it unrelated to the outcome once the arm and what is adjusted for
    are known. Parameters as in `unfit_outcome`; `outcome` is the outcome it must not move.
    """
    if name in adjusted:
        return "it is adjusted for"
    dag, treatment = dag_of(estimand), estimand.treatment
    if not {name, treatment, outcome} <= set(dag.nodes):
        return None
    path = directed_path(dag, treatment, name)
    if path is not None:
        return f"on the graph the treatment changes it ({' → '.join(path)})"
    given = {treatment, *adjusted}
    if separated(dag, name, outcome, given):
        return None
    path = directed_path(dag, name, outcome)
    if path is not None:
        return f"on the graph it changes the outcome ({' → '.join(path)})"
    return f"the graph relates it to {outcome} even among units alike in {treatment}"
