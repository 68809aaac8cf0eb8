"""The table that answers a what-if."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from whatif.api.tables import RecordTable

if TYPE_CHECKING:
    from whatif.base.records import BreakEven
    from whatif.contract.spec import StudySpec
    from whatif.scenarios.give import ScenarioAnswer, ScenarioEffect
    from whatif.verdict.scenario_wording import Amounts


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class WhatIf(RecordTable):
    """Changes per unit of the population, then per month; its records are `ScenarioEffect`.

    Attributes
    ----------
    answer : ScenarioAnswer
        Everything behind the table.
    """

    answer: ScenarioAnswer

    @classmethod
    def of(cls, made: ScenarioAnswer, spec: StudySpec, amounts: Amounts, *, units: int) -> WhatIf:
        """Lay out an answer."""
        from whatif.verdict.scenario_wording import what_if_notes, what_if_title

        profit = () if made.profit is None else (made.profit,)
        return cls(
            title=what_if_title(made),
            note=" ".join(what_if_notes(made, spec, amounts, units=units)),
            records=(*made.effects, *profit, *made.monthly),
            shown=("outcome", "per", "estimate", "std_error", "ci"),
            answer=made,
        )

    @property
    def monthly(self) -> dict[str, ScenarioEffect]:
        """Outcomes and profit a month, by name; empty where units a month are not known."""
        return {row.outcome: row for row in self.answer.monthly}

    @property
    def break_even(self) -> BreakEven | None:
        """Worth of one more order at which nothing is gained or lost."""
        return self.answer.break_even
