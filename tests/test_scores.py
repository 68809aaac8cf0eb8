"""Scores against closed forms, simulated truth and their own promises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests import builders
from whatif.base.errors import DataError, EstimationError, OverlapError
from whatif.contract.spec import OverlapSpec
from whatif.effects.cells import cut
from whatif.effects.contrasts import Metric, contrast
from whatif.effects.joint import joint
from whatif.scores.cache import Kept, cached_scores
from whatif.scores.fit import fit_scores, refitter
from whatif.scores.record import Scores
from whatif.scores.store import from_parquet, to_parquet

RULE = OverlapSpec()
TRIM = OverlapSpec(rule="trim")


def _fit(design: object, **more: object) -> Scores:
    return fit_scores(design, **({"rule": RULE, "seed": 0, "key": "k"} | more))  # type: ignore[arg-type]


def test_without_covariates_an_experiment_is_the_difference_in_means() -> None:
    design = builders.design(3_000, customers=3_000, kind="experiment", covariates=False)
    design = replace(design, cluster=np.arange(design.n))
    means = joint(_fit(design), cut(design.columns, ()))
    made = contrast(means, Metric(name="cost", numerator=1), cell=0, arm=1)
    on, off = design.y[design.arm == 1, 1], design.y[design.arm == 0, 1]
    assert made.difference == pytest.approx(on.mean() - off.mean(), abs=1e-12)
    welch = np.sqrt(on.var(ddof=1) / on.size + off.var(ddof=1) / off.size)
    error = np.sqrt(made.gradient @ means.sigma @ made.gradient)
    assert error == pytest.approx(welch, rel=1e-3)


def test_confounding_is_removed_and_the_error_is_the_spread_over_draws() -> None:
    estimates, errors, naive = [], [], []
    for seed in range(40):
        design = builders.design(3_000, customers=800, seed=seed)
        means = joint(_fit(design, learners=("glm",)), cut(design.columns, ()))
        made = contrast(means, Metric(name="converted", numerator=0), cell=0, arm=1)
        estimates.append(made.difference)
        errors.append(np.sqrt(made.gradient @ means.sigma @ made.gradient))
        y = design.y[:, 0]
        naive.append(y[design.arm == 1].mean() - y[design.arm == 0].mean())
    rng = np.random.default_rng(0)
    base = -1 + 0.8 * rng.normal(size=10**6) + rng.normal(size=10**6)
    truth = (1 / (1 + np.exp(-base - 0.3)) - 1 / (1 + np.exp(-base))).mean()
    spread = np.std(estimates, ddof=1)
    assert abs(np.mean(estimates) - truth) < 3 * spread / np.sqrt(40)
    assert np.mean(errors) == pytest.approx(spread, rel=0.3)
    assert np.mean(naive) - truth > 3 * np.mean(errors)


def test_an_experiment_with_covariates_gains_precision_and_stays_put() -> None:
    design = builders.design(8_000, kind="experiment", taste=0.3)
    bare = replace(design, features=builders.design(8_000, covariates=False).features)
    made = {}
    for name, one in {"adjusted": design, "bare": bare}.items():
        means = joint(_fit(one), cut(one.columns, ()))
        effect = contrast(means, Metric(name="converted", numerator=0), cell=0, arm=1)
        made[name] = (effect.difference, np.sqrt(effect.gradient @ means.sigma @ effect.gradient))
    assert made["adjusted"][1] < made["bare"][1]
    assert abs(made["adjusted"][0] - made["bare"][0]) < 2 * made["bare"][1]


def test_boosting_wins_where_the_truth_is_an_interaction_and_glm_where_it_is_smooth() -> None:
    design = builders.design(20_000, customers=20_000)
    for q in _fit(design).quality:
        losses = dict(q.losses)
        assert losses["glm"] < losses["boosting"]
        assert min(losses.values()) >= losses.get("blend", losses["glm"])
    x = design.features.values
    corner = (x[:, 0] > 0) ^ (x[:, 1] > 0)
    y = design.y.copy()
    y[:, 1] += 3.0 * corner
    quality = {q.target: q for q in _fit(replace(design, y=y)).quality}
    losses = dict(quality["cost"].losses)
    assert losses["boosting"] < 0.9 * losses["glm"]
    assert "boosting" in quality["cost"].chosen
    assert quality["cost"].gain > 0.2


def test_three_arms_are_scored_against_one_control() -> None:
    design = builders.design(6_000, arms=3)
    scores = _fit(design, learners=("glm",))
    assert scores.gamma.shape == (scores.n, 3, 2)
    np.testing.assert_allclose(scores.propensity.sum(axis=1), 1.0, rtol=1e-9)
    np.testing.assert_allclose(
        refitter(seed=0)(design),
        (scores.gamma.mean(axis=0)[1:] - scores.gamma.mean(axis=0)[0]),
        rtol=1e-9,
    )


def test_scores_do_not_depend_on_the_number_of_workers() -> None:
    design = builders.design(3_000)
    one, two = _fit(design, workers=1), _fit(design, workers=3)
    assert one.gamma.tobytes() == two.gamma.tobytes()


def test_missing_covariates_and_unseen_levels_are_legal() -> None:
    design = builders.design(3_000)
    values = design.features.values.copy()
    values[::7, 0] = np.nan
    values[design.fold == 1, 2] = np.where(values[design.fold == 1, 2] == 2, 9, 0)
    changed = replace(design, features=replace(design.features, values=values))
    assert np.isfinite(_fit(changed).gamma).all()


def test_overlap_is_refused_or_trimmed_never_clipped() -> None:
    design = builders.design(4_000)
    values = design.features.values.copy()
    values[:, 1] = np.where(np.arange(design.n) < 200, 8.0 * design.arm, 0.0)
    broken = replace(design, features=replace(design.features, values=values))
    with pytest.raises(OverlapError, match=r"have a chance of some arm outside 0\.01–0\.99"):
        _fit(broken, rule=RULE)
    trimmed = _fit(broken, rule=TRIM)
    assert trimmed.n < design.n
    assert "limited to the" in trimmed.population
    assert trimmed.propensity.min() >= RULE.low


def test_a_fold_without_an_arm_is_an_error() -> None:
    design = builders.design(400)
    alone = replace(design, fold=design.arm.copy())
    with pytest.raises(EstimationError, match="without every arm"):
        _fit(alone)


def test_a_score_table_survives_its_file(tmp_path: Path) -> None:
    scores = _fit(builders.design(2_000), learners=("glm",))
    path = tmp_path / "scores.parquet"
    path.write_bytes(to_parquet(scores, period=None))
    back = from_parquet(path)
    assert back.gamma.tobytes() == scores.gamma.tobytes()
    assert back.quality == scores.quality
    assert back.overlap == scores.overlap
    assert to_parquet(back, period=None) == path.read_bytes()


def test_a_damaged_score_table_is_named(tmp_path: Path) -> None:
    path = tmp_path / "scores.parquet"
    path.write_bytes(b"PAR1 nothing")
    with pytest.raises(DataError, match=r"scores\.parquet is not a readable score table"):
        from_parquet(path)


def test_refits_in_a_row_share_covariates_without_mixing_designs() -> None:
    design, refit = builders.design(2_000), refitter(seed=0)
    flipped = replace(design, arm=1 - design.arm)
    other = builders.design(2_000, seed=1)
    alone = [refitter(seed=0)(one) for one in (design, flipped, other)]
    for one, expected in zip((design, flipped, other), alone, strict=True):
        assert refit(one).tobytes() == expected.tobytes()


def test_columns_named_like_ours_survive_the_file(tmp_path: Path) -> None:
    scores = _fit(builders.design(1_000), learners=("glm",))
    names = ["weight", "arm", "score:folded:converted"]
    odd = replace(scores, columns=scores.columns.set_axis(names, axis="columns"))
    path = tmp_path / "scores.parquet"
    path.write_bytes(to_parquet(odd, period=None))
    back = from_parquet(path)
    assert back.gamma.tobytes() == scores.gamma.tobytes()
    assert back.weight.tolist() == scores.weight.tolist()
    assert back.columns.columns.tolist() == names
    assert back.columns["arm"].tolist() == odd.columns["arm"].tolist()


def _kept(folder: Path, fit: Callable[[], Scores], *, renew: bool = False) -> Kept:
    """Return what the cache gives, once it has written what it keeps."""
    kept = cached_scores(folder, "k", fit, renew=renew)
    assert kept.parquet() == to_parquet(kept.scores, period=None)
    return kept


def test_the_cache_only_saves_time(tmp_path: Path) -> None:
    scores, calls = _fit(builders.design(1_000), learners=("glm",)), []

    def fit() -> Scores:
        calls.append(1)
        return scores

    folder = tmp_path / "cache"
    for expected in (1, 1):
        assert _kept(folder, fit).scores.gamma.tobytes() == scores.gamma.tobytes()
        assert len(calls) == expected
    (folder / "k.parquet").write_bytes(b"damaged")
    _kept(folder, fit)
    _kept(folder, fit, renew=True)
    assert len(calls) == 3
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    assert _kept(tmp_path / "file", fit).scores.n == scores.n


def test_arm_means_follow_the_phase() -> None:
    design = builders.design(2_000, kind="experiment", covariates=False)
    phase = (np.arange(design.n) % 2).astype(np.int64)
    y = design.y + 50.0 * phase[:, None]
    means = joint(_fit(replace(design, phase=phase, y=y)), cut(design.columns, ()))
    flat = joint(_fit(replace(design, y=y)), cut(design.columns, ()))
    metric = Metric(name="cost", numerator=1)
    errors = []
    for one in (means, flat):
        made = contrast(one, metric, cell=0, arm=1)
        errors.append(np.sqrt(made.gradient @ one.sigma @ made.gradient))
    assert errors[0] < 0.2 * errors[1]
