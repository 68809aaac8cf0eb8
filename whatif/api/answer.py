"""The answer of one run: verdict, checks, effects, and questions asked of its scores."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whatif.api.comparisons import Cut, ScoredAnswer
from whatif.api.policy import Policies
from whatif.api.power import chances_table
from whatif.api.surfaces import Surfaces
from whatif.api.tables import EffectTable, RecordTable

if TYPE_CHECKING:
    from whatif.api.decomposition import DecompositionTable
    from whatif.api.what_if import WhatIf
    from whatif.base.history import Change
    from whatif.checks.result import CheckResult
    from whatif.effects.rows import HeterogeneityRow
    from whatif.verdict.chances import Power
    from whatif.verdict.record import Verdict


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Answer(ScoredAnswer, Surfaces, Policies):
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

    def scenario(
        self,
        *,
        give: str | None = None,
        where: str = "",
        share: float = 1.0,
        mix: Mapping[Any, Mapping[Any, float]] | None = None,
        per: Mapping[str, float] | None = None,
        factor: Mapping[str, float] | None = None,
        arm_cost: Mapping[str, float] | None = None,
        price: Mapping[str, float] | None = None,
        units_per_month: float | None = None,
    ) -> WhatIf:
        """Return what changes if a share of the units `where` get `give`, the rest the control.

        Per unit of the whole population and per month, against the control for everyone. For a
        stored run, a group that the study did not declare is written to ``OUT/<study>/cuts.jsonl``.

        Parameters
        ----------
        give : str, optional
            An arm; by default the only one, or the one the verdict speaks of.
        where : str, optional
            Row expression over pre-treatment columns; everyone by default.
        share : float, optional
            Share of those units, in (0, 1].
        mix : mapping, optional
            Another population: ``{"device": {"mobile": 0.7, "desktop": 0.3}}``.
        per, factor, arm_cost, price : mapping, optional
            Worth of one of each outcome; price level of an amount (1.1: a tenth dearer); cost of an
            arm per unit; what an order pays under an arm. Else as in the study.
        units_per_month : float, optional
            Units a month in the whole population.

        Raises
        ------
        UsageError
            If a name or the expression is not known, nobody satisfies it, an amount is negative,
            shares do not add up, the data cannot speak of the mix, or the verdict is withheld.
        """
        from whatif.api.what_if import WhatIf
        from whatif.run.named import require_trusted
        from whatif.run.what_if import Question, amounts_of, ask

        withheld = self.verdict.decision == "cannot_be_trusted"
        why = "a what-if would turn numbers that cannot be trusted into more of them."
        require_trusted(withheld=withheld, why=why)
        question = Question(
            give=give, where=where, share=share, mix=mix or {}, per=per or {},
            factor=factor or {}, arm_cost=arm_cost or {}, price=price or {},
            units_per_month=units_per_month,
        )  # fmt: skip
        made = ask(
            self.scores,
            self.spec,
            question,
            days=json.loads(self.json)["data"]["days"],
            recommended=self.verdict.arm,
            folder=self.folder,
        )
        return WhatIf.of(made, self.spec, amounts_of(question), units=self.scores.n)

    def decomposition(self, by: Cut = None) -> DecompositionTable:
        """Return why cost per unit differs: more orders, other options, or dearer options.

        An accounting split of one identified difference, not three effects; for a study that names
        `option`.

        Parameters
        ----------
        by : str or sequence of str, optional
            A declared segment; everyone by default.

        Raises
        ------
        UsageError
            If the study names no option, or the segments were not declared.
        """
        from whatif.api.decomposition import decomposition_table

        withheld = self.verdict.decision == "cannot_be_trusted"
        return decomposition_table(self.scores, self.spec, by=by, withheld=withheld)

    def changes(self, since: Answer) -> Change:
        """Return why the primary estimate moved since an older run: data, mix, definition, code.

        Parts sum to the move, each with a clustered range over both runs; a customer in both is
        counted once. Where the two runs do not measure the same, it says why instead.

        Parameters
        ----------
        since : Answer
            The older run. Both must be stored; see `whatif.load`.

        Raises
        ------
        UsageError
            If one of the two is not stored.
        DataError
            If the files of a run are missing or damaged.
        """
        from whatif.run.changes import change_since

        return change_since(since.folder, self.folder)

    def transport(self, name: str | None = None) -> RecordTable:
        """Return every overall effect in another population; without a name, list them.

        Populations stand under `transport` in the study, each with a table of its covariates. What
        must stay equal there stands below the table.

        Raises
        ------
        UsageError
            If the study names no such population.
        EstimationError
            If the effects could not be carried there, with the reason.
        """
        from whatif.api.transport import transport_table

        return transport_table(self.scores, self.spec, name=name)

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
