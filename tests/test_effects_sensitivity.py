"""Bounds for hidden causes: DoubleML's figures, closed forms, laws and published E-values."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tests import builders
from whatif.base.errors import EstimationError
from whatif.effects.cells import cut
from whatif.effects.joint import joint
from whatif.effects.sensitivity.assess import Worth, compared, elements, hidden_cause
from whatif.effects.sensitivity.benchmark import as_equal_strength, everything_measured, gain
from whatif.effects.sensitivity.bounds import bounds, equal_strength, robustness, strength
from whatif.effects.sensitivity.e_value import e_value, e_value_of_interval, ratio_of_difference
from whatif.effects.sensitivity.record import HiddenCause
from whatif.scores.record import Scores, Target
from whatif.scores.store import from_parquet, to_parquet
from whatif.scores.targets import TARGETS

CF_Y, CF_D, LEVEL = 0.08, 0.05, 0.95


class World:
    """A skewed outcome, predictions that are a little off, and sessions of repeated customers."""

    def __init__(self, seed: int = 0, n: int = 900, customers: int | None = None) -> None:
        rng = np.random.default_rng(seed)
        self.x = rng.normal(size=(n, 2))
        chance = 1 / (1 + np.exp(-0.7 * self.x[:, 0]))
        self.arm = (rng.random(n) < chance).astype(np.int64)
        shock = np.exp(0.8 * rng.normal(size=n)) - np.exp(0.32)
        self.y = self.x.sum(axis=1) + 0.6 * self.arm + np.where(self.arm == 1, shock, -0.3 * shock)
        self.mean = np.column_stack([0.9 * self.x.sum(axis=1), 1.1 * self.x.sum(axis=1) + 0.5])
        e = np.clip(0.95 * chance + 0.02, 0.03, 0.97)
        self.chance = np.column_stack([1 - e, e])
        self.cluster = np.arange(n) if customers is None else rng.integers(0, customers, n)
        self.weight = np.ones(n)

    def scores(self, target: Target = "ate") -> Scores:
        rule, n = TARGETS[target], self.y.size
        gamma, mass = rule.scores(self.y[:, None], self.arm, self.mean[:, :, None], self.chance)
        both = np.stack([gamma, gamma], axis=2).reshape(n, 2, 2)
        made = builders.scores(both, self.cluster, pd.DataFrame({"x": self.x[:, 0]}))
        residual = (self.y - self.mean[np.arange(n), self.arm])[:, None]
        return replace(
            made,
            mass=mass,
            propensity=self.chance,
            arm=self.arm,
            y=np.column_stack([self.y, self.y]),
            target=target,
            weight=self.weight,
            residual=np.hstack([residual, residual]) if target == "att" else None,
        )


FIRST = Worth(name="y", per=np.array([1.0, 0.0]))


def made_of(world: World, target: Target = "ate", level: float = LEVEL) -> HiddenCause:
    return hidden_cause(world.scores(target), FIRST, arm=1, level=level)


def doubleml(world: World, target: Target, *, clusters: bool = False) -> Any:
    """DoubleML's own analysis of the same predictions."""
    import doubleml as dml
    from doubleml.utils import DMLDummyClassifier, DMLDummyRegressor

    frame = pd.DataFrame({"y": world.y, "d": world.arm, "x": world.x[:, 0], "c": world.cluster})
    key = {"cluster_cols": "c"} if clusters else {}
    data = dml.DoubleMLData(frame, "y", "d", ["x"], **key)
    e, m = world.chance[:, 1:], world.mean
    if target == "overlap":
        mixed = (world.chance * m).sum(axis=1, keepdims=True)
        model = dml.DoubleMLPLR(data, DMLDummyRegressor(), DMLDummyClassifier(), n_folds=2)
        given_ = {"ml_l": mixed, "ml_m": e}
    else:
        score = {"ate": "ATE", "att": "ATTE"}[target]
        model = dml.DoubleMLIRM(
            data, DMLDummyRegressor(), DMLDummyClassifier(), n_folds=2, score=score
        )
        given_ = {"ml_g0": m[:, :1], "ml_g1": m[:, 1:], "ml_m": e}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(external_predictions={"d": given_})
        model.sensitivity_analysis(cf_y=CF_Y, cf_d=CF_D, level=(1 + LEVEL) / 2)
    return model


