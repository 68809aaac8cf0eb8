"""Choosing each nuisance's learner by out-of-fold loss, and saying how good it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np

from whatif.base.arrays import Floats, Ints
from whatif.base.records import NuisanceQuality
from whatif.design.record import Design
from whatif.scores.crossfit import PROPENSITY, Candidate

_TINY = 1e-15  # keeps log loss finite; predictions themselves are never clipped


def log_loss(label: Ints, probability: Floats) -> float:
    """Mean of −log of the probability given to the level that came, shapes (n,), (n, levels).

    Examples
    --------
    >>> round(log_loss(np.array([0, 1]), np.array([[0.5, 0.5], [0.5, 0.5]])), 6)
    0.693147
    """
    given = probability[np.arange(label.size), label]
    return float(-np.log(np.maximum(given, _TINY)).mean())


def squared_error(y: Floats, predicted: Floats) -> float:
    """Mean squared error, in the square of the outcome's unit."""
    return float(((y - predicted) ** 2).mean())


def choose(
    design: Design, candidates: tuple[Candidate, ...]
) -> tuple[dict[tuple[str, int], Candidate], tuple[NuisanceQuality, ...]]:
    """Keep, for each nuisance, the learner or blend of two with the smallest out-of-fold loss.

    Weights of a blend are tenths. With few candidates the choice may use all out-of-fold losses
    (van der Laan, Polley & Hubbard 2007, "Super Learner", section 3): the one stated exception to
    cluster-free folds.

    Returns
    -------
    chosen : dict
        From (target, arm) to what is used; the propensity's arm is −1.
    quality : tuple of NuisanceQuality
        One row per nuisance, with every learner's loss and a constant's.
    """
    groups: dict[tuple[str, int], list[Candidate]] = {}
    for candidate in candidates:
        groups.setdefault((candidate.target, candidate.arm), []).append(candidate)
    chosen: dict[tuple[str, int], Candidate] = {}
    quality: list[NuisanceQuality] = []
    for (target, arm), group in sorted(groups.items()):
        losses = [_loss(design, c) for c in group]
        best, least = group[int(np.argmin(losses))], min(losses)
        for blend in _blends(group):
            loss = _loss(design, blend)
            if loss < least:
                best, least = blend, loss
        constant = _loss(design, _constant(design, target, arm))
        shown = [*((c.learner, loss) for c, loss in zip(group, losses, strict=True))]
        if all(best is not candidate for candidate in group):
            shown.append(("blend", least))
        chosen[target, arm] = best
        quality.append(
            NuisanceQuality(
                target=target,
                arm="all" if arm < 0 else design.arms[arm],
                chosen=best.learner,
                loss_name="log loss" if _is_label(design, target) else "squared error",
                losses=(*shown, ("constant", constant)),
                gain=1 - least / constant if constant > 0 else 0.0,
            )
        )
    return chosen, tuple(quality)


def _blends(group: list[Candidate]) -> Iterator[Candidate]:
    """Yield every mixture of two learners in tenths; nothing for one learner."""
    for one, other in pairwise(group):
        for tenth in range(1, 10):
            weight = tenth / 10
            yield replace(
                one,
                learner=f"{10 * tenth} % {one.learner}, {100 - 10 * tenth} % {other.learner}",
                predicted=weight * one.predicted + (1 - weight) * other.predicted,
            )


def _is_label(design: Design, target: str) -> bool:
    return target == PROPENSITY or design.kinds[design.outcomes.index(target)] == "binary"


def _loss(design: Design, candidate: Candidate) -> float:
    if candidate.target == PROPENSITY:
        return log_loss(design.arm, candidate.predicted)
    rows = design.arm == candidate.arm
    y = design.y[rows, design.outcomes.index(candidate.target)]
    guess = candidate.predicted[rows]
    if _is_label(design, candidate.target):
        return log_loss(y.astype(np.int64), np.column_stack([1 - guess, guess]))
    return squared_error(y, guess)


def _constant(design: Design, target: str, arm: int) -> Candidate:
    if target == PROPENSITY:
        shares = np.bincount(design.arm, minlength=len(design.arms)) / design.n
        predicted = np.broadcast_to(shares, (design.n, shares.size))
    else:
        mean = design.y[design.arm == arm, design.outcomes.index(target)].mean()
        predicted = np.full(design.n, mean)
    return Candidate(learner="constant", target=target, arm=arm, predicted=predicted)
