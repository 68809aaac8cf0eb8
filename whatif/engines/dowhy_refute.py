"""DoWhy's refuters as plain loops: arrays in, one row of estimates per simulation out.

DoWhy 0.14 permutes rows, samples rows and adds a column of independent noise per row. Handed one
row per unit of assignment or per cluster, these become the right operations for repeated
customers; the caller's function maps the row-wise answer back to sessions and fits. DoWhy's own
p-values are not used: they are one-sided below 100 simulations and two-sided from 100 on.

DoWhy cannot permute within strata, so :func:`placebo_within` does that itself.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd

from whatif.base.arrays import Floats, Ints

_TREATMENT, _OUTCOME, _ROW = "arm", "outcome", "row"


def placebo(arm: Ints, estimate: Callable[[Ints], Floats], *, draws: int, seed: int) -> Floats:
    """Estimate again after shuffling arms over units of assignment.

    Parameters
    ----------
    arm : ndarray of int64, shape (U,)
        Arm of each unit of assignment.
    estimate : callable
        ``estimate(arm) -> (m,)`` for a shuffled `arm`.
    draws : int
        Simulations.
    seed : int
        Seed of DoWhy's generator.

    Returns
    -------
    ndarray, shape (draws, m)
    """
    from dowhy.causal_refuters.placebo_treatment_refuter import (
        PlaceboType,
        refute_placebo_treatment,
    )

    def simulated(frame: pd.DataFrame) -> Floats:
        return estimate(frame["placebo"].to_numpy(dtype=np.int64))

    frame = pd.DataFrame({_TREATMENT: arm, _OUTCOME: 0.0})
    return _collect(
        simulated,
        lambda estimand, start: refute_placebo_treatment(
            data=frame,
            target_estimand=estimand,
            estimate=start,
            treatment_names=[_TREATMENT],
            num_simulations=draws,
            placebo_type=PlaceboType.PERMUTE,
            random_state=np.random.RandomState(seed),
            n_jobs=1,
        ),
        frame,
    )


def placebo_within(
    arm: Ints, stratum: Ints, estimate: Callable[[Ints], Floats], *, draws: int, seed: int
) -> Floats:
    """Estimate again after shuffling arms over units of assignment, each within its stratum.

    Our own loop with the interface of :func:`placebo`: in a ramp the chances change between
    phases, and DoWhy's shuffle over all rows would break the link between arm and chance.

    Parameters
    ----------
    arm, stratum : ndarray of int64, shape (U,)
        Arm and stratum of each unit of assignment.
    """
    rng = np.random.default_rng(seed)
    places = np.argsort(stratum, kind="stable")
    found = []
    for _ in range(draws):
        shuffled = np.empty_like(arm)
        shuffled[places] = arm[np.lexsort((rng.random(arm.size), stratum))]
        found.append(estimate(shuffled))
    return np.array(found)


def placebo_redrawn(
    chance: Floats, estimate: Callable[[Ints], Floats], *, draws: int, seed: int
) -> Floats:
    """Estimate again after drawing the arm of each unit from its own known chances, shape (U, A).

    For logged chances, where every unit may have its own and there is no stratum to shuffle in.
    """
    rng = np.random.default_rng(seed)
    upper = np.cumsum(chance, axis=1)[:, :-1]
    return np.array(
        [
            estimate((rng.random((len(chance), 1)) > upper).sum(axis=1).astype(np.int64))
            for _ in range(draws)
        ]
    )


def random_common_cause(
    rows: int, estimate: Callable[[Floats], Floats], *, draws: int, seed: int
) -> Floats:
    """Estimate again with a column of independent noise, one value per cluster.

    Parameters
    ----------
    rows : int
        Number of clusters.
    estimate : callable
        ``estimate(noise) -> (m,)`` for standard normal `noise`, shape (rows,).
    draws : int
        Simulations.
    seed : int
        Seed of DoWhy's generator.

    Returns
    -------
    ndarray, shape (draws, m)
    """
    from dowhy.causal_refuters.random_common_cause import refute_random_common_cause

    def simulated(frame: pd.DataFrame) -> Floats:
        return estimate(frame["w_random"].to_numpy(dtype=np.float64))

    frame = pd.DataFrame({_TREATMENT: np.zeros(rows), _OUTCOME: 0.0})
    return _collect(
        simulated,
        lambda estimand, start: refute_random_common_cause(
            data=frame,
            target_estimand=estimand,
            estimate=start,
            num_simulations=draws,
            random_state=np.random.RandomState(seed),
            n_jobs=1,
        ),
        frame,
    )


def subsets(
    rows: int,
    estimate: Callable[[Ints], Floats],
    *,
    share: float,
    draws: int,
    seed: int,
) -> Floats:
    """Estimate again on random subsets of clusters.

    Parameters
    ----------
    rows : int
        Number of clusters C.
    estimate : callable
        ``estimate(kept) -> (m,)`` for the kept clusters, codes in 0 … C − 1.
    share : float
        Share of clusters kept; ``round(share · C)`` of them.
    draws : int
        Simulations.
    seed : int
        Seed of DoWhy's generator.

    Returns
    -------
    ndarray, shape (draws, m)
    """
    from dowhy.causal_refuters.data_subset_refuter import refute_data_subset

    def simulated(frame: pd.DataFrame) -> Floats:
        return estimate(frame[_ROW].to_numpy(dtype=np.int64))

    frame = pd.DataFrame({_TREATMENT: np.zeros(rows), _OUTCOME: 0.0, _ROW: np.arange(rows)})
    return _collect(
        simulated,
        lambda estimand, start: refute_data_subset(
            data=frame,
            target_estimand=estimand,
            estimate=start,
            subset_fraction=share,
            num_simulations=draws,
            random_state=np.random.RandomState(seed),
            n_jobs=1,
        ),
        frame,
    )


def _collect(
    simulated: Callable[[pd.DataFrame], Floats],
    refute: Callable[[Any, Any], object],
    frame: pd.DataFrame,
) -> Floats:
    """Run a refuter on an estimator that hands every simulated frame to `simulated`."""
    from dowhy.causal_estimator import CausalEstimate, CausalEstimator
    from dowhy.causal_identifier.identified_estimand import IdentifiedEstimand

    found: list[Floats] = []
    estimand = IdentifiedEstimand(
        None,
        treatment_variable=[_TREATMENT],
        outcome_variable=[_OUTCOME],
        backdoor_variables={"backdoor": []},
        default_backdoor_id="backdoor",
        identifier_method="backdoor",
    )

    def estimated(value: float) -> CausalEstimate:
        return CausalEstimate(frame, [_TREATMENT], [_OUTCOME], value, estimand, None, 0, 1)

    class Callback(CausalEstimator):  # type: ignore[misc]
        _effect_modifier_names: tuple[str, ...] = ()
        _target_units = "ate"

        def fit(self, data: pd.DataFrame, effect_modifier_names: object = None) -> Callback:  # noqa: ARG002
            return self

        def estimate_effect(self, data: pd.DataFrame, **_: object) -> CausalEstimate:
            found.append(simulated(data))
            return estimated(float(found[-1][0]))

    start = estimated(0.0)
    start.add_estimator(Callback(estimand))
    with _quiet():
        refute(estimand, start)
    return np.array(found)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what DoWhy says about its own p-value, which is not used."""
    log = logging.getLogger("dowhy.causal_refuter")
    before = log.level
    log.setLevel(logging.ERROR)  # it warns that fewer than 100 simulations are taken as normal
    try:
        with np.errstate(divide="ignore", invalid="ignore"):  # it divides by a spread that may be 0
            yield
    finally:
        log.setLevel(before)
