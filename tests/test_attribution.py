"""The parts of a move: closed forms, derivatives, laws, small cells and coverage."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tests.attribution_cases import World, by_name, noisy, parts, taken
from tests.benchmarks import attribution as benchmark
from whatif.base.arrays import Floats
from whatif.base.errors import EstimationError
from whatif.scenarios.attribution.attribute import attribute
from whatif.scenarios.attribution.periods import Periods

COUNTS = np.array([[[300, 100], [200, 200]], [[300, 100], [200, 200]]])
TOP = np.array([[[2.0, 3.0], [6.0, 9.0]], [[2.0, 3.0], [6.0, 9.0]]])
BOTTOM = np.array([[[1.0, 2.0], [2.0, 1.0]], [[1.0, 2.0], [2.0, 1.0]]])


def _world(
    *, counts: Floats | None = None, top: Floats | None = None, ratio: bool = False
) -> World:
    return World(
        counts=COUNTS if counts is None else np.asarray(counts, np.int64),
        top=TOP if top is None else top,
        bottom=BOTTOM if ratio else None,
    )


@pytest.mark.parametrize("ratio", [False, True])
@pytest.mark.parametrize("moved", ["mix", "treatment_share", "mechanism"])
def test_what_alone_moved_is_the_whole_move_and_the_others_are_exactly_nothing(
    moved: str, ratio: bool
) -> None:
    counts, top = COUNTS.copy(), TOP.copy()
    if moved == "mix":
        counts[1] = [[600, 200], [100, 100]]
    elif moved == "treatment_share":
        counts[1] = [[100, 300], [300, 100]]
    else:
        top[1] += [[0.5, 0.2], [-0.1, 1.0]]
    found = parts(_world(counts=counts, top=top, ratio=ratio).periods())
    assert abs(found["total"].estimate) > 0.01
    for name in ("mix", "treatment_share", "mechanism"):
        if name == moved:
            assert found[name].estimate == pytest.approx(found["total"].estimate, rel=1e-12)
        else:
            assert found[name].estimate == 0.0
    measured = found["measured_effect_of_shares"].estimate
    expected = found["total"].estimate if moved == "treatment_share" else 0.0
    assert measured == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("moved", ["mix", "treatment_share", "mechanism"])
def test_with_noise_the_other_parts_are_nothing_within_their_error(moved: str) -> None:
    counts, top = 4 * COUNTS, TOP.copy()
    if moved == "mix":
        counts[1] = [[2400, 800], [400, 400]]
    elif moved == "treatment_share":
        counts[1] = [[400, 1200], [400, 1200]]
    else:
        top[1] += 1.0
    exact = World(counts=counts, top=top).periods()
    rng = np.random.default_rng(3)
    drawn = taken(exact, rng.integers(0, exact.cell.size, exact.cell.size))
    y = drawn.units.top + rng.normal(size=drawn.cell.size)
    units = replace(drawn.units, top=y, cluster=np.arange(y.size))
    found = parts(replace(drawn, units=units))
    for name in ("mix", "treatment_share", "mechanism"):
        assert found[name].std_error > 0
        sure = abs(found[name].estimate) / found[name].std_error
        assert sure > 5 if name == moved else sure < 3


def test_one_arm_is_kitagawas_split_of_a_difference_between_two_rates() -> None:
    # Kitagawa (1955), JASA 50(272), 1168-1194: half-sums of the other component.
    counts = np.array([[[300], [100], [400]], [[100], [350], [450]]])
    rates = np.array([[[0.2], [0.5], [0.3]], [[0.25], [0.4], [0.6]]])
    found = parts(World(counts=counts, top=rates).periods())
    mix = counts[:, :, 0] / counts.sum(axis=(1, 2))[:, None]
    rate = rates[:, :, 0]
    assert found["mix"].estimate == pytest.approx((mix[1] - mix[0]) @ rate.mean(axis=0))
    assert found["mechanism"].estimate == pytest.approx((rate[1] - rate[0]) @ mix.mean(axis=0))
    assert found["treatment_share"].estimate == 0.0


def test_a_product_of_three_is_das_guptas_three_factor_split() -> None:
    # Das Gupta (1993), Standardization and Decomposition of Rates, P23-186, chapter 2:
    # (A - a) [(bc + BC) / 3 + (bC + Bc) / 6]. Only one cell and arm differs from the rest.
    counts = np.array([[[120, 280], [300, 300]], [[390, 210], [100, 300]]])
    top = np.zeros((2, 2, 2))
    top[:, 0, 0] = [3.0, 5.0]
    (p, e, m), (P, E, M) = (
        (counts[t, 0].sum() / counts[t].sum(), counts[t, 0, 0] / counts[t, 0].sum(), top[t, 0, 0])
        for t in (0, 1)
    )
    found = parts(World(counts=counts, top=top + 10.0).periods())
    for name, ((a, A), (b, B), (c, C)) in {
        "mix": ((p, P), (e, E), (m, M)),
        "treatment_share": ((e, E), (p, P), (m, M)),
        "mechanism": ((m, M), (p, P), (e, E)),
    }.items():
        expected = (A - a) * ((b * c + B * C) / 3 + (b * C + B * c) / 6)
        assert found[name].estimate == pytest.approx(expected, rel=1e-12)


def test_one_cell_and_one_arm_has_welchs_error() -> None:
    rng = np.random.default_rng(1)
    periods = World(counts=np.array([[[300]], [[200]]]), top=np.ones((2, 1, 1))).periods()
    y = rng.normal(size=500) * np.where(periods.units.period == 0, 1.0, 3.0)
    found = parts(replace(periods, units=replace(periods.units, top=y)))
    one, two = y[:300], y[300:]
    assert found["total"].estimate == pytest.approx(two.mean() - one.mean(), rel=1e-12)
    square = one.var() / 300 + two.var() / 200
    assert found["total"].std_error == pytest.approx(np.sqrt(500 / 499 * square), rel=1e-12)
    assert found["mechanism"].std_error == pytest.approx(found["total"].std_error, rel=1e-12)
    assert (found["mix"].estimate, found["mix"].std_error) == (0.0, 0.0)
    assert found["total"].df == 199
    assert found["total"].critical == pytest.approx(stats.t.ppf(0.975, 199))


def _reweighted(periods: Periods, cluster: int, by: float) -> Periods:
    factor = np.where(periods.units.cluster == cluster, 1.0 + by, 1.0)
    return replace(periods, units=replace(periods.units, weight=periods.units.weight * factor))


@pytest.mark.parametrize("case", ["ratio", "mean", "absent segment", "absent arm", "small cells"])
def test_errors_are_the_numerical_derivatives_by_the_weight_of_each_cluster(case: str) -> None:
    many = 70
    periods = noisy(2, n=2_000, clusters=many, cells=2, arms=2, ratio=case != "mean")
    units, step = periods.units, 1e-5
    kept = np.ones(periods.cell.size, dtype=np.bool_)
    if case == "absent segment":
        kept = (units.period == 1) | (periods.cell == 0)
    if case == "absent arm":
        kept = (units.period == 1) | (periods.cell == 0) | (units.arm != 1)
    if case == "small cells":
        periods = noisy(2, n=2_000, clusters=many, cells=7, arms=2)
        kept = np.ones(periods.cell.size, dtype=np.bool_)
    periods = taken(periods, np.flatnonzero(kept))
    found = attribute(periods, level=0.95)
    assert bool(found.borrowed) == case.startswith("absent")
    assert bool(found.merged) == (case == "small cells")
    slopes: dict[str, list[float]] = {part.part: [] for part in found.parts}
    for cluster in range(many):
        up, down = (parts(_reweighted(periods, cluster, h)) for h in (step, -step))
        for name, listed in slopes.items():
            listed.append((up[name].estimate - down[name].estimate) / (2 * step))
    for name, part in by_name(found).items():
        expected = np.sqrt(many / (many - 1) * np.square(slopes[name]).sum())
        assert part.std_error == pytest.approx(expected, rel=1e-6), name


def test_errors_are_close_to_those_of_leaving_out_one_cluster_at_a_time() -> None:
    periods = noisy(5, n=2_000, clusters=100, cells=2, arms=2)
    code = periods.units.cluster
    left = [parts(taken(periods, np.flatnonzero(code != cluster))) for cluster in range(100)]
    for name, part in parts(periods).items():
        values = np.array([one[name].estimate for one in left])
        jackknife = np.sqrt(99 / 100 * np.square(values - values.mean()).sum())
        assert part.std_error == pytest.approx(jackknife, rel=0.03), name


def _brute(periods: Periods) -> dict[str, float]:
    """Exchange one of the three after the other in all six orders, from the units themselves."""
    units, cells, arms = periods.units, len(periods.segments), len(periods.arms)
    tables = []
    for t in (0, 1):
        own = units.period == t
        w, cell, arm = units.weight[own], periods.cell[own], units.arm[own]
        p, e, top, below = (np.zeros((cells, arms)) for _ in range(4))
        for s in range(cells):
            for a in range(arms):
                here = (cell == s) & (arm == a)
                p[s, a] = w[cell == s].sum() / w.sum()
                e[s, a] = w[here].sum() / w[cell == s].sum()
                top[s, a] = np.average(units.top[own][here], weights=w[here])
                below[s, a] = np.average(units.bottom[own][here], weights=w[here])
        tables.append((p, e, (top, below)))
    found = dict.fromkeys(("mix", "treatment_share", "mechanism"), 0.0)
    for order in permutations(range(3)):
        state = [0, 0, 0]
        for one in order:
            ratio = []
            for which in (0, 1):
                state[one] = which
                weight = tables[state[0]][0] * tables[state[1]][1]
                above, under = tables[state[2]][2]
                ratio.append((weight * above).sum() / (weight * under).sum())
            found[list(found)[one]] += (ratio[1] - ratio[0]) / 6
    return found


@pytest.mark.parametrize("ratio", [False, True])
def test_parts_are_those_of_all_six_orders(ratio: bool) -> None:
    periods = noisy(7, ratio=ratio)
    found, expected = parts(periods), _brute(periods)
    for name, value in expected.items():
        assert found[name].estimate == pytest.approx(value, rel=1e-10)
    assert found["total"].estimate == pytest.approx(sum(expected.values()), rel=1e-10)
    units = periods.units
    levels = [
        (units.weight * units.top)[units.period == t].sum()
        / (units.weight * units.bottom)[units.period == t].sum()
        for t in (0, 1)
    ]
    made = attribute(periods, level=0.95)
    assert (made.earlier, made.later) == pytest.approx(levels, rel=1e-12)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), ratio=st.booleans(), scale=st.floats(0.1, 10.0))
def test_laws_of_parts(seed: int, ratio: bool, scale: float) -> None:
    periods = noisy(seed, n=2_000, clusters=700, cells=2, arms=2, ratio=ratio)
    units, rng = periods.units, np.random.default_rng(seed)
    found = attribute(periods, level=0.95)
    was = by_name(found)
    whole = was["total"]
    added = sum(was[name].estimate for name in ("mix", "treatment_share", "mechanism"))
    assert added == pytest.approx(whole.estimate, abs=1e-12)
    assert found.covariance.sum() == pytest.approx(whole.std_error**2, rel=1e-9)
    twice = np.repeat(rng.permutation(units.arm.size), 2)
    split = taken(periods, twice)
    split = replace(split, units=replace(split.units, weight=scale * split.units.weight / 2))
    backwards = replace(periods, units=replace(units, period=1 - units.period))
    renamed = replace(
        periods,
        cell=1 - periods.cell,
        units=replace(
            units,
            arm=1 - units.arm,
            score_top=units.score_top[:, ::-1],
            score_bottom=units.score_bottom[:, ::-1],
        ),
    )
    for other, sign in ((split, 1.0), (backwards, -1.0), (renamed, 1.0)):
        now = parts(other)
        for name, part in was.items():
            assert now[name].estimate == pytest.approx(sign * part.estimate, abs=1e-10)
            assert now[name].std_error == pytest.approx(part.std_error, rel=1e-7)


def test_customers_who_come_in_both_periods_are_counted_once() -> None:
    periods = noisy(4, cells=1, arms=1, clusters=600, ratio=False)
    units = periods.units
    apart = replace(units, cluster=units.cluster + 600 * units.period)
    joint, split = parts(periods), parts(replace(periods, units=apart))
    assert joint["total"].estimate == split["total"].estimate
    assert joint["total"].std_error < 0.8 * split["total"].std_error


def test_small_cells_are_counted_as_one_and_never_named() -> None:
    counts = np.array([[[300, 300], [300, 49], [60, 60], [300, 300]]] * 2)
    counts[1, 2] = [60, 8]
    counts[1, 3] = [100, 500]
    top = np.arange(16.0).reshape(2, 4, 2) + 1.0
    periods = World(counts=counts, top=top).periods()
    found = attribute(periods, level=0.95)
    assert found.segments == ((("place", "p0"),), (("place", "p3"),))
    assert found.merged == ((("place", "p1"),), (("place", "p2"),))
    by_hand = replace(
        periods,
        cell=np.array([0, 1, 1, 2])[periods.cell],
        segments=(periods.segments[0], (), periods.segments[3]),
    )
    expected = _brute(by_hand)
    for name, value in expected.items():
        assert by_name(found)[name].estimate == pytest.approx(value, rel=1e-10)


def test_a_ratio_needs_fifty_orders_in_a_cell_where_a_mean_needs_twenty_events() -> None:
    counts, top = np.full((2, 2, 2), 200), np.full((2, 2, 2), 3.0)
    bottom = np.zeros(1_600)
    periods = World(counts=counts, top=top, bottom=np.ones((2, 2, 2))).periods()
    for first in range(0, 1_600, 200):
        bottom[first : first + (49 if first == 200 else 100)] = 1.0
    units = replace(periods.units, bottom=bottom, top=3.0 * bottom)
    ratio = replace(periods, units=units)
    assert len(attribute(ratio, level=0.95).merged) == 1
    mean = replace(ratio, ratio=False, units=replace(units, bottom=np.ones(1_600)))
    assert not attribute(mean, level=0.95).merged


def test_an_absent_segment_is_mix_and_an_absent_arm_treatment_share() -> None:
    counts = np.array([[[300, 300], [0, 0]], [[300, 300], [200, 200]]])
    top = np.array([[[2.0, 3.0], [0.0, 0.0]], [[2.0, 3.0], [6.0, 9.0]]])
    found = attribute(World(counts=counts, top=top).periods(), level=0.95)
    assert [(b.segment, b.arm, b.period) for b in found.borrowed] == [
        ((("place", "p1"),), None, "earlier")
    ]
    assert by_name(found)["mix"].estimate == pytest.approx(5.0 * 0.4, rel=1e-12)
    assert by_name(found)["mechanism"].estimate == 0.0
    counts = np.array([[[400, 0]], [[200, 200]]])
    top = np.array([[[2.0, 0.0]], [[2.0, 3.0]]])
    found = attribute(World(counts=counts, top=top).periods(), level=0.95)
    assert [(b.segment, b.arm, b.period) for b in found.borrowed] == [
        ((("place", "p0"),), "expanded", "earlier")
    ]
    assert by_name(found)["treatment_share"].estimate == pytest.approx(0.5, rel=1e-12)
    assert by_name(found)["mechanism"].estimate == 0.0


def test_few_clusters_have_parts_and_no_ranges() -> None:
    periods = noisy(1, n=400, clusters=9, cells=1, arms=2, ratio=False)
    found = attribute(periods, level=0.95)
    assert all(part.ci == (None, None) and part.critical is None for part in found.parts)
    assert by_name(found)["total"].std_error > 0


def test_degrees_are_those_of_the_smaller_period_or_of_its_smallest_arm() -> None:
    counts = np.array([[[500, 100]], [[300, 80]]])
    periods = World(counts=counts, top=np.ones((2, 1, 2))).periods()
    assert parts(periods)["total"].df == 379
    assert parts(replace(periods, clusters_assigned=True))["total"].df == 79


def test_a_ratio_whose_denominator_may_be_zero_has_no_ranges() -> None:
    counts, top = np.full((2, 1, 1), 2_000), np.ones((2, 1, 1))
    periods = World(counts=counts, top=top, bottom=top).periods()
    rare = np.zeros(4_000)
    rare[[*range(300), *range(2_000, 2_012)]] = 1.0
    found = attribute(replace(periods, units=replace(periods.units, bottom=rare)), level=0.95)
    assert found.parts[0].ci == (None, None)
    assert found.parts[0].std_error > 0


def test_a_ratio_with_nothing_to_divide_by_is_refused() -> None:
    periods = noisy(1)
    units = periods.units
    none = np.where(units.period == 0, 0.0, units.bottom)
    with pytest.raises(EstimationError, match="not positive in the earlier period"):
        attribute(replace(periods, units=replace(units, bottom=none)), level=0.95)


def test_parts_cover_with_repeated_customers_and_independent_errors_do_not() -> None:
    # Each bound is 3.5 errors of what 80 draws tell: of 30 figures a sound engine misses one in 70.
    count = 80
    draws = [draw for seed in range(count) for draw in benchmark.replicate(seed)]
    table = benchmark.table(draws).set_index(["errors", "metric", "part"])
    clustered, independent = table.loc["clustered"], table.loc["independent"]
    wide = 3.5 / np.sqrt(2 * count)
    assert (clustered["coverage"] > 0.95 - 3.5 * np.sqrt(0.95 * 0.05 / count)).all()
    assert clustered["sd of z"].between(1 - wide, 1 + wide).all()
    assert clustered["mean of z"].abs().max() < 3.5 / np.sqrt(count)
    assert (independent["sd of z"] > 1 + wide).any()
    assert (independent["coverage"] < 0.95 - 3.5 * np.sqrt(0.95 * 0.05 / count)).any()
