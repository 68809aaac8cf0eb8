"""Any scikit-learn regressor or classifier, by its dotted name, as a nuisance candidate."""

from __future__ import annotations

import importlib
import inspect
import warnings
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whatif.base.arrays import Bools, Floats, Ints, mean_one
from whatif.base.errors import EstimationError, Problem, UsageError
from whatif.engines.inner_folds import inner_folds
from whatif.engines.linear_basis import fit_basis

Matrix = NDArray[np.float32]
PREFIX = "sklearn."
MODULES = (
    "cross_decomposition",
    "discriminant_analysis",
    "dummy",
    "ensemble",
    "gaussian_process",
    "kernel_ridge",
    "linear_model",
    "naive_bayes",
    "neighbors",
    "neural_network",
    "svm",
    "tree",
)
"""Modules of scikit-learn that hold learners; nothing else is ever imported for a name."""

_FOLDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Learner:
    """A scikit-learn class that a study named, and what it can model.

    Attributes
    ----------
    name : str
        As the study spells it.
    regressor : class or None
        Models means; None when the name is a classifier's.
    classifier : class or None
        Models probabilities: the class itself, or the classifier beside a regressor
        (``RandomForestClassifier`` for ``RandomForestRegressor``); None when there is none.
    """

    name: str
    regressor: Any
    classifier: Any

    @property
    def weighted(self) -> bool:
        """Whether every class it may use learns from weighted rows."""
        used = [c for c in (self.regressor, self.classifier) if c is not None]
        return all("sample_weight" in inspect.signature(c.fit).parameters for c in used)


def named_learner(name: str) -> Learner:
    """Return the scikit-learn learner that `name` of a study's `learners` stands for.

    Parameters
    ----------
    name : str
        ``"sklearn.MODULE.CLASS"``, such as ``"sklearn.ensemble.RandomForestRegressor"``.

    Raises
    ------
    UsageError
        If scikit-learn has no such class, or it cannot be fitted as it stands.

    Examples
    --------
    >>> named_learner("sklearn.ensemble.ExtraTreesRegressor").classifier.__name__
    'ExtraTreesClassifier'
    """
    prefix, _, last = name.rpartition(".")
    module = prefix.removeprefix(PREFIX)
    found = _classes(module) if prefix.startswith(PREFIX) and module in MODULES else {}
    if last not in found:
        raise UsageError(_unknown(name))
    if not _stands_alone(found[last]):
        raise UsageError(
            Problem(
                what=f"Learner {name!r} cannot learn one outcome from a table of covariates as it "
                "stands.",
                why="a study names learners without settings, and fits one model per outcome.",
                fix="name a learner that needs no other, such as "
                "sklearn.ensemble.RandomForestRegressor.",
            )
        )
    from sklearn.base import ClassifierMixin

    if issubclass(found[last], ClassifierMixin):
        return Learner(name=name, regressor=None, classifier=found[last])
    beside = found.get(last.removesuffix("Regressor") + "Classifier")
    usable = beside is not None and _stands_alone(beside)
    return Learner(name=name, regressor=found[last], classifier=beside if usable else None)


def _classes(module: str) -> dict[str, Any]:
    from sklearn.base import ClassifierMixin, RegressorMixin

    loaded = importlib.import_module(PREFIX + module)
    return {
        name: found
        for name, found in vars(loaded).items()
        if inspect.isclass(found)
        and issubclass(found, (ClassifierMixin, RegressorMixin))
        and found not in (ClassifierMixin, RegressorMixin)
        and not name.startswith("_")
    }


def _stands_alone(learner: Any) -> bool:  # noqa: ANN401  (a class)
    from sklearn.base import ClassifierMixin
    from sklearn.utils import get_tags

    settings = list(inspect.signature(learner.__init__).parameters.values())[1:]
    if any(s.default is s.empty and s.kind is not s.VAR_KEYWORD for s in settings):
        return False
    made = _bare(learner)
    tags = get_tags(made)
    plain = tags.input_tags.two_d_array and not tags.input_tags.positive_only
    chances = not issubclass(learner, ClassifierMixin) or hasattr(made, "predict_proba")
    return bool(plain and tags.target_tags.single_output and chances)


