"""Columns as few whole numbers that a tree splits, each split readable as a condition."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whatif.base.arrays import Floats
from whatif.effects.rows import Level
from whatif.scenarios.policy.rule import Bound, Condition, Gap, Same, numbers

MOST_CUTS = 31
DIGITS = 3
_TWO = 2
Codes = NDArray[np.int16]


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberFeature:
    """How many of `cuts` a number exceeds.

    Missing values have the code −1 or ``len(cuts) + 1``, so that a split sends them to either side
    or tells them from the rest (Twala, Jones & Hand 2008, Pattern Recognition Letters 29(7)).

    Attributes
    ----------
    column : str
        The column.
    cuts : tuple of float
        Ascending.
    missing_high : bool or None
        Whether missing counts as above all cuts; None where the data miss nothing.
    """

    column: str
    cuts: tuple[float, ...]
    missing_high: bool | None

    def low(self, cut: int) -> Condition:
        """Return what codes of at most `cut` have in common."""
        if cut < 0 or cut >= len(self.cuts):
            return Gap(column=self.column, missing=cut < 0)
        missing = self.missing_high is False
        return Bound(column=self.column, at=self.cuts[cut], above=False, or_missing=missing)

    def high(self, cut: int) -> Condition:
        """Return what codes above `cut` have in common."""
        if cut < 0 or cut >= len(self.cuts):
            return Gap(column=self.column, missing=cut >= 0)
        missing = self.missing_high is True
        return Bound(column=self.column, at=self.cuts[cut], above=True, or_missing=missing)


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelFeature:
    """Whether a value is `level` (code 1) or another one (code 0).

    Attributes
    ----------
    column : str
        The column.
    level : str, bool, int or float
        The level.
    other : level or None
        The only other level, where there are two and nothing is missing.
    missing : bool
        Whether the data miss values, which count as another level.
    """

    column: str
    level: Level
    other: Level | None
    missing: bool

    def low(self, cut: int) -> Condition:  # noqa: ARG002  (the one split there is)
        """Return what units of another level have in common."""
        if self.other is not None:
            return Same(column=self.column, level=self.other, same=True, or_missing=False)
        return Same(column=self.column, level=self.level, same=False, or_missing=self.missing)

    def high(self, cut: int) -> Condition:  # noqa: ARG002  (the one split there is)
        """Return what units of the level have in common."""
        return Same(column=self.column, level=self.level, same=True, or_missing=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class GapFeature:
    """Whether a value is missing (code 1)."""

    column: str

    def low(self, cut: int) -> Condition:  # noqa: ARG002  (the one split there is)
        """Return what units with a value have in common."""
        return Gap(column=self.column, missing=False)

    def high(self, cut: int) -> Condition:  # noqa: ARG002  (the one split there is)
        """Return what units without a value have in common."""
        return Gap(column=self.column, missing=True)


Feature = NumberFeature | LevelFeature | GapFeature


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Coded:
    """Features of n units.

    Attributes
    ----------
    features : tuple of Feature, length F
        What each column of `codes` stands for.
    codes : ndarray of int16, shape (n, F)
        Codes without gaps.
    """

    features: tuple[Feature, ...]
    codes: Codes


def coded(frame: pd.DataFrame, *, fewest: int) -> Coded:
    """Code every column of `frame`; a column that does not vary gives no feature.

    Numbers are cut at their levels, or at 31 quantiles rounded to three digits of their spread.
    Words, flags and numbers with two levels have one feature for each level of `fewest` units.

    Parameters
    ----------
    frame : DataFrame, n rows
        Columns that `usable` accepts.
    fewest : int
        Units below which a level has no feature of its own.

    Examples
    --------
    >>> made = coded(pd.DataFrame({"device": ["m", "d", "m"], "cart": [1.0, 2.5, 4.0]}), fewest=1)
    >>> made.codes.tolist()
    [[1, 0], [0, 1], [1, 2]]
    >>> made.features[1].low(0)
    Bound(column='cart', at=1.0, above=False, or_missing=False)
    """
    features: list[Feature] = []
    codes: list[Codes] = []
    for name in frame:
        made = _column(str(name), frame[name], fewest)
        features += [feature for feature, _ in made]
        codes += [code for _, code in made]
    empty = np.zeros((len(frame), 0), dtype=np.int16)
    return Coded(features=tuple(features), codes=np.column_stack(codes) if codes else empty)


def usable(column: pd.Series) -> bool:
    """Whether a rule can be written on a column: finite numbers, words or flags, no dates."""
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return not np.isinf(numbers(column)).any()
    if pd.api.types.is_datetime64_any_dtype(column):
        return False
    return all(_plain(level) is not None for level in pd.factorize(column)[1])


def _plain(level: object) -> Level | None:
    value = level.item() if isinstance(level, np.generic) else level
    return value if isinstance(value, str | bool | int | float) else None


def _column(name: str, column: pd.Series, fewest: int) -> list[tuple[Feature, Codes]]:
    flags = pd.api.types.is_bool_dtype(column)
    if not pd.api.types.is_numeric_dtype(column) or flags:
        return _levels(name, column, fewest)
    values = numbers(column)
    known = np.sort(pd.unique(values[~np.isnan(values)]))
    if known.size == _TWO and not np.isnan(values).any():
        return _levels(name, column, fewest)
    return _numbers(name, values, known)


def _numbers(name: str, values: Floats, known: Floats) -> list[tuple[Feature, Codes]]:
    cuts = _cuts(values, known)
    gaps = np.isnan(values)
    if not cuts.size and (not gaps.any() or gaps.all()):
        return []
    code = np.searchsorted(cuts, values).astype(np.int16)
    if not gaps.any():
        return [(_number(name, cuts, None), code)]
    sides: tuple[tuple[bool, int], ...] = ((False, -1), (True, cuts.size + 1))
    return [
        (_number(name, cuts, high), np.where(gaps, place, code).astype(np.int16))
        for high, place in sides[: _TWO if cuts.size else 1]
    ]


def _number(name: str, cuts: Floats, missing_high: bool | None) -> NumberFeature:  # noqa: FBT001
    return NumberFeature(column=name, cuts=tuple(float(c) for c in cuts), missing_high=missing_high)


def _cuts(values: Floats, known: Floats) -> Floats:
    if known.size <= MOST_CUTS + 1:
        return known[:-1]
    shares = np.arange(1, MOST_CUTS + 1) / (MOST_CUTS + 1)
    found = np.nanquantile(values, shares)
    spread = found[-1] - found[0] or known[-1] - known[0]
    rounded = np.round(found, DIGITS - 1 - int(np.floor(np.log10(spread))))
    inside = (rounded >= known[0]) & (rounded < known[-1])
    return np.unique(rounded[inside])


def _levels(name: str, column: pd.Series, fewest: int) -> list[tuple[Feature, Codes]]:
    index, found = pd.factorize(column, sort=True)
    known = [_plain(level) for level in found]
    gaps = index < 0
    features: list[tuple[Feature, Codes]] = []
    if len(known) == _TWO and not gaps.any():
        kept, other = [1], known[0]
    else:
        counts = np.bincount(index[~gaps], minlength=len(known))
        kept, other = [i for i in range(len(known)) if counts[i] >= fewest], None
    for i in kept if len(known) > 1 else []:
        level = known[i]
        if level is not None:
            one = LevelFeature(column=name, level=level, other=other, missing=bool(gaps.any()))
            features.append((one, (index == i).astype(np.int16)))
    if known and gaps.any():
        features.append((GapFeature(column=name), gaps.astype(np.int16)))
    return features
