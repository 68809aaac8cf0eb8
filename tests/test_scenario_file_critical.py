"""Ranges of a reader who looks for the answer that pleases: closed forms, laws, coverage."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from tests import sheet_cases as cases
from whatif.base.arrays import Floats
from whatif.effects.bands import t_critical
from whatif.scenarios.sheet.build import rollout_critical
from whatif.scenarios.sheet.critical import cone_critical, span_critical
from whatif.scenarios.sheet.evaluate import State, base_state, evaluate
from whatif.scenarios.sheet.record import Sheet, Worth


def _covariance(size: int, seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(size + 2, size)) * rng.uniform(0.1, 10, size)
    return np.asarray(root.T @ root)


def test_one_estimate_has_students_value_and_a_whole_space_scheffes() -> None:
    one = cone_critical(np.array([[3.0]]), ((0,),), level=0.95, df=12, seed=0)
    assert one.critical == pytest.approx(t_critical(0.95, 12), rel=1e-9)
    signs = np.concatenate([np.eye(3), -np.eye(3)])  # each estimate with both signs: all of R³
    whole = cone_critical(signs @ signs.T, (tuple(range(6)),), level=0.9, df=25, seed=0)
    assert whole.rank == 3
    assert whole.critical == pytest.approx(np.sqrt(3 * stats.f.ppf(0.9, 3, 25)), rel=1e-6)
    assert whole.mc_error < 1e-6


def test_published_values_of_scheffe() -> None:
    """F .05 of 2 and 10, and of 3 and 20, degrees of freedom: 4.10 and 3.10 in every table."""
    assert span_critical(0.95, rank=2, df=10) == pytest.approx(np.sqrt(2 * 4.10), abs=0.003)
    assert span_critical(0.95, rank=3, df=20) == pytest.approx(np.sqrt(3 * 3.10), abs=0.003)


def test_two_independent_estimates_agree_with_the_integral_over_the_quadrant() -> None:
    """Half of all directions lie in the quadrant or opposite; the others project to an axis."""

    def covered(c: float) -> float:
        inside = stats.chi2.cdf(c**2, 2)
        aside = integrate.quad(
            lambda angle: stats.chi2.cdf((c / max(np.cos(angle), np.sin(angle))) ** 2, 2),
            0.0,
            np.pi / 2,
            points=[np.pi / 4],
        )[0] / (np.pi / 2)
        return float((inside + aside) / 2)

    made = cone_critical(np.eye(2), ((0, 1),), level=0.95, df=10**7, seed=4)
    assert covered(made.critical) == pytest.approx(0.95, abs=0.0015)
    assert abs(covered(made.critical + 4 * made.mc_error) - 0.95) > 0.0015  # the test can fail
    apart = cone_critical(np.eye(2), ((0,), (1,)), level=0.95, df=10**7, seed=4)
    assert apart.critical == pytest.approx(
        stats.norm.ppf((1 + np.sqrt(0.95)) / 2), abs=4 * apart.mc_error
    )


@settings(max_examples=6)
@given(size=st.integers(1, 6), seed=st.integers(0, 500), df=st.integers(9, 400))
def test_between_student_and_scheffe_and_more_choice_costs_more(
    size: int, seed: int, df: int
) -> None:
    covariance = _covariance(size, seed)
    group = tuple(range(size))
    made = cone_critical(covariance, (group,), level=0.95, df=df, seed=seed)
    assert made.critical >= t_critical(0.95, df) * (1 - 1e-9)
    assert made.critical <= span_critical(0.95, rank=made.rank, df=df) * (1 + 1e-9)
    apart = cone_critical(covariance, tuple((i,) for i in group), level=0.95, df=df, seed=seed)
    assert apart.critical <= made.critical * (1 + 1e-9)
    scaled = np.diag(np.arange(1.0, size + 1))
    again = cone_critical(scaled @ covariance @ scaled, (group,), level=0.95, df=df, seed=seed)
    assert again.critical == pytest.approx(made.critical, abs=6 * made.mc_error + 1e-6)


def test_the_monte_carlo_error_is_what_seeds_differ_by() -> None:
    covariance, group = _covariance(4, 1), tuple(range(4))
    made = [cone_critical(covariance, (group,), level=0.95, df=60, seed=s) for s in range(12)]
    spread = np.std([one.critical for one in made], ddof=1)
    assert 0.5 < spread / made[0].mc_error < 1.7


@pytest.mark.parametrize("df", [15, 400])
def test_the_worst_combination_that_a_search_finds_is_covered(df: int) -> None:
    """A search of its own, by projected gradient over many draws at once."""
    covariance, draws = _covariance(6, 2), 6_000
    made = cone_critical(covariance, (tuple(range(6)),), level=0.95, df=df, seed=3)
    rng = np.random.default_rng(9)
    scale = np.sqrt(df / rng.chisquare(df, draws))
    z = rng.multivariate_normal(np.zeros(6), covariance, draws) * scale[:, None]
    worst = np.maximum(_search(z, covariance), _search(-z, covariance))
    sure = np.sqrt(0.95 * 0.05 / draws)
    assert np.mean(worst <= made.critical) == pytest.approx(0.95, abs=3.5 * sure)
    assert np.mean(worst <= t_critical(0.95, df)) < 0.8


def _search(z: Floats, covariance: Floats) -> Floats:
    """Return the largest ``λᵀz / √(λᵀΣλ)`` found over λ ≥ 0, by draw."""
    unit = np.sqrt(np.diag(covariance))
    correlation, z = covariance / np.outer(unit, unit), z / unit
    step = 1.0 / np.linalg.eigvalsh(correlation).max()
    weight = np.maximum(z, 1e-3)
    for _ in range(800):  # ascends λᵀz − λᵀΣλ / 2, whose best λ has the best ratio
        weight = np.maximum(weight + step * (z - weight @ correlation), 0.0)
    gain = (weight * z).sum(axis=1)
    error = np.sqrt(((weight @ correlation) * weight).sum(axis=1))
    return np.asarray(np.divide(gain, error, out=np.zeros_like(gain), where=error > 0))


def test_prices_that_pull_apart_cost_more_than_prices_that_go_together() -> None:
    """Orders and cost move together: their difference has directions that their sum has not."""
    file = cases.sheet()
    assert file.worth is not None

    def critical(worth: Worth | None) -> float:
        return rollout_critical(replace(file, worth=worth), seed=0).critical

    apart = critical(file.worth)
    together = critical(replace(file.worth, per=(18.0, 1.0)))
    alone = critical(None)
    assert alone < together < apart


def test_readers_who_pick_the_best_looking_scenario_are_covered() -> None:
    """All rollouts to whole segments, three prices, two mixes; orders, cost, ratio and profit."""
    truth = cases.sheet()
    root = np.linalg.cholesky(
        truth.covariance[:-1, :-1] + 1e-18 * np.eye(len(truth.covariance) - 1)
    )
    states = []
    for given_to in product((0.0, 1.0), repeat=len(truth.cells)):
        rollout = np.column_stack([1 - np.array(given_to), given_to])
        worth = truth.worth.per if truth.worth else (0.0, 0.0)
        for price, mix in ((18.0, None), (4.0, None), (40.0, (1, np.array([0.3, 0.7])))):
            base = replace(base_state(truth), rollout=rollout, mix=mix)
            states.append(replace(base, per=np.array([price, worth[1]])))
    states = [state for state in states if state.rollout[:, 1].any()]
    at_truth = np.array([_estimates(truth, state) for state in states])
    rng, worst = np.random.default_rng(0), []
    for _ in range(40):
        noise = root @ rng.normal(size=len(root))
        share = truth.share + np.append(noise[truth.theta.size :], -noise[truth.theta.size :].sum())
        theta = truth.theta + noise[: truth.theta.size].reshape(truth.theta.shape)
        drawn = replace(truth, theta=theta, share=share)
        made = [evaluate(drawn, state).results for state in states]
        gap = np.array([[one.estimate for one in results] for results in made]) - at_truth
        worst.append(np.abs(gap / [[one.std_error for one in results] for results in made]).max())
    critical = truth.critical
    assert critical.rollout is not None
    assert critical.declared is not None
    assert np.mean(np.array(worst) <= critical.rollout) >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / 40)
    assert np.mean(np.array(worst) <= critical.declared) < 0.75


def _estimates(file: Sheet, state: State) -> list[float | None]:
    return [one.estimate for one in evaluate(file, state).results]
