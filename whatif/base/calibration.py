"""What a study's pipeline does on its own rows when the truth is known: records and their JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from whatif.base.hashing import of_bytes

SCHEMA = "calibration.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageRow:
    """How often ranges of one metric held the truth.

    Attributes
    ----------
    outcome, arm : str
        Outcome or ratio, and the arm compared with the control.
    dimension : tuple of str
        Segment columns of a band, which covers when it holds every segment's truth at once;
        empty for the interval of the overall effect.
    planted : str
        ``"nothing"``, ``"matters_from"`` or ``"twice"``.
    bias, bias_error : float or None
        Mean of the estimates minus the true effect, and its Monte Carlo error; None for bands.
    share, mc_error : float
        Share of draws that covered, and its Monte Carlo error.
    draws : int
        Draws that gave a range.
    """

    outcome: str
    arm: str
    dimension: tuple[str, ...]
    planted: str
    bias: float | None
    bias_error: float | None
    share: float
    mc_error: float
    draws: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingRow:
    """How often a metric was read with one word: a false alarm where nothing was planted."""

    outcome: str
    arm: str
    planted: str
    reading: str
    share: float
    mc_error: float
    draws: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmRow:
    """How often a check broke.

    Attributes
    ----------
    check : str
        Its name.
    planted : str
        ``"nothing"``, or the fault that was planted for it, in words.
    share, mc_error : float
        Share of draws in which it broke.
    ran : float
        Share of draws in which it held or broke.
    draws : int
        Draws in which it was asked.
    """

    check: str
    planted: str
    share: float
    mc_error: float
    ran: float
    draws: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """One calibration of one study.

    Attributes
    ----------
    study, key : str
        The study, and the content hash of all it depends on but the number of draws.
    design : str
        ``"experiment"`` or ``"observational"``.
    draws, failed : int
        Draws asked for, and those in which the pipeline gave no answer.
    rows, clusters : int
        Size of the pool that is resampled, and whose mean is the truth.
    of_rows, of_clusters : int
        Size of the study it was drawn from.
    learners : tuple of str
        Candidates of every model.
    level : float
        Level of intervals and bands.
    planted : tuple of (str, float)
        Names of the worlds, and the effect on the primary metric in each.
    coverage, readings, alarms
        What was found.
    """

    study: str
    key: str
    design: str
    draws: int
    failed: int
    rows: int
    clusters: int
    of_rows: int
    of_clusters: int
    learners: tuple[str, ...]
    level: float
    planted: tuple[tuple[str, float], ...]
    coverage: tuple[CoverageRow, ...]
    readings: tuple[ReadingRow, ...]
    alarms: tuple[AlarmRow, ...]


def calibration_json(made: Calibration) -> str:
    """Return a calibration as ``calibration.v1``; equal calibrations give equal bytes."""
    record = {"schema": SCHEMA, **asdict(made), "planted": dict(made.planted)}
    return json.dumps(record, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def calibration_of(text: str) -> Calibration:
    """Return the calibration in a JSON text.

    Raises
    ------
    ValueError
        If the text is not a ``calibration.v1``.
    """
    stored = json.loads(text)
    if not isinstance(stored, dict) or stored.pop("schema", None) != SCHEMA:
        raise ValueError(f"This is not a {SCHEMA}.")
    try:
        return Calibration(
            **{
                **stored,
                "learners": tuple(stored["learners"]),
                "planted": tuple(stored["planted"].items()),
                "coverage": tuple(_coverage(row) for row in stored["coverage"]),
                "readings": tuple(ReadingRow(**row) for row in stored["readings"]),
                "alarms": tuple(AlarmRow(**row) for row in stored["alarms"]),
            }
        )
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"This is not a {SCHEMA}: {error}.") from None


def _coverage(row: Mapping[str, Any]) -> CoverageRow:
    return CoverageRow(**{**row, "dimension": tuple(row["dimension"])})


def digest(made: Calibration) -> str:
    """Return the content hash of a calibration."""
    return of_bytes(calibration_json(made).encode())
