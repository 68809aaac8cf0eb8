"""The split of a cost difference as a table, with the options behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from whatif.api.tables import RecordTable

if TYPE_CHECKING:
    from whatif.contract.spec import StudySpec
    from whatif.scores.record import Scores


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class DecompositionTable(RecordTable):
    """Volume, mix, rate and total of each arm and segment.

    Attributes
    ----------
    options : RecordTable
        Share of orders and cost of an order by option, under both arms.
    """

    options: RecordTable


def decomposition_table(
    scores: Scores, spec: StudySpec, *, by: str | Sequence[str] | None
) -> DecompositionTable:
    """Return the split of the study's cost, for everyone or by a declared segment.

    Raises
    ------
    UsageError
        If the study names no option, or the segments were not declared.
    """
    from whatif.run.decomposition import asked
    from whatif.verdict.decomposition_wording import NOT_EFFECTS

    made = asked(scores, spec, by=by)
    return DecompositionTable(
        title=f"Why {made.cost} per unit differs",
        note=f"Clustered {made.level:.0%} intervals, each on its own. {NOT_EFFECTS}",
        records=made.rows,
        shown=("part", "arm", "segment", "estimate", "std_error", "ci", "shown"),
        options=RecordTable(
            title="Options behind it",
            note="Pairs hold the arm compared with, then the arm.",
            records=made.options,
            shown=("option", "arm", "segment", "share", "cost"),
        ),
    )
