"""Trimming rules and targets side by side, from the same predictions."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce

import numpy as np

from whatif.base.arrays import Floats, Ints
from whatif.contract.spec import OverlapSpec
from whatif.design.record import Design
from whatif.scores import overlap
from whatif.scores.record import Population, Scores
from whatif.scores.surfaces import outcome_means
from whatif.scores.targets import TARGETS, Predictions, TargetRule, averaged_chance, averaged_scores

CUTS = (0.1, 0.05, 0.02, 0.01, 0.0)
_TWO = 2

Units = Design | Scores


def populations_of(scores: Scores, rule: OverlapSpec) -> tuple[Population, ...]:
    """Return the table stored with the scores, or make it from them.

    Scores for everyone from one drawing of the folds still hold every prediction, so nothing was
    stored with them; see decision 15.
    """
    if scores.populations:
        return scores.populations
    mean = outcome_means(
        gamma=scores.gamma, y=scores.y, arm=scores.arm, propensity=scores.propensity
    )
    return trimming_table(scores, (Predictions(mean=mean, chance=scores.propensity),), rule)


def trimming_table(
    design: Units, rounds: tuple[Predictions, ...], rule: OverlapSpec
) -> tuple[Population, ...]:
    """Answer for everyone, for the units left by several trimming rules, and for other targets.

    The rules keep units whose chance of every arm is at least 0, .01, .02, .05 and .1 and, with
    two arms, at least the cut that minimises the variance (Crump et al.). No model is fitted again.

    Parameters
    ----------
    design : Design or Scores
        Arrays of the study, before any unit is left out.
    rounds : tuple of Predictions
        Out-of-fold predictions for its n units, one or more drawings of the folds.
    rule : OverlapSpec
        The study's own rule, which says what is an extrapolation.

    Returns
    -------
    tuple of Population
        By trimming rule from everyone to the narrowest, then ``att`` and, with two arms,
        ``overlap``.

    References
    ----------
    Crump, Hotz, Imbens & Mitnik (2009), Biometrika 96(1), 187–199.
    """
    chance = averaged_chance(rounds)
    made = [*reversed(list(_trimmed(design, rounds, chance, rule)))]
    for target in (TARGETS["att"], TARGETS["overlap"])[: 1 if len(design.arms) > _TWO else 2]:
        gamma, mass = averaged_scores(target, y=design.y, arm=design.arm, rounds=rounds)
        made.append(
            _population(
                design,
                target,
                name=target.name,
                described=overlap.target_population(target, design.population, design.arms),
                sums=_cluster_sums(design, np.arange(design.n), gamma, mass),
                outside=overlap.share_outside(
                    target,
                    kept=target.inside(chance, rule),
                    arm=design.arm,
                    weight=design.weight,
                ),
            )
        )
    return tuple(made)


def optimal_cut(chance: Floats) -> float:
    """Return the smallest chance of an arm to keep so that the variance is least, two arms.

    With ``g = 1 / (e (1 − e))`` the variance over the units kept is proportional to their mean of
    g over their number; 0 when nothing is gained by leaving units out.

    Parameters
    ----------
    chance : ndarray, shape (n, 2)
        Chance of each arm.

    References
    ----------
    Crump, Hotz, Imbens & Mitnik (2009), Biometrika 96(1), 187–199, section 3.

    Examples
    --------
    >>> optimal_cut(np.full((4, 2), 0.5))
    0.0
    """
    margin = np.sort(np.minimum(chance[:, 0], chance[:, 1]))[::-1]
    variance = np.cumsum(1.0 / (margin * (1.0 - margin))) / np.arange(1.0, margin.size + 1.0) ** 2
    last = int(np.argmin(variance))
    return 0.0 if last + 1 == margin.size else float(margin[last])


def _trimmed(
    design: Units, rounds: tuple[Predictions, ...], chance: Floats, rule: OverlapSpec
) -> Iterator[Population]:
    """Yield the average over the units each rule keeps, narrowest first, each row added once."""
    target = TARGETS["ate"]
    gamma, mass = averaged_scores(target, y=design.y, arm=design.arm, rounds=rounds)
    margin, inside = reduce(np.minimum, chance.T), target.inside(chance, rule)
    named = [(f"{cut:g}–{1 - cut:g}" if cut else "everyone", cut) for cut in CUTS]
    if len(design.arms) == _TWO:
        named.append(("optimal", optimal_cut(chance)))
    sums = np.zeros((int(design.cluster.max()) + 1, gamma[0].size + 2))
    above = np.inf
    for name, cut in sorted(named, key=lambda one: -one[1]):
        rows, above = np.flatnonzero((margin >= cut) & (margin < above)), cut
        sums += _cluster_sums(design, rows, gamma, mass)
        kept = np.asarray(margin >= cut)
        if not kept.any():
            continue
        accepted = OverlapSpec.model_construct(low=cut, high=1.0 - cut)
        yield _population(
            design,
            target,
            name=name,
            described=design.population
            if kept.all()
            else overlap.trimmed_population(
                target, design.population, kept=kept, arm=design.arm, rule=accepted
            ),
            sums=sums,
            outside=overlap.share_outside(
                target, kept=inside[kept], arm=design.arm[kept], weight=design.weight[kept]
            ),
        )


def _cluster_sums(design: Units, rows: Ints, gamma: Floats, mass: Floats) -> Floats:
    """Sum weighted scores, weighted mass and rows by cluster, shape (C, A·K + 2)."""
    weight, code = design.weight[rows], design.cluster[rows]
    flat, size = gamma.reshape(design.n, -1), int(design.cluster.max()) + 1
    summed = [
        np.bincount(code, weights=column[rows] * weight, minlength=size)
        for column in (*flat.T, mass)
    ]
    return np.column_stack([*summed, np.bincount(code, minlength=size)])


def _population(
    design: Units,
    target: TargetRule,
    *,
    name: str,
    described: str,
    sums: Floats,
    outside: float,
) -> Population:
    """Average by cluster sums; the factor C/(C − 1) is the one of every other error."""
    scores, mass, rows = sums[:, :-2], sums[:, -2], sums[:, -1]
    theta = scores.sum(axis=0) / mass.sum()
    influence = (scores - theta * mass[:, None]) / mass.sum()
    clusters = int((rows > 0).sum())
    factor = clusters / (clusters - 1) if clusters > 1 else np.nan
    return Population(
        name=name,
        target=target.name,
        described=described,
        n=int(rows.sum()),
        clusters=clusters,
        outside=outside,
        extrapolates=outside > overlap.TOLERATED,
        theta=theta.reshape(len(design.arms), len(design.outcomes)),
        sigma=factor * influence.T @ influence,
    )
