"""Intervals of sums of means and ratios, also where a denominator is close to zero."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from whatif.base.arrays import Floats
from whatif.effects.contrasts import Estimate, Metric, Term, mean, total
from whatif.effects.fieller import IntervalSet, fieller
from whatif.effects.joint import Joint

NEAR_ZERO = 0.05
"""Above this ``(critical · error / mean)²`` of a denominator the delta method is not used."""

UNBOUNDED = IntervalSet(kind="all", ends=(None, None))


def interval_of(means: Joint, terms: Sequence[Term], critical: float) -> IntervalSet:
    """Return the values of ``Σ coefficient · mean`` that the data do not rule out.

    The delta method, unless some ratio's denominator is close to zero. A single ratio then has
    Fieller's set. Several have the interval that recovers each one's uncertainty from its own
    Fieller limits and joins them with their correlation; it is unbounded as soon as one of them is.

    Parameters
    ----------
    means : Joint
        Joint means.
    terms : sequence of Term
        What is added up.
    critical : float
        Two-sided critical value.

    References
    ----------
    Fieller (1954), Journal of the Royal Statistical Society B 16(2), 175–185; Zou & Donner (2008),
    Statistics in Medicine 27(10), 1693–1702.
    """
    sum_of = total(means, terms)
    if not any(_near_zero(means, term, critical) for term in terms):
        return _plain(sum_of, means, critical)
    if len(terms) == 1:
        return _scaled(_own_set(means, terms[0], critical), terms[0].coefficient)
    limits = [_own_set(means, term, critical) for term in terms]
    if any(own.kind != "interval" for own in limits):
        return UNBOUNDED
    parts = [mean(means, term.metric, cell=term.cell, arm=term.arm) for term in terms]
    weights = np.array([term.coefficient for term in terms])
    values = weights * np.array([part.value for part in parts])
    ends = weights[:, None] * np.array([own.ends for own in limits], dtype=np.float64)
    below, above = values - ends.min(axis=1), ends.max(axis=1) - values
    gradients = weights[:, None] * np.stack([part.gradient for part in parts])
    correlation = _correlation(gradients @ means.sigma @ gradients.T)
    low, high = (float(np.sqrt(max(d @ correlation @ d, 0.0))) for d in (below, above))
    return IntervalSet(kind="interval", ends=(sum_of.value - low, sum_of.value + high))


def ratio_of(means: Joint, top: Estimate, bottom: Estimate, critical: float) -> IntervalSet:
    """Return Fieller's set for one number over another."""
    pair = np.stack([top.gradient, bottom.gradient])
    spread = pair @ means.sigma @ pair.T
    variances = (float(spread[0, 0]), float(spread[1, 1]), float(spread[0, 1]))
    return fieller(top.value, bottom.value, variances=variances, critical=critical)


def _plain(made: Estimate, means: Joint, critical: float) -> IntervalSet:
    half = critical * means.error(made.gradient)
    return IntervalSet(kind="interval", ends=(made.value - half, made.value + half))


def _parts(means: Joint, term: Term) -> tuple[Estimate, Estimate | None]:
    name, index = term.metric.name, term.metric.denominator
    top = Metric(name=name, numerator=term.metric.numerator)
    above = mean(means, top, cell=term.cell, arm=term.arm)
    if index is None:
        return above, None
    bottom = Metric(name=name, numerator=index)
    return above, mean(means, bottom, cell=term.cell, arm=term.arm)


def _near_zero(means: Joint, term: Term, critical: float) -> bool:
    _, bottom = _parts(means, term)
    if bottom is None:
        return False
    return (critical * means.error(bottom.gradient)) ** 2 > NEAR_ZERO * bottom.value**2


def _own_set(means: Joint, term: Term, critical: float) -> IntervalSet:
    top, bottom = _parts(means, term)
    return (
        _plain(top, means, critical) if bottom is None else ratio_of(means, top, bottom, critical)
    )


def _scaled(own: IntervalSet, factor: float) -> IntervalSet:
    ends = [None if end is None else factor * end for end in own.ends]
    if factor < 0:
        ends.reverse()
    return IntervalSet(kind=own.kind, ends=(ends[0], ends[1]))


def _correlation(covariance: Floats) -> Floats:
    error = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    scale = np.where(error > 0, error, 1.0)
    return np.asarray(covariance / np.outer(scale, scale))