def as_doubleml(made: HiddenCause, clusters: int) -> HiddenCause:
    """Ours with DoubleML's factor (1, not C / (C − 1)) and its normal critical value."""
    shrink = (clusters - 1) / clusters
    return replace(
        made,
        std_error=made.std_error * shrink**0.5,
        scale_error=made.scale_error * shrink**0.5,
        scale_covariance=made.scale_covariance * shrink,
        critical=float(stats.norm.ppf((1 + LEVEL) / 2)),
    )


# ---- DoubleML


@pytest.mark.parametrize("target", ["ate", "att", "overlap"])
def test_bounds_errors_and_robustness_are_doublemls(target: Target) -> None:
    """Its errors of the two ends stand on each other's side; see the next test."""
    world = World(3)
    theirs = doubleml(world, target)
    ours = as_doubleml(made_of(world, target), world.y.size)
    at = bounds(ours, cf_y=CF_Y, cf_d=CF_D)
    found = theirs.sensitivity_params
    for end, side, other in ((0, "lower", "upper"), (1, "upper", "lower")):
        assert at.bounds[end] == pytest.approx(found["theta"][side][0], abs=1e-9)
        assert at.std_error[end] == pytest.approx(found["se"][other][0], abs=1e-9)
    assert ours.sigma2 == pytest.approx(theirs.sensitivity_elements["sigma2"].item(), rel=1e-9)
    assert ours.nu2 == pytest.approx(theirs.sensitivity_elements["nu2"].item(), rel=1e-9)
    mirrored = replace(ours, scale_covariance=-ours.scale_covariance)
    swapped = bounds(mirrored, cf_y=CF_Y, cf_d=CF_D)
    assert swapped.ci[0] == pytest.approx(found["ci"]["lower"][0], abs=1e-9)
    assert swapped.ci[1] == pytest.approx(found["ci"]["upper"][0], abs=1e-9)
    rv, rva = robustness(mirrored)
    assert rv == pytest.approx(found["rv"][0], abs=2e-5)  # DoubleML searches to about 1e-5
    assert rva == pytest.approx(found["rva"][0], abs=2e-5)
    exact = theirs.framework._calc_sensitivity_analysis(rva, rva, 1.0, (1 + LEVEL) / 2)
    assert exact["ci"]["lower"][0] == pytest.approx(0.0, abs=1e-9)


def test_doubleml_gives_each_bound_the_error_of_the_other() -> None:
    """Its influence values of θ carry the wrong sign when the bias is added; ours do not.

    With a skewed outcome the upper bound is truly twice as uncertain as the lower one.
    """
    ends, errors = [], []
    for seed in range(400):
        at = bounds(made_of(World(1_000 + seed, n=600)), cf_y=0.3, cf_d=0.3)
        ends.append(at.bounds)
        errors.append(at.std_error)
    truth, ours = np.std(ends, axis=0), np.mean(errors, axis=0)
    assert truth[1] > 1.5 * truth[0]
    assert ours[1] > 1.5 * ours[0]
    assert ours == pytest.approx(truth, rel=0.2)
    theirs = doubleml(World(1_000, n=600), "ate")
    se = theirs.framework._calc_sensitivity_analysis(0.3, 0.3, 1.0, 0.975)["se"]
    assert se["lower"][0] > 1.3 * se["upper"][0]


def test_clustered_errors_are_doublemls_on_equal_folds() -> None:
    world = World(5, n=1_200)
    world.cluster = np.arange(1_200) // 4
    theirs = doubleml(world, "ate", clusters=True)
    ours = as_doubleml(made_of(world), 300)
    at = bounds(ours, cf_y=CF_Y, cf_d=CF_D)
    found = theirs.sensitivity_params["se"]
    assert at.std_error[0] == pytest.approx(found["upper"][0], rel=1e-9)
    assert at.std_error[1] == pytest.approx(found["lower"][0], rel=1e-9)


