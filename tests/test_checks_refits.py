"""Checks that train again: quiet on a sound pipeline, loud on a planted fault, same by seed."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from scipy import stats

from tests.checks_evidence import (
    World,
    evidence_of,
    gamma_of,
    refit_means,
    refit_ols,
    with_refit,
    world,
)
from whatif.base.arrays import Floats
from whatif.base.rng import generator
from whatif.checks.evidence import Check, Evidence
from whatif.checks.placebo_treatment import (
    PlaceboTreatment,
    centred_at_zero,
    inside_the_range,
)
from whatif.checks.random_common_cause import RandomCommonCause, moved_beyond_seed_error
from whatif.checks.refitting import clustered_variance, subsample
from whatif.checks.result import Status
from whatif.checks.subset_stability import (
    SubsetStability,
    scatter_p_value,
)
from whatif.design.record import Design
from whatif.scores.executor import Threads
from whatif.scores.fit import refitter
from whatif.scores.record import Target
from whatif.scores.refit import holder, relearner

CHECKS: tuple[Check, ...] = (PlaceboTreatment(), RandomCommonCause(), SubsetStability())


def refit_weighted(design: Design) -> Floats:
    """Inverse-probability means without an outcome model: as right as the chances are."""
    assert design.known is not None
    means = [
        ((design.arm == a) / design.known[:, a]) @ design.y / design.n
        for a in range(len(design.arms))
    ]
    return np.asarray(np.array(means[1:]) - means[0])


def refit_shrunk_by_columns(design: Design) -> Floats:
    return refit_ols(design) * 0.7 ** len(design.features.names)


def ramp_world(seed: int) -> World:
    """Two phases with other shares and other outcomes."""
    w = world(seed, customers=1500)
    rng = generator(seed, "ramp")
    phase = rng.integers(0, 2, w.arm.size)
    treated = np.array([0.1, 0.6])[phase]
    arm = (rng.random(w.arm.size) < treated).astype(np.int64)
    return replace(
        w,
        arm=arm,
        phase=phase,
        chance=np.column_stack([1 - treated, treated]),
        y=w.y + 2.0 * phase[:, None],
    )


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
@pytest.mark.parametrize("kind", ["experiment", "observational"])
def test_a_sound_pipeline_holds_and_says_what_it_could_have_seen(check: Check, kind: str) -> None:
    w = world(1, customers=600, confounding=0.0 if kind == "experiment" else 0.6)
    result = check.run(evidence_of(w, kind=kind))
    assert result.status is Status.HELD
    assert "could have been seen" in result.finding
    assert result.statistic is not None
    assert result.threshold is not None


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_the_same_seed_gives_the_same_result_and_another_seed_another(check: Check) -> None:
    evidence = evidence_of(world(2, customers=300))
    first = check.run(evidence)
    assert check.run(evidence) == first
    other = replace(evidence, spec=evidence.spec.model_copy(update={"seed": 1}))
    assert check.run(other).statistic != first.statistic


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_few_clusters_or_a_constant_outcome_do_not_run(check: Check) -> None:
    few = check.run(evidence_of(world(3, customers=40)))
    assert few.status is Status.DID_NOT_RUN
    assert "clusters in an arm, 50 needed" in few.finding
    w = world(3, customers=200)
    flat = check.run(evidence_of(replace(w, y=np.zeros_like(w.y))))
    assert flat.status is Status.DID_NOT_RUN
    assert "y does not vary within an arm" in flat.finding


def test_placebo_holds_for_weights_alone_because_they_are_told_the_shuffled_shares() -> None:
    w = world(4, customers=800, probability=(0.4, 0.6))
    held = PlaceboTreatment().run(evidence_of(replace(w, y=w.y + 3.0), refit=refit_weighted))
    assert held.status is Status.HELD
    assert "says nothing about hidden confounding" in held.finding


def test_placebo_finds_weights_that_were_clipped() -> None:
    def clipped(design: Design) -> Floats:
        assert design.known is not None
        return refit_weighted(replace(design, known=np.clip(design.known, 0.2, 0.8)))

    w = world(4, customers=800, probability=(0.9, 0.1))
    result = PlaceboTreatment().run(evidence_of(replace(w, y=w.y + 3.0), refit=clipped))
    assert result.status is Status.BROKE
    assert not result.integrity


def test_placebo_finds_a_pipeline_that_reads_the_real_arms() -> None:
    evidence = evidence_of(world(4, customers=800, effect=0.5))
    real = evidence.design.arm

    def stale(design: Design) -> Floats:
        return refit_ols(replace(design, arm=real))

    result = PlaceboTreatment().run(with_refit(evidence, stale))
    assert result.status is Status.BROKE
    assert result.statistic == 0.0


def test_placebo_finds_a_pipeline_that_adds_half_its_error() -> None:
    evidence = evidence_of(world(5, customers=800))
    gamma = gamma_of(evidence.design)[:, :, 0]
    error = float(np.std(gamma[:, 1] - gamma[:, 0])) / evidence.design.n**0.5

    def biased(design: Design) -> Floats:
        return np.asarray(refit_ols(design) + 0.5 * error)

    assert PlaceboTreatment().run(with_refit(evidence, biased)).status is Status.BROKE


def test_placebo_shuffles_within_phases() -> None:
    treated: set[tuple[int, ...]] = set()

    def spy(design: Design) -> Floats:
        treated.add(tuple(np.bincount(design.phase, weights=design.arm).astype(int)))
        return refit_weighted(design)

    ramp = {"kind": "experiment", "probability": {"column": "week", "phases": {}}}
    w = ramp_world(6)
    assert PlaceboTreatment().run(evidence_of(w, design=ramp, refit=spy)).status is Status.HELD
    assert treated == {tuple(np.bincount(w.phase, weights=w.arm).astype(int))}


def test_placebo_redraws_logged_chances() -> None:
    logged = {"kind": "experiment", "probability": {"column": "p"}}
    evidence = evidence_of(ramp_world(7), design=logged, refit=refit_weighted)
    assert PlaceboTreatment().run(evidence).status is Status.HELD


def test_placebo_moves_whole_units_of_assignment() -> None:
    seen: list[Design] = []

    def spy(design: Design) -> Floats:
        seen.append(design)
        return refit_means(design)

    w = world(8, customers=200, by_customer=True)
    PlaceboTreatment().run(evidence_of(w, refit=spy, assigned="customer"))
    assert len(seen) == 99
    for design in seen:
        by_customer = np.bincount(design.assigned, weights=design.arm) / np.bincount(
            design.assigned
        )
        assert set(by_customer) <= {0.0, 1.0}
    first = np.unique(w.cluster, return_index=True)[1]
    treated = {int(design.arm[first].sum()) for design in seen}
    assert treated == {int(w.arm[first].sum())}
    assert len({design.arm.tobytes() for design in seen}) == 99


def test_random_common_cause_finds_an_estimate_that_follows_columns() -> None:
    evidence = evidence_of(world(9, customers=600, effect=0.5), refit=refit_shrunk_by_columns)
    assert RandomCommonCause().run(evidence).status is Status.BROKE


def test_random_common_cause_needs_covariates_and_a_seed_error() -> None:
    bare = evidence_of(world(10, customers=300, columns=0))
    assert RandomCommonCause().run(bare).status is Status.NOT_APPLICABLE

    def by_column_count(design: Design) -> Floats:
        return np.array([[float(len(design.features.names))]])

    fixed = RandomCommonCause().run(evidence_of(world(10, customers=300), refit=by_column_count))
    assert fixed.status is Status.DID_NOT_RUN
    assert "no seed error" in fixed.finding


def test_random_common_cause_gives_one_value_per_cluster() -> None:
    seen: list[Design] = []

    def spy(design: Design) -> Floats:
        seen.append(design)
        return refit_ols(design)

    RandomCommonCause().run(evidence_of(world(11, customers=200), refit=spy))
    wide = [design for design in seen if "random_common_cause" in design.features.names]
    assert len(wide) == 10
    noise = wide[0].features.values[:, -1]
    for cluster in np.unique(wide[0].cluster):
        assert np.unique(noise[wide[0].cluster == cluster]).size == 1
    assert np.unique(noise).size == 200


def test_a_trimmed_population_is_followed() -> None:
    evidence = evidence_of(world(15, customers=300), unit="session")
    kept = np.flatnonzero(evidence.design.features.values[:, 0] > 0)
    s = evidence.scores
    trimmed = replace(
        s,
        gamma=s.gamma[kept],
        propensity=s.propensity[kept],
        arm=s.arm[kept],
        y=s.y[kept],
        cluster=s.cluster[kept],
        weight=s.weight[kept],
        unit=s.unit.iloc[kept],
    )
    sample = subsample(replace(evidence, scores=trimmed))
    assert (sample.design.features.values[:, 0] > 0).all()
    assert sample.design.n == kept.size


def test_statistics_of_several_arms_share_the_level() -> None:
    one = np.array([[1.0], [2.0], [1.5]])
    assert centred_at_zero(one)[0] == pytest.approx(stats.ttest_1samp(one[:, 0], 0).pvalue)
    two = np.column_stack([one, [[1.0], [-2.0], [0.5]]])
    assert centred_at_zero(two)[0] == pytest.approx(2 * centred_at_zero(one)[0])
    assert scatter_p_value(two, np.ones(2)) == pytest.approx(2 * stats.chi2.sf((one**2).sum(), 3))
    limit = moved_beyond_seed_error(two, two)[1]
    assert limit == pytest.approx(stats.t.isf(0.0025, 2))


def test_estimates_off_zero_without_spread_break() -> None:
    assert centred_at_zero(np.ones((5, 1)))[0] == 0.0


def through_the_glm(evidence: Evidence) -> Evidence:
    """Return the evidence with the pipeline of real runs, its tuning held."""
    return replace(evidence, refit=refitter(seed=0), hold=holder(seed=0))


@pytest.mark.parametrize("kind", ["experiment", "observational"])
@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("target", ["ate", "att", "overlap"])
def test_held_at_the_real_arms_is_the_candidate_itself(
    kind: str, binary: bool, target: Target
) -> None:
    w = world(20, customers=1500, confounding=0.0 if kind == "experiment" else 0.6)
    design = evidence_of(w, kind=kind).design
    if binary:
        design = replace(design, y=(design.y > 1).astype(np.float64), kinds=("binary",))
    error = np.sqrt(clustered_variance(2 * design.y[:, 0], design.cluster))
    held = holder(seed=0, target=target)(design)
    assert held.design.features.values.shape[1] > design.features.values.shape[1]
    gap = held.full() - refitter(seed=0, target=target)(design)
    assert abs(gap[0, 0]) < 0.04 * error


def test_held_draws_are_the_same_bytes_on_any_number_of_threads() -> None:
    evidence = through_the_glm(evidence_of(world(22, customers=150)))
    assert evidence.hold is not None
    held = evidence.hold(evidence.design)
    deals = [generator(k, "deal").permutation(held.design.n) % 2 for k in range(6)]
    found = [
        replace(held, executor=Threads(workers)).each(
            partial(replace, held.design, arm=arm) for arm in deals
        )
        for workers in (1, 4)
    ]
    assert found[0].tobytes() == found[1].tobytes()


def test_nothing_is_held_without_covariates_or_with_more_columns_than_rows() -> None:
    bare = evidence_of(world(23, customers=150, columns=0)).design
    assert holder(seed=0)(bare).design is bare
    wide = evidence_of(world(23, customers=20, columns=70)).design
    assert holder(seed=0)(wide).design is wide


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_the_real_pipeline_holds_with_three_arms_and_its_tuning_held(check: Check) -> None:
    w = world(24, customers=300, probability=(0.4, 0.3, 0.3))
    thirds = {"kind": "experiment", "probability": {"a0": 0.4, "a1": 0.3, "a2": 0.3}}
    result = check.run(through_the_glm(evidence_of(w, design=thirds)))
    assert result.status is Status.HELD


def test_the_study_s_learners_stand_beside_the_glm_and_are_named() -> None:
    evidence = evidence_of(world(25, customers=300), learners=("glm", "boosting"))
    own = PlaceboTreatment().run(replace(evidence, relearn=refit_ols))
    assert own.status is Status.HELD
    assert "With the study's learners (glm and boosting), 3 more shuffles gave" in own.finding
    assert "is expected" in own.finding
    alone = PlaceboTreatment().run(evidence)
    assert "learners" not in alone.finding
    assert relearner(seed=0, target="ate", learners=("glm",)) is None
    assert relearner(seed=0, target="ate", learners=("glm", "boosting")) is not None


def test_placebo_finds_learners_that_land_outside_the_range_of_the_glm() -> None:
    evidence = evidence_of(world(26, customers=300, effect=2.0))
    real = evidence.design.arm

    def leaking(design: Design) -> Floats:
        return refit_ols(replace(design, arm=real))

    result = PlaceboTreatment().run(replace(evidence, relearn=leaking))
    assert result.status is Status.BROKE


def test_three_new_draws_leave_the_range_at_the_stated_level() -> None:
    rng = generator(0, "prediction")
    alarms = [
        inside_the_range(one[:99], one[99:]) < 0.05 for one in rng.normal(size=(4000, 102, 1))
    ]
    assert np.mean(alarms) == pytest.approx(0.048, abs=0.011)  # 3 Monte Carlo errors
    one = rng.normal(size=(99, 1))
    z = (2.0 - one.mean()) / (one.std(ddof=1) * np.sqrt(1 + 1 / 99))
    assert inside_the_range(one, np.array([[2.0]])) == pytest.approx(2 * stats.t.sf(abs(z), 98))


@pytest.mark.slow
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
@pytest.mark.parametrize("kind", ["experiment", "skewed", "observational"])
def test_false_alarm_rate(check: Check, kind: str) -> None:
    """At a level of .01, 3 alarms in 300 are expected; 9 is the .999 quantile."""

    def build(seed: int) -> Evidence:
        if kind == "observational":
            return evidence_of(world(seed, customers=400, confounding=0.7), kind=kind)
        odds = (0.5, 0.5) if kind == "experiment" else (0.85, 0.15)
        w = world(seed, customers=400, probability=odds, by_customer=True)
        return evidence_of(w, assigned="customer")

    assert sum(check.run(build(seed)).status is Status.BROKE for seed in range(300)) <= 9
