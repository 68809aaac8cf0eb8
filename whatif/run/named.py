"""Arms, outcomes and segments by the names a caller uses; what is not known is refused here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from whatif.base.errors import Problem, UsageError, did_you_mean
from whatif.contract.spec import StudySpec
from whatif.effects.cells import cut
from whatif.effects.contrasts import Metric
from whatif.effects.joint import Joint, joint
from whatif.effects.rows import Level, Segment
from whatif.effects.table import metrics_of
from whatif.scores.record import Scores

Dimension = tuple[str, ...]
Where = Mapping[str, Level]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Names:
    """The joint means over some declared cuts, found by name."""

    means: Joint
    metrics: tuple[Metric, ...]

    @classmethod
    def of(cls, scores: Scores, spec: StudySpec, dimensions: Sequence[Dimension]) -> Names:
        """Average the scores over some declared cuts."""
        means = joint(scores, cut(scores.columns, tuple(dict.fromkeys(dimensions))))
        return cls(means=means, metrics=metrics_of(spec))

    def arm(self, name: str) -> int:
        """Return the index of an arm."""
        return index_of(name, list(self.means.arms), "arm")

    def metric(self, name: str) -> Metric:
        """Return an outcome, a declared ratio, or ``numerator/denominator`` of two outcomes."""
        known = {metric.name: metric for metric in self.metrics}
        outcomes = list(self.means.outcomes)
        top, slash, bottom = name.partition("/")
        if name not in known and slash and top in outcomes and bottom in outcomes and top != bottom:
            return Metric(
                name=name, numerator=outcomes.index(top), denominator=outcomes.index(bottom)
            )
        return list(known.values())[index_of(name, list(known), "outcome or ratio")]

    def cell(self, segment: Segment) -> int:
        """Return the index of a segment."""
        wanted = frozenset(segment)
        cells = {frozenset(known): cell for cell, known in enumerate(self.means.cells.segments)}
        if wanted in cells:
            return cells[wanted]
        columns = {name for name, _ in segment}
        levels = [named(s) for s in self.means.cells.segments if {name for name, _ in s} == columns]
        raise UsageError(
            Problem(
                what=f"There is no segment {named(segment)!r}.",
                why="only segments that occur in the data have effects.",
                fix=did_you_mean(named(segment), levels),
            )
        )


def pairs_of(names: Names, arm: str | None, versus: str | None) -> list[tuple[int, int]]:
    """Return the arms to compare, and with which; every other arm when none is named."""
    other = 0 if versus is None else names.arm(versus)
    every = [a for a in range(len(names.means.arms)) if a != other]
    chosen = every if arm is None else [names.arm(arm)]
    if other in chosen:
        raise unfit("arm", f"{names.means.arms[other]!r} cannot be compared with itself")
    return [(a, other) for a in chosen]


def declared(spec: StudySpec, columns: Sequence[str]) -> Dimension:
    """Return the declared cut over `columns`, in the order it was declared.

    Raises
    ------
    UsageError
        If no such cut was declared.
    """
    known = spec.segments
    for dimension in known:
        if set(dimension) == set(columns):
            return dimension
    names = [" × ".join(dimension) for dimension in known]
    raise UsageError(
        Problem(
            what=f"{' × '.join(columns)!r} is not a declared segment.",
            why="comparisons picked after looking need wider ranges than planned ones.",
            fix="add it to `segments` and run the study again, or look at it with effects(by=...); "
            + did_you_mean(" × ".join(columns), names),
        )
    )


def index_of(name: str, known: list[str], what: str) -> int:
    """Return the place of `name` among `known`.

    Raises
    ------
    UsageError
        If it is not there, with what it may have meant.
    """
    if name in known:
        return known.index(name)
    raise UsageError(
        Problem(
            what=f"There is no {what} {name!r}.",
            why="only what the study scored can be compared.",
            fix=did_you_mean(str(name), known),
        )
    )


def require_finite(what: str, value: float) -> None:
    """Refuse a number that is missing or infinite."""
    if not math.isfinite(value):
        raise unfit(what, f"{value} is not a finite number")


def require_sign(name: str, amount: float, spec: StudySpec, *, see: str) -> None:
    """Refuse a worth on the wrong side: an order costs nothing to have, a cost earns nothing.

    Parameters
    ----------
    name : str
        The outcome.
    amount : float
        What one of it is worth.
    spec : StudySpec
        The study; without a worth of its own for `name`, what is better decides.
    see : str
        The method whose words help, in backticks.
    """
    known = 0.0 if spec.value is None else spec.value.per.get(name, 0.0)
    outcome = next(one for one in spec.outcomes if one.column == name)
    cost = outcome.kind == "cost" or outcome.better == "lower"
    if known * amount < 0:
        what = f"The worth of {name!r} is {known:g} in the study, and cannot become {amount:g}."
    elif known == 0 and (amount > 0 if cost else amount < 0):
        wanted = "below 0: less of it is better" if cost else "above 0: more of it is better"
        what = f"The worth of {name!r} cannot be {amount:g}; it must be {wanted}."
    else:
        return
    raise UsageError(
        Problem(
            what=what,
            why="money counted with the wrong sign or size answers another question.",
            fix=f"correct the amount; see {see}.",
        )
    )


def require_trusted(*, withheld: bool, why: str) -> None:
    """Refuse to make more of a run whose verdict was withheld.

    Raises
    ------
    UsageError
        If an integrity check broke.
    """
    if withheld:
        raise UsageError(
            Problem(
                what="The verdict of this run was withheld: an integrity check broke.",
                why=why,
                fix="mend what the check found and run the study again.",
            )
        )


def unfit(part: str, why: str) -> UsageError:
    """Return the error of a question whose parts contradict each other."""
    return UsageError(
        Problem(
            what=f"The question does not fit together at {part}: {why}.",
            why="an answer to another question would be given.",
            fix="see the examples of `answer.contrast` and `answer.money`.",
        )
    )


def named(segment: Segment) -> str:
    """Return a segment in words."""
    return ", ".join(f"{name} = {level}" for name, level in segment) or "everyone"
