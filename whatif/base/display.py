"""Leaf helper that turns (title, frame, note) into an HTML fragment for notebooks."""

from __future__ import annotations

from html import escape

import pandas as pd


def card(title: str, frame: pd.DataFrame, note: str = "") -> str:
    """Return a self-contained, escaped, deterministic HTML fragment."""
    table = frame.to_html(index=False, border=0, float_format="{:.4g}".format, na_rep="–")
    return (
        f'<section class="whatif-card"><h4>{escape(title)}</h4>'
        f"{table}<p>{escape(note)}</p></section>"
    )
