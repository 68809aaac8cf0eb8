"""What-ifs with shares, mixes and prices against direct arithmetic on the scores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tests import builders
from whatif.base.arrays import Floats
from whatif.base.errors import UsageError
from whatif.contract.spec import StudySpec
from whatif.contract.where import mask, parse_where
from whatif.publish.cut_log import read_cuts
from whatif.run.prices import amounts, shares
from whatif.run.what_if import Question, ask
from whatif.scenarios.give import ScenarioAnswer
from whatif.scores.record import Scores

VALUE = {"currency": "USD", "per": {"converted": 18.0, "cost": -1.0}}
SPEC = builders.spec(value=VALUE)
LEVELS = {"a": 0.2, "b": 0.7, "c": 0.1}


def made_scores(seed: int = 2, *, n: int = 3_000, customers: int = 600) -> Scores:
    rng = np.random.default_rng(seed)
    cluster = rng.integers(0, customers, n)
    region = rng.choice(list("abc"), n, p=[0.5, 0.3, 0.2])
    effect = np.array([0.3, 1.2]) + 0.2 * (region == "b")[:, None]
    gamma = 3 + rng.normal(size=(n, 2, 2)) + rng.normal(size=(customers, 2, 2))[cluster]
    gamma[:, 1] += effect
    columns = pd.DataFrame(
        {
            "region": region,
            "device": rng.choice(["m", "d"], n),
            "x": rng.normal(size=n),
            "member": rng.integers(0, 2, n),
        }
    )
    scores = builders.scores(gamma, cluster, columns)
    return replace(
        scores, weight=rng.uniform(0.5, 2.0, n), y=rng.integers(0, 2, (n, 2)).astype(float)
    )


def asked(scores: Scores, spec: StudySpec = SPEC, **question: Any) -> ScenarioAnswer:
    return ask(scores, spec, Question(**question), days=30)


def clustered(scores: Scores, influence: Floats) -> float:
    """Clustered error of a weighted mean, summed with pandas."""
    sums = pd.Series(influence).groupby(scores.cluster).sum().to_numpy()
    return float(np.sqrt(sums.size / (sums.size - 1) * (sums**2).sum()) / scores.n)


def test_money_is_the_clustered_error_of_worth_less_cost() -> None:
    scores = made_scores()
    weight = scores.weight / scores.weight.mean()
    for where, chosen in (("", np.ones(scores.n)), ("region = 'b'", scores.columns.region == "b")):
        made = asked(scores, where=where, share=0.6, arm_cost={"expanded": 0.05})
        gain = scores.gamma[:, 1] - scores.gamma[:, 0]
        each = 0.6 * np.asarray(chosen) * (gain @ [18.0, -1.0] - 0.05)
        mean = (weight * each).mean()
        assert made.profit is not None
        assert made.profit.estimate == pytest.approx(mean, rel=1e-12)
        error = clustered(scores, weight * (each - mean))
        assert made.profit.std_error == pytest.approx(error, rel=1e-12)


def test_leaving_the_covariance_of_orders_and_cost_out_changes_the_error() -> None:
    scores = made_scores()
    made = asked(scores)
    orders, cost = made.effects[0].std_error, made.effects[1].std_error
    assert orders is not None
    assert cost is not None
    assert made.profit is not None
    naive = np.hypot(18 * orders, cost)
    assert made.profit.std_error != pytest.approx(naive, rel=1e-4)


def test_a_mix_weighs_the_levels_and_keeps_their_errors() -> None:
    scores = made_scores()
    made = asked(scores, where="device = 'm'", mix={"region": LEVELS})
    gain = (scores.columns["device"] == "m").to_numpy() * (
        scores.gamma[:, 1, 0] - scores.gamma[:, 0, 0]
    )
    weight = scores.weight / scores.weight.mean()
    mean, influence = 0.0, np.zeros(scores.n)
    for level, share in LEVELS.items():
        inside = (scores.columns["region"] == level).to_numpy()
        own = np.average(gain[inside], weights=weight[inside])
        mean += share * own
        influence += share * inside * weight * (gain - own) / (weight * inside).mean()
    assert made.effects[0].estimate == pytest.approx(mean, rel=1e-12)
    assert made.effects[0].std_error == pytest.approx(clustered(scores, influence), rel=1e-10)


def test_a_ratio_shifts_numerator_and_denominator() -> None:
    scores = made_scores()
    made = asked(scores, share=0.5, mix={"region": LEVELS}, factor={"cost": 1.2})
    theta = np.zeros((2, 2))
    for level, share in LEVELS.items():
        inside = (scores.columns["region"] == level).to_numpy()
        gamma, weight = scores.gamma[inside], scores.weight[inside]
        theta += share * np.average(gamma, axis=0, weights=weight)
    theta *= [1.0, 1.2]
    after = (theta[0] + theta[1]) / 2
    expected = after[1] / after[0] - theta[0, 1] / theta[0, 0]
    assert made.effects[2].estimate == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("mix", [{}, {"region": LEVELS}])
def test_errors_follow_from_leaving_clusters_out(mix: dict[str, dict[str, float]]) -> None:
    """The jackknife over clusters gives every error without any gradient of ours."""
    scores = made_scores(n=1_500, customers=150)
    question: dict[str, Any] = {
        "where": "device = 'm'",
        "share": 0.7,
        "mix": mix,
        "price": {"expanded": 2.0},
    }
    made = asked(scores, **question)
    left = [_without(scores, cluster, question) for cluster in range(150)]
    jackknife = np.sqrt(149 / 150 * ((left - np.mean(left, axis=0)) ** 2).sum(axis=0))
    rows = (*made.effects, made.profit)
    errors = [row.std_error or 0.0 for row in rows if row is not None]
    np.testing.assert_allclose(errors, jackknife, rtol=0.04)


def _without(scores: Scores, cluster: int, question: dict[str, Any]) -> list[float]:
    rows = np.flatnonzero(scores.cluster != cluster)
    part = replace(
        scores,
        gamma=scores.gamma[rows], mass=scores.mass[rows], propensity=scores.propensity[rows],
        arm=scores.arm[rows], y=scores.y[rows], cluster=scores.cluster[rows],
        fold=scores.fold[rows], weight=scores.weight[rows], unit=scores.unit.iloc[rows],
        columns=scores.columns.iloc[rows].reset_index(drop=True),
    )  # fmt: skip
    made = asked(part, **question)
    rows_found = (*made.effects, made.profit)
    return [row.estimate for row in rows_found if row is not None and row.estimate is not None]


def test_months_and_break_even_follow_from_the_units() -> None:
    scores = made_scores()
    made = asked(scores, units_per_month=10_000.0, per={"converted": 20.0})
    assert made.profit is not None
    assert made.profit.estimate is not None
    monthly = {row.outcome: row for row in made.monthly}
    assert list(monthly) == ["converted", "cost", "profit"]
    assert monthly["profit"].estimate == pytest.approx(10_000 * made.profit.estimate, rel=1e-14)
    even = made.break_even
    assert even is not None
    assert even.value is not None
    at = asked(scores, per={"converted": even.value})
    assert at.profit is not None
    assert at.profit.estimate == pytest.approx(0.0, abs=1e-12)
    assert even.ends[0] is not None
    edge = asked(scores, per={"converted": even.ends[0]})
    assert edge.profit is not None
    assert min(abs(end or 0.0) for end in edge.profit.ci) == pytest.approx(0.0, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(
    share=st.floats(0.01, 1.0),
    worth=st.floats(0.1, 100.0),
    factor=st.floats(0.1, 3.0),
    cut=st.floats(-1.5, 1.5),
)
def test_what_ifs_are_linear_in_the_share(
    share: float, worth: float, factor: float, cut: float
) -> None:
    scores = made_scores(n=800, customers=200)
    prices: dict[str, Any] = {
        "per": {"converted": worth},
        "factor": {"cost": factor},
        "where": f"x > {cut:.3f}",
    }
    whole, part = asked(scores, **prices), asked(scores, share=share, **prices)
    pairs = zip((*whole.effects[:2], whole.profit), (*part.effects[:2], part.profit), strict=True)
    for one, other in pairs:
        assert one is not None
        assert other is not None
        assert one.estimate is not None
        assert one.std_error is not None
        assert other.estimate == pytest.approx(share * one.estimate, rel=1e-9, abs=1e-12)
        assert other.std_error == pytest.approx(share * one.std_error, rel=1e-9)


def test_the_mix_of_the_data_changes_nothing_but_what_is_certain() -> None:
    scores = made_scores()
    weight = scores.weight / scores.weight.sum()
    own = {level: float(weight[scores.columns.region == level].sum()) for level in "abc"}
    plain, mixed = asked(scores), asked(scores, mix={"region": own})
    for one, other in zip(plain.effects, mixed.effects, strict=True):
        assert other.estimate == pytest.approx(one.estimate, rel=1e-9)
    assert mixed.effective_clusters == pytest.approx(plain.effective_clusters, rel=1e-9)


def test_a_cross_and_levels_that_are_numbers_can_be_mixed() -> None:
    scores = made_scores()
    cross = {("region", "device"): {("a", "m"): 0.5, ("b", "d"): 0.5}}
    made = asked(scores, mix=cross)
    assert made.mix[0] == ("region × device", "a × m", 0.5)
    numbered = asked(scores, mix={"member": {0: 0.5, 1: 0.5}})
    worded = asked(scores, mix=shares(["member:0=0.5", "member:1=0.5"]))
    assert numbered.effects == worded.effects


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ({"mix": {"region": {"a": 0.5, "b": 0.4}}}, "add up to 0.9, not to 1"),
        ({"mix": {"region": {"a": 1.5, "b": -0.5}}}, "share -0.5 of b is not one"),
        ({"mix": {"region": {"a": 0.5, "z": 0.5}}}, "z never occurs in region"),
        ({"mix": {"region": {"a": 1.0}, "device": {"m": 1.0}}}, "speaks of one dimension"),
        ({"mix": {"shoe": {"a": 1.0}}}, "no column 'shoe'"),
        ({"share": 0.0}, "share of 0.0 cannot be given"),
        ({"share": 1.01}, "share of 1.01 cannot be given"),
        ({"per": {"converted": -1.0}}, "is 18 in the study, and cannot become -1"),
        ({"per": {"cost": float("nan")}}, "is nan, not a finite number"),
        ({"factor": {"cost": -0.1}}, "The price level of 'cost' is negative: -0.1"),
        ({"factor": {"converted": 2.0}}, "only an amount of money has one"),
        ({"arm_cost": {"expanded": -1.0}}, "The cost of 'expanded' is negative: -1"),
        ({"price": {"expanded": -1.0}}, "The price of 'expanded' is negative: -1"),
        ({"price": {"other": 1.0}}, "no arm 'other'"),
        ({"units_per_month": 0.0}, "more than 0"),
        ({"give": "third"}, "no arm 'third'"),
        ({"where": "region = 'q'"}, "Nobody in the data satisfies"),
        ({"where": "converted = 1"}, "'converted' is measured with or after the treatment"),
        ({"where": "presentation = 'folded'"}, "'presentation' is measured with or after"),
        ({"where": "__import__('os').system('true')"}, "where"),
        ({"where": "region = 'a'; drop table x"}, "where"),
        ({"where": "x > 0 or 1=1) --"}, "where"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_evaluated(
    question: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        asked(made_scores(), **question)


def test_a_mix_that_hardly_anyone_speaks_for_is_refused() -> None:
    scores = made_scores()
    rare = scores.columns.assign(region=np.where(np.arange(scores.n) < 60, "rare", "rest"))
    with pytest.raises(UsageError, match=r"rests on the equivalent of 5[0-9] clusters"):
        asked(replace(scores, columns=rare), mix={"region": {"rare": 1.0}})


def test_a_level_where_an_arm_was_never_seen_is_refused() -> None:
    scores = made_scores()
    arm = np.where(scores.columns["region"] == "c", 0, scores.arm)
    with pytest.raises(UsageError, match="Nobody asked about in c got expanded"):
        asked(replace(scores, arm=arm), mix={"region": LEVELS})


def test_groups_made_after_looking_say_so_and_small_ones_too() -> None:
    scores = made_scores()
    planned = ("", "region = 'a'", "region = 'a' and device = 'm'")
    assert all(asked(scores, where=where).planned for where in planned)
    after = ("x > 0", "device = 'm'", "region = 'a' or region = 'b'", "region != 'a'")
    assert not any(asked(scores, where=where).planned for where in after)
    assert not asked(scores).small
    assert asked(scores, where="x > 2.2").small


def test_the_degrees_of_freedom_are_those_of_the_chosen() -> None:
    scores = made_scores()
    few = asked(scores, where="x > 2.2")
    chosen = (scores.columns["x"] > 2.2).to_numpy()
    clusters = np.unique(scores.cluster[chosen]).size
    effect = few.effects[0]
    assert effect.ci[1] is not None
    assert effect.std_error
    assert effect.estimate is not None
    critical = (effect.ci[1] - effect.estimate) / effect.std_error
    assert critical == pytest.approx(stats.t.ppf(0.975, clusters - 1), rel=1e-9)


def test_text_is_judged_by_category_like_row_by_row() -> None:
    plain = pd.DataFrame({"t": ["a", None, "b", "a"], "u": [True, False, None, True]})
    coded = plain.astype("category")
    for text in ("t = 'a'", "t != 'a'", "not t = 'a'", "t in ('a', 'z')", "t is null", "t < 'b'",
                 "t not in ('a')", "u", "not u", "t between 'a' and 'b' and u"):  # fmt: skip
        asked_for = parse_where(text)
        assert mask(asked_for, plain).tolist() == mask(asked_for, coded).tolist(), text


def test_pairs_of_a_command_line_are_read_or_refused() -> None:
    assert amounts(["a=1", "b=c=2.5"], "--value") == {"a": 1.0, "b=c": 2.5}
    for text in ("a", "=1", "a=x", "a=inf", "a=nan"):
        with pytest.raises(UsageError, match=r"--value .* cannot be read"):
            amounts([text], "--value")
    with pytest.raises(UsageError, match=r"--mix device:mobile=0\.7"):
        shares(["device=0.7"])


def test_a_group_asked_of_a_stored_run_is_logged_once(tmp_path: Path) -> None:
    folder = tmp_path / "small" / "runs" / "abc"
    folder.mkdir(parents=True)
    for where in ("x > 0", "x > 0", "region = 'a'", ""):
        ask(made_scores(), SPEC, Question(where=where), days=None, folder=folder)
    assert [made.cut for made in read_cuts(folder)] == [("x > 0",)]
