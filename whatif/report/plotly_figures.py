"""Figures for notebooks; the page itself needs none of this."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from whatif.effects.rows import EffectRow
from whatif.effects.sensitivity.bounds import bounds
from whatif.effects.sensitivity.record import Benchmark, HiddenCause
from whatif.report.format import human

_BLUE = "#1f5fbf"
_GREY = "#8a94a0"
_WIDEST = 0.95


def effects_figure(rows: Sequence[EffectRow], *, title: str = "") -> Any:  # noqa: ANN401
    """Return a forest plot: one line per effect, its estimate and range, and the zero line.

    Each range is the one its reading comes from: a band over all segments, an interval for
    everyone, wider where results are looked at more than once. Rows without numbers are left out.
    Metrics have their own panels because their units differ.

    Parameters
    ----------
    rows : sequence of EffectRow
        Effects to draw, in reading order.
    title : str
        Heading of the figure.

    Returns
    -------
    plotly.graph_objects.Figure
        One panel per metric, one horizontal error bar per row.
    """
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    drawn = [row for row in rows if row.shown == "shown" and row.estimate is not None]
    metrics = list(dict.fromkeys(row.outcome for row in drawn))
    figure = make_subplots(
        rows=1,
        cols=max(len(metrics), 1),
        shared_yaxes=True,
        subplot_titles=[_safe(name) for name in metrics],
    )
    for column, metric in enumerate(metrics, start=1):
        points = [row for row in drawn if row.outcome == metric]
        figure.add_trace(_trace(go, points), row=1, col=column)
        figure.add_vline(x=0, line_width=1, line_color=_GREY, row=1, col=column)
    labels = list(dict.fromkeys(_label(row) for row in drawn))
    figure.update_yaxes(
        autorange="reversed", categoryorder="array", categoryarray=labels, showgrid=False
    )
    figure.update_layout(
        title=_safe(title),
        showlegend=False,
        height=140 + 26 * len(labels),
        template="plotly_white",
        margin={"l": 10, "r": 10, "t": 60, "b": 30},
    )
    return figure


def hidden_cause_figure(about: HiddenCause, benchmarks: Sequence[Benchmark] = ()) -> Any:  # noqa: ANN401
    """Return a contour of where an effect can lie, by the strength of a hidden cause.

    The lines join strengths that could move the effect as far towards zero; the thick one is zero.

    Parameters
    ----------
    about : HiddenCause
        The effect.
    benchmarks : sequence of Benchmark
        Measured covariates, drawn as points where they fit.

    Returns
    -------
    plotly.graph_objects.Figure
        Strength on the weights across, on the outcome up.
    """
    import plotly.graph_objects as go

    same = [b for b in benchmarks if (b.outcome, b.arm) == (about.outcome, about.arm)]
    drawn = [b for b in same if max(b.cf_y, b.cf_d) <= _WIDEST]
    strengths = [s for b in drawn for s in (b.cf_y, b.cf_d)]
    most = min(max([2.5 * about.rv, 0.02, *(1.2 * s for s in strengths)]), _WIDEST)
    axis = [most * step / 50 for step in range(51)]
    lower = about.estimate > 0
    height = [[bounds(about, cf_y=y, cf_d=d).bounds[0 if lower else 1] for d in axis] for y in axis]
    line = {"color": _BLUE}
    figure = go.Figure(
        go.Contour(x=axis, y=axis, z=height, contours={"coloring": "lines", "showlabels": True},
                   colorscale=[[0, _GREY], [1, _GREY]], showscale=False)
    )  # fmt: skip
    figure.add_trace(
        go.Contour(x=axis, y=axis, z=height, showscale=False, line={"width": 3, **line},
                   contours={"type": "constraint", "operation": "=", "value": 0.0})
    )  # fmt: skip
    figure.add_trace(
        go.Scatter(x=[b.cf_d for b in drawn], y=[b.cf_y for b in drawn], mode="markers+text",
                   text=[_safe(human(b.covariate)) for b in drawn], marker=line,
                   textposition="top center")
    )  # fmt: skip
    figure.update_layout(
        title=_safe(f"Effect of {human(about.arm)} on {human(about.outcome)}, hidden cause"),
        xaxis={"title": "share of the weights", "tickformat": ".1%"},
        yaxis={"title": "share of what is left open in the outcome", "tickformat": ".1%"},
        showlegend=False,
        template="plotly_white",
    )
    return figure


def _trace(go: Any, rows: Sequence[EffectRow]) -> Any:  # noqa: ANN401  (plotly has no types)
    ends = [row.read_from for row in rows]
    estimates = [row.estimate or 0.0 for row in rows]
    above = [
        None if high is None else high - at for at, (_, high) in zip(estimates, ends, strict=True)
    ]
    below = [
        None if low is None else at - low for at, (low, _) in zip(estimates, ends, strict=True)
    ]
    return go.Scatter(
        x=estimates,
        y=[_label(row) for row in rows],
        mode="markers",
        marker={"color": _BLUE, "size": 9},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": above,
            "arrayminus": below,
            "color": _BLUE,
            "thickness": 2.5,
            "width": 0,
        },
        customdata=[[row.n, low, high] for row, (low, high) in zip(rows, ends, strict=True)],
        hovertemplate="%{y}<br>%{x:.4g} (%{customdata[1]:.4g} to %{customdata[2]:.4g})"
        "<br>n = %{customdata[0]:,}<extra></extra>",
    )


def _label(row: EffectRow) -> str:
    where = " · ".join(human(level) for _, level in row.segment) or "everyone"
    return _safe(f"{human(row.arm)}, {where}")


def _safe(text: str) -> str:
    """Return `text` without the markup that plotly would follow."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
