"""Effects in periods that time cuts, and whether they differ by more than luck."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import special, stats

from whatif.base.arrays import Floats, Ints
from whatif.checks.assignment import POWER
from whatif.checks.conclude import amount, listed
from whatif.checks.period_words import signed
from whatif.checks.result import Detail, Status
from whatif.contract.spec import StudySpec, metric_name
from whatif.effects.bands import t_critical
from whatif.effects.cell_effect import CellEffect
from whatif.effects.cells import Cells
from whatif.effects.contrasts import Contrast, Estimate, Metric
from whatif.effects.heterogeneity import equality_test
from whatif.effects.joint import Joint, joint
from whatif.effects.minimum import LEAST_CLUSTERS, LEAST_EVENTS, LEAST_ORDERS
from whatif.effects.table import metrics_of
from whatif.scores.record import Scores

LEVEL = 0.01
FAULT = 2.0
"""A gap matters from twice the effect, or twice what matters: nothing here, double there."""
TOO_SMALL = (
    f"fewer than {LEAST_CLUSTERS} clusters or {LEAST_EVENTS} events in an arm "
    f"({LEAST_ORDERS} orders under a ratio), or outcomes that do not vary"
)
NO_TIME = "The study names no time column."
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Where the effect in one period stands: a cell of joint means, and a metric."""

    name: str
    cell: int
    metric: Metric


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodEffect:
    """An effect in one period as it is compared with other periods.

    Attributes
    ----------
    detail : Detail
        The effect in the metric's unit.
    value : float
        What is compared: the effect, or the effect as a share of the control's mean.
    ci : (float, float)
        Interval of `value` at the study's level.
    """

    detail: Detail
    value: float
    ci: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One arm's effect on one metric in several periods, held against each other.

    Attributes
    ----------
    about : str
        What cuts the periods, such as an event; empty where the check says so.
    outcome, arm : str
        Which effect.
    primary : bool
        Whether the metric is the study's primary one.
    relative : bool
        Whether shares of the control's mean are compared.
    effects : tuple of PeriodEffect
        Periods with enough data.
    left_out : tuple of str
        Periods with too little.
    p_value : float or None
        Of the hypothesis that all effects are equal; None where no test is honest.
    df : (int, int)
        Degrees of freedom of the F test.
    apart : float
        Standard error of the gap between the period seen worst and the others.
    fault : float
        The gap that would matter.
    """

    about: str
    outcome: str
    arm: str
    primary: bool
    relative: bool
    effects: tuple[PeriodEffect, ...]
    left_out: tuple[str, ...]
    p_value: float | None
    df: tuple[int, int]
    apart: float
    fault: float

    def visible(self, alpha: float) -> float:
        """Return the gap of one period from the rest that a test at `alpha` sees half the time."""
        q, rest = self.df
        critical = stats.f.isf(alpha, q, rest) * q * (rest + q - 1) / rest
        return float(np.sqrt(special.chndtrinc(critical, q, 1 - POWER))) * self.apart


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What the comparisons of one check say together.

    Attributes
    ----------
    status : Status
        Broke where effects differ; held only if a gap that matters would have been seen.
    p_value : float or None
        Smallest p-value, adjusted for the number of comparisons (Holm).
    worst : Compared or None
        The comparison that broke, else that of the primary metric which luck explains least; None
        where nothing could be compared.
    because : str
        End of the sentence: luck, or what could have been seen.
    """

    status: Status
    p_value: float | None
    worst: Compared | None
    because: str


def watched_metrics(spec: StudySpec) -> tuple[Metric, ...]:
    """Return the primary metric and the guardrails, by index into the study's outcomes."""
    known = {metric.name: metric for metric in metrics_of(spec)}
    names = dict.fromkeys(metric_name(one) for one in (spec.primary, *spec.guardrails))
    return tuple(known[name] for name in names)


def watched(scores: Scores, spec: StudySpec) -> tuple[Scores, tuple[Metric, ...]]:
    """Return the scores of the primary metric and the guardrails only, and these metrics."""
    metrics = watched_metrics(spec)
    used = sorted({k for m in metrics for k in (m.numerator, m.denominator) if k is not None})
    if len(used) == len(scores.outcomes):
        return scores, metrics
    place = {k: i for i, k in enumerate(used)}
    narrow = replace(
        scores,
        outcomes=tuple(scores.outcomes[k] for k in used),
        gamma=scores.gamma[:, :, used],
        y=scores.y[:, used],
    )
    return narrow, tuple(
        Metric(
            name=m.name,
            numerator=place[m.numerator],
            denominator=None if m.denominator is None else place[m.denominator],
        )
        for m in metrics
    )


