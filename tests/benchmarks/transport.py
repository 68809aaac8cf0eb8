"""Do effects carried to another population cover what is true there?

Customers return with their own taste. The study and the other population differ in two covariates
that move the effect, so the study's own effect is not the other population's. Truths are closed
forms. Every draw makes both tables anew; counted is how often each interval covers the true effect
in the other population: that of the effect carried there, and that of the study's own effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.benchmarks.running import replicated
from whatif.contract.dataset import load_dataset
from whatif.contract.spec import StudySpec
from whatif.contract.study_file import study_from_mapping
from whatif.contract.transport import TargetTable
from whatif.design.build import build_design
from whatif.design.transport import target_rows
from whatif.effects.rows import EffectRow
from whatif.effects.table import effect_rows
from whatif.effects.transported import TransportedRow, transported_rows
from whatif.run.analysis import units_of
from whatif.scores.fit import fit_scores
from whatif.scores.record import Scores

SHIFT, MOBILE = 0.6, 0.6
"""Mean of `x` and share of mobile rows in the other population; 0 and .3 in the study."""

METRICS = ("y", "z", "y per z")
_MOBILE_HERE = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One way of drawing the two tables.

    Attributes
    ----------
    rows, customers : int
        Of the study.
    there, customers_there : int
        Of the other population.
    kind : str
        How units came to their arms; ``"observational"`` ones by `x`.
    arms : int
        Number of arms; arm a has a times the effect of arm 1.
    same : bool
        Whether the study's own customers make up the other population.
    weighted : bool
        Whether rows of the other population count by how many they stand for.
    learners : tuple of str
        Learners of the study.
    folds : int or None
        Its folds; None: as many as a study of that size has.
    """

    rows: int = 1_500
    customers: int = 600
    there: int = 1_000
    customers_there: int = 400
    kind: str = "experiment"
    arms: int = 2
    same: bool = False
    weighted: bool = False
    learners: tuple[str, ...] = ("glm",)
    folds: int | None = None


