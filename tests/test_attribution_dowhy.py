"""DoWhy's attributions beside ours: the same parts, and how far a seed moves them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from dowhy import gcm
from dowhy.gcm.ml.classification import create_logistic_regression_classifier
from dowhy.gcm.ml.regression import create_linear_regressor

from tests.attribution_cases import noisy, parts, taken
from whatif.base.arrays import Floats
from whatif.base.errors import UsageError
from whatif.engines.dowhy_attribution import change_of_mean
from whatif.scenarios.attribution.attribute import attribute
from whatif.scenarios.attribution.opinion import second_opinion
from whatif.scenarios.attribution.periods import Periods

NAMES = ("mix", "treatment_share", "mechanism")


def _plain(**changes: Any) -> Periods:
    return noisy(11, clusters=6_000, ratio=False, weighted=False, **changes)


def _ours(periods: Periods) -> tuple[Floats, Floats]:
    found = parts(periods)
    return (
        np.array([found[name].estimate for name in NAMES]),
        np.array([found[name].std_error for name in NAMES]),
    )


def _theirs(periods: Periods, *, draws: int, seed: int = 0) -> Floats:
    units = periods.units
    return change_of_mean(units.period, periods.cell, units.arm, units.top, draws=draws, seed=seed)


@pytest.mark.parametrize("arms", [2, 3])
def test_the_robust_attribution_finds_our_parts_whatever_its_seed(arms: int) -> None:
    periods = _plain(arms=arms)
    estimate, error = _ours(periods)
    draws = _theirs(periods, draws=6)
    assert (np.abs(draws.mean(axis=0) - estimate) < 0.2 * error).all()
    assert (draws.std(axis=0, ddof=1) < 0.5 * error).all()
    assert draws.sum(axis=1) == pytest.approx(np.full(6, estimate.sum()), abs=0.2 * error.min())
    assert (np.sign(draws.mean(axis=0)) == np.sign(estimate)).all()


def test_the_sampling_attribution_moves_with_its_seed_by_more_than_our_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("dowhy.gcm.config.show_progress_bars", False)
    periods = _plain(arms=2, cells=3)
    _, error = _ours(periods)
    draws = np.array([_sampled(periods, seed) for seed in range(6)])
    assert (draws.std(axis=0, ddof=1) > error).any()


def _sampled(periods: Periods, seed: int) -> list[float]:
    """DoWhy's distribution_change on the same graph, with the change of a mean for its measure."""
    units = periods.units
    names = ("segment", "arm", "outcome")
    rows = pd.DataFrame(
        {
            "segment": np.array(["a", "b", "c"])[periods.cell],
            "arm": np.array(["x", "z"])[units.arm],
            "outcome": units.top,
        }
    )
    edges = [("segment", "arm"), ("segment", "outcome"), ("arm", "outcome")]
    model = gcm.ProbabilisticCausalModel(nx.DiGraph(edges))
    model.set_causal_mechanism("segment", gcm.EmpiricalDistribution())
    model.set_causal_mechanism("arm", gcm.ClassifierFCM(create_logistic_regression_classifier()))
    model.set_causal_mechanism("outcome", gcm.AdditiveNoiseModel(create_linear_regressor()))
    gcm.util.general.set_random_seed(seed)
    found = gcm.distribution_change(
        model,
        rows[units.period == 0],
        rows[units.period == 1],
        "outcome",
        difference_estimation_func=lambda old, new: float(np.mean(new) - np.mean(old)),
        independence_test=lambda one, other: 0.0,
        conditional_independence_test=lambda one, other, given: 0.0,
        shapley_config=gcm.shapley.ShapleyConfig(n_jobs=1),
    )
    return [float(found[name]) for name in names]


def _position() -> str:
    """Where numpy's global generator stands."""
    return repr(np.random.get_state(legacy=False))  # noqa: NPY002


def test_asking_twice_gives_the_same_and_leaves_the_callers_random_numbers(
    capfd: pytest.CaptureFixture[str],
) -> None:
    periods = _plain(n=2_000, arms=2)
    before = _position()
    one = _theirs(periods, draws=2)
    assert _position() == before
    assert (_theirs(periods, draws=2) == one).all()
    assert (_theirs(periods, draws=1, seed=1) == one[1]).all()
    assert capfd.readouterr() == ("", "")


def test_a_second_opinion_says_how_far_it_is_apart() -> None:
    periods = _plain(arms=2)
    found = attribute(periods, level=0.95)
    ours, error = _ours(periods)
    told = second_opinion(periods, found, seed=0)
    assert [one.part for one in told] == list(NAMES)
    for one, estimate, wide in zip(told, ours, error, strict=True):
        assert one.apart == pytest.approx(abs(one.estimate - estimate) / wide)
        assert one.apart is not None and one.apart < 0.3  # noqa: PT018
        assert 0 < one.seed_sd < wide
    alone = _plain(arms=2, cells=1)
    told = second_opinion(alone, attribute(alone, level=0.95), seed=0)
    assert told[0].apart is None
    assert abs(told[0].estimate) < 1e-3 * _ours(alone)[1][2]  # folds are averaged, not added


def test_a_second_opinion_is_refused_where_dowhy_has_none() -> None:
    plain = _plain(arms=2)
    absent = taken(plain, np.flatnonzero((plain.units.period == 1) | (plain.cell > 0)))
    weighted = replace(plain, units=replace(plain.units, weight=1.0 + plain.units.top**2))
    for periods, match in (
        (noisy(1), "a ratio is not a mean"),
        (weighted, "units are weighted"),
        (absent, "absent from a period"),
    ):
        with pytest.raises(UsageError, match=match):
            second_opinion(periods, attribute(periods, level=0.95), seed=0)
