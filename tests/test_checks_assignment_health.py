"""Duplicates, the assignment log, missing outcomes in a ramp, and effects by phase."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests.assignment_worlds import START, Fault, Setting, experiment
from tests.benchmarks import checks_assignment
from tests.checks_evidence import repeated
from whatif.base.arrays import Ints
from whatif.base.rng import generator
from whatif.checks.arm_against_log import ArmAgainstLog
from whatif.checks.arrivals import recorded_rows
from whatif.checks.assignment import arm_imbalance
from whatif.checks.duplicates import Duplicates
from whatif.checks.effects_by_phase import EffectsByPhase
from whatif.checks.evidence import Check, Evidence
from whatif.checks.missing_outcome import MissingOutcome
from whatif.checks.result import CheckResult, Status
from whatif.checks.two_arms import TwoArms
from whatif.contract.study_file import study_from_mapping
from whatif.effects.table import effect_rows
from whatif.run.analysis import design_of_frame

RAMP = Setting(by="customer", chances="phases")


def with_log(evidence: Evidence, logged: Ints | None) -> Evidence:
    design = evidence.design
    intake = replace(design.intake, logged=logged)
    return replace(evidence, design=replace(design, intake=intake))


def respecified(evidence: Evidence, **keys: object) -> Evidence:
    return replace(evidence, spec=evidence.spec.model_copy(update=keys))


# Duplicates


def test_duplicates_hold_break_and_do_not_apply() -> None:
    evidence = experiment(14, Setting(customers=200))
    held = Duplicates().run(evidence)
    assert (held.status, held.statistic, held.integrity) == (Status.HELD, 0.0, True)
    assert f"Each of {evidence.design.n:,} units (session)" in held.finding
    words = evidence.design.unit.astype("str")
    words.iloc[5] = words.iloc[9]
    broke = Duplicates().run(replace(evidence, design=replace(evidence.design, unit=words)))
    assert broke.status is Status.BROKE
    assert broke.finding.startswith("1 units (session) stand in 2 of")
    assert Duplicates().run(respecified(evidence, unit=None)).status is Status.NOT_APPLICABLE


# The assignment log, and units in two arms


def logged_worlds(seed: int = 15) -> tuple[Evidence, Ints]:
    evidence = experiment(seed, replace(RAMP, missing=0.0))
    return evidence, evidence.design.intake.arm


def test_a_ramp_that_moves_customers_as_logged_holds() -> None:
    evidence, arm = logged_worlds()
    sound = with_log(evidence, arm)
    log, two = ArmAgainstLog().run(sound), TwoArms().run(sound)
    assert (log.status, log.statistic, log.integrity) == (Status.HELD, 0.0, True)
    assert two.status is Status.HELD
    assert "as the assignment log says." in two.finding
    without = TwoArms().run(with_log(evidence, None))
    assert without.status is Status.NOT_APPLICABLE


def test_customers_moved_against_the_log_break_both() -> None:
    evidence, arm = logged_worlds()
    customer = evidence.design.intake.assigned
    log = arm.copy()
    several = np.flatnonzero(np.bincount(customer) > 1)[:30]
    last = np.zeros(customer.max() + 1, dtype=np.int64)
    last[customer] = np.arange(customer.size)
    log[last[several]] = 1 - log[last[several]]
    moved = with_log(evidence, log)
    result = ArmAgainstLog().run(moved)
    assert result.status is Status.BROKE
    assert result.finding.startswith("30 of 1,000 units of assignment (customer, 3.00 %)")
    assert TwoArms().run(moved).status is Status.BROKE


def test_one_unit_in_a_thousand_may_differ_from_the_log() -> None:
    evidence = experiment(16, Setting(customers=1000, missing=0.0))
    arm = evidence.design.intake.arm
    few, more = arm.copy(), arm.copy()
    few[:3] = 1 - few[:3]
    more[:8] = 1 - more[:8]
    held, broke = (ArmAgainstLog().run(with_log(evidence, log)) for log in (few, more))
    assert held.status is Status.HELD
    assert held.finding.startswith("3 of ")
    assert broke.status is Status.BROKE


def test_a_log_that_knows_few_units_is_not_held() -> None:
    evidence, arm = logged_worlds()
    unknown = np.where(np.arange(arm.size) % 3 == 0, arm, -1)
    partly = ArmAgainstLog().run(with_log(evidence, unknown))
    assert partly.status is Status.DID_NOT_RUN
    assert "more the log names no arm of the study, too many" in partly.finding
    two = TwoArms().run(with_log(evidence, unknown))
    assert two.status is Status.DID_NOT_RUN
    assert "does not know every arm of" in two.finding
    empty = ArmAgainstLog().run(with_log(evidence, np.full_like(arm, -1)))
    assert empty.status is Status.DID_NOT_RUN
    assert "for no unit at all" in empty.finding
    gap = arm.copy()
    gap[0] = -1
    assert "for 1 more the log names no arm" in ArmAgainstLog().run(with_log(evidence, gap)).finding
    assert ArmAgainstLog().run(with_log(evidence, None)).status is Status.NOT_APPLICABLE


@pytest.fixture
def visits() -> pd.DataFrame:
    rng = generator(17, "visits")
    customer = repeated(rng, 300)
    arm = rng.integers(0, 2, 300)[customer]
    return pd.DataFrame(
        {
            "session": np.arange(customer.size),
            "customer": customer,
            "arm": np.array(["old", "new"])[arm],
            "log": np.array(["old", "new"])[arm],
            "at": START + np.sort(rng.integers(0, 20, customer.size)) * np.timedelta64(1, "D"),
            "y": rng.random(customer.size),
        }
    )


def study(frame: pd.DataFrame, **keys: object) -> tuple[CheckResult, CheckResult]:
    spec = study_from_mapping(
        {
            "study": "visits",
            "unit": "session",
            "cluster": "customer",
            "assigned": "customer",
            "time": "at",
            "assignment_log": "log",
            "treatment": {"column": "arm", "control": "old"},
            "design": {"kind": "experiment", "probability": {"old": 0.5, "new": 0.5}},
            "outcomes": [{"column": "y"}],
            **keys,
        },
        on_frame=True,
    )
    design = design_of_frame(spec, frame)
    evidence = replace(experiment(0, Setting(customers=50)), spec=spec, design=design)
    return ArmAgainstLog().run(evidence), TwoArms().run(evidence)


def test_a_window_compares_the_first_arm_with_its_log(visits: pd.DataFrame) -> None:
    later = visits["customer"].duplicated().to_numpy()
    day = visits.groupby("customer")["at"].transform("min")
    later = later & (visits["at"] > day).to_numpy()
    visits.loc[later & (visits["customer"] < 60), "arm"] = "old"  # some were seen in both
    log, two = study(visits, unit="customer", cluster=None, window="5d")
    assert log.status is Status.HELD
    assert two.status is Status.BROKE  # under constant chances nobody moves
    per_session = study(visits)
    assert [one.status for one in per_session] == [Status.BROKE, Status.BROKE]


def test_a_log_with_other_arms_and_gaps_is_unknown_there(visits: pd.DataFrame) -> None:
    visits["log"] = visits["log"].where(visits["customer"] > 9, None)
    visits.loc[visits["customer"] == 10, "log"] = "a third arm"
    log, _ = study(visits)
    assert log.status is Status.HELD
    assert "for 11 more the log names no arm of the study" in log.finding


def test_rows_added_up_over_a_window_stand_twice_in_the_intake(visits: pd.DataFrame) -> None:
    evidence = experiment(18, Setting(customers=50))
    assert recorded_rows(evidence.design) == slice(0, evidence.design.intake.arm.size)


# Effects by phase


def clustered_gap(evidence: Evidence) -> tuple[float, float]:
    """The treated effect in phase b minus that in phase a, with its clustered error, by hand."""
    scores, late = evidence.scores, evidence.design.phase == 1
    gain = scores.gamma[:, 1, 0] - scores.gamma[:, 0, 0]
    gap = gain[late].mean() - gain[~late].mean()
    psi = np.where(
        late, (gain - gain[late].mean()) / late.sum(), -(gain - gain[~late].mean()) / (~late).sum()
    )
    sums = np.bincount(scores.cluster, weights=psi)
    clusters = np.unique(scores.cluster).size
    return float(gap), float(np.sqrt(clusters / (clusters - 1) * (sums**2).sum()))


def test_effects_by_phase_equal_a_clustered_wald_test_by_hand() -> None:
    evidence = experiment(19, replace(RAMP, customers=4_000))
    alone = respecified(evidence, outcomes=(evidence.spec.outcomes[0],))
    scores = replace(
        evidence.scores,
        outcomes=("y",),
        gamma=evidence.scores.gamma[:, :, :1],
        y=evidence.scores.y[:, :1],
    )
    _, effects = effect_rows(scores, respecified(alone, segments=()).spec)
    result = EffectsByPhase().run(replace(alone, scores=scores, effects=effects))
    gap, error = clustered_gap(evidence)
    assert result.statistic == pytest.approx(2 * stats.norm.sf(abs(gap / error)), rel=0.02)
    whole, first, second = result.details
    assert [line.name for line in result.details] == ["all phases", "phase a", "phase b"]
    assert second.estimate - first.estimate == pytest.approx(gap, abs=1e-12)
    assert whole.n == first.n + second.n == evidence.design.n
    assert whole.estimate == pytest.approx(
        (first.n * first.estimate + second.n * second.estimate) / whole.n
    )


def test_an_effect_in_one_phase_only_is_a_warning() -> None:
    setting = replace(RAMP, customers=5_000)
    result = EffectsByPhase().run(experiment(20, setting, "the effect is there in one phase only"))
    assert result.status is Status.BROKE
    assert not result.integrity
    assert "in phase b" in result.finding
    assert len(result.details) == 4


def test_effects_by_phase_need_phases_and_data() -> None:
    assert EffectsByPhase().run(experiment(21, Setting())).status is Status.NOT_APPLICABLE
    few = EffectsByPhase().run(experiment(21, replace(RAMP, customers=60)))
    assert few.status is Status.DID_NOT_RUN
    assert "oo little data" in few.finding


def test_effects_by_phase_alarm_as_often_as_they_say() -> None:
    p_values = [
        EffectsByPhase().run(experiment(seed, replace(RAMP, customers=400))).statistic
        for seed in range(150)
    ]
    alarms = sum(p is not None and p < 0.05 for p in p_values)
    assert alarms <= 18  # 7.5 expected at most, + 4 standard deviations


def test_gaps_of_one_phase_only_are_no_alarm_in_a_ramp_that_moves_customers() -> None:
    rng = generator(22, "late gaps")
    ours, by_row, draws = 0, 0, 600
    evidence = experiment(22, replace(RAMP, missing=0.0))
    design, spec = evidence.design, evidence.spec
    for _ in range(draws):
        customer = repeated(rng, 600)
        n = customer.size
        late = rng.random(n) < 0.5
        share = np.where(late, 0.5, 0.05)
        arm = (rng.random(600)[customer] < share).astype(np.int64)
        gone = late & (rng.random(n) < 0.6)
        chance = np.column_stack([1 - share, share])
        intake = replace(
            design.intake,
            arm=arm,
            assigned=customer,
            cluster=customer,
            order=np.argsort(np.argsort(late, kind="stable"), kind="stable"),
            missing=gone[:, None],
            known=chance,
        )
        made = replace(design, intake=intake, outcomes=("y",))
        found = MissingOutcome().run(replace(evidence, design=made, spec=spec)).statistic
        assert found is not None
        ours += found < 0.05
        unit = np.unique(customer, return_inverse=True)[1]
        rows = arm_imbalance(gone[:, None].astype(float), arm=arm, chance=chance, unit=unit)
        by_row += rows.p_value < 0.05
    assert ours <= 52  # 30 expected, + 4 standard deviations
    assert by_row > ours


# Measured error rates


@pytest.mark.parametrize(
    ("check", "setting", "fault"),
    checks_assignment.PLANTED,
    ids=lambda one: getattr(one, "name", ""),
)
def test_each_check_sees_the_fault_it_is_for(check: Check, setting: Setting, fault: Fault) -> None:
    assert check.run(experiment(3, setting, fault)).status is Status.BROKE


def test_the_measured_table_has_one_row_for_each_check_that_applies() -> None:
    table = checks_assignment.table([*checks_assignment.sound(0), *checks_assignment.sound(1)])
    assert list(table.columns) == [
        *("check", "study", "planted", "rate", "mc_error", "draws", "nominal"),
    ]
    assert set(table["planted"]) == {"nothing"}
    assert set(table["check"]) == {check.name for check in checks_assignment.CHECKS}
    assert set(table["draws"]) == {1, 2}
    assert not table.duplicated(["check", "study"]).any()
