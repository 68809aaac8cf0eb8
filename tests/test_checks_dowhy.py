"""Our draws are those of DoWhy's refuters, and the defects around them are not ours."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from whatif.engines import dowhy_refute

ARM = np.repeat([0, 1, 2], [5, 3, 2]).astype(np.int64)


def stacked(draws: Iterable[NDArray[Any]]) -> NDArray[np.float64]:
    return np.array([one.astype(np.float64) for one in draws])


def as_dowhy_draws(
    refute: Callable[..., object], frame: pd.DataFrame, column: str, **settings: Any
) -> NDArray[np.float64]:
    """Run a refuter of DoWhy on an estimator that keeps a column of every simulated frame."""
    from dowhy.causal_estimator import CausalEstimate, CausalEstimator
    from dowhy.causal_identifier.identified_estimand import IdentifiedEstimand

    found: list[NDArray[np.float64]] = []
    estimand = IdentifiedEstimand(
        None,
        treatment_variable=["arm"],
        outcome_variable=["outcome"],
        backdoor_variables={"backdoor": []},
        default_backdoor_id="backdoor",
        identifier_method="backdoor",
    )

    def estimate(value: float) -> Any:
        return CausalEstimate(frame, ["arm"], ["outcome"], value, estimand, None, 0, 1)

    class Keeping(CausalEstimator):  # type: ignore[misc]
        _effect_modifier_names: tuple[str, ...] = ()
        _target_units = "ate"

        def fit(self, *_: object, **__: object) -> Any:
            return self

        def estimate_effect(self, data: pd.DataFrame, **_: object) -> Any:
            found.append(data[column].to_numpy(dtype=np.float64))
            return estimate(float(len(found)))

    start = estimate(0.0)
    start.add_estimator(Keeping(estimand))
    refute(
        data=frame,
        target_estimand=estimand,
        estimate=start,
        random_state=np.random.RandomState(3),
        n_jobs=1,
        **settings,
    )
    return np.array(found)


def test_placebo_arms_are_dowhy_s_own_draw_for_draw() -> None:
    from dowhy.causal_refuters.placebo_treatment_refuter import (
        PlaceboType,
        refute_placebo_treatment,
    )

    frame = pd.DataFrame({"arm": ARM, "outcome": 0.0})
    theirs = as_dowhy_draws(
        refute_placebo_treatment,
        frame,
        "placebo",
        treatment_names=["arm"],
        num_simulations=4,
        placebo_type=PlaceboType.PERMUTE,
    )
    assert (stacked(dowhy_refute.placebo(ARM, draws=4, seed=3)) == theirs).all()


def test_noise_and_subsets_are_dowhy_s_own_draw_for_draw() -> None:
    from dowhy.causal_refuters.data_subset_refuter import refute_data_subset
    from dowhy.causal_refuters.random_common_cause import refute_random_common_cause

    frame = pd.DataFrame({"arm": np.zeros(31), "outcome": 0.0, "row": np.arange(31)})
    noise = as_dowhy_draws(refute_random_common_cause, frame, "w_random", num_simulations=4)
    assert (stacked(dowhy_refute.random_common_cause(31, draws=4, seed=3)) == noise).all()
    kept = as_dowhy_draws(refute_data_subset, frame, "row", num_simulations=4, subset_fraction=0.8)
    assert (stacked(dowhy_refute.subsets(31, share=0.8, draws=4, seed=3)) == kept).all()


def test_placebo_shuffles_rows_and_follows_its_seed() -> None:
    draws = stacked(dowhy_refute.placebo(ARM, draws=6, seed=3))
    assert draws.shape == (6, 10)
    assert (np.sort(draws, axis=1) == ARM).all()
    assert len({row.tobytes() for row in draws}) == 6
    assert (draws == stacked(dowhy_refute.placebo(ARM, draws=9, seed=3))[:6]).all()
    assert (draws != stacked(dowhy_refute.placebo(ARM, draws=6, seed=4))).any()


def test_placebo_is_uniform_over_places() -> None:
    draws = stacked(dowhy_refute.placebo(np.arange(5), draws=500, seed=0))
    counts = np.array([np.bincount(draws[:, j].astype(int), minlength=5) for j in range(5)])
    assert ((counts - 100) ** 2 / 100).sum() < 40  # χ² on 16 degrees of freedom, .999 at 39.3


def test_placebo_within_keeps_counts_of_every_stratum() -> None:
    stratum = np.array([0, 1] * 5)
    draws = stacked(dowhy_refute.placebo_within(ARM, stratum, draws=50, seed=1))
    for s in (0, 1):
        assert (np.sort(draws[:, stratum == s], axis=1) == np.sort(ARM[stratum == s])).all()
    assert len({row.tobytes() for row in draws}) > 20
    assert (draws == stacked(dowhy_refute.placebo_within(ARM, stratum, draws=50, seed=1))).all()


def test_placebo_redrawn_follows_the_chances() -> None:
    chance = np.array([[0.2, 0.3, 0.5], [0.9, 0.1, 0.0]])
    draws = stacked(dowhy_refute.placebo_redrawn(chance, draws=4000, seed=2))
    for u in (0, 1):
        shares = np.bincount(draws[:, u].astype(int), minlength=3) / 4000
        assert shares == pytest.approx(chance[u], abs=0.03)


def test_random_common_cause_is_standard_normal_noise() -> None:
    draws = stacked(dowhy_refute.random_common_cause(2000, draws=5, seed=0))
    assert draws.shape == (5, 2000)
    assert draws.mean() == pytest.approx(0.0, abs=0.04)
    assert draws.std() == pytest.approx(1.0, abs=0.03)
    assert abs(draws[0] @ draws[1]) / 2000 < 0.1


def test_subsets_keep_the_share_without_repeats() -> None:
    draws = stacked(dowhy_refute.subsets(50, share=0.8, draws=5, seed=0))
    assert draws.shape == (5, 40)
    assert all(np.unique(row).size == 40 for row in draws)
    assert draws.min() == 0
    assert draws.max() == 49


def test_dowhys_own_p_value_is_one_sided_below_100_simulations() -> None:
    from dowhy.causal_refuter import perform_bootstrap_test, perform_normal_distribution_test

    class Zero:
        value = 0.0

    simulated = np.linspace(-1.0, 3.0, 99)
    one_sided = perform_normal_distribution_test(Zero, simulated)
    two_sided = perform_bootstrap_test(Zero, list(simulated))
    assert one_sided == pytest.approx(0.1957, abs=1e-3)  # Φ(−1 / sd), not twice it
    assert two_sided == pytest.approx(2 * 0.2525, abs=1e-3)