@pytest.mark.parametrize("target", ["ate", "att", "overlap"])
def test_a_benchmark_is_doublemls_gain_statistic(target: Target) -> None:
    from doubleml.utils import gain_statistics

    long, short = World(7), World(7)
    short.mean = 0.4 * long.mean + long.mean.mean()
    short.chance = 0.5 * long.chance + 0.25
    parts = [compared(one.scores(target), FIRST, arm=1) for one in (long, short)]
    made = [(elements(part, target), part.means[1] - part.means[0]) for part in parts]
    ours = gain("x", about=("y", "expanded"), long=made[0], short=made[1])
    theirs = gain_statistics(doubleml(long, target), doubleml(short, target))
    assert ours.cf_y > 0
    for name in ("cf_y", "cf_d", "rho"):
        assert getattr(ours, name) == pytest.approx(theirs[name][0], abs=1e-9)
    assert ours.change == pytest.approx(theirs["delta_theta"][0], abs=1e-9)


# ---- closed forms and laws


def test_estimate_and_error_are_those_of_the_joint_covariance() -> None:
    world = World(9, customers=200)
    for target in ("ate", "att", "overlap"):
        scores = world.scores(target)
        means = joint(scores, cut(scores.columns, ()))
        gradient = np.array([-1.0, 0.0, 1.0, 0.0])
        ours = hidden_cause(scores, FIRST, arm=1, level=LEVEL)
        assert ours.std_error == pytest.approx(
            float(np.sqrt(gradient @ means.sigma @ gradient)), rel=1e-12
        )
        assert ours.estimate == pytest.approx(float(means.theta[0, 1, 0] - means.theta[0, 0, 0]))
        assert (ours.clusters, ours.df) == (means.counts.clusters[0], means.counts.clusters[0] - 1)


def test_inside_a_segment_only_its_units_count() -> None:
    world = World(10, customers=300)
    scores = world.scores()
    columns = pd.DataFrame({"side": np.where(world.x[:, 1] > 0, "right", "left")})
    scores = replace(scores, columns=columns)
    means = joint(scores, cut(columns, (("side",),)))
    gradient = np.zeros(means.theta.shape)
    gradient[2, 1, 0], gradient[2, 0, 0] = 1.0, -1.0
    rows = np.flatnonzero(columns["side"] == "right").astype(np.int64)
    ours = hidden_cause(scores, FIRST, arm=1, level=LEVEL, rows=rows)
    assert ours.std_error == pytest.approx(means.error(gradient.ravel()), rel=1e-12)
    assert ours.n == rows.size
    inside = World(10, customers=300)
    residual = (inside.y - inside.mean[np.arange(inside.y.size), inside.arm])[rows]
    assert ours.sigma2 == pytest.approx(float((residual**2).mean()))


def test_money_has_its_own_residual() -> None:
    world = World(11)
    scores = world.scores()
    two = replace(
        scores,
        gamma=np.stack([scores.gamma[:, :, 0], 0.5 * scores.gamma[:, :, 0]], axis=2),
        y=np.column_stack([world.y, 0.5 * world.y]),
    )
    both = hidden_cause(
        two, Worth(name="money", per=np.array([2.0, -1.0]), paid=0.1), arm=1, level=LEVEL
    )
    alone = made_of(world)
    assert both.scale == pytest.approx(1.5 * alone.scale)  # the sum of two parts would be 2.5
    assert both.estimate == pytest.approx(1.5 * alone.estimate - 0.1)
    assert (both.e_value, both.e_value_from) == (None, None)


