"""How often does a range miss the truth in at least one of twenty weekly looks?

Customers are assigned and come back: 4,000 sessions of 1,000 customers over twenty weeks, errors
with correlation .3 within a customer. Scores are those of known nuisances, so that only the looks
are tested. Formulas are written out here for all looks of a log at once;
``tests/test_effects_looks.py`` holds them to `whatif.effects.looks.ranges` on single logs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from scipy import stats

from whatif.base.arrays import Bools, Floats, Ints
from whatif.base.rng import generator
from whatif.effects.looks.anytime import UNITS_PLANNED
from whatif.effects.looks.critical import anytime_critical, boundaries, spent
from whatif.effects.looks.rules import FIRST_LOOK_CLUSTERS

SESSIONS, CUSTOMERS, LOOKS = 4_000, 1_000, 20
ALIKE, EFFECT, ALPHA = 0.3, 0.2, 0.05
PEEKING = "plain clustered interval, every week"
ONCE = "plain clustered interval, once at the end"
ROWS = "anytime, errors by row"
ANYTIME = "anytime, clustered"
SCHEDULED_ROWS = "scheduled, errors by row"
SCHEDULED = "scheduled, clustered"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Log:
    """One simulated log of n sessions.

    Attributes
    ----------
    customer, week : ndarray of int64, shape (n,)
        Codes from 0.
    arm : ndarray of int64, shape (customers,)
        Arm of each customer.
    gain : ndarray, shape (n,)
        Score of arm 1 minus score of arm 0; its mean is the effect.
    """

    customer: Ints
    week: Ints
    arm: Ints
    gain: Floats


def draw(seed: int) -> Log:
    """Draw a log whose true effect is `EFFECT`."""
    rng = generator(seed, "weekly looks")
    customer = rng.integers(0, CUSTOMERS, SESSIONS)
    arm = rng.integers(0, 2, CUSTOMERS)
    own = np.sqrt(ALIKE) * rng.standard_normal(CUSTOMERS)
    error = own[customer] + np.sqrt(1 - ALIKE) * rng.standard_normal(SESSIONS)
    return Log(
        customer=customer,
        week=rng.integers(0, LOOKS, SESSIONS),
        arm=arm,
        gain=EFFECT + np.where(arm[customer] == 1, 2.0, -2.0) * error,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sums:
    """What every look needs, from the first with enough customers on; J looks.

    Attributes
    ----------
    first : int
        The first look, from 0.
    off : ndarray, shape (J,)
        Estimate minus truth.
    covariance : ndarray, shape (J, J)
        Of the estimates across looks, clustered.
    by_row : ndarray, shape (J,)
        Variance of the estimate had every session been a customer of its own.
    units, fewest : ndarray, shape (J,)
        Sessions; customers of the smaller arm.
    """

    first: int
    off: Floats
    covariance: Floats
    by_row: Floats
    units: Floats
    fewest: Ints


def sums_of(log: Log) -> Sums:
    """Sum a log by customer up to each look."""
    cell = log.customer * LOOKS + log.week
    shape, size = (CUSTOMERS, LOOKS), CUSTOMERS * LOOKS
    count = np.bincount(cell, minlength=size).reshape(shape).cumsum(axis=1)
    total = np.bincount(cell, log.gain, size).reshape(shape).cumsum(axis=1)
    square = np.bincount(log.week, log.gain**2, LOOKS).cumsum()
    seen = np.stack([(count[log.arm == a] > 0).sum(axis=0) for a in (0, 1)])
    first = int(np.argmax(seen.min(axis=0) >= FIRST_LOOK_CLUSTERS))
    units = count.sum(axis=0).astype(np.float64)
    mean = total.sum(axis=0) / units
    influence = (total - count * mean) / units
    clusters = seen.sum(axis=0)
    factor = np.sqrt(clusters / (clusters - 1))
    scaled = (influence * factor)[:, first:]
    return Sums(
        first=first,
        off=mean[first:] - EFFECT,
        covariance=scaled.T @ scaled,
        by_row=((square - units * mean**2) / units**2)[first:],
        units=units[first:],
        fewest=seen.min(axis=0)[first:],
    )


def halves(sums: Sums) -> dict[str, Floats]:
    """Half-widths of each kind of range at every look; infinite where it is not read."""
    error = np.sqrt(np.diag(sums.covariance))
    plain = stats.t.ppf(1 - ALPHA / 2, sums.fewest - 1) * error
    once = np.where(np.arange(error.size) == error.size - 1, plain, np.inf)
    worth = sums.units * sums.by_row / error**2
    return {
        ONCE: once,
        PEEKING: plain,
        ROWS: _anytime(sums.units) * np.sqrt(sums.by_row),
        ANYTIME: _anytime(worth) * error,
        SCHEDULED_ROWS: _independent(sums.first) * np.sqrt(sums.by_row),
        SCHEDULED: _scheduled(sums, error),
    }


@cache
def _independent(first: int) -> Floats:
    """Boundaries of weekly looks whose increments are independent."""
    fraction = np.arange(first + 1, LOOKS + 1) / LOOKS
    smaller, larger = np.minimum.outer(fraction, fraction), np.maximum.outer(fraction, fraction)
    return boundaries(np.sqrt(smaller / larger), fraction, ALPHA)


def _anytime(units: Floats) -> Floats:
    return np.array([anytime_critical(ALPHA, n / UNITS_PLANNED) for n in units])


def _scheduled(sums: Sums, error: Floats) -> Floats:
    """Half-widths of scheduled looks; not solved for a log that cannot miss.

    Boundary j is never below the one that spends all of α*(t_j) at once, so a log that stays
    within those stays within its own.
    """
    fraction = np.arange(sums.first + 1, LOOKS + 1) / LOOKS
    least: Floats = stats.norm.isf(spent(ALPHA, fraction) / 2)
    if (np.abs(sums.off) <= least * error).all():
        return least * error
    correlation = sums.covariance / np.outer(error, error)
    critical = boundaries(correlation, fraction, ALPHA)
    wide: Floats = stats.t.isf(stats.norm.sf(critical), sums.fewest - 1)
    return wide * error


def misses(seed: int) -> dict[str, bool]:
    """Whether each kind of range missed the truth at some look of one log."""
    sums = sums_of(draw(seed))
    outside: dict[str, Bools] = {k: np.abs(sums.off) > half for k, half in halves(sums).items()}
    return {kind: bool(out.any()) for kind, out in outside.items()}


def run(replications: int) -> pd.DataFrame:
    """Return the share of logs in which each kind of range missed at some look.

    Parameters
    ----------
    replications : int
        Independent logs; 4,000 take less than a minute on one core.

    Returns
    -------
    DataFrame
        Columns ``range``, ``missed``, ``mc_error``, ``allowed`` (NaN where the range makes no such
        promise), ``looks``, ``replications``.
    """
    missed = pd.DataFrame([misses(seed) for seed in range(replications)]).mean()
    promised = {ONCE, ANYTIME, SCHEDULED}
    return pd.DataFrame(
        {
            "range": missed.index,
            "missed": missed.to_numpy(),
            "mc_error": np.sqrt(missed * (1 - missed) / replications).to_numpy(),
            "allowed": [ALPHA if kind in promised else np.nan for kind in missed.index],
            "looks": [1 if kind == ONCE else LOOKS for kind in missed.index],
            "replications": replications,
        }
    )
