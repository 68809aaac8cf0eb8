"""Few clusters: no interval, and a test that draws the assignment again."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from tests import builders
from whatif.base.records import OverlapSummary
from whatif.effects.randomisation import randomisation_p
from whatif.effects.table import effect_rows
from whatif.scores.record import Scores


def test_few_clusters_are_counted_out_exactly() -> None:
    rng = np.random.default_rng(0)
    top, bottom = rng.normal(size=9), rng.uniform(1, 3, 9)
    treated = np.isin(np.arange(9), [0, 3, 4, 8])

    def gap(chosen: list[int]) -> float:
        rest = [i for i in range(9) if i not in chosen]
        return float(
            abs(top[chosen].sum() / bottom[chosen].sum() - top[rest].sum() / bottom[rest].sum())
        )

    seen = gap([0, 3, 4, 8])
    every = [gap(list(chosen)) >= seen - 1e-12 for chosen in combinations(range(9), 4)]
    assert randomisation_p(top, bottom, treated, seed=0) == pytest.approx(np.mean(every), abs=1e-12)
    assert randomisation_p(-top, bottom, ~treated, seed=0) == pytest.approx(np.mean(every))


def test_many_clusters_are_drawn() -> None:
    rng = np.random.default_rng(1)
    top = rng.normal(size=60)
    treated = np.arange(60) < 9
    z = 0.8 * np.sqrt(51 * 9 / 60)
    top[treated] += 0.8 - top[treated].mean() + top[~treated].mean()
    p_value = randomisation_p(top, np.ones(60), treated, seed=0)
    assert 0.0005 < p_value < 0.05
    assert z > 2
    assert p_value == randomisation_p(top, np.ones(60), treated, seed=0)


def test_under_no_effect_it_rejects_as_often_as_it_says() -> None:
    rng = np.random.default_rng(2)
    draws = 1_000
    p_values = np.array(
        [
            randomisation_p(
                rng.standard_exponential(10) ** 2, np.ones(10), np.arange(10) < 5, seed=0
            )
            for _ in range(draws)
        ]
    )
    for alpha in (0.05, 0.2):
        assert (p_values <= alpha).mean() <= alpha + 3 * np.sqrt(alpha * (1 - alpha) / draws)


def test_no_test_without_both_arms_or_a_divisor() -> None:
    assert np.isnan(randomisation_p(np.ones(4), np.ones(4), np.zeros(4, dtype=bool), seed=0))
    nothing = np.array([0.0, 0.0, 1.0, 1.0])
    treated = np.array([True, True, False, False])
    assert np.isnan(randomisation_p(np.ones(4), nothing, treated, seed=0))


def _few(*, known: bool, each: bool = True) -> Scores:
    rng = np.random.default_rng(3)
    cluster = np.repeat(np.arange(12), 50)
    columns = pd.DataFrame({"region": ["a"] * 600, "device": ["m"] * 600})
    made = builders.scores(rng.normal(size=(600, 2, 2)) + 2, cluster, columns, assigned=each)
    arm = (cluster < 6).astype(np.int64)
    y = np.column_stack([arm + 0.01 * rng.normal(size=600), np.ones(600)])
    chance = OverlapSummary(
        arm="folded", known=known, low=0.5, median=0.5, high=0.5, edges=(0.0, 1.0), counts=(600,)
    )
    return replace(made, arm=arm, y=y, overlap=(chance, chance))


def test_fewer_than_ten_clusters_an_arm_get_the_test_instead_of_an_interval() -> None:
    row = effect_rows(_few(known=True), builders.spec(segments=[]))[1].effects[0]
    assert row.ci == (None, None)
    assert row.band == (None, None)
    assert row.p_value == pytest.approx(2 / 924)


@pytest.mark.parametrize("scores", [_few(known=False), _few(known=True, each=False)])
def test_without_a_known_draw_of_clusters_there_is_no_such_test(scores: Scores) -> None:
    row = effect_rows(scores, builders.spec(segments=[]))[1].effects[0]
    assert row.p_value is None


def test_unequal_chances_are_not_drawn_again() -> None:
    scores = _few(known=True)
    chances = scores.propensity.copy()
    chances[:300] = (0.2, 0.8)
    row = effect_rows(replace(scores, propensity=chances), builders.spec(segments=[]))[1].effects[0]
    assert row.p_value is None


def test_enough_clusters_need_no_such_test() -> None:
    rng = np.random.default_rng(5)
    columns = pd.DataFrame({"region": ["a"] * 600, "device": ["m"] * 600})
    many = builders.scores(rng.normal(size=(600, 2, 2)) + 2, np.arange(600), columns, assigned=True)
    row = effect_rows(replace(many, overlap=_few(known=True).overlap), builders.spec(segments=[]))
    assert row[1].effects[0].p_value is None
    assert row[1].effects[0].ci[0] is not None
