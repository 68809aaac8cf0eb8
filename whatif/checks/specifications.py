"""One estimand under other choices: estimator, covariates, learners, population."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from whatif.base.arrays import Bools, Floats, Ints
from whatif.base.errors import OverlapError
from whatif.checks.analysed import rows_of
from whatif.checks.evidence import Evidence
from whatif.checks.refitting import Subsample, clustered_variance
from whatif.design.record import Design
from whatif.scores.executor import side_by_side
from whatif.scores.record import Scores
from whatif.scores.surfaces import outcome_means
from whatif.scores.targets import TARGETS

MOST_LEFT_OUT = 6
TRIMMED = (0.05, 0.1)
GLM = "glm"
OWN, NONE = "all covariates", "no covariates"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Specification:
    """One way of estimating the effect of every arm on the primary outcome; A arms, n rows.

    Attributes
    ----------
    estimator : str
        ``"doubly robust"``, ``"weighting"`` or ``"regression"``.
    covariates, learners : str
        What was adjusted for and by which models, in words.
    trimmed : float
        Units with a chance of some arm below this, or above one minus it, are left out.
    n : int
        Units that enter.
    estimate, std_error : ndarray, shape (A − 1,)
        Arm minus control, and its clustered error; NaN where the estimator has none.
    influence : ndarray, shape (n, A − 1), or None
        Influence value of every row of the subsample, zero where a row does not enter.
    comparable : bool
        Whether it should agree with the study's own estimate: the same population, and
        covariates that suffice if the study's do.
    """

    estimator: str
    covariates: str
    learners: str
    trimmed: float
    n: int
    estimate: Floats
    std_error: Floats
    influence: Floats | None
    comparable: bool

    @property
    def name(self) -> str:
        """The choices in words."""
        everyone = f"chances {self.trimmed:g} to {1 - self.trimmed:g}" if self.trimmed else ""
        parts = (self.estimator, self.learners, self.covariates, everyone)
        return ", ".join(part for part in parts if part)


def specifications(evidence: Evidence, sample: Subsample) -> tuple[Specification, ...]:
    """Estimate under every choice, the study's own first; what overlap rules out is left out.

    Learners, estimators and trimming vary with the study's covariates, covariates with the doubly
    robust GLM. In an experiment leaving covariates out must not matter; in past data it shows what
    each one does.

    Parameters
    ----------
    evidence : Evidence
        The run.
    sample : Subsample
        Rows to fit.

    Raises
    ------
    OverlapError
        If nobody is left under the study's own choice.
    """
    design = sample.design
    learners = evidence.spec.learners
    choices = [(learners, OWN, design)]
    if len(learners) > 1:
        choices += [((name,), OWN, design) for name in learners]
    randomised = design.kind == "experiment"
    choices += [((GLM,), words, smaller) for words, smaller in _smaller(design, nothing=randomised)]
    others = (partial(_fit, evidence, one, chosen) for chosen, _, one in choices[1:])
    fits: list[Callable[[], Scores | None]] = [
        partial(evidence.rescore, design, learners),
        *others,
    ]
    found: list[Specification] = []
    for (chosen, words, one), scores in zip(choices, side_by_side(fits), strict=True):
        if scores is None:
            continue
        kept = rows_of(one, scores)
        made = _of_scores(scores, kept=kept, cluster=sample.cluster, words=words, learners=chosen)
        if words == OWN:
            found += made
        else:
            found.append(replace(next(made), comparable=randomised))
    return tuple(found)


def gap_errors(one: Specification, own: Specification, cluster: Ints) -> Floats:
    """Return the clustered error of the difference of two estimates on the same rows, (A − 1,)."""
    if one.influence is None or own.influence is None:
        return np.full(own.estimate.shape, np.nan)
    gap = one.influence - own.influence
    return np.sqrt([clustered_variance(column, cluster) for column in gap.T])


def _fit(evidence: Evidence, design: Design, learners: tuple[str, ...]) -> Scores | None:
    """Return the scores, None where nobody is left inside the overlap rule."""
    try:
        return evidence.rescore(design, learners)
    except OverlapError:
        return None


def _smaller(design: Design, *, nothing: bool) -> Iterator[tuple[str, Design]]:
    features = design.features
    if nothing:
        yield (
            NONE,
            replace(design, features=features.only(np.zeros(len(features.names), dtype=bool))),
        )
    if len(features.names) > 1:
        for j, name in enumerate(features.names[:MOST_LEFT_OUT]):
            rest = np.arange(len(features.names)) != j
            yield f"without {name}", replace(design, features=features.only(rest))


def _of_scores(
    scores: Scores, *, kept: Ints, cluster: Ints, words: str, learners: tuple[str, ...]
) -> Iterator[Specification]:
    """Yield the estimators that one score table holds, whole and trimmed."""
    models = "" if words == NONE else " and ".join(learners)
    whole = np.ones(scores.n, dtype=bool)
    for trimmed in (0.0, *TRIMMED):
        chance = TARGETS[scores.target].judged(scores.propensity)
        inside = whole if trimmed == 0.0 else _inside(chance, trimmed)
        if trimmed and (inside.all() or not _both_arms(scores, inside)):
            continue
        for estimator, influence_of in _ESTIMATORS:
            made = influence_of(scores, inside)
            if made is None:
                continue
            estimate, influence = made
            spread = None
            error = np.full(estimate.shape, np.nan)
            if influence is not None:
                spread = np.zeros((cluster.size, estimate.size))
                spread[kept[inside]] = influence * (cluster.size / inside.sum())
                error = np.sqrt([clustered_variance(one, cluster) for one in spread.T])
            yield Specification(
                estimator=estimator,
                covariates=words,
                learners=models,
                trimmed=trimmed,
                n=int(inside.sum()),
                estimate=estimate,
                std_error=error,
                influence=spread,
                comparable=estimator == "doubly robust" and trimmed == 0.0,
            )


def _inside(chance: Floats, trimmed: float) -> Bools:
    return np.asarray(((chance >= trimmed) & (chance <= 1 - trimmed)).all(axis=1))


def _both_arms(scores: Scores, inside: Bools) -> bool:
    counts = np.bincount(scores.arm[inside], minlength=len(scores.arms))
    return bool((counts > 1).all())


Estimated = tuple[Floats, Floats | None]


def _doubly_robust(scores: Scores, inside: Bools) -> Estimated | None:
    gamma, mass = scores.gamma[inside, :, 0], scores.mass[inside]
    return _against_control(*_means(gamma, mass[:, None], scores.weight[inside]))


def _weighting(scores: Scores, inside: Bools) -> Estimated | None:
    """Compare means of the arms, each unit weighted by the target's tilt over its own chance."""
    chance, arm = scores.propensity[inside], scores.arm[inside]
    own = (arm[:, None] == np.arange(len(scores.arms))) / chance
    weight = own * TARGETS[scores.target].tilt(chance)[:, None]
    return _against_control(*_means(weight * scores.y[inside, :1], weight, scores.weight[inside]))


def _regression(scores: Scores, inside: Bools) -> Estimated | None:
    """Compare average predictions: no error follows, because the models' own is not counted."""
    if scores.target != "ate":
        return None
    mean = outcome_means(
        gamma=scores.gamma[inside],
        y=scores.y[inside],
        arm=scores.arm[inside],
        propensity=scores.propensity[inside],
    )[:, :, 0]
    theta = np.average(mean, axis=0, weights=scores.weight[inside])
    return theta[1:] - theta[0], None


def _means(total: Floats, share: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Return ``Σ w·total / Σ w·share`` by arm and its influence values."""
    mass = (weight[:, None] * share).sum(axis=0)
    theta = (weight[:, None] * total).sum(axis=0) / mass
    return theta, weight[:, None] * (total - theta * share) * (weight.size / mass)


def _against_control(theta: Floats, influence: Floats) -> Estimated:
    return theta[1:] - theta[0], influence[:, 1:] - influence[:, [0]]


_ESTIMATORS: tuple[tuple[str, Callable[[Scores, Bools], Estimated | None]], ...] = (
    ("doubly robust", _doubly_robust),
    ("weighting", _weighting),
    ("regression", _regression),
)
