"""Time: reading the time column, and cutting the rows that lie after the as-of day."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from whatif.base.arrays import Bools
from whatif.base.errors import DataError, Problem
from whatif.contract.spec import StudySpec
from whatif.contract.validate import examples, type_of

_ZONE = r"(?:Z|[+-]\d{2}:?\d{2})$"
_WHY = "rows are cut at the as-of day, so each needs a moment."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moments:
    """The moment of each row.

    Attributes
    ----------
    stamps : Series of datetime64, n rows
        With the zone of the data, or without one when the data have none.
    zone : ZoneInfo
        Zone in which days begin and end; moments without a zone are taken to be in it.
    """

    stamps: pd.Series[Any]
    zone: zoneinfo.ZoneInfo

    def last_day(self, rows: Bools) -> dt.date:
        """Return the last day among `rows`."""
        return self._day(self.stamps[rows].max())

    def first_day(self, rows: Bools) -> dt.date:
        """Return the first day among `rows`."""
        return self._day(self.stamps[rows].min())

    def until(self, day: dt.date) -> Bools:
        """Return the rows no later than the end of `day`."""
        return np.asarray(self.stamps < self.end_of(day), dtype=bool)

    def end_of(self, day: dt.date) -> pd.Timestamp:
        """Return the moment at which `day` is over, with a zone where the moments have one."""
        end = pd.Timestamp(day) + pd.Timedelta(days=1)
        return end if self.stamps.dt.tz is None else end.tz_localize(self.zone)

    def local(self) -> pd.Series[Any]:
        """Return what clocks in the study's zone showed at each moment, without a zone."""
        if self.stamps.dt.tz is None:
            return self.stamps
        naive: pd.Series[Any] = self.stamps.dt.tz_convert(self.zone).dt.tz_localize(None)
        return naive

    def _day(self, moment: pd.Timestamp) -> dt.date:
        local = moment if moment.tzinfo is None else moment.tz_convert(self.zone)
        return local.date()


def read_moments(spec: StudySpec, frame: pd.DataFrame) -> Moments | None:
    """Return the moment of each row, or None when the study names no time column.

    Parameters
    ----------
    spec : StudySpec
        Its `time` is a column of timestamps, dates or ISO 8601 text.
    frame : DataFrame
        Rows as read.

    Raises
    ------
    DataError
        If a row has no moment, a text is not ISO 8601, or only some carry a zone.
    """
    if spec.time is None:
        return None
    column = frame[spec.time]
    gaps = column.isna().to_numpy()
    if gaps.any():
        raise _error(spec, frame, gaps, "is missing", f"or filter: {spec.time} is not null.")
    kind = type_of(column)
    if kind not in ("timestamp", "string"):
        raise _error(spec, frame, ~gaps, "is not a date or time", "name another time column.")
    zone = zoneinfo.ZoneInfo(spec.schedule.timezone if spec.schedule else "UTC")
    values = column if kind == "timestamp" else _parsed(spec, frame)
    return Moments(stamps=values, zone=zone)


def _parsed(spec: StudySpec, frame: pd.DataFrame) -> pd.Series[Any]:
    text = frame[str(spec.time)]
    zoned = text.str.contains(_ZONE, regex=True).to_numpy(dtype=bool)
    values = pd.to_datetime(text, format="ISO8601", errors="coerce", utc=True)
    bad = values.isna().to_numpy()
    if bad.any():
        raise _error(spec, frame, bad, "is not ISO 8601 text", "write it as 2026-10-31T18:00:00Z.")
    has_clock = text.str.len().to_numpy() > len("2026-10-31")
    if (zoned & has_clock).any() and not (zoned & has_clock).all():
        raise _error(
            spec, frame, ~(zoned & has_clock), "has no zone while other rows have one", "add it."
        )
    return values if (zoned & has_clock).all() else values.dt.tz_localize(None)


def _error(spec: StudySpec, frame: pd.DataFrame, rows: Bools, what: str, fix: str) -> DataError:
    shown = examples(frame, rows, spec.time, spec.unit)
    return DataError(
        Problem(
            what=f"The time {spec.time!r} {what} in {int(rows.sum()):,} of {len(frame):,} rows, "
            f"e.g. {shown}.",
            why=_WHY,
            fix=f"correct the column at the source, {fix}" if fix.startswith("or") else fix,
        )
    )
