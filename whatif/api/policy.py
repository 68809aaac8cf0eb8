"""A learned policy as a table with its rule, and its gain by budget as a table that is drawn."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from whatif.api.tables import RecordTable

if TYPE_CHECKING:
    import pandas as pd

    from whatif.contract.spec import StudySpec
    from whatif.run.answers import Findings
    from whatif.run.policy import Answered, Asked
    from whatif.run.policy_limits import Capacity
    from whatif.scenarios.policy.rule import Rule
    from whatif.scores.record import Scores


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class BudgetTable(RecordTable):
    """Held-out gain by budget.

    Attributes
    ----------
    unit : str
        What gains are in.
    """

    unit: str

    def plot(self) -> Any:  # noqa: ANN401  (a plotly figure)
        """Return a plotly figure of the gain at every budget with its band."""
        from whatif.report.policy_figures import budget_figure

        return budget_figure(self.records, unit=self.unit)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class PolicyTable(RecordTable):
    """What a learned policy is worth on clusters that it did not learn from, and its rule.

    Attributes
    ----------
    words : str
        The rule, learned on everything, in words; and that its gain is not clear where it is not.
    limits : RecordTable
        Every limit with the held-out share that uses it.
    asked : Asked
        What was asked for, checked.
    written : Rule or None
        The rule; None where a forest chooses.
    """

    words: str
    limits: RecordTable
    asked: Asked
    written: Rule | None

    def __repr__(self) -> str:
        return "\n".join((self.title, self._told().to_string(index=False), self.note))

    def _repr_html_(self) -> str:
        from whatif.base.display import card

        return card(self.title, self._told(), self.note)

    def _told(self) -> pd.DataFrame:
        """Return what is shown, under headings that say whose gain it is."""
        frame = self.to_frame().reindex(columns=list(self.shown))
        return frame.rename(columns={"gain": "gain_over_it"})

    @property
    def rule(self) -> Rule:
        """The rule: conditions, arms, and the control for all others.

        Raises
        ------
        UsageError
            If a forest chooses, which cannot be written down.
        """
        from whatif.base.errors import Problem, UsageError

        if self.written is None:
            raise UsageError(
                Problem(
                    what="A forest of trees cannot be written as a rule.",
                    why="nobody could read or check it.",
                    fix="ask for the policy without `forest`.",
                )
            )
        return self.written

    @property
    def sql(self) -> str:
        """The rule as a ``CASE`` expression of standard SQL."""
        from whatif.scenarios.policy.forms import to_sql

        return to_sql(self.rule)

    @property
    def json(self) -> str:
        """The rule as JSON, schema ``policy.v1``."""
        from whatif.scenarios.policy.forms import to_json

        return to_json(self.rule)

    @property
    def python(self) -> str:
        """Source of a function ``choose(row)`` that needs no import."""
        from whatif.scenarios.policy.forms import to_python

        return to_python(self.rule)

    def assign(self, frame: pd.DataFrame) -> pd.Series:
        """Return the arm that the rule gives each row of `frame`.

        Raises
        ------
        UsageError
            If a column of the rule is not there, or a forest chooses.
        """
        return self.rule.assign(frame)

    def curve(self) -> BudgetTable:
        """Return the held-out gain at budgets of 0, 10 %, …, 100 % of all units, with a band.

        Learns a few hundred trees. Limits of this policy do not count: a budget is for everyone.
        """
        from whatif.run.policy import budgets
        from whatif.verdict.policy_wording import BUDGET_TITLE

        rows, note = budgets(self.asked)
        return BudgetTable(
            title=BUDGET_TITLE,
            note=note,
            records=rows,
            shown=("budget", "share", "gain", "std_error", "ci", "band"),
            unit=self.asked.unit,
        )


class Policies:
    """Who should get which arm; scores, study and verdict come from the answer."""

    __slots__ = ()

    if TYPE_CHECKING:
        scores: Scores
        spec: StudySpec
        findings: Findings
        json: str

    def policy(
        self,
        *,
        max_share: float | None = None,
        capacity: Capacity | None = None,
        depth: int = 2,
        min_leaf: int | None = None,
        columns: str | Sequence[str] | None = None,
        per: Mapping[str, float] | None = None,
        arm_cost: Mapping[str, float] | None = None,
        outcome: str | None = None,
        forest: bool = False,
    ) -> PolicyTable:
        """Learn who should get which arm so that money, or one outcome, is as high as can be.

        Learned on four fifths of the clusters and valued on the fifth, five times; against every
        arm for everyone and what units got, in one band. ``.rule``, ``.sql``, ``.json``,
        ``.python`` and ``.assign(frame)`` give the rule that is learned on everything, or the
        control for everyone where no gain is clear; ``.curve()`` the gain by budget.

        Parameters
        ----------
        max_share : float, optional
            Largest share of units that may get another arm than the control.
        capacity : float or mapping, optional
            Most units a day that may; or ``{column: {level: units a day}}``, each level with a tree
            of its own. Levels not named have no limit.
        depth : int
            Most splits on the way to an arm, 1 to 4.
        min_leaf : int, optional
            Fewest clusters behind a line of the rule; by default 50, or 2 % of all.
        columns : str or sequence of str, optional
            What rules may use; by default every column kept with the run, but the clock and dates.
        per, arm_cost : mapping, optional
            Worth of one of an outcome, and cost of an arm per unit, in place of the study's; what
            is not named stays as the study has it.
        outcome : str, optional
            One outcome to make as good as can be, instead of money: costs count in its unit.
        forest : bool
            Choose by a forest of trees, which has a value but no rule that can be read.

        Raises
        ------
        UsageError
            If the run's verdict is withheld, a name is not known, a number is out of its range or
            of the wrong sign, nothing is worth anything, or the target is not ``"ate"``.
        EstimationError
            If an arm has fewer than 50 clusters.

        Examples
        --------
        >>> import whatif as wi
        >>> log = wi.simulate_checkout(4_000, seed=1)
        >>> answer = wi.study(log, unit="session_id", cluster="customer_id", assigned="session_id",
        ...     treatment={"column": "presentation", "control": "folded"},
        ...     design={"kind": "experiment", "probability": {"folded": 0.5, "expanded": 0.5}},
        ...     outcomes=[{"column": "converted"}], segments=["device"]).run(quick=True)
        >>> print(answer.policy(outcome="converted", depth=1).records[2].choice)
        expanded for everyone
        """
        from whatif.run.policy import Wanted, answered, asked

        wanted = Wanted(
            max_share=max_share,
            capacity=capacity,
            depth=depth,
            min_leaf=min_leaf,
            columns=columns,
            per=per,
            arm_cost=arm_cost,
            outcome=outcome,
            forest=forest,
        )
        question = asked(
            self.scores,
            self.spec,
            wanted,
            days=json.loads(self.json)["data"]["days"],
            decision=self.findings.verdict.decision,
        )
        return _table(question, answered(question))


def _table(question: Asked, made: Answered) -> PolicyTable:
    return PolicyTable(
        title="Who should get which arm",
        note=made.note,
        records=made.rows,
        shown=("choice", "share", "value", "value_ci", "gain", "std_error", "band", "per_month"),
        words=made.words,
        limits=RecordTable(
            title="Limits",
            note="Shares of held-out units; a limit holds exactly only where a rule was learned.",
            records=made.limits,
            shown=("segment", "n", "limit", "share", "limit_a_day", "a_day"),
        ),
        asked=question,
        written=made.rule,
    )
