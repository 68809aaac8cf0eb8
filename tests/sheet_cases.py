"""Scores with known structure from which scenario files are built, and files from them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from tests import builders
from whatif.base.arrays import Floats
from whatif.contract.spec import StudySpec
from whatif.effects.cells import cut
from whatif.effects.joint import Joint, joint
from whatif.scenarios.sheet.build import About, sheet_of
from whatif.scenarios.sheet.evaluate import State
from whatif.scenarios.sheet.record import Sheet
from whatif.scores.record import Scores

ABOUT = About(run_id="0123456789ab", as_of="2026-10-31", arm="expanded", units=5e4, withheld=False)
VALUE = {
    "currency": "USD",
    "per": {"converted": 18.0, "cost": -1.0},
    "arm_cost": {"folded": 0.01, "expanded": 0.03},
}


def study(**changes: Any) -> StudySpec:
    """Orders and their cost, worth money, in regions and devices."""
    base: dict[str, Any] = {"value": VALUE, "segments": ["region", ["region", "device"]]}
    return builders.spec(**(base | changes))


def scored(
    n: int = 6_000,
    *,
    customers: int = 2_000,
    arms: int = 2,
    regions: int = 3,
    devices: int = 2,
    seed: int = 0,
    target: bool = False,
) -> Scores:
    """Scores of repeated customers; costs follow orders. `target` adds weights and mass."""
    rng = np.random.default_rng(seed)
    cluster = rng.integers(0, customers, n)
    taste = 0.3 * rng.normal(size=(customers, 1))
    orders = 0.3 + 0.08 * np.arange(arms) + taste[cluster] + 0.5 * rng.normal(size=(n, arms))
    gamma = np.stack([orders, 5 * orders + rng.normal(size=(n, arms))], axis=2)
    columns = pd.DataFrame(
        {
            "region": rng.choice([f"r{i}" for i in range(regions)], n),
            "device": rng.choice([f"d{i}" for i in range(devices)], n),
        }
    )
    made = replace(
        builders.scores(np.zeros((n, 2, 2)), cluster, columns, seed=seed),
        gamma=gamma,
        arms=("folded", "expanded", "third", "fourth")[:arms],
        arm=rng.integers(0, arms, n),
        propensity=np.full((n, arms), 1 / arms),
    )
    if not target:
        return made
    mass = rng.choice([0.0, 1.0], n, p=[0.2, 0.8])
    return replace(made, weight=rng.uniform(0.5, 2.0, n), mass=mass, target="att")


def means_of(scores: Scores, spec: StudySpec) -> Joint:
    """Return the joint means of a study's cells."""
    return joint(scores, cut(scores.columns, spec.segments))


@cache
def sheet(arms: int = 2, *, target: bool = False, seed: int = 0) -> Sheet:
    """Return the file of such a study: six cells of region × device."""
    spec = study()
    made = sheet_of(means_of(scored(arms=arms, target=target, seed=seed), spec), spec, ABOUT)
    assert made is not None
    return made


def random_state(file: Sheet, seed: int, *, mixed: bool) -> State:
    """Return sliders somewhere."""
    rng = np.random.default_rng(seed)
    size, arms, outcomes = file.theta.shape
    mix = None
    if mixed:
        column = int(rng.integers(len(file.columns)))
        mix = (column, rng.dirichlet(np.ones(len(file.columns[column][1]))))
    return State(
        rollout=rng.dirichlet(np.ones(arms), size=size),
        mix=mix,
        per=np.array([rng.uniform(5, 40), -rng.uniform(0.5, 2)])[:outcomes],
        factor=rng.uniform(0.5, 2, size=(outcomes,)),
        arm_cost=rng.uniform(0, 0.1, size=(arms,)),
        units=float(rng.uniform(1e3, 1e6)),
    )


def cell_codes(file: Sheet, scores: Scores) -> Floats:
    """Return the cell of each unit."""
    place = {
        tuple(levels[i] for i, (_, levels) in zip(cell, file.columns, strict=True)): s
        for s, cell in enumerate(file.cells.tolist())
    }
    names = [name for name, _ in file.columns]
    rows = scores.columns[names].itertuples(index=False, name=None)
    return np.array([place[row] for row in rows])


def direct(scores: Scores, net: Floats, mass: Floats) -> tuple[float, float]:
    """Clustered mean and error of ``Σ w net / Σ w mass``, from first principles."""
    total = scores.weight @ scores.mass
    value = scores.weight @ net / total
    sums = np.bincount(scores.cluster, scores.weight * (net - value * mass) / total)
    clusters = np.unique(scores.cluster).size
    return float(value), float(np.sqrt(clusters / (clusters - 1) * (sums**2).sum()))
