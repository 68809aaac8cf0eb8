"""Units in two arms, missing outcomes, balance in experiments: right under repeated customers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from tests.checks_evidence import World, evidence_of, repeated, world
from whatif.base.arrays import Bools, Floats
from whatif.base.rng import generator
from whatif.checks.assignment import Imbalance, arm_imbalance, chances, noticeable, quadratic_form
from whatif.checks.balance import Balance
from whatif.checks.missing_outcome import MissingOutcome, redrawn_p_value
from whatif.checks.result import Status
from whatif.checks.two_arms import TwoArms
from whatif.design.record import Features


def sticky_missing(w: World, seed: int, share: float) -> Bools:
    """Outcomes that are missing for some customers and not for others."""
    rng = generator(seed, "missing")
    bad = rng.random(int(w.cluster.max()) + 1) < 2 * share
    return np.asarray(bad[w.cluster]) & (rng.random(w.arm.size) < 0.5)


def test_two_arms_names_the_count_and_breaks_only_under_constant_chances() -> None:
    w = world(0, by_customer=True)
    assert TwoArms().run(evidence_of(w)).status is Status.HELD
    arm = w.arm.copy()
    moved = np.flatnonzero(np.bincount(w.cluster)[w.cluster] > 1)[0]
    arm[moved] = 1 - arm[moved]
    mixed = replace(w, arm=arm)
    result = TwoArms().run(evidence_of(mixed))
    assert result.status is Status.BROKE
    assert not result.integrity
    assert result.statistic == 1.0
    assert "1 of 1,000 units of assignment" in result.finding
    ramp = {"kind": "experiment", "probability": {"column": "p"}}
    assert TwoArms().run(evidence_of(mixed, design=ramp)).status is Status.NOT_APPLICABLE


def test_two_arms_does_not_apply_without_repeats_or_assignment() -> None:
    assert TwoArms().run(evidence_of(world(0))).status is Status.NOT_APPLICABLE
    past = evidence_of(world(0, by_customer=True), kind="observational")
    assert TwoArms().run(past).status is Status.NOT_APPLICABLE


def test_omnibus_statistic_of_one_column_is_the_permutation_z() -> None:
    rng = generator(0, "one column")
    x, arm = rng.normal(size=500), np.repeat([0, 1], [200, 300])
    chance = chances(arm, None, arms=2)
    test = arm_imbalance(x[:, None], arm=arm, chance=chance, unit=np.arange(500))
    gap = x[arm == 1].mean() - x[arm == 0].mean()
    error = x.std() * np.sqrt(1 / 200 + 1 / 300)
    assert test.difference[1, 0] == pytest.approx(gap)
    assert test.std_error[1, 0] == pytest.approx(error)
    assert test.statistic == pytest.approx((gap / error) ** 2)
    assert test.p_value == pytest.approx(2 * stats.norm.sf(abs(gap / error)))


def test_omnibus_statistic_over_three_arms_and_columns_does_not_depend_on_the_basis() -> None:
    rng = generator(1, "basis")
    x, arm = rng.normal(size=(600, 3)), rng.integers(0, 3, 600)
    chance = chances(arm, None, arms=3)

    def test(values: Floats) -> Imbalance:
        return arm_imbalance(values, arm=arm, chance=chance, unit=np.arange(600) // 3)

    plain, turned = test(x), test(x @ rng.normal(size=(3, 3)))
    doubled = test(np.column_stack([x, x[:, 0] + x[:, 1]]))
    assert plain.rank == turned.rank == doubled.rank == 6
    assert plain.statistic == pytest.approx(turned.statistic)
    assert plain.statistic == pytest.approx(doubled.statistic)


def test_a_column_without_variance_has_rank_zero() -> None:
    assert quadratic_form(np.zeros(2), np.zeros((2, 2))) == (0.0, 0)


def test_noticeable_has_power_one_half() -> None:
    shift = noticeable(5, 0.01)
    assert stats.ncx2.sf(stats.chi2.isf(0.01, 5), 5, shift**2) == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize("probability", [(0.5, 0.5), (0.1, 0.9), (0.2, 0.3, 0.5)])
def test_false_alarms_with_repeated_customers_match_the_level(
    probability: tuple[float, ...],
) -> None:
    rng = generator(2, "size")
    unit = repeated(rng, 400, mean=5.0)
    x = 0.8 * rng.normal(size=(400, 4))[unit] + 0.6 * rng.normal(size=(unit.size, 4))
    chance = np.tile(np.array(probability), (unit.size, 1))
    ours, by_row, draws = 0, 0, 600
    for _ in range(draws):
        arm = (rng.random(400)[:, None] > np.cumsum(probability)[:-1]).sum(axis=1)[unit]
        ours += arm_imbalance(x, arm=arm, chance=chance, unit=unit).p_value < 0.05
        rows = arm_imbalance(x, arm=arm, chance=chance, unit=np.arange(unit.size))
        by_row += rows.p_value < 0.05
    assert 12 <= ours <= 50  # 30 expected; ±3.7 standard deviations
    assert by_row > 200


def test_balance_holds_in_a_sound_experiment_and_names_the_worst_covariate() -> None:
    w = world(3, customers=5000)
    result = Balance().run(evidence_of(w))
    assert result.status is Status.HELD
    assert "could have been seen" in result.finding
    tilted = replace(w, x=w.x + 0.2 * (np.arange(3) == 1) * w.arm[:, None])
    broke = Balance().run(evidence_of(tilted))
    assert broke.status is Status.BROKE
    assert "largest gap is in x1" in broke.finding
    assert not broke.integrity


def test_balance_sees_words_and_missing_values() -> None:
    w = world(4, customers=5000)
    rng = generator(4, "words")
    level = rng.integers(0, 4, w.arm.size).astype(np.float32)
    number = w.x[:, 0].astype(np.float32)
    gone = rng.random(w.arm.size) < np.where(w.arm == 1, 0.25, 0.2)
    both = np.column_stack([level, np.where(gone, np.nan, number)]).astype(np.float32)
    features = Features(names=("area", "age"), values=both, categorical=np.array([True, False]))
    result = Balance().run(evidence_of(w, features=features))
    assert result.status is Status.BROKE
    assert "largest gap is in age" in result.finding


@pytest.mark.parametrize("kind", ["experiment", "observational"])
def test_balance_without_covariates_does_not_apply(kind: str) -> None:
    w = world(0)
    none = Features(
        names=("c",),
        values=np.ones((w.arm.size, 1), dtype=np.float32),
        categorical=np.array([False]),
    )
    evidence = evidence_of(replace(w, x=w.x[:, :0]), features=none)
    result = Balance().run(replace(evidence, design=replace(evidence.design, kind=kind)))  # type: ignore[arg-type]
    assert result.status is Status.NOT_APPLICABLE
    assert "No covariate that varies" in result.finding


def test_balance_with_too_little_data_is_not_held() -> None:
    few = Balance().run(evidence_of(world(5, customers=100)))
    assert few.status is Status.DID_NOT_RUN
    assert "only a gap of" in few.finding
    w = world(6, customers=8, by_customer=True)
    none = Balance().run(evidence_of(w))
    assert none.status is Status.DID_NOT_RUN
    assert "8 units of assignment for 3 comparisons" in none.finding


def test_no_missing_outcome_holds() -> None:
    result = MissingOutcome().run(evidence_of(world(0)))
    assert (result.status, result.statistic) == (Status.HELD, 0.0)
    assert result.finding == "No outcome is missing."
    assert result.integrity


def test_missing_outcomes_of_whole_customers_hold_when_arms_lose_alike() -> None:
    w = world(7, customers=12_000, by_customer=True)
    result = MissingOutcome().run(evidence_of(w, missing=sticky_missing(w, 7, 0.02)))
    assert result.status is Status.HELD
    assert "could have been seen" in result.finding


def test_an_arm_that_loses_outcomes_breaks() -> None:
    w = world(8, customers=3000)
    lost = generator(8, "lost").random(w.arm.size) < np.where(w.arm == 1, 0.05, 0.03)
    result = MissingOutcome().run(evidence_of(w, missing=lost))
    assert result.status is Status.BROKE
    assert "y is missing for" in result.finding


def test_two_outcomes_share_the_level_and_the_worse_is_named() -> None:
    w = world(9, customers=3000)
    rng = generator(9, "lost")
    alike = rng.random(w.arm.size) < 0.03
    lost = rng.random(w.arm.size) < np.where(w.arm == 1, 0.06, 0.03)
    result = MissingOutcome().run(evidence_of(w, missing=np.column_stack([alike, lost])))
    assert result.status is Status.BROKE
    assert "y1 is missing" in result.finding


def test_missing_outcomes_of_few_units_are_not_held() -> None:
    w = world(10, customers=60)
    lost = generator(10, "lost").random(w.arm.size) < 0.2
    result = MissingOutcome().run(evidence_of(w, missing=lost))
    assert result.status is Status.DID_NOT_RUN
    assert "too little data: only a gap of" in result.finding


def test_a_small_arm_with_few_missing_is_judged_by_drawing_its_arms_again() -> None:
    chance = np.tile([0.05, 0.95], (20, 1))
    for small in (0, 2, 5):
        arm = np.repeat([0, 1], [small, 20 - small])
        exact = stats.binom.pmf(np.arange(21), 20, 0.05)
        further = np.abs(np.arange(21) - 1) >= abs(small - 1) - 1e-9
        p_value = redrawn_p_value(np.ones(20), arm, chance, rng=generator(0, "few"))
        assert p_value == pytest.approx(exact[further].sum(), abs=0.012)


def test_missing_outcomes_in_past_data_use_clusters() -> None:
    w = world(11, customers=12_000)
    past = evidence_of(w, kind="observational", missing=sticky_missing(w, 11, 0.02))
    assert MissingOutcome().run(past).status is Status.HELD


@pytest.mark.slow
@pytest.mark.parametrize("few", [True, False])
def test_missing_outcome_false_alarms_in_a_small_arm(few: bool) -> None:
    alarms, runs = 0, 3000
    for seed in range(runs):
        w = world(seed, customers=600, probability=(0.1, 0.9), by_customer=True)
        missing = sticky_missing(w, seed, 0.02 if few else 0.3)
        p_value = MissingOutcome().run(evidence_of(w, missing=missing)).statistic
        assert p_value is not None
        alarms += p_value < 0.01
    assert alarms <= 52  # 30 expected at .01; +4 standard deviations
