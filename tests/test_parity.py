"""Equal to other software given equal predictions: DoubleML, EconML, statsmodels, plain Python."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import ArrayLike

from tests import builders
from whatif.base.arrays import Floats, Ints
from whatif.contract.spec import OverlapSpec, StudySpec
from whatif.design.record import Design
from whatif.effects.rows import EffectRow
from whatif.effects.table import effect_rows
from whatif.scores.fit import fit_scores
from whatif.scores.record import Scores, Target
from whatif.scores.targets import TARGETS, Predictions

FOLDS, CUSTOMERS = 4, 200


def _world(arms: int = 2, *, seed: int = 0, equal: bool = False) -> tuple[Design, Predictions]:
    """Past data of 200 customers, each with six sessions if `equal`, with imperfect predictions."""
    design = builders.design(1_200, customers=CUSTOMERS, seed=seed, arms=arms)
    if equal:
        design = replace(design, cluster=np.arange(design.n) % CUSTOMERS)
    rng = np.random.default_rng(seed)
    design = replace(design, fold=design.cluster % FOLDS, n_folds=FOLDS)
    raw = rng.normal(size=(design.n, arms)) * 0.4
    chance = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    mean = rng.normal(0.4, 0.2, size=(design.n, arms, 2))
    return design, Predictions(mean=mean, chance=chance)


def _scores(design: Design, given: Predictions, target: Target) -> Scores:
    bare = replace(design, features=builders.design(design.n, covariates=False).features)
    base = fit_scores(bare, rule=OverlapSpec(), seed=0, key="k")
    gamma, mass = TARGETS[target].scores(design.y, design.arm, given.mean, given.chance)
    return replace(base, gamma=gamma, mass=mass, propensity=given.chance, target=target)


def _study() -> StudySpec:
    return builders.spec(segments=[])


def _row(scores: Scores, outcome: str, arm: str = "expanded") -> EffectRow:
    rows = effect_rows(scores, _study())[1].effects
    (row,) = [r for r in rows if (r.outcome, r.arm) == (outcome, arm)]
    return row


def _alone(scores: Scores) -> Scores:
    return replace(scores, cluster=np.arange(scores.n))


def _unfactored(row: EffectRow, clusters: int) -> float:
    """Our error without its factor C/(C − 1)."""
    assert row.std_error is not None
    return row.std_error * math.sqrt((clusters - 1) / clusters)


# ---- DoubleML


def _doubleml(
    model: str, design: Design, given: dict[str, Floats], k: int, *, clustered: bool, **more: Any
) -> tuple[float, float]:
    import doubleml
    from doubleml.utils import DMLDummyClassifier, DMLDummyRegressor

    frame = pd.DataFrame({"y": design.y[:, k], "d": design.arm, "x": 0.0, "c": design.cluster})
    data = doubleml.DoubleMLData(
        frame, "y", "d", x_cols=["x"], cluster_cols="c" if clustered else None
    )
    made = getattr(doubleml, model)(
        data, DMLDummyRegressor(), DMLDummyClassifier(), n_folds=FOLDS,
        draw_sample_splitting=False, **more,
    )  # fmt: skip
    folds = [(np.flatnonzero(design.fold != f), np.flatnonzero(design.fold == f))
             for f in range(FOLDS)]  # fmt: skip
    by_customer = [[[np.unique(design.cluster[part])] for part in pair] for pair in folds]
    made.set_sample_splitting([folds], [by_customer] if clustered else None)
    made.fit(external_predictions={"d": {key: v.reshape(-1, 1) for key, v in given.items()}})
    return float(made.coef[0]), float(made.se[0])


@pytest.mark.parametrize("clustered", [False, True])
@pytest.mark.parametrize(("target", "score"), [("ate", "ATE"), ("att", "ATTE")])
def test_interactive_model_of_doubleml(target: Target, score: str, clustered: bool) -> None:
    design, given = _world(equal=True)
    scores = _scores(design, given, target)
    scores = scores if clustered else _alone(scores)
    for k, outcome in enumerate(design.outcomes):
        parts = {"ml_g0": given.mean[:, 0, k], "ml_g1": given.mean[:, 1, k],
                 "ml_m": given.chance[:, 1]}  # fmt: skip
        theirs = _doubleml("DoubleMLIRM", design, parts, k, clustered=clustered, score=score)
        ours = _row(scores, outcome)
        assert ours.estimate == pytest.approx(theirs[0], abs=1e-8)
        size = CUSTOMERS if clustered else design.n
        assert _unfactored(ours, size) == pytest.approx(theirs[1], abs=1e-8)


@pytest.mark.parametrize("clustered", [False, True])
def test_partially_linear_model_of_doubleml(clustered: bool) -> None:
    design, given = _world(equal=True)
    scores = _scores(design, given, "overlap")
    scores = scores if clustered else _alone(scores)
    e = given.chance[:, 1]
    for k, outcome in enumerate(design.outcomes):
        expected = e * given.mean[:, 1, k] + (1 - e) * given.mean[:, 0, k]
        theirs = _doubleml(
            "DoubleMLPLR", design, {"ml_l": expected, "ml_m": e}, k, clustered=clustered
        )
        ours = _row(scores, outcome)
        assert ours.estimate == pytest.approx(theirs[0], abs=1e-8)
        size = CUSTOMERS if clustered else design.n
        assert _unfactored(ours, size) == pytest.approx(theirs[1], abs=1e-8)


# ---- EconML


class _Told:
    """A scikit-learn look-alike that answers from a table by the row number in column 0."""

    def __init__(self, table: Floats) -> None:
        self.table = table

    def fit(self, x: Floats, y: ArrayLike, **_: object) -> _Told:
        return self

    def get_params(self, deep: bool = True) -> dict[str, Floats]:
        return {"table": self.table}

    def set_params(self, **_: object) -> _Told:
        return self


class _ToldChance(_Told):
    def predict_proba(self, x: Floats) -> Floats:
        return np.asarray(self.table[x[:, 0].astype(int)])


class _ToldMean(_Told):
    def predict(self, x: Floats) -> Floats:
        """Columns after the first are indicators of every arm but the control."""
        arm = (x[:, 1:] * np.arange(1, x.shape[1])).sum(axis=1).astype(int)
        return np.asarray(self.table[x[:, 0].astype(int), arm])


@pytest.mark.parametrize("arms", [2, 3])
def test_dr_learner_of_econml(arms: int) -> None:
    from econml.dr import LinearDRLearner

    design, given = _world(arms)
    scores = _alone(_scores(design, given, "ate"))
    folds = [(np.flatnonzero(design.fold != f), np.flatnonzero(design.fold == f))
             for f in range(FOLDS)]  # fmt: skip
    for k, outcome in enumerate(design.outcomes):
        learner = LinearDRLearner(
            model_propensity=_ToldChance(given.chance),
            model_regression=_ToldMean(given.mean[:, :, k]),
            min_propensity=0.0,
            cv=folds,
        )
        row_number = np.arange(design.n, dtype=float)[:, None]
        learner.fit(design.y[:, k], design.arm, X=None, W=row_number)
        for a in range(1, arms):
            told = learner.intercept__inference(T=a)
            ours = _row(scores, outcome, design.arms[a])
            assert ours.estimate == pytest.approx(float(told.point_estimate), abs=1e-8)
            assert ours.std_error == pytest.approx(float(told.stderr), abs=1e-8)  # same factor


# ---- statsmodels


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("arms", [2, 3])
def test_clustered_covariance_of_statsmodels(arms: int, weighted: bool) -> None:
    """Without covariates scores are arm means: a regression on arm indicators."""
    import statsmodels.api as sm

    design = builders.design(1_500, customers=300, kind="experiment", arms=arms, covariates=False)
    if weighted:
        weight = np.random.default_rng(2).uniform(0.3, 3.0, design.n)
        design = replace(design, weight=weight)
    means, _ = effect_rows(fit_scores(design, rule=OverlapSpec(), seed=0, key="k"), _study())
    clusters = np.unique(design.cluster).size
    dummies = np.eye(arms)[design.arm]
    sigma = means.sigma.reshape(arms, 2, arms, 2)
    for k in range(2):
        fit = sm.WLS(design.y[:, k], dummies, weights=design.weight).fit(
            cov_type="cluster", cov_kwds={"groups": design.cluster}
        )
        theirs = fit.cov_params() * (design.n - arms) / (design.n - 1)  # its own factor
        np.testing.assert_allclose(means.theta[0, :, k], fit.params, rtol=1e-10)
        np.testing.assert_allclose(sigma[:, k, :, k], theirs, rtol=1e-9, atol=1e-18)
    assert clusters == 300 or means.counts.clusters[0] == clusters


def test_regression_adjustment_of_lin() -> None:
    """With least squares by arm and even shares, scores give the interacted regression."""
    import statsmodels.api as sm

    design = builders.design(2_000, kind="experiment")
    x = np.column_stack([np.ones(design.n), design.features.values[:, :2].astype(float)])  # noqa: PD011
    mean = np.empty((design.n, 2, 2))
    for a in range(2):
        mean[:, a] = x @ np.linalg.lstsq(x[design.arm == a], design.y[design.arm == a])[0]
    given = Predictions(mean=mean, chance=np.full((design.n, 2), 0.5))
    centred = x[:, 1:] - x[:, 1:].mean(axis=0)
    treated = design.arm[:, None].astype(float)
    columns = np.column_stack([np.ones(design.n), treated, centred, treated * centred])
    scores = _scores(design, given, "ate")
    for k, outcome in enumerate(design.outcomes):
        theirs = sm.OLS(design.y[:, k], columns).fit().params[1]
        assert _row(scores, outcome).estimate == pytest.approx(theirs, abs=1e-9)


# ---- a second implementation, row by row in plain Python


def _by_hand(
    design: Design, given: Predictions, target: Target, weight: Floats
) -> tuple[Floats, dict[int, Floats], float]:
    """Return arm means (A, K), their influence summed by cluster, and the total mass."""
    n, arms = design.n, len(design.arms)
    score, mass = np.zeros((n, arms, 2)), []
    for i in range(n):
        e, t = given.chance[i], int(design.arm[i])
        whole = {"ate": 1.0, "att": float(t != 0), "overlap": (t - e[-1]) ** 2}[target]
        mass.append(whole)
        for a in range(arms):
            tilt = {"ate": 1.0, "att": 1 - e[0], "overlap": e[0] * e[-1]}[target]
            for k in range(2):
                m = given.mean[i, a, k]
                score[i, a, k] = whole * m
                if t == a:
                    score[i, a, k] += tilt / e[a] * (design.y[i, k] - m)
    total = math.fsum(w * m for w, m in zip(weight, mass, strict=True))
    theta = np.array(
        [[math.fsum(weight * score[:, a, k]) / total for k in range(2)] for a in range(arms)]
    )
    influence: dict[int, Floats] = defaultdict(lambda: np.zeros((arms, 2)))
    for i in range(n):
        influence[int(design.cluster[i])] += weight[i] * (score[i] - theta * mass[i]) / total
    return theta, influence, total


def _error_by_hand(influence: dict[int, Floats], gradient: Floats) -> float:
    sums = [float((one * gradient).sum()) for one in influence.values()]
    count = len(sums)
    return math.sqrt(count / (count - 1) * math.fsum(s * s for s in sums))


@pytest.mark.parametrize("target", ["ate", "att", "overlap"])
def test_means_differences_ratios_and_lifts_by_hand(target: Target) -> None:
    design, given = _world(seed=4)
    weight = np.random.default_rng(1).uniform(0.2, 4.0, design.n)
    scores = replace(_scores(design, given, target), weight=weight)
    theta, influence, _ = _by_hand(design, given, target, weight)
    means, rows = effect_rows(scores, _study())
    np.testing.assert_allclose(means.theta[0], theta, rtol=1e-9)
    ratio = theta[:, 1] / theta[:, 0]
    steps = {
        "converted": (theta[1, 0] - theta[0, 0], np.array([[-1.0, 0.0], [1.0, 0.0]])),
        "cost": (theta[1, 1] - theta[0, 1], np.array([[0.0, -1.0], [0.0, 1.0]])),
        "cost_per_order": (
            ratio[1] - ratio[0],
            np.array([[ratio[0] / theta[0, 0], -1 / theta[0, 0]],
                      [-ratio[1] / theta[1, 0], 1 / theta[1, 0]]]),
        ),
    }  # fmt: skip
    for row in rows.effects:
        estimate, gradient = steps[row.outcome]
        assert row.estimate == pytest.approx(estimate, abs=1e-9)
        assert row.std_error == pytest.approx(_error_by_hand(influence, gradient), abs=1e-9)
    lift = next(row.relative for row in rows.effects if row.outcome == "converted")
    assert lift is not None
    assert lift.estimate == pytest.approx(theta[1, 0] / theta[0, 0] - 1, abs=1e-9)


def test_segments_by_hand() -> None:
    """The mean of a segment is the mean of its own rows, error included."""
    design, given = _world(seed=5)
    scores = _scores(design, given, "att")
    rows = effect_rows(scores, builders.spec(segments=["region"]))[1].effects
    region: Ints = np.asarray(pd.factorize(design.columns["region"], sort=True)[0])
    for code, level in enumerate("abc"):
        inside = np.flatnonzero(region == code)
        part = design.take(inside)
        theta, influence, _ = _by_hand(part, given.take(inside), "att", np.ones(inside.size))
        (row,) = [r for r in rows if r.outcome == "cost" and r.segment == (("region", level),)]
        assert row.estimate == pytest.approx(theta[1, 1] - theta[0, 1], abs=1e-9)
        error = _error_by_hand(influence, np.array([[0.0, -1.0], [0.0, 1.0]]))
        inner = len(influence)
        ours = row.std_error
        assert ours is not None
        everywhere = np.unique(design.cluster).size  # the factor counts clusters everywhere
        factor = math.sqrt(everywhere / (everywhere - 1) / (inner / (inner - 1)))
        assert ours == pytest.approx(error * factor, abs=1e-9)
