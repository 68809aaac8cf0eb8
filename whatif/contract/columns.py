"""Which columns the data hold, asked before any row is read."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from whatif.contract.dataset import needed_columns
from whatif.contract.sources import header_of
from whatif.contract.spec import StudySpec


def source_columns(
    spec: StudySpec,
    *,
    base: Path,
    data_override: str | None = None,
    frame: pd.DataFrame | None = None,
) -> tuple[str, ...]:
    """Return the names of every column in the study's data.

    Without a graph nothing but the columns that the study names can matter, and the source is not
    touched.

    Raises
    ------
    DataError
        If the source is missing or unreadable.
    UsageError
        If the kind of source is not known.
    """
    if frame is not None:
        return tuple(str(name) for name in frame.columns)
    if spec.graph is None or spec.data is None:
        return needed_columns(spec)
    source, folder = (data_override, Path.cwd()) if data_override else (spec.data.source, base)
    return header_of(source, folder)
