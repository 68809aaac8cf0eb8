"""The sample ratio: honest at every look and with repeated customers, sharp when units are lost."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from tests.checks_evidence import World, evidence_of, repeated, world
from whatif.base.rng import generator
from whatif.checks.result import CheckResult, Status
from whatif.checks.sample_ratio import (
    SampleRatio,
    detectable_shift,
    log_bayes_factor,
    log_evidence,
)

HALF = np.array([0.5, 0.5])
RAMP = {"kind": "experiment", "probability": {"column": "week", "phases": {"w": {"a0": 1.0}}}}


def run(w: World, **keys: object) -> CheckResult:
    return SampleRatio().run(evidence_of(w, **keys))  # type: ignore[arg-type]


def one_row_each(counts: tuple[int, ...], probability: tuple[float, ...]) -> World:
    arm = np.repeat(np.arange(len(counts)), counts).astype(np.int64)
    n = arm.size
    return World(
        arm=arm,
        assigned=np.arange(n, dtype=np.int64),
        cluster=np.arange(n, dtype=np.int64),
        y=generator(0, "y").normal(size=(n, 1)),
        x=np.zeros((n, 1)),
        chance=np.tile(np.array(probability), (n, 1)),
        phase=np.zeros(n, dtype=np.int64),
    )


def test_two_arms_equal_the_beta_binomial_closed_form() -> None:
    counts = np.array([5130.0, 4870.0])
    expected = special.betaln(50 + 5130, 50 + 4870) - special.betaln(50, 50) - 10_000 * np.log(0.5)
    assert log_bayes_factor(counts, HALF) == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("p", [(0.5, 0.5), (0.1, 0.9)])
def test_evidence_has_mean_one_under_the_null(p: tuple[float, float]) -> None:
    k = np.arange(41)
    counts = np.column_stack([k, 40 - k]).astype(np.float64)
    factors = np.exp(log_bayes_factor(counts, np.array(p)))
    assert stats.binom.pmf(k, 40, p[0]) @ factors == pytest.approx(1.0, rel=1e-9)


@settings(max_examples=10, deadline=None)
@given(st.tuples(st.floats(0.02, 0.98), st.floats(0.02, 0.98)), st.integers(1, 12))
def test_evidence_of_a_ramp_has_mean_one_under_the_null(p: tuple[float, float], n: int) -> None:
    chance = np.array([[p[0], 1 - p[0]], [p[1], 1 - p[1]]])
    total = 0.0
    for k, j in product(range(n + 1), range(n + 3)):
        counts = np.array([[k, n - k], [j, n + 2 - j]], dtype=np.float64)
        weight = stats.binom.pmf(k, n, p[0]) * stats.binom.pmf(j, n + 2, p[1])
        total += weight * np.exp(log_evidence(counts, chance))
    assert total == pytest.approx(1.0, rel=1e-6)


def test_false_alarms_with_repeated_customers_stay_at_a_thousandth_and_rows_do_not() -> None:
    rng = generator(0, "false alarms")
    sessions = np.bincount(repeated(rng, 2000, mean=6.0), minlength=2000)
    ours, by_row = 0, 0
    for _ in range(20):
        treated = rng.random((1000, 2000)) < 0.5
        customers = treated.sum(axis=1)
        counts = np.column_stack([2000 - customers, customers]).astype(np.float64)
        ours += int((log_bayes_factor(counts, HALF) >= np.log(1000)).sum())
        rows = treated @ sessions
        gap = (2 * rows - sessions.sum()) ** 2 / sessions.sum()
        by_row += int((stats.chi2.sf(gap, 1) < 0.001).sum())
    assert ours <= 33  # 20 expected at most; 33 is its .998 quantile
    assert by_row > 1000


def test_twenty_looks_do_not_inflate_false_alarms() -> None:
    rng = generator(1, "looks")
    steps = rng.binomial(500, 0.5, size=(20_000, 20)).cumsum(axis=1)
    seen = np.stack([500 * np.arange(1, 21) - steps, steps], axis=-1).astype(np.float64)
    ever = (log_bayes_factor(seen, HALF) >= np.log(1000)).any(axis=1)
    naive = (np.abs(2 * steps - 500 * np.arange(1, 21)) / np.sqrt(500 * np.arange(1, 21))) > 3.29
    assert ever.sum() <= 33
    assert naive.any(axis=1).sum() > 90


def test_51_to_49_of_200_000_is_seen() -> None:
    result = run(one_row_each((102_000, 98_000), (0.5, 0.5)))
    assert result.status is Status.BROKE
    assert result.integrity
    assert result.statistic is not None
    assert result.statistic < 1e-8
    assert "a0 got 102,000 (100,000 expected) and a1 got 98,000" in result.finding


def test_the_stated_shift_is_seen_about_half_the_time() -> None:
    size, chance = np.array([40_000.0]), np.array([[0.2, 0.8]])
    shift = detectable_shift(size, chance)
    drawn = generator(2, "power").binomial(40_000, 0.2 + shift, size=4000)
    counts = np.column_stack([drawn, 40_000 - drawn]).astype(np.float64)
    power = (log_bayes_factor(counts, chance[0]) >= np.log(1000)).mean()
    assert power == pytest.approx(0.5, abs=0.05)


def test_a_sound_experiment_holds_and_says_what_it_could_have_seen() -> None:
    result = run(one_row_each((20_050, 19_950), (0.5, 0.5)))
    assert result.status is Status.HELD
    assert "could have been seen" in result.finding
    assert result.threshold == 0.001


def test_too_little_data_is_not_held() -> None:
    result = run(one_row_each((1_000, 1_000), (0.5, 0.5)))
    assert result.status is Status.DID_NOT_RUN
    assert "too little data: only a shift of" in result.finding
    tiny = run(one_row_each((5, 5), (0.5, 0.5)))
    assert "no shift" in tiny.finding


def test_customers_are_counted_once_at_first_exposure() -> None:
    w = world(3, customers=30_000, by_customer=True)
    heavy = np.flatnonzero(w.arm == 1)
    rows = np.concatenate([np.arange(w.arm.size), np.repeat(heavy, 3)])  # a1 comes back more
    more = World(**{f: getattr(w, f)[rows] for f in World.__slots__})
    result = run(more)
    assert result.status is Status.HELD
    customers = np.unique(w.cluster).size
    assert f"({customers / 2:,.0f} expected)" in result.finding


def ramp(seed: int, *, keep: tuple[float, float] = (1.0, 1.0)) -> World:
    rng = generator(seed, "ramp")
    n = 60_000
    phase = np.sort(rng.integers(0, 3, n))
    treated = np.array([0.05, 0.2, 0.5])[phase]
    arm = (rng.random(n) < treated).astype(np.int64)
    kept = np.flatnonzero(rng.random(n) < np.array(keep)[arm])
    w = one_row_each((n - 1, 1), (0.5, 0.5))
    w = replace(w, arm=arm, chance=np.column_stack([1 - treated, treated]), phase=phase)
    return World(**{f: getattr(w, f)[kept] for f in World.__slots__})


def test_a_sound_ramp_holds_and_a_lossy_one_breaks() -> None:
    assert run(ramp(0), design=RAMP).status is Status.HELD
    lossy = run(ramp(0, keep=(1.0, 0.9)), design=RAMP)
    assert lossy.status is Status.BROKE


def test_every_unit_with_its_own_logged_chance() -> None:
    rng = generator(5, "logged")
    n = 60_000
    treated = rng.uniform(0.3, 0.7, n)
    arm = (rng.random(n) < treated).astype(np.int64)
    w = replace(
        one_row_each((n - 1, 1), (0.5, 0.5)),
        arm=arm,
        chance=np.column_stack([1 - treated, treated]),
    )
    logged = {"kind": "experiment", "probability": {"column": "p"}}
    assert run(w, design=logged).status is Status.HELD
    kept = np.flatnonzero(rng.random(n) < np.array([1.0, 0.93])[arm])
    lossy = World(**{f: getattr(w, f)[kept] for f in World.__slots__})
    assert run(lossy, design=logged).status is Status.BROKE


def test_an_arm_that_was_not_offered_but_was_seen_breaks() -> None:
    assert np.isinf(log_bayes_factor(np.array([3.0, 1.0]), np.array([1.0, 0.0])))
    assert log_bayes_factor(np.array([3.0, 0.0]), np.array([1.0, 0.0])) == pytest.approx(0.0)


@pytest.mark.parametrize("keys", [{"known": False}, {"kind": "observational"}])
def test_unknown_probabilities_are_not_applicable(keys: dict[str, object]) -> None:
    assert run(world(0), **keys).status is Status.NOT_APPLICABLE


def test_a_log_of_one_chance_cannot_judge_three_arms() -> None:
    w = world(0, probability=(0.2, 0.3, 0.5))
    logged = {"kind": "experiment", "probability": {"column": "p"}}
    result = run(w, design=logged)
    assert result.status is Status.DID_NOT_RUN
    assert "chance of the arm a unit got" in result.finding
