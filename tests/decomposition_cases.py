"""A checkout log with chosen options, its scores and their split, shared by tests."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests import builders
from whatif.base.arrays import Bools, Ints
from whatif.contract.spec import OverlapSpec
from whatif.design.options import Options
from whatif.design.record import Design
from whatif.scenarios.decomposition.decompose import Decomposition, DecompositionRow, decomposition
from whatif.scores.fit import fit_scores
from whatif.scores.options import with_options
from whatif.scores.record import Scores, Target

NONE = np.zeros((2, 3), dtype=np.bool_)


def world(
    *, seed: int = 0, n: int = 3_000, customers: int = 300, arms: int = 2, kind: str = "experiment",
    covariates: bool = False,
) -> Design:  # fmt: skip
    """A log in which the later arms sell more, more of the dear option, and ship it for less."""
    made = builders.design(
        n, customers=customers, seed=seed, kind=kind, arms=arms, covariates=covariates
    )
    return with_choice(made, choice(made, seed), ("standard", "express", "pickup"))


def choice(made: Design, seed: int) -> Ints:
    """Return the option of each order, −1 without one."""
    rng = np.random.default_rng(seed + 10_000)
    keen = rng.normal(size=int(made.cluster.max()) + 1)[made.cluster]
    odds = np.column_stack(
        [np.ones(made.n), 0.5 * np.exp(0.4 * made.arm + 0.3 * keen), np.full(made.n, 0.6)]
    )
    steps = (odds / odds.sum(axis=1, keepdims=True)).cumsum(axis=1)
    return np.where(made.y[:, 0] > 0, (rng.random(made.n)[:, None] > steps).sum(axis=1), -1)


def with_choice(made: Design, chosen: Ints, names: tuple[str, ...]) -> Design:
    """Return the design with orders and costs by option."""
    dear = np.array([1.0, 2.5, 0.4])[np.maximum(chosen, 0)]
    y = np.column_stack([made.y[:, 0], made.y[:, 1] * dear])
    inside = chosen[:, None] == np.arange(len(names))
    options = Options(
        names=names,
        cost="cost",
        orders="converted",
        kinds=("binary",) * len(names) + ("cost",) * len(names),
        y=np.hstack([inside * y[:, :1], inside * y[:, 1:]]),
    )
    return replace(made, y=y, options=options)


def scored(design: Design, target: Target = "ate") -> Scores:
    """Return the scores of a design with those of its options."""
    made = fit_scores(
        design, rule=OverlapSpec(low=0.001, high=0.999), seed=0, key="k", target=target,
        learners=("glm",), workers=1,
    )  # fmt: skip
    return with_options(design, made, seed=0, learners=("glm",), workers=1)


def split(scores: Scores, dimension: tuple[str, ...] = ()) -> Decomposition:
    """Return the split of scores."""
    assert scores.options is not None
    return decomposition(scores, scores.options, dimension, level=0.95)


def by_part(made: Decomposition, arm: str = "expanded") -> dict[str, DecompositionRow]:
    """Return the rows of one arm for everyone, by part."""
    return {row.part: row for row in made.rows if row.arm == arm}


def switched(design: Design, change: Bools, to: int) -> Design:
    """Return the design with some orders moved to another option."""
    options = design.options
    assert options is not None
    old = np.where(options.y[:, :3].any(axis=1), options.y[:, :3].argmax(axis=1), -1)
    plain = replace(design, y=np.column_stack([design.y[:, 0], options.y[:, 3:].sum(axis=1)]))
    chosen = np.where(change & (old >= 0), to, old)
    inside = chosen[:, None] == np.arange(3)
    y = np.hstack([inside * plain.y[:, :1], inside * plain.y[:, 1:]])
    return replace(plain, options=replace(options, y=y))


def chose(design: Design, option: int) -> Bools:
    """Return whether a unit ordered with an option."""
    assert design.options is not None
    return design.options.y[:, option] > 0
