"""Choosing each nuisance's learner by out-of-fold loss, and saying how good it is."""

from __future__ import annotations

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
    """Keep, for each nuisance, the learner with the smallest out-of-fold loss.

    With few candidates the choice may use all out-of-fold losses (van der Laan, Polley & Hubbard
    2007, "Super Learner", section 3): the one stated exception to cluster-free folds.

    Returns
    -------
    chosen : dict
        From (target, arm) to the chosen candidate; the propensity's arm is −1.
    quality : tuple of NuisanceQuality
        One row per nuisance, with every learner's loss and a constant's.
    """
    groups: dict[tuple[str, int], list[Candidate]] = {}
    for candidate in candidates:
        groups.setdefault((candidate.target, candidate.arm), []).append(candidate)
    chosen: dict[tuple[str, int], Candidate] = {}
    quality: list[NuisanceQuality] = []
    for (target, arm), group in sorted(groups.items()):
        losses = [_loss(design, c.target, c.arm, c.predicted) for c in group]
        best = int(np.argmin(losses))
        constant = _loss(design, target, arm, _constant(design, target, arm))
        chosen[target, arm] = group[best]
        quality.append(
            NuisanceQuality(
                target=target,
                arm="all" if arm < 0 else design.arms[arm],
                chosen=group[best].learner,
                loss_name="log loss" if _is_label(design, target) else "squared error",
                losses=(
                    *((c.learner, loss) for c, loss in zip(group, losses, strict=True)),
                    ("constant", constant),
                ),
                gain=1 - losses[best] / constant if constant > 0 else 0.0,
            )
        )
    return chosen, tuple(quality)


def _is_label(design: Design, target: str) -> bool:
    return target == PROPENSITY or design.kinds[design.outcomes.index(target)] == "binary"


def _loss(design: Design, target: str, arm: int, predicted: Floats) -> float:
    if target == PROPENSITY:
        return log_loss(design.arm, predicted)
    rows = design.arm == arm
    y, guess = design.y[rows, design.outcomes.index(target)], predicted[rows]
    if _is_label(design, target):
        return log_loss(y.astype(np.int64), np.column_stack([1 - guess, guess]))
    return squared_error(y, guess)


def _constant(design: Design, target: str, arm: int) -> Floats:
    if target == PROPENSITY:
        shares = np.bincount(design.arm, minlength=len(design.arms)) / design.n
        return np.broadcast_to(shares, (design.n, shares.size))
    mean = design.y[design.arm == arm, design.outcomes.index(target)].mean()
    return np.full(design.n, mean)
