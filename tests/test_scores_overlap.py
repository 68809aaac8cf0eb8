"""Who can be answered for: logged chances, each target's own rule, trimming side by side."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import optimize

from tests import builders
from whatif.base.errors import OverlapError
from whatif.contract.spec import OverlapSpec
from whatif.design.record import Design
from whatif.effects.cells import cut
from whatif.effects.joint import joint
from whatif.effects.populations import population_rows
from whatif.scores.fit import fit_scores
from whatif.scores.overlap import share_outside
from whatif.scores.populations import optimal_cut, populations_of, trimming_table
from whatif.scores.record import Scores
from whatif.scores.store import from_parquet, to_parquet
from whatif.scores.targets import TARGETS, Predictions

RULE = OverlapSpec()
TRIM = OverlapSpec(rule="trim")


def _fit(design: Design, **keys: Any) -> Scores:
    all_keys: dict[str, Any] = {"rule": RULE, "seed": 0, "key": "k", "learners": ("glm",), **keys}
    return fit_scores(design, **all_keys)


def _logged(design: Design, *, rare: int) -> Design:
    """An experiment with each row's own chance of the second arm; `rare` rows have .002."""
    rng = np.random.default_rng(3)
    chance = np.where(np.arange(design.n) < rare, 0.002, rng.uniform(0.2, 0.8, design.n))
    arm = (rng.uniform(size=design.n) < chance).astype(np.int64)
    return replace(design, arm=arm, known=np.column_stack([1 - chance, chance]))


def test_logged_chances_are_held_to_the_rule_and_constant_ones_are_not() -> None:
    design = builders.design(2_000, kind="experiment")
    with pytest.raises(OverlapError, match=r"60 of 2,000 units \(3\.00%\) have a chance of some"):
        _fit(_logged(design, rare=60))
    trimmed = _fit(_logged(design, rare=60), rule=TRIM)
    assert trimmed.n == 1_940
    assert "limited to the 1,940 (97.0%) whose chance of every arm lies" in trimmed.population
    assert _fit(_logged(design, rare=10)).n == 2_000
    ramp = replace(
        design,
        known=np.where(np.arange(2_000)[:, None] < 1_000, [0.995, 0.005], [0.5, 0.5]),
        phase=(np.arange(2_000) >= 1_000).astype(np.int64),
    )
    assert _fit(ramp).n == 2_000
    assert _fit(ramp).populations == ()


def _confounded(n: int = 3_000, *, rarity: float = 4.0, strength: float = 2.5) -> Design:
    """Past data in which many controls could hardly have been treated."""
    design = builders.design(n, covariates=True)
    rng = np.random.default_rng(5)
    x = design.columns["x0"].to_numpy()
    chance = 1 / (1 + np.exp(rarity - strength * x))
    return replace(design, arm=(rng.uniform(size=n) < chance).astype(np.int64))


def test_a_refused_average_says_what_other_populations_would_rest_on() -> None:
    with pytest.raises(OverlapError, match="another `target`") as refused:
        _fit(_confounded())
    text = str(refused.value)
    assert "Errors of converted (expanded − folded) elsewhere: 0.01–0.99: " in text
    assert "; att: 3,000 units, error 0." in text
    assert "overlap: 3,000 units" in text
    assert "everyone:" not in text


def test_only_a_small_chance_of_the_control_stops_the_effect_on_the_treated() -> None:
    design = _confounded()
    scores = _fit(design, target="att")
    assert scores.n == design.n
    assert scores.mass.sum() == (design.arm == 1).sum()
    swapped = replace(design, arm=1 - design.arm)
    said = r"units that got another arm than 'folded' \(.*\) have a chance of the control below"
    with pytest.raises(OverlapError, match=said):
        _fit(swapped, target="att")
    trimmed = _fit(swapped, target="att", rule=TRIM)
    assert trimmed.propensity[:, 0].min() >= 0.01
    assert "whose chance of the control is 0.01 or more" in trimmed.population
    assert _fit(swapped, target="overlap").n == design.n


def test_one_share_in_a_hundred_of_the_treated_counts_not_of_all_rows() -> None:
    """Twenty of fifty treated units without a counterpart are few rows and too many treated."""
    target, kept = TARGETS["att"], np.arange(5_000) >= 20
    arm = (np.arange(5_000) < 50).astype(np.int64)
    assert share_outside(target, kept=kept, arm=arm, weight=np.ones(5_000)) == 0.4
    heavy = np.where(kept, 1.0, 3.0)
    assert share_outside(target, kept=kept, arm=arm, weight=heavy) == pytest.approx(60 / 90)


# ---- trimming rules side by side