def _unknown(name: str) -> Problem:
    known = [
        f"{PREFIX}{module}.{one}"
        for module in MODULES
        for one, found in _classes(module).items()
        if _stands_alone(found)
    ]
    last = {full.rpartition(".")[2]: full for full in known}
    near = get_close_matches(name, ["glm", "boosting", *known], n=1)
    near = near or [last[one] for one in get_close_matches(name.rpartition(".")[2], last, n=1)]
    return Problem(
        what=f"Learner {name!r} is not known; "
        + (f"did you mean {near[0]!r}?" if near else "known: glm, boosting, sklearn.MODULE.CLASS."),
        why="models are fitted by name, and only by those of this package and of scikit-learn.",
        fix="correct the name under `learners`, such as sklearn.ensemble.RandomForestRegressor.",
    )


def predict_mean(
    name: str,
    x: Matrix,
    y: Floats,
    at: Matrix,
    *,
    categorical: Bools,
    seed: int,
    binary: bool,
    weight: Floats | None = None,
    cluster: Ints | None = None,
) -> Floats:
    """Mean of `y` (its probability, when `binary`) by the learner called `name`, at `at`.

    A yes/no outcome takes the classifier where there is one, else the regressor on 0 and 1.
    Learners that take no missing value get columns scaled, one per level, gaps filled by the
    training rows' median beside an indicator. Inner cross-validation, where a learner has one,
    keeps clusters whole; early stopping on a random part of the rows is switched off.

    Parameters
    ----------
    name : str
        ``"sklearn.MODULE.CLASS"``.
    x, y, at : ndarray, shapes (rows, p), (rows,), (m, p)
        Covariates and outcome of training rows, covariates of the rows to predict; NaN is missing.
    categorical : ndarray of bool, shape (p,)
        Which columns hold level codes.
    seed : int
        Where the learner draws at random.
    binary : bool
        Whether `y` is 0 or 1.
    weight : ndarray, shape (rows,), optional
        Sampling weights.
    cluster : ndarray of int64, shape (rows,), optional
        Clusters that inner folds keep whole; None: every row is its own.

    Returns
    -------
    ndarray of float64, shape (m,)

    Raises
    ------
    UsageError
        If a classifier is asked for an amount, or the learner takes no weights.
    EstimationError
        If the library refuses the data, or predicts something that is not finite.
    """
    learner = named_learner(name)
    if (y == y[0]).all():
        return np.full(len(at), float(y[0]))
    if binary and learner.classifier is not None:
        label = y.astype(np.int64)
        return predict_probability(
            name, x, label, at, levels=2, categorical=categorical, seed=seed, weight=weight,
            cluster=cluster,
        )[:, 1]  # fmt: skip
    if learner.regressor is None:
        raise UsageError(amount_problem(name))
    model = _made(learner.regressor, categorical, seed, _splits(y, cluster))
    fitted, to = _fitted(learner, model, x, y, at, categorical=categorical, weight=weight)
    return _finite(name, np.asarray(fitted.predict(to), dtype=np.float64).reshape(len(at)))


def predict_probability(
    name: str,
    x: Matrix,
    label: Ints,
    at: Matrix,
    *,
    levels: int,
    categorical: Bools,
    seed: int,
    weight: Floats | None = None,
    cluster: Ints | None = None,
) -> Floats:
    """Probabilities of an integer `label` by the learner called `name`, shape (m, levels).

    Parameters and errors as in `predict_mean`; `label` is 0 … `levels` − 1.
    """
    learner = named_learner(name)
    if learner.classifier is None:
        raise UsageError(chance_problem(name))
    out, met = np.zeros((len(at), levels)), np.unique(label)
    if met.size == 1:
        out[:, met] = 1.0
        return out
    model = _made(learner.classifier, categorical, seed, _splits(label, cluster))
    fitted, to = _fitted(learner, model, x, label, at, categorical=categorical, weight=weight)
    out[:, fitted.classes_] = fitted.predict_proba(to)
    return _finite(name, out)


