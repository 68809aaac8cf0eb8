"""Power as the appendix and the terminal show it, and as ``answer.json`` holds it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from whatif.base.errors import Notice
from whatif.contract.spec import StudySpec, metric_name
from whatif.effects.power.before import Plan
from whatif.effects.power.row import PowerRow
from whatif.report.document import Report
from whatif.report.format import DASH, human, percent, plain
from whatif.report.measure import Measure
from whatif.report.text_table import Cells, TextTable
from whatif.report.view_metrics import arms_in_order, subject
from whatif.report.view_segments import levels_of
from whatif.verdict.chances import Power, ReadingChance
from whatif.verdict.plan_status import Statuses
from whatif.verdict.power_wording import (
    NO_EFFECT,
    asked_words,
    chance_words,
    need_words,
    no_range_words,
    plan_arms,
    plan_covariates,
    plan_head,
    readings_words,
    smallest_words,
    times_words,
    true_effect_line,
    way_head,
)

_RARE = 0.005
_PAIR = 2


def power_view(report: Report, measures: dict[str, Measure]) -> TextTable | None:
    """Return the smallest effects for everyone; None where no row has numbers."""
    kept = [one for one in report.power if not one.row.segment]
    if not any(one.row.smallest for one in kept):
        return None
    limited = _limited(report.spec)
    return TextTable(
        caption="Smallest effect seen with a chance of 80 %",
        heads=("Metric", "Smallest", "Of the baseline", "Asked for", "Chance", "Data needed"),
        rows=tuple(_size(report, measures, one.row, limited) for one in kept),
    )


def power_json(one: Power, says: Statuses | None = None) -> dict[str, Any]:
    """Return one row of power for machines, with its status where `says` knows of a plan.

    A chance to see what matters hangs on what matters, so its status is that of the reading.
    """
    row = {**asdict(one.row), "segment": dict(one.row.segment)}
    if says is not None:
        row["status"] = says.reading(one.row.outcome, one.row.segment)
    return {**row, "chances": [{**asdict(c), "reading": c.reading.value} for c in one.chances]}


def plan_text(
    powers: Sequence[Power],
    plan: Plan,
    spec: StudySpec,
    *,
    clusters: int,
    past_units: int,
    explained: Sequence[tuple[str, float]],
    notices: Sequence[Notice],
) -> str:
    """Return what a plan will see, for a terminal."""
    arms = [(human(a), percent(c, 0)) for a, c in zip(plan.arms, plan.chances, strict=True)]
    head = plan_head(
        spec.study,
        units=f"{plan.units:,}",
        clusters=f"{clusters:,}",
        days="" if plan.days is None else f"{plan.days:,}",
        past=f"{past_units:,}",
    )
    lines = [head, plan_arms(arms)]
    if explained:
        lines.append(plan_covariates([(name, percent(share, 0)) for name, share in explained]))
    primary = metric_name(spec.primary)
    for k, (assigned, part) in enumerate(groupby(powers, key=lambda one: one.row.assigned)):
        own = k == 0
        rows = [one for one in part if not one.row.segment or (own and one.row.outcome == primary)]
        lines += ["", way_head(assigned, own=own)]
        lines += [f"  {_line(one.row, spec, several=len(arms) > _PAIR)}" for one in rows]
        if own:
            lines += [f"  {line}" for one in rows for line in _true_lines(one, primary)]
    lines += [f"note: {notice.problem.what} {notice.problem.fix}" for notice in notices]
    return "\n".join(lines).replace("\u00a0", " ")


def _limited(spec: StudySpec) -> frozenset[str]:
    return frozenset(metric_name(m) for m in spec.guardrails if m.limit is not None)


def _size(
    report: Report, measures: dict[str, Measure], row: PowerRow, limited: frozenset[str]
) -> Cells:
    about = subject(measures[row.outcome], row.arm, arms_in_order(report))
    if row.smallest is None or row.shown != "shown":
        return (about, no_range_words(suppressed=row.shown != "shown"), *(DASH,) * 4)
    asked = chance = need = DASH
    if row.asked is not None and row.chance is not None:
        asked = asked_words(plain(row.asked), limit=row.outcome in limited)
        chance, need = _chance(row.chance), times_words(row.times)
    return (about, plain(row.smallest), _share(row) or DASH, asked, chance, need)


def _line(row: PowerRow, spec: StudySpec, *, several: bool) -> str:
    where = f", {levels_of(row.segment)}" if row.segment else ""
    name = f"{human(row.outcome)}{f', {human(row.arm)}' if several else ''}{where}"
    if row.smallest is None or row.shown != "shown":
        return f"{name}: {no_range_words(suppressed=row.shown != 'shown')}"
    text = f"{name}: {smallest_words(plain(row.smallest), _share(row))}"
    if row.asked is None or row.chance is None:
        return text
    limit = row.outcome in _limited(spec)
    units = "" if row.units_needed is None else _about(row.units_needed)
    days = "" if row.days_needed is None else _about(row.days_needed)
    said = chance_words(
        _chance(row.chance),
        asked=asked_words(plain(row.asked), limit=limit),
        limit=limit,
        need=need_words(units, days),
    )
    return f"{text}; {said}"


def _true_lines(one: Power, primary: str) -> Iterator[str]:
    if one.row.outcome != primary:
        return
    for effect, chances in groupby(one.chances, key=lambda chance: chance.effect):
        yield true_effect_line(primary, effect=_effect(effect), readings=_readings(chances))


def _effect(effect: float) -> str:
    return NO_EFFECT if effect == 0 else ("+" if effect > 0 else "") + plain(effect)


def _readings(chances: Iterator[ReadingChance]) -> str:
    return readings_words(
        [(one.reading, percent(one.chance, 0)) for one in chances if one.chance >= _RARE]
    )


def _chance(chance: float) -> str:
    if chance < _RARE:
        return f"under {percent(0.01, 0)}"
    return f"over {percent(0.99, 0)}" if chance > 1 - _RARE else percent(chance, 0)


def _about(count: int) -> str:
    """Return a count rounded up to three digits, as thousands are read."""
    step = 10 ** max(len(str(count)) - 3, 0)
    return f"{-(-count // step) * step:,}"


def _share(row: PowerRow) -> str:
    return "" if row.relative is None else percent(row.relative, 1)