def test_a_known_case_by_hand() -> None:
    """θ = 2, S = 4, no covariance: f = ½, RV = (√(f⁴ + 4f²) − f²) / 2 = .390388."""
    made = replace(
        made_of(World(1)),
        estimate=2.0,
        scale=4.0,
        std_error=0.5,
        scale_error=0.0,
        scale_covariance=0.0,
        critical=2.0,
    )
    rv, rva = robustness(made)
    assert rv == pytest.approx((np.sqrt(0.0625 + 1) - 0.25) / 2)
    assert rva == pytest.approx((np.sqrt(0.25**4 + 4 * 0.25**2) - 0.25**2) / 2)
    assert robustness(made, null=1.5) == pytest.approx((equal_strength(0.125), 0.0))
    at = bounds(made, cf_y=0.2, cf_d=0.5, rho=-0.5)
    assert at.bounds == pytest.approx((2 - 2 * np.sqrt(0.2), 2 + 2 * np.sqrt(0.2)))
    assert at.ci == pytest.approx((at.bounds[0] - 1, at.bounds[1] + 1))


@given(st.floats(1e-6, 0.999), st.floats(1e-3, 0.99))
def test_equal_strength_undoes_strength_and_grows(share: float, other: float) -> None:
    assert equal_strength(strength(share, share)) == pytest.approx(share, rel=1e-9)
    assert as_equal_strength(share, other) <= as_equal_strength(min(2 * share, 0.9999), other)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 500), st.floats(-1.5, 1.5), st.sampled_from(["ate", "att", "overlap"]))
def test_robustness_is_where_the_range_touches_zero(
    seed: int, moved: float, target: Target
) -> None:
    world = World(seed, n=300, customers=120)
    world.y = world.y + moved * world.arm
    world.mean[:, 1] += moved
    made = made_of(world, target)
    holds_zero = made.ci[0] <= 0.0 <= made.ci[1]  # type: ignore[operator]
    assert (made.rva == 0.0) == holds_zero
    assert 0.0 <= made.rva <= made.rv < 1.0
    near = 0 if made.estimate > 0 else 1
    assert bounds(made, cf_y=made.rv, cf_d=made.rv).bounds[near] == pytest.approx(0.0, abs=1e-9)
    if not holds_zero:
        assert bounds(made, cf_y=made.rva, cf_d=made.rva).ci[near] == pytest.approx(0.0, abs=1e-9)
    assert bounds(made, cf_y=0.0, cf_d=0.0).ci == pytest.approx(made.ci)
    world.y, world.mean = -world.y, -world.mean
    mirrored = made_of(world, target)
    assert (mirrored.rv, mirrored.rva) == pytest.approx((made.rv, made.rva))


def test_weights_that_are_all_doubled_change_nothing() -> None:
    world = World(12)
    once = made_of(world)
    world.weight = np.full(world.y.size, 2.0)
    assert made_of(world).rva == pytest.approx(once.rva)
    world.weight = np.where(world.x[:, 0] > 0, 2.0, 1.0)
    twice, rows = made_of(world), np.repeat(np.arange(900), np.where(world.x[:, 0] > 0, 2, 1))
    whole = hidden_cause(world.scores(), FIRST, arm=1, level=LEVEL, rows=rows)
    assert (twice.sigma2, twice.nu2) != (whole.sigma2, whole.nu2)
    world.weight = np.ones(900)
    copied = hidden_cause(world.scores(), FIRST, arm=1, level=LEVEL, rows=rows)
    assert (twice.sigma2, twice.nu2) == pytest.approx((copied.sigma2, copied.nu2))


def test_the_strength_of_everything_measured_is_what_the_models_take_away() -> None:
    world = World(13)
    own = world.mean[np.arange(900), world.arm]
    world.y = own + 3 * (world.y - own)
    part = compared(world.scores(), FIRST, arm=1)
    together = everything_measured(part, "ate", ("y", "expanded"))
    plain = [world.y[world.arm == a] for a in (0, 1)]
    spread = sum(((y - y.mean()) ** 2).sum() for y in plain) / world.y.size
    assert together.cf_y == pytest.approx(spread / elements(part, "ate").sigma2 - 1)
    assert together.change == pytest.approx(
        plain[1].mean() - plain[0].mean() - (part.means[1] - part.means[0])
    )


# ---- E-values


