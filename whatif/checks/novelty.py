"""Does the effect fade or grow with the days since first exposure?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np

from whatif.base.arrays import Floats, Ints
from whatif.checks.analysed import analysed_rows
from whatif.checks.conclude import conclude
from whatif.checks.evidence import Evidence
from whatif.checks.period_effects import (
    LEVEL,
    NO_TIME,
    Compared,
    Part,
    all_details,
    compare,
    compared_periods,
    judged,
    period_means,
    watched_metrics,
    worded,
)
from whatif.checks.period_words import local_days
from whatif.checks.result import CheckResult, Cost, Status
from whatif.contract.clock import read_moments
from whatif.contract.spec import StudySpec
from whatif.design.record import Design
from whatif.effects.contrasts import Metric
from whatif.scores.record import Scores
from whatif.scores.targets import TARGETS

FIRST_DAYS = 7
HALVES = ("first half of the window", "second half of the window")


def days_since_first(design: Design, spec: StudySpec) -> Ints | None:
    """Return whole days between each row and the first exposure of its cluster.

    First exposure is the study's `first_exposure` column, else the cluster's first row.

    Parameters
    ----------
    design : Design
        n rows with the study's time column.
    spec : StudySpec
        The study.

    Returns
    -------
    ndarray of int64, shape (n,), or None
        None without a time column; negative for rows before their first exposure.
    """
    moments = read_moments(spec, design.columns)
    if moments is None:
        return None
    day = local_days(moments)
    given = spec.model_copy(update={"time": spec.first_exposure, "unit": None})
    exposed = read_moments(given, design.check_columns)
    if exposed is not None:
        return day - local_days(exposed)
    first = np.full(int(design.cluster.max()) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, design.cluster, day)
    since: Ints = day - first[design.cluster]
    return since


def scores_of_halves(scores: Scores, halves: Floats, phase: Ints) -> Scores:
    """Return scores of what happened in each half of the window and in both, without a model.

    Each unit is weighted by one over the chance of its arm; the mean of its arm in its phase is
    taken off first, so that constant chances give differences of arm means.

    Parameters
    ----------
    scores : Scores
        Scores of n units and K outcomes.
    halves : ndarray, shape (n, 2, K)
        Outcomes in the first and the second half.
    phase : ndarray of int64, shape (n,)
        Phase of a ramp.

    Returns
    -------
    Scores
        3K outcomes: the first half's, the second half's, and the whole window's.
    """
    y = np.concatenate([halves[:, 0], halves[:, 1], halves.sum(axis=1)], axis=1)
    arms = len(scores.arms)
    mean = np.empty((scores.n, arms, y.shape[1]))
    phases = int(phase.max(initial=0)) + 1
    for a in range(arms):
        weight = scores.weight * (scores.arm == a)
        units = np.bincount(phase, weights=weight, minlength=phases)
        for k, column in enumerate(y.T):
            total = np.bincount(phase, weights=weight * column, minlength=phases)
            pooled = np.full(phases, total.sum() / units.sum())
            np.divide(total, units, out=pooled, where=units > 0)
            mean[:, a, k] = pooled[phase]
    gamma, mass = TARGETS[scores.target].scores(y, scores.arm, mean, scores.propensity)
    names = tuple(
        f"{name} {part}" for part in ("first", "second", "both") for name in scores.outcomes
    )
    return replace(scores, outcomes=names, y=y, gamma=gamma, mass=mass)


class Novelty:
    """Compare the effect soon after first exposure with the effect later (ruling 32).

    Where sessions are assigned: sessions in the first seven days since their customer was first
    seen against later ones. Where customers are assigned and outcomes are added up over a window:
    its first half against its second, per assigned customer, zero-filled, as a share of the
    control's level in that half, because everybody's visits thin out after the first; ratios as
    differences. The statistic is the smallest p-value (Holm).
    """

    code: ClassVar[str] = "WI-NOV-01"
    name: ClassVar[str] = "novelty"
    cost: ClassVar[Cost] = Cost.VIEW
    integrity: ClassVar[bool] = False
    what: ClassVar[str] = "Whether the effect fades or grows with the days since first exposure."
    why: ClassVar[str] = (
        "What is new draws attention for a while; an effect that fades is smaller in the long run "
        "than this study says."
    )
    blind: ClassVar[str] = (
        "A change slower than the study is long, and whether customers change or other customers "
        "come back."
    )
    fix: ClassVar[str] = (
        "Run until the effect stays level, decide on the later effect, and look for a sale or "
        "season that fell on the early days."
    )

    def run(self, evidence: Evidence) -> CheckResult:
        """Compare early with late, by the way units were assigned."""
        design, spec = evidence.design, evidence.spec
        if design.halves is not None:
            return self._concluded(_halves_compared(evidence, design.halves), HALVES)
        days = days_since_first(design, spec)
        unfit = _unfit(evidence, days)
        if days is None or unfit is not None:
            return conclude(self, *(unfit or (Status.NOT_APPLICABLE, NO_TIME)))
        days = days[analysed_rows(evidence)]
        cut = min(FIRST_DAYS, (int(days.max()) + 1) // 2)
        names = ("first day" if cut == 1 else f"first {cut} days", "later")
        late = (days >= cut).astype(np.int64)
        found = compared_periods(evidence.scores, spec, late, names)
        who = spec.cluster or spec.unit or "unit"
        return self._concluded(found, (f"{names[0]} since a {who} was first seen", "days after"))

    def _concluded(self, found: Sequence[Compared], names: tuple[str, str]) -> CheckResult:
        verdict = judged(found)
        return conclude(
            self,
            verdict.status,
            verdict.because
            if verdict.worst is None
            else _finding(verdict.worst, names, verdict.because),
            statistic=verdict.p_value,
            threshold=LEVEL,
            details=all_details(found),
        )


def _unfit(evidence: Evidence, days: Ints | None) -> tuple[Status, str] | None:
    """Return why days since first exposure tell nothing here; None when they do."""
    if days is None:
        return Status.NOT_APPLICABLE, NO_TIME
    if not days.any():
        return Status.NOT_APPLICABLE, "Every row lies on the day of first exposure."
    if evidence.design.clusters_assigned:
        return Status.NOT_APPLICABLE, (
            "Whole customers are assigned without a `window`, so who comes back may hang on the "
            "arm, and later rows are not comparable."
        )
    before = int((days < 0).sum())
    if before:
        exposed = evidence.spec.first_exposure
        return Status.DID_NOT_RUN, f"Not run: {before:,} rows lie before their {exposed!r}."
    return None


def _halves_compared(evidence: Evidence, halves: Floats) -> list[Compared]:
    """Compare the halves of the window; one cell holds everyone, and outcomes hold the halves."""
    spec, rows = evidence.spec, analysed_rows(evidence)
    scores = scores_of_halves(evidence.scores, halves[rows], evidence.design.phase[rows])
    means = period_means(scores, np.zeros(scores.n, dtype=np.int64), 1)
    outcomes = len(evidence.scores.outcomes)

    def part(name: str, block: int, metric: Metric) -> Part:
        below = metric.denominator
        moved = Metric(
            name=metric.name,
            numerator=metric.numerator + block * outcomes,
            denominator=None if below is None else below + block * outcomes,
        )
        return Part(name=name, cell=1, metric=moved)

    return [
        compare(
            means,
            [part(name, block, metric) for block, name in enumerate(HALVES)],
            whole=part("whole", 2, metric),
            arm=arm,
            spec=spec,
            relative=metric.denominator is None,
        )
        for metric in watched_metrics(spec)
        for arm in range(1, len(means.arms))
    ]


def _finding(worst: Compared, names: tuple[str, str], because: str) -> str:
    early, late = (worded(effect, relative=worst.relative) for effect in worst.effects)
    share = " of the control's level" if worst.relative else ""
    return (
        f"In the {names[0]} the effect of {worst.arm} on {worst.outcome} is {early}{share}, in the "
        f"{names[1]} {late}; {because}"
    )
