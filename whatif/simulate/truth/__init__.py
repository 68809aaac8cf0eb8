"""The true effects of the simulated checkout, shipped as one JSON table per mode."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from whatif.base.errors import Problem, UsageError, did_you_mean
from whatif.simulate.assign import MODES, Mode

SCHEMA: Final = "truth.v1"
_FOLDER: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A population value and the Monte Carlo standard error of the draw it was computed from."""

    value: float
    mc_error: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthRow:
    """The truth about one outcome in one segment; robots are not counted.

    Attributes
    ----------
    per : str
        ``"session"``; ``"customer"`` is the sum over the 28 days from a customer's first session
        in the log, as far as the log reaches; ``"customer_28d"`` is the same for customers whose
        28 days end within the log.
    segment : tuple of (column, level)
        Empty for everyone. Per customer, the values of the first session.
    outcome : str
        ``"converted"``, ``"shipping_cost"`` (USD) or ``"cost_per_order"`` (USD per order).
    share : Known
        Share of the sessions, or customers, that are in the segment.
    folded, expanded, difference : Known
        Mean, or ratio of means, if everyone were shown one presentation; expanded minus folded.
    """

    per: Literal["session", "customer", "customer_28d"]
    segment: tuple[tuple[str, str], ...]
    outcome: str
    share: Known
    folded: Known
    expanded: Known
    difference: Known


def read_truth(mode: Mode) -> tuple[TruthRow, ...]:
    """Return the shipped truth of `mode`, overall rows first.

    Raises
    ------
    UsageError
        If the mode is unknown.

    Examples
    --------
    >>> row = read_truth("randomised")[0]
    >>> row.outcome, row.segment, row.difference.value > 0.01
    ('converted', (), True)
    """
    table = json.loads(truth_file(mode).read_text(encoding="utf-8"))
    return tuple(_row(row) for row in table["rows"])


def truth_file(mode: Mode) -> Path:
    """Return the path of the shipped table of `mode`.

    Raises
    ------
    UsageError
        If the mode is unknown.
    """
    if mode not in MODES:
        raise UsageError(
            Problem(
                what=f"there is no truth for mode {mode!r}.",
                why="every simulation mode has its own table of true effects.",
                fix=did_you_mean(mode, list(MODES)),
            )
        )
    return _FOLDER / f"{mode}.json"


def _row(row: dict[str, Any]) -> TruthRow:
    return TruthRow(
        per=row["per"],
        segment=tuple(row["segment"].items()),
        outcome=row["outcome"],
        share=Known(**row["share"]),
        folded=Known(**row["folded"]),
        expanded=Known(**row["expanded"]),
        difference=Known(**row["difference"]),
    )
