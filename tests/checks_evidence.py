"""Small studies with repeated customers for the tests of the checks, and a tiny pipeline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from whatif.base.arrays import Floats, Ints
from whatif.base.rng import generator
from whatif.checks.evidence import Evidence
from whatif.contract.spec import StudySpec
from whatif.design.record import Design, Features, Intake
from whatif.effects.rows import EffectRows
from whatif.graph.estimand import Estimand
from whatif.scores.record import Scores


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class World:
    """Arrays of one simulated study, n rows."""

    arm: Ints
    assigned: Ints
    cluster: Ints
    y: Floats
    x: Floats
    chance: Floats
    phase: Ints


def repeated(rng: np.random.Generator, customers: int, mean: float = 4.0) -> Ints:
    """Customer of each session: some come once, some twenty times."""
    sessions = 1 + rng.negative_binomial(1, 1 / mean, size=customers)
    return rng.permutation(np.repeat(np.arange(customers), sessions)).astype(np.int64)


def world(
    seed: int,
    *,
    customers: int = 1000,
    probability: tuple[float, ...] = (0.5, 0.5),
    by_customer: bool = False,
    confounding: float = 0.0,
    effect: float = 0.1,
    columns: int = 3,
) -> World:
    """Sessions of repeated customers with a customer effect in outcome and covariates."""
    rng = generator(seed, "test world")
    cluster = repeated(rng, customers)
    n = cluster.size
    x = 0.6 * rng.normal(size=(customers, columns))[cluster] + 0.8 * rng.normal(size=(n, columns))
    chance = np.tile(np.array(probability), (n, 1))
    if confounding:
        treated = 1 / (1 + np.exp(-confounding * x[:, 0]))
        chance = np.column_stack([1 - treated, treated])
    unit = cluster if by_customer else np.arange(n, dtype=np.int64)
    first = np.unique(unit, return_index=True)[1]
    draws = rng.random(first.size)[np.searchsorted(unit[first], unit)]
    arm = (draws[:, None] > np.cumsum(chance, axis=1)[:, :-1]).sum(axis=1).astype(np.int64)
    noise = 0.7 * rng.normal(size=customers)[cluster] + 0.7 * rng.normal(size=n)
    y = (x[:, :1].sum(axis=1) + effect * (arm > 0) + noise)[:, None]
    return World(
        arm=arm, assigned=unit, cluster=cluster, y=y, x=x, chance=chance, phase=np.zeros_like(arm)
    )


def spec_of(**keys: Any) -> StudySpec:
    """Return a study with the given keys."""
    base: dict[str, Any] = {
        "study": "a-test",
        "unit": "session",
        "cluster": "customer",
        "assigned": "session",
        "treatment": {"column": "arm", "control": "a0"},
        "design": {"kind": "experiment", "probability": {"a0": 0.5, "a1": 0.5}},
        "outcomes": [{"column": "y"}],
    }
    return StudySpec.model_validate({**base, **keys})


def evidence_of(
    w: World,
    *,
    kind: str = "experiment",
    known: bool = True,
    missing: np.ndarray | None = None,
    features: Features | None = None,
    refit: Callable[[Design], Floats] | None = None,
    **keys: Any,
) -> Evidence:
    """Wrap a world as evidence; rows with a missing outcome are set aside."""
    n, arms = w.chance.shape
    gone = np.zeros((n, 1), dtype=bool) if missing is None else missing.reshape(n, -1)
    chance = w.chance if known and kind == "experiment" else None
    names = tuple(f"x{j}" for j in range(w.x.shape[1]))
    design = Design(
        kind="experiment" if kind == "experiment" else "observational",
        arms=tuple(f"a{a}" for a in range(arms)),
        arm=w.arm,
        cluster=w.cluster,
        assigned=w.assigned,
        clusters_assigned=bool((w.assigned == w.cluster).all()),
        fold=(w.cluster * 7919 % 2).astype(np.int64),
        n_folds=2,
        known=chance,
        phase=w.phase,
        outcomes=tuple(f"y{k}" if k else "y" for k in range(gone.shape[1])),
        kinds=("amount",) * gone.shape[1],
        y=np.repeat(w.y, gone.shape[1], axis=1),
        weight=np.ones(len(w.y)),
        features=features
        or Features(
            names=names,
            values=w.x.astype(np.float32),
            categorical=np.zeros(len(names), dtype=bool),
        ),
        columns=pd.DataFrame(w.x, columns=list(names)),
        check_columns=pd.DataFrame(index=range(n)),
        unit=pd.Series(np.arange(n)),
        intake=Intake(
            arm=w.arm,
            assigned=w.assigned,
            cluster=w.cluster,
            order=np.arange(n, dtype=np.int64),
            missing=gone,
            known=chance,
        ),
        population="all sessions",
        notices=(),
    )
    design = design.take(np.flatnonzero(~gone.any(axis=1)).astype(np.int64))
    if kind != "experiment":
        keys = {"design": {"kind": "observational"}, **keys}
    return Evidence(
        spec=spec_of(**keys),
        estimand=Estimand(
            treatment="arm",
            outcomes=design.outcomes,
            adjustment=names,
            assumptions=(),
            source="randomised",
            edges=(),
            hidden=(),
        ),
        design=design,
        scores=scores_of(design),
        effects=EffectRows(effects=(), heterogeneity=(), level=0.95),
        refit=refit or refit_ols,
        rescore=lambda one, _learners: scores_of(one),
    )


def chances_of(design: Design) -> Floats:
    """Known chances, arm shares in experiments, else a logistic regression (two arms)."""
    n, arms = design.n, len(design.arms)
    if design.known is not None:
        return np.asarray(design.known)
    if design.kind == "experiment":
        return np.tile(np.bincount(design.arm, minlength=arms) / n, (n, 1))
    z = np.column_stack([np.ones(n), np.nan_to_num(design.features.values)])
    beta = np.zeros(z.shape[1])
    for _ in range(8):
        p = 1 / (1 + np.exp(-z @ beta))
        beta += np.linalg.solve((z * (p * (1 - p))[:, None]).T @ z, z.T @ (design.arm - p))
    p = 1 / (1 + np.exp(-z @ beta))
    return np.column_stack([1 - p, p])


def gamma_of(design: Design) -> Floats:
    """Cross-fitted AIPW scores with one least-squares outcome model per arm and fold."""
    z = np.column_stack([np.ones(design.n), np.nan_to_num(design.features.values)])
    chance = chances_of(design)
    gamma: Floats = np.empty((design.n, len(design.arms), design.y.shape[1]))
    for fold in range(design.n_folds):
        held = design.fold == fold
        for a in range(len(design.arms)):
            train = ~held & (design.arm == a)
            mean = z[held] @ np.linalg.lstsq(z[train], design.y[train], rcond=None)[0]
            weight = ((design.arm == a) / chance[:, a])[held, None]
            gamma[held, a] = mean + weight * (design.y[held] - mean)
    return gamma


def refit_ols(design: Design) -> Floats:
    """Arm minus control for every outcome."""
    theta = gamma_of(design).mean(axis=0)
    return np.asarray(theta[1:] - theta[0])


def refit_means(design: Design) -> Floats:
    """Differences of arm means."""
    means = [design.y[design.arm == a].mean(axis=0) for a in range(len(design.arms))]
    return np.asarray(np.array(means[1:]) - means[0])


def scores_of(design: Design) -> Scores:
    """Return the scores of the design with the pipeline of these tests."""
    return Scores(
        arms=design.arms,
        outcomes=design.outcomes,
        gamma=gamma_of(design),
        mass=np.ones(design.n),
        propensity=np.asarray(chances_of(design)),
        arm=design.arm,
        y=design.y,
        cluster=design.cluster,
        fold=design.fold,
        weight=np.ones(design.n),
        target="ate",
        unit=design.unit,
        columns=design.columns,
        clusters_assigned=design.clusters_assigned,
        quality=(),
        overlap=(),
        population=design.population,
        repeats=gamma_of(design).mean(axis=0, keepdims=True),
        key="test",
    )


def with_refit(evidence: Evidence, refit: Callable[[Design], Floats]) -> Evidence:
    """Return the evidence with another pipeline."""
    return replace(evidence, refit=refit)
