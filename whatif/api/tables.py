"""Tables that read well in a notebook and leave as frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from whatif.effects.rows import EffectRow
    from whatif.verdict.record import Reading


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class EffectTable:
    """Effects, one row each: arm minus control, with intervals and readings.

    Attributes
    ----------
    rows : tuple of EffectRow
        The effects, in the outcome's unit.
    readings : tuple of Reading
        The word for each.
    level : float
        Coverage of intervals and bands.
    """

    rows: tuple[EffectRow, ...]
    readings: tuple[Reading, ...]
    level: float

    def to_frame(self) -> pd.DataFrame:
        """Return one row per effect at full precision; intervals as `low`/`high` columns."""
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    "outcome": row.outcome,
                    "arm": row.arm,
                    "versus": row.versus,
                    **dict(row.segment),
                    "n": row.n,
                    "baseline": row.baseline,
                    "estimate": row.estimate,
                    "std_error": row.std_error,
                    "ci_low": row.ci[0],
                    "ci_high": row.ci[1],
                    "band_low": row.band[0],
                    "band_high": row.band[1],
                    "sequential_low": None if row.sequential is None else row.sequential[0],
                    "sequential_high": None if row.sequential is None else row.sequential[1],
                    "target": row.target,
                    "relative": row.relative.estimate if row.relative else None,
                    "shrunk": row.shrunk,
                    "p_value": row.p_value,
                    "planned": row.planned,
                    "estimator": row.estimator,
                    "reading": str(reading),
                }
                for row, reading in zip(self.rows, self.readings, strict=True)
            ]
        )

    def _repr_html_(self) -> str:
        from whatif.base.display import card

        frame = self.to_frame()
        kinds = ("ci", "band", "sequential")
        ends = [f"{kind}_{end}" for kind in kinds for end in ("low", "high")]
        numbers = ["baseline", "estimate", "std_error", *ends]
        frame[numbers] = frame[numbers].astype("float64")
        frame.loc[frame["reading"] == "suppressed", numbers] = float("nan")
        shown = frame.dropna(axis="columns", how="all").drop(columns=["versus", "estimator"])
        note = f"Arm minus {self.rows[0].versus}; {self.level:.0%} intervals, clustered errors."
        if all(row.planned for row in self.rows):
            shown = shown.drop(columns="planned")
        else:
            note += " A cut made after looking: p-values and intervals allow for every cut tried."
        if any(row.sequential is not None for row in self.rows):
            note += " Readings come from the sequential range, which holds at all looks together."
        if all(row.target == "ate" for row in self.rows):
            shown = shown.drop(columns="target")
        return card("Effects", shown, note)

    def plot(self) -> Any:  # noqa: ANN401  (a plotly figure)
        """Return a plotly figure of the differences with their ranges."""
        from whatif.report.plotly_figures import effects_figure

        return effects_figure(self.rows)

    def __repr__(self) -> str:
        shown = ["outcome", "arm", "estimate", "ci_low", "ci_high", "reading"]
        frame = self.to_frame()
        cuts = [name for name, _ in self.rows[0].segment] if self.rows else []
        return str(frame[[*cuts, *shown]].to_string(index=False)) if len(frame) else "no effects"

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[EffectRow]:
        return iter(self.rows)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class RecordTable:
    """Plain records under one title: checks, segment tests, what-if effects.

    Attributes
    ----------
    title, note : str
        Shown above and below the table in a notebook.
    records : tuple
        Frozen records of one kind.
    shown : tuple of str
        Fields a notebook shows; `to_frame` holds all.
    """

    title: str
    note: str
    records: tuple[Any, ...]
    shown: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """Return one row per record at full precision."""
        import pandas as pd

        return pd.DataFrame([asdict(record) for record in self.records])

    def _repr_html_(self) -> str:
        from whatif.base.display import card

        return card(self.title, self.to_frame().reindex(columns=list(self.shown)), self.note)

    def __repr__(self) -> str:
        text = self.to_frame().reindex(columns=list(self.shown)).to_string(index=False)
        return "\n".join(part for part in (self.title, text, self.note) if part)

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.records)
