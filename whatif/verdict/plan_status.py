"""Planned, exploratory or changed after looking: the status of every number and of the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from whatif.base.plan import Aspect, Deviation, NumberStatus, cut_name
from whatif.contract.spec import RatioSpec, StudySpec
from whatif.effects.rows import Segment

CHANGED: NumberStatus = "changed_after_looking"

_EVERYTHING: frozenset[Aspect] = frozenset(
    {
        *("where", "weights", "trimmed", "unit", "cluster", "assigned", "first_exposure"),
        *("window", "maturity", "treatment", "control", "arms", "design", "target", "level"),
        *("probability", "assignment_log"),  # scores use the chances
    }
)
_OF_METRIC: frozenset[Aspect] = frozenset(
    {"metric_added", "kind", "better", "numerator", "denominator"}
)
_OF_READING: frozenset[Aspect] = frozenset({"matters_from", "limit", "role"})
_OF_EVERY_READING: frozenset[Aspect] = frozenset({"decide_on", "looks", "first_look", "look_every"})
_ANY_METRIC: frozenset[Aspect] = _OF_METRIC | _OF_READING | {"metric_dropped"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Statuses:
    """The status of whatever a run says, from what differs from its locked plan.

    Without a deviation every number is planned, those of undeclared cuts apart.

    Attributes
    ----------
    spec : StudySpec
        The study as it is declared now.
    deviations : tuple of Deviation
        What differs from the plan.
    """

    spec: StudySpec
    deviations: tuple[Deviation, ...]

    def number(
        self, metric: str, columns: Sequence[str] = (), *, planned: bool = True
    ) -> NumberStatus:
        """Return the status of a number of one metric, overall or in a cut by `columns`.

        Parameters
        ----------
        metric : str
            Outcome or ratio; ``"money"`` stands for the value of all outcomes.
        columns : sequence of str
            The columns of the cut.
        planned : bool
            Whether the cut is declared; if not, the number is exploratory.
        """
        if not planned:
            return "exploratory"
        if self._said(_EVERYTHING) or self._said({"segment_added"}, {cut_name(tuple(columns))}):
            return CHANGED
        if metric == "money":
            return self.money()
        return CHANGED if self._said(_OF_METRIC, self._behind(metric)) else "planned"

    def reading(self, metric: str, segment: Segment = (), *, planned: bool = True) -> NumberStatus:
        """Return the status of the word for one effect: of its number, or of the rule behind it."""
        own = self.number(metric, [column for column, _ in segment], planned=planned)
        ruled = self._said(_OF_EVERY_READING) or self._said(_OF_READING, {metric})
        return CHANGED if own == "planned" and ruled else own

    def money(self) -> NumberStatus:
        """Return the status of what an arm is worth."""
        valued = set() if self.spec.value is None else set(self.spec.value.per)
        moved = self._said(_EVERYTHING | {"value"}) or self._said(_OF_METRIC, valued)
        return CHANGED if moved else "planned"

    def split(self, cost: str, columns: Sequence[str] = ()) -> NumberStatus:
        """Return the status of a part of why a cost differs."""
        return CHANGED if self._said({"option"}) else self.number(cost, columns)

    def verdict(self) -> NumberStatus:
        """Return the status of the decision: any change counts but one of a secondary metric."""
        return CHANGED if any(self._decides(one) for one in self.deviations) else "planned"

    def _decides(self, one: Deviation) -> bool:
        if one.aspect == "option":
            return False
        if one.aspect == "metric_dropped":
            return one.before != "secondary"
        if one.aspect not in _ANY_METRIC or one.aspect == "role":
            return True
        deciding = [self.spec.primary, *self.spec.guardrails]
        names = [
            metric.name if isinstance(metric, RatioSpec) else metric.column for metric in deciding
        ]
        return any(one.subject in self._behind(name) for name in names)

    def _behind(self, metric: str) -> set[str]:
        """Return a metric and, for a ratio, the outcomes it is made of."""
        made = [one for one in self.spec.ratios if one.name == metric]
        return {metric, *(name for one in made for name in (one.numerator, one.denominator))}

    def _said(
        self, aspects: frozenset[Aspect] | set[Aspect], subjects: set[str] | None = None
    ) -> bool:
        return any(
            one.aspect in aspects and (subjects is None or one.subject in subjects)
            for one in self.deviations
        )
