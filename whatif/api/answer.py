"""The answer of one run: verdict, checks, effects, and questions asked of its scores."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from whatif.api.comparisons import Cut, ScoredAnswer
from whatif.api.power import chances_table
from whatif.api.tables import EffectTable, RecordTable

if TYPE_CHECKING:
    from whatif.checks.result import CheckResult
    from whatif.effects.rows import HeterogeneityRow
    from whatif.run.effect_question import Question
    from whatif.scenarios.give import ScenarioAnswer
    from whatif.scores.cate import Cate
    from whatif.verdict.chances import Power
    from whatif.verdict.record import Verdict


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Answer(ScoredAnswer):
    """The answer of one run; every question to it is a view of its scores.

    Its fields are those of `ScoredAnswer`.
    """

    @property
    def verdict(self) -> Verdict:
        """The decision word, its headline and its reasons."""
        return self.findings.verdict

    @property
    def checks(self) -> RecordTable:
        """Every check: held, broke, not applicable or did not run."""
        checks: tuple[CheckResult, ...] = self.findings.checks
        return RecordTable(
            title="Checks",
            note="Held is not proof; did not run is never held.",
            records=checks,
            shown=("name", "status", "finding"),
        )

    @property
    def heterogeneity(self) -> RecordTable:
        """Do segments differ? One clustered test per outcome, arm and dimension."""
        rows: tuple[HeterogeneityRow, ...] = self.findings.effects.heterogeneity
        return RecordTable(
            title="Do segments differ?",
            note="Not rejecting is no evidence of a difference, never proof of none.",
            records=rows,
            shown=("outcome", "arm", "dimension", "statistic", "p_value"),
        )

    def effects(self, by: Cut = None, *, outcome: str | None = None) -> EffectTable:
        """Return overall effects, or those of one dimension.

        A dimension that was not declared is a cut made after looking: its p-values count every
        such cut, its intervals count the picking, and it reads neither better nor worse. For a
        stored run it is written to ``OUT/<study>/cuts.jsonl``.

        Parameters
        ----------
        by : str or sequence of str, optional
            A segment, e.g. ``"urbanicity"`` or ``["urbanicity", "device"]``.
        outcome : str, optional
            One outcome or ratio; all by default.

        Raises
        ------
        UsageError
            If the outcome was not declared, or the cut's columns were not kept or have more than
            50 levels.
        PublishError
            If the log of cuts cannot be written.
        """
        from whatif.run.answers import select

        rows, readings = select(
            self.findings,
            self.spec,
            self.scores,
            by=by,
            outcome=outcome,
            folder=self.folder,
        )
        return EffectTable(rows=rows, readings=readings, level=self.spec.level)

    def populations(self) -> RecordTable:
        """Return every overall effect under several trimming rules and targets, side by side.

        All from the predictions of this run. A number marked as extrapolating counts units for
        whom nobody comparable got the other arm: it is no measurement. Empty for an experiment
        whose chances were set, not logged row by row.
        """
        from whatif.effects.populations import population_rows

        return RecordTable(
            title="Populations",
            note="Choose a population by whom it speaks of, never by its answer.",
            records=population_rows(self.scores, self.spec),
            shown=(
                "population", "outcome", "arm", "estimate", "std_error", "n", "outside",
                "extrapolates",
            ),
        )  # fmt: skip

    def bounds(self) -> RecordTable:
        """Return bounds on each cost among units that would have it under either arm.

        Such a cost is the numerator of a ratio over a binary outcome. The rest of its change comes
        from who orders. No data can test what bounds assume: that within a cell of the declared
        segments the arm moves ordering one way only. Segments too small to show have no numbers.
        """
        from whatif.effects.bounds.lee import lee_bounds
        from whatif.effects.cells import cut
        from whatif.effects.joint import joint

        means = joint(self.scores, cut(self.scores.columns, self.spec.segments))
        none = (None, None)
        return RecordTable(
            title="Bounds on cost, same units under both arms",
            note="Assumes that within a segment the arm moves ordering one way only, which no "
            "data can test; for a single look.",
            records=tuple(
                replace(row, bounds=none, std_error=none, ci=none)
                if row.shown == "suppressed"
                else row
                for row in lee_bounds(self.scores, self.spec, means)
            ),
            shown=("outcome", "among", "arm", "segment", "bounds", "ci", "share", "shown"),
        )

    def repetitions(self) -> RecordTable:
        """Return how far every overall effect moved over drawings of the folds.

        Empty unless the study asks for several `repetitions`.
        """
        from whatif.effects.repetitions import repetition_spread

        return RecordTable(
            title="Repetitions",
            note="sd: between drawings; monte_carlo_error: left in the effect, their average.",
            records=repetition_spread(self.scores, self.findings.effects, self.spec),
            shown=("outcome", "arm", "mean", "median", "sd", "monte_carlo_error", "std_error"),
        )

    def power(self) -> RecordTable:
        """Return how small an effect this run could see, for every planned effect.

        From its own clustered errors, and from the ranges that readings come from: the smallest
        effect seen with a chance of 80 %, the chance to see what matters, and how much more data
        would make that chance 80 %. `reading_chances` says what would be read.
        """
        return RecordTable(
            title="The smallest effect this study could see",
            note="Seen: the range leaves out zero, four times in five. It says nothing of the "
            "effect that is there.",
            records=tuple(one.row for one in self._power()),
            shown=("outcome", "arm", "segment", "smallest", "relative", "asked", "chance", "times"),
        )

    def reading_chances(self) -> RecordTable:
        """Return how often such a study reads each word, at true effects of 0, δ and 2δ.

        δ is what matters, the limit of a guardrail (as harm), else the smallest effect seen.
        """
        return chances_table(self._power())

    def _power(self) -> tuple[Power, ...]:
        from whatif.run.power import power_of_scores

        days = json.loads(self.json)["data"]["days"]
        return power_of_scores(self.scores, self.spec, days=days)

    def scenario(self, *, give: str, where: str = "") -> RecordTable:
        """Return what changes if `give` goes to the units `where`, and the control to the rest.

        Per unit of the whole population, against the control for everyone.

        Parameters
        ----------
        give : str
            An arm.
        where : str, optional
            Row expression over pre-treatment columns; everyone by default.

        Raises
        ------
        UsageError
            If the arm or a column is unknown, the expression is not one, or nobody satisfies it.
        """
        from whatif.run.answers import ask

        made: ScenarioAnswer = ask(self.scores, self.spec, give=give, where=where)
        who = where or "everyone"
        return RecordTable(
            title=f"Give {give} where {who}",
            note=f"{made.n:,} of {self.scores.n:,} units get it; per unit of the whole population.",
            records=made.effects,
            shown=("outcome", "versus", "estimate", "std_error", "ci"),
        )

    def cate(self, outcome: str | None = None, *, final: str = "causal_forest") -> Cate:
        """Return the predicted effect of every unit, from models that never saw its cluster.

        Predictions alone show nothing: `ranking` and `calibration` test them.

        Parameters
        ----------
        outcome : str, optional
            An outcome column; the primary metric by default.
        final : str
            How effects are learned from covariates: ``"causal_forest"``, ``"score_forest"`` or
            ``"linear"``. Forests learn from at most 100,000 rows, drawn by cluster.

        Raises
        ------
        UsageError
            If the outcome or surface is unknown or a ratio, or the target is not ``"ate"``.
        EstimationError
            If effects cannot be learned from these data.
        """
        from whatif.run import heterogeneity

        return heterogeneity.cate(self._asked(outcome, final))

    def ranking(self, outcome: str | None = None, *, final: str = "causal_forest") -> RecordTable:
        """Test whether giving the arm first to those predicted to gain most gains more.

        AUTOC and Qini, each fold ranked by models from the folds before it, clustered errors, two
        sides. Parameters and errors as in `cate`.
        """
        from whatif.run import heterogeneity

        return RecordTable(
            title="Does ranking by predicted effect work?",
            note="Rank-weighted average effects on held-out folds; positive is better. "
            "Not significant is no evidence that it works, not proof that effects are equal.",
            records=heterogeneity.ranking(self._asked(outcome, final)),
            shown=("arm", "measure", "estimate", "std_error", "ci", "p_value", "works"),
        )

    def ranking_curve(
        self, outcome: str | None = None, *, final: str = "causal_forest"
    ) -> RecordTable:
        """Return the gain among those ranked first, by the share that gets the arm.

        A picture only; `ranking` is the test. Parameters and errors as in `cate`.
        """
        from whatif.run import heterogeneity

        return RecordTable(
            title="Gain among those ranked first",
            note="A picture only: predictions of all folds are pooled, which no test survives.",
            records=heterogeneity.curve(self._asked(outcome, final)),
            shown=("arm", "share", "gain"),
        )

    def calibration(
        self, outcome: str | None = None, *, final: str = "causal_forest"
    ) -> RecordTable:
        """Test whether effects follow their predictions: slope 1 is right, 0 says nothing.

        Each fold is predicted by models from the folds before it. Parameters and errors as in
        `cate`.
        """
        from whatif.run import heterogeneity

        return RecordTable(
            title="Do effects follow their predictions?",
            note="Slope of effects on held-out predictions; clustered errors.",
            records=heterogeneity.calibration(self._asked(outcome, final)),
            shown=("arm", "slope", "std_error", "ci", "p_value", "informative"),
        )

    def sorted_groups(
        self, outcome: str | None = None, *, final: str = "causal_forest"
    ) -> RecordTable:
        """Return average effects of five groups, from predicted to gain least to most.

        Medians over 21 splits of the clusters in halves, with intervals that count the choice of a
        split. Parameters and errors as in `cate`.
        """
        from whatif.run import heterogeneity

        return RecordTable(
            title="Groups sorted by predicted effect",
            note="One half learns, the other is sorted; medians over splits, wide on purpose.",
            records=heterogeneity.sorted_groups(self._asked(outcome, final)),
            shown=("arm", "group", "predicted", "estimate", "ci", "p_value"),
        )

    def _asked(self, outcome: str | None, final: str) -> Question:
        from whatif.run.effect_question import question

        return question(self.scores, self.spec, outcome=outcome, final=final)

    def projection(self, on: str | Sequence[str], *, outcome: str | None = None) -> RecordTable:
        """Return the best linear projection of the effect on pre-treatment columns.

        Parameters
        ----------
        on : str or sequence of str
            Columns kept with the run; words are compared with their most frequent level.
        outcome : str, optional
            An outcome column; the primary metric by default.

        Raises
        ------
        UsageError
            If a column was not kept, the outcome is unknown or a ratio, or the target is not
            ``"ate"``.
        EstimationError
            If a column is constant or repeats the others.
        """
        from whatif.run import heterogeneity

        columns = (on,) if isinstance(on, str) else tuple(on)
        return RecordTable(
            title="Which columns does the effect move with?",
            note="Linear projection of the effect; clustered errors. A description: columns that "
            "move together share the credit.",
            records=heterogeneity.projection(self.scores, self.spec, on=columns, outcome=outcome),
            shown=("arm", "term", "estimate", "std_error", "ci", "p_value"),
        )

    def to_html(self, path: str | Path) -> Path:
        """Write the page to `path` and return it.

        Raises
        ------
        PublishError
            If it cannot be written.
        """
        from whatif.publish.atomic import publishing, write_bytes

        target = Path(path)
        with publishing(target):
            write_bytes(target, self.html.encode())
        return target

    def __repr__(self) -> str:
        return f"{self.verdict.headline}\n{self.effects()!r}"

    def _repr_html_(self) -> str:
        return self.verdict._repr_html_() + self.effects()._repr_html_()
