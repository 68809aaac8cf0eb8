"""DoWhy's multiply robust attribution of a change in a mean, with tables in place of learners.

DoWhy 0.14 has two attributions. ``distribution_change`` draws samples from fitted mechanisms, and
its parts move between seeds by about a standard error; it is not called here. The robust one
averages over the rows themselves, and only the split of rows in folds is left to chance: it is
drawn several times. Its default learners are linear in the codes of segments and arms, so it gets
tables of means, which are exact on a few cells. Its Shapley values seed numpy's global generator,
which is put back.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pandas as pd

from whatif.base.arrays import Floats, Ints
from whatif.engines.dowhy_loading import load_dowhy
from whatif.engines.threads import one_blas_thread

_SEGMENT, _ARM, _OUTCOME = "1 segment", "2 arm", "3 outcome"
"""In DoWhy's order of causes, which goes by name among equals."""

_LEAST_CHANCE = 1e-6
"""Below this DoWhy crops the chance that a unit is of the later period."""


def change_of_mean(
    period: Ints, segment: Ints, arm: Ints, outcome: Floats, *, draws: int, seed: int
) -> Floats:
    """Split the change of a mean over segments, arms given segments, and outcomes given both.

    Parameters
    ----------
    period : ndarray of 0 and 1, shape (n,)
        The later period is 1; each cell of segment and arm must occur in both.
    segment, arm : ndarray of int64, shape (n,)
        Codes from 0.
    outcome : ndarray, shape (n,)
        What changed.
    draws : int
        How often the rows are split in five folds.
    seed : int
        Seed of the first split; the others follow it.

    Returns
    -------
    ndarray, shape (draws, 3)
        Contributions of segments, arms and outcomes; they add up to the change nearly, not exactly,
        because folds are averaged.

    References
    ----------
    Quintas-Martínez, Bahadori, Santiago, Mu & Heckerman (2024), Multiply-Robust Causal Change
    Attribution, ICML, PMLR 235, section 2.5.
    """
    import networkx as nx

    arms = int(arm.max()) + 1
    rows = pd.DataFrame(
        {_SEGMENT: segment.astype(np.float64), _ARM: arm.astype(np.float64), _OUTCOME: outcome}
    )
    edges = [(_SEGMENT, _ARM), (_SEGMENT, _OUTCOME), (_ARM, _OUTCOME)]
    found = []
    with _left_as_found(), one_blas_thread(), warnings.catch_warnings():
        # Whether each cell has enough of both periods is settled before this is asked.
        warnings.filterwarnings("ignore", message=r"min P\(T = 1")
        from dowhy.gcm import ProbabilisticCausalModel
        from dowhy.gcm.distribution_change_robust import distribution_change_robust
        from dowhy.gcm.shapley import ShapleyConfig

        for draw in range(draws):
            parts = distribution_change_robust(
                ProbabilisticCausalModel(nx.DiGraph(edges)),
                rows[period == 0],
                rows[period == 1],
                _OUTCOME,
                split_random_state=seed + draw,
                regressor=lambda: _Table(arms),
                classifier=lambda: _Table(arms),
                crop=_LEAST_CHANCE,
                shapley_config=ShapleyConfig(n_jobs=1),
            )
            found.append([float(parts[node]) for node in (_SEGMENT, _ARM, _OUTCOME)])
    return np.array(found)


class _Table:
    """Mean by segment, or by segment and arm; the overall mean where no row was seen."""

    def __init__(self, arms: int) -> None:
        self._arms = arms
        self._means: Floats = np.zeros(0)
        self._overall = 0.0

    def fit(self, features: Floats, target: Floats) -> None:
        """Take the mean of `target` in each cell."""
        code, values = self._code(features), np.ravel(target).astype(np.float64)
        seen = np.bincount(code)
        self._overall = float(values.mean())
        self._means = np.full(seen.size, self._overall)
        np.divide(np.bincount(code, weights=values), seen, out=self._means, where=seen > 0)

    def predict(self, features: Floats) -> Floats:
        """Return the mean of each row's cell, shape (n,)."""
        code = self._code(features)
        known = code < self._means.size
        return np.where(known, self._means[np.where(known, code, 0)], self._overall)

    def predict_probabilities(self, features: Floats) -> Floats:
        """Return the chance of 0 and of 1, shape (n, 2)."""
        later = self.predict(features)
        return np.column_stack([1.0 - later, later])

    def _code(self, features: Floats) -> Ints:
        whole = features.astype(np.int64)
        return whole[:, 0] if whole.shape[1] == 1 else whole[:, 0] * self._arms + whole[:, 1]


@contextmanager
def _left_as_found() -> Iterator[None]:
    """Keep DoWhy from printing, and from leaving the caller other random numbers."""
    load_dowhy()
    from dowhy.gcm import config

    numpy_state, python_state = np.random.get_state(), random.getstate()  # noqa: NPY002
    bars = config.show_progress_bars
    config.show_progress_bars = False
    try:
        yield
    finally:
        config.show_progress_bars = bars
        np.random.set_state(numpy_state)  # noqa: NPY002
        random.setstate(python_state)
