"""Small designs and scores with known structure, shared by tests."""

from __future__ import annotations

import numpy as np
import pandas as pd

from whatif.base.arrays import Floats, Ints
from whatif.contract.spec import StudySpec
from whatif.design.record import Design, Features, Intake
from whatif.scores.record import Scores


def spec(**changes: object) -> StudySpec:
    """A study of conversion and cost with one ratio and two segment columns."""
    base: dict[str, object] = {
        "study": "small",
        "treatment": {"column": "presentation", "control": "folded"},
        "outcomes": [
            {"column": "converted", "role": "primary", "kind": "binary", "matters_from": 0.01},
            {"column": "cost", "kind": "cost", "better": "lower"},
        ],
        "ratios": [{"name": "cost_per_order", "numerator": "cost", "denominator": "converted"}],
        "segments": ["region", ["region", "device"]],
    }
    return StudySpec.model_validate(base | changes)


def design(
    n: int = 4_000,
    *,
    customers: int = 1_000,
    seed: int = 0,
    kind: str = "observational",
    arms: int = 2,
    taste: float = 1.0,
    covariates: bool = True,
) -> Design:
    """A checkout log: repeated customers, confounding by one covariate, true lift 0.3 on logit."""
    rng = np.random.default_rng(seed)
    cluster = rng.integers(0, customers, n)
    x = rng.normal(size=(n, 2))
    region, device = rng.choice(list("abc"), n), rng.choice(["desktop", "mobile"], n)
    latent = rng.uniform(size=customers)[cluster]
    logits = np.column_stack([np.zeros(n), *(0.7 * x[:, 0] for _ in range(arms - 1))])
    chance = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    if kind == "experiment":
        chance = np.full((n, arms), 1 / arms)
        latent = rng.uniform(size=n)
    arm = (latent[:, None] > chance.cumsum(axis=1)).sum(axis=1).astype(np.int64)
    base = -1 + 0.8 * x[:, 0] + taste * rng.normal(size=customers)[cluster] + 0.3 * (arm > 0)
    converted = (rng.uniform(size=n) < 1 / (1 + np.exp(-base))).astype(float)
    cost = converted * np.exp(1 + 0.3 * rng.normal(size=n) - 0.1 * (arm > 0))
    names = ("x0", "x1", "region") if covariates else ()
    values = np.column_stack([x, pd.factorize(region, sort=True)[0]]).astype(np.float32)
    return Design(
        kind="experiment" if kind == "experiment" else "observational",
        arms=("folded", "expanded", "third")[:arms],
        arm=arm,
        cluster=cluster,
        assigned=np.arange(n),
        clusters_assigned=False,
        fold=cluster % 2,
        n_folds=2,
        known=chance if kind == "experiment" else None,
        phase=np.zeros(n, dtype=np.int64),
        outcomes=("converted", "cost"),
        kinds=("binary", "cost"),
        y=np.column_stack([converted, cost]),
        weight=np.ones(n),
        features=Features(
            names=names,
            values=values[:, : len(names)],
            categorical=np.array([False, False, True])[: len(names)],
        ),
        columns=pd.DataFrame({"region": region, "device": device, "x0": x[:, 0]}),
        check_columns=pd.DataFrame(index=range(n)),
        unit=pd.Series(np.arange(n), name="session_id"),
        intake=Intake(
            arm=arm,
            assigned=np.arange(n),
            cluster=cluster,
            order=np.arange(n),
            missing=np.zeros((n, 2), dtype=bool),
            known=chance if kind == "experiment" else None,
        ),
        population="all rows",
        notices=(),
    )


def scores(
    gamma: Floats, cluster: Ints, columns: pd.DataFrame, *, assigned: bool = False, seed: int = 0
) -> Scores:
    """Scores around a given array of shape (n, 2, 2); arms are drawn by coin."""
    n = len(gamma)
    rng = np.random.default_rng(seed)
    return Scores(
        arms=("folded", "expanded"),
        outcomes=("converted", "cost"),
        gamma=gamma,
        mass=np.ones(n),
        propensity=np.full((n, 2), 0.5),
        arm=rng.integers(0, 2, n),
        y=np.ones((n, 2)),
        cluster=cluster,
        fold=cluster % 2,
        weight=np.ones(n),
        target="ate",
        unit=pd.Series(np.arange(n)),
        columns=columns,
        clusters_assigned=assigned,
        quality=(),
        overlap=(),
        population="all rows",
        repeats=gamma.mean(axis=0, keepdims=True),
        key="k",
    )
