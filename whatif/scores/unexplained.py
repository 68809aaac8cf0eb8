"""What covariates leave of outcomes, predicted out of fold whatever the arm."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np

from whatif.base.arrays import Floats
from whatif.design.record import Design
from whatif.engines.threads import one_blas_thread
from whatif.scores.crossfit import cross_fit
from whatif.scores.executor import Threads


def unexplained(design: Design, *, seed: int) -> Floats:
    """Return every outcome minus its out-of-fold prediction by the linear model, shape (n, K).

    Arms play no part: one model a fold and outcome learns from all rows. Without covariates the
    outcomes come back as they are.

    Raises
    ------
    EstimationError
        If there are too few clusters for the folds.
    """
    if not design.features.names:
        return design.y
    together = replace(design, arms=("any",), arm=np.zeros(design.n, dtype=np.int64), known=None)
    with one_blas_thread():
        found = cross_fit(
            together,
            learners=("glm",),
            propensity=False,
            seed=seed,
            executor=Threads(os.cpu_count() or 1),
        )
    by_outcome = {one.target: one.predicted for one in found}
    return np.column_stack(
        [design.y[:, k] - by_outcome[name] for k, name in enumerate(design.outcomes)]
    )
