"""Why an estimate moved between two runs: identities, errors by jackknife, what each part holds."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests import builders
from whatif.base.arrays import Bools, Floats, Ints
from whatif.effects.cells import cut
from whatif.effects.contrasts import Metric, contrast
from whatif.effects.joint import joint
from whatif.scenarios.changes.cells import cut_by
from whatif.scenarios.changes.runs import Compared, Runs, Side, late_units, match
from whatif.scenarios.changes.split import Move, Part, split
from whatif.scores.record import Scores

ORDERS = Compared(arm="expanded", versus="folded", numerator="converted", denominator=None)
COST = Compared(arm="expanded", versus="folded", numerator="cost", denominator="converted")
PLACE = (("place",),)


def _scores(
    n: int = 3_000, *, customers: int = 150, seed: int = 0, arms: int = 3, flat: bool = False
) -> Scores:
    """Sessions of customers who come back, with weights, masses and several arms."""
    rng = np.random.default_rng(seed)
    cluster = rng.integers(0, customers, n)
    place = rng.choice(["city", "coast", "hills"], n, p=[0.5, 0.3, 0.2])
    level = pd.Series(place).map({"city": 0.0, "coast": 0.5, "hills": 1.0}).to_numpy()
    own = rng.normal(size=(customers, arms, 2))[cluster]
    gamma = np.array([4.0, 9.0]) + level[:, None, None] * np.arange(arms)[:, None] + 0.5 * own
    gamma = gamma + rng.normal(size=(n, arms, 2))
    columns = pd.DataFrame({"place": place, "device": rng.choice(["mobile", "desktop"], n)})
    made = builders.scores(gamma[:, :2], cluster, columns, seed=seed)
    return replace(
        made,
        arms=("folded", "expanded", "tabs")[:arms],
        gamma=gamma,
        arm=rng.integers(0, arms, n),
        weight=np.ones(n) if flat else rng.uniform(0.5, 2.0, n),
        mass=np.ones(n) if flat else rng.uniform(0.0, 1.5, n),
        unit=pd.Series([f"s{i:05d}" for i in rng.permutation(n)]),
    )


def _rows(scores: Scores, rows: Bools | Ints) -> Scores:
    """Some units of a run, their clusters numbered anew."""
    index = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
    names = ("gamma", "mass", "propensity", "arm", "y", "fold", "weight")
    arrays = {name: getattr(scores, name)[index] for name in names}
    return replace(
        scores,
        **arrays,
        cluster=pd.factorize(scores.cluster[index])[0].astype(np.int64),
        unit=scores.unit.iloc[index].reset_index(drop=True),
        columns=scores.columns.iloc[index].reset_index(drop=True),
    )


def _grown(seed: int = 0, *, flat: bool = False, rescored: bool = True) -> tuple[Scores, Scores]:
    """An older run, and a newer one with most of its units in another order and new ones."""
    whole = _scores(seed=seed, flat=flat)
    rng = np.random.default_rng(seed + 100)
    luck = rng.uniform(size=whole.n)
    older, newer = _rows(whole, luck < 0.7), _rows(whole, rng.permutation(np.flatnonzero(luck > 0)))
    newer = _rows(newer, np.arange(newer.n)[40:])
    if rescored:
        newer = replace(newer, gamma=newer.gamma + 0.1 * rng.normal(size=newer.gamma.shape))
    return older, newer


def _matched(
    older: Scores, newer: Scores, compared: Compared = ORDERS, *, late: Bools | None = None
) -> Runs:
    nobody = np.zeros(newer.n, dtype=bool)
    runs = match(older, newer, compared, nobody if late is None else late)
    return cut_by(runs, newer.columns, PLACE)


def _split(runs: Runs, *, joined: bool = False) -> Move:
    made = split(runs, level=0.95, joined=joined)
    assert made is not None
    return made


def _by_name(move: Move) -> dict[str, Part]:
    return {part.part: part for part in move.parts}


def _reported(scores: Scores, compared: Compared) -> float:
    """The difference that a run reports, by the package's own joint means."""
    top = scores.outcomes.index(compared.numerator)
    below = None if compared.denominator is None else scores.outcomes.index(compared.denominator)
    metric = Metric(name="m", numerator=top, denominator=below)
    means = joint(scores, cut(scores.columns, ()))
    return contrast(means, metric, cell=0, arm=scores.arms.index(compared.arm)).difference


# ---- identities


