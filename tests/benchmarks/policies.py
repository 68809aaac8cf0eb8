"""Is a policy's held-out worth right? And is its worth on its own data wrong, by the same test?

Repeated customers with their own taste, arms by coin, rewards as doubly robust scores under known
chances. Units differ in 15 ways that are equally likely, so that the true worth of a rule is an
exact sum. A z is the estimate minus the mean true worth of the rules it speaks of, over its own
error: the five of the folds for the held-out worth, the one learned on everything for the worth on
its own data, which is there to fail.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from tests.benchmarks.running import replicated
from whatif.base.arrays import Floats, Ints
from whatif.effects.bands import t_critical
from whatif.scenarios.policy.columns import coded
from whatif.scenarios.policy.gains import means
from whatif.scenarios.policy.learn import learn_within
from whatif.scenarios.policy.lesson import FOLDS, Group, Lesson
from whatif.scenarios.policy.policy import policy

CUSTOMERS, SESSIONS = 500, 4
ARMS = 3
CARTS, REGIONS = 5, 3
WORLDS = {"no effects": (0.0, 0.0), "near a tie": (0.0, 0.1), "effects differ": (0.5, 0.1)}
"""How far effects differ between units, and by how much the last arm is better on average."""
LEVEL = 0.95
CRITICAL = t_critical(LEVEL, CUSTOMERS - 1)
MIN_LEAF = 50
HELD_OUT, OWN_DATA = "held-out worth", "worth on its own data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """One error, the same over its estimated size, and whether the interval held the truth."""

    world: str
    what: str
    gap: float
    z: float
    covered: bool


World = tuple[float, float]


def truth(world: World) -> Floats:
    """Mean reward by cart, region and arm, shape (CARTS · REGIONS, ARMS)."""
    cart, region = (axis.ravel() for axis in np.indices((CARTS, REGIONS)))
    spread, better = world
    small = spread * (cart - (CARTS - 1) / 2) / 2
    large = spread * np.where(region == 0, 1.0, -0.5) + better
    return np.column_stack([np.ones(cart.size), 1 + small, 1 + large])


def lesson(seed: int, *, world: World, limit: float | None = None) -> tuple[Lesson, Ints]:
    """A lesson whose true worth by kind of unit is `truth`, and the kind of each unit."""
    chance = np.random.default_rng(seed)
    n = CUSTOMERS * SESSIONS
    cluster = np.repeat(np.arange(CUSTOMERS), SESSIONS)
    kind = chance.integers(0, CARTS * REGIONS, n)
    arm = chance.integers(0, ARMS, n)
    taste = chance.normal(size=CUSTOMERS)[cluster]
    y = truth(world)[kind, arm] + 0.6 * taste + 0.8 * chance.normal(size=n)
    reward = np.ones((n, ARMS))  # a prediction that knows nothing of the unit
    reward[np.arange(n), arm] += ARMS * (y - 1.0)
    cart, region = np.divmod(kind, REGIONS)
    frame = pd.DataFrame({"cart": cart.astype(float), "region": np.array(list("abc"))[region]})
    made = coded(frame, fewest=MIN_LEAF)
    taught = Lesson(
        reward=reward,
        seen=y,
        weight=np.ones(n),
        cluster=cluster,
        arm=arm,
        assigned=False,
        features=made.features,
        codes=made.codes,
        group=np.zeros(n, dtype=np.int64),
        groups=(Group(when=(), limit=limit),),
        depth=2,
        min_leaf=MIN_LEAF,
        forest=False,
        level=LEVEL,
        seed=seed,
    )
    return taught, kind


def true_worth(given: Ints, kind: Ints, world: World) -> float:
    """Exact worth of the rule that gives each kind of unit the arm it gives in the data."""
    by_kind = np.zeros(CARTS * REGIONS, dtype=np.int64)
    by_kind[kind] = given
    return float(truth(world)[np.arange(by_kind.size), by_kind].mean())


def replicate(seed: int) -> list[Draw]:
    """The z's of one drawing of the data in every world."""
    return [draw for name in WORLDS for draw in draws(seed, name)]


def draws(seed: int, name: str) -> Iterator[Draw]:
    """Yield the z's of one drawing of the data in the world `name`."""
    world = WORLDS[name]
    taught, kind = lesson(seed, world=world)
    made, fold = policy(taught), taught.fold
    worth = [true_worth(made.arm[fold == k], kind[fold == k], world) for k in range(FOLDS)]
    true = float(np.bincount(fold, minlength=FOLDS) / fold.size @ worth)
    yield _draw(name, HELD_OUT, made.value.estimate[0] - true, made.value.std_error[0])
    others = [*truth(world).mean(axis=0), truth(world).mean()]
    choices = ["control for all", *(f"arm {a} for all" for a in range(1, ARMS)), "what units got"]
    for g, choice in enumerate(choices):
        gap = made.gain.estimate[g] - true + others[g]
        yield _draw(name, f"gain over {choice}", gap, made.gain.std_error[g])
    everyone = np.ones(taught.n, dtype=np.bool_)
    own = learn_within(taught, everyone, [None])[0].arms(taught.codes)
    found = means(taught, taught.reward[np.arange(taught.n), own][:, None], everyone)
    gap = found.estimate[0] - true_worth(own, kind, world)
    yield _draw(name, OWN_DATA, gap, found.std_error[0])


def _draw(world: str, what: str, gap: float, error: float) -> Draw:
    """A policy that is the choice it is compared with gains nothing, without error."""
    z = float(gap / error) if error > 0 else 0.0
    return Draw(world=world, what=what, gap=float(gap), z=z, covered=abs(z) < CRITICAL)


def summary(made: list[Draw]) -> pd.DataFrame:
    """Mean gap and mean z, each with its Monte Carlo error, and coverage, by world and number."""
    frame = pd.DataFrame([asdict(draw) for draw in made])
    by = frame.groupby(["world", "what"], sort=False)
    table = by.agg(
        gap=("gap", "mean"),
        mean_z=("z", "mean"),
        sd_z=("z", "std"),
        coverage=("covered", "mean"),
        draws=("z", "size"),
    )
    table.insert(1, "gap_error", by["gap"].std() / np.sqrt(table["draws"]))
    table.insert(3, "mean_z_error", table["sd_z"] / np.sqrt(table["draws"]))
    return table.reset_index()


def run(replications: int = 1_000) -> pd.DataFrame:
    """Replicate and summarise.

    Parameters
    ----------
    replications : int
        Drawings of the data in each world.
    """
    return summary(replicated(replicate, range(replications), label="policies"))
