"""Cuts made after looking: false findings stay rare, intervals of those picked cover."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests import builders
from whatif.base.arrays import Floats
from whatif.effects.bands import t_critical
from whatif.effects.exploratory import exploratory_rows
from whatif.effects.rows import EffectRows
from whatif.effects.stepdown import holm, level_of_picked, step_down
from whatif.effects.table import effect_rows, metrics_of
from whatif.scores.record import Scores
from whatif.verdict.readings import readings
from whatif.verdict.record import Reading

SEGMENT = "region"
SPEC = builders.spec(segments=[SEGMENT])


def _log(seed: int = 0, n: int = 6_000, lift: float = 0.0) -> Scores:
    rng = np.random.default_rng(seed)
    columns = pd.DataFrame(
        {
            SEGMENT: rng.choice(list("ab"), n),
            "device": rng.choice(["m", "d"], n),
            "hour": rng.integers(0, 6, n),
            "week": rng.integers(0, 4, n),
        }
    )
    cluster = rng.integers(0, n // 3, n)
    gamma = rng.normal(size=(n, 2, 2)) + rng.normal(size=(n // 3, 2, 2))[cluster] + 9.0
    gamma[:, 1] += lift
    return builders.scores(gamma, cluster, columns)


def _rows(scores: Scores, *cuts: tuple[str, ...]) -> EffectRows:
    rows, tests = exploratory_rows(scores, metrics_of(SPEC), cuts, level=0.95, seed=0)
    return EffectRows(effects=rows, heterogeneity=tests, level=0.95)


def test_step_down_of_independent_effects_is_sidaks() -> None:
    raw = np.array([0.004, 0.03, 0.2, 0.6])
    exact = np.maximum.accumulate(1 - (1 - raw) ** np.array([4, 3, 2, 1]))
    np.testing.assert_allclose(step_down(raw, np.eye(4), seed=0), exact, atol=0.006)
    shuffled = step_down(raw[[2, 0, 3, 1]], np.eye(4), seed=0)
    np.testing.assert_allclose(shuffled, exact[[2, 0, 3, 1]], atol=0.006)


def test_step_down_of_one_effect_seen_five_times_is_its_own() -> None:
    adjusted = step_down(np.full(5, 0.03), np.ones((5, 5)), seed=0)
    np.testing.assert_allclose(adjusted, 0.03, atol=0.004)


def test_step_down_is_never_above_holm_nor_below_the_raw_value() -> None:
    raw = np.random.default_rng(0).uniform(size=30) ** 3
    adjusted = step_down(raw, np.eye(30) * 0.5 + 0.5, seed=0)
    assert (adjusted <= holm(raw.tolist()) + 1e-12).all()
    assert (adjusted >= raw - 1e-12).all()
    assert step_down(np.array([1e-12, 0.5]), np.eye(2), seed=0)[0] == pytest.approx(2e-12)


def _correlated(rng: np.random.Generator, draws: int, m: int) -> Floats:
    """Unit normals in groups of five that share half of their variance."""
    shared = np.repeat(rng.normal(size=(draws, m // 5)), 5, axis=1)
    return np.asarray(np.sqrt(0.5) * (shared + rng.normal(size=(draws, m))))


def _covariance(m: int) -> Floats:
    return 0.5 * np.eye(m) + 0.5 * np.kron(np.eye(m // 5), np.ones((5, 5)))


def test_under_no_effect_anything_is_found_in_a_twentieth_of_families(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("whatif.effects.stepdown._DRAWS", 2_000)
    draws, m = 800, 20
    z = _correlated(np.random.default_rng(1), draws, m)
    raw = 2 * stats.norm.sf(np.abs(z))
    found = np.mean([step_down(p, _covariance(m), seed=i).min() <= 0.05 for i, p in enumerate(raw)])
    assert found == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / draws))
    assert (raw.min(axis=1) <= 0.05).mean() > 0.4


def test_intervals_of_picked_effects_miss_a_twentieth_and_plain_ones_far_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("whatif.effects.stepdown._DRAWS", 2_000)
    rng = np.random.default_rng(2)
    draws, m = 400, 20
    truth = np.where(np.arange(m) < 5, 1.5, 0.0)
    missed, plain = [], []
    for z in truth + _correlated(rng, draws, m):
        picked = step_down(2 * stats.norm.sf(np.abs(z)), _covariance(m), seed=0) <= 0.05
        away = np.abs(z - truth)[picked]
        level = level_of_picked(0.95, picked=int(picked.sum()), tried=m)
        missed.append((away > stats.norm.ppf(0.5 + level / 2)).mean() if picked.any() else 0.0)
        plain.append((away > stats.norm.ppf(0.975)).mean() if picked.any() else 0.0)
    assert np.mean(missed) <= 0.05 + 3 * np.std(missed) / np.sqrt(draws)
    assert np.mean(plain) > 2 * 0.05


def test_undeclared_cuts_change_nothing_that_was_planned() -> None:
    scores = _log()
    means, planned = effect_rows(scores, SPEC)
    more = builders.spec(segments=[SEGMENT], exploratory=["hour", ["device", "week"]])
    also, both = effect_rows(scores, more)
    assert both.effects[: len(planned.effects)] == planned.effects
    assert both.heterogeneity[: len(planned.heterogeneity)] == planned.heterogeneity
    assert both.rest == planned.rest
    np.testing.assert_array_equal(means.sigma, also.sigma)
    others = both.effects[len(planned.effects) :]
    assert len(others) == 3 * (6 + 8)
    assert not any(row.planned for row in others)
    assert {row.family for row in others} == {"undeclared cuts · 42 effects tried"}
    assert [t.planned for t in both.heterogeneity] == [True] * 3 + [False] * 6


def test_undeclared_cuts_read_neither_better_nor_worse() -> None:
    found = _rows(_log(lift=1.0), ("hour",))
    assert all(row.p_value is not None and row.p_value < 0.01 for row in found.effects[:6])
    assert set(readings(found, SPEC)) == {Reading.NOT_CLEAR}


def test_p_values_count_every_cut_tried() -> None:
    scores = _log(lift=0.06)
    alone = _rows(scores, ("hour",)).effects
    among = _rows(scores, ("week",), ("device", "week"), ("hour",)).effects
    again = among[-len(alone) :]
    assert [r.segment for r in again] == [r.segment for r in alone]
    for one, many in zip(alone, again, strict=True):
        assert one.estimate == many.estimate
        assert one.p_value is not None
        assert many.p_value is not None
        assert many.p_value >= one.p_value
    assert sum(r.p_value or 0.0 for r in again) > sum(r.p_value or 0.0 for r in alone)


def test_the_interval_has_the_level_of_those_picked() -> None:
    found = _rows(_log(lift=0.2), ("hour",)).effects
    picked = sum(row.p_value is not None and row.p_value <= 0.05 for row in found)
    assert 0 < picked < len(found)
    row = found[0]
    expected = t_critical(1 - 0.05 * picked / len(found), row.df)
    assert row.critical == pytest.approx(expected, rel=1e-12)
    assert row.estimate is not None
    assert row.std_error is not None
    assert row.ci == row.band
    assert row.ci[1] == pytest.approx(row.estimate + expected * row.std_error, rel=1e-12)


def test_small_cells_are_not_tried() -> None:
    scores = _log()
    hour = scores.columns["hour"].where(np.arange(scores.n) > 30, 99)
    few = replace(scores, columns=scores.columns.assign(hour=hour))
    rows = {r.segment: r for r in _rows(few, ("hour",)).effects if r.outcome == "converted"}
    small = rows[("hour", 99),]
    assert small.shown == "suppressed"
    assert small.p_value is None
    assert small.ci == (None, None)
    assert "18 effects tried" in small.family


def test_the_test_of_difference_is_adjusted_for_every_undeclared_cut() -> None:
    scores = _log(seed=4)
    alone = _rows(scores, ("hour",)).heterogeneity
    among = _rows(scores, ("hour",), ("week",), ("device",)).heterogeneity[: len(alone)]
    for one, many in zip(alone, among, strict=True):
        assert one.statistic == pytest.approx(many.statistic)
        assert (many.p_value or 0.0) >= (one.p_value or 0.0)
