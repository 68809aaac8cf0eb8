"""Effects in other populations as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whatif.api.tables import RecordTable

if TYPE_CHECKING:
    from whatif.contract.spec import StudySpec
    from whatif.scores.record import Scores


def transport_table(scores: Scores, spec: StudySpec, *, name: str | None) -> RecordTable:
    """Return the populations of a run, or every overall effect in one of them."""
    from whatif.run.transport import carried
    from whatif.verdict.transport_wording import must_stay_equal, rests_on

    if name is None:
        return RecordTable(
            title="Other populations",
            note="Effects are carried there by covariates; refused: why they are not."
            if scores.transported
            else "This run carried nothing to another population; name tables under `transport`.",
            records=scores.transported,
            shown=("name", "n", "clusters", "effective", "outside", "refused"),
        )
    one, rows = carried(scores, spec, name=name)
    return RecordTable(
        title=f"Effects in {name}",
        note=f"{must_stay_equal(one)} {rests_on(one)}",
        records=rows,
        shown=("outcome", "arm", "versus", "estimate", "std_error", "ci"),
    )
