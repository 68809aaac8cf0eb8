"""Money and break-even against direct arithmetic on the scores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tests import builders
from whatif.base.arrays import Floats
from whatif.contract.spec import ValueSpec
from whatif.effects.cells import cut
from whatif.effects.fieller import fieller
from whatif.effects.joint import joint
from whatif.effects.money import money, money_row, units_per_month
from whatif.scores.record import Scores

VALUE = ValueSpec(
    currency="USD", per={"converted": 18.0, "cost": -1.0}, arm_cost={"expanded": 0.02}
)


def test_money_is_the_clustered_mean_of_value_per_unit() -> None:
    rng = np.random.default_rng(4)
    cluster = np.repeat(np.arange(400), 3)
    gamma = rng.normal(size=(1_200, 2, 2)) + rng.normal(size=(400, 2, 2))[cluster]
    gamma[:, 1, 0] += 2.0
    gamma[:, 1, 1] += 8.0
    scores = builders.scores(gamma, cluster, pd.DataFrame(index=range(1_200)))
    made = money(joint(scores, cut(scores.columns, ())), VALUE, arm=1, per_month=1e3, level=0.95)
    gain, cost = gamma[:, 1, 0] - gamma[:, 0, 0], gamma[:, 1, 1] - gamma[:, 0, 1]
    unit = 18.0 * gain - cost - 0.02
    sums = np.bincount(cluster, weights=unit - unit.mean())
    error = np.sqrt(400 / 399 * (sums**2).sum()) / 1_200
    half = stats.t.ppf(0.975, 399) * error
    assert made.estimate == pytest.approx(1e3 * unit.mean(), rel=1e-12)
    assert made.ci == pytest.approx((1e3 * (unit.mean() - half), 1e3 * (unit.mean() + half)))
    even = made.break_even
    assert even is not None
    assert even.value == pytest.approx((cost.mean() + 0.02) / gain.mean(), rel=1e-12)
    assert even.kind == "interval"
    assert even.pays_above
    for end in even.ends:
        assert end is not None
        at = cost + 0.02 - end * gain
        spread = np.bincount(cluster, weights=at - at.mean())
        t = at.mean() / (np.sqrt(400 / 399 * (spread**2).sum()) / 1_200)
        assert abs(t) == pytest.approx(stats.t.ppf(0.975, 399), rel=1e-9)


@given(
    ratio=st.tuples(st.floats(-5, 5), st.floats(-5, 5)),
    spread=st.tuples(st.floats(0.01, 4), st.floats(0.01, 4), st.floats(-0.95, 0.95)),
    r=st.floats(-50, 50),
)
def test_fiellers_set_is_exactly_what_its_test_does_not_reject(
    ratio: tuple[float, float], spread: tuple[float, float, float], r: float
) -> None:
    (a, b), (va, vb, rho) = ratio, spread
    shared = rho * np.sqrt(va * vb)
    found = fieller(a, b, variances=(va, vb, shared), critical=1.96)
    distance = abs(a - r * b) - 1.96 * np.sqrt(va - 2 * r * shared + r**2 * vb)
    if abs(distance) < 1e-6:
        return
    low, high = found.ends
    if found.kind == "all":
        inside = True
    else:
        assert low is not None
        assert high is not None
        inside = (low <= r <= high) == (found.kind == "interval")
    assert inside == (distance < 0)


def test_units_a_month_are_declared_or_counted() -> None:
    assert units_per_month(VALUE, units=560, days=56) == pytest.approx(304.4)
    assert units_per_month(VALUE, units=560, days=None) is None
    declared = VALUE.model_copy(update={"units_per_month": 5.0})
    assert units_per_month(declared, units=560, days=None) == 5.0


def _weighted(seed: int = 7) -> Scores:
    """Three arms, weights, a target that leaves units out, repeated clusters, two regions."""
    rng = np.random.default_rng(seed)
    n, cluster = 900, rng.integers(0, 250, 900)
    columns = pd.DataFrame({"region": rng.choice(["far", "near"], n, p=[0.3, 0.7])})
    orders = rng.normal(size=(n, 3)) + rng.normal(size=(250, 3))[cluster]
    gamma = np.stack(
        [orders + np.array([0.0, 0.5, 1.0]), 3 * orders + rng.normal(size=(n, 3))], axis=2
    )
    two = builders.scores(gamma[:, :2], cluster, columns)
    return replace(
        two,
        arms=("folded", "expanded", "third"),
        gamma=gamma,
        arm=rng.integers(0, 3, n),
        propensity=np.full((n, 3), 1 / 3),
        weight=rng.uniform(0.5, 3.0, n),
        mass=rng.choice([0.0, 1.0], n, p=[0.2, 0.8]),
        target="att",
    )


def _direct(scores: Scores, net: Floats, rows: Floats) -> tuple[float, float]:
    """Clustered mean and error of `net` over `rows`, from first principles."""
    weight = scores.weight * rows
    total = weight @ scores.mass
    value = weight @ net / total
    sums = np.bincount(scores.cluster, weight * (net - value * scores.mass) / total)
    clusters = np.unique(scores.cluster).size
    return float(value), float(np.sqrt(clusters / (clusters - 1) * (sums**2).sum()))


@pytest.mark.parametrize("worth", [18.0, -18.0])
@pytest.mark.parametrize("cost", [-1.0, 1.0])
def test_the_error_of_money_is_the_direct_one_with_weights_mass_and_either_sign(
    worth: float, cost: float
) -> None:
    scores = _weighted()
    value = ValueSpec(currency="USD", per={"converted": worth, "cost": cost})
    means = joint(scores, cut(scores.columns, (("region",),)))
    for arm, versus, cell in ((1, 0, 0), (2, 1, 0), (0, 2, 1), (2, 0, 2)):
        row = money_row(means, value, arm=arm, versus=versus, cell=cell, per_month=None, level=0.95)
        gain = scores.gamma[:, arm] - scores.gamma[:, versus]
        region = str(dict(means.cells.segments[cell]).get("region", ""))
        inside = scores.columns["region"].str.contains(region).to_numpy().astype(np.float64)
        expected = _direct(scores, worth * gain[:, 0] + cost * gain[:, 1], inside)
        assert row.per_unit == pytest.approx(expected[0], rel=1e-12)
        assert row.std_error == pytest.approx(expected[1], rel=1e-12)
        assert (row.per_month, row.per_month_ci) == (None, (None, None))


def test_zeroing_the_covariance_or_turning_a_sign_changes_the_error_of_money() -> None:
    scores = _weighted()
    means = joint(scores, cut(scores.columns, ()))
    paid = ValueSpec(currency="USD", per={"converted": 3.0, "cost": -1.0})
    earned = ValueSpec(currency="USD", per={"converted": 3.0, "cost": 1.0})
    one, other = (
        money_row(means, value, arm=1, per_month=None, level=0.95) for value in (paid, earned)
    )
    alone = replace(means, covariance=np.diag(np.diag(means.covariance)))
    without = money_row(alone, paid, arm=1, per_month=None, level=0.95)
    assert one.std_error < 0.5 * without.std_error
    assert other.std_error > 1.2 * without.std_error


def test_money_a_month_of_a_segment_counts_that_its_share_is_estimated() -> None:
    scores = _weighted()
    means = joint(scores, cut(scores.columns, (("region",),)))
    row = money_row(means, VALUE, arm=1, cell=1, per_month=5_000.0, level=0.95)
    inside = (scores.columns["region"] == "far").to_numpy(float)
    gain = scores.gamma[:, 1] - scores.gamma[:, 0]
    net = 18.0 * gain[:, 0] - gain[:, 1] - 0.02 * scores.mass
    value, error = _direct(scores, inside * net, np.ones(scores.n))
    assert row.segment == (("region", "far"),)
    assert row.per_month == pytest.approx(5_000 * value, rel=1e-12)
    assert row.per_month_std_error == pytest.approx(5_000 * error, rel=1e-12)
    half = (row.critical or np.nan) * 5_000 * error
    assert row.per_month_ci == pytest.approx((5_000 * value - half, 5_000 * value + half))
    assert row.target == "att"


def test_below_ten_clusters_an_arm_money_has_no_interval() -> None:
    rng = np.random.default_rng(0)
    scores = builders.scores(
        rng.normal(size=(300, 2, 2)), np.repeat(np.arange(6), 50), pd.DataFrame(index=range(300))
    )
    means = joint(scores, cut(scores.columns, ()))
    made = money(means, VALUE, arm=1, per_month=10.0, level=0.95)
    assert made.ci == (None, None)
    assert made.break_even is None
    assert np.isfinite(made.estimate)


def test_a_gain_that_may_be_zero_leaves_the_break_even_unbounded() -> None:
    rng = np.random.default_rng(1)
    gamma = rng.normal(size=(500, 2, 2))
    gamma[:, 1, 0] += gamma[:, 0, 0].mean() - gamma[:, 1, 0].mean() + 0.01
    scores = builders.scores(gamma, np.arange(500), pd.DataFrame(index=range(500)))
    means = joint(scores, cut(scores.columns, ()))
    even = money_row(means, VALUE, arm=1, per_month=None, level=0.95).break_even
    assert even is not None
    assert even.kind in ("rays", "all")
