"""What the decision metrics show, row by row, as text and geometry."""

from __future__ import annotations

from dataclasses import dataclass, replace

from whatif.effects.bounds.row import BoundsRow
from whatif.effects.rows import EffectRow
from whatif.report.bars import (
    Axis,
    Backdrop,
    Bar,
    backdrop,
    bar,
    bounds_bar,
    symmetric_axis,
)
from whatif.report.document import Report
from whatif.report.format import human, plural, singular_unit
from whatif.report.measure import Measure, between_words, phrase
from whatif.verdict.page_wording import (
    ARROW,
    MARKS,
    better_words,
    bounds_label,
    bounds_note,
    bounds_sentence,
    bounds_words,
    instead_of,
    read_with_words,
    reading_tone,
    role_words,
    target_words,
)
from whatif.verdict.record import Reading
from whatif.verdict.wording import reading_words

DEFAULT_ESTIMATOR = "aipw"
_NOT_ON_THE_PAGE = ("other_target", "not_only_among")  # the appendix says why
ReadRow = tuple[EffectRow, Reading]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingCell:
    """The word for one effect and which icon stands beside it."""

    words: str
    tone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRow:
    """One row of the decision metrics; texts are empty where nothing can be shown."""

    label: str
    note: str
    per: str
    levels: str
    change: str
    spread: str
    relative: str
    backdrop: Backdrop
    bar: Bar | None
    reading: ReadingCell


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricTable:
    """The decision metrics of one arm; `notes` explain the bounds among them."""

    heading: str
    rows: tuple[MetricRow, ...]
    notes: tuple[str, ...]


def arms_in_order(report: Report) -> tuple[str, ...]:
    """Return the arms of the effects, the one the verdict is about first."""
    arms = list(dict.fromkeys(row.arm for row in report.effects.effects))
    return tuple(sorted(arms, key=lambda arm: arm != report.verdict.arm))


def subject(measure: Measure, arm: str, arms: tuple[str, ...]) -> str:
    """Return what an effect is about; the arm is named where there are several."""
    label = f"{measure.label}{measure.mark}"
    return f"{label}, {human(arm)}" if len(arms) > 1 else label


def lead_row(report: Report, measure: Measure) -> EffectRow | None:
    """Return the overall effect on `measure` of the arm the verdict is about."""
    rows = [r for r, _ in overall(report, arms_in_order(report)[0]) if r.outcome == measure.name]
    return rows[0] if rows else None


def who(report: Report) -> str:
    """Return whom averages speak of, in words."""
    spec = report.spec
    return target_words(
        spec.target,
        units=plural(singular_unit(spec.unit)),
        control=human(spec.treatment.control),
        trimmed=any(notice.code == "trimmed" for notice in report.notices),
    )


def metric_tables(report: Report, measures: dict[str, Measure]) -> tuple[MetricTable, ...]:
    """Return one table per arm: primary, guardrails, then what was also measured.

    Where bounds are known for a cost, its three numbers stand together.
    """
    axes = {
        name: symmetric_axis(
            measure,
            [row.read_from for row, _ in report.read() if row.outcome == name and not row.segment],
        )
        for name, measure in measures.items()
    }
    return tuple(_metric_table(report, measures, axes, arm) for arm in arms_in_order(report))


def _metric_table(
    report: Report, measures: dict[str, Measure], axes: dict[str, Axis], arm: str
) -> MetricTable:
    read = {row.outcome: (row, reading) for row, reading in overall(report, arm)}
    bounds = {
        ratio.name: row
        for ratio in report.spec.ratios
        for row in report.bounds
        if (row.outcome, row.among) == (ratio.numerator, ratio.denominator)
        and row.arm == arm
        and not row.segment
        and row.shown not in _NOT_ON_THE_PAGE
        and {ratio.name, row.outcome} <= read.keys()
    }
    order = _costs_together([name for name in measures if name in read], bounds)
    rows: list[MetricRow] = []
    for name in order:
        rows.append(_metric_row(report, measures[name], read[name], axes[name]))
        rows.extend(
            _bounds_row(report, measures, ratio, row, axes[ratio])
            for ratio, row in bounds.items()
            if name == max(ratio, row.outcome, key=order.index)
        )
    versus = next(row.versus for row, _ in read.values())
    heading, speaks_of = instead_of(human(arm), human(versus)), who(report)
    return MetricTable(
        heading=heading if speaks_of == "everyone" else f"{heading}: {speaks_of}",
        rows=tuple(rows),
        notes=tuple(
            _bounds_sentence(report, measures, name)
            for name, row in bounds.items()
            if row.shown == "shown"
        ),
    )


def _costs_together(names: list[str], bounds: dict[str, BoundsRow]) -> list[str]:
    """Put a ratio and the cost on top of it next to each other, where the first one stood."""
    out = list(names)
    for ratio, row in bounds.items():
        pair = [name for name in out if name in (ratio, row.outcome)]
        at = out.index(pair[0])
        out = [name for name in out if name not in pair]
        out[at:at] = pair
    return out


def overall(report: Report, arm: str) -> list[ReadRow]:
    """Return the run's own overall effects of one arm with their readings."""
    return [
        (row, reading)
        for row, reading in report.read()
        if not row.segment and row.arm == arm and row.estimator == DEFAULT_ESTIMATOR
    ]


def _metric_row(report: Report, measure: Measure, read: ReadRow, axis: Axis) -> MetricRow:
    row, _ = read
    notes = [role_words(measure.role), better_words(measure.better)]
    if measure.read_with:
        notes.append(read_with_words(human(measure.read_with)))
    words = phrase(measure, row)
    return MetricRow(
        label=measure.label,
        note=", ".join(notes),
        per=measure.per,
        levels="" if words is None else f"{words.before} {ARROW} {words.after}",
        change="" if words is None else words.change + measure.mark,
        spread="" if words is None else words.spread,
        relative="" if words is None else words.relative,
        backdrop=backdrop(measure, axis),
        bar=bar(row, axis),
        reading=reading_cell(report, read),
    )


def _bounds_row(
    report: Report, measures: dict[str, Measure], ratio: str, row: BoundsRow, axis: Axis
) -> MetricRow:
    measure, units = measures[ratio], plural(singular_unit(report.spec.unit))
    unread = replace(measure, matters_from=None, limit=None)
    drawn = bounds_bar(row, axis)
    change, spread = ("", "") if drawn is None else between_words(unread, row.bounds, row.ci)
    return MetricRow(
        label=bounds_label(measure.label, units),
        note=bounds_note(units, one=measures[row.among].one, column=human(row.among)),
        per="",
        levels="",
        change=change and change + measure.mark,
        spread=spread,
        relative="",
        backdrop=backdrop(unread, axis),
        bar=drawn,
        reading=ReadingCell(words=bounds_words(row.shown), tone="none"),
    )


def _bounds_sentence(report: Report, measures: dict[str, Measure], ratio: str) -> str:
    denominator = next(r.denominator for r in report.spec.ratios if r.name == ratio)
    return bounds_sentence(
        measures[ratio].label,
        many=measures[denominator].many or human(denominator),
        units=plural(singular_unit(report.spec.unit)),
        within=bool(report.spec.segments),
        one_look=report.looks_again,
    )


def reading_cell(report: Report, read: ReadRow) -> ReadingCell:
    """Return a reading as a word and an icon, marked where it was not planned."""
    row, reading = read
    status = report.statuses.reading(row.outcome, row.segment, planned=row.planned)
    mark = "" if row.shown != "shown" else MARKS[status]
    return ReadingCell(words=reading_words(reading) + mark, tone=reading_tone(reading))