@pytest.mark.parametrize("compared", [ORDERS, COST])
@pytest.mark.parametrize("joined", [True, False])
def test_parts_sum_to_the_move_between_what_both_runs_report(
    compared: Compared, joined: bool
) -> None:
    older, newer = _grown()
    late = np.arange(newer.n) % 7 == 0
    made = _split(_matched(older, newer, compared, late=late), joined=joined)
    assert made.before == pytest.approx(_reported(older, compared), rel=1e-12)
    assert made.now == pytest.approx(_reported(newer, compared), rel=1e-12)
    assert sum(part.estimate for part in made.parts) == pytest.approx(
        made.total.estimate, abs=1e-12
    )
    assert made.covariance.sum() == pytest.approx(made.total.std_error**2, rel=1e-9)
    names = ["revised"] if joined else ["counted", "rescored"]
    assert [part.part for part in made.parts] == [*names, "mix", "mechanism"]


def test_equal_runs_have_no_parts_and_a_move_of_zero() -> None:
    older = _scores()
    made = _split(_matched(older, older))
    assert (made.parts, made.total.estimate, made.total.ci) == ((), 0.0, (0.0, 0.0))


def test_rows_in_another_order_are_the_same_run() -> None:
    older = _scores()
    newer = _rows(older, np.random.default_rng(1).permutation(older.n))
    made = _split(_matched(older, newer))
    assert made.parts == ()
    assert made.total.estimate == pytest.approx(0.0, abs=1e-12)


def test_new_units_alone_leave_nothing_revised() -> None:
    newer = _scores()
    older = _rows(newer, np.arange(newer.n) < 2_000)
    assert [p.part for p in _split(_matched(older, newer)).parts] == ["mix", "mechanism"]


def test_new_units_with_the_same_mix_add_no_mix() -> None:
    older = _scores(flat=True)
    again = replace(older, unit=older.unit + "b", gamma=older.gamma + 0.3)
    names = ("gamma", "mass", "propensity", "arm", "y", "fold", "weight", "cluster")
    both: dict[str, Any] = {
        name: np.concatenate([getattr(older, name), getattr(again, name)]) for name in names
    }
    newer = replace(
        older,
        **both,
        unit=pd.concat([older.unit, again.unit], ignore_index=True),
        columns=pd.concat([older.columns, again.columns], ignore_index=True),
    )
    parts = _by_name(_split(_matched(older, newer)))
    assert parts["mix"].estimate == pytest.approx(0.0, abs=1e-12)
    assert set(parts) == {"mix", "mechanism"}


def test_units_that_are_gone_or_came_late_count_apart_from_other_scores() -> None:
    older, newer = _grown(rescored=False)
    late = ~newer.unit.isin(older.unit).to_numpy()
    made = _split(_matched(older, newer, late=late))
    assert [part.part for part in made.parts] == ["counted"]
    assert made.parts[0].estimate == pytest.approx(made.total.estimate, abs=1e-12)
    older = _scores(flat=True)
    moved = replace(older, gamma=older.gamma + np.array([0.0, 0.25, 0.0])[:, None])
    only = _split(_matched(older, moved))
    assert [part.part for part in only.parts] == ["rescored"]
    assert only.parts[0].estimate == pytest.approx(0.25, rel=1e-9)


