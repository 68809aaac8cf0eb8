"""What the page shows of the checks: their rows, and in the appendix what findings rest on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from whatif.checks.result import CheckResult, Detail, Status
from whatif.report.document import Report
from whatif.report.format import interval_words, plain, plural, singular_unit, title
from whatif.report.format import plain_range as spread
from whatif.report.measure import Measure
from whatif.report.text_table import TextTable
from whatif.report.view_metrics import arms_in_order, subject
from whatif.verdict.page_wording import status_words

CURVE_WIDTH = 320
CURVE_HEIGHT = 120
_DRAWN = "specification_curve"
_DOUBTS = (Status.BROKE, Status.DID_NOT_RUN)
_TONE = {
    Status.HELD: "good",
    Status.BROKE: "bad",
    Status.NOT_APPLICABLE: "none",
    Status.DID_NOT_RUN: "unsure",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRow:
    """One check: word, icon, finding, and what to do where it did not hold."""

    code: str
    title: str
    word: str
    tone: str
    what: str
    finding: str
    why: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Estimates with their ranges side by side, lowest first, in drawing units.

    `ranges` and `points` are paths; `zero` is the height of "no difference".
    """

    ranges: str
    points: str
    zero: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckDetails:
    """What one finding rests on: the drawing, where there is one, and every line."""

    finding: str
    curve: Curve | None
    table: TextTable


def check_rows(checks: Sequence[CheckResult]) -> tuple[CheckRow, ...]:
    """Return the checks that broke or could not run, integrity first among equals."""
    doubts = [check for check in checks if check.status in _DOUBTS]
    ranked = sorted(doubts, key=lambda c: (_DOUBTS.index(c.status), not c.integrity))
    return tuple(_row(check) for check in ranked)


def held_checks(checks: Sequence[CheckResult]) -> tuple[CheckRow, ...]:
    """Return the checks that held, integrity first."""
    held = [check for check in checks if check.status is Status.HELD]
    return tuple(_row(check) for check in sorted(held, key=lambda c: not c.integrity))


def idle_checks(checks: Sequence[CheckResult]) -> tuple[CheckRow, ...]:
    """Return the checks that do not apply to this study."""
    return tuple(_row(check) for check in checks if check.status is Status.NOT_APPLICABLE)


def worst_tone(checks: Sequence[CheckResult]) -> str:
    """Return the tone of the worst status that any check has."""
    return next(
        (_TONE[s] for s in (*_DOUBTS, Status.HELD) if any(c.status is s for c in checks)), "none"
    )


def check_details(report: Report, measures: dict[str, Measure]) -> tuple[CheckDetails, ...]:
    """Return the lines behind what broke and the specification curve, on the primary metric.

    On every metric where the primary one has no lines; none where numbers are withheld. What other
    checks rest on stands in the answer and in ``estimates.csv``.
    """
    if report.withheld:
        return ()
    primary = next(iter(measures))
    found = []
    for check in report.checks:
        lines = [one for one in check.details if one.outcome == primary] or list(check.details)
        if lines and (check.status is Status.BROKE or check.name == _DRAWN):
            curve = _curve(lines) if check.name == _DRAWN else None
            table = _table(check, lines, report, measures)
            found.append(CheckDetails(finding=check.finding, curve=curve, table=table))
    return tuple(found)


def _row(check: CheckResult) -> CheckRow:
    return CheckRow(
        code=check.code,
        title=title(check.name),
        word=status_words(check.status),
        tone=_TONE[check.status],
        what=check.what,
        finding=check.finding,
        why=check.why,
        fix=check.fix if check.status is Status.BROKE else "",
    )


def _table(
    check: CheckResult, lines: Sequence[Detail], report: Report, measures: dict[str, Measure]
) -> TextTable:
    about = {(line.outcome, line.arm) for line in lines}
    arms = arms_in_order(report)
    names = [_subject(line, measures, arms) for line in lines]
    caption = title(check.name) + (f": {names[0]}" if len(about) == 1 else "")
    units = plural(singular_unit(report.spec.unit))
    several = ("Metric",) if len(about) > 1 else ()
    alike = len({line.n for line in lines}) == 1
    counted = () if alike else (title(units),)
    return TextTable(
        caption=f"{caption}, {lines[0].n:,} {units} each" if alike else caption,
        heads=("Of", *several, *counted, "Difference", interval_words(report.effects.level)),
        rows=tuple(
            (
                line.name,
                *((name,) if several else ()),
                *(() if alike else (f"{line.n:,}",)),
                plain(line.estimate),
                spread(*line.ci),
            )
            for line, name in zip(lines, names, strict=True)
        ),
    )


def _subject(line: Detail, measures: dict[str, Measure], arms: tuple[str, ...]) -> str:
    known = measures.get(line.outcome)
    return title(line.outcome) if known is None else subject(known, line.arm, arms)


def _curve(details: Sequence[Detail]) -> Curve:
    lines = sorted(details, key=lambda line: line.estimate)
    ends = [
        (line.estimate if low is None else low, line.estimate if high is None else high)
        for line in lines
        for low, high in [line.ci]
    ]
    bottom, top = min(0.0, *(low for low, _ in ends)), max(0.0, *(high for _, high in ends))
    pad = 0.05 * (top - bottom) or 1.0
    bottom, top = bottom - pad, top + pad
    step = CURVE_WIDTH / len(lines)

    def height(value: float) -> float:
        return round(CURVE_HEIGHT * (top - value) / (top - bottom), 1)

    across = [round((i + 0.5) * step, 1) for i in range(len(lines))]
    return Curve(
        ranges="".join(
            f"M{x:g} {height(high):g}V{height(low):g}"
            for x, (low, high) in zip(across, ends, strict=True)
        ),
        points="".join(
            f"M{x:g} {height(line.estimate):g}h0" for x, line in zip(across, lines, strict=True)
        ),
        zero=height(0.0),
    )
