"""Money and break-even against direct arithmetic on the scores."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tests import builders
from whatif.contract.spec import ValueSpec
from whatif.effects.cells import cut
from whatif.effects.fieller import fieller
from whatif.effects.joint import joint
from whatif.effects.money import money, units_per_month

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
