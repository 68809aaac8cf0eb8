"""Balance after weighting, overlap, and the catalogue: every check once, none silently held."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest

from tests.checks_evidence import evidence_of, refit_ols, world
from whatif.base.arrays import Floats
from whatif.base.errors import EstimationError, Problem
from whatif.base.rng import generator
from whatif.checks.analysed import analysed_rows, primary_outcome
from whatif.checks.balance import Balance, noise_of_difference, standardised_differences
from whatif.checks.catalogue import CHECKS, run_checks
from whatif.checks.conclude import amount, conclude, listed
from whatif.checks.evidence import Evidence
from whatif.checks.overlap import Overlap
from whatif.checks.placebo_treatment import PlaceboTreatment
from whatif.checks.random_common_cause import RandomCommonCause
from whatif.checks.result import CheckResult, Cost, Status
from whatif.checks.subset_stability import SubsetStability
from whatif.design.record import Design


def test_standardised_difference_by_hand() -> None:
    x = np.array([[0.0], [2.0], [3.0], [5.0]])
    arm = np.array([0, 0, 1, 1])
    ways = (np.ones(4), np.array([1, 3, 1, 1.0]))
    plain, weighted = standardised_differences(x.T, arm=arm, weights=ways, arms=2)
    assert plain[0, 0] == pytest.approx(3.0)
    assert weighted[0, 0] == pytest.approx(4.0 - 1.5)


def test_noise_counts_customers_not_sessions() -> None:
    arm = np.repeat([0, 1], 100)
    cluster = np.arange(200) // 4
    noise = noise_of_difference(arm=arm, weight=np.ones(200), cluster=cluster, arms=2)
    assert noise == pytest.approx(np.sqrt(2 / 25))


def test_weighting_repairs_measured_confounding_and_says_so() -> None:
    result = Balance().run(
        evidence_of(world(1, customers=3000, confounding=0.7), kind="observational")
    )
    assert result.status is Status.HELD
    assert result.threshold == 0.1
    assert "after weighting (largest before: 0.6" in result.finding


def test_confounding_that_weights_do_not_see_breaks() -> None:
    evidence = evidence_of(world(2, customers=3000, confounding=0.7), kind="observational")
    blind = replace(evidence.scores, propensity=np.full_like(evidence.scores.propensity, 0.5))
    result = Balance().run(replace(evidence, scores=blind))
    assert result.status is Status.BROKE
    assert "x0: a1 differs from a0 by 0.6" in result.finding


def test_a_handful_of_clusters_cannot_show_balance() -> None:
    result = Balance().run(
        evidence_of(world(3, customers=60, by_customer=True), kind="observational")
    )
    assert result.status is Status.DID_NOT_RUN
    assert "too little data: luck alone gives gaps of" in result.finding


def test_overlap_by_design_holds_and_a_certain_unit_breaks() -> None:
    evidence = evidence_of(world(4))
    held = Overlap().run(evidence)
    assert (held.status, held.statistic, held.threshold) == (Status.HELD, 0.5, 0.01)
    assert "known from the assignment" in held.finding
    chance = evidence.scores.propensity.copy()
    chance[3] = [0.996, 0.004]
    broke = Overlap().run(replace(evidence, scores=replace(evidence.scores, propensity=chance)))
    assert (broke.status, broke.statistic) == (Status.BROKE, 0.004)
    assert broke.finding.startswith(f"1 of {evidence.design.n:,} units")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"kind": "observational"}, "estimated from the covariates"),
        ({"known": False}, "taken as the share of the arm"),
    ],
)
def test_overlap_names_its_source(keys: dict[str, object], words: str) -> None:
    assert words in Overlap().run(evidence_of(world(4), **keys)).finding  # type: ignore[arg-type]


def test_the_catalogue_holds_every_check_once_in_plain_words() -> None:
    codes = [check.code for check in CHECKS]
    assert len(set(codes)) == len(codes) == len({check.name for check in CHECKS})
    assert all(re.fullmatch(r"WI-[A-Z]{3,4}-[0-9]{2}", code) for code in codes)
    assert [check.name for check in CHECKS if check.integrity] == [
        "sample_ratio",
        "arm_against_log",
        "duplicates",
        "missing_outcome",
    ]
    for check in CHECKS:
        for sentence in (check.what, check.why, check.blind, check.fix):
            assert sentence[0].isupper()
            assert sentence.endswith(".")
            assert len(sentence) < 180


def test_all_checks_run_in_order_and_report_progress() -> None:
    seen: list[str] = []
    results = run_checks(evidence_of(world(5, customers=200)), quick=False, progress=seen.append)
    assert [result.name for result in results] == seen == [check.name for check in CHECKS]
    assert all(result.finding for result in results)


def test_quick_leaves_out_refits_and_never_calls_them_held() -> None:
    def never(design: Design) -> Floats:
        raise AssertionError

    seen: list[str] = []
    results = run_checks(evidence_of(world(5), refit=never), quick=True, progress=seen.append)
    skipped = [result for result in results if result.cost is Cost.REFIT]
    assert len(skipped) == sum(check.cost is Cost.REFIT for check in CHECKS) >= 3
    assert {result.status for result in skipped} == {Status.DID_NOT_RUN}
    assert {result.finding for result in skipped} == {"Not run with --quick."}
    assert len(seen) == len(CHECKS) - len(skipped)


class _Raises:
    code: ClassVar[str] = "WI-TEST-01"
    name: ClassVar[str] = "raises"
    cost: ClassVar[Cost] = Cost.VIEW
    integrity: ClassVar[bool] = False
    what: ClassVar[str] = "What."
    why: ClassVar[str] = "Why."
    blind: ClassVar[str] = "Blind."
    fix: ClassVar[str] = "Fix."

    def __init__(self, error: Exception) -> None:
        self.error = error

    def run(self, evidence: Evidence) -> CheckResult:
        raise self.error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (EstimationError(Problem(what="No model.", why="w", fix="f")), "Not run: No model."),
        (np.linalg.LinAlgError("Singular matrix"), "Not run: LinAlgError: Singular matrix"),
        (ZeroDivisionError("division by zero"), "ZeroDivisionError"),
    ],
)
def test_a_check_that_cannot_compute_did_not_run(error: Exception, words: str) -> None:
    (result,) = run_checks(evidence_of(world(6)), quick=False, checks=(_Raises(error),))
    assert result.status is Status.DID_NOT_RUN
    assert words in result.finding


def test_a_bug_in_a_check_is_raised() -> None:
    with pytest.raises(KeyError, match="typo"):
        run_checks(evidence_of(world(6)), quick=False, checks=(_Raises(KeyError("typo")),))


def test_an_error_inside_a_refit_is_named() -> None:
    def fails(design: Design) -> Floats:
        raise EstimationError(Problem(what="A fold lacks an arm.", why="w", fix="f"))

    refits = (PlaceboTreatment(), RandomCommonCause(), SubsetStability())
    results = run_checks(evidence_of(world(7), refit=fails), quick=False, checks=refits)
    assert [result.finding for result in results] == ["Not run: A fold lacks an arm."] * 3


def test_scored_units_that_the_design_lacks_are_an_error() -> None:
    evidence = evidence_of(world(8))
    scores = replace(
        evidence.scores, gamma=evidence.scores.gamma[:5], unit=evidence.design.unit[:5] + 1e6
    )
    with pytest.raises(EstimationError, match="5 scored units are not in the design"):
        analysed_rows(replace(evidence, scores=scores))


def test_a_ratio_is_judged_by_its_numerator() -> None:
    evidence = evidence_of(
        world(9),
        outcomes=[{"column": "y"}, {"column": "z"}],
        ratios=[{"name": "r", "numerator": "z", "denominator": "y", "role": "primary"}],
    )
    assert primary_outcome(evidence.spec) == "z"


def test_three_arms_pass_through_every_check() -> None:
    w = world(10, customers=300, probability=(0.4, 0.3, 0.3))
    odds = {"a0": 0.4, "a1": 0.3, "a2": 0.3}
    design = {"kind": "experiment", "probability": odds}
    missing = generator(10, "missing").random(w.arm.size) < 0.02
    results = run_checks(evidence_of(w, design=design, missing=missing), quick=False)
    assert not [r.name for r in results if r.status is Status.BROKE]
    assert refit_ols(evidence_of(w).design).shape == (2, 1)


def test_words_for_numbers() -> None:
    assert (amount(0.00012345), amount(12_345.6), listed(["a"])) == ("0.00012", "12,346", "a")
    assert conclude(CHECKS[0], Status.HELD, "Fine.").statistic is None
