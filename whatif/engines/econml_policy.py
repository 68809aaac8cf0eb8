"""Policy trees and forests from EconML: arrays in, a grown tree or predicted gains out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from whatif.base.arrays import Floats, Ints

TREES = 50
TREE_ROWS = 10_000
UNBALANCED = 0.5  # EconML keeps .5 − this share on each side: here the smallest leaf decides


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GrownTree:
    """A binary tree over coded features; node 0 is the root.

    Attributes
    ----------
    feature : ndarray of int64, shape (nodes,)
        Feature a node asks about; −1 at a leaf.
    cut : ndarray of int64, shape (nodes,)
        Units whose code is at most this go left.
    left, right : ndarray of int64, shape (nodes,)
        Children; −1 at a leaf.
    """

    feature: Ints
    cut: Ints
    left: Ints
    right: Ints


def policy_tree(codes: Ints, gain: Floats, *, depth: int, min_leaf: int, seed: int) -> GrownTree:
    """Grow a tree whose leaves, each given its best arm, gain most: EconML's ``PolicyTree``.

    The search is greedy, one split at a time. Honest halves are off: the value of a rule comes
    from clusters that it never saw, so nothing is gained by withholding half of the others.

    Parameters
    ----------
    codes : ndarray of int, shape (n, F)
        Features as whole numbers without gaps.
    gain : ndarray, shape (n, A)
        Reward of each arm; only differences between arms matter, and no scale.
    depth, min_leaf : int
        Most splits on a path, fewest rows in a leaf.
    seed : int
        Decides between splits that gain the same.

    References
    ----------
    Athey & Wager (2021), Econometrica 89(1), 133–161, section 2; Zhou, Athey & Wager (2023),
    Operations Research 71(1), 148–183, for several arms.

    Examples
    --------
    >>> codes = np.repeat([[0], [1], [2], [3]], 10, axis=0)
    >>> gain = np.where(codes > 1, [[0.0, 1.0]], [[0.0, -1.0]])
    >>> grown = policy_tree(codes, gain, depth=1, min_leaf=5, seed=0)
    >>> grown.feature.tolist(), grown.cut.tolist()
    ([0, -1, -1], [1, -1, -1])
    """
    if codes.shape[1] == 0 or len(codes) < 2 * min_leaf:
        alone = np.full(1, -1)
        return GrownTree(feature=alone, cut=alone, left=alone, right=alone)
    from econml.policy import PolicyTree

    tree = PolicyTree(
        max_depth=depth,
        min_samples_leaf=min_leaf,
        min_samples_split=2 * min_leaf,
        min_balancedness_tol=UNBALANCED,
        honest=False,
        random_state=seed,
    )
    grown = tree.fit(codes.astype(np.float64), gain / _scale(gain)).tree_
    left = np.asarray(grown.children_left, dtype=np.int64)
    split = left >= 0
    return GrownTree(
        feature=np.where(split, grown.feature, -1).astype(np.int64),
        cut=np.where(split, np.floor(grown.threshold), -1).astype(np.int64),
        left=left,
        right=np.asarray(grown.children_right, dtype=np.int64),
    )


def policy_forest(
    codes: Ints, gain: Floats, *, depth: int, min_leaf: int, seed: int
) -> Callable[[Ints], Floats]:
    """Return a function from codes to the gain of each arm, shape (m, A): ``PolicyForest``.

    Averages 50 honest trees on subsamples; parameters as in `policy_tree`.
    """
    if codes.shape[1] == 0:
        everyone = gain.mean(axis=0)
        return lambda at: np.tile(everyone, (len(at), 1))
    from econml.policy import PolicyForest

    scale = _scale(gain)
    forest = PolicyForest(
        n_estimators=TREES,
        max_depth=depth,
        max_samples=min(0.5, 0.5 * TREE_ROWS / len(codes)),
        min_samples_leaf=max(1, round(min_leaf * min(0.5, 0.5 * TREE_ROWS / len(codes)) / 2)),
        min_balancedness_tol=UNBALANCED,
        n_jobs=1,  # threads add trees up in any order
        random_state=seed,
    )
    forest.fit(codes.astype(np.float64), gain / scale)
    return lambda at: scale * np.asarray(forest.predict_value(at.astype(np.float64)))


def _scale(gain: Floats) -> float:
    return float(np.abs(gain).max()) or 1.0
