"""Effects by a cut made after looking, asked of stored scores and written down."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

from whatif.base.errors import Problem, UsageError, did_you_mean
from whatif.contract.segments import segment_problems
from whatif.contract.spec import StudySpec
from whatif.effects.exploratory import exploratory_rows
from whatif.effects.rows import EffectRow, EffectRows
from whatif.effects.table import metrics_of
from whatif.publish.cut_log import log_cut
from whatif.scores.record import Scores
from whatif.verdict.readings import readings
from whatif.verdict.record import Reading


def undeclared_effects(
    scores: Scores, spec: StudySpec, columns: Sequence[str], *, folder: Path | None
) -> tuple[tuple[EffectRow, ...], tuple[Reading, ...]]:
    """Return the effects by an undeclared cut, with readings that say neither better nor worse.

    The family is every cut the study lists as exploratory, and this one. A stored run logs the cut
    first: what cannot be written down is not looked at.

    Parameters
    ----------
    scores : Scores
        Scores of a run.
    spec : StudySpec
        Its study.
    columns : sequence of str
        Pre-treatment columns kept with the run.
    folder : Path or None
        Its run folder, if it is stored.

    Raises
    ------
    UsageError
        If a column was not kept or has too many levels.
    PublishError
        If the cut cannot be logged.
    """
    cut = tuple(columns)
    _require_kept(scores, cut)
    asked = spec.model_copy(update={"segments": (), "exploratory": (cut,)})
    problems = tuple(segment_problems(asked, scores.columns))
    if problems:
        raise UsageError(*problems)
    if folder is not None:
        log_cut(folder, cut, at=dt.datetime.now(dt.UTC))
    rows, tests = exploratory_rows(
        scores, metrics_of(spec), (*spec.exploratory, cut), level=spec.level, seed=spec.seed
    )
    found = tuple(row for row in rows if tuple(name for name, _ in row.segment) == cut)
    read = readings(EffectRows(effects=found, heterogeneity=tests, level=spec.level), spec)
    return found, read


def _require_kept(scores: Scores, cut: tuple[str, ...]) -> None:
    kept = [str(name) for name in scores.columns]
    for name in cut:
        if name not in kept:
            raise UsageError(
                Problem(
                    what=f"{name!r} is not a declared segment, and was not kept with this run.",
                    why="a run keeps the pre-treatment columns that its study names.",
                    fix="add it to `segments` or `exploratory` and run the study again; "
                    + did_you_mean(name, kept),
                )
            )
    if len(set(cut)) < len(cut):
        raise UsageError(
            Problem(
                what=f"The cut {' × '.join(cut)!r} names a column twice.",
                why="that is the same as the column alone.",
                fix="name different columns.",
            )
        )
