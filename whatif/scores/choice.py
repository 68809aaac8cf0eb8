"""Mixing the learners of each nuisance by out-of-fold loss, and saying how good the mixture is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from whatif.base.arrays import Floats, Ints
from whatif.base.records import NuisanceQuality
from whatif.design.record import Design
from whatif.scores.crossfit import Candidate
from whatif.scores.stacking import log_loss_weights, squared_error_weights
from whatif.scores.tasks import PROPENSITY

_TINY = 1e-15  # keeps log loss finite; predictions themselves are never clipped


def log_loss(given: Floats) -> Floats:
    """Minus the log of the probability given to the level that came, by row.

    Examples
    --------
    >>> log_loss(np.array([0.5, 1.0])).round(6).tolist()
    [0.693147, -0.0]
    """
    return np.asarray(-np.log(np.maximum(given, _TINY)))


def squared_error(missed: Floats) -> Floats:
    """Square of observed minus predicted, by row, in the square of the outcome's unit."""
    return np.asarray(missed**2)


def choose(
    design: Design, candidates: tuple[Candidate, ...]
) -> tuple[dict[tuple[str, int], Candidate], tuple[NuisanceQuality, ...]]:
    """Take, for each nuisance, the learner or the mixture with the smallest out-of-fold loss.

    The weights of a mixture are convex and count units by ``design.weight``. With few candidates
    they may use all out-of-fold losses (van der Laan, Polley & Hubbard 2007, "Super Learner",
    section 3): the one stated exception to cluster-free folds. A mixture must beat the best learner
    by more than one clustered standard error of the difference.

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
    made = {key: _mixed(design, group) for key, group in sorted(groups.items())}
    return {key: mixed for key, (mixed, _) in made.items()}, tuple(q for _, q in made.values())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Compared:
    """What came beside what m learners said, on the rows of one nuisance.

    `seen` holds the probability given to what came, or observed minus predicted, shape (rows, m);
    `observed` and `guesses` the same as values, the chance of each arm but the control below one
    another, shapes (pairs,) and (pairs, m).
    """

    seen: Floats
    share: Floats
    cluster: Ints
    observed: Floats
    guesses: Floats
    constant: float


def _mixed(design: Design, group: list[Candidate]) -> tuple[Candidate, NuisanceQuality]:
    target, arm = group[0].target, group[0].arm
    is_label = target == PROPENSITY or design.kinds[design.outcomes.index(target)] == "binary"
    it = _chances(design, group) if arm < 0 else _means(design, group, binary=is_label)
    weights, losses = _weights(it, log_loss if is_label else squared_error, is_label=is_label)
    blend, least = _blend(group, weights), losses[-1]
    shown = [(one.learner, loss) for one, loss in zip(group, losses, strict=False)]
    if blend not in group:
        shown.append(("blend", least))
    pairs = np.tile(it.share, it.observed.size // it.share.size)
    intercept, slope = _line(it.guesses @ weights, it.observed, pairs / pairs.sum())
    return blend, NuisanceQuality(
        target=target,
        arm="all" if arm < 0 else design.arms[arm],
        chosen=blend.learner,
        loss_name="log loss" if is_label else "squared error",
        losses=(*shown, ("constant", it.constant)),
        gain=1 - least / it.constant if it.constant > 0 else 0.0,
        weights=tuple((one.learner, float(w)) for one, w in zip(group, weights, strict=True)),
        intercept=intercept,
        slope=slope,
    )


def _weights(
    it: _Compared, loss: Callable[[Floats], Floats], *, is_label: bool
) -> tuple[Floats, list[float]]:
    """Return the weights, and the mean loss of every learner and of what the weights make."""
    alone = [loss(own) for own in it.seen.T]
    losses = [float(it.share @ rows) for rows in alone]
    best = int(np.argmin(losses))
    weights = (log_loss_weights if is_label else squared_error_weights)(it.seen, it.share)
    gained = alone[best] - loss(it.seen @ weights)
    gain = float(it.share @ gained)
    by_cluster = np.bincount(it.cluster, weights=it.share * (gained - gain))
    if gain <= np.sqrt((by_cluster**2).sum()):
        weights, gain = np.eye(len(losses))[best], 0.0
    return weights, [*losses, losses[best] - gain]


def _chances(design: Design, group: list[Candidate]) -> _Compared:
    share = design.weight / design.weight.sum()
    others = range(1, len(design.arms))
    said = [one.predicted for one in group]
    own = (np.arange(design.n), design.arm)
    return _Compared(
        seen=np.array([p[own] for p in said]).T,
        share=share,
        cluster=design.cluster,
        observed=np.concatenate([design.arm == a for a in others]).astype(np.float64),
        guesses=np.array([np.concatenate([p[:, a] for a in others]) for p in said]).T,
        constant=_entropy(np.bincount(design.arm, weights=share).astype(np.float64)),
    )


def _means(design: Design, group: list[Candidate], *, binary: bool) -> _Compared:
    rows = np.flatnonzero(design.arm == group[0].arm)
    y = design.y[rows, design.outcomes.index(group[0].target)]
    share = design.weight[rows] / design.weight[rows].sum()
    guesses = np.array([one.predicted[rows] for one in group]).T
    mean = float(share @ y)
    if binary:
        came = y == 1
        seen = np.array([np.where(came, own, 1 - own) for own in guesses.T]).T
        constant = _entropy(np.array([1 - mean, mean]))
    else:
        seen = (y - guesses.T).T
        constant = float(share @ squared_error(y - mean))
    return _Compared(
        seen=seen,
        share=share,
        cluster=design.cluster[rows],
        observed=y,
        guesses=guesses,
        constant=constant,
    )


def _entropy(chance: Floats) -> float:
    """Log loss of a constant that gives every level its share."""
    met = chance[chance > 0]
    return float(-(met @ np.log(met)))


def _blend(group: list[Candidate], weights: Floats) -> Candidate:
    used = [(one, float(share)) for one, share in zip(group, weights, strict=True) if share > 0]
    if len(used) == 1:
        return used[0][0]
    predicted = np.zeros_like(group[0].predicted)
    for one, share in used:
        predicted += share * one.predicted
    away = [share * one.elsewhere for one, share in used if one.elsewhere is not None]
    words = ", ".join(f"{100 * share:.0f} % {one.learner}" for one, share in used)
    elsewhere = np.asarray(sum(away)) if away else None
    return replace(group[0], learner=words, predicted=predicted, elsewhere=elsewhere)


def _line(guess: Floats, observed: Floats, share: Floats) -> tuple[float | None, float | None]:
    """Return intercept and slope of observed on predicted; None where predictions are all alike."""
    centre, mean = float(share @ guess), float(share @ observed)
    away = guess - centre
    spread = float(share @ away**2)
    if spread <= _TINY * centre**2:
        return None, None
    slope = float(share @ (away * (observed - mean))) / spread
    return mean - slope * centre, slope
