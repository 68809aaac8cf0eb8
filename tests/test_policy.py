"""Policies: their worth on clusters they never saw, limits, budgets, and ties to the control."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from tests.benchmarks import policies
from whatif.base.arrays import Floats, Ints
from whatif.effects.bands import sup_t, t_critical
from whatif.scenarios.policy.columns import coded
from whatif.scenarios.policy.gains import means
from whatif.scenarios.policy.learn import NOBODY, chosen, learn_within
from whatif.scenarios.policy.leaves import Leaf, Split
from whatif.scenarios.policy.lesson import FOLDS, Group, Lesson
from whatif.scenarios.policy.policy import BUDGETS, Policy, budget_curve, policy, written

STRONG = (1.5, 0.3)
TREE_LIKE = (1.5, -3.0)
DRAWS = 30


@cache
def strong() -> tuple[Lesson, Ints, Policy]:
    taught, kind = policies.lesson(1, world=STRONG)
    return taught, kind, policy(taught)


def everyone(lesson: Lesson) -> np.ndarray:
    return np.ones(lesson.n, dtype=np.bool_)


def mean_z(seeds: range, world: str) -> dict[str, tuple[float, float]]:
    """Mean z of every number and its Monte Carlo error."""
    draws = [draw for seed in seeds for draw in policies.draws(seed, world)]
    found = {
        what: np.array([d.z for d in draws if d.what == what])
        for what in (policies.HELD_OUT, policies.OWN_DATA)
    }
    return {
        what: (float(z.mean()), float(z.std(ddof=1) / np.sqrt(z.size))) for what, z in found.items()
    }


@pytest.mark.parametrize("world", ["no effects", "effects differ"])
def test_the_held_out_worth_is_unbiased_and_the_worth_on_its_own_data_is_not(world: str) -> None:
    found = mean_z(range(DRAWS), world)
    honest, own = found[policies.HELD_OUT], found[policies.OWN_DATA]
    assert abs(honest[0]) <= 3 * honest[1]
    assert own[0] > 3 * own[1]  # the very same test


def test_folds_hold_whole_clusters_and_are_drawn_by_the_seed() -> None:
    taught, _ = policies.lesson(1, world=STRONG)
    by_cluster = pd.DataFrame({"c": taught.cluster, "f": taught.fold}).groupby("c")["f"].nunique()
    assert (by_cluster == 1).all()
    assert set(np.unique(taught.fold)) == set(range(FOLDS))
    assert (taught.fold == taught.fold).all()
    assert (taught.fold != replace(taught, seed=99).fold).any()


def test_worth_and_gains_are_clustered_means_of_rewards_in_one_band() -> None:
    taught, _, made = strong()
    given = taught.reward[np.arange(taught.n), made.arm]
    others = [*taught.reward.T, taught.seen]
    gains = np.column_stack([given - other for other in others])
    assert made.value.estimate == pytest.approx([x.mean() for x in (given, *others)], rel=1e-12)
    assert made.gain.estimate == pytest.approx(gains.mean(axis=0), rel=1e-12)
    away = gains - gains.mean(axis=0)
    sums = np.stack([np.bincount(taught.cluster, weights=column) for column in away.T])
    count = taught.clusters
    covariance = count / (count - 1) * sums @ sums.T / taught.n**2
    assert made.gain.covariance == pytest.approx(covariance, rel=1e-9, abs=1e-15)
    assert made.gain.df == count - 1
    critical = sup_t(covariance, level=0.95, df=count - 1, seed=taught.seed)
    half = critical * np.sqrt(np.diag(covariance))
    assert made.gain.band(0.95, taught.seed)[1] == pytest.approx(
        (made.gain.estimate[1] - half[1], made.gain.estimate[1] + half[1]), rel=1e-6
    )
    assert critical > t_critical(0.95, count - 1)


def test_no_cluster_is_given_an_arm_by_a_rule_that_learned_from_it() -> None:
    taught, _, made = strong()
    fold = taught.fold
    assert set(made.steps) == {2}
    for k in range(FOLDS):
        rules = learn_within(taught, fold != k, [None])
        assert (chosen(taught, rules, fold == k) == made.arm[fold == k]).all()


def test_a_strong_pattern_is_learned_and_worth_more_than_every_other_choice() -> None:
    taught, _, made = strong()
    assert all(low is not None and low > 0 for low, _ in made.gain.band(0.95, taught.seed))
    best = policies.truth(STRONG).max(axis=1).mean()
    low, high = made.value.intervals(0.95)[0]
    assert low is not None
    assert high is not None
    assert low < best + 0.05
    assert made.value.estimate[0] > 0.8 * best


def test_without_effects_everyone_keeps_the_control() -> None:
    taught, _ = policies.lesson(3, world=(0.0, 0.0))
    made = policy(taught)
    assert made.rule == (NOBODY,)
    rule = written(taught, made.rule, treatment="arm", arms=("a", "b", "c"))
    assert rule is not None
    assert rule.for_everyone == "a"


def test_one_arm_that_is_best_for_everyone_is_not_split() -> None:
    taught, _ = policies.lesson(3, world=(0.0, 1.0))
    made = policy(taught)
    assert made.steps == (1,) * FOLDS
    assert made.rule == (Leaf(arm=2),)
    assert made.gain.estimate[2] == 0.0
    assert made.gain.std_error[2] == 0.0


def test_a_harmful_arm_is_kept_from_those_it_harms() -> None:
    taught, kind = policies.lesson(5, world=TREE_LIKE)
    made = policy(taught)
    true = policies.truth(TREE_LIKE)[kind]
    worse = true[np.arange(taught.n), made.arm] < true[:, 0] - 0.2
    assert made.steps == (2,) * FOLDS
    assert worse.mean() < 0.05


def test_a_limit_holds_where_a_rule_was_learned_and_its_use_is_told() -> None:
    taught, _ = policies.lesson(1, world=STRONG, limit=0.4)
    rules = learn_within(taught, everyone(taught), [0.4, 0.1, 0.0, None, 1.0])
    shares = [float((rule.arms(taught.codes) != 0).mean()) for rule in rules]
    assert 0.25 < shares[0] <= 0.4
    assert shares[1] <= 0.1
    assert shares[2] == 0.0
    assert shares[3] == shares[4] > 0.5
    made = policy(taught)
    assert made.group_share[0] == pytest.approx((made.arm != 0).mean(), rel=1e-12)
    assert 0.25 < made.group_share[0] < 0.45


def test_a_limit_is_used_where_everyone_gains_alike() -> None:
    taught, _ = policies.lesson(3, world=(0.0, 1.0))
    for limit in (0.3, 0.5, 0.8):
        share = (learn_within(taught, everyone(taught), [limit])[0].arms(taught.codes) == 2).mean()
        assert 0.6 * limit < share <= limit


def test_the_dearest_units_come_first_under_a_limit() -> None:
    taught, kind = policies.lesson(2, world=STRONG)
    rule = learn_within(taught, everyone(taught), [0.3])[0]
    gain = policies.truth(STRONG)[kind] - 1.0
    treated = rule.arms(taught.codes) != 0
    assert gain.max(axis=1)[treated].mean() > gain.max(axis=1)[~treated].mean() + 0.5


def test_groups_have_trees_and_limits_of_their_own() -> None:
    taught, kind = policies.lesson(4, world=STRONG)
    region = kind % policies.REGIONS
    groups = (Group(when=(), limit=0.2), Group(when=(), limit=None))
    split = replace(taught, group=(region > 0).astype(np.int64), groups=groups)
    made = policy(split)
    own = [float((made.arm[split.group == g] != 0).mean()) for g in range(2)]
    assert made.group_share == pytest.approx(own, rel=1e-12)
    assert own[0] < 0.3 < own[1]
    assert len(made.rule) == 2


def test_every_leaf_rests_on_enough_clusters_and_no_split_is_idle() -> None:
    taught, _ = policies.lesson(6, world=STRONG)
    few = replace(taught, cluster=taught.cluster // 5, depth=3, min_leaf=40)
    rule = learn_within(few, everyone(few), [None])[0]

    def leaves(branch: Leaf | Split, rows: np.ndarray) -> list[np.ndarray]:
        if isinstance(branch, Leaf):
            return [rows]
        assert branch.low != branch.high
        below = few.codes[:, branch.feature] <= branch.cut
        return [*leaves(branch.low, rows & below), *leaves(branch.high, rows & ~below)]

    assert isinstance(rule, Leaf | Split)
    for rows in leaves(rule, everyone(few)):
        assert np.unique(few.cluster[rows]).size >= 40


def test_weights_count_as_repeated_clusters() -> None:
    taught, _ = policies.lesson(7, world=STRONG)
    weight = np.where(taught.cluster % 3 == 0, 2.0, 1.0)
    rows = np.repeat(np.arange(taught.n), weight.astype(int))
    rule = learn_within(replace(taught, weight=weight), everyone(taught), [None])[0]
    given = rule.arms(taught.codes)
    value = taught.reward[np.arange(taught.n), given]
    heavy = means(replace(taught, weight=weight), value[:, None], everyone(taught))
    assert heavy.estimate[0] == pytest.approx(value[rows].mean(), rel=1e-12)
    sums = np.bincount(taught.cluster, weights=weight * (value - value[rows].mean()))
    error = np.sqrt(500 / 499 * (sums**2).sum()) / weight.sum()
    assert heavy.std_error[0] == pytest.approx(error, rel=1e-12)


def test_assigned_clusters_count_those_of_the_smaller_arm_and_few_give_no_interval() -> None:
    taught, _ = policies.lesson(7, world=STRONG)
    one = replace(taught, assigned=True, arm=np.where(taught.cluster < 60, 2, taught.cluster % 2))
    made = means(one, one.reward, everyone(one))
    assert made.df == 59
    few = replace(one, arm=np.where(one.cluster < 9, 2, one.cluster % 2))
    made = means(few, few.reward, everyone(few))
    assert made.df is None
    assert set(made.intervals(0.95)) == set(made.band(0.95, 0)) == {(None, None)}


def test_a_budget_of_a_share_is_the_policy_within_that_share() -> None:
    taught, _, made = strong()
    rows = budget_curve(taught)
    assert tuple(row.budget for row in rows) == BUDGETS
    assert (rows[0].gain, rows[0].share, rows[0].std_error) == (0.0, 0.0, 0.0)
    assert rows[-1].gain == pytest.approx(made.gain.estimate[0], rel=1e-12)
    third = policy(replace(taught, groups=(Group(when=(), limit=0.3),)))
    assert rows[3].gain == pytest.approx(third.gain.estimate[0], rel=1e-12)
    assert rows[3].share == pytest.approx(third.group_share[0], rel=1e-12)
    for row in rows[3:]:
        low, high = row.band
        assert low is not None
        assert high is not None
        assert row.ci[0] is not None
        assert low <= row.ci[0] <= row.gain <= high
        assert row.share <= row.budget + 0.08


def test_a_forest_chooses_too_but_has_no_lines() -> None:
    taught, _, tree = strong()
    small = replace(taught, forest=True)
    made = policy(small)
    assert written(small, made.rule, treatment="arm", arms=("a", "b", "c")) is None
    assert made.value.estimate[0] > 0.9 * tree.value.estimate[0]
    rule = learn_within(small, everyone(small), [0.25])[0]
    assert 0.05 < (rule.arms(small.codes) != 0).mean() <= 0.25


def test_the_same_lesson_gives_the_same_policy() -> None:
    taught, _, made = strong()
    again = policy(taught)
    assert (again.arm == made.arm).all()
    assert again.rule == made.rule
    assert again.gain.covariance.tobytes() == made.gain.covariance.tobytes()


def test_large_data_learn_from_some_clusters_and_settle_leaves_on_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from whatif.scenarios.policy import learn

    taught, kind = policies.lesson(8, world=STRONG)
    monkeypatch.setattr(learn, "MOST_ROWS", 800)
    rule = learn_within(taught, everyone(taught), [None])[0]
    true = policies.truth(STRONG)[kind]
    given = true[np.arange(taught.n), rule.arms(taught.codes)].mean()
    assert given > true.mean(axis=0).max() + 0.1


def test_missing_values_are_used_not_dropped() -> None:
    draws = np.random.default_rng(0)
    taught, _ = policies.lesson(9, world=(0.0, 0.0))
    gone = draws.random(taught.n) < 0.3
    cart = np.where(gone, np.nan, draws.integers(0, 5, taught.n))
    made = coded(pd.DataFrame({"cart": cart}), fewest=50)
    reward: Floats = taught.reward.copy()
    reward[:, 1] += np.where(gone, 2.0, -2.0)
    with_gaps = replace(taught, reward=reward, features=made.features, codes=made.codes)
    rule = written(with_gaps, policy(with_gaps).rule, treatment="arm", arms=("a", "b", "c"))
    assert rule is not None
    given = rule.assign(pd.DataFrame({"cart": cart}))
    assert (given[gone] == "b").all()
    assert not (given[~gone] == "b").any()
