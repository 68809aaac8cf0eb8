"""The answer of one run: verdict, checks, effects, and questions asked of its scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from whatif.api.tables import EffectTable, RecordTable

if TYPE_CHECKING:
    from whatif.checks.result import CheckResult
    from whatif.contract.spec import StudySpec
    from whatif.effects.rows import HeterogeneityRow
    from whatif.run.answers import Findings
    from whatif.scenarios.give import ScenarioAnswer
    from whatif.scores.record import Scores
    from whatif.verdict.record import Verdict

Cut = str | Sequence[str] | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Answer:
    """The answer of one run; every question to it is a view of its scores.

    Attributes
    ----------
    spec : StudySpec
        The study as declared.
    findings : Findings
        Effects, segment tests, checks and verdict, as in ``answer.json``.
    scores : Scores
        The score table.
    html, json : str
        The page and ``answer.json``.
    """

    spec: StudySpec
    findings: Findings
    scores: Scores
    html: str
    json: str

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
        """Return overall effects, or those of one declared dimension.

        Parameters
        ----------
        by : str or sequence of str, optional
            A declared segment, e.g. ``"urbanicity"`` or ``["urbanicity", "device"]``.
        outcome : str, optional
            One outcome or ratio; all by default.

        Raises
        ------
        UsageError
            If the segment or outcome was not declared.
        """
        from whatif.run.answers import select

        rows, readings = select(self.findings, self.spec, by=by, outcome=outcome)
        return EffectTable(rows=rows, readings=readings, level=self.spec.level)

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
