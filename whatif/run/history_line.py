"""A finished run in one line: what a history, an index and a notice say of it."""

from __future__ import annotations

from whatif.base.hashing import of_json
from whatif.base.history import Range, RunLine
from whatif.base.plan import Plan, plan_hash
from whatif.base.versions import code_hash
from whatif.checks.result import Status
from whatif.contract.plan import plan_of
from whatif.effects.looks.anytime import anytime_range, products_of_everyone
from whatif.effects.looks.rules import Quantity
from whatif.effects.rows import EffectRow
from whatif.effects.table import metrics_of
from whatif.report.document import Report
from whatif.report.measure import measures, metric_line
from whatif.report.page import badge
from whatif.report.text import headline_number
from whatif.report.view_checks import check_rows, held_checks
from whatif.report.view_metrics import lead_row
from whatif.report.view_worth import money_line
from whatif.run.analysis import Run
from whatif.verdict.page_wording import status_words
from whatif.verdict.plan_wording import deviation_words

_OF_WHOM = (
    *("treatment", "control", "design", "where", "weights", "trimmed", "unit", "cluster"),
    *("assigned", "first_exposure", "window", "maturity", "target", "level"),
)


def run_line(run: Run) -> RunLine:
    """Return a finished run in one line; a withheld run has no number in it.

    ``ci`` is the range that the effect's reading comes from; ``anytime`` holds at every run of the
    study at once, for this one number at the study's level. Equal runs give equal lines.
    """
    report, spec, data = run.report, run.report.spec, run.report.data
    primary = next(iter(measures(report).values()))
    row = None if report.withheld else lead_row(report, primary)
    held, broke = len(held_checks(report.checks)), _broke(report)
    (first, last), plan = data.period or (None, None), plan_of(spec)
    money = None if report.withheld else report.money
    return RunLine(
        study=spec.study,
        run_id=report.run_id,
        question=spec.question,
        evidence=badge(report),
        decision=str(report.verdict.decision),
        headline=report.verdict.headline,
        number=headline_number(report),
        money="" if money is None else str(money_line(money, report)),
        as_of=data.as_of,
        data_from=first,
        data_to=last,
        next_due=report.next_due,
        arm=report.verdict.arm,
        versus=run.means.arms[0],
        metric=metric_line(primary),
        baseline=None if row is None else row.baseline,
        estimate=None if row is None else row.estimate,
        std_error=None if row is None else row.std_error,
        **_ranges(run, row),
        units=data.units,
        clusters=data.clusters,
        held=held,
        judged=held + len(broke),
        broke=broke,
        fingerprint=data.fingerprint,
        study_hash=of_json(spec.public()),
        plan_hash=plan_hash(plan),
        score_key=run.prepared.score_key,
        code=code_hash(),
        version=dict(report.versions)["whatif"],
        deviations=deviation_words(run.prepared.deviations),
        measures=_measures(plan),
    )


def _ranges(run: Run, row: EffectRow | None) -> dict[str, Range]:
    """Return the range of the reading, and the one that holds at every run."""
    if row is None:
        return {"ci": (None, None), "anytime": (None, None)}
    return {"ci": row.read_from, "anytime": _anytime(run, row)}


def _measures(plan: Plan) -> str:
    """Return the hash of what the primary number measures, of whom, and at which level."""
    primary = next(one for one in plan.metrics if one.role == "primary")
    metric = (primary.name, primary.kind, primary.numerator, primary.denominator)
    return of_json([metric, [getattr(plan, name) for name in _OF_WHOM]])


def _broke(report: Report) -> tuple[str, ...]:
    rows = check_rows(report.checks)
    return tuple(row.title for row in rows if row.word == status_words(Status.BROKE))


def _anytime(run: Run, row: EffectRow) -> Range:
    """Return the range of one effect that holds at every run; unbounded before the first look."""
    means, spec = run.means, run.report.spec
    metric = next(one for one in metrics_of(spec) if one.name == row.outcome)
    return anytime_range(
        means,
        products_of_everyone(run.scores),
        Quantity(parts=((metric, 1.0),)),
        cell=0,
        arm=means.arms.index(row.arm),
        alpha=1 - spec.level,
    )