WORLDS = {
    "experiment": World(),
    "past data": World(kind="observational"),
    "three arms": World(arms=3, rows=2_000),
    "the same customers": World(same=True, customers_there=600),
    "weights": World(weighted=True),
    "boosting in the blend": World(learners=("glm", "boosting")),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One effect of one draw: was it covered, and how far was it off?

    Attributes
    ----------
    world, arm, metric : str
        What was estimated.
    carried : bool
        Whether the effect was carried over, or is the study's own.
    covered : bool
        Whether its interval holds the true effect in the other population.
    z : float
        Estimate minus truth, over the stated error.
    """

    world: str
    arm: str
    metric: str
    carried: bool
    covered: bool
    z: float


def truth(arm: int, *, shift: float = SHIFT, mobile: float = MOBILE) -> dict[str, float]:
    """Return the true effect of an arm on every metric in a population."""
    y = (1 + 0.8 * shift, arm * (0.3 + 0.6 * shift - 0.2 * shift**2 + 0.5 * mobile))
    z = (3 + 0.5 * shift, arm * (0.1 + 0.2 * mobile))
    return {"y": y[1], "z": z[1], "y per z": sum(y) / sum(z) - y[0] / z[0]}


def tables(world: World, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw the study's rows and those of the other population."""
    rng = np.random.default_rng(seed)
    most = world.customers + world.customers_there
    liking, place = rng.normal(size=most), rng.normal(size=most)
    here = rng.integers(0, world.customers, world.rows)
    first = 0 if world.same else world.customers
    there = first + rng.integers(0, world.customers_there, world.there)
    study = _covariates(rng, place[here], 0.0, _MOBILE_HERE).assign(customer=here)
    other = _covariates(rng, place[there], SHIFT, MOBILE).assign(customer=there)
    if world.weighted:  # mobile rows were sampled half as often, and count twice
        kept = rng.random(world.there) < np.where(other["device"] == "mobile", 0.5, 1.0)
        other = other.assign(stands_for=np.where(other["device"] == "mobile", 2.0, 1.0))[kept]
        study = study.assign(stands_for=1.0)
    x, mobile = study["x"].to_numpy(), (study["device"] == "mobile").to_numpy()
    arm = rng.integers(0, world.arms, world.rows)
    if world.kind == "observational":
        arm = (rng.random(world.rows) < 1 / (1 + np.exp(-0.5 * x))).astype(np.int64)
    effect = 0.3 + 0.6 * x - 0.2 * (x**2 - 1) + 0.5 * mobile
    taste = 0.5 * liking[here]
    y = 1 + 0.8 * x + taste + arm * effect + rng.normal(size=world.rows)
    z = 3 + 0.5 * x + taste + arm * (0.1 + 0.2 * mobile) + 0.5 * rng.normal(size=world.rows)
    made = study.assign(id=np.arange(world.rows), arm=np.array(["a", "b", "c"])[arm], y=y, z=z)
    return made, other.reset_index(drop=True)


def _covariates(
    rng: np.random.Generator, place: np.ndarray, shift: float, mobile: float
) -> pd.DataFrame:
    x = shift + 0.6 * place + 0.8 * rng.normal(size=place.size)
    device = np.where(rng.random(place.size) < mobile, "mobile", "desktop")
    return pd.DataFrame({"x": x, "device": device})


def study(world: World) -> StudySpec:
    """Return the study of a world."""
    keys: dict[str, Any] = {
        "unit": "id",
        "cluster": "customer",
        "assigned": "id",
        "treatment": {"column": "arm", "control": "a"},
        "outcomes": [{"column": "y", "role": "primary"}, {"column": "z"}],
        "ratios": [{"name": "y per z", "numerator": "y", "denominator": "z"}],
        "covariates": ["x", "device"],
        "learners": world.learners,
        "folds": world.folds,
        **({"weights": "stands_for"} if world.weighted else {}),
    }
    if world.kind == "experiment":
        shares = dict.fromkeys("abc"[: world.arms], 1 / world.arms)
        keys["design"] = {"kind": "experiment", "probability": shares}
    return study_from_mapping(keys, on_frame=True)


def scored(world: World, here: pd.DataFrame, there: pd.DataFrame) -> Scores:
    """Score a study and carry its means to the other population."""
    spec = study(world)
    rows, _ = units_of(spec, load_dataset(spec, base=Path(), frame=here))
    design = build_design(rows, spec)
    table = TargetTable(name="there", shown="", frame=there)
    target = target_rows(table, spec, design, ids=rows.frame["customer"])
    return fit_scores(
        design,
        rule=spec.overlap,
        seed=spec.seed,
        key="",
        learners=spec.learners,
        workers=1,
        targets=(target,),
    )


def draw(seed: int, worlds: Sequence[str] = tuple(WORLDS)) -> list[Drawn]:
    """Return what one draw of every world gives."""
    made = []
    for name in worlds:
        scores, spec = scored(WORLDS[name], *tables(WORLDS[name], seed)), study(WORLDS[name])
        rows = transported_rows(scores, spec, scores.transported[0])
        _, own = effect_rows(scores, spec)
        told: list[tuple[bool, TransportedRow | EffectRow]] = [(True, row) for row in rows]
        told += [(False, row) for row in own.effects if not row.segment]
        for carried, row in told:
            low, high = row.ci
            if row.estimate is None or row.std_error is None or low is None or high is None:
                raise ValueError(f"{name}: nothing to count for {row.outcome}.")
            true = truth(scores.arms.index(row.arm))[row.outcome]
            made.append(
                Drawn(
                    world=name,
                    arm=row.arm,
                    metric=row.outcome,
                    carried=carried,
                    covered=low <= true <= high,
                    z=(row.estimate - true) / row.std_error,
                )
            )
    return made


def summary(draws: Sequence[Drawn]) -> pd.DataFrame:
    """Return coverage, its Monte Carlo error, mean and spread of z by world, arm and metric."""
    frame = pd.DataFrame([{name: getattr(d, name) for name in Drawn.__slots__} for d in draws])
    keys = ["carried", "world", "arm", "metric"]
    table = frame.groupby(keys, sort=False).agg(
        draws=("covered", "size"),
        coverage=("covered", "mean"),
        mean_z=("z", "mean"),
        sd_z=("z", "std"),
    )
    table["error"] = np.sqrt(table["coverage"] * (1 - table["coverage"]) / table["draws"])
    return table.reset_index()


def run(replications: int, worlds: Sequence[str] = tuple(WORLDS)) -> pd.DataFrame:
    """Draw every world `replications` times and return `summary`."""
    work = partial(draw, worlds=tuple(worlds))
    return summary(replicated(work, range(replications), label="transport"))
