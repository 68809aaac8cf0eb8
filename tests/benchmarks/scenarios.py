"""Do the ranges of what-ifs cover? Ten fixed scenarios, 4,000 sessions of 1,000 customers.

Each replication draws past data in which a customer mostly sees one arm and orders correlate at .3
within customers, scores them with the default learners on two folds, and asks ten what-ifs through
the function behind ``answer.scenario``: groups, shares of them, other mixes, other prices. Truths
are a sum over discrete covariates and a quadrature over the cart.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from tests.benchmarks.clustered import HIGH, LOW, MEAN_HIGH, MEAN_LOW, chance_to_fail, study
from tests.benchmarks.repeated_customers import (
    DEVICES,
    ORDER_WORTH,
    URBANICITY,
    Covariates,
    cost_per_order,
    draw,
    grid,
    order_chance,
)
from tests.benchmarks.running import markdown, replicated
from whatif.base.arrays import Bools, Floats
from whatif.run.analysis import design_of_frame
from whatif.run.what_if import Question, ask
from whatif.scores.fit import fit_scores

TITLE = "What-ifs"
_FIRST_SEED = 200_000
ASKED = {
    "everyone": Question(),
    "mobile": Question(where="device = 'mobile'"),
    "mobile in the country": Question(where="device = 'mobile' and urbanicity = 'country'"),
    "half of the city": Question(where="urbanicity = 'city'", share=0.5),
    "members": Question(where="is_member"),
    "everyone, four in five mobile": Question(mix={"device": {"mobile": 0.8, "desktop": 0.2}}),
    "mobile, mostly country": Question(
        where="device = 'mobile'",
        mix={"urbanicity": {"city": 0.2, "suburb": 0.2, "country": 0.6}},
    ),
    "members, city mobile and suburb desktop": Question(
        where="is_member",
        mix={("urbanicity", "device"): {("city", "mobile"): 0.5, ("suburb", "desktop"): 0.5}},
    ),
    "everyone at other prices": Question(
        per={"converted": 25.0},
        factor={"shipping_cost": 1.2},
        arm_cost={"expanded": 0.05},
        price={"expanded": 0.3},
    ),
    "third of non-members, mostly city, at a cost": Question(
        where="not is_member",
        share=1 / 3,
        mix={"urbanicity": {"city": 0.6, "suburb": 0.3, "country": 0.1}},
        arm_cost={"expanded": 0.02},
    ),
}
"""Scenario by its name in the table."""


@cache
def truths() -> dict[tuple[str, str], float]:
    """Return the population value of every quantity of every scenario."""
    x, weight = grid()
    return {
        (name, quantity): value
        for name, question in ASKED.items()
        for quantity, value in _truth(x, weight, question).items()
    }


def _truth(x: Covariates, weight: Floats, question: Question) -> dict[str, float]:
    weight = _mixed(x, weight, question)
    given = question.share * weight * _chosen(x, question.where)
    factor = question.factor.get("shipping_cost", 1.0)
    orders = [order_chance(x, expanded=arm) for arm in (False, True)]
    costs = [factor * o * cost_per_order(x, expanded=bool(a)) for a, o in enumerate(orders)]
    gained, paid = given @ (orders[1] - orders[0]), given @ (costs[1] - costs[0])
    before = weight @ costs[0] / (weight @ orders[0])
    after = (weight @ costs[0] + paid) / (weight @ orders[0] + gained)
    worth = question.per.get("converted", ORDER_WORTH)
    arm_cost, price = question.arm_cost.get("expanded", 0.0), question.price.get("expanded", 0.0)
    profit = worth * gained - paid - arm_cost * given.sum() + price * given @ orders[1]
    return {
        "converted": float(gained),
        "shipping_cost": float(paid),
        "cost_per_order": float(after - before),
        "profit": float(profit),
    }


def _mixed(x: Covariates, weight: Floats, question: Question) -> Floats:
    for dimension, shares in question.mix.items():
        columns = (dimension,) if isinstance(dimension, str) else dimension
        made = np.zeros(weight.size)
        for level, share in shares.items():
            levels = (level,) if isinstance(dimension, str) else level
            inside = np.ones(weight.size, dtype=np.bool_)
            for column, own in zip(columns, levels, strict=True):
                inside &= _is(x, column, own)
            made += share * weight * inside / (weight @ inside)
        weight = made
    return weight


def _is(x: Covariates, column: str, level: str) -> Bools:
    if column == "device":
        return np.asarray(x.mobile == bool(DEVICES.index(level)))
    return np.asarray(x.urbanicity == URBANICITY.index(level))


def _chosen(x: Covariates, where: str) -> Bools:
    groups: dict[str, Bools] = {
        "": np.ones(x.cart.size, dtype=np.bool_),
        "device = 'mobile'": x.mobile,
        "device = 'mobile' and urbanicity = 'country'": x.mobile & _is(x, "urbanicity", "country"),
        "urbanicity = 'city'": _is(x, "urbanicity", "city"),
        "is_member": x.member,
        "not is_member": ~x.member,
    }
    return groups[where]


def replicate(seed: int) -> list[dict[str, object]]:
    """Draw one log, score it, ask every what-if, and compare each range with the truth."""
    spec = study()
    scores = fit_scores(
        design_of_frame(spec, draw(seed)),
        rule=spec.overlap, seed=seed, key="", learners=spec.learners, workers=1,
    )  # fmt: skip
    found: list[dict[str, object]] = []
    for name, question in ASKED.items():
        made = ask(scores, spec, question, days=None)
        assert made.profit is not None
        for effect in (*made.effects, made.profit):
            assert effect.estimate is not None
            assert effect.std_error is not None
            (low, high), known = effect.ci, truths()[name, effect.outcome]
            assert low is not None
            assert high is not None
            found.append(
                {
                    "scenario": name,
                    "quantity": effect.outcome,
                    "covered": low <= known <= high,
                    "z": (effect.estimate - known) / effect.std_error,
                }
            )
    return found


def run(replications: int) -> pd.DataFrame:
    """Return the coverage of every range."""
    seeds = range(_FIRST_SEED, _FIRST_SEED + replications)
    draws = pd.DataFrame(replicated(replicate, seeds, label=TITLE))
    table = draws.groupby(["scenario", "quantity"], sort=False).agg(
        coverage=("covered", "mean"), mean_z=("z", "mean"), sd_z=("z", "std"),
        replications=("z", "size"),
    )  # fmt: skip
    error = np.sqrt(table["coverage"] * (1 - table["coverage"]) / table["replications"])
    table.insert(1, "± (one error)", error)
    return table.rename(columns={"mean_z": "mean z", "sd_z": "sd z"}).reset_index()


def section(replications: int) -> str:
    """Measure and say it: what was asked, what was found, and the table."""
    table = run(replications)
    cover = table["coverage"]
    sound = ((cover >= LOW) & (cover <= HIGH)).all() and MEAN_LOW <= cover.mean() <= MEAN_HIGH
    alarm = chance_to_fail(replications, coverage=0.95)
    return "\n\n".join(
        [
            f"**{'Met' if sound else 'Not met'}.** Ranges cover {cover.min():.3f} to "
            f"{cover.max():.3f} (asked: .930 to .970), {cover.mean():.3f} on average (asked: .940 "
            "to .960).",
            f"{replications:,} replications. An engine whose {len(cover)} ranges truly cover .95 "
            f"passes with a chance of at least {max(1 - len(cover) * alarm, 0):.6f}.",
            markdown(table),
        ]
    )
