"""What an all-knowing analyst would use on a log: the true propensity and outcome means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from whatif.base.arrays import Floats
from whatif.simulate.assign import propensity
from whatif.simulate.choice import mean_costs, option_chances
from whatif.simulate.world import URBANICITY, Context

_NODES: Final = 11


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Oracle:
    """True nuisances of n sessions that are not robots.

    Attributes
    ----------
    propensity : ndarray of float64, shape (n,)
        Chance of the expanded page in mode ``confounded``.
    mean : ndarray of float64, shape (n, 2, 2)
        Expected outcome given the measured columns: arm (folded, expanded) by outcome
        (converted, shipping_cost in USD).
    """

    propensity: Floats
    mean: Floats


def oracle(frame: pd.DataFrame) -> Oracle:
    """Return the true nuisances of a log, from its measured columns alone.

    The hidden taste is integrated out by Gauss-Hermite quadrature, exact to 1e-5; it is
    independent of every measured column, so adjusting for these columns suffices.

    Parameters
    ----------
    frame : DataFrame
        A log of `simulate_checkout`, robots already removed.
    """
    context = measured(frame)
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    mean = np.zeros((len(frame), 2, 2))
    for node, weight in zip(nodes, weights / weights.sum(), strict=True):
        taste = np.full(len(frame), node)
        cost = mean_costs(context, taste)
        for arm in (0, 1):
            chances = option_chances(context, taste, np.full(len(frame), bool(arm)))
            mean[:, arm, 0] += weight * chances.sum(axis=1)
            mean[:, arm, 1] += weight * (chances * cost).sum(axis=1)
    return Oracle(propensity=propensity(context), mean=mean)


def measured(frame: pd.DataFrame) -> Context:
    """Return the measured pre-treatment columns of a log as `Context`."""
    return Context(
        urbanicity=np.asarray(
            pd.Categorical(frame["urbanicity"], URBANICITY).codes, dtype=np.int64
        ),
        member=frame["is_member"].to_numpy(dtype=np.bool_),
        tenure_days=frame["tenure_days"].to_numpy(dtype=np.int64),
        mobile=(frame["device"] == "mobile").to_numpy(dtype=np.bool_),
        hour=frame["hour"].to_numpy(dtype=np.int64),
        week=frame["week"].to_numpy(dtype=np.int64),
        cart_value=frame["cart_value"].to_numpy(dtype=np.float64),
        distance_km=frame["distance_km"].to_numpy(dtype=np.float64),
        n_options=frame["n_options"].to_numpy(dtype=np.int64),
    )
