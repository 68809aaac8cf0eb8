"""Bounds for hidden causes of known strength, and the checks that hold them against measured ones.

A hidden cause u of ±1 belongs to the customer. It shifts the chance of the arm by δ e (1 − e) and
the outcome by γ u, so the study without it is wrong by γδ exactly; its strength follows from one
integral over the measured cause. Outcomes have a heavy tail and correlate at .3 within customers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from tests.benchmarks.running import replicated
from tests.checks_evidence import World, evidence_of
from whatif.base.rng import generator
from whatif.checks.evidence import Check, Evidence
from whatif.checks.hidden_confounding import ConfounderBenchmarks, HiddenConfounding
from whatif.checks.result import Cost, Status
from whatif.effects.sensitivity.assess import Worth, hidden_cause
from whatif.effects.sensitivity.bounds import bounds

CUSTOMERS, SESSIONS = 1_000, 4_000
CORRELATION = 0.3
TAIL = 0.8
"""Spread of the log of the noise: its skewness is 3.7, its kurtosis above 30."""
SPREAD = 1.5
"""Standard deviation of the noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """A study with a hidden cause.

    Attributes
    ----------
    effect : float
        True effect of the arm.
    delta, gamma : float
        What the hidden cause does to arm and outcome; 0 for no hidden cause.
    lean, slope : float
        What the measured cause does to the log odds of the arm, and to the outcome.
    by_customer : bool
        Whether customers, and not sessions, got an arm.
    """

    effect: float
    delta: float = 0.0
    gamma: float = 0.0
    lean: float = 0.5
    slope: float = 0.5
    by_customer: bool = False

    def strength(self) -> tuple[float, float, float]:
        """Return the true cf_y, cf_d and ρ of the hidden cause, by quadrature over x ~ N(0, 1)."""
        nodes, mass = np.polynomial.hermite_e.hermegauss(80)
        mass = mass / mass.sum()
        e = 1.0 / (1.0 + np.exp(-self.lean * nodes))
        open_arm = e * (1.0 - e)
        left = self.gamma**2 * (1.0 - self.delta**2 * (mass @ open_arm))
        short = float(mass @ (1.0 / open_arm))
        shifted = [e + u * self.delta * open_arm for u in (-1.0, 1.0)]
        long = float(np.mean([mass @ (1.0 / (p * (1.0 - p))) for p in shifted]))
        sigma2 = left + SPREAD**2
        cf_y, cf_d = float(left / sigma2), 1.0 - short / long
        worst = np.sqrt(sigma2 * short * cf_y * cf_d / (1.0 - cf_d))
        return cf_y, cf_d, float(self.gamma * self.delta / worst) if worst > 0 else 0.0


def draw(seed: int, study: Hidden) -> World:
    """Return one drawing; without its hidden cause the models have exactly linear truths."""
    rng = generator(seed, "hidden cause")
    cluster = np.concatenate(
        [np.arange(CUSTOMERS), rng.integers(0, CUSTOMERS, SESSIONS - CUSTOMERS)]
    )
    x = rng.standard_normal(CUSTOMERS)[cluster]
    if not study.by_customer:
        x = np.sqrt(0.5) * x + np.sqrt(0.5) * rng.standard_normal(SESSIONS)
    u = rng.choice([-1.0, 1.0], CUSTOMERS)[cluster]
    e = 1.0 / (1.0 + np.exp(-study.lean * x))
    chance = e + study.delta * u * e * (1.0 - e)
    luck = rng.random(CUSTOMERS)[cluster] if study.by_customer else rng.random(SESSIONS)
    arm = (luck < chance).astype(np.int64)
    shared = np.sqrt(CORRELATION) * rng.standard_normal(CUSTOMERS)[cluster]
    log = TAIL * (shared + np.sqrt(1.0 - CORRELATION) * rng.standard_normal(SESSIONS))
    tail = (np.exp(log) - np.exp(TAIL**2 / 2)) / np.sqrt(np.exp(TAIL**2) * (np.exp(TAIL**2) - 1.0))
    # γδ e makes the outcome linear in x once u is averaged out within arms
    outcome = study.effect * arm + study.slope * x + study.gamma * (u + study.delta * e)
    unit = cluster if study.by_customer else np.arange(SESSIONS)
    return World(
        arm=arm,
        assigned=unit,
        cluster=cluster,
        y=(outcome + SPREAD * tail)[:, None],
        x=np.column_stack([x, rng.standard_normal((SESSIONS, 2))]),
        chance=np.column_stack([1.0 - e, e]),
        phase=np.zeros_like(arm),
    )


