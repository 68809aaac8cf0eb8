"""Are two columns related among units alike in others? Residuals against residuals, by cluster."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
from scipy import special

from whatif.base.arrays import Bools, Floats, Ints
from whatif.checks.conclude import listed
from whatif.checks.observed import Column, Observed
from whatif.checks.refitting import FEWEST_CLUSTERS
from whatif.engines import linear

MATTERS = 0.15
"""Residual correlation that a test must be able to see; about a gap of .3 standard deviations
between two arms of equal size."""

DETERMINED = 1e-3
"""Share of a column left over by the others below which nothing is left to compare."""

Part = tuple[str, Floats, float]
"""Label, residuals with NaN where the column is missing, and their share of the column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """How two columns go together once others are known.

    Attributes
    ----------
    correlation : float
        Of the residuals, where it is strongest.
    p_value : float
        Two-sided, shared by all pairs of levels (Bonferroni), at most 1.
    error : float
        Largest standard error of a correlation among the pairs.
    pairs : int
        Pairs of levels compared.
    degrees : int
        Clusters − 1.
    label : str
        Levels where it is strongest, such as ``"rural"``; empty between two numbers.
    rows : int
        Rows that have both columns.
    """

    correlation: float
    p_value: float
    error: float
    pairs: int
    degrees: int
    label: str
    rows: int

    def visible(self, alpha: float) -> float:
        """Return the correlation that would be seen at level `alpha` half of the time."""
        return float(special.stdtrit(self.degrees, 1 - alpha / 2 / self.pairs) * self.error)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Residuals:
    """What is left of columns once others are known, each regression fitted once.

    Both columns are regressed on the others with the GLM (logistic for yes/no columns), on folds
    that do not hold the unit's cluster; where the chances of the arms are known, the arm minus
    its chance is the residual. The mean product of two residuals is 0 when the columns are
    unrelated given the others, whatever their distributions, as long as one of the two
    regressions is good and the other not bad.

    References
    ----------
    Shah & Peters (2020), The Annals of Statistics 48(3), 1514–1538, section 3: the generalised
    covariance measure; here with cross-fitting and clusters as the independent pieces.
    """

    table: Observed
    made: dict[tuple[str, tuple[str, ...]], list[Part]] = field(default_factory=dict)

    def relation(self, first: str, second: str, given: Collection[str]) -> Relation | str:
        """Test one claim; a sentence where it cannot be tested."""
        others = tuple(sorted(given))
        sides = [(name, self.parts(name, others)) for name in (first, second)]
        for name, parts in sides:
            if not parts:
                return f"{name} hardly varies"
            if max(share for _, _, share in parts) < DETERMINED:
                return f"{name} is determined by {listed(others)}"
        weight, cluster = self.table.design.weight, self.table.cluster
        found = [
            (f"{one} {other}".strip(), _product(a, b, weight=weight, cluster=cluster))
            for one, a, kept in sides[0][1]
            for other, b, left in sides[1][1]
            if min(kept, left) >= DETERMINED
        ]
        usable = [(label, made) for label, made in found if made is not None]
        if not usable:
            return f"too little data: fewer than {FEWEST_CLUSTERS} clusters have both columns"
        return _strongest(usable)

    def parts(self, name: str, given: tuple[str, ...]) -> list[Part]:
        """Return the residuals of one column, one per level."""
        key = (name, given)
        if key not in self.made:
            self.made[key] = _residuals(self.table, name, given)
        return self.made[key]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Product:
    mean: float
    error: float
    scale: float
    clusters: int
    rows: int

    @property
    def t(self) -> float:
        return self.mean / self.error


def _strongest(found: list[tuple[str, _Product]]) -> Relation:
    label, top = max(found, key=lambda one: abs(one[1].t))
    degrees = min(one.clusters for _, one in found) - 1
    tail = 2 * special.stdtr(degrees, -abs(top.t))
    return Relation(
        correlation=top.mean / top.scale,
        p_value=float(min(1.0, len(found) * tail)),
        error=max(one.error / one.scale for _, one in found),
        pairs=len(found),
        degrees=degrees,
        label=label,
        rows=top.rows,
    )


