"""Other choices for one estimand: right numbers, right errors, and alarms only where they count."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm

from tests.checks_evidence import evidence_of, scores_of, world
from whatif.checks.evidence import Evidence
from whatif.checks.refitting import subsample
from whatif.checks.result import Status
from whatif.checks.specification_curve import SpecificationCurve
from whatif.checks.specifications import GLM, NONE, OWN, gap_errors, specifications
from whatif.contract.spec import OverlapSpec
from whatif.design.record import Design, Features
from whatif.scores.record import Scores
from whatif.scores.rescore import Rescore, rescorer


def real(evidence: Evidence) -> Evidence:
    spec = evidence.spec
    return replace(evidence, rescore=rescorer(seed=0, target=spec.target, rule=OverlapSpec()))


def shifted(by: float) -> Rescore:
    """A pipeline whose boosting finds `by` more for the first arm than its GLM."""

    def rescore(design: Design, learners: tuple[str, ...]) -> Scores:
        scores = scores_of(design)
        if learners != ("boosting",):
            return scores
        gamma = scores.gamma.copy()
        gamma[:, 1] += by
        return replace(scores, gamma=gamma)

    return rescore


def test_every_choice_of_an_experiment_is_named_once_and_the_study_s_own_stands_first() -> None:
    found = specifications(evidence := evidence_of(world(1)), subsample(evidence))
    assert found[0].name == "doubly robust, glm and boosting, all covariates"
    assert len({one.name for one in found}) == len(found)
    assert {one.covariates for one in found} == {OWN, NONE, *(f"without x{j}" for j in range(3))}
    assert {one.learners for one in found if one.covariates == OWN} == {
        "glm and boosting", GLM, "boosting",
    }  # fmt: skip


def test_weighting_and_its_clustered_error_are_those_of_weighted_least_squares() -> None:
    evidence = real(evidence_of(world(2, confounding=0.8), kind="observational"))
    sample = subsample(evidence)
    one = next(s for s in specifications(evidence, sample) if s.estimator == "weighting")
    scores = evidence.rescore(sample.design, evidence.spec.learners)
    n, clusters = scores.n, sample.clusters
    assert n == sample.design.n
    fit = sm.WLS(
        scores.y[:, 0],
        np.column_stack([np.ones(n), scores.arm]),
        weights=1 / scores.propensity[np.arange(n), scores.arm],
    ).fit(cov_type="cluster", cov_kwds={"groups": sample.cluster, "use_correction": False})
    assert one.estimate[0] == pytest.approx(fit.params[1], abs=1e-10)
    expected = fit.bse[1] * np.sqrt(clusters / (clusters - 1))
    assert one.std_error[0] == pytest.approx(expected, rel=1e-9)


def test_doubly_robust_and_regression_are_averages_of_scores_and_of_predictions() -> None:
    evidence = real(evidence_of(world(3)))
    sample = subsample(evidence)
    found = {s.estimator: s for s in reversed(specifications(evidence, sample)) if s.learners}
    last = evidence.rescore(sample.design, evidence.spec.learners)
    assert found["doubly robust"].estimate[0] == pytest.approx(
        float((last.gamma[:, 1, 0] - last.gamma[:, 0, 0]).mean()), abs=1e-12
    )
    assert np.isnan(found["regression"].std_error).all()
    assert abs(found["regression"].estimate[0] - found["doubly robust"].estimate[0]) < 0.02


def test_trimming_leaves_out_units_and_the_same_choice_has_no_gap_to_itself() -> None:
    evidence = real(evidence_of(world(4, confounding=1.5), kind="observational"))
    sample = subsample(evidence)
    found = specifications(evidence, sample)
    own = found[0]
    trimmed = [s for s in found if s.trimmed and s.covariates == OWN]
    assert {s.trimmed for s in trimmed} == {0.05, 0.1}
    assert all(s.n < own.n and not s.comparable for s in trimmed)
    assert gap_errors(own, own, sample.cluster).tolist() == [0.0]


@pytest.mark.parametrize("kind", ["experiment", "observational"])
def test_a_sound_study_holds_and_says_what_it_could_have_seen(kind: str) -> None:
    confounding = 0.5 if kind == "observational" else 0.0
    w = world(5, confounding=confounding)
    result = SpecificationCurve().run(real(evidence_of(w, kind=kind)))
    assert result.status is Status.HELD
    assert "could have been seen" in result.finding
    assert len(result.details) >= 9
    assert {line.arm for line in result.details} == {"a1"}


def test_learners_that_disagree_beyond_luck_break_it_by_name() -> None:
    evidence = replace(evidence_of(world(6)), rescore=shifted(0.2))
    result = SpecificationCurve().run(evidence)
    assert result.status is Status.BROKE
    assert "Doubly robust, boosting, all covariates moves the estimate for a1 by 0.2" in (
        result.finding
    )


def test_a_gap_too_small_to_matter_is_no_alarm() -> None:
    evidence = replace(evidence_of(world(6)), rescore=shifted(0.01))
    assert SpecificationCurve().run(evidence).status is Status.HELD


def test_a_small_study_cannot_tell_and_says_so() -> None:
    result = SpecificationCurve().run(evidence_of(world(7, customers=60)))
    assert result.status is Status.DID_NOT_RUN
    assert "too little data" in result.finding
    assert result.statistic is None


def test_one_learner_in_past_data_leaves_no_choice() -> None:
    w = world(9, confounding=0.5)
    result = SpecificationCurve().run(evidence_of(w, kind="observational", learners=["glm"]))
    assert result.status is Status.NOT_APPLICABLE


def test_a_gap_that_is_seen_breaks_it_however_blind_the_comparison_was() -> None:
    evidence = replace(evidence_of(world(6)), rescore=shifted(5.0))
    assert SpecificationCurve().run(evidence).status is Status.BROKE


def test_without_covariates_there_is_nothing_to_choose() -> None:
    evidence = evidence_of(world(8))
    bare = Features(
        names=(), values=np.empty((evidence.design.n, 0), np.float32), categorical=np.zeros(0, bool)
    )
    result = SpecificationCurve().run(
        replace(evidence, design=replace(evidence.design, features=bare))
    )
    assert result.status is Status.NOT_APPLICABLE
