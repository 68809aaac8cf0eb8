"""Sessions of repeated customers with a known graph, hidden causes and negative controls."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.checks_evidence import scores_of
from whatif.base.arrays import Floats, Ints
from whatif.base.rng import generator
from whatif.checks.evidence import Evidence
from whatif.contract.dataset import load_dataset
from whatif.contract.spec import StudySpec
from whatif.effects.rows import EffectRows
from whatif.graph.identify import identify
from whatif.run.analysis import design_of
from whatif.scores.fit import refitter
from whatif.scores.rescore import rescorer

GRAPH = """
urbanicity -> distance; urbanicity -> arm; device -> arm; device -> cart; member -> cart
cart -> converted; member -> converted; arm -> converted; urbanicity -> converted
converted -> cost; distance -> cost; arm -> cost; cart -> cost
"""
"""The graph by which `sessions` are made; past data."""

RANDOMISED = GRAPH.replace("urbanicity -> arm; device -> arm; ", "")
"""The same with arms drawn by lot."""

COVARIATES = ("urbanicity", "device", "cart", "member", "distance")


def sessions(
    seed: int,
    *,
    customers: int = 1_000,
    rows: int = 4_000,
    randomised: bool = False,
    by_customer: bool = False,
    missing_edge: float = 0.0,
    hidden: float = 0.0,
    arms: int = 2,
) -> pd.DataFrame:
    """Return `rows` sessions; noise of one customer correlates at .3, cost has a heavy tail.

    Parameters
    ----------
    missing_edge : float
        Effect of ``member`` on ``distance`` in standard deviations, which the graph does not have.
    hidden : float
        A hidden customer trait moves the log odds of the arm, the orders and ``past_orders`` by
        as much per standard deviation.
    """
    rng = generator(seed, "graph world")
    who = np.concatenate([np.arange(customers), rng.integers(0, customers, rows - customers)])
    urban = rng.choice(3, customers, p=[0.5, 0.3, 0.2])[who]
    member = (rng.random(customers) < 0.4)[who].astype(float)
    trait = rng.standard_normal(customers)[who]
    mobile = (rng.random(rows) < 0.55).astype(float)
    distance = np.exp(0.7 * urban + missing_edge * (member - 0.4) / 0.49 + _noise(rng, who))
    cart = np.exp(3 + 0.4 * member - 0.3 * mobile + 0.6 * _noise(rng, who))
    lean = 0.0 if randomised else 0.5 * (urban == 0) - 0.6 * mobile + hidden * trait
    drawn = rng.logistic(size=customers)[who] if by_customer else rng.logistic(size=rows)
    arm = ((lean + drawn > 0) * rng.integers(1, arms, customers)[who]).astype(int)
    worth = np.log(cart) - 3 + 0.5 * member + 0.2 * (arm > 0) - 0.3 * (urban == 2)
    chance = 1 / (1 + np.exp(0.4 - worth - hidden * trait))
    keen = np.sqrt(0.3) * rng.choice([-1.0, 1.0], customers)[who]
    converted = rng.random(rows) < chance + keen * np.sqrt(chance * (1 - chance))
    level = np.exp(0.3 * np.log(distance) + 0.1 * np.log(cart) - 0.1 * (arm > 0))
    return pd.DataFrame(
        {
            "session": np.arange(rows),
            "customer": who,
            "urbanicity": np.array(["city", "suburb", "rural"])[urban],
            "device": np.where(mobile > 0, "mobile", "desktop"),
            "member": member.astype(bool),
            "distance": distance,
            "cart": cart,
            "arm": np.array(["folded", "expanded", "third"])[arm],
            "converted": converted.astype(float),
            "cost": converted * level * np.exp(0.8 * _noise(rng, who)),
            "past_orders": hidden * trait + 0.4 * member + _noise(rng, who),
            "colour": 0.3 * member + _noise(rng, who),
        }
    )


def _noise(rng: np.random.Generator, who: Ints) -> Floats:
    own = np.sqrt(0.7) * rng.standard_normal(who.size)
    return np.asarray(own + np.sqrt(0.3) * rng.standard_normal(who.max() + 1)[who])


def evidence(frame: pd.DataFrame, **keys: Any) -> Evidence:
    """Return the evidence of a study of `frame`, with the GLM as its pipeline."""
    base: dict[str, Any] = {
        "study": "graph",
        "unit": "session",
        "cluster": "customer",
        "treatment": {"column": "arm", "control": "folded"},
        "outcomes": [{"column": "converted"}, {"column": "cost"}],
        "covariates": COVARIATES,
        "graph": GRAPH,
    }
    spec = StudySpec.model_validate(base | keys)
    estimand = identify(spec, base=Path(), columns=list(frame.columns))
    data = load_dataset(spec, base=Path(), frame=frame, adjustment=estimand.adjustment)
    design = design_of(spec, data)
    even = np.full((design.n, len(design.arms)), 1 / len(design.arms))
    return Evidence(
        spec=spec,
        estimand=estimand,
        design=design,
        scores=scores_of(replace(design, known=even)),  # only says which rows are analysed
        effects=EffectRows(effects=(), heterogeneity=(), level=0.95),
        refit=refitter(seed=spec.seed, target=spec.target),
        rescore=rescorer(seed=spec.seed, target=spec.target, rule=spec.overlap),
    )


def randomised(frame: pd.DataFrame, *, assigned: str = "session", **keys: Any) -> Evidence:
    """Return the evidence of an experiment on `frame` with known, equal chances."""
    arms = sorted(frame["arm"].unique())
    design = {"kind": "experiment", "probability": dict.fromkeys(arms, 1 / len(arms))}
    graph = keys.pop("graph", RANDOMISED)
    return evidence(frame, design=design, assigned=assigned, graph=graph, **keys)
