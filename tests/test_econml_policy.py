"""EconML's policy learners behind arrays: the best split, no row lost, the same every time."""

from __future__ import annotations

import numpy as np
import pytest
from econml.policy import PolicyTree

from whatif.base.arrays import Floats, Ints
from whatif.engines.econml_policy import GrownTree, policy_forest, policy_tree


def problem(seed: int, n: int = 600, arms: int = 3) -> tuple[Ints, Floats]:
    """Coded features, and gains over the control that follow two of them."""
    draws = np.random.default_rng(seed)
    codes = draws.integers(0, 8, size=(n, 4))
    gain = draws.normal(size=(n, arms))
    gain[:, 1] += 0.5 * (codes[:, 1] > 4) - 0.2
    gain[:, 2] += 0.5 * (codes[:, 2] < 2) - 0.3
    return codes, gain - gain[:, :1]


def welfare(gain: Floats, sides: list[np.ndarray]) -> float:
    return float(sum(gain[side].sum(axis=0).max() for side in sides))


def split(codes: Ints, tree: GrownTree) -> list[np.ndarray]:
    below = codes[:, tree.feature[0]] <= tree.cut[0]
    return [below, ~below]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_one_split_is_the_best_of_all_whatever_the_scale(seed: int, scale: float) -> None:
    codes, gain = problem(seed)
    tree = policy_tree(codes, scale * gain, depth=1, min_leaf=30, seed=0)
    best = max(
        welfare(gain, [below, ~below])
        for f in range(4)
        for cut in range(7)
        if min((below := codes[:, f] <= cut).sum(), (~below).sum()) >= 30
    )
    assert welfare(gain, split(codes, tree)) == pytest.approx(best, rel=1e-12)


def test_a_rare_kind_of_unit_is_found_which_econml_s_default_overlooks() -> None:
    codes = np.repeat([0, 1], [980, 20])[:, None]
    gain = np.column_stack([np.zeros(1_000), np.where(codes[:, 0] == 1, 3.0, -1.0)])
    default = PolicyTree(max_depth=1, min_samples_leaf=5, honest=False, random_state=0)
    assert default.fit(codes.astype(float), gain).tree_.node_count == 1
    assert policy_tree(codes, gain, depth=1, min_leaf=5, seed=0).feature[0] == 0


def test_econml_s_own_policy_value_is_a_maximum_over_its_training_rows() -> None:
    draws = np.random.default_rng(1)
    codes = draws.integers(0, 8, size=(500, 4))
    found = []
    for _ in range(20):  # noise alone: no policy is worth anything
        gain = np.column_stack([np.zeros(500), draws.normal(size=500)])
        tree = PolicyTree(max_depth=2, min_samples_leaf=20, honest=False, random_state=0)
        found.append(tree.fit(codes.astype(float), gain).policy_value_)
    assert np.mean(found) > 10 * np.std(found) / np.sqrt(20)


def test_leaves_and_depth_keep_their_bounds() -> None:
    codes, gain = problem(3)
    tree = policy_tree(codes, gain, depth=2, min_leaf=50, seed=0)
    node = np.zeros(len(codes), dtype=np.int64)
    for _ in range(2):
        inside = tree.left[node] >= 0
        below = codes[np.arange(len(codes)), tree.feature[node]] <= tree.cut[node]
        node = np.where(inside, np.where(below, tree.left[node], tree.right[node]), node)
    assert (tree.left[node] < 0).all()
    assert np.unique(node, return_counts=True)[1].min() >= 50


def test_nothing_to_split_on_or_too_few_rows_leave_one_leaf() -> None:
    codes, gain = problem(0)
    for x, leaf in ((codes[:, :0], 5), (codes, 400)):
        tree = policy_tree(x, gain, depth=2, min_leaf=leaf, seed=0)
        assert tree.left.tolist() == [-1]
    everyone = policy_forest(codes[:, :0], gain, depth=2, min_leaf=5, seed=0)(codes[:3, :0])
    assert everyone == pytest.approx(np.tile(gain.mean(axis=0), (3, 1)))


def test_the_same_rows_give_the_same_tree_and_forest() -> None:
    codes, gain = problem(4)
    trees = [policy_tree(codes, gain, depth=3, min_leaf=20, seed=7) for _ in range(2)]
    assert trees[0].cut.tolist() == trees[1].cut.tolist()
    assert trees[0].feature.tolist() == trees[1].feature.tolist()
    forests = [policy_forest(codes, gain, depth=2, min_leaf=20, seed=7)(codes) for _ in range(2)]
    assert (forests[0] == forests[1]).all()


def test_a_forest_ranks_arms_by_the_gain_that_was_planted() -> None:
    codes, gain = problem(5, n=3_000)
    found = policy_forest(codes, gain, depth=3, min_leaf=30, seed=0)(codes)
    right = (found[:, 1] - found[:, 0] > 0) == (codes[:, 1] > 4)
    assert found.shape == (3_000, 3)
    assert right.mean() > 0.9