def amount_problem(name: str) -> Problem:
    """Say that a classifier cannot model an amount."""
    return Problem(
        what=f"Learner {name!r} is a classifier and cannot model an amount.",
        why="every learner is a candidate for every outcome.",
        fix="name a regressor; where it has a classifier beside it, that one models yes/no "
        "outcomes and the chance of each arm.",
    )


def chance_problem(name: str) -> Problem:
    """Say that a learner cannot model the chance of each arm."""
    return Problem(
        what=f"Learner {name!r} gives no probabilities, which the chance of each arm needs.",
        why="every learner is a candidate for the chance of each arm where it is estimated.",
        fix="name a classifier, or a regressor with a classifier beside it, such as "
        "sklearn.ensemble.RandomForestRegressor.",
    )


def weight_problem(name: str) -> Problem:
    """Say that a learner takes no sampling weights."""
    return Problem(
        what=f"Learner {name!r} cannot learn from weighted rows.",
        why="it would model the sample, while the answer speaks of the weighted population.",
        fix="leave it out of `learners`, or leave `weights` out.",
    )


def _splits(y: Floats | Ints, cluster: Ints | None) -> list[tuple[Ints, Ints]]:
    fold = inner_folds(y, cluster=cluster, folds=_FOLDS)
    return [
        (np.flatnonzero(fold != g), np.flatnonzero(fold == g)) for g in range(int(fold.max()) + 1)
    ]


def _made(
    kind: Any,  # noqa: ANN401  (a scikit-learn class)
    categorical: Bools,
    seed: int,
    splits: list[tuple[Ints, Ints]],
) -> Any:  # noqa: ANN401  (a scikit-learn estimator)
    wanted: dict[str, Any] = {
        "random_state": seed % 2**31,
        "early_stopping": False,
        "cv": splits,
        "categorical_features": categorical,
    }
    model = _bare(kind)
    return model.set_params(**{k: v for k, v in wanted.items() if k in model.get_params()})


def _bare(kind: Any) -> Any:  # noqa: ANN401  (a scikit-learn class, and one of it)
    with warnings.catch_warnings():
        # That a class will leave the library is no reason to refuse it while it is there.
        warnings.simplefilter("ignore", FutureWarning)
        return kind()


def _fitted(
    learner: Learner,
    model: Any,  # noqa: ANN401
    x: Matrix,
    y: Floats | Ints,
    at: Matrix,
    *,
    categorical: Bools,
    weight: Floats | None,
) -> tuple[Any, Any]:
    """Return the fitted model and `at` as it reads covariates."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.utils import get_tags

    if weight is not None and not learner.weighted:
        raise UsageError(weight_problem(learner.name))
    own: Any = (x, at)
    if not get_tags(model).input_tags.allow_nan:
        basis = fit_basis(x, categorical, curves=False)
        own = (basis.columns(x), basis.columns(at))
    more = {} if weight is None else {"sample_weight": mean_one(weight)}
    with warnings.catch_warnings():
        # A fit that stops short of its tolerance is judged by the out-of-fold loss; that defaults
        # will change in another version is no news about this one.
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", FutureWarning)
        try:
            model.fit(own[0], y, **more)
        except (ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
            raise EstimationError(_failed(learner.name, str(error).splitlines()[0])) from error
    return model, own[1]


def _finite(name: str, predicted: Floats) -> Floats:
    if np.isfinite(predicted).all():
        return predicted
    raise EstimationError(_failed(name, "it predicted values that are not finite"))


def _failed(name: str, because: str) -> Problem:
    return Problem(
        what=f"Learner {name!r} could not be fitted: {because}",
        why="a learner that was asked for and left out would look like one that lost.",
        fix="leave it out of `learners`, or name another.",
    )
