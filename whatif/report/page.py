"""From a report to what the page shows: text and geometry only, nothing left to decide."""

from __future__ import annotations

from dataclasses import dataclass

from whatif.base.errors import Notice
from whatif.base.plan import NumberStatus
from whatif.report.document import Report
from whatif.report.format import day, human, moment, plural, singular_unit, title
from whatif.report.measure import Measure, measures, phrase
from whatif.report.view_appendix import Appendix, appendix
from whatif.report.view_checks import CheckRow, check_rows, held_checks, idle_checks, worst_tone
from whatif.report.view_decomposition import DecompositionView, decomposition_view
from whatif.report.view_looked import LookedView, looked_view
from whatif.report.view_metrics import MetricTable, lead_row, metric_tables, who
from whatif.report.view_segments import SegmentGroup, segment_groups
from whatif.report.view_whatif import WhatIf, whatif_view
from whatif.report.view_worth import WorthView, money_line, worth_view
from whatif.verdict.page_wording import (
    MARKS,
    Sentence,
    checks_count,
    checks_sentence,
    decision_tone,
    evidence_badge,
    evidence_note,
    instead_of,
    legend_words,
    looks_sentence,
    metric_lead,
    stale_banner,
)
from whatif.verdict.plan_wording import deviation_words
from whatif.verdict.wording import decision_words


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """The facts of the first block; empty text is left out."""

    title: str
    question: str
    badge: str
    note: str
    facts: tuple[tuple[str, str], ...]
    checks: str
    checks_tone: str
    changed: tuple[str, ...]
    run: str
    due_iso: str
    banner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictView:
    """The second block."""

    word: str
    tone: str
    headline: str
    metric: str
    number: Sentence | None
    number_mark: str
    money: Sentence | None
    money_mark: str
    reasons: tuple[str, ...]
    would_change: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The whole page, in reading order."""

    strip: Strip
    withheld: bool
    verdict: VerdictView
    looks: str
    legend: str
    metrics: tuple[MetricTable, ...]
    bands: bool
    limits: bool
    bounds: bool
    worth: WorthView | None
    units: str
    shrunk: bool
    segments: tuple[SegmentGroup, ...]
    looked: LookedView | None
    decomposition: DecompositionView | None
    what_if: WhatIf | None
    checks_sentence: str
    checks: tuple[CheckRow, ...]
    held: tuple[CheckRow, ...]
    idle: tuple[CheckRow, ...]
    notices: tuple[Notice, ...]
    appendix: Appendix


def page(report: Report) -> Page:
    """Return what the page of `report` shows."""
    by_name = measures(report)
    tables = metric_tables(report, by_name)
    return Page(
        strip=_strip(report),
        withheld=report.withheld,
        verdict=_verdict(report, by_name),
        looks=_looks(report),
        legend=legend_words(_statuses(report), locked=report.locked),
        metrics=tables,
        bands=any(m.matters_from is not None for m in by_name.values()),
        limits=any(m.limit is not None for m in by_name.values()),
        bounds=any(table.notes for table in tables),
        worth=worth_view(report, by_name),
        units=title(plural(singular_unit(report.spec.unit))),
        shrunk=any(row.shrunk is not None for row in report.effects.effects),
        segments=segment_groups(report, by_name),
        looked=looked_view(report, by_name),
        decomposition=decomposition_view(report, by_name),
        what_if=None if report.withheld else whatif_view(report, by_name),
        checks_sentence=checks_sentence(report.checks),
        checks=check_rows(report.checks),
        held=held_checks(report.checks),
        idle=idle_checks(report.checks),
        notices=report.notices,
        appendix=appendix(report, by_name),
    )


def _statuses(report: Report) -> set[NumberStatus]:
    """Return which marks the page has."""
    says = report.statuses
    found = {says.verdict(), says.money()}
    for row in report.effects.effects:
        found.add(says.reading(row.outcome, row.segment, planned=row.planned))
    return found


def _looks(report: Report) -> str:
    decision = report.spec.decision
    last = "" if decision.on is None else day(decision.on)
    return looks_sentence(decision.looks, days=int(decision.every[:-1]), last=last)


def _strip(report: Report) -> Strip:
    spec, data = report.spec, report.data
    facts = []
    if data.period is not None:
        facts.append(("Data", f"{day(data.period[0])} to {day(data.period[1])}"))
    counted = f"{data.units:,} {plural(singular_unit(spec.unit))}"
    if spec.cluster is not None and data.clusters != data.units:
        counted += f", {data.clusters:,} {plural(singular_unit(spec.cluster))}"
    if spec.weights is not None:
        counted += f", weighted by {human(spec.weights)}"
    facts.append(("Counted", counted))
    facts.append(("Speaks of", who(report)))
    if report.made_at is not None:
        facts.append(("As of", day(report.made_at)))
    due = "" if report.next_due is None else moment(report.next_due)
    if due:
        facts.append(("Next due", due))
    return Strip(
        title=title(spec.study.replace("-", " ")),
        question=spec.question,
        badge=badge(report),
        note=evidence_note(_evidence(report), intact=not report.withheld),
        facts=tuple(facts),
        checks=checks_count(report.checks),
        checks_tone=worst_tone(report.checks),
        changed=deviation_words(report.deviations),
        run=report.run_id[:12],
        due_iso=report.next_due or "",
        banner=stale_banner(due) if due else "",
    )


def badge(report: Report) -> str:
    """Return the words of the evidence badge."""
    return evidence_badge(_evidence(report))


def _evidence(report: Report) -> str:
    return "unadjusted" if report.estimand.unadjusted else report.design_kind


def _verdict(report: Report, by_name: dict[str, Measure]) -> VerdictView:
    verdict = report.verdict
    primary = next(iter(by_name.values()))
    row = lead_row(report, primary)
    words = None if row is None else phrase(primary, row)
    lead = ""
    if row is not None:
        several = len({r.arm for r in report.effects.effects}) > 1
        lead = metric_lead(
            primary.label,
            comparison=instead_of(human(row.arm), human(row.versus)) if several else "",
            everywhere=verdict.where == "everyone",
            who=who(report),
        )
    money = report.money
    return VerdictView(
        word=title(decision_words(verdict.decision)),
        tone=decision_tone(verdict.decision),
        headline=verdict.headline,
        metric=lead,
        number=None if words is None else words.sentence,
        number_mark=primary.mark,
        money=None if money is None else money_line(money, report),
        money_mark=MARKS[report.statuses.money()],
        reasons=verdict.reasons,
        would_change=verdict.would_change,
    )
