"""What the charts of a study show: traces for plotly, and the same numbers as text for a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from whatif.base.history import History, MetricLine, PastRun, Range
from whatif.base.readers import alike, reviewed
from whatif.contract.spec import StudySpec
from whatif.report.format import DASH, NBSP, day, decimals, human, number, plural, singular_unit
from whatif.report.html import inert
from whatif.report.measure import Measure, metric_line
from whatif.report.site.amounts import difference_words, range_words, unit_words
from whatif.scenarios.sheet.evaluate import base_state, evaluate
from whatif.scenarios.sheet.record import Sheet
from whatif.verdict import forms_wording as wording
from whatif.verdict.record import Reading
from whatif.verdict.wording import EVERYONE, reading_words

Json = dict[str, Any]

_ROW, _FRAME = 30, 70
_TALL = 380
_LONGEST = 32
_PRICES = 13
_TWO = 2

Triple = tuple[float, float, float]
"""An estimate with its range."""

Point = tuple[float, float, float, float]
"""A price, and the profit at it with its range."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One chart and its table.

    Attributes
    ----------
    title, lead : str
        Above it.
    heads, rows : tuple
        The table, as text.
    traces, shapes, xaxis, yaxis : JSON
        For plotly; colours are left to the page. Texts in them are inert.
    height : int
        In pixels.
    """

    title: str
    lead: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    traces: tuple[Json, ...]
    shapes: tuple[Json, ...] = ()
    xaxis: Json
    yaxis: Json
    height: int = _TALL


def effect_charts(effects: Sequence[Json], measures: Mapping[str, Measure]) -> list[Chart]:
    """Return a chart for each metric and arm: everyone, then the declared segments."""
    own = [row for row in effects if row["planned"] and row["reading"] is not None]
    pairs = dict.fromkeys((name, row["arm"]) for name in measures for row in own)
    charts = []
    for name, arm in pairs:
        rows = [row for row in own if (row["outcome"], row["arm"]) == (name, arm)]
        if rows:
            charts.append(_effects(rows, measures[name]))
    return charts


def _effects(rows: list[Json], measure: Measure) -> Chart:
    metric = metric_line(measure)
    drawn = [row for row in rows if row["shown"] == "shown" and None not in _ends(row)]
    points = [_scaled(metric, row["estimate"], _range(row)) for row in drawn]
    band = () if metric.matters_from is None else (_band(metric.matters_from * metric.factor),)
    arm, versus = human(rows[0]["arm"]), human(rows[0]["versus"])
    places = list(range(len(drawn)))
    return Chart(
        title=wording.effects_title(metric.label, arm=arm, versus=versus),
        lead=wording.effects_lead(_unit(metric), matters=bool(band)),
        heads=wording.EFFECT_HEADS,
        rows=tuple(_effect_cells(row, metric) for row in rows),
        traces=(
            {
                **_points([point[0] for point in points], places),
                "error_x": _bars(points),
                "customdata": [_said(row, metric) for row in drawn],
            },
        ),
        shapes=band,
        xaxis={"title": {"text": _plain(_unit(metric))}, "zeroline": True},
        yaxis={
            "tickvals": places,
            "ticktext": [_plain(_short(_who(row))) for row in drawn],
            "range": [len(drawn) - 0.5, -0.5],
            "zeroline": False,
            "showgrid": False,
        },
        height=_FRAME + _ROW * len(drawn),
    )


def trend_chart(history: History) -> Chart | None:
    """Return the estimates of all runs that measure what the shown one does; None below two."""
    shown = history.of(history.shown)
    if shown is None:
        return None
    known = [
        run
        for run in reviewed(history).runs
        if run.line.estimate is not None
        and run.line.data_to is not None
        and alike(run.line, shown.line)
    ]
    if len(known) < _TWO:
        return None
    metric = shown.line.metric
    drawn = [run for run in known if None not in run.line.anytime]
    points = [_scaled(metric, run.line.estimate, run.line.anytime) for run in drawn]
    told = [_trend_cells(run, metric) for run in drawn]
    return Chart(
        title=wording.trend_title(metric.label),
        lead=wording.TREND_LEAD,
        heads=wording.TREND_HEADS,
        rows=tuple(_trend_cells(run, metric) for run in reversed(known)),
        traces=(
            {
                **_points([str(run.line.data_to) for run in drawn], [point[0] for point in points]),
                "mode": "lines+markers",
                "error_y": _bars(points),
                "customdata": [_plain(f"{to}: {size} ({spread})") for to, _, size, spread in told],
            },
        ),
        xaxis={"type": "date", "showgrid": False},
        yaxis={"title": {"text": _plain(_unit(metric))}, "zeroline": True},
    )


def money_chart(sheet: Sheet, stored: Mapping[str, Any], spec: StudySpec) -> Chart | None:
    """Return profit by what one more of the first valued outcome is worth; None without a value.

    Parameters
    ----------
    sheet : Sheet
        The run's scenario file.
    stored : mapping
        The same file as JSON, for how far its sliders go.
    spec : StudySpec
        The study.
    """
    worth = sheet.worth
    k = next((k for k, each in enumerate(worth.per if worth else ()) if each > 0), None)
    if worth is None or k is None or sheet.withheld:
        return None
    curve = _curve(sheet, k, stored["limits"]["per"][k], at=worth.per[k])
    if curve is None:
        return None
    currency = f"{worth.currency}{NBSP}" if worth.currency else ""
    per = "a month" if sheet.units is not None else f"per 1,000 {plural(singular_unit(spec.unit))}"
    heads = wording.money_heads(human(sheet.outcomes[k]), per)
    cells = tuple(_money_cells(point, currency) for point in curve)
    return Chart(
        title=wording.money_title(human(sheet.arms[sheet.declared])),
        lead=wording.money_lead(
            human(sheet.outcomes[k]),
            declared=f"{currency}{number(worth.per[k], 2)}",
            looks_again=spec.decision.looks != "once",
        ),
        heads=heads,
        rows=cells,
        traces=_band_and_line(curve, [_plain(f"{a}: {b} ({c})") for a, b, c in cells]),
        xaxis={"title": {"text": _plain(heads[0])}, "showgrid": False},
        yaxis={"title": {"text": _plain(f"{worth.currency} {per}".strip())}, "zeroline": True},
    )


def _curve(sheet: Sheet, k: int, limits: Sequence[float], *, at: float) -> list[Point] | None:
    """Return the profit at prices other than the declared one, whose own range is narrower."""
    base, curve = base_state(sheet), []
    for price in np.linspace(limits[0], limits[1], _PRICES):
        if price != at:
            per = base.per.copy()
            per[k] = price
            one = evaluate(sheet, replace(base, per=per)).results[-1]
            if one.estimate is None or one.low is None or one.high is None:
                return None
            curve.append((float(price), one.estimate, one.low, one.high))
    return curve


def _money_cells(point: Point, currency: str) -> tuple[str, str, str]:
    price, estimate, low, high = point
    places = decimals(low, high, least=-12) + 1
    size, least, most = (f"{currency}{number(part, places)}" for part in (estimate, low, high))
    return (f"{currency}{number(price, 2)}", size, f"{least} to {most}")


def _band_and_line(curve: Sequence[Point], said: list[str]) -> tuple[Json, ...]:
    prices = [point[0] for point in curve]
    flat = {"type": "scatter", "x": prices, "mode": "lines", "hoverinfo": "skip", "meta": "range"}
    return (
        {**flat, "y": [point[2] for point in curve]},
        {**flat, "y": [point[3] for point in curve], "fill": "tonexty"},
        {**_points(prices, [point[1] for point in curve]), "mode": "lines", "customdata": said},
    )


def _points(x: list[Any], y: list[Any]) -> Json:
    hover = "%{customdata}<extra></extra>"
    return {"type": "scatter", "mode": "markers", "x": x, "y": y, "hovertemplate": hover}


def _bars(points: Sequence[Triple]) -> Json:
    return {
        "type": "data",
        "symmetric": False,
        "array": [high - estimate for estimate, _, high in points],
        "arrayminus": [estimate - low for estimate, low, _ in points],
    }


def _scaled(metric: MetricLine, estimate: float | None, around: Range) -> Triple:
    """Return an estimate and its bounded range as they are printed."""
    low, high = around
    assert estimate is not None  # noqa: S101  (only such are drawn)
    assert low is not None  # noqa: S101
    assert high is not None  # noqa: S101
    return (estimate * metric.factor, low * metric.factor, high * metric.factor)


def _band(matters: float) -> Json:
    return {"type": "rect", "yref": "paper", "x0": -matters, "x1": matters, "y0": 0, "y1": 1}


def _range(row: Json) -> Range:
    """Return the range that the reading comes from."""
    low, high = row.get("sequential") or row["band" if row["segment"] else "ci"]
    return (low, high)


def _ends(row: Json) -> tuple[float | None, ...]:
    return (row["estimate"], *_range(row))


def _effect_cells(row: Json, metric: MetricLine) -> tuple[str, str, str, str, str]:
    words = reading_words(Reading(row["reading"]))
    if row["shown"] != "shown" or row["estimate"] is None:
        return (_who(row), DASH, DASH, DASH, words)
    around = _range(row)
    size = difference_words(metric, row["estimate"], around)
    return (_who(row), f"{row['n']:,}", size, range_words(metric, around), words)


def _said(row: Json, metric: MetricLine) -> str:
    who, _, size, spread, words = _effect_cells(row, metric)
    return _plain(f"{who}: {size} ({spread}), {words}")


def _trend_cells(run: PastRun, metric: MetricLine) -> tuple[str, str, str, str]:
    line = run.line
    to = DASH if line.data_to is None else day(line.data_to)
    size = DASH if line.estimate is None else difference_words(metric, line.estimate, line.anytime)
    return (to, line.run_id[:12], size, range_words(metric, line.anytime))


def _who(row: Json) -> str:
    return " · ".join(human(level) for level in row["segment"].values()) or EVERYONE


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _unit(metric: MetricLine) -> str:
    return f"{metric.prefix}{unit_words(metric)}".strip()


def _plain(text: str) -> str:
    """Return a text without the markup that plotly would follow, and without unseen characters."""
    shown = str(inert(text))
    return shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
