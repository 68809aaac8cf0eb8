"""The block on why a cost per unit differs: a sentence, three bars and the options behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from whatif.report.bars import Axis, Backdrop, Bar
from whatif.report.decomposition_sentence import places_of, split_words, spread_of, visible
from whatif.report.document import Report
from whatif.report.format import (
    DASH,
    TIMES,
    human,
    number,
    percent,
    signed,
)
from whatif.report.measure import Measure
from whatif.report.text_table import Cells, TextTable
from whatif.report.view_metrics import arms_in_order
from whatif.report.view_segments import levels_of
from whatif.scenarios.decomposition.decompose import (
    PARTS,
    Decomposition,
    DecompositionRow,
    OptionRow,
    Part,
)
from whatif.verdict import decomposition_wording as words
from whatif.verdict.page_wording import MARKS, Sentence, instead_of
from whatif.verdict.plan_status import Statuses

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
    mark = MARKS[report.statuses.split(known.cost)]
    notes = [words.NOT_EFFECTS, *_borrowed(known)]
    if report.looks_again:
        notes.append(words.ONE_LOOK)
    tables = [_options(known, measure, one["total"].arm) for one in overall]
    tables += [_by_segment(known, measure, one["total"].arm, cut)
               for one in overall for cut in _cuts(known)]  # fmt: skip
    return DecompositionView(
        title=words.title(_per(measure)),
        per=f"{measure.prefix.strip()} {measure.per}".strip(),
        arms=tuple(_arm(measure, one, mark) for one in overall),
        notes=tuple(notes),
        details=words.DETAILS,
        tables=tuple(table for table in tables if table.rows),
    )


def decomposition_json(known: Decomposition | None, says: Statuses) -> dict[str, Any]:
    """Return the split for ``answer.json``; empty without one, so that no key stands there."""
    if known is None:
        return {}
    cost = known.cost

    def plain(row: DecompositionRow | OptionRow) -> dict[str, Any]:
        status = says.split(cost, [column for column, _ in row.segment])
        return asdict(row) | {"segment": dict(row.segment), "status": status}

    return {
        "decomposition": {
            "cost": cost,
            "rows": [plain(row) for row in known.rows],
            "options": [plain(row) for row in known.options],
        }
    }


def _split(known: Decomposition, arm: str, segment: tuple[Any, ...]) -> Split:
    return {row.part: row for row in known.rows if (row.arm, row.segment) == (arm, segment)}


def _cuts(known: Decomposition) -> list[tuple[str, ...]]:
    """Return the cuts by one column."""
    found = (tuple(name for name, _ in row.segment) for row in known.rows)
    return [cut for cut in dict.fromkeys(found) if len(cut) == 1]


def _per(measure: Measure) -> str:
    return f"{measure.lower} {measure.per}"


def _arm(measure: Measure, split: Split, mark: str) -> ArmSplit:
    total, rows = split["total"], list(split.values())
    sentence = split_words(measure, split)
    if not visible(split):
        return ArmSplit(sentence=sentence, caption="", backdrop=None, rows=())
    places, axis = places_of(measure, rows), _axis(rows)
    return ArmSplit(
        sentence=sentence,
        caption=f"{words.title(_per(measure))}: "
        f"{instead_of(human(total.arm), human(total.versus))}",
        backdrop=Backdrop(zero=axis.at(0.0), band=None, limit=None),
        rows=tuple(
            PartRow(
                label=words.PARTS[row.part],
                change=signed((row.estimate or 0.0) * measure.factor, places) + mark,
                spread=spread_of(measure, row, places),
                bar=_bar(row, axis),
                counts=words.COUNTS[row.part],
            )
            for row in rows
        ),
    )


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
    places = places_of(measure, [row for one in splits if visible(one) for row in one.values()])
    name = TIMES.join(human(column) for column in cut)
    return TextTable(
        caption=f"By {name}: {human(arm)}",
        heads=(f"By {name}", *(words.PARTS[part] for part in ("total", *PARTS[:-1]))),
        rows=tuple(_segment_row(measure, one, places) for one in splits),
    )


def _segment_row(measure: Measure, split: Split, places: int) -> Cells:
    label = levels_of(split["total"].segment)
    if not visible(split):
        return (label, *(DASH for _ in PARTS))
    return (label, *(_cell(measure, split[p], places) for p in ("total", *PARTS[:-1])))


def _cell(measure: Measure, row: DecompositionRow, places: int) -> str:
    spread = spread_of(measure, row, places)
    point = signed((row.estimate or 0.0) * measure.factor, places)
    return f"{point} ({spread})" if spread else point
