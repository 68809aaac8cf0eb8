"""Effects over time: novelty, day of week, leave one period out, event windows.

Customers come back, arrive over eight weeks, and their orders correlate at .3 within a customer;
costs of an order are lognormal with spread 1 and correlate too. The level of orders moves with the
weekday and rises over the weeks, whatever the arm. Where sessions are assigned the arm adds the
same chance of an order to each; where customers are assigned and their 28 days are added up, it
raises each session's chance by the same share. Every check looks at conversion, cost per session
and cost per order. Rows are shares of draws in which a check broke.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np
import pandas as pd

from tests.benchmarks.running import replicated
from tests.checks_evidence import evidence_of, scores_of, world
from whatif.base.arrays import Bools, Floats, Ints
from whatif.base.rng import generator
from whatif.checks.day_of_week import DayOfWeek
from whatif.checks.event_windows import EventWindows
from whatif.checks.evidence import Check, Evidence
from whatif.checks.leave_one_period_out import LeaveOnePeriodOut
from whatif.checks.novelty import Novelty
from whatif.checks.result import Status
from whatif.contract.spec import StudySpec
from whatif.run.analysis import design_of_frame

DAYS = 56
START = pd.Timestamp("2026-06-01")  # a Monday
EVENT = (43, 44)  # 14 and 15 July
EARLY_EVENT = (15, 16)  # among the days on which a window of 28 days can begin
NOMINAL = 0.01
EFFECT = 0.12
_CORRELATION = 0.3
_SPREAD = 1.0
_CHECKS: tuple[Check, ...] = (Novelty(), DayOfWeek(), LeaveOnePeriodOut(), EventWindows())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Visits:
    """When sessions take place; n sessions.

    `day` counts from the first day of the study, `age` from the customer's first session.
    """

    customer: Ints
    moment: Floats
    day: Ints
    age: Floats


Factor = Callable[[Visits], Floats]
"""By how much the effect of a session is multiplied."""


def constant(v: Visits) -> Floats:
    """Return one everywhere."""
    return np.ones(v.day.size)


def halved_after_a_week(v: Visits) -> Floats:
    """Return one in a customer's first seven days and a half later."""
    return np.where(v.age < 7, 1.0, 0.5)


def gone_in_the_second_half(v: Visits) -> Floats:
    """Return one in a customer's first fourteen days and nothing later."""
    return (v.age < 14).astype(np.float64)


def sundays_threefold(v: Visits) -> Floats:
    """Return three on Sundays and one on other days."""
    return np.where(v.day % 7 == 6, 3.0, 1.0)


