"""Graph and negative controls: 4,000 sessions of 1,000 customers, given the covariates noise of one
customer correlates at .3, cost has a heavy tail. The checks are those of the catalogue at their own
levels, with the GLM pipeline; a check that did not run has not broken.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd

from tests import graph_worlds as worlds
from tests.benchmarks.running import replicated
from whatif.checks.evidence import Check, Evidence
from whatif.checks.graph_falsification import GraphFalsification
from whatif.checks.graph_implications import GraphImplications
from whatif.checks.negative_control_outcome import NegativeControlOutcome
from whatif.checks.negative_control_treatment import NegativeControlTreatment
from whatif.checks.result import Status

NOTHING = "nothing"
PAST = "past data"
BY_SESSION = "experiment, sessions assigned"
BY_CUSTOMER = "experiment, customers assigned"
_SHUFFLED = {
    "urbanicity": "cart",
    "distance": "urbanicity",
    "device": "member",
    "cart": "distance",
    "member": "device",
}
_CONTROLS = {"negative_controls": {"outcomes": ["past_orders"], "treatments": ["colour"]}}
_TRACE = {"negative_controls": {"treatments": ["past_orders"]}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One kind of study, and the checks that look at it."""

    study: str
    planted: str
    evidence: Callable[[int], Evidence]
    checks: tuple[Check, ...]


def shuffled_graph(seed: int) -> Evidence:
    """Sound data under a graph whose names were shuffled."""
    graph = re.sub("|".join(_SHUFFLED), lambda name: _SHUFFLED[name.group()], worlds.GRAPH)
    covariates = tuple(_SHUFFLED[name] for name in worlds.COVARIATES)
    return worlds.evidence(worlds.sessions(seed), graph=graph, covariates=covariates)


def past(seed: int, *, keys: dict[str, Any] | None = None, **world: float) -> Evidence:
    """Past data, with what is planted."""
    return worlds.evidence(worlds.sessions(seed, **world), **(keys or _CONTROLS))  # type: ignore[arg-type]


def lot(seed: int, *, by_customer: bool) -> Evidence:
    """An experiment."""
    frame = worlds.sessions(seed, randomised=True, by_customer=by_customer)
    assigned = "customer" if by_customer else "session"
    return worlds.randomised(frame, assigned=assigned, **_CONTROLS)


_ALL: tuple[Check, ...] = (
    GraphImplications(),
    GraphFalsification(),
    NegativeControlOutcome(),
    NegativeControlTreatment(),
)
CASES = (
    Case(study=PAST, planted=NOTHING, evidence=past, checks=_ALL),
    Case(study=BY_SESSION, planted=NOTHING, evidence=partial(lot, by_customer=False), checks=_ALL),
    Case(study=BY_CUSTOMER, planted=NOTHING, evidence=partial(lot, by_customer=True), checks=_ALL),
    Case(
        study=PAST,
        planted="an arrow that the graph lacks, .1 standard deviations",
        evidence=partial(past, missing_edge=0.1),
        checks=(GraphImplications(),),
    ),
    Case(
        study=PAST,
        planted="an arrow that the graph lacks, .2 standard deviations",
        evidence=partial(past, missing_edge=0.2),
        checks=(GraphImplications(), GraphFalsification()),
    ),
    Case(
        study=PAST,
        planted="a graph with the names of all covariates shuffled",
        evidence=shuffled_graph,
        checks=(GraphImplications(), GraphFalsification()),
    ),
    *(
        Case(
            study=PAST,
            planted=f"a hidden customer trait: {words} in the log odds of the arm and of orders "
            "and in past orders per standard deviation",
            evidence=partial(past, hidden=strength),
            checks=(NegativeControlOutcome(),),
        )
        for strength, words in ((0.2, ".2"), (0.4, ".4"))
    ),
    *(
        Case(
            study=PAST,
            planted=f"the same trait, {words}; past orders as a control treatment",
            evidence=partial(past, hidden=strength, keys=_TRACE),
            checks=(NegativeControlTreatment(),),
        )
        for strength, words in ((0.2, ".2"), (0.4, ".4"))
    ),
)


def drawn(seed: int) -> list[tuple[int, str, bool]]:
    """Run every check of every case on one draw: case, check, whether it broke."""
    found = []
    for place, case in enumerate(CASES):
        evidence = case.evidence(seed)
        for check in case.checks:
            broke = check.run(evidence).status is Status.BROKE
            found.append((place, check.name, broke))
    return found


def run(replications: int) -> pd.DataFrame:
    """Return the share of draws in which each check broke."""
    rows = replicated(drawn, range(replications), label="graph")
    return pd.DataFrame(
        [
            _row(case, check, [broke for at, name, broke in rows if (at, name) == (i, check.name)])
            for i, case in enumerate(CASES)
            for check in case.checks
        ]
    )


def _row(case: Case, check: Check, broke: Sequence[bool]) -> dict[str, object]:
    rate = sum(broke) / len(broke)
    sound = case.planted == NOTHING
    return {
        "check": check.name,
        "study": case.study,
        "planted": case.planted,
        "rate": rate,
        "mc_error": math.sqrt(rate * (1 - rate) / len(broke)),
        "draws": len(broke),
        "nominal": 0.01 if sound else math.nan,
    }
