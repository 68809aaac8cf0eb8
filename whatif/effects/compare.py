"""Any comparison of joint means: pairs of arms, of segments, sums, and ratios of sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from whatif.effects.bands import sup_t, t_critical
from whatif.effects.contrasts import Estimate, Term, total
from whatif.effects.fieller import IntervalSet, Shape
from whatif.effects.joint import Joint
from whatif.effects.minimum import enough_for_interval, has_mean, shown
from whatif.effects.ratio_sets import interval_of, ratio_of
from whatif.effects.rows import Ends, Segment, Shown
from whatif.scores.record import Target

Kind = Shape | Literal["none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One comparison, by index into a `Joint`, with the names it is asked under.

    Attributes
    ----------
    outcome, arm, versus : str
        What is compared; the arms are empty for a sum that was written out.
    segment, minus : tuple of (column, level)
        The segment, and the one taken off it; empty for everyone and for none.
    terms : tuple of Term
        What is added up.
    per : tuple of Term
        What the sum is divided by; empty for nothing.
    """

    outcome: str
    arm: str
    versus: str
    segment: Segment
    minus: Segment
    terms: tuple[Term, ...]
    per: tuple[Term, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ContrastRow:
    """The answer to one comparison.

    Attributes
    ----------
    outcome, arm, versus, segment, minus
        As in `Question`.
    n, clusters : int
        Units and clusters of the segments compared; of the smallest where there are several.
    estimate, std_error : float or None
        None where an arm does not occur, or there is nothing to divide by.
    ci : (low, high)
        Interval of this comparison alone; None is unbounded. For ``"rays"`` these are the ends of
        the gap that the data rule out.
    kind : str
        ``"interval"``, or ``"rays"``, ``"all"``, ``"empty"`` for a ratio whose denominator may be
        zero, and ``"none"`` below ten clusters an arm, where there is no interval.
    band : (low, high) or None
        Simultaneous over all rows of one question asked by segment; None where there is one row, or
        a sum is divided by another.
    critical : float or None
        Critical value behind `ci`.
    df : int
        Degrees of freedom, counted in the smallest cell compared.
    shown : str
        As in `EffectRow`: ``"suppressed"`` numbers are too uncertain to pass on.
    target : str
        Whom the number speaks of.
    """

    outcome: str
    arm: str
    versus: str
    segment: Segment
    minus: Segment
    n: int
    clusters: int
    estimate: float | None
    std_error: float | None
    ci: Ends
    kind: Kind
    band: Ends | None
    critical: float | None
    df: int
    shown: Shown
    target: Target


def compare(
    means: Joint, questions: Sequence[Question], *, level: float, seed: int
) -> tuple[ContrastRow, ...]:
    """Answer comparisons from the joint means; several of them also share a band.

    Parameters
    ----------
    means : Joint
        Joint means over the cells that the questions name.
    questions : sequence of Question
        One, or one per segment.
    level, seed : float, int
        Coverage of intervals and of the band, and the study's seed.

    References
    ----------
    Fieller (1954), Journal of the Royal Statistical Society B 16(2), 175–185, for a sum over a sum.
    """
    statuses = [_status(means, question) for question in questions]
    critical = _band(means, questions, statuses, level=level, seed=seed)
    return tuple(
        _row(means, question, status, level=level, wide=critical)
        for question, status in zip(questions, statuses, strict=True)
    )


def _places(question: Question) -> list[tuple[int, int]]:
    return sorted({(term.cell, term.arm) for term in (*question.terms, *question.per)})


def _status(means: Joint, question: Question) -> Shown:
    worst = {
        shown(means, term.metric, term.cell, (term.arm,))
        for term in (*question.terms, *question.per)
    }
    return next(s for s in ("no_overlap", "suppressed", "shown") if s in worst)


def _divided(means: Joint, question: Question) -> tuple[Estimate, Estimate | None, Estimate] | None:
    """Return the sum, what it is divided by, and the result; None where one cannot be had."""
    every = (*question.terms, *question.per)
    if not all(has_mean(means, term.metric, term.cell, (term.arm,)) for term in every):
        return None
    top = total(means, question.terms)
    if not question.per:
        return top, None, top
    bottom = total(means, question.per)
    if bottom.value == 0.0:
        return None
    ratio = top.value / bottom.value
    gradient = (top.gradient - ratio * bottom.gradient) / bottom.value
    return top, bottom, Estimate(value=ratio, gradient=gradient)


def _band(
    means: Joint,
    questions: Sequence[Question],
    statuses: Sequence[Shown],
    *,
    level: float,
    seed: int,
) -> float | None:
    pairs = zip(questions, statuses, strict=True)
    visible = [question for question, status in pairs if status == "shown"]
    if len(questions) == 1 or not visible or any(question.per for question in visible):
        return None
    df = min(means.degrees_of(_places(question)) for question in visible)
    if df == 0:
        return None
    gradients = np.stack([total(means, question.terms).gradient for question in visible])
    return sup_t(gradients @ means.sigma @ gradients.T, level=level, df=df, seed=seed)


def _row(
    means: Joint, question: Question, status: Shown, *, level: float, wide: float | None
) -> ContrastRow:
    places = _places(question)
    cells = [cell for cell, _ in places]
    made, df = _divided(means, question), means.degrees_of(places)
    honest = made is not None and df > 0 and enough_for_interval(means, places)
    critical = t_critical(level, df) if honest else None
    found = None if critical is None else _interval(means, question, critical)
    band = (
        interval_of(means, question.terms, wide).ends
        if wide is not None and honest and status == "shown"
        else None
    )
    return ContrastRow(
        outcome=question.outcome,
        arm=question.arm,
        versus=question.versus,
        segment=question.segment,
        minus=question.minus,
        n=int(means.counts.units[cells].min()),
        clusters=int(means.counts.clusters[cells].min()),
        estimate=None if made is None else made[2].value,
        std_error=None if made is None else means.error(made[2].gradient),
        ci=(None, None) if found is None else found.ends,
        kind="none" if found is None else found.kind,
        band=band,
        critical=critical,
        df=df,
        shown=status,
        target=means.target,
    )


def _interval(means: Joint, question: Question, critical: float) -> IntervalSet:
    if not question.per:
        return interval_of(means, question.terms, critical)
    return ratio_of(means, total(means, question.terms), total(means, question.per), critical)
