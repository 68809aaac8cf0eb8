"""Segments as found: few enough levels to read, and none that looks like a missing one."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from whatif.base.errors import Problem
from whatif.contract.spec import StudySpec

MOST_LEVELS = 50
MOST_CELLS = 400
MISSING = "(missing)"


def segment_problems(spec: StudySpec, frame: pd.DataFrame) -> Iterator[Problem]:
    """Yield what is wrong with the segment columns of the analysed rows.

    Examples
    --------
    >>> from whatif.contract.study_file import study_from_mapping
    >>> study = study_from_mapping({"study": "mail", "treatment": {"column": "sent", "control": 0},
    ...     "outcomes": [{"column": "visit"}], "segments": ["zip"]}, on_frame=True)
    >>> [problem.what for problem in segment_problems(study, pd.DataFrame({"zip": range(60)}))]
    ["Segment column 'zip' has 60 different values, more than 50."]
    """
    dimensions = (*spec.segments, *spec.exploratory)
    names = dict.fromkeys(name for dimension in dimensions for name in dimension)
    wide = set()
    for name in names:
        column = frame[name]
        levels = column.nunique()
        if levels > MOST_LEVELS:
            wide.add(name)
            yield _too_many(name, levels)
        if column.hasnans and (column.astype("str") == MISSING).any():
            yield Problem(
                what=f"Segment column {name!r} has a level called {MISSING!r} beside rows without "
                "a value.",
                why="pages call rows without a value by that name, so two segments would share it.",
                fix="rename the level, or leave its rows without a value.",
            )
    for dimension in dimensions:
        if len(dimension) > 1 and not wide.intersection(dimension):
            cells = len(frame.drop_duplicates(list(dimension)))
            if cells > MOST_CELLS:
                yield _too_fine(dimension, cells)


def _too_many(name: str, levels: int) -> Problem:
    return Problem(
        what=f"Segment column {name!r} has {levels:,} different values, more than {MOST_LEVELS}.",
        why="each value is a segment of its own, and most would have too few rows to say anything.",
        fix="cut it into bins first, group its levels, or use it as a covariate only.",
    )


def _too_fine(dimension: tuple[str, ...], cells: int) -> Problem:
    return Problem(
        what=f"Segments {' by '.join(dimension)} make {cells:,} cells, more than {MOST_CELLS}.",
        why="most cells would have too few rows to say anything.",
        fix="cross fewer columns, or group their levels first.",
    )