def _product(one: Floats, other: Floats, *, weight: Floats, cluster: Ints) -> _Product | None:
    """Average the product of two residuals; None where too few clusters have both."""
    both = np.flatnonzero(~np.isnan(one) & ~np.isnan(other))
    w, code = weight[both] / weight[both].mean(), cluster[both]
    clusters = int((np.bincount(code) > 0).sum()) if both.size else 0
    if clusters < FEWEST_CLUSTERS:
        return None
    a, b = one[both], other[both]
    product = w * a * b
    mean = float(product.mean())
    sums = np.bincount(code, weights=product - w * mean)
    error = float(np.sqrt(clusters / (clusters - 1) * (sums**2).sum())) / both.size
    scale = float(np.sqrt((w @ a**2) * (w @ b**2))) / both.size
    if error <= 0:
        return None
    return _Product(mean=mean, error=error, scale=scale, clusters=clusters, rows=both.size)


def _residuals(table: Observed, name: str, given: tuple[str, ...]) -> list[Part]:
    design, parts = table.design, table.columns[name].parts()
    if name == table.treatment and design.known is not None:
        codes = [design.arms.index(label) for label, _ in parts]
        left = [flag - design.known[:, a] for a, (_, flag) in zip(codes, parts, strict=True)]
    else:
        columns = [table.columns[other] for other in given]
        fitted = _fitted(table, columns, [values for _, values in parts])
        left = [values - fit for (_, values), fit in zip(parts, fitted, strict=True)]
    return [
        (label, rest, float(np.nanvar(rest) / np.nanvar(values)))
        for (label, values), rest in zip(parts, left, strict=True)
    ]


def _fitted(table: Observed, given: list[Column], targets: list[Floats]) -> list[Floats]:
    """Predict every target out of fold."""
    design, out = table.design, [np.full(table.design.n, np.nan) for _ in targets]
    categorical = np.array([bool(column.levels) for column in given], dtype=bool)
    x = np.column_stack([column.values for column in given] or [np.empty((design.n, 0))])
    for fold in np.unique(design.fold):
        held, train = design.fold == fold, design.fold != fold
        basis = linear.fit_basis(x[train].astype(np.float32), categorical)
        at = basis.columns(x[held].astype(np.float32))
        for to, values in zip(out, targets, strict=True):
            rows = np.flatnonzero(train & ~np.isnan(values))
            matrix = basis.columns(x[rows].astype(np.float32))
            to[held] = _predicted(table, values[rows], rows, models=(matrix, at, basis.curved))
            to[held] += _offset(values[held] - to[held], design.weight[held])
    return out


def _offset(rest: Floats, weight: Floats) -> float:
    """Return the mean of residuals of one fold, the luck of its draw of clusters.

    Left in, the luck of two columns would be multiplied: 4/√C of an error with two folds.
    """
    known = ~np.isnan(rest)
    return float(np.average(rest[known], weights=weight[known])) if known.any() else 0.0


def _predicted(
    table: Observed, y: Floats, rows: Ints, *, models: tuple[Floats, Floats, Bools]
) -> Floats:
    """Predict at the second model matrix what the first learns from `y`."""
    x, at, curved = models
    weight, cluster = table.design.weight[rows], table.cluster[rows]
    if (y == y[0]).all() or not curved.size:
        return np.full(len(at), np.average(y, weights=weight))
    own = None if np.ptp(weight) == 0 else weight
    if ((y == 0) | (y == 1)).all():
        label = y.astype(np.int64)
        return linear.predict_probability(
            x, label, at, levels=2, curved=curved, weight=own, cluster=cluster
        )[:, 1]
    return linear.predict_mean(x, y, at, curved=curved, weight=own, cluster=cluster)
