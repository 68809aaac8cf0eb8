"""Bots, late costs and calibrated models: false alarms and power on about 4,000 sessions.

Sessions belong to 1,000 returning customers, with a correlation of .3 or more within a customer;
costs are log-normal. Late costs come in eight weeks that differ by 3 % of their own. A model is
misspecified where straight lines are fitted to confounding that curves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from tests.benchmarks.running import replicated
from tests.checks_evidence import World, evidence_of, gamma_of, world
from whatif.base.arrays import Floats, Ints
from whatif.base.rng import generator
from whatif.checks.bots import Bots
from whatif.checks.evidence import Check, Evidence
from whatif.checks.late_costs import LateCosts
from whatif.checks.nuisance_calibration import NuisanceCalibration
from whatif.checks.result import Status
from whatif.design.record import Design
from whatif.scores.record import Scores

LEVEL = 0.01
NOTHING = "nothing"
WEEKS = 8


def heavy(seed: int, *, by_customer: bool, customers: int = 1_000) -> World:
    """Return a study of a log-normal cost with a customer's share of .5 in its logarithm."""
    w = world(seed, customers=customers, by_customer=by_customer, effect=0.0)
    return replace(w, y=np.exp(w.y))


def with_bots(
    seed: int, *, by_customer: bool = False, lost: float = 0.0, multiple: float = 1.0
) -> Evidence:
    """Return a study in which 5 % of customers are bots.

    `lost` is the share of bots' sessions in the control that were not logged, `multiple` what a
    bot's outcome in the treated arm is multiplied by.
    """
    w = heavy(seed, by_customer=by_customer)
    rng = generator(seed, "bots")
    bot = (rng.random(1_000) < 0.05)[w.cluster]
    y = np.where((bot & (w.arm == 1))[:, None], multiple * w.y, w.y)
    evidence = evidence_of(
        replace(w, y=y), bots="robot", assigned="customer" if by_customer else "session"
    )
    kept = np.flatnonzero(~(bot & (w.arm == 0) & (rng.random(bot.size) < lost)))
    design = replace(evidence.design, check_columns=pd.DataFrame({"robot": bot})).take(kept)
    return replace(evidence, design=design, scores=_taken(evidence, kept))


def _taken(evidence: Evidence, kept: Ints) -> Scores:
    s = evidence.scores
    return replace(
        s, gamma=s.gamma[kept], mass=s.mass[kept], propensity=s.propensity[kept], arm=s.arm[kept],
        y=s.y[kept], cluster=s.cluster[kept], fold=s.fold[kept], weight=s.weight[kept],
        unit=s.unit.iloc[kept], columns=s.columns.iloc[kept],
    )  # fmt: skip


