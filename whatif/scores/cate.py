"""Predicted effects of single units, always from models that never saw their cluster."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from whatif.base.arrays import Floats, Ints
from whatif.engines.econml_cate import Final
from whatif.scores.record import Scores
from whatif.scores.surfaces import Surface, effect_surfaces, sides


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceQuality:
    """Out-of-fold loss of one effect surface.

    Attributes
    ----------
    arm : str
        The arm compared with the control.
    loss_name : str
        ``"DR-loss"``, squared distance to the score difference, or ``"R-loss"``, squared distance
        of residuals among units that got the arm or the control.
    loss, constant : float
        Loss of the surface, and of one effect for everyone.
    gain : float
        Share of the constant's loss that the surface removes. Small even for a perfect surface,
        because single outcomes are noisy; not a test.
    """

    arm: str
    loss_name: str
    loss: float
    constant: float
    gain: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Cate:
    """Predicted effect of each unit, out of fold: a picture, tested by `answer.ranking`.

    Attributes
    ----------
    outcome, versus : str
        Outcome column and the control.
    arms : tuple of str, length A
        Arms compared with the control.
    final : str
        Name of the surface.
    covariates : tuple of str
        Columns the effect may vary with.
    effect : ndarray of float64, shape (n, A)
        Predicted effect in the outcome's unit.
    fold : ndarray of int64, shape (n,)
        Fold of the unit; its models were fitted on the others.
    unit : Series, n rows
        Unit ids.
    quality : tuple of SurfaceQuality
        Out-of-fold losses by arm.
    fitted_rows : int
        Most rows that any one model was fitted on.
    note : str
        What to know when reading it.
    """

    outcome: str
    versus: str
    arms: tuple[str, ...]
    final: str
    covariates: tuple[str, ...]
    effect: Floats
    fold: Ints
    unit: pd.Series
    quality: tuple[SurfaceQuality, ...]
    fitted_rows: int
    note: str

    def to_frame(self) -> pd.DataFrame:
        """Return one row per unit: its id, its fold and ``effect:<arm>`` columns."""
        columns = {f"effect:{arm}": self.effect[:, a] for a, arm in enumerate(self.arms)}
        return pd.DataFrame({"unit": self.unit.to_numpy(), "fold": self.fold, **columns})

    def __repr__(self) -> str:
        losses = pd.DataFrame([asdict(row) for row in self.quality]).to_string(index=False)
        head = f"Effect on {self.outcome} of {len(self.unit):,} units by {self.final}."
        return f"{head} {self.note}\n{losses}"


def fit_cate(
    scores: Scores,
    *,
    outcome: int,
    covariates: tuple[str, ...],
    final: Final,
    seed: int,
) -> Cate:
    """Predict every unit's effect by surfaces learned on the other folds.

    Parameters and errors as in `effect_surfaces`.

    References
    ----------
    Athey, Tibshirani & Wager (2019), Annals of Statistics 47(2), 1148–1178; Kennedy (2023),
    Electronic Journal of Statistics 17(2), 3008–3049; Semenova & Chernozhukov (2021), Econometrics
    Journal 24(2), 264–289.
    """
    surfaces = effect_surfaces(
        scores, outcome=outcome, covariates=covariates, final=final, seed=seed
    )
    effect = np.column_stack([_out_of_fold(surface) for surface in surfaces])
    trained = [np.flatnonzero(scores.fold != k) for k in surfaces[0].folds]
    fitted = max(surfaces[0].drawn(rows).size for rows in trained)
    most = max(rows.size for rows in trained)
    part = f" Fitted on {fitted:,} of {most:,} rows, drawn by cluster." if fitted < most else ""
    return Cate(
        outcome=scores.outcomes[outcome],
        versus=scores.arms[0],
        arms=scores.arms[1:],
        final=final.name,
        covariates=covariates,
        effect=effect,
        fold=scores.fold,
        unit=scores.unit,
        quality=tuple(
            row
            for arm, surface, column in zip(scores.arms[1:], surfaces, effect.T, strict=True)
            for row in _quality(arm, surface, column)
        ),
        fitted_rows=fitted,
        note=f"Predictions, not findings: only a held-out test says whether effects differ.{part}",
    )


def _out_of_fold(surface: Surface) -> Floats:
    out = np.empty(surface.fold.size)
    for k in surface.folds:
        held = surface.predict(*sides(surface.fold != k))
        out[held.rows] = held.predicted
    return out


def _quality(arm: str, surface: Surface, effect: Floats) -> tuple[SurfaceQuality, ...]:
    data = surface.data
    both = data.weight * data.compared
    flat, flat_residual = np.empty(effect.size), np.empty(effect.size)
    for k in surface.folds:
        train, at = sides(surface.fold != k)
        flat[at] = np.average(data.difference[train], weights=data.weight[train])
        cross = both[train] * data.arm_residual[train]
        flat_residual[at] = (cross @ data.outcome_residual[train]) / (
            cross @ data.arm_residual[train]
        )
    score = (_mean_square(data.difference - guess, data.weight) for guess in (effect, flat))
    residual = (
        _mean_square(data.outcome_residual - data.arm_residual * guess, both)
        for guess in (effect, flat_residual)
    )
    return (
        _surface_quality(arm, "DR-loss", *score),
        _surface_quality(arm, "R-loss", *residual),
    )


def _mean_square(error: Floats, weight: Floats) -> float:
    return float(np.average(error**2, weights=weight))


def _surface_quality(arm: str, name: str, loss: float, constant: float) -> SurfaceQuality:
    gain = 1 - loss / constant if constant > 0 else 0.0
    return SurfaceQuality(arm=arm, loss_name=name, loss=loss, constant=constant, gain=gain)
