"""What a run's scores say when arms, segments and amounts are compared as one likes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whatif.api.tables import RecordTable

if TYPE_CHECKING:
    from whatif.api.attribution import AttributionTable
    from whatif.api.scenario_file import Scenario
    from whatif.api.sensitivity import SensitivityTable
    from whatif.contract.spec import StudySpec
    from whatif.effects.compare import ContrastRow
    from whatif.effects.money import MoneyRow
    from whatif.effects.rows import Level, RestRow
    from whatif.publish.cut_log import CutMade
    from whatif.run.answers import Findings
    from whatif.run.attribution import Day, Days
    from whatif.run.views import Written
    from whatif.scores.record import Scores

Cut = str | Sequence[str] | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ScoredAnswer:
    """A run's findings and scores, and comparisons made from them.

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
    folder : Path or None
        The run folder of a stored run.
    """

    spec: StudySpec
    findings: Findings
    scores: Scores
    html: str
    json: str
    folder: Path | None = None

    @property
    def against_rest(self) -> RecordTable:
        """Each declared segment's effect minus that of the rest of its dimension."""
        rest: tuple[RestRow, ...] = self.findings.effects.rest
        return RecordTable(
            title="Each segment against the rest",
            note="Read only where `heterogeneity` tells the segments of a dimension apart.",
            records=rest,
            shown=("outcome", "arm", "segment", "estimate", "std_error", "ci", "band"),
        )

    @property
    def cuts(self) -> RecordTable:
        """Cuts of this study that were made after looking; only stored runs keep the log."""
        from whatif.publish.cut_log import read_cuts

        made: tuple[CutMade, ...] = () if self.folder is None else read_cuts(self.folder)
        return RecordTable(
            title="Cuts made after looking",
            note="Listed, and never changes a number.",
            records=made,
            shown=("cut", "run_id", "first_at"),
        )

    @property
    def scenario_file(self) -> Scenario:
        """The run's ``scenario.json``: what-ifs over its segments, as the page's sliders see them.

        Raises
        ------
        UsageError
            If the run has none, as with a single cluster.
        DataError
            If a stored run's file is damaged.
        """
        from whatif.api.scenario_file import Scenario
        from whatif.run.scenario_file import scenario_of_answer

        verdict = self.findings.verdict
        return Scenario.of(
            scenario_of_answer(self.scores, self.spec, verdict, self.json, self.folder)
        )

    def widget(self) -> Any:  # noqa: ANN401  (an anywidget.AnyWidget)
        """Return the sliders of the published page, in the study's own words, for a notebook.

        Raises
        ------
        UsageError
            If anywidget is not installed, the run has no scenario file, or it was withheld.
        DataError
            If a stored run's scenario file is damaged.
        """
        from whatif.api.widget import widget
        from whatif.report.measure import measures_of
        from whatif.report.view_whatif import names_of

        trimmed = any(one["code"] == "trimmed" for one in json.loads(self.json)["notices"])
        names = names_of(self.spec, measures_of(self.spec, {}), trimmed=trimmed)
        return widget(self.scenario_file.text, names)

    def contrast(
        self,
        what: str | Written,
        *,
        arm: str | None = None,
        versus: str | None = None,
        by: Cut = None,
        segment: Mapping[str, Level] | None = None,
        minus: Mapping[str, Level] | None = None,
        per: str | Written | None = None,
    ) -> RecordTable:
        """Compare any two arms or segments, or add up means as you write them out.

        Every answer comes from one covariance of all means, so orders and cost, arms and segments
        are compared with the error they have together.

        Parameters
        ----------
        what : str or mapping
            An outcome, a ratio of the study, or ``"numerator/denominator"`` of two outcomes. Or a
            sum: coefficients by ``(outcome, arm)`` or ``(outcome, arm, segment)``, with the segment
            as rows carry it, e.g. ``(("device", "mobile"),)``.
        arm, versus : str, optional
            The arms compared; by default every other arm, and the control.
        by : str or sequence of str, optional
            Every segment of a declared dimension, with a band over them.
        segment, minus : mapping of column to level, optional
            One segment; its effect less that of another.
        per : str or mapping, optional
            Divide by the same comparison of another outcome, or by another sum: what one more
            order costs, say. The interval is Fieller's.

        Raises
        ------
        UsageError
            If a name is not known, or the parts do not fit together.

        Examples
        --------
        >>> import whatif as wi
        >>> log = wi.simulate_checkout(4_000, seed=1)
        >>> answer = wi.study(log, unit="session_id", cluster="customer_id", assigned="session_id",
        ...     treatment={"column": "presentation", "control": "folded"},
        ...     design={"kind": "experiment", "probability": {"folded": 0.5, "expanded": 0.5}},
        ...     outcomes=[{"column": "converted"}, {"column": "shipping_cost"}],
        ...     segments=["device"]).run(quick=True)
        >>> [row.segment for row in answer.contrast("shipping_cost/converted", by="device")]
        [(('device', 'desktop'),), (('device', 'mobile'),)]
        >>> mobile, desktop = {"device": "mobile"}, {"device": "desktop"}
        >>> len(answer.contrast("converted", segment=mobile, minus=desktop))
        1
        >>> answer.contrast("shipping_cost", per="converted").records[0].outcome
        'shipping_cost per converted'
        >>> cost, orders = {("shipping_cost", "folded"): 1.0}, {("converted", "folded"): 1.0}
        >>> answer.contrast(cost, per=orders).records[0].kind
        'interval'
        """
        from whatif.run.views import contrast

        rows: tuple[ContrastRow, ...] = contrast(
            self.scores,
            self.spec,
            what,
            arm=arm,
            versus=versus,
            by=by,
            segment=segment,
            minus=minus,
            per=per,
        )
        return RecordTable(
            title="Contrast",
            note=_contrast_note(rows, level=self.spec.level),
            records=rows,
            shown=("outcome", "arm", "versus", "segment", "estimate", "std_error", "ci", "kind"),
        )

    def money(
        self,
        arm: str | None = None,
        *,
        versus: str | None = None,
        segment: Mapping[str, Level] | None = None,
        per: Mapping[str, float] | None = None,
        arm_cost: Mapping[str, float] | None = None,
        units_per_month: float | None = None,
    ) -> RecordTable:
        """Return what giving `arm` instead of `versus` is worth, per unit and per month.

        Parameters
        ----------
        arm, versus : str, optional
            By default every other arm, and the control.
        segment : mapping of column to level, optional
            Who gets it; everyone by default.
        per, arm_cost : mapping, optional
            Worth of one of an outcome, and cost of an arm per unit, in place of the study's; what
            is not named stays as the study has it.
        units_per_month : float, optional
            Units a month in the whole population, in place of the study's.

        Raises
        ------
        UsageError
            If a name is not known, an amount is not finite, no outcome is worth anything, or an arm
            does not occur in the segment.
        """
        from whatif.run.worth import money

        rows: tuple[MoneyRow, ...] = money(
            self.scores,
            self.spec,
            days=json.loads(self.json)["data"]["days"],
            arm=arm,
            versus=versus,
            segment=segment,
            per=per,
            arm_cost=arm_cost,
            units_a_month=units_per_month,
        )
        return RecordTable(
            title="Money",
            note=f"Clustered {self.spec.level:.0%} intervals; positive is a gain.",
            records=rows,
            shown=("arm", "versus", "segment", "per_unit", "ci", "per_month", "per_month_ci"),
        )

    def attribution(
        self,
        outcome: str,
        *,
        split: Day | None = None,
        before: Days | None = None,
        after: Days | None = None,
        since: ScoredAnswer | None = None,
        by: Cut = None,
        second_opinion: bool = False,
    ) -> AttributionTable:
        """Return why an observed mean or ratio moved between two periods.

        Three parts add up to the move: `mix` (of segments), `treatment_share` (of the arms within
        segments) and `mechanism` (another mean within segment and
        arm). They are accounting. Causal is only `measured_effect_of_shares`: the change of shares
        times the study's effects.

        Parameters
        ----------
        outcome : str
            An outcome or a ratio of the study.
        split : str or date, optional
            First day of the later period, e.g. ``"2026-10-01"``.
        before, after : (first, last) days, optional
            The two periods, both ends included; with `split`, what to keep of its two sides.
        since : Answer, optional
            An earlier run of the same study, in place of days: it is the earlier period, and the
            units of this run that are not in it are the later one.
        by : str or sequence of str, optional
            A declared segment; the one with most levels by default.
        second_opinion : bool
            Ask DoWhy too, in `others`: for an outcome whose segments and arms occur in both
            periods, without weights.

        Raises
        ------
        UsageError
            If a name is not known, a period is empty or cannot be told, the runs are of different
            studies or nothing is new, the target is not ``"ate"``, or DoWhy cannot be asked.
        EstimationError
            If a ratio has nothing to divide by.

        Examples
        --------
        >>> import whatif as wi
        >>> log = wi.simulate_checkout(4_000, seed=1)
        >>> answer = wi.study(log, unit="session_id", cluster="customer_id", assigned="session_id",
        ...     time="started_at",
        ...     treatment={"column": "presentation", "control": "folded"},
        ...     design={"kind": "experiment", "probability": {"folded": 0.5, "expanded": 0.5}},
        ...     outcomes=[{"column": "converted"}], segments=["device"]).run(quick=True)
        >>> moved = answer.attribution("converted", split="2026-10-01")
        >>> [row.part for row in moved][:4]
        ['total', 'mix', 'treatment_share', 'mechanism']
        >>> moved.sentence.startswith("From 1 October 2026 on, compared with before, converted ")
        True
        """
        from whatif.api.attribution import attribution_table
        from whatif.run.attribution import Since, When, attribution

        found, others = attribution(
            self.scores,
            self.spec,
            outcome,
            when=When(split=split, before=before, after=after),
            since=None if since is None else Since(scores=since.scores, spec=since.spec),
            by=by,
            opinion=second_opinion,
        )
        withheld = self.findings.verdict.decision == "cannot_be_trusted"
        return attribution_table(found, others, self.scores, self.spec, outcome, withheld=withheld)

    def sensitivity(
        self,
        outcome: str | None = None,
        *,
        segment: Mapping[str, Level] | None = None,
        cf_y: float = 0.03,
        cf_d: float = 0.03,
        rho: float = 1.0,
    ) -> SensitivityTable:
        """Return where an effect can lie if there is a hidden cause, and how strong it must be.

        One row an arm at the strength asked for, then one per measured covariate at its strength
        where the run measured them. `rv` and `rva` are the shares ``cf_y = cf_d`` that bring the
        effect, and its interval, to zero. ``.plot()`` draws them.

        Parameters
        ----------
        outcome : str, optional
            An outcome column, or ``"money"``; the primary metric by default.
        segment : mapping of column to level, optional
            A declared segment; everything is then measured inside it.
        cf_y : float
            Share that the hidden cause explains of what is left open in the outcome.
        cf_d : float
            Its share of the variation of the Riesz representer (the weights that make the arms
            comparable); not a share of the arm's own variation.
        rho : float
            How far both line up; 1 is the worst case.

        Raises
        ------
        UsageError
            If chances are known, nothing was adjusted for, the outcome is a ratio or unknown, the
            segment was not declared, or a share is outside [0, 1).
        EstimationError
            If an arm has fewer than ten clusters, or the models leave nothing to bound with.
        """
        from whatif.api.sensitivity import SensitivityTable
        from whatif.run.sensitivity import asked

        causes, measured, rows = asked(
            self.scores,
            self.spec,
            self.json,
            outcome=outcome,
            segment=segment,
            strength=(cf_y, cf_d, rho),
        )
        return SensitivityTable(
            title="What a hidden cause could do",
            note="cf_y: of what is left open in the outcome; cf_d: of the variation of the "
            f"weights, not of the arm. Clustered {self.spec.level:.0%} intervals, for one look.",
            records=rows,
            shown=("arm", "like", "cf_y", "cf_d", "estimate", "bounds", "ci", "rv", "rva"),
            about=causes,
            benchmarks=measured,
        )


def _contrast_note(rows: tuple[ContrastRow, ...], *, level: float) -> str:
    """Say in words which intervals are not plain ones."""
    kinds = {row.kind for row in rows}
    words = {
        "rays": "rays: the denominator may be zero; only values between the ends are ruled out.",
        "all": "all: the denominator may be zero, so no value is ruled out.",
        "empty": "empty: no value fits the data.",
        "none": "none: an arm has fewer than ten clusters, too few for an interval.",
    }
    unusual = [sentence for kind, sentence in words.items() if kind in kinds]
    return " ".join([f"Clustered {level:.0%} intervals, each on its own.", *unusual])
