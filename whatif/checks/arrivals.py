"""Units of assignment when they arrived: arm, chance, moment and row of first exposure."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np

from whatif.base.arrays import Floats, Ints
from whatif.checks.assignment import first_rows
from whatif.checks.evidence import Evidence
from whatif.checks.result import Status
from whatif.contract.clock import read_moments
from whatif.contract.spec import ColumnProbability, PhaseProbability, StudySpec
from whatif.design.record import Design

LEAST_EXPECTED = 10.0
_DAY = 86_400_000_000
_EPOCH = dt.date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Arrivals:
    """U units of assignment, each once, at first exposure.

    Attributes
    ----------
    row : ndarray of int64, shape (U,)
        Row of first exposure in the design.
    arm : ndarray of int64, shape (U,)
        Arm of that row.
    left_out : int
        Units whose first row was set aside for a missing outcome: their columns are not kept.
    """

    row: Ints
    arm: Ints
    left_out: int


def arrivals(design: Design) -> Arrivals:
    """Find each unit's first exposure among the analysed rows."""
    intake = design.intake
    kept = np.asarray(~intake.missing.any(axis=1))
    first = _first(intake.assigned, intake.order)
    analysed = first[kept[first]]
    return Arrivals(
        row=(np.cumsum(kept) - 1)[analysed],
        arm=intake.arm[analysed],
        left_out=first.size - analysed.size,
    )


def recorded_rows(design: Design) -> slice:
    """Return the rows of the intake as recorded, without the second row that a window adds.

    A unit whose rows were added up stands twice, the second time in another arm that it was seen
    in; chances, log and columns of that row are those of the first.
    """
    size = design.intake.arm.size
    kept = int((~design.intake.missing.any(axis=1)).sum())
    return slice(0, size * design.n // kept)


def _first(assigned: Ints, order: Ints) -> Ints:
    if int(assigned.max(initial=-1)) + 1 < assigned.size:
        return first_rows(assigned, order)[0]
    row = np.empty(assigned.size, dtype=np.int64)  # every unit has one row
    row[assigned] = np.arange(assigned.size)
    return row


def no_chances(evidence: Evidence) -> tuple[Status, str] | None:
    """Say why no count can be expected of the arms; None where chances are known."""
    design, spec = evidence.design, evidence.spec
    if design.kind != "experiment" or design.intake.known is None:
        return (
            Status.NOT_APPLICABLE,
            "No assignment probabilities are known, so no share is expected.",
        )
    if isinstance(spec.design.probability, ColumnProbability) and len(design.arms) > 2:  # noqa: PLR2004
        return (
            Status.DID_NOT_RUN,
            "The log holds only the chance of the arm a unit got; with more than two arms the "
            "expected counts of the others are unknown.",
        )
    return None


def exposure_moments(evidence: Evidence, row: Ints) -> Floats | None:
    """Return the moment of first exposure in local days since 1970, shape (U,).

    Read from `first_exposure`, else from the study's time column; None without either.

    Raises
    ------
    DataError
        If a unit has no readable moment.
    """
    design, spec = evidence.design, evidence.spec
    name = spec.first_exposure or spec.time
    columns = design.check_columns if spec.first_exposure else design.columns
    if name is None or name not in columns:
        return None
    moments = read_moments(
        spec.model_copy(update={"time": name, "unit": None}), columns[[name]].iloc[row]
    )
    if moments is None:
        return None
    return np.asarray(moments.local().to_numpy().astype("datetime64[us]").astype(np.int64) / _DAY)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Periods:
    """Days, those with few units pooled into weeks.

    Attributes
    ----------
    code : ndarray of int64, shape (U,)
        Period of each unit, 0 … G − 1, days before weeks, each in time.
    names : tuple of str, length G
        The day or the week, as in ``"on 2026-09-04"``.
    """

    code: Ints
    names: tuple[str, ...]


def periods(moment: Floats, expected: Floats) -> Periods:
    """Cut units into days; days that expect fewer than 10 of them in an arm become weeks.

    Parameters
    ----------
    moment : ndarray, shape (U,)
        In days since 1970.
    expected : ndarray, shape (U,)
        The unit's chance of the rarest arm.

    Examples
    --------
    >>> made = periods(np.repeat([20_700.5, 20_701.2, 20_702.0], [20, 4, 3]), np.full(27, 0.5))
    >>> made.names
    ('on 2026-09-04', 'in the week of 2026-08-31')
    """
    day = np.floor(moment).astype(np.int64)
    first = int(day.min())
    units = np.bincount(day - first)
    few = np.bincount(day - first, weights=expected) < LEAST_EXPECTED
    all_days = first + np.arange(units.size)
    monday = all_days - (all_days + 3) % 7
    key = np.where(few, all_days[-1] + 8 + monday - first, all_days)[units > 0]
    present, index = np.unique(key, return_inverse=True)
    code = np.zeros(units.size, dtype=np.int64)
    code[units > 0] = index
    last = int(all_days[-1])
    return Periods(code=code[day - first], names=tuple(_name(int(k), first, last) for k in present))


def _name(key: int, first: int, last: int) -> str:
    week = key > last
    day = key - last - 8 + first if week else key
    date = dt.date.fromordinal(_EPOCH + day)
    return f"in the week of {date}" if week else f"on {date}"


def counted_once(spec: StudySpec, units: Arrivals) -> str:
    """Say how units were counted, and how many could not be."""
    name = spec.assigned or spec.unit or "row"
    without = f" ({units.left_out:,} more lack an outcome)" if units.left_out else ""
    return f"each {name} counted once{without}"


def phase_name(spec: StudySpec, code: int) -> str:
    """Return the name of a phase of a ramp."""
    given = spec.design.probability
    names = sorted(given.phases) if isinstance(given, PhaseProbability) else []
    return names[code] if code < len(names) else str(code)
