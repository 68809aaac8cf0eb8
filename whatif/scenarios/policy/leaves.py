"""What the leaves of a grown tree get: the arms that pay there, the best leaves first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from whatif.base.arrays import Bools, Floats, Ints
from whatif.engines.econml_policy import GrownTree
from whatif.scenarios.policy.columns import Codes

ERRORS = 1.0
"""Standard errors by which an arm must gain in a leaf to be given there, else the control."""
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """The end of a tree: everyone who comes here gets `arm`."""

    arm: int

    def arms(self, codes: Codes) -> Ints:
        """Return the arm of each unit, shape (n,)."""
        return np.full(len(codes), self.arm, dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Units whose code of `feature` is at most `cut` go to `low`, the others to `high`."""

    feature: int
    cut: int
    low: Leaf | Split
    high: Leaf | Split

    def arms(self, codes: Codes) -> Ints:
        """Return the arm of each unit, shape (n,)."""
        below = codes[:, self.feature] <= self.cut
        return np.where(below, self.low.arms(codes), self.high.arms(codes))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Learning:
    """The rows of one group that a rule is learned from.

    Attributes
    ----------
    codes : ndarray of int16, shape (m, F)
        Coded columns.
    gain : ndarray, shape (m, A)
        Weighted gain of each arm over the control.
    weight : ndarray, shape (m,)
        Sampling weights.
    cluster : ndarray of int64, shape (m,)
        Codes of clusters.
    drawn : ndarray of int64
        Rows that trees grow on.
    min_leaf : int
        Fewest clusters in a leaf.
    """

    codes: Codes
    gain: Floats
    weight: Floats
    cluster: Ints
    drawn: Ints
    min_leaf: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _End:
    """Who comes to a leaf: gains summed in clusters, shape (A, C), clusters (C,), and weight."""

    gain: Floats
    seen: Bools
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Fork:
    feature: int
    cut: int
    low: _End | _Fork
    high: _End | _Fork


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Leaves:
    """A tree whose L leaves have no arms yet.

    Attributes
    ----------
    root : _End or _Fork
        The tree.
    gain : ndarray, shape (L, A)
        Gain of each arm over the control in each leaf, per unit of all learning rows.
    error : ndarray, shape (L, A)
        Its clustered error.
    weight : ndarray, shape (L,)
        Share of the learning rows in each leaf.
    """

    root: _End | _Fork
    gain: Floats
    error: Floats
    weight: Floats

    def share(self, price: float) -> float:
        """Return the share treated where every treated unit costs `price` more."""
        return float(self.weight[self._best(price) > 0].sum())

    def within(self, limit: float) -> tuple[Leaf | Split, float]:
        """Treat the leaves that gain most for a unit until `limit` is reached.

        Returns the rule and its gain per unit of all learning rows.
        """
        arm = self._best(0.0)
        leaf = np.arange(arm.size)
        sure = self.gain[leaf, arm] - ERRORS * self.error[leaf, arm]
        order = np.argsort(-sure / np.maximum(self.weight, _ROUNDING), kind="stable")
        left = limit + _ROUNDING
        for at in order:
            if self.weight[at] > left:
                arm[at] = 0
            elif arm[at] > 0:
                left -= float(self.weight[at])
        return _ruled(self.root, iter(arm.tolist())), float(self.gain[leaf, arm].sum())

    def _best(self, price: float) -> Ints:
        """Return the arm of each leaf that gains most beyond an error of its own and the price."""
        net = self.gain - ERRORS * self.error - price * self.weight[:, None]
        net[:, 0] = 0.0
        return np.asarray(net.argmax(axis=1))


def leaves(grown: GrownTree, learning: Learning) -> Leaves:
    """Send all learning rows down a grown tree.

    A split with a side of fewer than `min_leaf` clusters is undone.
    """
    root = _grown(grown, 0, np.arange(len(learning.codes)), learning)
    ends = list(_ends(root))
    total = float(learning.weight.sum())
    return Leaves(
        root=root,
        gain=np.array([end.gain.sum(axis=1) for end in ends]) / total,
        error=np.array([np.sqrt((end.gain**2).sum(axis=1)) for end in ends]) / total,
        weight=np.array([end.weight for end in ends]) / total,
    )


def _grown(grown: GrownTree, node: int, at: Ints, learning: Learning) -> _End | _Fork:
    if grown.left[node] < 0:
        size, cluster = int(learning.cluster.max()) + 1, learning.cluster[at]
        sums = [np.bincount(cluster, weights=arm, minlength=size) for arm in learning.gain[at].T]
        seen = np.bincount(cluster, minlength=size) > 0
        return _End(gain=np.array(sums), seen=seen, weight=float(learning.weight[at].sum()))
    feature, cut = int(grown.feature[node]), int(grown.cut[node])
    below = learning.codes[at, feature] <= cut
    low = _grown(grown, int(grown.left[node]), at[below], learning)
    high = _grown(grown, int(grown.right[node]), at[~below], learning)
    thin = any(
        isinstance(side, _End) and np.count_nonzero(side.seen) < learning.min_leaf
        for side in (low, high)
    )
    if not thin:
        return _Fork(feature=feature, cut=cut, low=low, high=high)
    ends = [*_ends(low), *_ends(high)]
    return _End(
        gain=np.sum([end.gain for end in ends], axis=0),
        seen=np.any([end.seen for end in ends], axis=0),
        weight=sum(end.weight for end in ends),
    )


def _ends(branch: _End | _Fork) -> Iterator[_End]:
    if isinstance(branch, _End):
        yield branch
    else:
        yield from _ends(branch.low)
        yield from _ends(branch.high)


def _ruled(branch: _End | _Fork, arms: Iterator[int]) -> Leaf | Split:
    """Give the leaves their arms in turn; a split that changes nothing is undone."""
    if isinstance(branch, _End):
        return Leaf(arm=next(arms))
    low, high = _ruled(branch.low, arms), _ruled(branch.high, arms)
    if isinstance(low, Leaf) and low == high:
        return low
    return Split(feature=branch.feature, cut=branch.cut, low=low, high=high)