def period_means(scores: Scores, code: Ints, periods: int) -> Joint:
    """Return joint means of everyone, cell 0, and of each period, cells 1, 2, …

    Parameters
    ----------
    scores : Scores
        Scores of n units.
    code : ndarray of int64, shape (n,)
        Period of each unit, 0 … `periods` − 1; a period may be empty.
    periods : int
        Number of periods.
    """
    cells = Cells(
        segments=((), *((("period", p),) for p in range(periods))),
        dimensions=(("period",),),
        starts=(1,),
        code=code[:, None] + 1,
    )
    return joint(scores, cells)


def compared_periods(
    scores: Scores, spec: StudySpec, code: Ints, names: Sequence[str], *, about: str = ""
) -> list[Compared]:
    """Compare the effect of every arm on the primary metric and guardrails between periods.

    Parameters
    ----------
    scores : Scores
        Scores of n units, in which a cluster may stand in several periods.
    spec : StudySpec
        The study.
    code : ndarray of int64, shape (n,)
        Period of each unit, an index into `names`.
    names : sequence of str
        Words for the periods.
    about : str
        What cuts the periods.
    """
    scores, metrics = watched(scores, spec)
    means = period_means(scores, code, len(names))
    return [
        compare(
            means,
            [Part(name=name, cell=p + 1, metric=metric) for p, name in enumerate(names)],
            whole=Part(name="whole", cell=0, metric=metric),
            arm=arm,
            spec=spec,
            about=about,
        )
        for metric in metrics
        for arm in range(1, len(means.arms))
    ]


def compare(
    means: Joint,
    parts: Sequence[Part],
    *,
    whole: Part,
    arm: int,
    spec: StudySpec,
    relative: bool = False,
    about: str = "",
) -> Compared:
    """Test that an effect is the same in every part, by ruling 7 on the smallest part's clusters.

    Parameters
    ----------
    means : Joint
        Joint means with one clustered covariance: whoever stands in several parts ties them.
    parts : sequence of Part
        Periods to compare; those below the minimum of ruling 4 are left out and named.
    whole : Part
        Where the overall effect stands.
    arm : int
        Compared with the control.
    spec : StudySpec
        The study.
    relative : bool
        Compare shares of the control's mean.
    about : str
        What cuts the parts.
    """
    made = [(part, CellEffect.of(means, part.metric, arm, part.cell)) for part in parts]
    compared = [(part, one, _number(one, relative=relative)) for part, one in made]
    found = [(part, one, number) for part, one, number in compared if number is not None]
    values = np.array([number.value for _, _, number in found])
    gradients = np.array([number.gradient for _, _, number in found])
    covariance = gradients @ means.sigma @ gradients.T if found else np.zeros((0, 0))
    clusters = min((_clusters(one) for _, one, _ in found), default=0)
    _, p_value, df = equality_test(values, covariance, clusters=clusters)
    primary = whole.metric.name == metric_name(spec.primary)
    return Compared(
        about=about,
        outcome=whole.metric.name,
        arm=means.arms[arm],
        primary=primary,
        relative=relative,
        effects=tuple(_effect(part.name, one, number, spec.level) for part, one, number in found),
        left_out=tuple(part.name for part, _, number in compared if number is None),
        p_value=p_value,
        df=df,
        apart=_apart(covariance) if p_value is not None else np.inf,
        fault=_fault(
            CellEffect.of(means, whole.metric, arm, whole.cell).made,
            spec.primary.matters_from if primary else None,
            relative=relative,
        ),
    )


def varies(one: CellEffect) -> bool:
    """Whether an effect has the data of ruling 4 and an error that is not rounding."""
    if one.made is None or one.error is None or one.shown != "shown" or not one.interval:
        return False
    return one.error > _ROUNDING * (abs(one.made.baseline) + abs(one.made.difference))


def judged(found: Sequence[Compared]) -> Judged:
    """Judge the comparisons of one check together: one family at .01 (Holm)."""
    tested = [(one.p_value, one) for one in found if one.p_value is not None]
    if not tested:
        return Judged(
            status=Status.DID_NOT_RUN,
            p_value=None,
            worst=None,
            because=f"Too little data: {_named(found)} {_has(found)} {TOO_SMALL}.",
        )
    smallest, worst = min(tested, key=lambda pair: pair[0])
    p_value = min(1.0, len(tested) * smallest)
    if p_value < LEVEL:
        because = "luck does not explain the difference."
        return Judged(status=Status.BROKE, p_value=p_value, worst=worst, because=because)
    status, because = _seen([one for one in found if one.primary], LEVEL / len(tested))
    own = [pair for pair in tested if pair[1].primary]
    _, worst = min(own or tested, key=lambda pair: pair[0])
    return Judged(status=status, p_value=p_value, worst=worst, because=because)


