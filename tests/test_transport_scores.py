"""Means carried to another population: identities, closed forms, laws and coverage."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import builders
from tests.benchmarks import transport as worlds
from whatif.base.arrays import Floats
from whatif.contract.spec import OverlapSpec
from whatif.design.record import Design
from whatif.design.transport import TargetRows
from whatif.effects.cells import cut
from whatif.effects.joint import joint
from whatif.effects.transported import transported_rows
from whatif.scores import tasks, transport
from whatif.scores.crossfit import cross_fit
from whatif.scores.executor import Threads
from whatif.scores.fit import fit_scores
from whatif.scores.record import Scores, Transported
from whatif.scores.store import from_parquet, to_parquet
from whatif.scores.transport import carry, density_ratio, effective_clusters

RULE = OverlapSpec()


def _own(design: Design, **changes: Any) -> TargetRows:
    """The study's own rows as another population."""
    made = TargetRows(
        name="own",
        covariates=design.features.values,
        unseen=np.zeros(design.n, dtype=bool),
        levels=(),
        cluster=design.cluster,
        fold=design.fold,
        weight=design.weight,
        weighted=False,
    )
    return replace(made, **changes)


def _others(n: int = 900, *, shift: float = 0.5, seed: int = 5) -> TargetRows:
    """Other customers, with a higher x0."""
    made = builders.design(n, customers=n, seed=seed)
    values = made.features.values.copy()  # noqa: PD011
    values[:, 0] += shift
    return _own(
        made,
        name="others",
        covariates=values,
        cluster=10_000 + np.arange(n),
        fold=np.arange(n) % 2,
    )


def _fit(design: Design, *targets: TargetRows, **keys: Any) -> Scores:
    base: dict[str, Any] = {"rule": RULE, "seed": 0, "key": "k", "learners": ("glm",)}
    return fit_scores(design, **(base | keys), targets=targets)


def _answered(scores: Scores) -> tuple[Transported, Floats, Floats]:
    one = scores.transported[0]
    assert one.theta is not None
    assert one.sigma is not None
    return one, one.theta, one.sigma


def _alike(design: Design, target: TargetRows, fit: object) -> tuple[Floats, Floats]:
    return np.ones(design.n), np.ones(target.n)


def _several(case: str) -> tuple[Design, Any]:
    weight = np.random.default_rng(3).choice([0.5, 1.0, 3.0], 2_000)
    design = builders.design(2_000, customers=600)
    second = (1 - design.fold, np.random.default_rng(2).integers(0, 2, 600)[design.cluster])
    return {
        "experiment": (builders.design(2_000, customers=600, kind="experiment"), {}),
        "past data": (design, {}),
        "three arms": (builders.design(2_000, customers=600, arms=3), {}),
        "weights": (replace(design, weight=weight), {}),
        "repetitions": (replace(design, refolds=second), {}),
        "boosting": (design, {"learners": ("glm", "boosting")}),
        "large": (design, {"learners": ("boosting",)}),
    }[case]


CASES = ("experiment", "past data", "three arms", "weights", "repetitions", "boosting", "large")


# ---- the study's own rows


