"""The product of both models' errors: known by hand, quiet when sound, loud when both bend."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.benchmarks.checks_rows import with_models
from tests.checks_evidence import evidence_of, world
from whatif.checks.nuisance_calibration import NuisanceCalibration, product_of_errors, project
from whatif.checks.result import Status


def test_projection_is_least_squares_with_its_clustered_error() -> None:
    rng = np.random.default_rng(0)
    x = np.column_stack([np.ones(500), rng.normal(size=500)])
    y = x @ [1.0, 2.0] + rng.normal(size=500)
    coefficients, influence = project(y, x, np.ones(500))
    assert coefficients == pytest.approx(np.linalg.lstsq(x, y, rcond=None)[0])
    left = y - x @ coefficients
    inverse = np.linalg.inv(x.T @ x)
    sandwich = inverse @ (x * left[:, None] ** 2).T @ x @ inverse
    assert influence.T @ influence / 500**2 == pytest.approx(sandwich)


def test_a_planted_product_of_errors_is_found() -> None:
    rng = np.random.default_rng(1)
    n = 400_000
    x = rng.normal(size=n)
    predicted, truth = 1 / (1 + np.exp(-0.5 * x)), 1 / (1 + np.exp(-0.5 * x - 0.1 * (x**2 - 1)))
    got = (rng.random(n) < truth).astype(np.float64)
    y = x + 0.2 * (x**2 - 1) + rng.normal(size=n)
    made = product_of_errors(
        got=got, chance=predicted, y=y, mean=x, fold=np.zeros(n, dtype=np.int64),
        weight=np.ones(n), cluster=np.arange(n),
    )  # fmt: skip
    exact = float(((predicted - truth) / predicted * (-0.2) * (x**2 - 1)).mean())
    error = float(made.influence.std()) / n**0.5
    assert abs(made.bias - exact) < 3 * error + 0.02 * abs(exact)
    assert error < 0.1 * exact


def test_sound_models_hold_and_bent_confounding_breaks() -> None:
    held = NuisanceCalibration().run(with_models(1, customers=3_000))
    assert held.status is Status.HELD
    assert "could have been seen" in held.finding
    broke = NuisanceCalibration().run(with_models(2, curve=0.3))
    assert broke.status is Status.BROKE
    assert broke.details[0].estimate < 0.5


def test_what_was_not_modelled_is_not_applicable() -> None:
    known = NuisanceCalibration().run(evidence_of(world(3, customers=200)))
    assert known.status is Status.NOT_APPLICABLE
    assert "Chances follow from the assignment" in known.finding
    bare = evidence_of(world(3, customers=200, columns=0), kind="observational")
    assert NuisanceCalibration().run(bare).status is Status.NOT_APPLICABLE


def test_few_clusters_or_averaged_folds_do_not_run() -> None:
    few = evidence_of(world(4, customers=40), kind="observational")
    assert "50 needed" in NuisanceCalibration().run(few).finding
    evidence = with_models(4, customers=200)
    twice = replace(evidence.scores, repeats=np.repeat(evidence.scores.repeats, 2, axis=0))
    result = NuisanceCalibration().run(replace(evidence, scores=twice))
    assert result.status is Status.DID_NOT_RUN
    assert "no single prediction is kept" in result.finding
