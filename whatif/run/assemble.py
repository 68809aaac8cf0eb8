"""From everything a run computed to one report: money, notices, readings and the verdict."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

import numpy as np

from whatif.base.calibration import Calibration
from whatif.base.errors import Notice, Problem
from whatif.base.plan import Deviation, PlanLock, deviations
from whatif.base.records import DataSummary, Money, SecondOpinion
from whatif.base.versions import package_versions
from whatif.checks.balance import Balance
from whatif.checks.result import CheckResult, Status
from whatif.contract.dataset import DataSet
from whatif.contract.plan import plan_of
from whatif.contract.spec import StudySpec
from whatif.design.maturity import counted_days
from whatif.design.record import Design
from whatif.design.transport import TargetRows
from whatif.effects.bounds.lee import lee_bounds
from whatif.effects.joint import Joint
from whatif.effects.looks.ranges import Looks, net_value, outcome_value
from whatif.effects.money import money, monthly_units
from whatif.effects.populations import population_rows
from whatif.effects.repetitions import RepetitionSpread, repetition_notice, repetition_spread
from whatif.effects.rows import EffectRow, EffectRows, Ends
from whatif.effects.sensitivity.record import Sensitivity
from whatif.graph.estimand import Estimand
from whatif.report.document import Report
from whatif.run.decomposition import decomposition_of
from whatif.run.power import power_seen
from whatif.run.scenario_file import scenario_of_run
from whatif.scores.overlap import beyond, count_by_level
from whatif.scores.record import Scores
from whatif.scores.targets import TARGETS
from whatif.verdict.decide import Evidence, decide
from whatif.verdict.plan_status import CHANGED, Statuses
from whatif.verdict.plan_wording import looks_notices, marked_verdict, plan_notices
from whatif.verdict.readings import read_difference, readings
from whatif.verdict.record import Decision, Reading, Verdict
from whatif.verdict.transport_wording import transport_notices


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prepared:
    """Everything short of fitting: what ``whatif check`` looks at.

    Attributes
    ----------
    data : DataSet
        What was read; its rows live on in `design`, and its own frame is empty.
    score_key, run_id : str
        Content hashes of what the scores, and the whole run, depend on.
    fresh : bool
        Whether the newest row is recent enough for the study.
    next_due : str or None
        When the next page is due; None without a schedule, or when that moment has passed already
        (a page is never born overdue).
    calibration : Calibration or None
        The calibration of this very study and data, if there is one.
    targets : tuple of TargetRows
        The rows of other populations, as the study's models read them.
    plan_lock : PlanLock or None
        The plan as it stood before the first look; None where nothing was locked.
    """

    spec: StudySpec
    data: DataSet
    estimand: Estimand
    design: Design
    score_key: str
    run_id: str
    fresh: bool
    next_due: str | None
    calibration: Calibration | None = None
    targets: tuple[TargetRows, ...] = ()
    plan_lock: PlanLock | None = None

    @property
    def locked(self) -> bool:
        """Whether a plan was locked before anyone looked."""
        return self.plan_lock is not None and not self.plan_lock.runs_before

    @property
    def deviations(self) -> tuple[Deviation, ...]:
        """What differs from the locked plan."""
        return () if self.plan_lock is None else deviations(self.plan_lock.plan, plan_of(self.spec))


def opinion_row(opinion: SecondOpinion, effects: EffectRows) -> EffectRow:
    """Return a second opinion as an effect row; an unbounded interval means "none given"."""
    ours = next(
        row
        for row in effects.effects
        if row.outcome == opinion.outcome and row.arm == opinion.arm and not row.segment
    )
    ends = opinion.ci or (None, None)
    return EffectRow(
        outcome=opinion.outcome,
        arm=opinion.arm,
        versus=ours.versus,
        segment=(),
        n=opinion.rows,
        clusters=ours.clusters,
        baseline=None,
        estimate=opinion.estimate,
        std_error=None,
        ci=ends,
        band=ends,
        relative=None,
        shrunk=None,
        planned=True,
        estimator=opinion.estimator,
        family=opinion.note,
        critical=0.0,
        df=0,
        shown="shown",
    )


def assemble(
    prepared: Prepared,
    *,
    scores: Scores,
    means: Joint,
    effects: EffectRows,
    looks: Looks | None,
    opinions: tuple[EffectRow, ...],
    checks: tuple[CheckResult, ...],
    sensitivity: Sensitivity | None = None,
) -> Report:
    """Read the effects, decide, and return the report of the run."""
    spec, data = prepared.spec, prepared.data
    worth = _money(prepared, scores, means, looks)
    read = readings(effects, spec, as_of=_last_day(data))
    spread = repetition_spread(scores, effects, spec)
    summary = _summary(prepared, scores, clusters=int(means.counts.clusters[0]))
    verdict = _verdict(prepared, effects, read, checks, worth, sensitivity=sensitivity)
    return Report(
        spec=spec,
        data=summary,
        estimand=prepared.estimand,
        design_kind=prepared.design.kind,
        population=scores.population,
        effects=effects,
        opinions=opinions,
        bounds=lee_bounds(scores, spec, means),
        populations=population_rows(scores, spec),
        repetitions=spread,
        power=power_seen(effects, means, looks, spec, days=summary.days),
        sensitivity=sensitivity,
        checks=checks,
        verdict=verdict,
        quality=scores.quality,
        overlap=scores.overlap,
        notices=_notices(prepared, scores, effects, looks, spread),
        run_id=prepared.run_id,
        versions=package_versions(),
        seed=spec.seed,
        kinds=tuple(zip(prepared.design.outcomes, prepared.design.kinds, strict=True)),
        money=worth.get(verdict.arm),
        next_due=prepared.next_due,
        made_at=data.as_of,
        calibration=prepared.calibration,
        decomposition=decomposition_of(scores, spec),
        scenario=_sliders(means, scores, prepared, verdict, summary),
        deviations=prepared.deviations,
        locked=prepared.locked,
    )


def _sliders(
    means: Joint, scores: Scores, prepared: Prepared, verdict: Verdict, summary: DataSummary
) -> str | None:
    """Return the scenario file for the page; a withheld verdict leaves nothing to move."""
    if verdict.decision is Decision.CANNOT_BE_TRUSTED:
        return None
    return scenario_of_run(means, scores, prepared.spec, verdict, summary, run_id=prepared.run_id)


def _last_day(data: DataSet) -> dt.date | None:
    return None if data.period is None else data.period[1]


def _verdict(
    prepared: Prepared,
    effects: EffectRows,
    read: tuple[Reading, ...],
    checks: tuple[CheckResult, ...],
    worth: dict[str, Money],
    *,
    sensitivity: Sensitivity | None,
) -> Verdict:
    made = decide(
        effects,
        read,
        checks,
        prepared.spec,
        evidence=_evidence(prepared, checks),
        fresh=prepared.fresh,
        as_of=_last_day(prepared.data),
        money_by_arm={arm: made.estimate for arm, made in worth.items()} or None,
        net_value={arm: _net_reading(made) for arm, made in worth.items()} or None,
        sensitivity=sensitivity,
    )
    found = prepared.deviations
    marked = Statuses(spec=prepared.spec, deviations=found).verdict() == CHANGED
    return marked_verdict(made, found) if marked else made


def _evidence(prepared: Prepared, checks: tuple[CheckResult, ...]) -> Evidence:
    if prepared.design.kind == "experiment":
        return "randomised"
    if prepared.estimand.unadjusted:
        return "unadjusted"
    unsure = {Status.BROKE, Status.DID_NOT_RUN}
    doubted = any(check.name == Balance.name and check.status in unsure for check in checks)
    return "unbalanced" if doubted else "adjusted"


def _money(
    prepared: Prepared, scores: Scores, means: Joint, looks: Looks | None
) -> dict[str, Money]:
    """Return the money by arm; its range holds at every look where there are several."""
    spec, data = prepared.spec, prepared.data
    if spec.value is None:
        return {}
    days = counted_days(spec, data.period, as_of=data.as_of)
    per_month = monthly_units(spec.value, scores, days=days)
    if per_month is None:
        return {}
    made = {
        label: money(means, spec.value, arm=a, per_month=per_month, level=spec.level)
        for a, label in enumerate(means.arms)
        if a > 0
    }
    if looks is None:
        return made
    return {label: _at_looks(worth, looks, means, spec) for label, worth in made.items()}


def _at_looks(made: Money, looks: Looks, means: Joint, spec: StudySpec) -> Money:
    """Return money with ranges that hold at every look, for the whole and for each outcome."""
    arm = means.arms.index(made.arm)

    def monthly(per_unit: Ends) -> Ends:
        low, high = (None if end is None else made.units_per_month * end for end in per_unit)
        return (low, high)

    parts = (
        part
        if part.outcome is None
        else replace(part, ci=monthly(outcome_value(looks, spec, arm=arm, outcome=part.outcome)))
        for part in made.parts
    )
    whole = monthly(net_value(looks, means, spec, arm=arm))
    return replace(made, ci=whole, parts=tuple(parts))


def _net_reading(made: Money) -> Reading:
    low, high = made.ci
    if low is None or high is None or np.isnan(low) or np.isnan(high):
        return Reading.NOT_CLEAR
    return read_difference(low, high, matters_from=None, better="higher")


def _summary(prepared: Prepared, scores: Scores, *, clusters: int) -> DataSummary:
    data = prepared.data
    counts = np.bincount(scores.arm, minlength=len(scores.arms))
    return DataSummary(
        source=data.source,
        contract=data.schema.name if data.schema else None,
        fingerprint=data.fingerprint,
        rows=data.rows_read,
        units=scores.n,
        clusters=clusters,
        arms=tuple((arm, int(count)) for arm, count in zip(scores.arms, counts, strict=True)),
        period=data.period,
        as_of=data.as_of,
        days=counted_days(prepared.spec, data.period, as_of=data.as_of),
    )


def _notices(
    prepared: Prepared,
    scores: Scores,
    effects: EffectRows,
    looks: Looks | None,
    spread: tuple[RepetitionSpread, ...],
) -> tuple[Notice, ...]:
    return (
        *(() if prepared.plan_lock is None else plan_notices(prepared.plan_lock)),
        *looks_notices(prepared.spec),
        *prepared.design.notices,
        *_trimmed_notice(prepared, scores),
        *_segment_notices(effects),
        *repetition_notice(spread),
        *transport_notices(scores.transported),
        *(() if looks is None else looks.notices),
    )


def _trimmed_notice(prepared: Prepared, scores: Scores) -> tuple[Notice, ...]:
    """Count what the overlap rule left out, by every declared segment column."""
    design, rule = prepared.design, prepared.spec.overlap
    if scores.n == design.n:
        return ()
    kept = design.unit.isin(scores.unit).to_numpy()
    names = dict.fromkeys(name for dimension in prepared.spec.segments for name in dimension)
    cuts = [f"{name}: {count_by_level(kept, design.columns[name])}" for name in names]
    problem = Problem(
        what=f"{design.n - scores.n:,} of {design.n:,} units "
        f"{beyond(TARGETS[scores.target], rule)} and are left out"
        + (f" ({'; '.join(cuts)})." if cuts else "."),
        why="the answer is about the units that are left, and only about them.",
        fix="say so wherever the answer is used; a segment that lost every unit has no answer.",
    )
    return (Notice(code="trimmed", problem=problem),)


def _segment_notices(effects: EffectRows) -> tuple[Notice, ...]:
    """One named warning per segment that is too small to show, or lacks an arm."""
    found: dict[tuple[str, str], tuple[EffectRow, list[str]]] = {}
    for row in effects.effects:
        if row.shown != "shown":
            name = ", ".join(f"{column} = {level}" for column, level in row.segment) or "everyone"
            found.setdefault((row.shown, name), (row, []))[1].append(row.outcome)
    return tuple(
        _segment_notice(shown, name, row, list(dict.fromkeys(outcomes)))
        for (shown, name), (row, outcomes) in found.items()
    )


def _segment_notice(shown: str, name: str, row: EffectRow, outcomes: list[str]) -> Notice:
    if shown == "no_overlap":
        return Notice(
            code="segment_without_overlap",
            problem=Problem(
                what=f"In {name} ({row.n:,} units) not every arm occurs.",
                why="nothing there can be compared.",
                fix="merge this level with another, or leave it out with `where`.",
            ),
        )
    return Notice(
        code="small_segment",
        problem=Problem(
            what=f"{name} ({row.n:,} units) is too small to show for {', '.join(outcomes)}.",
            why="with so few customers or orders in an arm even the error is unreliable.",
            fix="wait for more data, or merge this level with another.",
        ),
    )
