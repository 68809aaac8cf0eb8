"""The stated subsample on which models are trained again, and designs derived from it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from whatif.base.arrays import Floats, Ints
from whatif.base.rng import generator
from whatif.checks.analysed import analysed_rows, primary_outcome
from whatif.checks.assignment import first_rows
from whatif.checks.evidence import Evidence
from whatif.design.record import Design
from whatif.scores.refit import Held

MOST_ROWS = 15_000
FEWEST_CLUSTERS = 50


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subsample:
    """Whole clusters of the analysed population, at most 15,000 rows, primary outcome only.

    Attributes
    ----------
    design : Design
        Design of the subsample, n rows, one outcome.
    scored : ndarray of int64, shape (n,)
        Position of each row in the scores.
    cluster : ndarray of int64, shape (n,)
        Dense codes 0 … C − 1.
    clusters : int
        C.
    """

    design: Design
    scored: Ints
    cluster: Ints
    clusters: int

    @property
    def varies(self) -> bool:
        """Whether the outcome takes more than one value in every arm."""
        y, arm = self.design.y[:, 0], self.design.arm
        return all(np.ptp(y[arm == a]) > 0 for a in np.unique(arm))

    @property
    def fewest_clusters(self) -> int:
        """Clusters with rows in the arm that has the fewest."""
        arms = range(len(self.design.arms))
        return min(int(np.unique(self.cluster[self.design.arm == a]).size) for a in arms)

    @property
    def unfit(self) -> str | None:
        """Why models cannot be trained again here; None when they can."""
        fewest = self.fewest_clusters
        if fewest < FEWEST_CLUSTERS:
            return f"too little data: {fewest} clusters in an arm, {FEWEST_CLUSTERS} needed"
        if not self.varies:
            return f"{self.design.outcomes[0]} does not vary within an arm of the subsample"
        return None

    @property
    def size(self) -> str:
        """The subsample in words."""
        return f"{self.design.n:,} rows of {self.clusters:,} clusters"

    def of_clusters(self, kept: Ints) -> Design:
        """Return the design of the clusters `kept` (dense codes)."""
        chosen = np.zeros(self.clusters, dtype=bool)
        chosen[kept] = True
        return self.design.take(np.flatnonzero(chosen[self.cluster]))


def subsample(evidence: Evidence) -> Subsample:
    """Draw whole clusters in random order until the next would exceed 15,000 rows.

    The same seed and data give the same rows to every check.
    """
    rows = analysed_rows(evidence)
    scored = whole_clusters(evidence.design.cluster[rows], seed=evidence.spec.seed)
    taken = evidence.design.take(rows[scored])
    design = _primary_only(taken, primary_outcome(evidence.spec))
    first, cluster = first_rows(design.cluster, np.arange(design.n))
    return Subsample(design=design, scored=scored, cluster=cluster, clusters=first.size)


def whole_clusters(cluster: Ints, *, seed: int) -> Ints:
    """Return the rows of clusters drawn in random order until 15,000 rows would be exceeded."""
    if cluster.size <= MOST_ROWS:
        return np.arange(cluster.size, dtype=np.int64)
    first, code = first_rows(cluster, np.arange(cluster.size))
    order = generator(seed, "refit subsample").permutation(first.size)
    size = np.bincount(code)[order]
    fits = max(int(np.searchsorted(np.cumsum(size), MOST_ROWS, side="right")), 1)
    chosen = np.zeros(first.size, dtype=bool)
    chosen[order[:fits]] = True
    return np.flatnonzero(chosen[code]).astype(np.int64)


def shuffled_chances(arm: Ints, stratum: Ints, known: Floats) -> Floats:
    """Return the chances of each unit once arms are shuffled within strata, shape (U, A).

    A shuffle keeps the counts, so the chance of an arm is its share in the stratum, not the
    declared one that the share differs from by luck. A stratum without some arm keeps `known`.

    Examples
    --------
    >>> halves = np.full((4, 2), 0.5)
    >>> shuffled_chances(np.array([0, 0, 0, 1]), np.zeros(4, dtype=np.int64), halves)[0].tolist()
    [0.75, 0.25]
    """
    arms = known.shape[1]
    code = np.unique(stratum, return_inverse=True)[1]
    counts = np.bincount(code * arms + arm, minlength=arms * (code.max() + 1)).reshape(-1, arms)
    share = (counts / counts.sum(axis=1, keepdims=True))[code]
    return np.where((share > 0).all(axis=1, keepdims=True), share, known)


def held(evidence: Evidence, sample: Subsample) -> tuple[Held, Subsample]:
    """Return the GLM candidate made ready for many draws, and the subsample that it draws from.

    Columns of the model and the tuning of its penalties are chosen once, on the subsample as it
    is; only coefficients are estimated anew in each draw.
    """
    if evidence.hold is None:
        return Held(design=sample.design, refit=evidence.refit), sample
    ready = evidence.hold(sample.design)
    return ready, replace(sample, design=ready.design)


def refolded(sample: Subsample, fold: Ints) -> Design:
    """Return the design with each cluster in another fold, shape (C,)."""
    return replace(sample.design, fold=fold[sample.cluster].astype(np.int64))


def clustered_variance(values: Floats, cluster: Ints) -> float:
    """Variance of the mean of `values`, shape (n,), with clusters as the independent pieces.

    ``C / (C − 1) · Σ_c (Σ_{i∈c} (x_i − x̄))² / n²``.

    Examples
    --------
    >>> clustered_variance(np.array([1.0, 3.0]), np.array([0, 1]))
    1.0
    """
    total = np.bincount(cluster, weights=values - values.mean())
    return float(total.size / (total.size - 1) * (total**2).sum() / values.size**2)


def _primary_only(design: Design, column: str) -> Design:
    k = design.outcomes.index(column)
    return replace(
        design,
        outcomes=(column,),
        kinds=(design.kinds[k],),
        y=np.ascontiguousarray(design.y[:, [k]]),
    )
