"""The split of a cost difference: closed forms, exact gradients, errors and coverage."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import builders
from tests.decomposition_cases import (
    NONE,
    by_part,
    choice,
    chose,
    scored,
    split,
    switched,
    with_choice,
    world,
)
from whatif.base.arrays import Floats
from whatif.contract.spec import OverlapSpec
from whatif.design.record import Design
from whatif.effects.bands import t_critical
from whatif.effects.table import effect_rows
from whatif.scenarios.decomposition.decompose import PARTS
from whatif.scenarios.decomposition.shapley import split_cost
from whatif.scores.fit import fit_scores
from whatif.scores.options import count_option_models, with_options
from whatif.scores.record import Target

SEEDS = st.integers(0, 2**32 - 1)


def _arms(seed: int) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    orders = rng.uniform(0.01, 0.3, (2, 3))
    return orders, orders * rng.uniform(1.0, 12.0, (2, 3))


# ---- the split itself


@given(SEEDS)
def test_volume_is_the_closed_form_and_the_three_add_up(seed: int) -> None:
    orders, cost = _arms(seed)
    made = split_cost(orders, cost, NONE).parts
    size = orders.sum(axis=1)
    q, c = orders / size[:, None], cost / orders
    same, crossed = q[0] @ c[0] + q[1] @ c[1], q[0] @ c[1] + q[1] @ c[0]
    assert made[0] == pytest.approx((size[1] - size[0]) * (same / 3 + crossed / 6), abs=1e-12)
    assert made.sum() == pytest.approx(cost[1].sum() - cost[0].sum(), abs=1e-12)


@given(SEEDS)
def test_each_part_is_its_mean_over_all_orders_of_switching(seed: int) -> None:
    orders, cost = _arms(seed)
    size = orders.sum(axis=1)
    q, c = orders / size[:, None], cost / orders
    expected = np.zeros(3)
    for order in permutations(range(3)):
        at = [0, 0, 0]
        for factor in order:
            before = size[at[0]] * (q[at[1]] @ c[at[2]])
            at[factor] = 1
            expected[factor] += (size[at[0]] * (q[at[1]] @ c[at[2]]) - before) / 6
    np.testing.assert_allclose(split_cost(orders, cost, NONE).parts, expected, atol=1e-12)


@given(SEEDS)
def test_swapping_the_arms_turns_every_sign(seed: int) -> None:
    orders, cost = _arms(seed)
    there, back = (split_cost(orders[way], cost[way], NONE).parts for way in ([0, 1], [1, 0]))
    np.testing.assert_allclose(there, -back, atol=1e-12)


@settings(max_examples=30)
@given(SEEDS, st.sampled_from([(0, 0), (1, 2), None]))
def test_gradients_are_those_of_numerical_differentiation(
    seed: int, gone: tuple[int, int] | None
) -> None:
    orders, cost = _arms(seed)
    absent = NONE.copy()
    if gone is not None:
        absent[gone] = True
        orders[gone] = cost[gone] = 0.0
    made = split_cost(orders, cost, absent)
    step = 1e-6
    for which, gradient in ((0, made.by_orders), (1, made.by_cost)):
        for a, j in product(range(2), range(3)):
            if absent[a, j]:  # fixed at zero: it cannot move
                continue
            ends = []
            for sign in (1.0, -1.0):
                moved = (orders.copy(), cost.copy())
                moved[which][a, j] += sign * step
                ends.append(split_cost(moved[0], moved[1], absent).parts)
            slope = (ends[0] - ends[1]) / (2 * step)
            np.testing.assert_allclose(gradient[:, a, j], slope, rtol=2e-5, atol=2e-5)


def test_an_option_of_one_arm_only_counts_as_mix() -> None:
    """Two orders of ten move to an option that costs 8: the arm pays 0.8 more, all of it mix."""
    orders, cost = np.array([[0.10, 0.0], [0.08, 0.02]]), np.array([[0.40, 0.0], [0.32, 0.16]])
    made = split_cost(orders, cost, np.array([[False, True], [False, False]])).parts
    np.testing.assert_allclose(made, [0.0, 0.08, 0.0], atol=1e-12)


# ---- scores


@pytest.mark.parametrize("target", ["ate", "att", "overlap"])
@pytest.mark.parametrize("covariates", [False, True])
def test_the_parts_add_up_to_the_effect_on_cost_of_the_page(
    target: Target, covariates: bool
) -> None:
    kind = "observational" if covariates else "experiment"
    design = world(kind=kind, covariates=covariates, n=2_000)
    weight = np.random.default_rng(5).uniform(0.5, 2.0, design.n)
    scores = scored(replace(design, weight=weight), target)
    (effect,) = [
        row for row in effect_rows(scores, builders.spec(segments=[]))[1].effects
        if row.outcome == "cost"
    ]  # fmt: skip
    parts = by_part(split(scores))
    total = parts["total"]
    assert total.estimate == pytest.approx(effect.estimate, abs=1e-12)
    assert total.std_error == pytest.approx(effect.std_error, abs=1e-12)
    assert total.critical is not None
    assert total.ci[0] == pytest.approx(effect.ci[0], abs=1e-11)
    assert sum(parts[p].estimate or 0.0 for p in PARTS[:-1]) == pytest.approx(
        effect.estimate, abs=1e-12
    )
    assert total.target == target


def test_segments_and_three_arms_add_up_too() -> None:
    scores = scored(world(arms=3, n=6_000, covariates=True))
    spec = builders.spec(segments=["device"])
    effects = {
        (row.arm, row.segment): row
        for row in effect_rows(scores, spec)[1].effects
        if row.outcome == "cost"
    }
    rows = (*split(scores).rows, *split(scores, ("device",)).rows)
    assert {row.arm for row in rows} == {"expanded", "third"}
    for arm, segment in {(row.arm, row.segment) for row in rows}:
        own = {r.part: r for r in rows if (r.arm, r.segment) == (arm, segment)}
        effect = effects[arm, segment]
        assert own["total"].estimate == pytest.approx(effect.estimate, abs=1e-12)
        assert own["total"].std_error == pytest.approx(effect.std_error, abs=1e-12)
        parts = [own[p].estimate or 0.0 for p in PARTS[:-1]]
        assert sum(parts) == pytest.approx(effect.estimate, abs=1e-12)
        assert own["total"].n == effect.n


def test_errors_equal_the_jackknife_over_customers() -> None:
    """Deleting one customer at a time: another way to the same clustered error, within 1 %."""
    design = world(n=1_500, customers=150)
    full = by_part(split(scored(design)))
    left = []
    for one in range(int(design.cluster.max()) + 1):
        rows = np.flatnonzero(design.cluster != one)
        left.append(_parts_of(design.take(rows)))
    spread = np.array(left) - np.mean(left, axis=0)
    clusters = len(left)
    errors = np.sqrt((clusters - 1) / clusters * (spread**2).sum(axis=0))
    for part, error in zip(PARTS, errors, strict=True):
        assert full[part].std_error == pytest.approx(error, rel=0.01)


def _parts_of(design: Design) -> list[float]:
    """Return the split of plain arm means."""
    options = design.options
    assert options is not None
    means = np.stack([options.y[design.arm == a].mean(axis=0) for a in (0, 1)])
    parts = split_cost(means[:, :3], means[:, 3:], NONE).parts
    return [*parts, float(parts.sum())]


def test_weights_of_two_are_rows_seen_twice() -> None:
    design = world(n=1_200, customers=200)
    twice = np.random.default_rng(3).integers(1, 3, design.n)
    weighted = by_part(split(scored(replace(design, weight=twice.astype(np.float64)))))
    repeated = by_part(split(scored(design.take(np.repeat(np.arange(design.n), twice)))))
    for part in PARTS:
        assert weighted[part].estimate == pytest.approx(repeated[part].estimate, abs=1e-12)
        assert weighted[part].std_error == pytest.approx(repeated[part].std_error, abs=1e-12)


# ---- options that are rare, absent or all there is


def test_an_option_that_one_arm_never_had_is_told_apart() -> None:
    design = world(n=3_000)
    moved = switched(design, (design.arm == 0) & chose(design, 1), 0)
    made = split(scored(moved))
    (express,) = [row for row in made.options if row.option == "express"]
    assert express.share[0] == 0.0
    assert express.cost[0] is None
    assert express.cost[1] is not None
    assert by_part(made)["mix"].estimate is not None
    parts = by_part(made)
    assert sum(parts[p].estimate or 0.0 for p in PARTS[:-1]) == pytest.approx(
        parts["total"].estimate, abs=1e-12
    )
    scores = scored(replace(moved, kind="experiment")).options
    assert scores is not None
    assert not scores.gamma[:, 0, [1, 4]].any()


def test_rare_options_of_a_cell_are_counted_together() -> None:
    design = world(n=3_000)
    rare = np.flatnonzero(chose(design, 2))[12:]
    change = np.zeros(design.n, dtype=np.bool_)
    change[rare] = True
    made = split(scored(switched(design, change, 0)))
    assert [row.option for row in made.options] == ["standard", "other"]
    assert sum(row.share[1] for row in made.options) == pytest.approx(1.0, abs=1e-12)


def test_an_arm_without_orders_has_a_total_and_no_parts() -> None:
    design = world(n=1_500)
    keep = (design.arm == 0)[:, None]
    options = design.options
    assert options is not None
    empty = replace(design, y=design.y * keep, options=replace(options, y=options.y * keep))
    made = split(scored(empty))
    parts = by_part(made)
    assert [parts[p].estimate for p in PARTS[:-1]] == [None, None, None]
    assert parts["total"].estimate is not None
    assert parts["total"].shown == "suppressed"
    assert made.options == ()


def test_without_orders_models_still_give_finite_scores() -> None:
    design = world(n=1_500, covariates=True)
    keep = (design.arm == 0)[:, None]
    options = design.options
    assert options is not None
    empty = replace(design, y=design.y * keep, options=replace(options, y=options.y * keep))
    made = fit_scores(empty, rule=OverlapSpec(), seed=0, key="k", workers=1)
    scores = with_options(empty, made, seed=0, learners=("glm", "boosting"), workers=1)
    assert scores.options is not None
    assert not scores.options.gamma[:, 1].any()


@pytest.mark.parametrize("covariates", [False, True])
def test_one_option_leaves_no_mix(covariates: bool) -> None:
    design = world(n=3_000, covariates=covariates)
    parts = by_part(split(scored(switched(design, np.ones(design.n, dtype=np.bool_), 0))))
    assert parts["mix"].estimate == pytest.approx(0.0, abs=1e-15)
    assert parts["mix"].std_error == pytest.approx(0.0, abs=1e-12)


def test_a_single_option_needs_no_model() -> None:
    design = world(n=1_000, covariates=True)
    alone = with_choice(design, np.where(design.y[:, 0] > 0, 0, -1), ("standard",))
    assert count_option_models(alone, learners=("glm",)) == 0
    scores = scored(alone)
    assert scores.options is not None
    np.testing.assert_allclose(scores.options.gamma, scores.gamma, atol=1e-12)


def test_below_ten_clusters_there_is_no_interval() -> None:
    design = world(n=1_500, customers=8)
    parts = by_part(split(scored(design)))
    for row in parts.values():
        assert row.estimate is not None
        assert row.std_error is None
        assert row.ci == (None, None)


def test_assigned_customers_count_clusters_of_the_smaller_arm() -> None:
    design = world(n=2_000, customers=200)
    arm = (design.cluster % 2).astype(np.int64)
    made = with_choice(replace(design, arm=arm, clusters_assigned=True, known=None,
                                kind="observational"), choice(design, 0),
                        ("standard", "express", "pickup"))  # fmt: skip
    row = by_part(split(scored(made)))["total"]
    assert row.df == np.unique(design.cluster[arm == 1]).size - 1
    assert row.critical == pytest.approx(t_critical(0.95, row.df))


def test_orders_are_never_an_outcome_of_the_study() -> None:
    design = world(covariates=True, n=1_000)
    scores = scored(design)
    assert scores.outcomes == ("converted", "cost")
    assert scores.gamma.shape[2] == 2
    assert {quality.target for quality in scores.quality} == {"converted", "cost"}
    plain = scored(replace(design, options=None))
    assert plain.options is None
    np.testing.assert_array_equal(plain.gamma, scores.gamma)


def test_models_are_counted_for_the_progress_bar() -> None:
    design = world(covariates=True, n=600)
    seen: list[int] = []
    made = fit_scores(design, rule=OverlapSpec(), seed=0, key="k", learners=("glm",), workers=1)
    with_options(design, made, seed=0, learners=("glm",), workers=1, tick=seen.append)
    assert sum(seen) == count_option_models(design, learners=("glm",))
    assert count_option_models(replace(design, options=None), learners=("glm",)) == 0


@pytest.mark.parametrize("target", ["ate", "overlap"])
def test_repeated_folds_still_add_up(target: Target) -> None:
    design = world(covariates=True, n=1_200, kind="observational")
    again = np.random.default_rng(1).integers(0, 2, int(design.cluster.max()) + 1)[design.cluster]
    scores = scored(replace(design, refolds=(again,)), target)
    options = scores.options
    assert options is not None
    for name, part in (("converted", slice(0, 3)), ("cost", slice(3, 6))):
        whole = scores.gamma[:, :, scores.outcomes.index(name)]
        np.testing.assert_allclose(options.gamma[:, :, part].sum(axis=2), whole, atol=1e-9)
