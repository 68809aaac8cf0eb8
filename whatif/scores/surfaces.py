"""What an effect surface is learned from, and predictions for clusters it never saw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from whatif.base.arrays import Bools, Floats, Ints
from whatif.base.errors import EstimationError, Problem, UsageError
from whatif.base.rng import generator, integer_seed
from whatif.design.features import features_of
from whatif.engines.econml_cate import EffectData, Final, predict_effect
from whatif.engines.econml_features import dense
from whatif.scores.record import Scores
from whatif.scores.second_opinion import drawn_rows


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Held:
    """Predictions for rows whose clusters the model never saw.

    Attributes
    ----------
    rows : ndarray of int64, shape (m,)
        Positions among the scored units.
    predicted : ndarray of float64, shape (m,)
        Predicted effect in the outcome's unit.
    """

    rows: Ints
    predicted: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Surface:
    """Everything needed to learn the effect of one arm on one outcome.

    Attributes
    ----------
    data : EffectData
        Covariates, score differences and residuals of n units.
    fold, cluster : ndarray of int64, shape (n,)
        As in the scores.
    final : Final
        How the surface is learned.
    seed : int
        Seed of everything that is drawn.
    """

    data: EffectData
    fold: Ints
    cluster: Ints
    final: Final
    seed: int

    @property
    def folds(self) -> tuple[int, ...]:
        """Folds that hold units, in order."""
        return tuple(int(k) for k in np.unique(self.fold))

    def predict(self, train: Ints, at: Ints) -> Held:
        """Learn on the rows `train`, or whole clusters of them, and predict the rows `at`."""
        rows = self.drawn(train)
        learned = self.data.take(rows)
        seed = integer_seed(self.seed, f"surface {self.final.name}")
        return Held(
            rows=at, predicted=predict_effect(self.final, learned, self.data.x[at], seed=seed)
        )

    def drawn(self, train: Ints) -> Ints:
        """Return the rows of `train` that a model is fitted on."""
        if self.final.most_rows is None:
            return train
        seed = integer_seed(self.seed, "surface rows")
        return train[drawn_rows(self.cluster[train], most=self.final.most_rows, seed=seed)]


def outcome_means(*, gamma: Floats, y: Floats, arm: Ints, propensity: Floats) -> Floats:
    """Recover from scores the predicted outcome of each unit under each arm, shape (n, A, K).

    For arms a unit did not get the score is the prediction. For its own arm,
    ``Γ = m + (y − m)/e`` gives ``m = (eΓ − y)/(e − 1)``: exact for one repetition of the folds, and
    for the average of several where chances are known.

    Parameters
    ----------
    gamma, y, arm, propensity : ndarray, shapes (n, A, K), (n, K), (n,), (n, A)
        As in `Scores`.

    Raises
    ------
    EstimationError
        If a unit was certain to get its arm: its prediction left no trace.

    Examples
    --------
    >>> from whatif.scores.aipw import aipw_scores
    >>> seen = {"y": np.array([[1.0], [0.0]]), "arm": np.array([0, 1])}
    >>> seen["propensity"] = np.full((2, 2), 0.5)
    >>> gamma = aipw_scores(mean=np.full((2, 2, 1), 0.25), **seen)
    >>> outcome_means(gamma=gamma, **seen)[:, :, 0]
    array([[0.25, 0.25],
           [0.25, 0.25]])
    """
    rows = np.arange(arm.size)
    chance = propensity[rows, arm][:, None]
    certain = int((chance >= 1.0).sum())
    if certain:
        raise EstimationError(
            Problem(
                what=f"{certain:,} of {arm.size:,} units were certain to get their arm.",
                why="nothing can be compared there, and their predicted outcome is not stored.",
                fix="leave them out with `where`, or set `overlap: {rule: trim}`.",
            )
        )
    mean = np.array(gamma, dtype=np.float64)
    mean[rows, arm] = (chance * mean[rows, arm] - y) / (chance - 1.0)
    return mean


def effect_surfaces(
    scores: Scores, *, outcome: int, covariates: tuple[str, ...], final: Final, seed: int
) -> tuple[Surface, ...]:
    """Return what the surface of every arm but the control is learned from.

    Parameters
    ----------
    scores : Scores
        Scores of n units whose averages speak of everyone.
    outcome : int
        Index of the outcome.
    covariates : tuple of str
        Columns of ``scores.columns`` the effect may vary with.
    final : Final
        How surfaces are learned.
    seed : int
        The study's seed.

    Raises
    ------
    UsageError
        If the scores speak of another population than everyone.
    DataError
        If a covariate cannot be turned into numbers.
    EstimationError
        If a unit was certain to get its arm.
    """
    require_everyone(scores)
    features = features_of(scores.columns, covariates)
    x = dense(features.values, features.categorical)
    mean = outcome_means(
        gamma=scores.gamma, y=scores.y, arm=scores.arm, propensity=scores.propensity
    )[:, :, outcome]
    return tuple(
        Surface(
            data=_effect_data(scores, x, mean, outcome, arm),
            fold=scores.fold,
            cluster=scores.cluster,
            final=final,
            seed=seed,
        )
        for arm in range(1, len(scores.arms))
    )


def require_everyone(scores: Scores) -> None:
    """Refuse scores of another target than everyone.

    Raises
    ------
    UsageError
        If the target is not ``"ate"``.
    """
    if scores.target != "ate":
        raise UsageError(
            Problem(
                what=f"Effects by covariates need `target: ate`; this study says {scores.target}.",
                why="scores of another target weigh units, so their differences are not effects.",
                fix="run the study with `target: ate`.",
            )
        )


def _effect_data(scores: Scores, x: Floats, mean: Floats, k: int, arm: int) -> EffectData:
    chance = scores.propensity[:, [0, arm]]
    share = chance / chance.sum(axis=1, keepdims=True)
    expected = (share * mean[:, [0, arm]]).sum(axis=1)
    return EffectData(
        x=x,
        difference=scores.gamma[:, arm, k] - scores.gamma[:, 0, k],
        outcome_residual=scores.y[:, k] - expected,
        arm_residual=(scores.arm == arm) - share[:, 1],
        compared=np.isin(scores.arm, (0, arm)),
        weight=scores.weight,
    )


def sides(train: Bools) -> tuple[Ints, Ints]:
    """Return the rows that teach and the rows that are predicted."""
    return np.flatnonzero(train), np.flatnonzero(~train)


def predicted_in_turn(surface: Surface) -> tuple[Held, ...]:
    """Predict each fold but the first by a surface learned on the folds before it.

    Given the folds before it, each fold is an honest test, so the results of the tests may be
    added up like those of independent studies.
    """
    first, *rest = surface.folds
    return tuple(
        surface.predict(
            np.flatnonzero((surface.fold >= first) & (surface.fold < k)),
            np.flatnonzero(surface.fold == k),
        )
        for k in rest
    )


def predicted_halves(surface: Surface, *, splits: int) -> tuple[Held, ...]:
    """Split clusters in halves `splits` times; learn on one half, predict the other."""
    codes = np.unique(surface.cluster, return_inverse=True)[1]
    size = int(codes.max()) + 1
    draws = generator(surface.seed, "half splits")
    out: list[Held] = []
    for _ in range(splits):
        teaches = np.zeros(size, dtype=np.bool_)
        teaches[draws.permutation(size)[: size // 2]] = True
        out.append(surface.predict(*sides(teaches[codes])))
    return tuple(out)
