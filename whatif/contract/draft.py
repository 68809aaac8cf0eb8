"""A first study file, guessed from the columns of a data set for a person to correct."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from whatif.contract.arrow_tables import to_frame
from whatif.contract.sources import read_source

_TREATMENTS = ("treatment", "variant", "presentation", "arm", "group", "segment", "test", "treated")
_CONTROLS = ("control", "off", "none", "no", "folded", "false", "0", "a")
_CUSTOMERS = ("customer", "user", "visitor", "account", "client", "member_id")
_OUTCOMES = ("conver", "order", "visit", "click", "purchase", "buy", "spend", "cost", "revenue")
_MOST_ARMS = 10
_UNKNOWN = "CHANGE_ME"
_Fits = Callable[[pd.Series], bool]


def draft_study(source: str, *, base: Path, name: str) -> str:
    """Return a study file as text, for a person to check; what was not found says CHANGE_ME.

    Parameters
    ----------
    source : str
        Parquet, CSV or DuckDB source, relative to `base`.
    base : Path
        Folder that a relative source starts from.
    name : str
        Name of the study.

    Raises
    ------
    DataError
        If the source is missing, empty or unreadable.
    """
    frame = to_frame(read_source(source, base, None).table)
    treatment = _first(frame, _TREATMENTS, lambda c: 1 < c.nunique() <= _MOST_ARMS)
    outcomes = [c for c in _named(frame, _OUTCOMES) if _is_number(frame[c]) and c != treatment]
    return "\n".join(_lines(frame, source, name, treatment, outcomes)) + "\n"


def _lines(
    frame: pd.DataFrame, source: str, name: str, treatment: str | None, outcomes: list[str]
) -> list[str]:
    ids = [c for c in frame if frame[c].is_unique and not pd.api.types.is_float_dtype(frame[c])]
    customer = _first(frame, _CUSTOMERS, lambda c: not c.is_unique)
    moments = [c for c in frame if pd.api.types.is_datetime64_any_dtype(frame[c])]
    return [
        "# Every line below is a guess from the columns: read and correct it.",
        f"study: {name}",
        "question: What does the treatment change?        # write your question",
        f"data: {{source: {_quoted(source)}}}",
        *([f"unit: {_quoted(ids[0])}"] if ids else []),
        *([f"cluster: {_quoted(customer)}"] if customer else []),
        *([f"time: {_quoted(moments[0])}"] if moments else []),
        _treatment(frame, treatment),
        "design: {kind: observational}                    # experiment, if chance drew the arms",
        "outcomes:",
        *(
            f"  - {{column: {_quoted(c)}, better: {'lower' if 'cost' in c.lower() else 'higher'}}}"
            for c in outcomes or [f"{_UNKNOWN}_OUTCOME"]
        ),
        "covariates: []                                   # columns settled before the treatment",
        "segments: []                                     # cuts settled before the treatment",
        *(
            ["freshness: 7d                                   # older data are out of date"]
            if moments
            else []
        ),
        f"# columns: {', '.join(map(str, frame.columns))}",
    ]


def _treatment(frame: pd.DataFrame, treatment: str | None) -> str:
    if treatment is None:
        few = [str(c) for c in frame if 1 < frame[c].nunique() <= _MOST_ARMS]
        hint = f"  # columns with few levels: {', '.join(few) or 'none'}"
        return f"treatment: {{column: {_UNKNOWN}, control: {_UNKNOWN}}}{hint}"
    levels = sorted(map(str, frame[treatment].dropna().unique()))
    control = next((v for c in _CONTROLS for v in levels if v.lower().startswith(c)), levels[0])
    arms = ", ".join(_quoted(level) for level in levels if level != control)
    return (
        f"treatment: {{column: {_quoted(treatment)}, control: {_quoted(control)}, arms: [{arms}]}}"
    )


def _named(frame: pd.DataFrame, words: tuple[str, ...]) -> list[str]:
    return [str(c) for c in frame if any(word in str(c).lower() for word in words)]


def _first(frame: pd.DataFrame, words: tuple[str, ...], fits: _Fits) -> str | None:
    """Return the best column: one named by a word itself, else one whose name holds it."""
    for named in (lambda column, word: column == word, lambda column, word: word in column):
        for word in words:
            for column in frame:
                if named(str(column).lower(), word) and fits(frame[column]):
                    return str(column)
    return None


def _is_number(column: pd.Series) -> bool:
    kinds = pd.api.types
    return kinds.is_numeric_dtype(column) or kinds.is_bool_dtype(column)


def _quoted(text: object) -> str:
    return "'" + str(text).replace("'", "''") + "'"
