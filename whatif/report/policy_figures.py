"""Figures of policies for notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from whatif.scenarios.policy.policy import BudgetRow

_BLUE = "#1f5fbf"
_BAND = "rgba(31, 95, 191, 0.18)"
_GREY = "#8a94a0"


def budget_figure(rows: Sequence[BudgetRow], *, unit: str) -> Any:  # noqa: ANN401  (a figure)
    """Return the held-out gain at every budget as a line with its band, and the zero line.

    Parameters
    ----------
    rows : sequence of BudgetRow
        One a budget, in order.
    unit : str
        What gains are in.
    """
    import plotly.graph_objects as go

    budgets = [row.budget for row in rows]
    low, high = ([row.band[end] for row in rows] for end in (0, 1))
    line = {"width": 0}
    figure = go.Figure(
        [
            go.Scatter(x=budgets, y=low, mode="lines", line=line, hoverinfo="skip"),
            go.Scatter(x=budgets, y=high, mode="lines", line=line, fill="tonexty",
                       fillcolor=_BAND, hoverinfo="skip"),
            go.Scatter(x=budgets, y=[row.gain for row in rows], mode="lines+markers",
                       line={"color": _BLUE}),
        ]
    )  # fmt: skip
    figure.add_hline(y=0, line_width=1, line_color=_GREY)
    figure.update_layout(
        xaxis={"title": "largest share of units treated", "tickformat": ".0%"},
        yaxis={"title": f"gain per unit {_safe(unit)}".strip()},
        showlegend=False,
        template="plotly_white",
    )
    return figure


def _safe(text: str) -> str:
    """Return `text` without the markup that plotly would follow."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
