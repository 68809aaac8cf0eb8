"""The joint covariance against its definition: rows × cells, summed within clusters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import builders
from whatif.base.arrays import Floats
from whatif.effects.cells import Cells, cut
from whatif.effects.contrasts import Estimate, Metric
from whatif.effects.joint import Joint, joint
from whatif.effects.rest import against_rest, rest_rows
from whatif.effects.table import effect_rows
from whatif.scores.record import Scores

CUTS: tuple[tuple[tuple[str, ...], ...], ...] = (
    (),
    (("region",),),
    (("region",), ("device",)),
    (("region",), ("device",), ("region", "device")),
    (("device", "wave"), ("wave", "region"), ("wave",)),
)
ORDERS = Metric(name="converted", numerator=0)
COST_PER_ORDER = Metric(name="cost_per_order", numerator=1, denominator=0)


def scores_of(seed: int = 0, n: int = 400, clusters: int = 90) -> Scores:
    """Weighted scores of part of a population, with repeated clusters and unequal cells."""
    rng = np.random.default_rng(seed)
    columns = pd.DataFrame(
        {
            "region": rng.choice(list("abc"), n, p=[0.6, 0.3, 0.1]),
            "device": rng.choice(["m", "d"], n),
            "wave": rng.integers(0, 3, n),
        }
    )
    cluster = rng.integers(0, clusters, n)
    shift = 4.0 * (columns["region"] == "a").to_numpy()[:, None, None]
    gamma = rng.normal(size=(n, 2, 2)) + rng.normal(size=(clusters, 2, 2))[cluster] + shift + 3.0
    made = builders.scores(gamma, cluster, columns)
    return replace(
        made,
        weight=rng.uniform(0.5, 3.0, n),
        mass=rng.choice([0.0, 0.5, 1.0], n),
        y=rng.choice([0.0, 1.0], (n, 2)),
    )


def dense(scores: Scores, cells: Cells) -> tuple[Floats, Floats, Floats]:
    """Means, shares and their covariance, one influence value per row and parameter."""
    n = scores.n
    flat = scores.gamma.reshape(n, -1)
    weight = scores.weight / np.average(scores.weight * scores.mass)
    inside = np.zeros((n, len(cells.segments)))
    inside[:, 0] = 1.0
    for d in range(len(cells.dimensions)):
        inside[np.arange(n), cells.code[:, d]] = 1.0
    share = inside.T @ (weight * scores.mass) / n
    theta = inside.T @ (weight[:, None] * flat) / n / share[:, None]
    away = flat[:, None, :] - theta * scores.mass[:, None, None]
    psi = (inside / share)[:, :, None] * weight[:, None, None] * away
    of_shares = (inside - share) * (weight * scores.mass)[:, None]
    every = np.column_stack([psi.reshape(n, -1), of_shares])
    codes, cluster = np.unique(scores.cluster, return_inverse=True)
    sums = np.zeros((codes.size, every.shape[1]))
    np.add.at(sums, cluster, every)
    return theta, share, codes.size / (codes.size - 1) * sums.T @ sums / n**2


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), cuts=st.sampled_from(CUTS))
def test_means_shares_and_covariance_are_the_dense_ones(
    seed: int, cuts: tuple[tuple[str, ...], ...]
) -> None:
    scores = scores_of(seed)
    cells = cut(scores.columns, cuts)
    made = joint(scores, cells)
    theta, share, covariance = dense(scores, cells)
    np.testing.assert_allclose(made.theta.reshape(theta.shape), theta, rtol=1e-12)
    np.testing.assert_allclose(made.share, share, rtol=1e-12)
    scale = np.sqrt(np.diag(covariance))
    scale[scale < 1e-12] = 1.0  # the share of everyone is 1, without error
    unit = np.outer(scale, scale)
    np.testing.assert_allclose(made.covariance / unit, covariance / unit, atol=1e-12)


@settings(max_examples=15)
@given(seed=st.integers(0, 10_000))
def test_counts_are_those_of_the_rows(seed: int) -> None:
    scores = scores_of(seed, n=150)
    cells = cut(scores.columns, CUTS[-1])
    counts = joint(scores, cells).counts
    for d in range(len(cells.dimensions)):
        for cell in cells.of_dimension(d):
            rows = cells.code[:, d] == cell
            assert counts.units[cell] == rows.sum()
            assert counts.clusters[cell] == np.unique(scores.cluster[rows]).size
            for arm in range(2):
                got = rows & (scores.arm == arm)
                assert counts.arm_units[cell, arm] == got.sum()
                assert counts.arm_clusters[cell, arm] == np.unique(scores.cluster[got]).size
                assert (
                    counts.events[cell, arm].tolist() == (scores.y[got] != 0).sum(axis=0).tolist()
                )


def test_a_large_level_costs_no_digits() -> None:
    scores = scores_of()
    cells = cut(scores.columns, CUTS[1])
    far = replace(scores, gamma=scores.gamma + 1e7 * scores.mass[:, None, None])
    np.testing.assert_allclose(
        joint(far, cells).sigma, joint(scores, cells).sigma, rtol=1e-6, atol=1e-12
    )


def test_a_cell_without_anyone_of_the_target_has_no_mean_and_no_overlap() -> None:
    scores = scores_of(n=6_000, clusters=2_000)
    mass = np.where(scores.columns["region"] == "b", 0.0, 1.0)
    part = replace(scores, mass=mass, target="att")
    means, rows = effect_rows(part, builders.spec(segments=["region"]))
    assert np.isnan(means.theta[2]).all()
    assert np.isfinite(means.sigma).all()
    shown = {dict(r.segment)["region"]: r for r in rows.effects if r.segment}
    assert shown["b"].shown == "no_overlap"
    assert shown["a"].shown == "shown"
    assert shown["a"].target == "att"


def _mean_of(scores: Scores, metric: Metric, arm: int, rows: Floats) -> tuple[float, Floats]:
    """Mean of a metric over part of the rows with its influence values, row by row."""
    weight = scores.weight * rows
    top = scores.gamma[:, arm, metric.numerator]
    bottom = scores.mass if metric.denominator is None else scores.gamma[:, arm, metric.denominator]
    value = weight @ top / (weight @ bottom)
    return float(value), weight * (top - value * bottom) / (weight @ bottom)


@pytest.mark.parametrize("metric", [ORDERS, COST_PER_ORDER])
@settings(max_examples=15)
@given(seed=st.integers(0, 10_000))
def test_a_segment_against_the_rest_has_the_error_of_its_rows(metric: Metric, seed: int) -> None:
    scores = scores_of(seed)
    means = joint(scores, cut(scores.columns, CUTS[3]))
    for cell in (*means.cells.of_dimension(0), *means.cells.of_dimension(2)):
        made = against_rest(means, metric, cell=cell, arm=1)
        assert made is not None
        d = 0 if cell in means.cells.of_dimension(0) else 2
        inside = (means.cells.code[:, d] == cell).astype(float)
        value, influence = 0.0, np.zeros(scores.n)
        for arm, sign in ((1, 1.0), (0, -1.0)):
            for rows, side in ((inside, 1.0), (1 - inside, -1.0)):
                part = _mean_of(scores, metric, arm, rows)
                value, influence = value + sign * side * part[0], influence + sign * side * part[1]
        sums = pd.Series(influence).groupby(scores.cluster).sum()
        error = np.sqrt(len(sums) / (len(sums) - 1) * (sums**2).sum())
        assert made.value == pytest.approx(value, rel=1e-10, abs=1e-10)
        assert means.error(made.gradient) == pytest.approx(error, rel=1e-10)


def _against(means: Joint, cell: int) -> Estimate:
    made = against_rest(means, ORDERS, cell=cell, arm=1)
    assert made is not None
    return made


def test_of_two_segments_each_is_the_other_ones_rest() -> None:
    scores = scores_of()
    means = joint(scores, cut(scores.columns, (("device",),)))
    one, two = (_against(means, cell) for cell in (1, 2))
    assert one.value == pytest.approx(-two.value, rel=1e-10)
    assert means.error(one.gradient) == pytest.approx(means.error(two.gradient), rel=1e-10)


def test_rest_rows_stand_only_where_the_test_of_the_dimension_ran() -> None:
    rng = np.random.default_rng(3)
    n = 6_000
    columns = pd.DataFrame({"region": rng.choice(list("abc"), n), "device": "m"})
    gamma = rng.normal(size=(n, 2, 2)) + 3
    gamma[columns["region"] == "a", 1] += 1.0
    scores = builders.scores(gamma, np.arange(n) // 2, columns)
    found = effect_rows(scores, builders.spec(segments=["region", "device"]))[1]
    assert {row.segment for row in found.rest} == {(("region", level),) for level in "abc"}
    best = next(r for r in found.rest if r.outcome == "converted" and r.segment[0][1] == "a")
    assert best.estimate == pytest.approx(1.0, abs=4 * best.std_error)
    assert best.band[0] is not None
    assert best.ci[0] is not None
    assert best.band[0] < best.ci[0]
    assert best.family == "converted · expanded · region · against the rest"


def test_a_segment_that_is_everyone_has_no_rest() -> None:
    scores = scores_of()
    everyone = replace(scores, columns=scores.columns.assign(region="a"))
    means = joint(everyone, cut(everyone.columns, CUTS[1]))
    assert against_rest(means, ORDERS, cell=1, arm=1) is None
    alone = {"arm": 1, "cells": [1], "level": 0.95, "seed": 0, "family": "f"}
    assert rest_rows(means, ORDERS, **alone) == ()  # type: ignore[arg-type]
