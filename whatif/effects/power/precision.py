"""The law of an estimate with more or fewer data, and what it can see: closed forms."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, Self

from scipy import optimize, stats

from whatif.contract.spec import OutcomeSpec, RatioSpec
from whatif.effects.looks.critical import anytime_critical

SEEN = 0.8
"""Chance with which the smallest visible effect is seen."""

_MOST_TIMES = 1e9


class Critical(Protocol):
    """A two-sided critical value that depends on how much data there are."""

    def at(self, times: float, df: float) -> float:
        """Return the value with `times` the data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """A normal critical value carried to Student's t, as for one look, a band or a schedule."""

    normal: float

    @classmethod
    def of(cls, critical: float, df: float) -> Self:
        """Return the normal value behind one of Student's t."""
        return cls(normal=float(stats.norm.isf(stats.t.sf(critical, df))))

    def at(self, times: float, df: float) -> float:  # noqa: ARG002
        """Return ``t⁻¹(Φ(c))``."""
        return float(stats.t.isf(stats.norm.sf(self.normal), df))


@dataclass(frozen=True, slots=True, kw_only=True)
class AtAnyTime:
    """The critical value of a confidence sequence; `progress` is that of the data at hand."""

    alpha: float
    progress: float

    def at(self, times: float, df: float) -> float:  # noqa: ARG002
        """Return the value with `times` the data."""
        return anytime_critical(self.alpha, self.progress * times)


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """An estimate around its true value: Student's t times an error, read with a range ± half.

    Attributes
    ----------
    error, half_width : float
        Of the estimate and of the range that is read, in the outcome's unit.
    df : float
        Degrees of freedom.
    """

    error: float
    half_width: float
    df: float

    def reach(self, chance: float = SEEN) -> float:
        """Return the distance between truth and mark that the range leaves out with `chance`."""
        return self.half_width + float(stats.t.ppf(chance, self.df)) * self.error

    def passes(self, distance: float) -> float:
        """Return the chance that the range leaves out a mark at `distance` from the truth."""
        return float(stats.t.sf((self.half_width - distance) / self.error, self.df))

    def below(self, estimate: float, *, truth: float) -> float:
        """Return the chance of an estimate below this one."""
        return float(stats.t.cdf((estimate - truth) / self.error, self.df))


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """How exactly an effect is measured, with these data or a multiple of them.

    Attributes
    ----------
    still : float
        Variance of the estimate that no effect moves.
    moved : float
        Variance of the arm's own mean, which moves with the effect where `share` is given.
    share : float or None
        Baseline of a yes-or-no outcome, whose variance is ``p (1 − p)``; None leaves it alone.
    clusters : float
        Degrees of freedom plus one.
    critical : Critical
        Two-sided critical value.
    """

    still: float
    moved: float = 0.0
    share: float | None = None
    clusters: float
    critical: Critical

    def law(self, effect: float = 0.0, *, times: float = 1.0) -> Law:
        """Return the law of the estimate at a true effect, with `times` the data."""
        df = max(self.clusters * times - 1, 1.0)
        error = math.sqrt((self.still + self.moved * self._growth(effect)) / times)
        return Law(error=error, half_width=self.critical.at(times, df) * error, df=df)

    def _growth(self, effect: float) -> float:
        if self.share is None or not 0 < self.share < 1:
            return 1.0
        moved = min(max(self.share + effect, 0.0), 1.0)
        return moved * (1 - moved) / (self.share * (1 - self.share))

    def smallest(self, sign: float = 1.0) -> float | None:
        """Return the smallest effect seen with a chance of 80 %, as a size.

        ``(c + t⁻¹(.8)) · error``, with the error that the effect itself makes. None where no
        share of a yes-or-no outcome can move that far in the direction `sign`.

        References
        ----------
        Bloom (1995), Minimum detectable effects, Evaluation Review 19(5), 547–556.
        """
        if self.share is None:
            return self.law().reach()
        most = 1 - self.share if sign > 0 else self.share

        def short(size: float) -> float:
            return self.law(sign * size).reach() - size

        return None if short(most) > 0 else float(optimize.brentq(short, 0.0, most, xtol=1e-12))

    def times(self, distance: float, effect: float = 0.0) -> float | None:
        """Return the multiple of the data with which a range leaves out a mark in 80 %.

        Parameters
        ----------
        distance : float
            From the true effect to the mark, positive.
        effect : float
            The true effect, signed.
        """

        def short(log_times: float) -> float:
            return math.log(self.law(effect, times=math.exp(log_times)).reach() / distance)

        most = math.log(_MOST_TIMES)
        if short(most) > 0 or short(-most) < 0:
            return None
        return math.exp(float(optimize.brentq(short, -most, most, xtol=1e-9)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a study wants to see of a metric.

    Attributes
    ----------
    distance : float
        From the true effect to the mark that the range should leave out.
    effect : float
        True effect, signed.
    """

    distance: float
    effect: float


def good_sign(metric: OutcomeSpec | RatioSpec) -> float:
    """Return 1 where higher is better, −1 where lower is."""
    return 1.0 if metric.better == "higher" else -1.0


def asked_of(metric: OutcomeSpec | RatioSpec, effect: float | None = None) -> Asked | None:
    """Return what a study wants to see: `effect` or what matters; no harm beyond a limit.

    None where the study names neither a difference that matters nor a limit.
    """
    if effect is None and metric.role == "guardrail" and metric.limit is not None:
        return Asked(distance=metric.limit, effect=0.0)
    size = metric.matters_from if effect is None else effect
    return None if size is None else Asked(distance=size, effect=good_sign(metric) * size)
