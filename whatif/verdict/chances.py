"""The chance of each reading at a true effect: the rules of reading, over the estimate's law."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from whatif.contract.spec import OutcomeSpec, RatioSpec
from whatif.effects.power.precision import Law, good_sign
from whatif.effects.power.row import PowerRow
from whatif.verdict.readings import read_difference, read_guardrail
from whatif.verdict.record import Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingChance:
    """How likely a metric reads so at a true effect.

    Attributes
    ----------
    effect : float
        True effect of the arm, signed, in the metric's unit.
    reading : Reading
        The word.
    chance : float
        Its chance, above 0.
    """

    effect: float
    reading: Reading
    chance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """How small an effect can be seen, and what would be read at three true effects.

    `chances` is empty for segments, whose words also hang on the test between them, and where a
    row has no numbers.
    """

    row: PowerRow
    chances: tuple[ReadingChance, ...]


def reading_chances(
    metric: OutcomeSpec | RatioSpec, law: Callable[[float], Law], *, size: float
) -> tuple[ReadingChance, ...]:
    """Return the chance of each reading at true effects of 0, `size` and twice `size`.

    Effects are gains; for a guardrail with a limit they are harms. A reading hangs on the estimate
    through an interval of fixed width, so it is constant between estimates at which an end of the
    interval passes a mark; each stretch is read by the rule itself and weighed by the law.

    Parameters
    ----------
    metric : OutcomeSpec or RatioSpec
        Its direction, what matters, its limit.
    law : callable
        The law of the estimate at a signed true effect.
    size : float
        Positive.

    Examples
    --------
    >>> metric = OutcomeSpec(column="converted", matters_from=2.0)
    >>> made = reading_chances(metric, lambda _: Law(error=1.0, half_width=1.96, df=1e9), size=2.0)
    >>> [(one.reading.value, round(one.chance, 3)) for one in made if one.effect == 0.0]
    [('worse', 0.0), ('worse_perhaps', 0.025), ('not_clear_yet', 0.918), \
('no_difference_that_matters', 0.032), ('better_perhaps', 0.025), ('better', 0.0)]
    """
    toward = good_sign(metric) if not _limited(metric) else -good_sign(metric)
    return tuple(
        ReadingChance(effect=effect, reading=reading, chance=chance)
        for effect in (0.0, toward * size, toward * 2 * size)
        for reading, chance in _at(metric, law(effect), effect).items()
    )


def power_of(
    row: PowerRow, metric: OutcomeSpec | RatioSpec, law: Callable[[float], Law] | None
) -> Power:
    """Return a row with the chances of its readings, at what was asked, else what it can see."""
    size = row.asked or row.smallest
    if law is None or row.segment or not size:
        return Power(row=row, chances=())
    return Power(row=row, chances=reading_chances(metric, law, size=size))


def _limited(metric: OutcomeSpec | RatioSpec) -> bool:
    return metric.role == "guardrail" and metric.limit is not None


def _at(metric: OutcomeSpec | RatioSpec, law: Law, effect: float) -> dict[Reading, float]:
    """Sum the law over stretches of the estimate that read the same."""
    chances: dict[Reading, float] = {}
    for low, high, middle in _stretches(metric, law.half_width):
        reading = _read(metric, middle, law.half_width)
        chance = law.below(high, truth=effect) - law.below(low, truth=effect)
        chances[reading] = chances.get(reading, 0.0) + chance
    return {reading: chance for reading, chance in chances.items() if chance > 0}


def _stretches(
    metric: OutcomeSpec | RatioSpec, half: float
) -> Iterator[tuple[float, float, float]]:
    limit = metric.limit if _limited(metric) else metric.matters_from
    marks = (0.0,) if limit is None else (-limit, 0.0, limit)
    turns = sorted({mark + side for mark in marks for side in (-half, half)})
    yield -float("inf"), turns[0], turns[0] - half
    for low, high in pairwise(turns):
        yield low, high, (low + high) / 2
    yield turns[-1], float("inf"), turns[-1] + half


def _read(metric: OutcomeSpec | RatioSpec, estimate: float, half: float) -> Reading:
    low, high = estimate - half, estimate + half
    if metric.role == "guardrail" and metric.limit is not None:
        return read_guardrail(low, high, limit=metric.limit, better=metric.better)
    return read_difference(low, high, matters_from=metric.matters_from, better=metric.better)