def with_weeks(
    seed: int,
    *,
    by_customer: bool = False,
    lost: float = 0.0,
    weekly: float = 0.03,
    customers: int = 1_000,
) -> Evidence:
    """Return eight weeks of costs, of which the youngest has lost a share."""
    w = heavy(seed, by_customer=by_customer, customers=customers)
    rng = generator(seed, "weeks")
    age = rng.integers(0, 7 * WEEKS, w.arm.size)
    age[:2] = 0, 7 * WEEKS - 1
    level = np.exp(weekly * rng.normal(size=WEEKS))[age // 7] * np.where(age < 7, 1 - lost, 1.0)
    evidence = evidence_of(
        replace(w, y=level[:, None] * w.y), time="at",
        outcomes=[{"column": "y", "kind": "cost", "better": "lower"}],
        assigned="customer" if by_customer else "session",
    )  # fmt: skip
    at = pd.Timestamp("2026-10-31 12:00") - pd.to_timedelta(age, unit="D")
    design = replace(
        evidence.design, kinds=("cost",), columns=evidence.design.columns.assign(at=at)
    )
    return replace(evidence, design=design)


def with_models(seed: int, *, curve: float = 0.0, customers: int = 1_000) -> Evidence:
    """Return past data whose confounding bends by `curve`, scored with straight lines."""
    w = world(seed, customers=customers, confounding=0.6)
    rng = generator(seed, "curved confounding")
    bend, n = w.x[:, 0] ** 2 - 1, w.arm.size
    logit = 0.5 * w.x[:, 0] + 0.3 * w.x[:, 1] + curve * bend
    chance = np.clip(1 / (1 + np.exp(-logit)), 0.03, 0.97)
    lean = np.where(rng.random(n) < 0.7, rng.random(customers)[w.cluster], rng.random(n))
    noise = 0.55 * rng.normal(size=customers)[w.cluster] + 0.84 * rng.normal(size=n)
    arm = (lean < chance).astype(np.int64)
    y = w.x[:, 0] + 0.5 * w.x[:, 1] + 2 * curve * bend + 0.1 * arm + noise
    w = replace(w, arm=arm, y=y[:, None], chance=np.column_stack([1 - chance, chance]))
    evidence = evidence_of(w, kind="observational")
    chances = _logit_chances(evidence.design)
    gamma = gamma_of(replace(evidence.design, known=chances))
    return replace(evidence, scores=replace(evidence.scores, propensity=chances, gamma=gamma))


def _logit_chances(design: Design) -> Floats:
    """Cross-fitted logistic regression."""
    z = np.column_stack([np.ones(design.n), design.features.values])  # noqa: PD011
    treated = np.empty(design.n)
    for fold in range(design.n_folds):
        held = design.fold == fold
        x, got, beta = z[~held], design.arm[~held], np.zeros(z.shape[1])
        for _ in range(8):
            p = 1 / (1 + np.exp(-x @ beta))
            beta += np.linalg.solve((x * (p * (1 - p))[:, None]).T @ x, x.T @ (got - p))
        treated[held] = 1 / (1 + np.exp(-z[held] @ beta))
    return np.column_stack([1 - treated, treated])


CASES: tuple[tuple[Check, str, str, Callable[[int], Evidence]], ...] = (
    (Bots(), "sessions assigned, 5 % bots", NOTHING, with_bots),
    (Bots(), "customers assigned, 5 % bots", NOTHING, partial(with_bots, by_customer=True)),
    (Bots(), "sessions assigned", "no bots logged in one arm", partial(with_bots, lost=1.0)),
    (Bots(), "sessions assigned", "bots' cost 20 times in one arm",
     partial(with_bots, multiple=20.0)),
    (LateCosts(), "sessions assigned, 8 weeks", NOTHING, with_weeks),
    (LateCosts(), "customers assigned, 8 weeks", NOTHING, partial(with_weeks, by_customer=True)),
    (LateCosts(), "weeks differ by 15 %", NOTHING, partial(with_weeks, weekly=0.15)),
    (LateCosts(), "sessions assigned, 8 weeks", "last 7 days lose 30 % of their cost",
     partial(with_weeks, lost=0.3)),
    (LateCosts(), "sessions assigned, 8,000 customers", NOTHING,
     partial(with_weeks, customers=8_000)),
    (LateCosts(), "sessions assigned, 8,000 customers", "last 7 days lose 30 % of their cost",
     partial(with_weeks, lost=0.3, customers=8_000)),
    (NuisanceCalibration(), "right models", NOTHING, with_models),
    (NuisanceCalibration(), "right models, 300 customers", NOTHING,
     partial(with_models, customers=300)),
    (NuisanceCalibration(), "straight lines", "confounding bends (bias of 2 errors)",
     partial(with_models, curve=0.15)),
    (NuisanceCalibration(), "straight lines", "confounding bends more (bias of 6 errors)",
     partial(with_models, curve=0.3)),
)  # fmt: skip


def draws(seed: int) -> list[tuple[int, bool]]:
    """Return, for every case, whether the check broke."""
    return list(_draws(seed))


def _draws(seed: int) -> Iterator[tuple[int, bool]]:
    for i, (check, _, _, made) in enumerate(CASES):
        yield i, check.run(made(seed)).status is Status.BROKE


def run(replications: int) -> pd.DataFrame:
    """Return how often each check broke, by study and planted fault."""
    found = pd.DataFrame(
        replicated(draws, range(replications), label="rows"), columns=["case", "broke"]
    )
    rate = found.groupby("case")["broke"].mean()
    return pd.DataFrame(
        {
            "check": [check.name for check, _, _, _ in CASES],
            "study": [study for _, study, _, _ in CASES],
            "planted": [planted for _, _, planted, _ in CASES],
            "rate": rate.to_numpy(),
            "mc_error": np.sqrt(rate * (1 - rate) / replications).to_numpy(),
            "draws": replications,
            "nominal": [LEVEL if case[2] == NOTHING else np.nan for case in CASES],
        }
    )
