"""Whom does the arm help more? Questions to an answer, fresh or opened again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import whatif as wi

CUSTOMERS, ROWS = 400, 2_000
KEYS: dict[str, Any] = {
    "unit": "session_id",
    "cluster": "customer_id",
    "assigned": "session_id",
    "time": "at",
    "treatment": {"column": "arm", "control": "none"},
    "design": {"kind": "experiment", "probability": {"none": 0.4, "small": 0.3, "large": 0.3}},
    "outcomes": [
        {"column": "spend", "kind": "amount", "role": "primary"},
        {"column": "wait", "kind": "cost", "better": "lower"},
        {"column": "flat", "kind": "amount"},
    ],
    "ratios": [{"name": "wait_per_spend", "numerator": "wait", "denominator": "spend"}],
    "covariates": ["cart"],
    "segments": ["region"],
    "learners": ["glm"],
    "folds": 3,
    "freshness": "3650d",
}


def sessions() -> pd.DataFrame:
    """Only "large" has effects that differ: spend rises with cart, waiting falls with it."""
    rng = np.random.default_rng(0)
    customer = rng.integers(0, CUSTOMERS, ROWS)
    cart = rng.normal(size=CUSTOMERS)[customer]
    arm = rng.choice(["none", "small", "large"], ROWS, p=[0.4, 0.3, 0.3])
    noise = rng.normal(size=(ROWS, 3)) + rng.normal(size=CUSTOMERS)[customer][:, None]
    return pd.DataFrame(
        {
            "session_id": np.arange(ROWS),
            "customer_id": customer,
            "at": pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(np.arange(ROWS), "min"),
            "arm": arm,
            "cart": cart,
            "region": np.array(["north", "south"])[customer % 2],
            "spend": 9 + noise[:, 0] + (arm == "small") + (arm == "large") * (1 + cart),
            "wait": 9 + noise[:, 1] - (arm == "large") * (1 + cart),
            "flat": noise[:, 2] + (arm != "none"),
        }
    )


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def answer(out: Path) -> wi.Answer:
    return wi.study(sessions(), name="small", **KEYS).run(quick=True, out=out)


def row(table: Any, **where: str) -> Any:
    return next(r for r in table if all(getattr(r, k) == v for k, v in where.items()))


def test_effects_are_predicted_per_unit_and_arm(answer: wi.Answer) -> None:
    made = answer.cate(final="linear")
    assert made.outcome == "spend"
    assert made.covariates == ("cart", "region")
    frame = made.to_frame().set_index("unit").loc[np.arange(ROWS)]
    cart = sessions()["cart"]
    assert np.corrcoef(frame["effect:large"], cart)[0, 1] > 0.9
    assert frame["effect:small"].std() < 0.5 * frame["effect:large"].std()
    assert "test" in repr(made)
    assert "array(" not in repr(made)


def test_ranking_and_calibration_find_what_differs_and_only_that(answer: wi.Answer) -> None:
    for outcome, sign in (("spend", 1), ("wait", -1)):
        ranked, calibrated = (
            answer.ranking(outcome, final="linear"), answer.calibration(outcome, final="linear")
        )  # fmt: skip
        for measure in ("AUTOC", "Qini"):
            large = row(ranked, arm="large", measure=measure)
            assert large.works
            assert large.estimate > 0
            assert large.parts == 2
        assert row(calibrated, arm="large").informative
        assert row(calibrated, arm="large").slope == pytest.approx(1, abs=0.4)
        slope = row(answer.projection("cart", outcome=outcome), arm="large", term="cart")
        assert slope.estimate == pytest.approx(sign, abs=0.3)
    assert not any(r.works for r in answer.ranking("flat", final="linear"))
    assert not any(r.informative for r in answer.calibration("flat", final="linear"))


def test_where_lower_is_better_the_ranking_is_turned_round(answer: wi.Answer) -> None:
    first, *rest = answer.spec.outcomes
    outcomes = (first.model_copy(update={"better": "lower"}), *rest)
    less = replace(answer, spec=answer.spec.model_copy(update={"outcomes": outcomes}))
    assert row(less.ranking(final="linear"), arm="large", measure="Qini").works
    curve = [p.gain for p in less.ranking_curve(final="linear") if p.arm == "large"]
    assert curve[0] > 0
    assert curve[-1] == pytest.approx(0, abs=1e-12)
    calibrated = row(less.calibration(final="linear"), arm="large")
    assert calibrated.slope == row(answer.calibration(final="linear"), arm="large").slope


def test_a_ranking_that_is_upside_down_is_significant_and_does_not_work(answer: wi.Answer) -> None:
    """Effects of the first fold run the other way than those of the rest."""
    scores = answer.scores
    cart = scores.columns["cart"].to_numpy()
    gamma, large = scores.gamma.copy(), scores.arms.index("large")
    gamma[:, large, 0] = gamma[:, 0, 0] + np.where(scores.fold == 0, 9 * cart, -cart)
    twisted = replace(answer, scores=replace(scores, gamma=gamma))
    ranked = row(twisted.ranking(final="linear"), arm="large", measure="Qini")
    assert ranked.estimate < 0
    assert ranked.p_value < 0.001
    assert not ranked.works
    assert not row(twisted.calibration(final="linear"), arm="large").informative


def test_sorted_groups_run_from_least_to_most(answer: wi.Answer) -> None:
    groups = [r for r in answer.sorted_groups("wait", final="linear") if r.arm == "large"]
    assert [r.group for r in groups] == ["1", "2", "3", "4", "5", "most minus least"]
    assert groups[0].estimate > groups[4].estimate
    assert groups[5].ci[1] < 0
    assert groups[5].p_value < 0.05
    assert groups[5].splits == 21


QUESTIONS: dict[str, Callable[[wi.Answer], pd.DataFrame]] = {
    "cate": lambda a: a.cate(final="causal_forest").to_frame(),
    "ranking": lambda a: a.ranking(final="linear").to_frame(),
    "curve": lambda a: a.ranking_curve(final="linear").to_frame(),
    "calibration": lambda a: a.calibration(final="linear").to_frame(),
    "groups": lambda a: a.sorted_groups(final="linear").to_frame(),
    "projection": lambda a: a.projection(["cart", "region"]).to_frame(),
}


def test_a_stored_run_answers_like_the_fresh_one(answer: wi.Answer, out: Path) -> None:
    stored = wi.load("small", out=out)
    for ask in QUESTIONS.values():
        pd.testing.assert_frame_equal(ask(stored), ask(answer), check_exact=True)


def test_pictures_say_that_they_are_pictures(answer: wi.Answer) -> None:
    assert "picture only" in repr(answer.ranking_curve(final="linear"))
    assert "no evidence" in repr(answer.ranking(final="linear"))
    assert "<table" in answer.calibration(final="linear")._repr_html_()


@pytest.mark.parametrize(
    ("ask", "match"),
    [
        (lambda a: a.cate("spent"), "no outcome 'spent'[^$]*did you mean 'spend'"),
        (lambda a: a.ranking("wait_per_spend"), "is a ratio, which no single unit has"),
        (lambda a: a.calibration(final="forest"), "no effect surface 'forest'"),
        (lambda a: a.projection(["cart", "carts"]), "'carts' was not kept with this run"),
        (lambda a: a.projection([]), "Nothing was not kept"),
        (lambda a: a.projection("cart", outcome="wait_per_spend"), "is a ratio"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    answer: wi.Answer, ask: Callable[[wi.Answer], object], match: str
) -> None:
    with pytest.raises(wi.UsageError, match=match):
        ask(answer)


@pytest.mark.parametrize(
    "ask", [lambda a: a.cate(), lambda a: a.sorted_groups(), lambda a: a.projection("cart")]
)
def test_other_targets_are_refused(answer: wi.Answer, ask: Callable[[wi.Answer], object]) -> None:
    other = replace(answer, scores=replace(answer.scores, target="overlap"))
    with pytest.raises(wi.UsageError, match="need `target: ate`; this study says overlap"):
        ask(other)


def test_without_columns_nothing_can_differ(answer: wi.Answer) -> None:
    clock = answer.scores.columns[["at"]]
    bare = replace(answer, scores=replace(answer.scores, columns=clock))
    with pytest.raises(wi.EstimationError, match="kept no pre-treatment column"):
        bare.cate()


def test_few_customers_are_refused(answer: wi.Answer) -> None:
    crowd = replace(answer.scores, cluster=answer.scores.fold * 5 + np.arange(ROWS) % 5)
    with pytest.raises(wi.EstimationError, match="only 5 clusters in an arm"):
        replace(answer, scores=crowd).ranking(final="linear")