def worded(effect: PeriodEffect, *, relative: bool = False) -> str:
    """Write an effect with its range, such as ``+0.021 (+0.012 to +0.03)``."""
    low, high = (signed(end, relative=relative) for end in effect.ci)
    return f"{signed(effect.value, relative=relative)} ({low} to {high})"


def all_details(found: Sequence[Compared]) -> tuple[Detail, ...]:
    """Return every line behind the comparisons."""
    return tuple(effect.detail for one in found for effect in one.effects)


def _number(one: CellEffect, *, relative: bool) -> Estimate | None:
    """Return what is compared, the effect or its share of the control's mean; None if too small."""
    made = one.made
    if made is None or not varies(one):
        return None
    if not relative:
        return Estimate(value=made.difference, gradient=made.gradient)
    events = one.means.counts.events[one.cell, [0, one.arm], one.metric.numerator]
    if made.lift is None or (events < LEAST_ORDERS).any():
        return None
    return Estimate(value=made.lift, gradient=made.lift_gradient)


def _clusters(one: CellEffect) -> int:
    counts = one.means.counts
    if one.means.clusters_assigned:
        return int(counts.arm_clusters[one.cell, [0, one.arm]].sum())
    return int(counts.clusters[one.cell])


def _effect(name: str, one: CellEffect, number: Estimate, level: float) -> PeriodEffect:
    critical = t_critical(level, one.df)
    half = critical * one.means.error(number.gradient)
    return PeriodEffect(
        detail=Detail(
            name=name,
            outcome=one.metric.name,
            arm=one.means.arms[one.arm],
            n=int(one.means.counts.units[one.cell]),
            estimate=one.made.difference if one.made else np.nan,
            ci=one.ends(critical),
        ),
        value=number.value,
        ci=(number.value - half, number.value + half),
    )


def _apart(covariance: Floats) -> float:
    """Error of the gap between one part and equal others, for the part that is seen worst."""
    others = len(covariance) - 1
    differences = np.hstack([-np.ones((others, 1)), np.eye(others)])
    spread = differences @ covariance @ differences.T
    form = differences.T @ np.linalg.pinv(spread, hermitian=True) @ differences
    return float(1.0 / np.sqrt(max(np.diag(form).min(), np.finfo(float).tiny)))


def _fault(made: Contrast | None, matters_from: float | None, *, relative: bool) -> float:
    """Return the gap that matters: twice the overall effect, or twice what matters if larger."""
    if made is None:
        return 0.0
    least = max(abs(made.difference), matters_from or 0.0)
    if not relative:
        return FAULT * least
    return FAULT * least / made.baseline if made.baseline > 0 else 0.0


def _seen(primary: Sequence[Compared], alpha: float) -> tuple[Status, str]:
    """Return whether a gap that matters in the primary metric would have been seen, in words."""
    lost = [one for one in primary if one.p_value is None or one.left_out]
    if lost:
        return Status.DID_NOT_RUN, f"too little data: {_named(lost)} {_has(lost)} {TOO_SMALL}."
    gaps = [one.visible(alpha) for one in primary]
    worst = int(np.argmax([gap - one.fault for gap, one in zip(gaps, primary, strict=True)]))
    one = primary[worst]
    gap = f"{100 * gaps[worst]:.2g} percentage points" if one.relative else amount(gaps[worst])
    if gaps[worst] > one.fault:
        return Status.DID_NOT_RUN, (
            f"too little data: only a gap of {gap} or more in {one.outcome} could have been seen."
        )
    return Status.HELD, f"a gap of {gap} in {one.outcome} could have been seen."


def _named(found: Sequence[Compared]) -> str:
    about = [f"{one.about}: " if one.about else "" for one in found]
    names = [f"{a}{name}" for a, one in zip(about, found, strict=True) for name in one.left_out]
    return listed(list(dict.fromkeys(names))) or "every period"


def _has(found: Sequence[Compared]) -> str:
    return "have" if len({name for one in found for name in one.left_out}) > 1 else "has"