def test_every_row_of_the_table_is_the_answer_of_its_own_run() -> None:
    design = _confounded(rarity=1.0, strength=1.0)
    spec = builders.spec()
    table = {one.name: one for one in populations_of(_fit(design), RULE)}
    assert next(iter(table)) == "everyone"
    assert list(table)[-2:] == ["att", "overlap"]
    runs: dict[str, dict[str, Any]] = {
        "0.05–0.95": {"rule": OverlapSpec(low=0.05, high=0.95, rule="trim")},
        "everyone": {},
        "att": {"target": "att"},
        "overlap": {"target": "overlap"},
    }
    for name, keys in runs.items():
        scores = _fit(design, **keys)
        made = joint(scores, cut(scores.columns, ()))
        np.testing.assert_allclose(table[name].theta, made.theta[0], rtol=1e-9)
        np.testing.assert_allclose(table[name].sigma, made.sigma, rtol=1e-8)
        assert table[name].n == scores.n
        assert table[name].clusters == np.unique(scores.cluster).size
        assert table[name].described == scores.population
    stored = _fit(design, target="att").populations
    for one in stored:
        np.testing.assert_allclose(one.theta, table[one.name].theta, rtol=1e-9)
    rows = population_rows(_fit(design), spec)
    assert len(rows) == len(table) * 3
    assert population_rows(_fit(builders.design(500, kind="experiment")),
                           builders.spec(design={"kind": "experiment"})) == ()  # fmt: skip


def test_the_table_says_which_numbers_extrapolate() -> None:
    scores = _fit(_confounded(), target="att")
    told = {one.name: (one.extrapolates, one.outside) for one in scores.populations}
    assert told["everyone"][0]
    assert told["everyone"][1] > 0.2
    assert [name for name, (flag, _) in told.items() if flag] == ["everyone"]


def test_a_ratio_in_the_table_is_the_ratio_of_its_means() -> None:
    scores, spec = _fit(builders.design(3_000)), builders.spec()
    rows = population_rows(scores, spec)
    made = joint(scores, cut(scores.columns, ()))
    (ratio,) = [r for r in rows if r.outcome == "cost_per_order" and r.population == "everyone"]
    theta = made.theta[0]
    values = theta[:, 1] / theta[:, 0]
    assert ratio.estimate == pytest.approx(values[1] - values[0], rel=1e-9)
    gradient = np.array([[values[0] / theta[0, 0], -1 / theta[0, 0]],
                         [-values[1] / theta[1, 0], 1 / theta[1, 0]]]).ravel()  # fmt: skip
    assert ratio.std_error == pytest.approx(np.sqrt(gradient @ made.sigma @ gradient), rel=1e-8)


def test_the_optimal_cut_is_the_published_one_for_even_chances() -> None:
    """For chances even over 0 to 1 the condition 1/(α(1−α)) = 2 E[1/(e(1−e)) | kept] is solved."""

    def gap(cut_: float) -> float:
        kept = 2 * np.log((1 - cut_) / cut_) / (1 - 2 * cut_)
        return float(1 / (cut_ * (1 - cut_)) - 2 * kept)

    e = (np.arange(200_000) + 0.5) / 200_000
    found = optimal_cut(np.column_stack([1 - e, e]))
    assert found == pytest.approx(optimize.brentq(gap, 0.01, 0.4), abs=2e-5)


def test_the_table_survives_its_file(tmp_path: Path) -> None:
    scores = _fit(_confounded(1_500), target="att")
    path = tmp_path / "scores.parquet"
    path.write_bytes(to_parquet(scores, period=None))
    back = from_parquet(path)
    assert (back.target, back.mass.tobytes()) == ("att", scores.mass.tobytes())
    assert back.weight.tobytes() == scores.weight.tobytes()
    assert back.repeats.tobytes() == scores.repeats.tobytes()
    for one, other in zip(back.populations, scores.populations, strict=True):
        assert (one.name, one.n, one.described) == (other.name, other.n, other.described)
        assert one.sigma.tobytes() == other.sigma.tobytes()
    assert to_parquet(back, period=None) == path.read_bytes()


def test_three_arms_have_no_overlap_row_and_no_optimal_cut() -> None:
    design = builders.design(2_000, arms=3)
    rng = np.random.default_rng(0)
    chance = rng.dirichlet(np.full(3, 3.0), design.n)
    table = trimming_table(
        design, (Predictions(mean=rng.normal(size=(design.n, 3, 2)), chance=chance),), RULE
    )
    assert [one.name for one in table] == [
        "everyone", "0.01–0.99", "0.02–0.98", "0.05–0.95", "0.1–0.9", "att",
    ]  # fmt: skip
    sizes = [one.n for one in table[:-1]]
    assert sizes == [int((chance.min(axis=1) >= c).sum()) for c in (0, 0.01, 0.02, 0.05, 0.1)]
