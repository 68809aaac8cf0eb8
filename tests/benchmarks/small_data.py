"""Do stacked nuisances lose to a pure GLM or pure boosting on 500 and 1,000 rows?

Covariates are drawn with replacement from real people (savers of the 401(k) data, customers of the
Hillstrom mailing); arm and outcome are planted, so the truth is the pool's own mean. Every
replication fits each learner once and forms three estimates: with the stack, with the GLM alone,
with boosting alone. Their root mean squared errors are compared pair by pair; asked is an upper
95 % limit of at most 1.05 for every ratio.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tests.benchmarks.running import replicated
from whatif.base.arrays import Bools, Floats
from whatif.base.rng import generator
from whatif.design.record import Design, Features, Intake
from whatif.engines.threads import one_blas_thread
from whatif.scores.aipw import aipw_scores
from whatif.scores.choice import choose
from whatif.scores.crossfit import Candidate, cross_fit
from whatif.scores.executor import Threads
from whatif.scores.tasks import PROPENSITY

ROWS = (500, 1_000)
FOLDS = 5
LEARNERS = ("glm", "boosting")
_LIMIT = 1.96
_SAVERS = ("age", "inc", "educ", "fsize", "marr", "twoearn", "db", "pira", "hown")
_CUSTOMERS = ("recency", "history", "mens", "womens", "newbie", "zip_code", "channel")
_WORDS = {"zip_code", "channel"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class World:
    """A pool of people with planted chances and means: all that a draw needs.

    Attributes
    ----------
    covariates, categorical : ndarray, shapes (people, p), (p,)
        Covariates of the pool as learners read them.
    chance : ndarray, shape (people,)
        Chance of the second arm.
    mean : ndarray, shape (people, 2)
        Mean outcome under each arm.
    noise : float
        Standard deviation of an amount around its mean; 0 for a yes/no outcome.
    """

    covariates: Floats
    categorical: Bools
    chance: Floats
    mean: Floats
    noise: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """Errors of one replication for one quantity, by how the nuisances were formed."""

    design: str
    rows: int
    part: str
    stack: float
    glm: float
    boosting: float


def _folder() -> Path:
    beside = Path(__file__).resolve().parents[3] / "shared" / "data"
    return Path(os.environ.get("WHATIF_DATA") or beside)


def _pool(file: str, columns: Sequence[str]) -> tuple[pd.DataFrame, Floats, Bools]:
    path = _folder() / file
    if not path.exists():
        raise SystemExit(f"reference data not found at {path}: set WHATIF_DATA to their folder")
    frame = pd.read_csv(path)
    coded = [
        pd.factorize(frame[name], sort=True)[0] if name in _WORDS else frame[name]
        for name in columns
    ]
    values = np.column_stack(coded).astype(np.float64)
    return frame, values, np.array([name in _WORDS for name in columns])


def _standardised(values: Floats) -> Floats:
    return np.asarray((values - values.mean(axis=0)) / values.std(axis=0))


def _chance(logit: NDArray[Any]) -> Floats:
    return np.asarray(1 / (1 + np.exp(-logit)), dtype=np.float64)


@cache
def worlds() -> dict[str, World]:
    """Return what is planted, by name: two smooth truths and one made of steps."""
    return {
        "savers, straight lines": _savers_lines(),
        "savers, steps": _savers_steps(),
        "customers, smooth logit": _customers_logit(),
    }


def _savers_lines() -> World:
    _, values, categorical = _pool("pension_401k.csv.gz", _SAVERS)
    z = _standardised(values)
    line = z @ np.array([0.6, 0.8, 0.4, -0.2, 0.2, 0.2, 0.1, 0.5, 0.3])
    return World(
        covariates=values,
        categorical=categorical,
        chance=_chance(0.4 * z[:, 1] - 0.2 * z[:, 3] + 0.3 * z[:, 4]),
        mean=np.column_stack([line, line + 0.5 + 0.3 * z[:, 2]]),
        noise=1.5,
    )


def _savers_steps() -> World:
    frame, values, categorical = _pool("pension_401k.csv.gz", _SAVERS)
    older, richer = frame["age"] > 40, frame["inc"] > 31_000
    taught, crowded = frame["educ"] > 12, (frame["fsize"] > 3) & (frame["pira"] == 0)
    either = older ^ richer
    base = 1.5 * either + (taught & richer) - 1.0 * crowded
    return World(
        covariates=values,
        categorical=categorical,
        chance=np.asarray(0.3 + 0.35 * either + 0.05 * taught, dtype=np.float64),
        mean=np.column_stack([base, base + 0.5 + (older & taught)]),
        noise=1.0,
    )


def _customers_logit() -> World:
    frame, values, categorical = _pool("hillstrom.csv.gz", _CUSTOMERS)
    spent = _standardised(np.log(frame["history"].to_numpy()))
    recent = -_standardised(frame["recency"].to_numpy(dtype=np.float64))
    base = -1.2 + 0.5 * recent + 0.5 * spent + 0.4 * frame["womens"] - 0.3 * frame["newbie"]
    base += 0.4 * (frame["zip_code"] == "Rural") - 0.2 * (frame["channel"] == "Phone")
    base = base.to_numpy()
    return World(
        covariates=values,
        categorical=categorical,
        chance=_chance(0.5 * spent + 0.4 * recent + 0.3 * frame["mens"].to_numpy() - 0.2),
        mean=np.column_stack([_chance(base), _chance(base + 0.4 + 0.2 * spent)]),
        noise=0.0,
    )


def draw(world: World, rows: int, seed: int) -> tuple[Design, Floats]:
    """Return a study of `rows` people, and the true means by arm, shape (2,)."""
    rng = generator(seed, "small data")
    who = rng.integers(0, len(world.covariates), rows)
    arm = (rng.uniform(size=rows) < world.chance[who]).astype(np.int64)
    mean = world.mean[who, arm]
    noise = world.noise * rng.standard_t(6, size=rows) / np.sqrt(1.5)
    y = mean + noise if world.noise else (rng.uniform(size=rows) < mean).astype(np.float64)
    order = np.arange(rows)
    design = Design(
        kind="observational",
        arms=("off", "on"),
        arm=arm,
        cluster=order,
        assigned=order,
        clusters_assigned=False,
        fold=rng.permutation(rows) % FOLDS,
        n_folds=FOLDS,
        known=None,
        phase=np.zeros(rows, dtype=np.int64),
        outcomes=("y",),
        kinds=("amount" if world.noise else "binary",),
        y=y[:, None],
        weight=np.ones(rows),
        features=Features(
            names=tuple(f"x{j}" for j in range(world.covariates.shape[1])),
            values=world.covariates[who].astype(np.float32),
            categorical=world.categorical,
        ),
        columns=pd.DataFrame(index=order),
        check_columns=pd.DataFrame(index=order),
        unit=pd.Series(order),
        intake=Intake(
            arm=arm,
            assigned=order,
            cluster=order,
            order=order,
            missing=np.zeros((rows, 1), dtype=bool),
            known=None,
        ),
        population="all rows",
        notices=(),
    )
    return design, world.mean.mean(axis=0)


def _means(design: Design, found: dict[tuple[str, int], Candidate]) -> Floats:
    """Return the doubly robust mean of each arm, shape (2,)."""
    mean = np.stack([found["y", a].predicted[:, None] for a in range(2)], axis=1)
    chance = found[PROPENSITY, -1].predicted
    gamma = aipw_scores(y=design.y, arm=design.arm, mean=mean, propensity=chance)
    return np.asarray(gamma.mean(axis=0)[:, 0])


def replicate(seed: int, *, name: str, rows: int) -> list[Draw]:
    """Draw one study and return the errors of its three estimates, by quantity."""
    design, truth = draw(worlds()[name], rows, seed)
    with one_blas_thread():
        candidates = cross_fit(
            design,
            learners=LEARNERS,
            propensity=True,
            seed=seed,
            executor=Threads(1),
        )
        found = {"stack": choose(design, candidates)[0]}
        for learner in LEARNERS:
            own = (one for one in candidates if one.learner == learner)
            found[learner] = {(one.target, one.arm): one for one in own}
        errors = {how: _means(design, chosen) - truth for how, chosen in found.items()}
    parts = {"control": (1.0, 0.0), "treated": (0.0, 1.0), "difference": (-1.0, 1.0)}
    return [
        Draw(
            design=name,
            rows=rows,
            part=part,
            **{how: float(np.dot(row, error)) for how, error in errors.items()},
        )
        for part, row in parts.items()
    ]


def ratio(ours: Floats, other: Floats) -> tuple[float, float]:
    """Return the ratio of root mean squared errors and its upper 95 % limit.

    The limit is the delta method's for the log of a ratio of two means of the same replications.

    Examples
    --------
    >>> ratio(np.array([1.0, -1.0]), np.array([2.0, -2.0]))
    (0.5, 0.5)
    """
    a, b = ours**2, other**2
    log = 0.5 * np.log(a.mean() / b.mean())
    error = np.std(0.5 * (a / a.mean() - b / b.mean()), ddof=1) / np.sqrt(a.size)
    return float(np.exp(log)), float(np.exp(log + _LIMIT * error))


def run(replications: int) -> pd.DataFrame:
    """Measure every design at every size; one row per design, size and quantity."""
    draws: list[Draw] = []
    for name in worlds():
        for rows in ROWS:
            work = partial(replicate, name=name, rows=rows)
            draws += replicated(work, range(replications), label=f"{name}, {rows} rows")
    grouped = pd.DataFrame(draws).groupby(["design", "rows", "part"], sort=False)
    return pd.DataFrame([_row(own) for _, own in grouped])


def _row(own: pd.DataFrame) -> dict[str, object]:
    out: dict[str, object] = {key: own[key].iloc[0] for key in ("design", "rows", "part")}
    out["rmse"] = float(np.sqrt((own["stack"] ** 2).mean()))
    for learner in LEARNERS:
        found, upper = ratio(own["stack"].to_numpy(), own[learner].to_numpy())
        out |= {f"ratio to {learner}": found, f"upper limit, {learner}": upper}
    return out
