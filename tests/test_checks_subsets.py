"""Subset stability and the subsample that refits are made on."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tests.checks_evidence import (
    evidence_of,
    refit_means,
    world,
)
from whatif.base.arrays import Floats
from whatif.checks.refitting import MOST_ROWS, clustered_variance, subsample
from whatif.checks.result import Status
from whatif.checks.subset_stability import TOLERATED, SubsetStability, expected_scatter
from whatif.design.record import Design


def refit_on_a_tenth(design: Design) -> Floats:
    return refit_means(design.take(np.arange(0, design.n, 10)))


def test_subsets_find_a_pipeline_that_hangs_on_a_tenth_of_the_rows() -> None:
    evidence = evidence_of(world(12, customers=600), refit=refit_on_a_tenth)
    result = SubsetStability().run(evidence)
    assert result.status is Status.BROKE


def test_subset_scatter_is_what_the_clustered_variance_says() -> None:
    ratios = []
    for seed in range(12):
        w = world(seed, customers=400, by_customer=True)
        result = SubsetStability().run(evidence_of(w, assigned="customer"))
        assert result.statistic is not None
        ratios.append(TOLERATED**2 * stats.chi2.isf(result.statistic, 20) / 20)
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.25)  # sd of the mean .09


def test_subsets_of_few_clusters_with_fitted_chances_are_not_judged() -> None:
    few, enough = (
        evidence_of(world(3, customers=c, confounding=0.5), kind="observational")
        for c in (200, 400)
    )
    found = SubsetStability().run(few)
    assert found.status is Status.DID_NOT_RUN
    assert "250 needed where chances are estimated" in found.finding
    assert SubsetStability().run(enough).status is Status.HELD
    assigned = evidence_of(world(3, customers=200))
    assert SubsetStability().run(assigned).status is Status.HELD


def test_subsets_are_whole_clusters() -> None:
    sample = subsample(evidence_of(world(13, customers=100)))
    part = sample.of_clusters(np.array([3, 5]))
    assert set(part.cluster) == {3, 5}
    assert part.n == np.isin(sample.cluster, [3, 5]).sum()


def test_the_subsample_keeps_whole_clusters_and_the_rows_of_the_scores() -> None:
    evidence = evidence_of(world(14, customers=6000))
    assert evidence.design.n > MOST_ROWS
    sample = subsample(evidence)
    assert MOST_ROWS - 100 < sample.design.n <= MOST_ROWS
    kept = np.isin(evidence.design.cluster, np.unique(sample.design.cluster))
    assert kept.sum() == sample.design.n
    assert (evidence.scores.y[sample.scored] == sample.design.y).all()
    assert sample.size.startswith(f"{sample.design.n:,} rows of")


def test_expected_scatter_is_the_jackknife_of_the_mean() -> None:
    evidence = evidence_of(world(16, customers=500))
    sample = subsample(evidence)
    gain = evidence.scores.gamma[:, 1, 0] - evidence.scores.gamma[:, 0, 0]
    full = clustered_variance(gain, evidence.design.cluster)
    assert expected_scatter(evidence, sample)[0] == pytest.approx(np.sqrt(full * (500 / 400 - 1)))
