"""The split of a cost difference, for the page and for a caller who asks by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from whatif.base.errors import Problem, UsageError
from whatif.contract.spec import StudySpec
from whatif.run.named import declared
from whatif.scenarios.decomposition.decompose import Decomposition, decomposition
from whatif.scores.record import OptionScores, Scores


def decomposition_of(scores: Scores, spec: StudySpec) -> Decomposition | None:
    """Return the split for everyone and every declared segment; None without `option`."""
    if scores.options is None:
        return None
    cuts = ((), *spec.segments)
    made = [decomposition(scores, scores.options, cut, level=spec.level) for cut in cuts]
    return replace(
        made[0],
        rows=tuple(row for one in made for row in one.rows),
        options=tuple(row for one in made for row in one.options),
    )


def asked(scores: Scores, spec: StudySpec, *, by: str | Sequence[str] | None) -> Decomposition:
    """Return the split for everyone, or for every segment of a declared dimension.

    Raises
    ------
    UsageError
        If the study names no option, or the segments were not declared.
    """
    options = _options(scores)
    columns = () if by is None else (by,) if isinstance(by, str) else tuple(by)
    cut = declared(spec, columns) if columns else ()
    return decomposition(scores, options, cut, level=spec.level)


def _options(scores: Scores) -> OptionScores:
    if scores.options is not None:
        return scores.options
    raise UsageError(
        Problem(
            what="The study does not say which option an order chose.",
            why="orders and costs are split by option, and each option needs scores of its own.",
            fix="add `option: COLUMN` to the study (the option of an order, empty where there is "
            "no order) and run it again.",
        )
    )