def one_odd_week(v: Visits) -> Floats:
    """Return three in the fourth week and one in the others."""
    return np.where(v.day // 7 == 3, 3.0, 1.0)


def event_threefold(v: Visits) -> Floats:
    """Return three on the two days of the event and one on other days."""
    return np.where((v.day >= EVENT[0]) & (v.day <= EVENT[1]), 3.0, 1.0)


def visits(rng: np.random.Generator, customers: int, mean: float = 6.0) -> Visits:
    """Draw customers who arrive evenly over the weeks and come back evenly after that.

    What lies behind the last day is not seen, so that all have the same first 28 days.
    """
    often = 1 + rng.negative_binomial(1, 1 / (1 + mean), size=customers)
    who = np.repeat(np.arange(customers), often)
    arrival = rng.uniform(0, DAYS, customers)
    first = np.diff(who, prepend=-1) > 0
    age = np.where(first, 0.0, rng.uniform(0, DAYS, who.size))
    moment = arrival[who] + age
    seen = np.flatnonzero(moment < DAYS)
    order = seen[np.argsort(moment[seen], kind="stable")]
    return Visits(
        customer=who[order],
        moment=moment[order],
        day=moment[order].astype(np.int64),
        age=age[order],
    )


def log_of(
    seed: int,
    *,
    factor: Factor = constant,
    customers: int = 1_000,
    by_customer: bool = False,
    arms: int = 2,
) -> pd.DataFrame:
    """Return sessions with a known effect on the chance of an order."""
    rng = generator(seed, "effects over time")
    v = visits(rng, customers)
    n = v.day.size
    arm = rng.integers(0, arms, customers)[v.customer] if by_customer else rng.integers(0, arms, n)
    x = rng.normal(size=n)
    level = 0.35 + 0.05 * np.sin(2 * np.pi * v.day / 7) + 0.04 * x.clip(-1, 1)
    level = level + (0.0 if by_customer else 0.1 * v.day / DAYS)
    gain = factor(v) * EFFECT * (arm > 0)
    chance = level * (1 + gain / 0.35) if by_customer else level + gain
    keen = np.sqrt(_CORRELATION) * rng.choice([-1.0, 1.0], customers)[v.customer]
    ordered: Bools = rng.random(n) < chance + keen * np.sqrt(level * (1 - level))
    taste = np.sqrt(_CORRELATION) * rng.normal(size=customers)[v.customer]
    cost = np.exp(1 + _SPREAD * (taste + np.sqrt(1 - _CORRELATION) * rng.normal(size=n)))
    return pd.DataFrame(
        {
            "session": np.arange(n),
            "customer": v.customer,
            "at": START + pd.to_timedelta((v.moment * 86_400).astype(np.int64), unit="s"),
            "arm": np.array([f"a{a}" for a in range(arms)])[arm],
            "x": x,
            "converted": ordered.astype(np.int8),
            "cost": ordered * cost,
        }
    )


@cache
def study(*, by_customer: bool = False, arms: int = 2) -> StudySpec:
    """The question asked of every draw."""
    day = [
        str((START + pd.Timedelta(days=d)).date()) for d in (EARLY_EVENT if by_customer else EVENT)
    ]
    who = "customer" if by_customer else "session"
    given = {
        "study": "effects-over-time",
        "unit": who,
        "cluster": "customer",
        "assigned": who,
        "time": "at",
        "treatment": {"column": "arm", "control": "a0"},
        "design": {"kind": "experiment", "probability": {f"a{a}": 1 / arms for a in range(arms)}},
        "outcomes": [
            {"column": "converted", "matters_from": 0.05},
            {
                "column": "cost",
                "kind": "cost",
                "role": "guardrail",
                "better": "lower",
                "limit": 1.0,
            },
        ],
        "ratios": [
            {
                "name": "cost_per_order",
                "numerator": "cost",
                "denominator": "converted",
                "role": "guardrail",
                "better": "lower",
                "limit": 0.5,
            }
        ],
        "covariates": ["x"],
        "events": [{"name": "prime_day", "start": day[0], "end": day[1]}],
    }
    return StudySpec.model_validate(given | ({"window": "28d"} if by_customer else {}))


@cache
def _any_evidence() -> Evidence:
    return evidence_of(world(0, customers=40))


def evidence(spec: StudySpec, frame: pd.DataFrame) -> Evidence:
    """Wrap a log as evidence, scored by the small pipeline of the tests of the checks."""
    design = design_of_frame(spec, frame)
    return replace(_any_evidence(), spec=spec, design=design, scores=scores_of(design))


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One kind of study and the checks that look at it."""

    study: str
    planted: str
    checks: tuple[Check, ...]
    make: Callable[[int], pd.DataFrame]
    spec: Callable[[], StudySpec]

    def draws(self, seed: int) -> list[dict[str, object]]:
        """Return what every check found in one draw."""
        made = evidence(self.spec(), self.make(seed))
        return [
            {
                "check": check.name,
                "study": self.study,
                "planted": self.planted,
                "broke": (status := check.run(made).status) is Status.BROKE,
                "held": status is Status.HELD,
            }
            for check in self.checks
        ]


NOTHING = "nothing"
_SMALL, _LARGE = (
    "about 4,000 sessions of 1,000 customers",
    "about 20,000 sessions of 5,000 customers",
)
_BIG = partial(log_of, customers=5_000)
CASES = (
    Case(
        study=f"sessions assigned; {_SMALL}",
        planted=NOTHING,
        checks=_CHECKS,
        make=log_of,
        spec=study,
    ),
    Case(
        study=f"three arms, sessions assigned; {_SMALL}",
        planted=NOTHING,
        checks=_CHECKS,
        make=partial(log_of, arms=3),
        spec=partial(study, arms=3),
    ),
    Case(
        study="customers assigned, 28 days added up; 5,000 customers",
        planted=NOTHING,
        checks=_CHECKS,
        make=partial(_BIG, by_customer=True),
        spec=partial(study, by_customer=True),
    ),
    Case(
        study=f"sessions assigned; {_LARGE}",
        planted="the effect halves after a week",
        checks=(Novelty(),),
        make=partial(_BIG, factor=halved_after_a_week),
        spec=study,
    ),
    Case(
        study="customers assigned, 28 days added up; 5,000 customers",
        planted="no effect after two weeks",
        checks=(Novelty(),),
        make=partial(_BIG, by_customer=True, factor=gone_in_the_second_half),
        spec=partial(study, by_customer=True),
    ),
    Case(
        study=f"sessions assigned; {_LARGE}",
        planted="three times the effect on Sundays",
        checks=(DayOfWeek(),),
        make=partial(_BIG, factor=sundays_threefold),
        spec=study,
    ),
    Case(
        study=f"sessions assigned; {_LARGE}",
        planted="three times the effect in one week of eight",
        checks=(LeaveOnePeriodOut(),),
        make=partial(_BIG, factor=one_odd_week),
        spec=study,
    ),
    Case(
        study=f"sessions assigned; {_LARGE}",
        planted="three times the effect on the two days of the event",
        checks=(EventWindows(),),
        make=partial(_BIG, factor=event_threefold),
        spec=study,
    ),
)


def replicate(seed: int) -> list[dict[str, object]]:
    """Draw every kind of study once."""
    return [row for case in CASES for row in case.draws(seed)]


def run(replications: int) -> pd.DataFrame:
    """Return how often each check broke, by what was planted."""
    seeds = range(40_000, 40_000 + replications)
    draws = pd.DataFrame(replicated(replicate, seeds, label="Effects over time"))
    grouped = draws.groupby(["check", "study", "planted"], sort=False)
    table = grouped["broke"].agg(rate="mean", draws="size").reset_index()
    sound = table["planted"] == NOTHING
    table["mc_error"] = np.sqrt(table["rate"] * (1 - table["rate"]) / table["draws"])
    table["nominal"] = np.where(sound, NOMINAL, np.nan)
    return table[["check", "study", "planted", "rate", "mc_error", "draws", "nominal"]]
