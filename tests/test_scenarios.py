"""What-if answers against direct clustered arithmetic on the scores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests import builders
from whatif.base.errors import UsageError
from whatif.effects.table import effect_rows, metrics_of
from whatif.scenarios.give import ScenarioAnswer, Whatif, give_arm
from whatif.scenarios.ledger import ledger
from whatif.scenarios.prices import Prices
from whatif.scores.record import Scores

SPEC = builders.spec()
METRICS = metrics_of(SPEC)


def _scores() -> Scores:
    rng = np.random.default_rng(2)
    cluster = rng.integers(0, 300, 1_500)
    gamma = 3 + rng.normal(size=(1_500, 2, 2)) + rng.normal(size=(300, 2, 2))[cluster]
    columns = pd.DataFrame(
        {"region": rng.choice(list("abc"), 1_500), "device": rng.choice(["m", "d"], 1_500)}
    )
    return builders.scores(gamma, cluster, columns)


FREE = Prices(
    per=np.zeros(2),
    factor=np.ones(2),
    arm_cost=0.0,
    price=0.0,
    order=None,
    currency="",
    units_per_month=None,
)


def given(scores: Scores, give: str, chosen: np.ndarray, where: str = "") -> ScenarioAnswer:
    asked = Whatif(give=give, where=where, chosen=chosen[ledger(scores).order], prices=FREE)
    return give_arm(scores, METRICS, asked, level=0.95)


def test_giving_the_arm_to_everyone_is_the_effect() -> None:
    scores = _scores()
    everyone = np.ones(scores.n, dtype=bool)
    answer = given(scores, "expanded", everyone, "")
    rows = effect_rows(scores, SPEC)[1].effects[:3]
    for made, row in zip(answer.effects, rows, strict=True):
        assert made.estimate == pytest.approx(row.estimate, rel=1e-10)
        assert made.std_error == pytest.approx(row.std_error, rel=1e-10)
        assert made.ci == pytest.approx(row.ci, rel=1e-9)


def test_giving_it_to_a_segment_moves_the_whole_by_its_share() -> None:
    scores = _scores()
    chosen = (scores.columns["region"] == "b").to_numpy()
    made = given(scores, "expanded", chosen, "region = 'b'")
    gain = np.where(chosen, scores.gamma[:, 1, 0] - scores.gamma[:, 0, 0], 0.0)
    sums = np.bincount(scores.cluster, weights=gain - gain.mean())
    clusters = np.unique(scores.cluster).size
    error = np.sqrt(clusters / (clusters - 1) * (sums**2).sum()) / scores.n
    assert made.n == chosen.sum()
    assert made.effects[0].estimate == pytest.approx(gain.mean(), rel=1e-12)
    assert made.effects[0].std_error == pytest.approx(error, rel=1e-10)


def test_giving_the_control_changes_exactly_nothing() -> None:
    scores = _scores()
    everyone = np.ones(scores.n, dtype=bool)
    answer = given(scores, "folded", everyone, "")
    assert {(e.estimate, e.std_error) for e in answer.effects} == {(0.0, 0.0)}


def test_an_unknown_arm_and_an_empty_choice_are_refused() -> None:
    scores = _scores()
    nobody = np.zeros(scores.n, dtype=bool)
    with pytest.raises(UsageError, match="There is no arm 'gone'"):
        given(scores, "gone", nobody, "")
    with pytest.raises(UsageError, match="Nobody in the data satisfies 'region = 9'"):
        given(scores, "expanded", nobody, "region = 9")


def test_arms_that_were_never_seen_together_are_refused() -> None:
    scores = _scores()
    only = scores.arm == 1
    with pytest.raises(UsageError, match="Nobody with 'here' got folded"):
        given(scores, "expanded", only, "here")


def test_few_clusters_give_no_interval_and_no_orders_no_ratio() -> None:
    scores = _scores()
    few = replace(scores, cluster=scores.cluster % 6)
    everyone = np.ones(few.n, dtype=bool)
    made = given(few, "expanded", everyone, "")
    assert {e.ci for e in made.effects} == {(None, None)}
    assert made.effects[0].estimate is not None
    none = replace(scores, gamma=np.zeros_like(scores.gamma))
    made = given(none, "expanded", everyone, "")
    assert made.effects[2].estimate is None


def test_assigned_clusters_count_like_on_the_page() -> None:
    rng = np.random.default_rng(0)
    cluster = np.repeat(np.arange(30), 20)
    columns = pd.DataFrame({"region": ["a"] * 600, "device": ["m"] * 600})
    made = builders.scores(rng.normal(size=(600, 2, 2)) + 3, cluster, columns, assigned=True)
    scores = replace(made, arm=(cluster < 12).astype(np.int64))
    everyone = np.ones(600, dtype=bool)
    answer = given(scores, "expanded", everyone, "")
    rows = effect_rows(scores, builders.spec(segments=[]))[1].effects
    for found, row in zip(answer.effects, rows, strict=True):
        assert found.ci == pytest.approx(row.ci, rel=1e-9)