@pytest.mark.parametrize("case", CASES)
def test_carried_to_its_own_rows_with_no_ratio_the_answer_is_the_ordinary_one(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Estimate and covariance: each row is predicted by the model that never saw its customer."""
    if case == "large":
        monkeypatch.setattr(tasks, "LARGE", 1_000)
    monkeypatch.setattr(transport, "density_ratio", _alike)
    design, keys = _several(case)
    scores = _fit(design, _own(design), **keys)
    one, theta, sigma = _answered(scores)
    ordinary = joint(scores, cut(scores.columns, ()))
    np.testing.assert_allclose(theta, ordinary.theta[0], rtol=1e-10)
    np.testing.assert_allclose(sigma, ordinary.sigma, rtol=1e-9, atol=1e-15)
    assert one.clusters == np.unique(design.cluster).size
    sizes = np.bincount(design.cluster, weights=design.weight)
    assert one.effective == pytest.approx(sizes.sum() ** 2 / (sizes**2).sum())


@pytest.mark.parametrize("case", ["experiment", "past data", "three arms", "boosting"])
def test_carried_to_its_own_rows_the_answer_is_the_ordinary_one_up_to_the_ratio(
    case: str,
) -> None:
    design, keys = _several(case)
    scores = _fit(design, _own(design), **keys)
    one, theta, sigma = _answered(scores)
    error = np.sqrt(np.diag(sigma)).reshape(theta.shape)
    ordinary = joint(scores, cut(scores.columns, ())).theta[0]
    assert (np.abs(theta - ordinary) < 0.1 * error).all()
    assert one.outside == 0.0


def test_targets_leave_the_scores_as_they_are(tmp_path: Path) -> None:
    design = builders.design(2_000, customers=600)
    bare, more = _fit(design), _fit(design, _others(), _own(design))
    np.testing.assert_allclose(more.gamma, bare.gamma, rtol=1e-12, atol=1e-12)
    assert [one.name for one in more.transported] == ["others", "own"]
    assert b'"transported"' not in to_parquet(bare, period=None)
    assert b'"transported"' in to_parquet(more, period=None)


# ---- closed forms


def test_the_error_is_that_of_two_samples_when_they_share_nobody() -> None:
    """Every unit its own cluster: two weighted means, each with its own textbook variance."""
    design = builders.design(400, kind="experiment")
    design = replace(design, cluster=np.arange(400))
    target = _others(150)
    rng = np.random.default_rng(0)
    missed, mean = rng.normal(size=(400, 2)), rng.normal(size=(150, 2, 2))
    theta, sigma = carry(design, missed, np.ones(400), target, mean)
    inside = (design.arm[:, None] == [0, 1])[:, :, None]
    ours = (inside * missed[:, None, :]).reshape(400, 4)
    np.testing.assert_allclose(theta.ravel(), mean.reshape(150, 4).mean(axis=0) + ours.mean(axis=0))
    two = np.cov(mean.reshape(150, 4).T) / 150 + np.cov(ours.T) / 400
    np.testing.assert_allclose(sigma, two, rtol=1e-12)


@given(st.integers(0, 1_000))
def test_a_row_that_counts_twice_is_two_rows_of_one_cluster(seed: int) -> None:
    rng = np.random.default_rng(seed)
    design = builders.design(60, customers=20, kind="experiment", seed=seed)
    target = _own(builders.design(30, customers=10, seed=seed), cluster=np.arange(30) + 15)
    missed, mean, ratio = rng.normal(size=(60, 2)), rng.normal(size=(30, 2, 2)), rng.random(60)
    twice, thrice = rng.integers(1, 3, 60), rng.integers(1, 4, 30)
    heavy = replace(design, weight=twice.astype(np.float64))
    counted = carry(heavy, missed, ratio, replace(target, weight=thrice.astype(np.float64)), mean)
    here, there = np.repeat(np.arange(60), twice), np.repeat(np.arange(30), thrice)
    more = replace(
        target,
        covariates=target.covariates[there],
        unseen=target.unseen[there],
        cluster=target.cluster[there],
        fold=target.fold[there],
        weight=np.ones(there.size),
    )
    repeated = carry(design.take(here), missed[here], 7 * ratio[here], more, mean[there])
    for one, other in zip(counted, repeated, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-13)


def test_the_ratio_of_a_single_column_is_the_ratio_of_shares() -> None:
    design = builders.design(20_000, customers=20_000, kind="experiment")
    rng = np.random.default_rng(1)
    level = (rng.random(20_000) < 0.3).astype(np.float32)
    there = (rng.random(8_000) < 0.6).astype(np.float32)
    features = replace(
        design.features, names=("device",), values=level[:, None], categorical=np.array([True])
    )
    target = replace(_others(8_000), covariates=there[:, None])
    fit = partial(cross_fit, learners=("glm",), seed=0, executor=Threads(1))
    ours, theirs = density_ratio(replace(design, features=features), target, fit)
    wanted = [(1 - there.mean()) / (1 - level.mean()), there.mean() / level.mean()]
    for code in (0, 1):
        assert ours[level == code].mean() == pytest.approx(wanted[code], rel=0.02)
        assert theirs[there == code].mean() == pytest.approx(wanted[code], rel=0.02)
    assert ours.mean() == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("weight", "cluster", "wanted"),
    [
        (np.ones(6), np.arange(6), 6.0),
        (np.ones(6), np.array([0, 0, 0, 1, 1, 1]), 2.0),
        (np.array([1.0, 0.0, 0.0]), np.arange(3), 1.0),
        (np.zeros(3), np.arange(3), 0.0),
        (np.array([1.0, np.inf]), np.arange(2), 0.0),
        (np.array([1.0, np.nan]), np.arange(2), 0.0),
    ],
)
def test_effective_clusters(weight: Floats, cluster: Any, wanted: float) -> None:
    assert effective_clusters(weight, cluster) == wanted


# ---- what is refused


def test_people_whose_arm_was_never_open_are_counted_and_refused() -> None:
    """Past data: chances of an arm are judged in the other population by the study's own rule."""
    design = builders.design(4_000, customers=1_500)
    narrow = OverlapSpec(low=0.2, high=0.8, rule="trim")
    one = _fit(design, _others(shift=0.0), rule=narrow).transported[0]
    assert one.closed > 9
    assert one.refused == "outside"
    assert one.theta is None


def test_tables_that_a_model_tells_apart_are_refused_not_clipped() -> None:
    """No unit of the study stands out, so they still count as many; the other rows are all rare."""
    design = builders.design(2_000, customers=600, kind="experiment")
    one = _fit(design, _others(shift=40.0), learners=("glm", "boosting")).transported[0]
    assert one.refused == "outside"
    assert one.rare == one.n


def test_a_table_in_one_fold_is_refused() -> None:
    design = builders.design(1_000, kind="experiment")
    target = _others(50)
    one = _fit(design, replace(target, fold=np.zeros(50, dtype=np.int64))).transported[0]
    assert (one.refused, one.effective) == ("small_target", None)


def test_below_ten_effective_clusters_in_an_arm_there_is_no_interval() -> None:
    design = builders.design(2_000, customers=600, kind="experiment")
    scores = _fit(design, _own(design))
    spec = builders.spec()
    one = scores.transported[0]
    few = replace(one, arm_effective=(one.arm_effective[0], 9.9))
    for row in transported_rows(scores, spec, few):
        assert row.ci == (None, None)
        assert row.std_error is not None
    assert all(row.ci[0] is not None for row in transported_rows(scores, spec, one))
    assigned = replace(scores, clusters_assigned=True)
    degrees = {row.df for row in transported_rows(assigned, spec, one)}
    assert degrees == {int(min(one.arm_effective)) - 1}


def test_a_ratio_without_a_positive_denominator_has_no_effect() -> None:
    design = builders.design(2_000, customers=600, kind="experiment")
    scores = _fit(design, _own(design))
    one, theta, _ = _answered(scores)
    flipped = replace(one, theta=theta * [-1, 1])
    rows = {row.outcome: row for row in transported_rows(scores, builders.spec(), flipped)}
    assert rows["cost_per_order"].estimate is None
    assert rows["cost"].estimate is not None


# ---- bytes


def test_what_is_stored_comes_back(tmp_path: Path) -> None:
    design = builders.design(2_000, customers=600, kind="experiment")
    odd = replace(_others(), unseen=np.arange(900) < 5, levels=(("region", 5),))
    scores = _fit(design, odd, _others(shift=40.0))
    (tmp_path / "s.parquet").write_bytes(to_parquet(scores, period=None))
    stored = from_parquet(tmp_path / "s.parquet").transported
    for one, other in zip(scores.transported, stored, strict=True):
        for name in Transported.__slots__:
            np.testing.assert_equal(getattr(other, name), getattr(one, name))


@pytest.mark.parametrize("large", [1_000, 10_000])
def test_equal_bytes_with_any_number_of_threads(
    large: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "LARGE", large)
    design, target = builders.design(1_500, customers=500), _others(600)
    fit = partial(_fit, design, target, learners=("glm", "boosting"))
    one, other = fit(workers=1).transported[0], fit(workers=3).transported[0]
    assert one.theta is not None
    assert other.theta is not None
    assert one.theta.tobytes() == other.theta.tobytes()
    assert one.effective == other.effective


# ---- truth


def test_carried_effects_cover_the_truth_there_and_the_studys_own_do_not() -> None:
    """120 draws: a sound interval falls below .885 in 3 of 1,000 such tests, and |mean z| above .3
    in 1 of 1,000. `run` of the benchmark counts thousands."""
    name = "experiment"
    world = replace(worlds.WORLDS[name], folds=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(worlds.WORLDS, name, world)
        draws = [one for seed in range(120) for one in worlds.draw(seed, (name,))]
    table = worlds.summary(draws)
    carried, own = table[table["carried"]], table[~table["carried"]]
    assert carried["coverage"].between(0.885, 1.0).all()
    assert (carried["mean_z"].abs() < 0.3).all()
    assert (own.set_index("metric").loc[["y", "y per z"], "coverage"] < 0.2).all()


@pytest.mark.parametrize("name", list(worlds.WORLDS))
def test_every_world_of_the_benchmark_can_be_drawn(name: str) -> None:
    rows = worlds.draw(0, (name,))
    arms = worlds.WORLDS[name].arms - 1
    assert sum(row.carried for row in rows) == len(worlds.METRICS) * arms
    assert all(abs(row.z) < 5 for row in rows if row.carried)


def test_the_worlds_true_effects_are_those_of_their_draws() -> None:
    """An independent draw of 10⁶ units under each arm agrees with the closed form."""
    rng = np.random.default_rng(11)
    x = worlds.SHIFT + rng.normal(size=1_000_000)
    mobile = rng.random(x.size) < worlds.MOBILE
    y = 1 + 0.8 * x
    gain = 0.3 + 0.6 * x - 0.2 * (x**2 - 1) + 0.5 * mobile
    z, more = 3 + 0.5 * x, 0.1 + 0.2 * mobile
    drawn = pd.Series(
        {
            "y": gain.mean(),
            "z": more.mean(),
            "y per z": (y + gain).mean() / (z + more).mean() - y.mean() / z.mean(),
        }
    )
    np.testing.assert_allclose(drawn.to_numpy(), list(worlds.truth(1).values()), atol=4e-3)
