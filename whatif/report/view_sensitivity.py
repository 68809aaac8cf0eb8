"""The block on hidden causes: robustness, bounds at a few strengths, and the contour."""

from __future__ import annotations

import math
from dataclasses import dataclass

from whatif.contract.spec import metric_name
from whatif.effects.sensitivity.bounds import bounded, bounded_like, strength
from whatif.effects.sensitivity.record import Benchmark, BoundedEffect, HiddenCause, Sensitivity
from whatif.report.document import Report
from whatif.report.format import DASH, human, level_percent, percent, plain
from whatif.report.format import plain_range as spread
from whatif.report.measure import Measure
from whatif.report.text_table import Cells, TextTable
from whatif.report.view_metrics import arms_in_order, subject
from whatif.verdict import sensitivity_wording as words

WIDTH, HEIGHT = 240, 160
_LEFT, _BOTTOM, _TOP = 14, 16, 4
_STRENGTHS = (0.01, 0.03, 0.1)
_MOST_SHOWN = 8
_STEPS = 24
_LEAST_AXIS = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """A measured covariate in the drawing, held inside its frame; `number` is its table row."""

    x: float
    y: float
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Contour:
    """Strengths on the weights (across) and on the outcome (up) that erase an effect.

    `zero` and `edge` are paths: the effect is zero, its range reaches zero.
    """

    title: str
    description: str
    zero: str
    edge: str
    dots: tuple[Dot, ...]
    most: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SensitivityView:
    """Tables, sentences and the drawing; None where the primary metric has no bound."""

    title: str
    notes: tuple[str, ...]
    robustness: TextTable
    bounds_note: str
    bounds: TextTable
    contour: Contour | None
    across: str
    up: str
    picture: str


def sensitivity_view(report: Report, measures: dict[str, Measure]) -> SensitivityView | None:
    """Return the block on hidden causes; None where the run says nothing about them."""
    known = report.sensitivity
    if known is None:
        return None
    primary = metric_name(report.spec.primary)
    leading = [one for one in known.effects if one.outcome == primary]
    drawn = next((one for one in leading if one.arm == report.verdict.arm), None)
    notes = [words.STRENGTH, words.E_VALUE]
    if report.looks_again:
        notes.append(words.ONE_LOOK)
    note = f"{words.BOUNDS} {words.BENCHMARKS}" if known.benchmarks else words.BOUNDS
    return SensitivityView(
        title=words.TITLE,
        notes=tuple(notes),
        robustness=TextTable(
            caption="Strength that brings each effect to zero",
            heads=("Metric", "Difference", "To zero", "Its range to zero", "E-value", "Of range"),
            rows=tuple(_robustness(report, measures, one) for one in known.effects),
        ),
        bounds_note=note,
        bounds=_bounds(report, measures, known, leading),
        contour=None if drawn is None else _contour(known, drawn, measures[primary]),
        across=words.ACROSS,
        up=words.UP,
        picture=words.PICTURE,
    )


def shown_benchmarks(known: Sensitivity, about: HiddenCause) -> tuple[Benchmark, ...]:
    """Return the strongest measured covariates for one effect, at most eight."""
    same = [b for b in known.benchmarks if (b.outcome, b.arm) == (about.outcome, about.arm)]
    return tuple(same[:_MOST_SHOWN])


def _about(report: Report, measures: dict[str, Measure], one: HiddenCause) -> str:
    if one.outcome in measures:
        return subject(measures[one.outcome], one.arm, arms_in_order(report))
    return f"{human(one.outcome).capitalize()}, {human(one.arm)}"


def _robustness(report: Report, measures: dict[str, Measure], one: HiddenCause) -> Cells:
    star = "*" if one.e_value_from == "standardised_difference" else ""
    e_values = (one.e_value, one.e_value_limit)
    return (
        _about(report, measures, one),
        plain(one.estimate),
        _share(one.rv),
        _share(one.rva),
        *(DASH if value is None else f"{value:.2f}{star}" for value in e_values),
    )


def _bounds(
    report: Report, measures: dict[str, Measure], known: Sensitivity, leading: list[HiddenCause]
) -> TextTable:
    rows: list[Cells] = []
    for about in leading:
        name = _about(report, measures, about)
        rows += [_bounds_row(name, "", bounded(about, cf_y=s, cf_d=s)) for s in _STRENGTHS]
        rows += [
            _bounds_row(name, f"{number}: {words.as_strong_as(human(b.covariate))}",
                        bounded_like(about, b))
            for number, b in enumerate(shown_benchmarks(known, about), start=1)
        ]  # fmt: skip
    return TextTable(
        caption="The effect under hidden causes",
        heads=(
            *("Metric", "Of the outcome", "Of the weights", "Effect"),
            f"{level_percent(report.effects.level)} range", "Hidden cause",
        ),
        rows=tuple(rows),
    )  # fmt: skip


def _bounds_row(name: str, like: str, at: BoundedEffect) -> Cells:
    return (
        name,
        _share(at.cf_y),
        _share(at.cf_d),
        spread(*at.bounds),
        spread(*at.ci),
        like or DASH,
    )


def _contour(known: Sensitivity, about: HiddenCause, measure: Measure) -> Contour:
    shown = shown_benchmarks(known, about)
    near = [s for b in shown for s in (b.cf_y, b.cf_d) if s <= 4.0 * about.rv]
    most = min(max([2.0 * about.rv, _LEAST_AXIS, *(1.1 * s for s in near)]), 1.0)
    return Contour(
        title=words.picture_title(measure.lower),
        description=words.picture_description(
            zero=_share(about.rv), edge=_share(about.rva), drawn=len(shown)
        ),
        zero=_curve(about.rv, most),
        edge=_curve(about.rva, most),
        dots=tuple(
            Dot(x=_across(b.cf_d, most), y=_up(b.cf_y, most), number=str(number))
            for number, b in enumerate(shown, start=1)
        ),
        most=_share(most),
    )


def _curve(equal: float, most: float) -> str:
    """Return the strengths that move the effect as far as an equal one, as a path."""
    if equal <= 0.0:
        return ""
    square = strength(min(equal, math.nextafter(1.0, 0.0)), min(equal, 0.999999)) ** 2
    least = square / (square + most)
    if least >= most:
        return ""
    parts = []
    for step in range(_STEPS + 1):
        cf_d = least * (most / least) ** (step / _STEPS)
        cf_y = square * (1.0 - cf_d) / cf_d
        parts.append(f"{_across(cf_d, most):g} {_up(cf_y, most):g}")
    return "M" + "L".join(parts)


def _across(share: float, most: float) -> float:
    return round(_LEFT + (WIDTH - _LEFT - 4) * min(share / most, 1.0), 1)


def _up(share: float, most: float) -> float:
    tall = HEIGHT - _BOTTOM - _TOP
    return round(_TOP + tall * (1.0 - min(share / most, 1.0)), 1)


def _share(share: float) -> str:
    """Return a strength as a percentage with two digits or more."""
    if share <= 0.0:
        return percent(0.0, 0)
    return percent(share, 1 if share >= 0.01 else min(1 - math.floor(math.log10(100 * share)), 6))  # noqa: PLR2004