def test_the_published_e_value() -> None:
    """VanderWeele & Ding (2017): RR 3.9 (1.8 to 8.7) has E-values 7.26 and 3.0."""
    assert e_value(3.9) == pytest.approx(7.26, abs=0.005)
    assert e_value_of_interval(1.8, 8.7) == pytest.approx(3.0, abs=1e-9)
    assert e_value(1 / 3.9) == pytest.approx(e_value(3.9))
    assert e_value_of_interval(0.2, 0.8) == pytest.approx(e_value(0.8))
    assert ratio_of_difference(1.0) == pytest.approx(2.484, abs=1e-3)


def test_the_e_value_of_a_rate_comes_from_the_ratio_of_rates_with_its_clustered_range() -> None:
    rng = np.random.default_rng(0)
    world = World(14, n=4_000, customers=1_000)
    base, lift = 0.2, 1.6
    world.mean = np.tile([base, base * lift], (4_000, 1))
    world.chance = np.full((4_000, 2), 0.5)
    world.arm = rng.integers(0, 2, 4_000)
    world.y = (rng.random(4_000) < world.mean[np.arange(4_000), world.arm]).astype(float)
    worth = replace(FIRST, binary=True)
    made = hidden_cause(world.scores(), worth, arm=1, level=LEVEL)
    ratio = 1 + made.estimate / joint_mean(world)
    assert made.e_value == pytest.approx(e_value(ratio))
    assert made.e_value_limit is not None
    assert made.e_value is not None
    assert 1.0 < made.e_value_limit < made.e_value
    rates = [world.y[world.arm == a].mean() for a in (0, 1)]
    counts = [(world.arm == a).sum() for a in (0, 1)]
    error = np.sqrt(sum((1 - r) / r / n for r, n in zip(rates, counts, strict=True)))
    near = np.exp(np.log(ratio) - 1.96 * error)  # nobody's sessions are alike here
    assert made.e_value_limit == pytest.approx(e_value(near), rel=0.05)
    assert made.e_value_from == "risk_ratio"
    assert (
        hidden_cause(world.scores(), replace(worth, binary=False), arm=1, level=LEVEL).e_value_from
        == "standardised_difference"
    )


def joint_mean(world: World) -> float:
    scores = world.scores()
    return float(joint(scores, cut(scores.columns, ())).theta[0, 0, 0])


# ---- refusals


def test_what_cannot_be_bounded_says_why() -> None:
    world = World(15)
    sure = replace(world.scores(), propensity=np.tile([0.0, 1.0], (900, 1)), arm=np.ones(900, int))
    with pytest.raises(EstimationError, match="clusters in an arm, 10 needed"):
        hidden_cause(sure, FIRST, arm=1, level=LEVEL)
    certain = world.chance.copy()
    certain[0, world.arm[0]] = 1.0
    with pytest.raises(EstimationError, match="1 units were certain to get their arm"):
        hidden_cause(replace(world.scores(), propensity=certain), FIRST, arm=1, level=LEVEL)
    with pytest.raises(EstimationError, match="got the arm were not stored"):
        hidden_cause(replace(world.scores("att"), residual=None), FIRST, arm=1, level=LEVEL)
    world.chance[:5] = np.where(world.arm[:5, None] == [0, 1], 0.001, 0.999)
    with pytest.raises(EstimationError, match="variation of the weights comes out negative"):
        made_of(world)
    exact = World(16)
    exact.y = exact.mean[np.arange(900), exact.arm]
    with pytest.raises(EstimationError, match="leave nothing open in the outcome"):
        made_of(exact)
    with pytest.raises(ValueError, match="a strength lies in"):
        strength(1.0, 0.1)
    with pytest.raises(ValueError, match="is not positive"):
        e_value(0.0)


def test_residuals_of_the_treated_survive_storage(tmp_path: Any) -> None:
    scores = World(17).scores("att")
    path = tmp_path / "scores.parquet"
    path.write_bytes(to_parquet(scores, period=None))
    again = from_parquet(path)
    assert hidden_cause(again, FIRST, arm=1, level=LEVEL) == hidden_cause(
        scores, FIRST, arm=1, level=LEVEL
    )
    assert from_parquet_of(World(17).scores(), path).residual is None


def from_parquet_of(scores: Scores, path: Any) -> Scores:
    path.write_bytes(to_parquet(scores, period=None))
    return from_parquet(path)
