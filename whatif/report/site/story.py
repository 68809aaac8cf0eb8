"""Why an estimate moved, as rows, bars and sentences."""

from __future__ import annotations

from dataclasses import dataclass

from whatif.base.history import Change, ChangePart, MetricLine, PastRun, Range
from whatif.base.readers import alike
from whatif.report.format import percent
from whatif.report.site.amounts import (
    difference_words,
    direction_of,
    move_range_words,
    unit_words,
    with_range,
)
from whatif.verdict.changes_wording import within_chance
from whatif.verdict.site_wording import (
    NOT_SPLIT,
    PARTS_ADD,
    kind_words,
    move_words,
    moved_words,
    no_numbers,
    not_comparable,
    then_and_now,
)

_HALF, _MARGIN = 100, 8
_ROOM = 1.08


@dataclass(frozen=True, slots=True, kw_only=True)
class PartBar:
    """The range of one part in drawing units, 200 wide, zero in the middle."""

    left: float
    right: float
    point: float
    zero: int
    open_left: bool
    open_right: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRow:
    """One reason why the estimate moved; every text is shown as it is."""

    name: str
    counts: str
    change: str
    spread: str
    share: str
    bar: PartBar


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """Why an estimate differs from the one before.

    Attributes
    ----------
    sentences : tuple of str
        The two estimates, the move, or why it is not told.
    rows : tuple of PartRow
        Empty where the move was not split.
    notes : tuple of str
        How to read the rows.
    said : tuple of str
        What else differs.
    """

    sentences: tuple[str, ...]
    rows: tuple[PartRow, ...]
    notes: tuple[str, ...]
    said: tuple[str, ...]


def story(run: PastRun, before: PastRun) -> Story:
    """Return why the estimate of `run` differs from that of the run `before` it."""
    metric, change = run.line.metric, run.change
    sentences, comparable = _then_and_now(run, before)
    if not comparable or change is None or change.before != before.line.run_id:
        sentences = (*sentences, NOT_SPLIT) if comparable else sentences
        return Story(sentences=sentences, rows=(), notes=(), said=())
    if change.total is not None:
        sentences = (*sentences, _move(metric, change.total, change.ci))
    rows = _rows(metric, change)
    notes = [PARTS_ADD] if rows else []
    return Story(sentences=sentences, rows=rows, notes=tuple(notes), said=change.said)


def short_story(run: PastRun) -> str:
    """Return in one line what changed against the run before; empty where that is not known."""
    change, metric = run.change, run.line.metric
    if change is None:
        return ""
    if change.total is None:
        return " ".join(change.said)
    if change.total == 0 and not change.parts:
        return " ".join(change.said)
    clear = [part for part in change.parts if not within_chance(part.ci)]
    parts = [_short_part(metric, part) for part in clear]
    size = difference_words(metric, change.total, change.ci, extra=1)
    move = f"{size} ({move_range_words(metric, change.ci)})"
    return moved_words(", ".join(filter(None, (move, within_chance(change.ci)))), parts)


def told(of: Story) -> str:
    """Return a story as running text."""
    parts = [f"{row.name} {row.change}" + (f", {row.share}" * bool(row.share)) for row in of.rows]
    split = [f"{'; '.join(parts)}."] if parts else []
    return " ".join([*of.sentences, *split, *of.said])


def _then_and_now(run: PastRun, before: PastRun) -> tuple[tuple[str, ...], bool]:
    """Return the two estimates in a sentence, or why not; and whether they can be compared."""
    now, then = run.line, before.line
    if now.estimate is None or then.estimate is None:
        return (no_numbers(now=now.estimate is None),), False
    if not alike(now, then):
        return (not_comparable(),), False
    both = then_and_now(
        then=with_range(now.metric, then.estimate, then.ci),
        now=with_range(now.metric, now.estimate, now.ci),
        unit=unit_words(now.metric),
    )
    return (both,), True


def _move(metric: MetricLine, total: float, around: Range) -> str:
    size = difference_words(metric, total, around, extra=1).replace("+", "").replace("\u2212", "")
    return move_words(
        direction=direction_of(metric, total, around),
        size=size,
        spread=move_range_words(metric, around),
    )


def _short_part(metric: MetricLine, part: ChangePart) -> str:
    name, _ = kind_words(part.kind)
    share = difference_words(metric, part.estimate, part.ci, extra=1)
    return f"{name.lower()} {share if part.share is None else percent(part.share, 0)}"


def _rows(metric: MetricLine, change: Change) -> tuple[PartRow, ...]:
    ends = [abs(end) for part in change.parts for end in part.ci if end is not None]
    ends += [abs(part.estimate) for part in change.parts]
    reach = max(ends, default=0.0) * _ROOM or 1.0
    rows = []
    for part in change.parts:
        name, counts = kind_words(part.kind)
        rows.append(
            PartRow(
                name=name,
                counts=counts,
                change=difference_words(metric, part.estimate, part.ci, extra=1),
                spread=move_range_words(metric, part.ci),
                share="" if part.share is None else percent(part.share, 0),
                bar=_bar(part, reach),
            )
        )
    return tuple(rows)


def _bar(part: ChangePart, reach: float) -> PartBar:
    def at(value: float) -> float:
        return round(_HALF + value / reach * (_HALF - _MARGIN), 1)

    low, high = part.ci
    return PartBar(
        left=_MARGIN if low is None else at(low),
        right=2 * _HALF - _MARGIN if high is None else at(high),
        point=at(part.estimate),
        zero=_HALF,
        open_left=low is None,
        open_right=high is None,
    )