def evidence(seed: int, study: Hidden) -> Evidence:
    """Return the evidence of one drawing, with linear models cross-fitted in two folds."""
    made = evidence_of(draw(seed, study), kind="observational")
    assigned = replace(made.scores, clusters_assigned=study.by_customer)
    return replace(made, scores=assigned)


def misses(seed: int, study: Hidden) -> tuple[bool, bool]:
    """Whether the truth lies beyond the range of its own bound, and of the worst-case bounds.

    At the true strength and alignment the bound on the side of the truth converges to it, so that
    its one-sided range must miss it in 2.5 % of draws.
    """
    cf_y, cf_d, rho = study.strength()
    scores = evidence(seed, study).scores
    about = hidden_cause(scores, Worth(name="y", per=np.ones(1)), arm=1, level=0.95)
    own = bounds(about, cf_y=cf_y, cf_d=cf_d, rho=rho)
    worst = bounds(about, cf_y=cf_y, cf_d=cf_d)
    side = own.ci[0] > study.effect if study.gamma > 0 else own.ci[1] < study.effect
    return bool(side), not worst.ci[0] <= study.effect <= worst.ci[1]


SOUND = (
    ("strong effect, sessions assigned", Hidden(effect=0.8)),
    ("strong effect, customers assigned", Hidden(effect=0.8, by_customer=True)),
)
_CAUSE = Hidden(effect=0.0, delta=0.5, gamma=0.7, lean=0.7, slope=0.7)
PLANTED = (
    ("no effect, one measured cause about as strong", _CAUSE),
    ("the same, customers assigned", replace(_CAUSE, by_customer=True)),
)
OF_BOUNDS = (
    *PLANTED,
    ("effect 0.3, the cause works against it", replace(_CAUSE, effect=0.3, gamma=-0.7)),
)


def run(replications: int) -> pd.DataFrame:
    """Return false alarms and power of both checks, and how often bounds miss the truth."""
    rows: list[dict[str, object]] = []
    for name, study in (*SOUND, *PLANTED):
        for check in (HiddenConfounding(), ConfounderBenchmarks()):
            count = replications if check.cost is Cost.VIEW else max(replications // 4, 1)
            work = _Broke(check=check, study=study)
            broke = replicated(work, range(count), label=f"{check.name}, {name}")
            nominal = np.nan if study.gamma else 0.01
            rows.append(_row(check.name, name, study, broke, nominal=nominal))
    for name, study in OF_BOUNDS:
        missed = replicated(_Missed(study=study), range(replications), label=f"bounds, {name}")
        own, worst = zip(*missed, strict=True)
        what = "bound at the true strength misses the truth"
        rows.append(_row(what, name, study, own, nominal=0.025))
        what = "bounds for the worst direction miss the truth"
        rows.append(_row(what, name, study, worst, nominal=0.05))
    return pd.DataFrame(rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Broke:
    check: Check
    study: Hidden

    def __call__(self, seed: int) -> Sequence[bool]:
        return [self.check.run(evidence(seed, self.study)).status is Status.BROKE]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Missed:
    study: Hidden

    def __call__(self, seed: int) -> Sequence[tuple[bool, bool]]:
        return [misses(seed, self.study)]


def _row(
    check: str, name: str, study: Hidden, found: Sequence[bool], *, nominal: float
) -> dict[str, object]:
    rate = float(np.mean(found))
    cf_y, cf_d, rho = study.strength()
    planted = f"hidden cause with {cf_y:.0%} of the outcome, {cf_d:.0%} of the weights, ρ {rho:.2f}"
    return {
        "check": check,
        "study": f"{SESSIONS:,} sessions of {CUSTOMERS:,} customers, {name}",
        "planted": planted if study.gamma else "nothing",
        "rate": rate,
        "mc_error": float(np.sqrt(max(rate * (1 - rate), 0.25 / len(found)) / len(found))),
        "draws": len(found),
        "nominal": nominal,
    }
