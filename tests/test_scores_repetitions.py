"""Folds drawn several times: one averaged score table, and how much luck is left in it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import whatif as wi
from tests import builders
from whatif.contract.spec import OverlapSpec, StudySpec
from whatif.contract.study_file import study_from_mapping
from whatif.design.folds import fold_of
from whatif.design.record import Design
from whatif.effects.populations import population_rows
from whatif.effects.repetitions import repetition_notice, repetition_spread
from whatif.effects.table import effect_rows
from whatif.run.analysis import RunOptions, design_of_frame, prepare
from whatif.scores.fit import fit_scores
from whatif.scores.populations import populations_of
from whatif.scores.record import Scores, Target

RULE = OverlapSpec()


def _design(repetitions: int, *, n: int = 1_200) -> Design:
    design = builders.design(n, customers=300)
    ids = pd.Series(design.cluster)
    drawn = [fold_of(ids, folds=3, seed=r) for r in range(repetitions)]
    return replace(design, fold=drawn[0], refolds=tuple(drawn[1:]), n_folds=3)


def _fit(design: Design, **keys: Any) -> Scores:
    all_keys: dict[str, Any] = {"rule": RULE, "seed": 0, "key": "k", "learners": ("glm",), **keys}
    return fit_scores(design, **all_keys)


def _spec(**keys: Any) -> StudySpec:
    base: dict[str, Any] = {
        "treatment": {"column": "arm", "control": "off"},
        "outcomes": [{"column": "y"}],
        "covariates": ["x"],
        "cluster": "customer",
    }
    return study_from_mapping(base | keys, on_frame=True)


def _frame(n: int = 600) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    x, customer = rng.normal(size=n), rng.integers(0, 150, n)
    arm = rng.uniform(size=n) < 1 / (1 + np.exp(-0.5 * x))
    y = x + 0.3 * arm + rng.normal(size=n)
    return pd.DataFrame({"arm": np.where(arm, "on", "off"), "y": y, "x": x, "customer": customer})


@pytest.mark.parametrize("target", ["ate", "att", "overlap"])
def test_scores_are_averaged_and_each_drawing_is_kept(target: Target) -> None:
    design = _design(3)
    scores = _fit(design, target=target)
    alone = [
        _fit(replace(design, fold=fold, refolds=()), target=target)
        for fold in (design.fold, *design.refolds)
    ]
    np.testing.assert_allclose(scores.gamma, np.mean([one.gamma for one in alone], axis=0))
    np.testing.assert_allclose(scores.mass, np.mean([one.mass for one in alone], axis=0))
    np.testing.assert_allclose(scores.propensity, np.mean([o.propensity for o in alone], axis=0))
    np.testing.assert_allclose(scores.repeats, np.concatenate([one.repeats for one in alone]))
    assert scores.repeats.shape == (3, 2, 2)
    assert scores.quality == alone[0].quality
    assert len({one.gamma.tobytes() for one in alone}) == 3
    table = {one.name: one for one in scores.populations}
    name = "everyone" if target == "ate" else target
    made = effect_rows(scores, builders.spec(segments=[]))[0]
    np.testing.assert_allclose(table[name].theta, made.theta[0], rtol=1e-9)
    np.testing.assert_allclose(table[name].sigma, made.sigma, rtol=1e-8)
    assert populations_of(scores, RULE) is scores.populations
    assert population_rows(scores, builders.spec())


def test_folds_are_drawn_again_by_cluster_and_from_the_seed() -> None:
    frame = _frame()
    design = design_of_frame(_spec(repetitions=3, seed=5), frame)
    assert len(design.refolds) == 2
    for again, fold in enumerate((design.fold, *design.refolds)):
        assert (fold == fold_of(frame["customer"], folds=5, seed=5 + again)).all()
    assert design_of_frame(_spec(), frame).refolds == ()
    part = design.take(np.arange(0, 600, 2))
    assert all(len(fold) == 300 for fold in part.refolds)


def test_the_spread_is_a_figure_and_a_large_one_is_named() -> None:
    spec = builders.spec(segments=[])
    scores = _fit(_design(4))
    _, effects = effect_rows(scores, spec)
    spread = repetition_spread(scores, effects, spec)
    assert [one.outcome for one in spread] == ["converted", "cost", "cost_per_order"]
    gain = scores.repeats[:, 1, 0] - scores.repeats[:, 0, 0]
    first = spread[0]
    assert first.repetitions == 4
    assert first.mean == pytest.approx(effects.effects[0].estimate)
    assert first.median == pytest.approx(np.median(gain))
    assert first.sd == pytest.approx(gain.std(ddof=1))
    assert first.monte_carlo_error == pytest.approx(first.sd / 2)
    ratio = scores.repeats[:, :, 1] / scores.repeats[:, :, 0]
    assert spread[2].sd == pytest.approx((ratio[:, 1] - ratio[:, 0]).std(ddof=1))
    calm = scores.repeats.mean(axis=0) + 0.001 * (scores.repeats - scores.repeats.mean(axis=0))
    assert repetition_notice(repetition_spread(replace(scores, repeats=calm), effects, spec)) == ()
    shaken = scores.repeats.copy()
    shaken[::2, 1, 0] += first.std_error
    wild = repetition_spread(replace(scores, repeats=shaken), effects, spec)
    (notice,) = repetition_notice(wild)
    assert notice.code == "unsteady_folds"
    assert "converted (expanded): 5" in notice.problem.what
    assert "left after averaging 4" in notice.problem.what
    assert repetition_spread(_fit(_design(1)), effects, spec) == ()


def test_repetitions_and_targets_move_the_score_key(tmp_path: Any) -> None:
    frame = _frame().assign(w=np.linspace(1, 2, 600), v=np.linspace(2, 1, 600))

    def key(**keys: Any) -> str:
        return prepare(_spec(**keys), base=tmp_path, options=RunOptions(), frame=frame).score_key

    keys = [
        key(),
        key(repetitions=2),
        key(target="att"),
        key(target="overlap"),
        key(weights="w"),
        key(weights="v"),
        key(learners=["glm"]),
        key(seed=1),
    ]
    assert len(set(keys)) == len(keys)
    assert key() == keys[0]
    assert key(level=0.9) == keys[0]


def test_an_answer_holds_both_tables() -> None:
    answer = wi.study(
        _frame(),
        treatment={"column": "arm", "control": "off"},
        outcomes=[{"column": "y"}],
        covariates=["x"],
        cluster="customer",
        learners=["glm"],
        repetitions=3,
        target="overlap",
    ).run(quick=True)
    table = answer.populations().to_frame().set_index("population")
    assert {"everyone", "0.05–0.95", "optimal", "att", "overlap"} <= set(table.index)
    (row,) = answer.effects()
    assert table.loc["overlap", "estimate"] == pytest.approx(row.estimate)
    assert table.loc["overlap", "std_error"] == pytest.approx(row.std_error)
    assert not table["extrapolates"].any()
    (spread,) = answer.repetitions()
    assert spread.mean == pytest.approx(row.estimate, rel=0.1)
    assert "Choose a population by whom it speaks of" in repr(answer.populations())
