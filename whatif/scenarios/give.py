"""What if some units got an arm and the rest the control: a linear view of the scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from whatif.base.arrays import Bools
from whatif.base.errors import Problem, UsageError
from whatif.base.records import BreakEven
from whatif.effects.bands import t_critical
from whatif.effects.contrasts import Metric
from whatif.effects.minimum import (
    LEAST_ARM_CLUSTERS_FOR_INTERVAL,
    LEAST_CLUSTERS,
    LEAST_EVENTS,
    LEAST_ORDERS,
)
from whatif.effects.rows import Ends
from whatif.scenarios.ledger import Ledger, ledger
from whatif.scenarios.mix import Mix, remixed, require_effective
from whatif.scenarios.moments import Moments, Remix, moments
from whatif.scenarios.prices import (
    Number,
    Prices,
    break_even_of,
    change_of,
    near_zero,
    profit_of,
)
from whatif.scores.record import Scores

PROFIT = "profit"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioEffect:
    """Change of one metric against control for everyone, per unit of the population or per month.

    Estimate and error are None for a ratio without orders to divide by; the interval is None below
    ten clusters an arm, and for a ratio whose denominator may be close to zero.
    """

    outcome: str
    versus: str
    per: Literal["unit", "month"]
    estimate: float | None
    std_error: float | None
    ci: Ends


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioAnswer:
    """Answer to "give `give` to a share of the units where `where`".

    Attributes
    ----------
    give, where : str
        The arm, and the row expression (empty for everyone).
    share : float
        Share of those units that get it.
    mix : tuple of (column, level, share)
        Another mix of the population; empty for that of the data.
    n : int
        Units of the data that `where` finds.
    effects : tuple of ScenarioEffect
        One per outcome and ratio, per unit of the whole population.
    profit : ScenarioEffect or None
        Money per unit of the whole population; None where nothing is worth anything.
    monthly : tuple of ScenarioEffect
        Outcomes and profit a month; empty where units a month are not known.
    units_per_month : float or None
        Units a month in the whole population.
    currency : str
        Of `profit`.
    break_even : BreakEven or None
        Worth of one more order at which nothing is gained or lost.
    effective_clusters : float
        Clusters that the mix leaves, in effect.
    small : bool
        Whether those who get it are too few to be shown on a page.
    planned : bool
        Whether the study declared this group: everyone, or a segment.
    target, population : str
        Whom averages speak of, as in the scores.
    """

    give: str
    where: str
    share: float
    mix: tuple[tuple[str, str, float], ...]
    n: int
    effects: tuple[ScenarioEffect, ...]
    profit: ScenarioEffect | None
    monthly: tuple[ScenarioEffect, ...]
    units_per_month: float | None
    currency: str
    break_even: BreakEven | None
    effective_clusters: float
    small: bool
    planned: bool
    target: str
    population: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Whatif:
    """A question about scores of n units.

    Attributes
    ----------
    give : str
        An arm.
    where : str
        The expression behind `chosen`, for error messages and the answer.
    chosen : ndarray of bool, shape (n,)
        Who gets the arm, in the ledger's order; depends on pre-treatment columns only.
    prices : Prices
        What outcomes are worth.
    share : float
        Share of the chosen that gets the arm.
    mix : Mix or None
        Another mix of the population.
    planned : bool
        Whether the study declared this group.
    """

    give: str
    where: str
    chosen: Bools
    prices: Prices
    share: float = 1.0
    mix: Mix | None = None
    planned: bool = True


def give_arm(
    scores: Scores, metrics: tuple[Metric, ...], asked: Whatif, *, level: float
) -> ScenarioAnswer:
    """Value giving an arm to a share of some units, and the control to everyone else.

    Raises
    ------
    UsageError
        If `give` is not an arm, the share is not in (0, 1], nobody is chosen, the chosen never got
        one of the two arms, or the mix cannot be made from the data.
    """
    book = ledger(scores)
    arm = _arm(scores, asked)
    if not 0 < asked.share <= 1:
        raise UsageError(
            Problem(
                what=f"A share of {asked.share} cannot be given an arm.",
                why="a share lies above 0 and at most at 1.",
                fix="write e.g. 0.5 for every second unit.",
            )
        )
    _require_both_arms(scores, book, arm, asked)
    mix, who = None, asked.chosen
    if asked.mix is not None:
        mix, who = remixed(book, asked.mix, scores.arms, arm=arm, chosen=asked.chosen)
    paid = asked.prices.order if asked.prices.price else None
    made = moments(
        book,
        arm=arm,
        chosen=asked.chosen,
        share=asked.share,
        mix=mix,
        charged=asked.prices.arm_cost != 0,
        paid=paid,
    )
    if asked.mix is not None:
        require_effective(made.effective_clusters)
    seen = {a: book.clusters_with(book.received[a] & who) for a in {0, arm}}
    return _answer(
        scores,
        metrics,
        asked,
        made,
        critical=_critical(
            seen, level, book=book, who=who, mix=mix, whole=scores.clusters_assigned
        ),
        small=min(seen.values()) < LEAST_CLUSTERS or _few_events(book, metrics, arm, who),
    )


def _arm(scores: Scores, asked: Whatif) -> int:
    if asked.give not in scores.arms:
        raise UsageError(
            Problem(
                what=f"There is no arm {asked.give!r}.",
                why="only arms that were observed have scores.",
                fix=f"give one of {', '.join(scores.arms)}.",
            )
        )
    if not asked.chosen.any():
        raise UsageError(
            Problem(
                what=f"Nobody in the data satisfies {asked.where!r}.",
                why="a scenario outside the data would be a guess.",
                fix="check the levels in the expression against the page's segments.",
            )
        )
    return scores.arms.index(asked.give)


def _require_both_arms(scores: Scores, book: Ledger, arm: int, asked: Whatif) -> None:
    missing = [
        scores.arms[a] for a in sorted({0, arm}) if not (book.received[a] & asked.chosen).any()
    ]
    if missing:
        who = f"Nobody with {asked.where!r}" if asked.where else "Nobody"
        raise UsageError(
            Problem(
                what=f"{who} got {' or '.join(sorted(missing))}.",
                why="what the arm does there was never seen, so the answer would be a guess.",
                fix="ask about units that could get both arms.",
            )
        )


def _critical(
    seen: dict[int, int],
    level: float,
    *,
    book: Ledger,
    who: Bools,
    mix: Remix | None,
    whole: bool,
) -> float | None:
    """Return the critical value, its degrees of freedom counted among those who get the arm.

    Where whole clusters were assigned (`whole`), those of the smaller arm count; at another mix no
    more clusters than the mix leaves.
    """
    fewest = min(seen.values())
    if fewest < LEAST_ARM_CLUSTERS_FOR_INTERVAL:
        return None
    counted = fewest if whole else book.clusters_with(who)
    if mix is not None:
        mass = book.by_cluster(book.mass * mix.ratio.take(mix.levels.code) * who)
        counted = min(counted, int(float(mass.sum()) ** 2 / float((mass**2).sum())))
    return t_critical(level, counted - 1) if counted > 1 else None


def _answer(
    scores: Scores,
    metrics: tuple[Metric, ...],
    asked: Whatif,
    made: Moments,
    *,
    critical: float | None,
    small: bool,
) -> ScenarioAnswer:
    prices, versus = asked.prices, scores.arms[0]
    effects = [
        _effect(
            metric.name,
            versus,
            change_of(made, metric, prices),
            made,
            None if near_zero(made, metric, critical) else critical,
        )
        for metric in metrics
    ]
    profit = None
    if prices.per.any():
        profit = _effect(PROFIT, versus, profit_of(made, prices), made, critical)
    summed = [e for e, m in zip(effects, metrics, strict=True) if m.denominator is None]
    summed += [] if profit is None else [profit]
    units = prices.units_per_month
    return ScenarioAnswer(
        give=asked.give,
        where=asked.where,
        share=asked.share,
        mix=() if asked.mix is None else asked.mix.described,
        n=int(np.count_nonzero(asked.chosen)),
        effects=tuple(effects),
        profit=profit,
        monthly=() if units is None else tuple(_times(one, units) for one in summed),
        units_per_month=units,
        currency=prices.currency,
        break_even=break_even_of(made, prices, outcomes=scores.outcomes, critical=critical),
        effective_clusters=made.effective_clusters,
        small=small,
        planned=asked.planned,
        target=scores.target,
        population=scores.population,
    )


def _effect(
    name: str, versus: str, number: Number | None, made: Moments, critical: float | None
) -> ScenarioEffect:
    if number is None:
        return ScenarioEffect(
            outcome=name, versus=versus, per="unit", estimate=None, std_error=None, ci=(None, None)
        )
    error = made.error(number.gradient) if critical is not None else None
    half = None if critical is None or error is None else critical * error
    return ScenarioEffect(
        outcome=name,
        versus=versus,
        per="unit",
        estimate=number.value,
        std_error=error,
        ci=(None, None) if half is None else (number.value - half, number.value + half),
    )


def _times(one: ScenarioEffect, units: float) -> ScenarioEffect:
    low, high = one.ci
    return ScenarioEffect(
        outcome=one.outcome,
        versus=one.versus,
        per="month",
        estimate=None if one.estimate is None else units * one.estimate,
        std_error=None if one.std_error is None else units * one.std_error,
        ci=(None if low is None else units * low, None if high is None else units * high),
    )


def _few_events(book: Ledger, metrics: tuple[Metric, ...], arm: int, chosen: Bools) -> bool:
    """Whether an arm has too few events among the chosen to be shown (ruling 4)."""
    for a in {0, arm}:
        got = book.received[a] & chosen
        events = [int(np.count_nonzero(got & happened)) for happened in book.happened]
        for metric in metrics:
            ratio = metric.denominator is not None
            k = metric.numerator if metric.denominator is None else metric.denominator
            if events[k] < (LEAST_ORDERS if ratio else LEAST_EVENTS):
                return True
    return False
