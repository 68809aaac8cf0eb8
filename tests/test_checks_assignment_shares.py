"""Shares of arms by segment and day, first exposure, and drift: exact, named, and honest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tests.assignment_worlds import DAYS, START, Fault, Setting, evidence_around, experiment
from whatif.base.arrays import Floats
from whatif.base.rng import generator
from whatif.checks.arrivals import arrivals, exposure_moments, periods
from whatif.checks.assignment_drift import AssignmentDrift, drift_of
from whatif.checks.catalogue import run_checks
from whatif.checks.evidence import Check, Evidence
from whatif.checks.result import Status
from whatif.checks.sample_ratio_by_day import SampleRatioByDay
from whatif.checks.sample_ratio_by_segment import SampleRatioBySegment
from whatif.checks.shares import compare_shares, for_most
from whatif.effects.stepdown import holm

LARGE = Setting(customers=10_000)
RAMP = Setting(by="customer", chances="phases")


def chance_of(n: int, *shares: float) -> Floats:
    return np.tile(np.array(shares), (n, 1))


def with_columns(evidence: Evidence, **columns: Any) -> Evidence:
    design = evidence.design
    return replace(evidence, design=replace(design, columns=design.columns.assign(**columns)))


def respecified(evidence: Evidence, **keys: object) -> Evidence:
    return replace(evidence, spec=evidence.spec.model_copy(update=keys))


# Shares in groups


def test_large_groups_are_judged_by_the_chi_squared_test() -> None:
    rng = generator(0, "large groups")
    shares = (0.5, 0.3, 0.2)
    arm = rng.choice(3, 40_000, p=shares)
    group = np.arange(40_000) % 2
    found = compare_shares(group, arm, chance_of(40_000, *shares), groups=2)
    for g in range(2):
        counts = np.bincount(arm[group == g])
        known = stats.chisquare(counts, 20_000 * np.array(shares))
        assert found.p_value[g] == pytest.approx(known.pvalue, rel=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.floats(0.02, 0.98), st.data())
def test_small_groups_are_judged_exactly(n: int, p: float, data: st.DataObject) -> None:
    treated = data.draw(st.integers(0, n))
    arm = np.repeat([1, 0], [treated, n - treated])
    found = compare_shares(np.zeros(n, dtype=np.int64), arm, chance_of(n, 1 - p, p), groups=1)
    tails = stats.binom.cdf(treated, n, p), stats.binom.sf(treated - 1, n, p)
    assert found.p_value[0] == pytest.approx(min(1.0, 2 * min(tails)), rel=1e-6)


def test_unlike_chances_in_a_small_group_never_raise_more_alarms_than_stated() -> None:
    p = np.r_[np.full(12, 0.1), np.full(12, 0.6)]
    exact = np.ones(1)
    for one in p:
        exact = np.convolve(exact, [1 - one, one])
    chance = np.column_stack([1 - p, p])
    group = np.zeros(24, dtype=np.int64)
    p_value = np.array(
        [
            compare_shares(group, np.repeat([1, 0], [k, 24 - k]), chance, groups=1).p_value[0]
            for k in range(25)
        ]
    )
    for level in (0.05, 0.01, 0.001):
        assert exact[p_value < level].sum() <= level


def test_the_stated_loss_is_seen_about_half_the_time() -> None:
    shares, n, level = (0.8, 0.2), 8_000, 0.002
    found = compare_shares(
        np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64), chance_of(n, *shares), groups=1
    )
    loss = float(found.visible_loss(level)[0])
    rng = generator(1, "loss")
    treated = rng.binomial(n, 0.2, 3000)
    for arm, counts in enumerate([n - treated, treated]):
        kept = rng.binomial(counts, 1 - loss)
        other = n - counts
        z = (kept - (kept + other) * shares[arm]) / np.sqrt((kept + other) * 0.16)
        power = (2 * stats.norm.sf(np.abs(z)) < level).mean()
        assert power > 0.47  # the arm in which a loss is hardest to see has one half
        seen = power if arm == 1 else 0.5
        assert seen == pytest.approx(0.5, abs=0.05)


def test_false_alarms_over_segments_and_days_stay_within_the_level() -> None:
    rng = generator(2, "shares")
    alarms, draws = 0, 1500
    for _ in range(draws):
        group = rng.integers(0, 12, 800)
        chance = np.repeat(rng.choice([0.1, 0.3, 0.5], 80), 10)
        arm = (rng.random(800) < chance).astype(np.int64)
        shares = compare_shares(group, arm, np.column_stack([1 - chance, chance]), groups=12)
        alarms += holm(list(shares.p_value)).min() < 0.05
    assert 10 <= alarms <= 75  # at most 75 expected: exact tails lie on the safe side


def test_a_fault_for_most_is_that_of_the_groups_that_hold_half() -> None:
    assert for_most(np.array([np.inf, 0.1]), np.array([10.0, 9.0])) == np.inf


# First exposure


def test_units_count_once_at_first_exposure_and_lost_ones_are_counted() -> None:
    evidence = experiment(0, RAMP)
    intake = evidence.design.intake
    units = arrivals(evidence.design)
    customers = np.unique(intake.assigned).size
    assert units.row.size + units.left_out == customers
    first = pd.DataFrame({"unit": intake.assigned, "order": intake.order, "arm": intake.arm})
    expected = first.sort_values("order").drop_duplicates("unit").set_index("unit")["arm"]
    seen = evidence.design.assigned[units.row]
    assert np.unique(seen).size == seen.size
    assert (expected.reindex(seen).to_numpy() == units.arm).all()
    assert (evidence.design.arm[units.row] == units.arm).all()


def test_days_begin_in_the_zone_of_the_study_and_a_column_can_name_the_exposure() -> None:
    evidence = experiment(0, Setting(customers=50))
    n = evidence.design.n
    late = pd.to_datetime(["2026-09-01T23:30:00Z"] * n)
    schedule = {"cron": "0 6 * * 1", "timezone": "Europe/Berlin"}
    berlin = evidence_around(evidence.design, Setting(customers=50), schedule=schedule)
    moment = exposure_moments(with_columns(berlin, time=late), np.arange(n))
    assert moment is not None
    assert periods(moment, np.full(n, 0.5)).names == ("on 2026-09-02",)
    design = replace(evidence.design, check_columns=pd.DataFrame({"seen": ["2026-08-03"] * n}))
    named = respecified(replace(evidence, design=design), first_exposure="seen")
    moment = exposure_moments(named, np.arange(n))
    assert moment is not None
    assert periods(moment, np.full(n, 0.5)).names == ("on 2026-08-03",)


def test_an_unreadable_first_exposure_did_not_run() -> None:
    evidence = experiment(0, Setting(customers=50))
    words = pd.DataFrame({"seen": ["soon"] * evidence.design.n})
    named = respecified(
        replace(evidence, design=replace(evidence.design, check_columns=words)),
        first_exposure="seen",
    )
    checks: tuple[Check, ...] = (SampleRatioByDay(), AssignmentDrift())
    for result in run_checks(named, quick=True, checks=checks):
        assert result.status is Status.DID_NOT_RUN
        assert "is not ISO 8601 text" in result.finding


def test_sparse_days_are_pooled_into_weeks() -> None:
    day = np.repeat(np.arange(20_698.0, 20_712.0), [30, *[2] * 13])  # from Wednesday 2 September
    made = periods(day, np.full(day.size, 0.5))
    assert made.names == (
        "on 2026-09-02",
        "in the week of 2026-08-31",
        "in the week of 2026-09-07",
        "in the week of 2026-09-14",
    )
    assert np.bincount(made.code).tolist() == [30, 8, 14, 4]


# Sample ratio by segment and by day


def test_shares_hold_in_a_sound_study_and_say_what_could_have_been_seen() -> None:
    evidence = experiment(1, LARGE)
    segment, day = SampleRatioBySegment().run(evidence), SampleRatioByDay().run(evidence)
    assert segment.status is Status.HELD
    assert segment.finding.startswith("5 levels compared, each session counted once (")
    assert "more lack an outcome); a loss of" in segment.finding
    assert day.status is Status.HELD
    assert day.finding.startswith("28 periods compared")
    assert not segment.integrity
    assert not day.integrity


def test_a_segment_that_the_arm_changes_later_is_read_at_first_exposure() -> None:
    evidence = experiment(2, Setting(by="customer", customers=10_000))
    design = evidence.design
    first = np.zeros(design.n, dtype=bool)
    first[arrivals(design).row] = True
    moved = np.where(first | (design.arm == 0), design.columns["device"], "app")
    result = SampleRatioBySegment().run(with_columns(evidence, device=moved))
    assert result.status is not Status.BROKE
    assert result.finding.startswith("5 levels compared")


def test_shares_of_three_arms_name_the_arm_that_lost() -> None:
    evidence = experiment(3, Setting(customers=10_000, shares=(0.5, 0.3, 0.2)))
    design = evidence.design
    rural = (design.columns["urbanicity"] == "rural").to_numpy()
    gone = (design.arm == 2) & rural & (generator(3, "gone").random(design.n) < 0.3)
    lost = np.flatnonzero(~gone)
    kept = np.flatnonzero(~design.intake.missing.any(axis=1))[lost]
    intake = replace(
        design.intake,
        arm=design.intake.arm[kept],
        assigned=np.arange(kept.size),
        cluster=design.intake.cluster[kept],
        order=design.intake.order[kept],
        missing=design.intake.missing[kept],
    )
    smaller = replace(evidence, design=replace(design.take(lost), intake=intake))
    result = SampleRatioBySegment().run(smaller)
    assert result.status is Status.BROKE
    assert "In urbanicity = rural, a2 got" in result.finding


def test_an_outage_of_one_day_is_named_and_phases_are_periods_too() -> None:
    broke = SampleRatioByDay().run(experiment(4, Setting(customers=2_500), OUTAGE))
    assert broke.status is Status.BROKE
    assert "On 2026-09-13, a1 got 0 units" in broke.finding
    ramp = SampleRatioByDay().run(experiment(4, replace(RAMP, by="session", customers=5_000)))
    assert "30 periods compared" in ramp.finding
    swapped = experiment(4, replace(RAMP, by="session", customers=5_000))
    halves = np.full_like(swapped.design.known, 0.5)
    wrong = SampleRatioByDay().run(replace(swapped, design=replace(swapped.design, known=halves)))
    assert "In phase a, a1 got" in wrong.finding


OUTAGE: Fault = "an arm is down for one day"


@pytest.mark.parametrize("check", [SampleRatioBySegment(), SampleRatioByDay()])
def test_shares_without_known_chances_or_data(check: Check) -> None:
    evidence = experiment(5, Setting(customers=100))
    design = evidence.design
    unknown = replace(design, known=None, intake=replace(design.intake, known=None))
    assert check.run(replace(evidence, design=unknown)).status is Status.NOT_APPLICABLE
    few = check.run(evidence)
    assert few.status is Status.DID_NOT_RUN
    assert "too little data" in few.finding
    logged = Setting(customers=100, chances="logged")
    three = replace(experiment(5, logged).design, arms=("a0", "a1", "a2"))
    result = check.run(replace(experiment(5, logged), design=three))
    assert result.status is Status.DID_NOT_RUN
    assert "the chance of the arm a unit got" in result.finding


def test_shares_without_segments_or_time_do_not_apply() -> None:
    evidence = experiment(6, Setting(customers=100))
    bare = respecified(evidence, segments=())
    assert "declares no segment" in SampleRatioBySegment().run(bare).finding
    alike = with_columns(evidence, device="mobile", urbanicity="urban")
    assert SampleRatioBySegment().run(alike).status is Status.NOT_APPLICABLE
    timeless = respecified(evidence, time=None)
    one_day = with_columns(evidence, time=START)
    for check in (SampleRatioByDay(), AssignmentDrift()):
        assert "names no time column" in check.run(timeless).finding
    assert "first seen on 2026-09-01" in SampleRatioByDay().run(one_day).finding
    assert AssignmentDrift().run(one_day).status is Status.DID_NOT_RUN


# Drift


def test_drift_is_the_trend_and_contingency_test_of_the_textbook() -> None:
    rng = generator(7, "drift")
    moment = rng.random(3000) * 10
    day = np.floor(moment).astype(np.int64)
    got = (rng.random(3000) < 0.3 + 0.01 * moment).astype(np.float64)
    found = drift_of(got, np.full(3000, got.mean()), moment, day)
    assert found is not None
    r = np.corrcoef(moment, got)[0, 1]
    table = np.array([np.bincount(day, weights=got), np.bincount(day, weights=1 - got)])
    line = sm.OLS(got, sm.add_constant(moment)).fit()
    assert found.trend_p == pytest.approx(stats.chi2.sf(3000 * r**2, 1), rel=1e-9)
    assert found.daily_p == pytest.approx(
        stats.chi2_contingency(table, correction=False).pvalue, rel=1e-9
    )
    assert found.move == pytest.approx(line.params[1] * np.ptp(moment), rel=1e-9)
    assert found.std_error == pytest.approx(line.bse[1] * np.ptp(moment), rel=0.01)


def test_logged_chances_enter_as_the_offset_of_a_logistic_model() -> None:
    rng = generator(8, "offset")
    moment, chance = rng.random(6000), 0.1 + 0.8 * rng.random(6000)
    logit = np.log(chance / (1 - chance))
    got = (rng.random(6000) < 1 / (1 + np.exp(-logit - 0.3 * moment))).astype(np.float64)
    found = drift_of(got, chance, moment, np.zeros(6000, dtype=np.int64))
    assert found is not None
    family = sm.families.Binomial()
    fitted = sm.GLM(got, sm.add_constant(moment), family=family, offset=logit).fit()
    assert stats.norm.isf(found.trend_p / 2) == pytest.approx(abs(fitted.tvalues[1]), rel=0.03)
    weight = (chance * (1 - chance)).mean() * np.ptp(moment)
    assert found.move == pytest.approx(fitted.params[1] * weight, rel=0.05)
    assert found.std_error == pytest.approx(fitted.bse[1] * weight, rel=0.05)


def test_drift_is_blind_to_a_share_that_is_wrong_throughout() -> None:
    rng = generator(9, "level")
    alarms = 0
    for _ in range(1000):
        moment, chance = rng.random(800), np.repeat([0.2, 0.6], 400)
        odds = 1.5 * chance / (1 - chance)
        got = (rng.random(800) < odds / (1 + odds)).astype(np.float64)
        found = drift_of(got, chance, moment, np.floor(8 * moment).astype(np.int64))
        assert found is not None
        alarms += min(found.trend_p, found.daily_p) < 0.025
    assert alarms <= 77  # 50 expected at most, + 4 standard deviations


def test_drift_holds_in_a_declared_ramp_and_breaks_in_a_hidden_one() -> None:
    ramp = experiment(10, Setting(customers=20_000, chances="phases"))
    declared = AssignmentDrift().run(ramp)
    assert declared.status is Status.HELD
    assert "a move of" in declared.finding
    design = replace(ramp.design, phase=np.zeros_like(ramp.design.phase), known=None)
    hidden = replace(ramp, design=design)
    broke = AssignmentDrift().run(hidden)
    assert broke.status is Status.BROKE
    assert "In the data the share of a1 rose by" in broke.finding


def test_drift_within_logged_chances_is_no_drift() -> None:
    evidence = experiment(11, Setting(customers=10_000, chances="logged"))
    design, intake = evidence.design, evidence.design.intake
    rng = generator(11, "moving chances")
    day = (design.columns["time"].to_numpy() - START) / np.timedelta64(1, "D")
    treated = 0.2 + 0.6 * day / DAYS
    arm = (rng.random(design.n) < treated).astype(np.int64)
    every = intake.arm.copy()
    every[~intake.missing.any(axis=1)] = arm
    known = np.column_stack([1 - treated, treated])
    moving = replace(design, arm=arm, known=known, intake=replace(intake, arm=every))
    assert AssignmentDrift().run(replace(evidence, design=moving)).status is Status.HELD
    ignored = replace(moving, known=np.full_like(known, 0.5))
    assert AssignmentDrift().run(replace(evidence, design=ignored)).status is Status.BROKE


def test_an_outage_is_unequal_days_and_names_day_and_arm_of_three() -> None:
    outage = AssignmentDrift().run(experiment(12, Setting(customers=2_500), OUTAGE))
    assert outage.status is Status.BROKE
    assert "it was 0.0 % on 2026-09-13 and" in outage.finding
    evidence = experiment(12, Setting(customers=2_500, shares=(0.5, 0.3, 0.2)))
    three = AssignmentDrift().run(evidence)
    assert three.status is not Status.BROKE
    design = evidence.design
    late = (design.columns["time"] > START + np.timedelta64(14, "D")).to_numpy()
    fewer = generator(12, "fewer").random(design.n) < 0.3
    arm = np.where(late & fewer & (design.arm == 1), 2, design.arm)
    every = design.intake.arm.copy()
    every[~design.intake.missing.any(axis=1)] = arm
    moved = replace(design, arm=arm, intake=replace(design.intake, arm=every))
    broke = AssignmentDrift().run(replace(evidence, design=moved))
    assert broke.status is Status.BROKE
    assert "share of a1" in broke.finding or "share of a2" in broke.finding


def test_drift_without_assignment_or_data_is_not_held() -> None:
    evidence = experiment(13, Setting(customers=8))
    few = AssignmentDrift().run(evidence)
    assert few.status is Status.DID_NOT_RUN
    assert "no phase has enough units" in few.finding
    small = AssignmentDrift().run(experiment(13, Setting(customers=200)))
    assert small.status is Status.DID_NOT_RUN
    assert "only a move of" in small.finding
    past = replace(evidence, design=replace(evidence.design, kind="observational"))
    assert AssignmentDrift().run(past).status is Status.NOT_APPLICABLE
    three = replace(evidence.design, arms=("a0", "a1", "a2"))
    logged = experiment(13, Setting(customers=100, chances="logged"))
    three = replace(logged.design, arms=("a0", "a1", "a2"))
    assert "more than two arms" in AssignmentDrift().run(replace(logged, design=three)).finding
