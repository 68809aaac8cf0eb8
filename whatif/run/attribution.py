"""Attribution of a move asked of stored scores: names and days become arrays here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from whatif.base.arrays import Bools
from whatif.base.errors import Problem, UsageError
from whatif.contract.clock import Moments, read_moments
from whatif.contract.spec import StudySpec
from whatif.effects.contrasts import Metric
from whatif.effects.table import metrics_of
from whatif.run.named import declared, index_of
from whatif.scenarios.attribution.attribute import Attribution, attribute
from whatif.scenarios.attribution.opinion import OtherPart, second_opinion
from whatif.scenarios.attribution.periods import Periods, in_time, since_run
from whatif.scores.record import Scores
from whatif.verdict.attribution_wording import SINCE, periods_words

Day = str | dt.date
Days = tuple[Day, Day]
_ONE = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Since:
    """An earlier run of the same study."""

    scores: Scores
    spec: StudySpec


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """Which periods of one run are compared; days as a caller writes them, both ends included.

    Attributes
    ----------
    split : str or date or None
        First day of the later period.
    before, after : (first, last) or None
        The periods themselves, or what to keep of the two sides of `split`.
    """

    split: Day | None = None
    before: Days | None = None
    after: Days | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moved:
    """A move that was split, and which periods it lies between.

    Attributes
    ----------
    found : Attribution
        The move and its parts.
    when : str
        The periods in words.
    """

    found: Attribution
    when: str


def attribution(
    scores: Scores,
    spec: StudySpec,
    outcome: str,
    *,
    when: When,
    since: Since | None,
    by: str | Sequence[str] | None,
    opinion: bool,
) -> tuple[Moved, tuple[OtherPart, ...]]:
    """Split the move of an outcome or ratio between two periods, and ask DoWhy when told to.

    Raises
    ------
    UsageError
        If the outcome or the cut is not declared, the cut is measured after the treatment, the
        periods cannot be told or are empty, the two runs are not of one study, the target is not
        ``"ate"``, or DoWhy cannot be asked.
    EstimationError
        If a ratio has nothing to divide by.
    """
    _require_everyone(scores)
    if since is not None and when != When():
        raise _unsaid("`since` compares two runs; `split`, `before` and `after` cut one.")
    metric = _metric(spec, outcome)
    dimensions = spec.segments if by is None else (_cut(spec, by),)
    periods = (
        _in_one_run(scores, spec, metric, dimensions, when)
        if since is None
        else _in_two_runs(scores, spec, metric, dimensions, since)
    )
    found = attribute(periods, level=spec.level)
    moved = Moved(found=found, when=SINCE if since is not None else _when(when))
    return moved, second_opinion(periods, found, seed=spec.seed) if opinion else ()


def _cut(spec: StudySpec, by: str | Sequence[str]) -> tuple[str, ...]:
    """Return a declared cut; what is measured after the treatment can never be one."""
    names = [by] if isinstance(by, str) else list(by)
    late = {metric.name: "is measured after the treatment" for metric in metrics_of(spec)}
    late[spec.treatment.column] = "is the treatment, which has a part of its own"
    if spec.option is not None:
        late[spec.option] = "is measured after the treatment"
    for name in names:
        if name in late:
            known = [" × ".join(dimension) for dimension in spec.segments]
            raise UsageError(
                Problem(
                    what=f"{name!r} {late[name]}.",
                    why="a cut by it would count as mix what the treatment did.",
                    fix=f"cut by what is known before: {'; '.join(known) or 'nothing declared'}.",
                )
            )
    return declared(spec, names)


def _when(when: When) -> str:
    """Return the periods in words."""
    return periods_words(
        split=None if when.split is None else _day(when.split),
        before=None if when.before is None else _range(when.before),
        after=None if when.after is None else _range(when.after),
    )


def _metric(spec: StudySpec, outcome: str) -> Metric:
    known = metrics_of(spec)
    return known[index_of(outcome, [metric.name for metric in known], "outcome or ratio")]


def _require_everyone(scores: Scores) -> None:
    if scores.target != "ate":
        raise UsageError(
            Problem(
                what=f"The run's target is {scores.target!r}.",
                why="a move of what was observed is one of everyone, and the run's effects speak "
                "of others.",
                fix="run the study with `target: ate`.",
            )
        )


def _in_one_run(
    scores: Scores,
    spec: StudySpec,
    metric: Metric,
    dimensions: tuple[tuple[str, ...], ...],
    when: When,
) -> Periods:
    if when.split is None and (when.before is None or when.after is None):
        raise _unsaid("No periods are named.")
    moments = read_moments(spec, scores.columns)
    if moments is None:
        raise UsageError(
            Problem(
                what="The study names no time column.",
                why="a run can be cut in two periods only where each unit has its moment.",
                fix="name it under `time` and run the study again, or compare two runs with "
                "`since`.",
            )
        )
    earlier, later = _sides(moments, scores.n, when)
    return in_time(scores, metric, dimensions, earlier=earlier, later=later)


def _sides(moments: Moments, n: int, when: When) -> tuple[Bools, Bools]:
    """Return the units of both periods."""
    everyone = np.ones(n, dtype=np.bool_)
    first, last = moments.first_day(everyone), moments.last_day(everyone)
    split = None if when.split is None else _day(when.split)
    before = (first, _before(split)) if when.before is None else _range(when.before)
    after = (split or first, last) if when.after is None else _range(when.after)
    middle = after[0] if split is None else split
    if before[1] >= middle or after[0] < middle:
        raise _unsaid(
            f"The earlier period ends on {before[1]}, the later one begins on {after[0]}"
            + (f", and the split is {split}." if split else ".")
        )
    sides = tuple(
        moments.until(end) & ~moments.until(begin - _ONE) for begin, end in (before, after)
    )
    empty = [name for name, side in zip(("earlier", "later"), sides, strict=True) if not side.any()]
    if empty:
        raise UsageError(
            Problem(
                what=f"No unit is in the {' or the '.join(empty)} period; the data run from "
                f"{first} to {last}.",
                why="a move needs two periods.",
                fix="choose days inside the data.",
            )
        )
    return sides[0], sides[1]


def _before(split: dt.date | None) -> dt.date:
    return dt.date.max if split is None else split - _ONE


def _range(days: Days) -> tuple[dt.date, dt.date]:
    first, last = (_day(day) for day in days)
    if first > last:
        raise _unsaid(f"A period cannot begin on {first} and end on {last}.")
    return first, last


def _day(day: Day) -> dt.date:
    if isinstance(day, dt.datetime):
        return day.date()
    if isinstance(day, dt.date):
        return day
    try:
        return dt.date.fromisoformat(day)
    except (TypeError, ValueError) as error:
        raise _unsaid(f"{day!r} is not a day.") from error


def _unsaid(what: str) -> UsageError:
    return UsageError(
        Problem(
            what=what,
            why="a move is one from an earlier period to a later one.",
            fix="write split='2026-10-01', or before=('2026-09-01', '2026-09-30') and after=("
            "'2026-10-01', '2026-10-31'), or since= an older run.",
        )
    )


def _in_two_runs(
    scores: Scores,
    spec: StudySpec,
    metric: Metric,
    dimensions: tuple[tuple[str, ...], ...],
    since: Since,
) -> Periods:
    _require_everyone(since.scores)
    _require_same_study(scores, spec, since)
    assigned = spec.assigned or spec.unit
    return since_run(
        since.scores,
        scores,
        metric,
        dimensions,
        clusters_repeat=(spec.cluster or assigned) != spec.unit,
    )


def _require_same_study(scores: Scores, spec: StudySpec, since: Since) -> None:
    """Refuse runs whose units, arms or outcomes do not mean the same."""
    same = ("study", "unit", "cluster", "assigned", "window", "weights")
    pairs = {key: (getattr(since.spec, key), getattr(spec, key)) for key in same}
    pairs["treatment"] = (since.spec.treatment.column, spec.treatment.column)
    pairs["where"] = (_where(since.spec), _where(spec))
    pairs["arms"] = (since.scores.arms, scores.arms)
    pairs["outcomes"] = (since.scores.outcomes, scores.outcomes)
    pairs["segments"] = (since.spec.segments, spec.segments)
    differ = [f"{key}: {old} then, {new} now" for key, (old, new) in pairs.items() if old != new]
    if differ:
        raise UsageError(
            Problem(
                what=f"The two runs are not of one study ({'; '.join(differ)}).",
                why="numbers that are counted differently cannot be set against each other.",
                fix="give an older run of this very study as `since`.",
            )
        )
    if spec.unit is None:
        raise UsageError(
            Problem(
                what="The study names no unit.",
                why="only its id tells which rows of the later run are new.",
                fix="name the column under `unit` and run the study again.",
            )
        )


def _where(spec: StudySpec) -> str | None:
    return None if spec.data is None else spec.data.where
