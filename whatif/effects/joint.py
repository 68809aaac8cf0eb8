"""One joint clustered covariance over cells × arms × outcomes, from which every view follows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from whatif.base.arrays import Floats
from whatif.effects.cells import Cells
from whatif.effects.cluster_sums import Counts, cluster_sums
from whatif.scores.record import Scores, Target


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Joint:
    """Doubly robust means of every cell, arm and outcome with their joint covariance.

    Attributes
    ----------
    arms, outcomes : tuple of str
        Labels; ``arms[0]`` is the control.
    cells : Cells
        The S cells.
    target : str
        Whom the means speak of.
    theta : ndarray, shape (S, A, K)
        Mean outcome of the cell had everyone got the arm, in the outcome's unit; NaN where nobody
        of the target is in the cell.
    share : ndarray, shape (S,)
        Share of the target population in the cell.
    covariance : ndarray, shape (S·A·K + S, S·A·K + S)
        Covariance of ``theta.ravel()`` followed by `share`.
    counts : Counts
        Data behind each cell.
    clusters_assigned : bool
        Whether whole clusters were assigned, for degrees of freedom.
    """

    arms: tuple[str, ...]
    outcomes: tuple[str, ...]
    cells: Cells
    target: Target
    theta: Floats
    share: Floats
    covariance: Floats
    counts: Counts
    clusters_assigned: bool

    @property
    def sigma(self) -> Floats:
        """Covariance of ``theta.ravel()``, shape (S·A·K, S·A·K)."""
        return self.covariance[: self.theta.size, : self.theta.size]

    def error(self, gradient: Floats) -> float:
        """Return the standard error of a number with this gradient.

        By ``theta.ravel()``, or by that followed by `share`.
        """
        used = np.flatnonzero(gradient)
        part = gradient[used]
        return float(np.sqrt(max(float(part @ self.covariance[np.ix_(used, used)] @ part), 0.0)))

    def degrees(self, cell: int, arm: int, versus: int = 0) -> int:
        """Clusters of a cell − 1; those of the smaller of the two arms when arms hold clusters."""
        if self.clusters_assigned:
            return max(int(self.counts.arm_clusters[cell, [versus, arm]].min()) - 1, 0)
        return max(int(self.counts.clusters[cell]) - 1, 0)

    def degrees_of(self, places: Iterable[tuple[int, int]]) -> int:
        """Degrees of freedom counted in the smallest of several (cell, arm)."""
        return min((self.degrees(cell, arm, arm) for cell, arm in places), default=0)

    def clusters_compared(self, arm: int, versus: int = 0) -> int:
        """Clusters behind the comparison of `arm` with `versus`, everywhere."""
        if self.clusters_assigned:
            return int(self.counts.arm_clusters[0, [versus, arm]].sum())
        return int(self.counts.clusters[0])


def joint(scores: Scores, cells: Cells) -> Joint:
    """Average the scores in every cell and sum influence values within clusters.

    ``θ_s = Σ w Γ / Σ w μ`` over the cell, with w the weight and μ the mass of a unit, and
    ``Σ = C/(C−1) · Σ_c ψ_c ψ_cᵀ / n²`` with ψ_c the sum over cluster c of
    ``1{i∈s}/p_s · w (Γ[i] − θ_s μ[i])``; p_s is the cell's share of the mass, estimated too, with
    influence ``(1{i∈s} − p_s) · w μ[i]``. Both follow from `cluster_sums`, one pass over the rows.

    Parameters
    ----------
    scores : Scores
        Scores of n units.
    cells : Cells
        Cells over the same units, in the same order.

    References
    ----------
    Chiang, Kato, Ma & Sasaki (2022), JBES 40(3), 1046–1056, section 3.
    """
    sums = cluster_sums(scores, cells)
    members, n = sums.members, sums.units
    size, width = len(members), len(sums.centre)
    gathered = sums.totals @ members.T
    share = gathered[-1] / n
    away = np.full((size, width), np.nan)
    np.divide(gathered[:-1].T, gathered[-1][:, None], out=away, where=share[:, None] > 0)
    to_psi = _influence_of_sums(members, share, np.nan_to_num(away)) / n
    factor = sums.clusters / (sums.clusters - 1) if sums.clusters > 1 else np.nan
    covariance = factor * (to_psi @ sums.products @ to_psi.T)
    return Joint(
        arms=scores.arms,
        outcomes=scores.outcomes,
        target=scores.target,
        cells=cells,
        theta=(sums.centre + away).reshape(size, len(scores.arms), len(scores.outcomes)),
        share=share,
        covariance=(covariance + covariance.T) / 2.0,
        counts=sums.counts,
        clusters_assigned=scores.clusters_assigned,
    )


def _influence_of_sums(members: Floats, share: Floats, away: Floats) -> Floats:
    """Return the matrix that turns a cluster's sums into its influence values, ``ψ = M t``.

    Rows are (cell, score) and then the shares of cells; columns are (score, basis cell) and then
    the mass of basis cells. `away` is the mean of each cell from the centre of the sums.
    """
    size, fine = members.shape
    width = away.shape[1]
    each = np.zeros_like(members)
    np.divide(members, share[:, None], out=each, where=share[:, None] > 0)
    of_means = np.zeros((size, width, width + 1, fine))
    for j in range(width):
        of_means[:, j, j] = each
        of_means[:, j, -1] = -away[:, [j]] * each
    of_shares = np.zeros((size, width + 1, fine))
    of_shares[:, -1] = members - share[:, None] * members[0]
    columns = (width + 1) * fine
    return np.vstack([of_means.reshape(-1, columns), of_shares.reshape(-1, columns)])
