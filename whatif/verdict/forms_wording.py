"""Sentences of a run's other forms: the printed page, and the page of charts."""

from __future__ import annotations

DRAWN = "Drawn from the numbers beside it."

TITLE = "charts"
LEAD = "The numbers of the latest report as charts, each with its table. Nothing here is new."
HINT = "Point at a chart for its numbers. Drag over it to look closer; double-click to go back."
TABLE = "table"
CREDIT = "Charts are drawn by plotly.js, under the MIT licence."

NOT_BOUNDED = "not bounded"
TOO_FEW = "too few to show"
EFFECT_HEADS = ("Who", "Counted", "Difference", "Range", "Reading")
TREND_HEADS = ("Data to", "Run", "Difference", "Range")
TREND_LEAD = "The difference at every run, with ranges that hold at every run at once."


def effects_title(label: str, *, arm: str, versus: str) -> str:
    """Return the heading of one metric's effects."""
    return f"{label}: {arm} instead of {versus}"


def effects_lead(unit: str, *, matters: bool) -> str:
    """Return what the axis counts, and what the shading is."""
    shade = " The shaded band is too small to matter." if matters else ""
    return (
        f"Difference in {unit}, everyone first.{shade} Ranges of segments hold for all rows of a "
        "dimension at once; rows without a bounded range stand in the table alone."
    )


def trend_title(label: str) -> str:
    """Return the heading of the estimates over runs."""
    return f"{label} over all runs"


def money_title(arm: str) -> str:
    """Return the heading of the curve of money."""
    return f"What {arm} for everyone is worth"


def money_lead(one: str, *, declared: str, looks_again: bool) -> str:
    """Return what the curve runs over and what its range promises."""
    look = ", at a single look" if looks_again else ""
    return (
        f"Money by what one more of {one} is worth; the study says {declared}. All other prices "
        f"stay. The range holds along the whole curve at once{look}."
    )


def money_heads(one: str, per: str) -> tuple[str, str, str]:
    """Return the heads of the table of money."""
    return (f"One more of {one} is worth", f"Money {per}", "Range")
