"""The block on why a cost per unit differs: a sentence, three bars and the options behind them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from whatif.report.bars import Axis, Backdrop, Bar
from whatif.report.document import Report
from whatif.report.format import (
    DASH,
    TIMES,
    decimals,
    end_decimals,
    human,
    number,
    percent,
    signed,
)
from whatif.report.measure import Measure
from whatif.report.text_table import Cells, TextTable
from whatif.report.view_metrics import arms_in_order
from whatif.report.view_segments import levels_of
from whatif.scenarios.decomposition.decompose import PARTS, Decomposition, DecompositionRow, Part
from whatif.verdict import decomposition_wording as words
from whatif.verdict.page_wording import Sentence, instead_of

_ROOM = 1.08
Split = dict[Part, DecompositionRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRow:
    """One part of the difference: numbers as text, a bar, and what it counts."""

    label: str
    change: str
    spread: str
    bar: Bar | None
    counts: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmSplit:
    """The split of one arm; without rows there are too few orders for one."""

    sentence: Sentence
    caption: str
    backdrop: Backdrop | None
    rows: tuple[PartRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecompositionView:
    """The whole block."""

    title: str
    per: str
    arms: tuple[ArmSplit, ...]
    notes: tuple[str, ...]
    details: str
    tables: tuple[TextTable, ...]


def decomposition_view(report: Report, measures: dict[str, Measure]) -> DecompositionView | None:
    """Return the block; None where the study names no option or the numbers are withheld."""
    known = report.decomposition
    if known is None or report.withheld:
        return None
    measure = measures[known.cost]
    overall = [_split(known, arm, ()) for arm in arms_in_order(report)]
    notes = [words.NOT_EFFECTS, *_borrowed(known)]
    if report.looks_again:
        notes.append(words.ONE_LOOK)
    tables = [_options(known, measure, one["total"].arm) for one in overall]
    tables += [_by_segment(known, measure, one["total"].arm, cut)
               for one in overall for cut in _cuts(known)]  # fmt: skip
    return DecompositionView(
        title=words.title(_per(measure)),
        per=f"{measure.prefix.strip()} {measure.per}".strip(),
        arms=tuple(_arm(measure, one) for one in overall),
        notes=tuple(notes),
        details=words.DETAILS,
        tables=tuple(table for table in tables if table.rows),
    )


def decomposition_json(known: Decomposition | None) -> dict[str, Any]:
    """Return the split for ``answer.json``; empty without one, so that no key stands there."""
    if known is None:
        return {}
    return {
        "decomposition": {
            "cost": known.cost,
            "rows": [asdict(row) | {"segment": dict(row.segment)} for row in known.rows],
            "options": [asdict(row) | {"segment": dict(row.segment)} for row in known.options],
        }
    }


def _split(known: Decomposition, arm: str, segment: tuple[Any, ...]) -> Split:
    return {row.part: row for row in known.rows if (row.arm, row.segment) == (arm, segment)}


def _cuts(known: Decomposition) -> list[tuple[str, ...]]:
    found = (tuple(name for name, _ in row.segment) for row in known.rows)
    return [cut for cut in dict.fromkeys(found) if cut]


def _per(measure: Measure) -> str:
    return f"{measure.lower} {measure.per}"


def _visible(split: Split) -> bool:
    return all(row.shown == "shown" and row.estimate is not None for row in split.values())


def _arm(measure: Measure, split: Split) -> ArmSplit:
    total = split["total"]
    comparison = instead_of(human(total.arm), human(total.versus))
    if not _visible(split):
        few = words.too_few_sentence(comparison, _per(measure))
        return ArmSplit(
            sentence=Sentence(lead=few, strong="", rest=""), caption="", backdrop=None, rows=()
        )
    rows = list(split.values())
    places = _places(measure, rows)
    sizes = {row.part: (row.estimate or 0.0) * measure.factor for row in rows}
    text = {part: measure.prefix + number(abs(size), places) for part, size in sizes.items()}
    ways = {part: (round(s, places) > 0) - (round(s, places) < 0) for part, s in sizes.items()}
    axis = _axis(rows)
    return ArmSplit(
        sentence=words.split_sentence(
            comparison=comparison,
            cost=_per(measure),
            size=text["total"],
            direction=ways["total"],
            spread=_spread(measure, total, places),
            clauses=[words.clause(p, size=text[p], direction=ways[p]) for p in PARTS[:-1]],
            unsettled=[p for p in ("total", *PARTS[:-1]) if ways[p] and _open(split[p])],
        ),
        caption=f"{words.title(_per(measure))}: {comparison}",
        backdrop=Backdrop(zero=axis.at(0.0), band=None, limit=None),
        rows=tuple(
            PartRow(
                label=words.PARTS[row.part],
                change=signed(sizes[row.part], places),
                spread=_spread(measure, row, places),
                bar=_bar(row, axis),
                counts=words.COUNTS[row.part],
            )
            for row in rows
        ),
    )


def _open(row: DecompositionRow) -> bool:
    low, high = row.ci
    return low is None or high is None or low < 0.0 < high


def _places(measure: Measure, rows: Iterable[DecompositionRow]) -> int:
    """Return the decimals that the narrowest range deserves."""
    ends = [row.ci for row in rows if None not in row.ci and row.ci[0] != row.ci[1]]
    scaled = [[end * measure.factor for end in pair if end is not None] for pair in ends]
    return measure.rounded(max((decimals(low, high) for low, high in scaled), default=2))


def _spread(measure: Measure, row: DecompositionRow, places: int) -> str:
    low, high = row.ci
    if low is None or high is None:
        return ""
    ends = (low * measure.factor, high * measure.factor)
    return " to ".join(signed(end, end_decimals(end, places)) for end in ends)


def _axis(rows: Sequence[DecompositionRow]) -> Axis:
    ends = [abs(end) for row in rows for end in (*row.ci, row.estimate) if end is not None]
    reach = max(ends, default=0.0) * _ROOM or 1.0
    return Axis(low=-reach, high=reach)


def _bar(row: DecompositionRow, axis: Axis) -> Bar | None:
    low, high = row.ci
    if row.estimate is None or low is None or high is None:
        return None
    return Bar(
        left=axis.at(low),
        right=axis.at(high),
        open_left=False,
        open_right=False,
        point=axis.at(row.estimate),
    )


def _borrowed(known: Decomposition) -> list[str]:
    """Say which options only one arm had."""
    only: dict[tuple[str, str], None] = {}
    for row in known.options:
        if not row.segment and None in row.cost:
            had = row.arm if row.cost[0] is None else row.versus
            only[human(row.option), human(had)] = None
    return [words.borrowed_sentence(option, arm) for option, arm in only]


def _options(known: Decomposition, measure: Measure, arm: str) -> TextTable:
    rows = [row for row in known.options if row.arm == arm and not row.segment]
    versus = human(rows[0].versus) if rows else ""
    costs = [f"{measure.prefix.strip()} per order, {human(a)}".strip() for a in (versus, arm)]
    return TextTable(
        caption=f"{words.OPTIONS}: {instead_of(human(arm), versus)}",
        heads=("Option", f"Of orders, {versus}", f"Of orders, {human(arm)}", *costs),
        rows=tuple(
            (
                human(row.option),
                *(percent(share, 1) for share in row.share),
                *(_cost(cost, measure) for cost in row.cost),
            )
            for row in rows
        ),
    )


def _cost(cost: float | None, measure: Measure) -> str:
    return DASH if cost is None else number(cost * measure.factor, 2)


def _by_segment(
    known: Decomposition, measure: Measure, arm: str, cut: tuple[str, ...]
) -> TextTable:
    inside = [
        row for row in known.rows if row.arm == arm and tuple(n for n, _ in row.segment) == cut
    ]
    segments = dict.fromkeys(row.segment for row in inside)
    splits = [{row.part: row for row in inside if row.segment == one} for one in segments]
    places = _places(measure, [row for one in splits if _visible(one) for row in one.values()])
    name = TIMES.join(human(column) for column in cut)
    return TextTable(
        caption=f"By {name}: {human(arm)}",
        heads=(f"By {name}", *(words.PARTS[part] for part in ("total", *PARTS[:-1]))),
        rows=tuple(_segment_row(measure, one, places) for one in splits),
    )


def _segment_row(measure: Measure, split: Split, places: int) -> Cells:
    label = levels_of(split["total"].segment)
    if not _visible(split):
        return (label, *(DASH for _ in PARTS))
    return (label, *(_cell(measure, split[p], places) for p in ("total", *PARTS[:-1])))


def _cell(measure: Measure, row: DecompositionRow, places: int) -> str:
    spread = _spread(measure, row, places)
    point = signed((row.estimate or 0.0) * measure.factor, places)
    return f"{point} ({spread})" if spread else point
