"""EconML's estimators of an average effect, on the study's own folds: arrays in, numbers out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whatif.base.arrays import Bools, Floats, Ints
from whatif.base.errors import EstimationError, Problem
from whatif.engines.econml_catalogue import econml_class
from whatif.engines.econml_features import dense
from whatif.engines.threads import one_blas_thread

TREE_ROWS = 10_000
NOT_CLUSTERED = "interval not clustered"
A_BOUND = "interval wider than need be (averaged errors of single rows)"
_TWO = 2
_MEAN = "mean of predicted effects; no interval shown"
_NO_FOLDS = "fitted and averaged on the same rows: this estimator has no folds"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AverageEffects:
    """Average effect of every arm against the control over all rows.

    Attributes
    ----------
    estimate : ndarray of float64, shape (n_arms - 1,)
        In the outcome's unit, in order of arms.
    ci : ndarray of float64, shape (n_arms - 1, 2), or None
        EconML's own interval; None where it gives none that can be trusted.
    note : str
        What to know when reading it.
    """

    estimate: Floats
    ci: Floats | None
    note: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Setup:
    """What every estimator is built from; `cv` holds (train, test) row indices."""

    y: Floats
    arm: Ints
    n_arms: int
    x: Floats
    cv: list[tuple[Ints, Ints]]
    seed: int
    alpha: float

    @property
    def rows(self) -> int:
        return len(self.y)

    def regressor(self) -> Any:  # noqa: ANN401  (a scikit-learn model)
        from whatif.engines.econml_models import regressor

        return regressor(self.rows, self.seed)

    def classifier(self) -> Any:  # noqa: ANN401  (a scikit-learn model)
        from whatif.engines.econml_models import classifier

        return classifier(self.rows, self.seed)

    @property
    def dml(self) -> dict[str, Any]:
        """Keywords of the DML family."""
        return {"model_y": self.regressor(), "model_t": self.classifier(),
                "discrete_treatment": True, **self.shared}  # fmt: skip

    @property
    def dr(self) -> dict[str, Any]:
        """Keywords of the DR family: one outcome model per arm, never one for all."""
        from whatif.engines.econml_models import PerArm

        return {"model_propensity": self.classifier(),
                "model_regression": PerArm(self.regressor(), self.n_arms),
                **self.shared}  # fmt: skip

    @property
    def shared(self) -> dict[str, Any]:
        return {"categories": list(range(self.n_arms)), "cv": self.cv, "random_state": self.seed}

    @property
    def forest(self) -> dict[str, Any]:
        """Keywords of forests: one thread, because threads add up trees in any order."""
        share = min(0.45, 0.45 * TREE_ROWS / self.rows)
        return {"n_estimators": 100, "max_samples": share, "n_jobs": 1}


def fit_average(
    name: str,
    *,
    y: Floats,
    arm: Ints,
    n_arms: int,
    x: NDArray[np.floating],
    folds: Sequence[tuple[Ints, Ints]],
    seed: int,
    categorical: Bools | None = None,
    level: float = 0.95,
) -> AverageEffects:
    """Fit one EconML estimator and average its effects over all rows.

    Parameters
    ----------
    name : str
        As in a study, e.g. ``"econml.LinearDML"``.
    y : ndarray, shape (n,)
        Outcome.
    arm : ndarray of int, shape (n,)
        Arm of each row, 0 is the control.
    n_arms : int
        Number of arms, the control included.
    x : ndarray, shape (n, p)
        Covariates; NaN is missing.
    folds : sequence of (train, test)
        Row indices; handed on to every estimator that cross-fits.
    seed : int
        Seed of everything that is drawn.
    categorical : ndarray of bool, shape (p,), optional
        Columns of `x` that hold level codes.
    level : float
        Level of the interval.

    Raises
    ------
    UsageError
        If the name is unknown, or answers another question.
    EstimationError
        If no covariate varies, a fold's training rows lack an arm, or the fit fails.
    """
    recipe = _RECIPES[econml_class(name)]
    coded = np.zeros(x.shape[1], dtype=bool) if categorical is None else categorical
    setup = _Setup(
        y=np.asarray(y, dtype=np.float64),
        arm=np.asarray(arm, dtype=np.int64),
        n_arms=n_arms,
        x=dense(x, coded),
        cv=[(np.asarray(train), np.asarray(test)) for train, test in folds],
        seed=seed,
        alpha=1 - level,
    )
    _require_usable(name, setup)
    _load()
    try:
        with one_blas_thread():
            out = recipe(setup)
    except Exception as error:  # EconML raises whatever its parts raise
        raise _failed(name, f"{type(error).__name__}: {error}") from error
    if not np.isfinite(out.estimate).all():
        raise _failed(name, "its estimate is not a finite number")
    return out


def _require_usable(name: str, setup: _Setup) -> None:
    if setup.x.shape[1] == 0:
        raise _failed(name, "no covariate varies, and EconML needs at least one")
    for number, (train, _) in enumerate(setup.cv, start=1):
        if np.unique(setup.arm[train]).size < setup.n_arms:
            raise _failed(name, f"the training rows of fold {number} lack an arm")


def _failed(name: str, cause: str) -> EstimationError:
    return EstimationError(
        Problem(
            what=f"Estimator {name!r} could not be fitted: {cause}.",
            why="a second opinion that is missing must not look like agreement.",
            fix="remove it from `estimators`, or give the study more data or other covariates.",
        )
    )


def _linear_dml(setup: _Setup) -> AverageEffects:
    from econml.dml import LinearDML

    return _with_interval(LinearDML(**setup.dml), setup)


def _sparse_dml(setup: _Setup) -> AverageEffects:
    from econml.dml import SparseLinearDML

    return _points(SparseLinearDML(n_jobs=1, **setup.dml), setup)


def _kernel_dml(setup: _Setup) -> AverageEffects:
    from econml.dml import KernelDML

    return _points(KernelDML(**setup.dml), setup)


def _dml(setup: _Setup) -> AverageEffects:
    from econml.dml import DML
    from sklearn.linear_model import Ridge

    final = Ridge(alpha=1.0, fit_intercept=False)  # EconML adds the constant effect itself
    return _points(
        DML(model_final=final, **setup.dml),
        setup,
        "linear effects, shrunk a little; no interval shown",
    )


def _non_param_dml(setup: _Setup) -> AverageEffects:
    """Fit one arm against the control at a time: the estimator takes two arms only."""
    from econml.dml import NonParamDML

    estimates: list[float] = []
    for arm in range(1, setup.n_arms):
        pair = _pair(setup, arm)
        model = NonParamDML(model_final=pair.regressor(), **pair.dml)
        model.fit(pair.y, pair.arm, X=pair.x, inference=None)
        estimates.append(float(np.mean(model.effect(setup.x, T0=0, T1=1))))
    return AverageEffects(estimate=np.array(estimates), ci=None, note=_MEAN)


def _pair(setup: _Setup, arm: int) -> _Setup:
    rows = np.flatnonzero((setup.arm == 0) | (setup.arm == arm))
    place = np.full(setup.rows, -1)
    place[rows] = np.arange(rows.size)
    cv = [(_inside(place[train]), _inside(place[test])) for train, test in setup.cv]
    return _Setup(
        y=setup.y[rows],
        arm=(setup.arm[rows] == arm).astype(np.int64),
        n_arms=_TWO,
        x=setup.x[rows],
        cv=cv,
        seed=setup.seed,
        alpha=setup.alpha,
    )


def _inside(places: Ints) -> Ints:
    return places[places >= 0]


def _causal_forest(setup: _Setup) -> AverageEffects:
    from econml.dml import CausalForestDML

    model = CausalForestDML(inference=False, **setup.forest, **setup.dml)
    if setup.n_arms > _TWO:
        return _points(model, setup, "mean of the forest's effects")
    model.fit(setup.y, setup.arm, X=setup.x, inference=None)
    estimate = np.asarray(model.ate_, dtype=np.float64).ravel()
    return AverageEffects(
        estimate=estimate, ci=None, note="doubly robust average over the forest; no interval shown"
    )


def _dr(setup: _Setup) -> AverageEffects:
    from econml.dr import DRLearner

    return _with_interval(DRLearner(**setup.dr), setup, f"{A_BOUND}, {NOT_CLUSTERED}")


def _linear_dr(setup: _Setup) -> AverageEffects:
    from econml.dr import LinearDRLearner

    return _with_interval(LinearDRLearner(**setup.dr), setup)


def _sparse_dr(setup: _Setup) -> AverageEffects:
    from econml.dr import SparseLinearDRLearner

    return _with_interval(SparseLinearDRLearner(n_jobs=1, **setup.dr), setup)


def _forest_dr(setup: _Setup) -> AverageEffects:
    from econml.dr import ForestDRLearner

    model = ForestDRLearner(**setup.forest, **setup.dr)
    return _points(model, setup, "mean of the forest's effects; no interval shown")


def _t_learner(setup: _Setup) -> AverageEffects:
    from econml.metalearners import TLearner

    categories = list(range(setup.n_arms))
    return _points(TLearner(models=setup.regressor(), categories=categories), setup, _NO_FOLDS)


def _s_learner(setup: _Setup) -> AverageEffects:
    from econml.metalearners import SLearner

    categories = list(range(setup.n_arms))
    model = SLearner(overall_model=setup.regressor(), categories=categories)
    return _points(model, setup, _NO_FOLDS)


def _x_learner(setup: _Setup) -> AverageEffects:
    from econml.metalearners import XLearner

    model = XLearner(
        models=setup.regressor(),
        propensity_model=setup.classifier(),
        categories=list(range(setup.n_arms)),
    )
    return _points(model, setup, _NO_FOLDS)


def _domain_adaptation(setup: _Setup) -> AverageEffects:
    from econml.metalearners import DomainAdaptationLearner

    model = DomainAdaptationLearner(
        models=setup.regressor(),
        final_models=setup.regressor(),
        propensity_model=setup.classifier(),
        categories=list(range(setup.n_arms)),
    )
    return _points(model, setup, _NO_FOLDS)


def _points(
    model: Any,  # noqa: ANN401  (an EconML estimator)
    setup: _Setup,
    note: str = _MEAN,
) -> AverageEffects:
    model.fit(setup.y, setup.arm, X=setup.x, inference=None)
    return AverageEffects(estimate=_means(model, setup), ci=None, note=note)


def _with_interval(
    model: Any,  # noqa: ANN401  (an EconML estimator)
    setup: _Setup,
    note: str = NOT_CLUSTERED,
) -> AverageEffects:
    model.fit(setup.y, setup.arm, X=setup.x)
    ends = [
        np.ravel(model.ate_interval(setup.x, T0=0, T1=arm, alpha=setup.alpha))
        for arm in range(1, setup.n_arms)
    ]
    ci = np.array(ends, dtype=np.float64)
    return AverageEffects(estimate=_means(model, setup), ci=ci, note=note)


def _means(model: Any, setup: _Setup) -> Floats:  # noqa: ANN401  (an EconML estimator)
    return np.array(
        [np.mean(model.effect(setup.x, T0=0, T1=arm)) for arm in range(1, setup.n_arms)]
    )


def _load() -> None:
    """Load every library first: a pool of threads that starts later escapes the limit."""
    for module in ("econml.dml", "econml.dr", "econml.metalearners"):
        import_module(module)
    import_module("whatif.engines.econml_models")


_RECIPES: dict[str, Callable[[_Setup], AverageEffects]] = {
    "CausalForestDML": _causal_forest,
    "DML": _dml,
    "DRLearner": _dr,
    "DomainAdaptationLearner": _domain_adaptation,
    "ForestDRLearner": _forest_dr,
    "KernelDML": _kernel_dml,
    "LinearDML": _linear_dml,
    "LinearDRLearner": _linear_dr,
    "NonParamDML": _non_param_dml,
    "SLearner": _s_learner,
    "SparseLinearDML": _sparse_dml,
    "SparseLinearDRLearner": _sparse_dr,
    "TLearner": _t_learner,
    "XLearner": _x_learner,
}
