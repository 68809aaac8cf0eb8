"""DoWhy's answer to "which columns must be adjusted for?", as records that cannot be confused."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from whatif.base.errors import Problem, WhatIfError
from whatif.engines.dowhy_loading import load_dowhy
from whatif.engines.graph_files import Dag
from whatif.engines.graph_paths import (
    Route,
    best_offer,
    blocks,
    directed_path,
    must_measure,
    open_path,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """The effect on `outcome` is identified by adjusting for `adjustment`, perhaps for nothing."""

    outcome: str
    adjustment: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NotIdentified:
    """No set of measured columns is enough.

    Attributes
    ----------
    outcome : str
        The outcome.
    open_path : tuple of str
        A backdoor path that stays open, treatment first.
    must_measure : tuple of str
        Hidden nodes that would have to be measured, sorted.
    """

    outcome: str
    open_path: Route
    must_measure: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoDirectedPath:
    """On the graph the treatment cannot change `outcome` at all."""

    outcome: str


Identification = Identified | NotIdentified | NoDirectedPath


def backdoor_set(
    dag: Dag, *, treatment: str, outcome: str, measured: Collection[str]
) -> Identification:
    """Ask DoWhy how the average effect of `treatment` on `outcome` is identified.

    DoWhy is offered only the measured causes of treatment and outcome. Nothing is lost by that
    (see `best_offer`), and two things are gained: among equally large sets DoWhy's choice hangs
    on the order of a Python set, and where nothing is enough it would try up to 100,000 subsets.

    Parameters
    ----------
    dag : Dag
        The graph; `treatment` and `outcome` are nodes of it.
    treatment, outcome : str
        Cause and effect.
    measured : collection of str
        Measured columns; those that are not nodes are ignored.

    Raises
    ------
    WhatIfError
        If DoWhy and our own test disagree, which would be a bug.
    """
    if directed_path(dag, treatment, outcome) is None:
        return NoDirectedPath(outcome=outcome)
    known = set(measured) & set(dag.nodes)
    offer = best_offer(dag, treatment, [outcome], known)
    path = open_path(dag, treatment, outcome, offer)
    if path is not None:
        needed = must_measure(dag, treatment, [outcome], known)
        return NotIdentified(outcome=outcome, open_path=path, must_measure=needed)
    found = _ask_dowhy(dag, treatment, outcome, offer)
    if found is None or not blocks(dag, treatment, outcome, found):
        raise WhatIfError(
            Problem(
                what=f"DoWhy and our own test disagree on {treatment!r} → {outcome!r}.",
                why="one of the two reads the graph wrongly, so neither is trusted.",
                fix="report it with the graph; this is a bug.",
            )
        )
    return Identified(outcome=outcome, adjustment=found)


def _ask_dowhy(
    dag: Dag, treatment: str, outcome: str, offer: tuple[str, ...]
) -> tuple[str, ...] | None:
    """Return DoWhy's default backdoor set, sorted; None when it says "not identified".

    `get_adjustment_set()` is not used: it returns ``[]`` in both cases.
    """
    import networkx as nx

    with _without_dowhy_logs():
        load_dowhy()
        from dowhy.causal_identifier import (
            BackdoorAdjustment,
            EstimandType,
            identify_effect_auto,
        )

        estimand = identify_effect_auto(
            nx.DiGraph(dag.edges),
            [treatment],
            [outcome],
            sorted({treatment, outcome, *offer}),
            EstimandType.NONPARAMETRIC_ATE,
            backdoor_adjustment=BackdoorAdjustment.BACKDOOR_MAX,
        )
    if estimand.no_directed_path or estimand.estimands["backdoor"] is None:
        return None
    return tuple(sorted(estimand.backdoor_variables[estimand.default_backdoor_id]))


@contextmanager
def _without_dowhy_logs() -> Iterator[None]:
    """Keep DoWhy's progress notes off stderr; what matters comes back as a record."""
    logger = logging.getLogger("dowhy")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
