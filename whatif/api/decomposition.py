"""The split of a cost difference as a table with its sentence, and the options behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from whatif.api.tables import RecordTable

if TYPE_CHECKING:
    import pandas as pd

    from whatif.contract.spec import StudySpec
    from whatif.report.measure import Measure
    from whatif.scenarios.decomposition.decompose import Decomposition
    from whatif.scores.record import Scores


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class DecompositionTable(RecordTable):
    """Volume, mix, rate and total of each arm and segment.

    Attributes
    ----------
    sentence : str
        Why the cost differs for everyone, as the page says it; one sentence an arm.
    options : RecordTable
        Share of orders and cost of an order by option, under both arms.
    """

    sentence: str
    options: RecordTable

    def __repr__(self) -> str:
        table = _told(self).to_string(index=False)
        return "\n".join((self.sentence, self.title, table, self.note))

    def _repr_html_(self) -> str:
        from html import escape

        from whatif.base.display import card

        return f"<p>{escape(self.sentence)}</p>{card(self.title, _told(self), self.note)}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class OptionTable(RecordTable):
    """Share of orders and cost of an order by option, with segments in words."""

    def __repr__(self) -> str:
        return "\n".join((self.title, _told(self).to_string(index=False), self.note))

    def _repr_html_(self) -> str:
        from whatif.base.display import card

        return card(self.title, _told(self), self.note)


def decomposition_table(
    scores: Scores, spec: StudySpec, *, by: str | Sequence[str] | None, withheld: bool = False
) -> DecompositionTable:
    """Return the split of the study's cost, for everyone or by a declared segment.

    Parameters
    ----------
    scores, spec : Scores, StudySpec
        The run.
    by : str or sequence of str, optional
        A declared segment; everyone by default.
    withheld : bool
        Whether the run's verdict is: its numbers cannot be trusted.

    Raises
    ------
    UsageError
        If the study names no option, or the segments were not declared.
    """
    from whatif.report.measure import measures_of
    from whatif.run.decomposition import asked
    from whatif.verdict import decomposition_wording as words

    made = asked(scores, spec, by=by)
    measure = measures_of(spec, {})[made.cost]
    whole = made if not by else asked(scores, spec, by=None)
    notes = [
        words.WITHHELD if withheld else "",
        words.counted_note(_unit(measure), level=made.level),
        words.NOT_EFFECTS,
        words.TOO_FEW if any(row.shown != "shown" for row in made.rows) else "",
    ]
    return DecompositionTable(
        title=words.title(f"{measure.lower} {measure.per}"),
        note=" ".join(note for note in notes if note),
        records=made.rows,
        shown=("part", "arm", "segment", "estimate", "std_error", "ci"),
        sentence=_sentence(whole, measure),
        options=OptionTable(
            title=words.BEHIND,
            note=words.PAIRS,
            records=made.options,
            shown=("option", "arm", "segment", "share", "cost"),
        ),
    )


def _sentence(made: Decomposition, measure: Measure) -> str:
    """Return the page's sentence of every arm."""
    from whatif.report.decomposition_sentence import split_words

    arms = dict.fromkeys(row.arm for row in made.rows)
    splits = [{row.part: row for row in made.rows if row.arm == arm} for arm in arms]
    return " ".join(str(split_words(measure, split)) for split in splits)


def _unit(measure: Measure) -> str:
    """Return what estimates are in, as ``USD per session``."""
    return f"{measure.prefix.strip() or measure.many or measure.lower} {measure.per}"


def _told(table: RecordTable) -> pd.DataFrame:
    """Return what is shown, parts and segments in the page's words."""
    from whatif.run.named import named
    from whatif.verdict.decomposition_wording import PARTS

    frame = table.to_frame().reindex(columns=list(table.shown))
    if "part" in frame:
        frame["part"] = frame["part"].map(PARTS)
    frame["segment"] = [named(row.segment) for row in table]
    return frame
