"""Every column a check can read, on the stated subsample, as numbers that no outlier rules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special, stats

from whatif.base.arrays import Bools, Floats, Ints
from whatif.base.errors import DataError
from whatif.checks.assignment import first_rows
from whatif.checks.evidence import Evidence
from whatif.checks.refitting import whole_clusters
from whatif.design.features import features_of
from whatif.design.record import Design

MOST_LEVELS = 5
FEWEST_ROWS = 50


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Column:
    """One column as numbers.

    Attributes
    ----------
    values : ndarray, shape (n,)
        Normal scores of a number (0 and 1 where it has two values), level codes of words; NaN is
        missing. Two columns are unrelated exactly when their ranks are, and ranks have no tails.
    levels : tuple of str
        Labels of the codes; empty for a number.
    """

    values: Floats
    levels: tuple[str, ...]

    def parts(self) -> list[tuple[str, Floats]]:
        """Return what stands for the column in a comparison, each with its label.

        The number itself, or an indicator of each of the five most frequent levels; of two
        levels, one. A level or a yes/no that fewer than 50 rows have or lack is left out: the
        error of so few is not to be trusted.
        """
        if not self.levels:
            return [("", self.values)] if _varies(self.values) else []
        gone = np.isnan(self.values)
        counts = np.bincount(self.values[~gone].astype(np.int64), minlength=len(self.levels))
        frequent = np.argsort(-counts, kind="stable")[:MOST_LEVELS]
        fits = (counts >= FEWEST_ROWS) & (counts <= (~gone).sum() - FEWEST_ROWS)
        kept = sorted(int(level) for level in frequent if fits[level])
        kept = kept[1:] if len(self.levels) == 2 else kept  # noqa: PLR2004
        flags = (np.where(gone, np.nan, self.values == level) for level in kept)
        return [(self.levels[level], flag) for level, flag in zip(kept, flags, strict=True)]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Observed:
    """Whole clusters of the study with everything known about them, at most 15,000 rows.

    Unlike the subsample of the refits this is drawn from all rows: an overlap rule keeps rows by
    what the covariates have in common, which makes unrelated covariates related.

    Attributes
    ----------
    columns : dict of str to Column
        Columns by name, the treatment and the outcomes included.
    unusable : tuple of str
        Columns that cannot be compared, each with the reason.
    treatment : str
        Treatment column.
    design : Design
        Design of the n rows.
    cluster : ndarray of int64, shape (n,)
        Dense codes 0 … C − 1.
    clusters : int
        C.
    """

    columns: dict[str, Column]
    unusable: tuple[str, ...]
    treatment: str
    design: Design
    cluster: Ints
    clusters: int

    @property
    def size(self) -> str:
        """The rows in words."""
        return f"{self.design.n:,} rows of {self.clusters:,} clusters"


def names_at_hand(evidence: Evidence) -> tuple[str, ...]:
    """Return every column that `observed` can read, each once."""
    design = evidence.design
    own = (evidence.spec.treatment.column, *design.outcomes)
    return tuple(dict.fromkeys([*own, *design.columns.columns, *design.check_columns.columns]))


def observed(evidence: Evidence, names: Iterable[str]) -> Observed:
    """Read the columns `names` on whole clusters in random order, at most 15,000 rows."""
    rows = whole_clusters(evidence.design.cluster, seed=evidence.spec.seed)
    design = evidence.design.take(rows)
    treatment = evidence.spec.treatment.column
    first, cluster = first_rows(design.cluster, np.arange(design.n))
    columns: dict[str, Column] = {}
    unusable: list[str] = []
    for name in names:
        found = _column(design, treatment, name)
        if isinstance(found, Column):
            columns[name] = found
        else:
            unusable.append(f"{name} ({found})")
    return Observed(
        columns=columns,
        unusable=tuple(unusable),
        treatment=treatment,
        design=design,
        cluster=cluster,
        clusters=first.size,
    )


def _column(design: Design, treatment: str, name: str) -> Column | str:
    """Return the column as numbers, or why it cannot be read so."""
    if name == treatment:
        return Column(values=design.arm.astype(np.float64), levels=design.arms)
    if name in design.outcomes:
        return Column(values=_scores(design.y[:, design.outcomes.index(name)]), levels=())
    held = design.columns if name in design.columns else design.check_columns
    column = held[name]
    try:
        read = features_of(held, (name,))
    except DataError:
        return "too many different words, or infinite values"
    values = read.values[:, 0].astype(np.float64)  # noqa: PD011  (no frame)
    if not read.categorical[0]:
        return Column(values=_scores(values), levels=())
    return Column(values=values, levels=_levels(column))


def _levels(column: pd.Series) -> tuple[str, ...]:
    """Return the words behind the codes of `features_of`."""
    found = pd.factorize(column.astype("str").where(column.notna()), sort=True)[1]
    return tuple(str(value) for value in found)


def _scores(values: Floats) -> Floats:
    """Return normal scores of the ranks, ties sharing theirs; two values become 0 and 1."""
    known = ~np.isnan(values)
    out = np.full(values.size, np.nan)
    inside = values[known]
    if inside.size == 0:
        return out
    low, high = inside.min(), inside.max()
    if ((inside == low) | (inside == high)).all():
        out[known] = (inside > low).astype(np.float64)
    else:
        out[known] = special.ndtri((stats.rankdata(inside) - 0.5) / inside.size)
    return out


def _varies(values: Floats) -> bool:
    """Whether a number varies; a yes/no must do so in at least 50 rows."""
    known = values[~np.isnan(values)]
    yes: Bools = known == known.max(initial=-np.inf)
    others = int(known.size - yes.sum())
    two_valued = bool(((known == 0) | (known == 1)).all())
    return others > 0 and (not two_valued or min(others, int(yes.sum())) >= FEWEST_ROWS)