def test_shapley_parts_of_new_units_by_hand() -> None:
    """Two cells without noise: mix moves by Δp times mean effects, mechanism by mean p times Δτ."""
    n = 8_000
    place = np.array(["a", "b"])[(np.arange(n) % 4 == 0).astype(int)]
    effect = np.where(place == "a", 1.0, 3.0)
    new = np.arange(n) >= n // 2
    place[new & (np.arange(n) % 2 == 0)] = "b"
    effect = np.where(place == "a", 1.0, 3.0) + np.where(new & (place == "b"), 0.4, 0.0)
    gamma = np.zeros((n, 2, 2))
    gamma[:, 1, 0] = effect
    whole = builders.scores(gamma, np.arange(n) // 4, pd.DataFrame({"place": place}))
    parts = _by_name(_split(_matched(_rows(whole, ~new), whole)))
    share = [np.mean(place[~new] == "b"), np.mean(place == "b")]
    tau = [3.0, effect[place == "b"].mean()]
    mix = (share[1] - share[0]) * ((tau[0] + tau[1]) / 2 - 1.0)
    assert parts["mix"].estimate == pytest.approx(mix, rel=1e-9)
    assert parts["mechanism"].estimate == pytest.approx(
        (share[0] + share[1]) / 2 * (tau[1] - tau[0]), rel=1e-9
    )


def test_a_segment_that_only_new_units_have_is_mix() -> None:
    newer = _scores(flat=True)
    older = _rows(newer, newer.columns["place"].ne("hills").to_numpy())
    made = _split(_matched(older, newer))
    parts = _by_name(made)
    assert parts["mechanism"].estimate == pytest.approx(0.0, abs=1e-12)
    assert parts["mix"].estimate == pytest.approx(made.total.estimate, rel=1e-9)
    assert abs(made.total.estimate) > 0.05


# ---- cuts


def test_the_cut_with_most_cells_that_stand_alone_is_taken() -> None:
    newer = _scores(9_000)
    older = _rows(newer, np.arange(newer.n) < 6_000)
    runs = match(older, newer, ORDERS, np.zeros(newer.n, dtype=bool))
    both = cut_by(runs, newer.columns, (("place",), ("place", "device")))
    assert (len(both.segments), both.merged) == (6, ())
    assert cut_by(runs, newer.columns, ()).segments == ((),)
    rare = newer.columns.assign(place=np.where(np.arange(newer.n) < 30, "isle", "main"))
    assert cut_by(runs, rare, PLACE).segments == ((("place", "main"),),)
    assert cut_by(runs, rare, PLACE).merged == ((("place", "isle"),),)


def test_small_segments_count_as_one_and_without_any_new_data_are_one_part() -> None:
    whole = _scores(400, customers=100)
    older = _rows(whole, np.arange(400) < 250)
    runs = _matched(older, whole)
    assert (runs.segments, runs.merged) == (((),), ())
    assert [part.part for part in _split(runs).parts] == ["new"]


# ---- errors


def _weighted(runs: Runs, cluster: int, factor: float) -> Runs:
    def scaled(side: Side) -> Side:
        return replace(side, weight=side.weight * np.where(side.cluster == cluster, factor, 1.0))

    return replace(runs, before=scaled(runs.before), now=scaled(runs.now))


def _without(runs: Runs, cluster: int) -> Runs:
    def left(side: Side) -> Side:
        kept = side.cluster != cluster
        return Side(**{one.name: getattr(side, one.name)[kept] for one in fields(Side)})

    first, second = runs.before.cluster != cluster, runs.now.cluster != cluster
    return replace(
        runs,
        before=left(runs.before),
        now=left(runs.now),
        kept=runs.kept[first],
        shared=runs.shared[second],
        again=runs.again[second],
        cell=runs.cell[second],
    )


def _estimates(runs: Runs) -> Floats:
    made = _split(runs)
    return np.array([made.total.estimate, *(part.estimate for part in made.parts)])


@pytest.mark.parametrize("compared", [ORDERS, COST])
def test_errors_are_those_of_exact_derivatives_by_the_weight_of_each_cluster(
    compared: Compared,
) -> None:
    older, newer = _grown()
    late = np.arange(newer.n) % 7 == 0
    runs = _matched(older, newer, compared, late=late)
    codes = np.union1d(runs.before.cluster, runs.now.cluster)
    step = 1e-4
    told = np.array(
        [
            (_estimates(_weighted(runs, c, 1 + step)) - _estimates(_weighted(runs, c, 1 - step)))
            / (2 * step)
            for c in codes
        ]
    )
    expected = codes.size / (codes.size - 1) * told.T @ told
    made = _split(runs)
    np.testing.assert_allclose(made.covariance, expected[1:, 1:], rtol=1e-5, atol=1e-12)
    assert made.total.std_error**2 == pytest.approx(expected[0, 0], rel=1e-5)


@pytest.mark.parametrize("compared", [ORDERS, COST])
def test_every_error_is_that_of_leaving_one_cluster_out(compared: Compared) -> None:
    older, newer = _grown(seed=4)
    runs = _matched(older, newer, compared, late=np.arange(newer.n) % 7 == 0)
    codes = np.union1d(runs.before.cluster, runs.now.cluster)
    left = np.array([_estimates(_without(runs, c)) for c in codes])
    away = left - left.mean(axis=0)
    jackknife = np.sqrt((codes.size - 1) / codes.size * (away**2).sum(axis=0))
    made = _split(runs)
    errors = [made.total.std_error, *(part.std_error for part in made.parts)]
    np.testing.assert_allclose(errors, jackknife, rtol=0.03)


def test_a_customer_in_both_runs_is_counted_once() -> None:
    older, newer = _grown()
    runs = _matched(older, newer)
    apart = replace(
        runs, before=replace(runs.before, cluster=runs.before.cluster + 1 + runs.now.cluster.max())
    )
    error = [_by_name(_split(one))["rescored"].std_error for one in (runs, apart)]
    assert error[1] > 3 * error[0]
    assert runs.unlinked == 0


def test_clusters_without_a_unit_in_the_newer_run_are_counted() -> None:
    older, newer = _grown()
    gone = older.cluster < 3
    lost = newer.unit.isin(older.unit[gone]).to_numpy()
    assert _matched(older, _rows(newer, ~lost)).unlinked == 3


def test_clusters_drawn_otherwise_are_one_where_they_share_a_unit() -> None:
    older, newer = _grown()
    single = replace(newer, cluster=np.arange(newer.n))
    runs = _matched(older, single)
    here, there = runs.before.cluster[runs.kept], runs.before.cluster
    assert np.unique(there).size == np.unique(older.cluster).size
    assert set(here) <= set(runs.now.cluster)


@pytest.mark.parametrize(("customers", "bounded"), [(30, False), (300, True)])
def test_too_few_new_clusters_have_no_range(customers: int, bounded: bool) -> None:
    whole = _scores(3_000, customers=customers)
    late = np.isin(whole.cluster, np.arange(customers // 5))
    made = _split(_matched(_rows(whole, ~late), whole))
    assert (made.total.ci != (None, None)) == bounded
    assert made.total.std_error > 0


def test_a_part_that_few_clusters_carry_has_no_range() -> None:
    older = _scores()
    gamma = older.gamma.copy()
    gamma[:3, 1] += 50.0
    made = _split(_matched(older, replace(older, gamma=gamma)))
    assert made.parts[0].estimate > 0
    assert (made.parts[0].ci, made.total.ci) == ((None, None), (None, None))


def test_a_denominator_close_to_zero_leaves_parts_without_ranges() -> None:
    older, newer = _grown()

    def lowered(scores: Scores, by: float) -> Scores:
        return replace(scores, gamma=scores.gamma - np.array([by, 0.0]))

    pair = lowered(older, 3.85), lowered(newer, 3.85)
    made = split(_matched(*pair, COST), level=0.95)
    assert made is not None
    assert made.total.ci == (None, None)
    assert all(part.ci == (None, None) for part in made.parts)
    assert split(_matched(older, lowered(newer, 20.0), COST), level=0.95) is None


def test_runs_without_a_unit_in_common_are_not_split() -> None:
    older = _scores()
    assert split(_matched(older, replace(older, unit=older.unit + "x")), level=0.95) is None


@pytest.mark.parametrize(("errors", "told"), [(1.0, False), (1.8, False), (2.2, True)])
def test_shares_are_told_only_where_the_range_of_the_move_excludes_zero(
    errors: float, told: bool
) -> None:
    older, newer = _grown(flat=True, rescored=False)
    plain = _split(_matched(older, newer)).total
    by = errors * plain.std_error - plain.estimate
    moved = replace(newer, gamma=newer.gamma + np.array([0.0, by, 0.0])[:, None])
    made = _split(_matched(older, moved))
    assert made.total.estimate == pytest.approx(errors * plain.std_error)
    low, high = made.total.ci
    assert low is not None
    assert high is not None
    assert all((part.share is not None) == (low > 0 or high < 0) for part in made.parts)
    assert (low > 0 or high < 0) == told


def test_shares_add_up_to_one() -> None:
    older, newer = _grown(rescored=False)
    moved = replace(newer, gamma=newer.gamma + np.array([0.0, 2.0, 0.0])[:, None])
    large = _split(_matched(older, moved))
    assert sum(part.share or 0.0 for part in large.parts) == pytest.approx(1.0)


def test_moments_up_to_the_last_of_the_older_run_are_of_its_days() -> None:
    then = pd.Series(pd.to_datetime(["2026-09-01 00:00", "2026-09-03 12:00"]))
    now = pd.Series(pd.to_datetime(["2026-08-30 09:00", "2026-09-03 12:00", "2026-09-03 12:01"]))
    assert late_units(then, now).tolist() == [True, True, False]


def test_whole_clusters_assigned_are_counted_by_arm() -> None:
    older, newer = _grown()
    runs = _matched(older, newer)
    by_arm = replace(runs, clusters_assigned=True)
    assert _split(by_arm).total.df <= _split(runs).total.df
