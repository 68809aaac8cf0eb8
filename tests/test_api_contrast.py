"""Contrasts, money and undeclared cuts as a user asks for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import whatif as wi
from whatif.base.arrays import Floats

KEYS: dict[str, Any] = {
    "unit": "session",
    "cluster": "customer",
    "assigned": "session",
    "time": "at",
    "treatment": {"column": "arm", "control": "folded"},
    "design": {
        "kind": "experiment",
        "probability": {"folded": 0.4, "expanded": 0.3, "tabs": 0.3},
    },
    "outcomes": [
        {"column": "converted", "role": "primary", "kind": "binary"},
        {"column": "cost", "kind": "cost", "better": "lower"},
        {"column": "minutes", "kind": "amount"},
    ],
    "ratios": [{"name": "cost_per_order", "numerator": "cost", "denominator": "converted"}],
    "covariates": ["tenure", "hour"],
    "segments": ["device", ["region", "device"]],
    "value": {"currency": "EUR", "per": {"converted": 10.0, "cost": -1.0}},
    "decision": {"on": "2026-01-02"},
    "freshness": "3650d",
    "learners": ["glm"],
    "folds": 2,
}
MOBILE, DESKTOP = {"device": "mobile"}, {"device": "desktop"}


def _log(n: int = 4_800, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    customer = rng.integers(0, n // 3, n)
    arm = rng.choice(["folded", "expanded", "tabs"], n, p=[0.4, 0.3, 0.3])
    taste = rng.normal(size=n // 3)[customer]
    converted = (taste + rng.normal(size=n) + 0.2 * (arm == "tabs") > 0.3).astype(float)
    return pd.DataFrame(
        {
            "session": np.arange(n),
            "customer": customer,
            "at": pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(np.arange(n) % 60, "D"),
            "arm": arm,
            "device": rng.choice(["mobile", "desktop"], n),
            "region": rng.choice(["far", "near"], n),
            "tenure": rng.uniform(size=n),
            "hour": rng.integers(0, 4, n),
            "converted": converted,
            "cost": converted * rng.gamma(4.0, 1.0, n),
            "minutes": rng.gamma(2.0, 1.0, n),
        }
    )


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    return _log()


@pytest.fixture(scope="module")
def answer(log: pd.DataFrame) -> wi.Answer:
    return wi.study(log, name="three", **KEYS).run(quick=True)


def _clustered(answer: wi.Answer, influence: Floats) -> float:
    """Error of a mean whose influence values, divided by n, are given by row."""
    sums = pd.Series(influence).groupby(answer.scores.cluster).sum()
    return float(np.sqrt(len(sums) / (len(sums) - 1) * (sums**2).sum()))


def _one(table: wi.RecordTable) -> Any:
    assert len(table) == 1
    return table.records[0]


def test_the_default_is_every_arm_against_the_control_as_in_the_effects(answer: wi.Answer) -> None:
    for outcome in ("converted", "cost_per_order"):
        rows = answer.effects(outcome=outcome)
        for row, asked in zip(rows, answer.contrast(outcome), strict=True):
            assert (asked.arm, asked.versus) == (row.arm, row.versus)
            assert asked.estimate == pytest.approx(row.estimate, rel=1e-12)
            assert asked.std_error == pytest.approx(row.std_error, rel=1e-12)
            assert asked.ci == pytest.approx(row.ci, rel=1e-12)
            assert asked.target == "ate"
            assert asked.df == row.df


def test_two_arms_neither_of_which_is_the_control(answer: wi.Answer) -> None:
    row = _one(answer.contrast("minutes", arm="tabs", versus="expanded"))
    scores = answer.scores
    tabs, expanded = (scores.arms.index(arm) for arm in ("tabs", "expanded"))
    gain = scores.gamma[:, tabs, 2] - scores.gamma[:, expanded, 2]
    assert row.estimate == pytest.approx(gain.mean(), rel=1e-12)
    error = _clustered(answer, (gain - gain.mean()) / gain.size)
    assert row.std_error == pytest.approx(error, rel=1e-10)
    half = stats.t.ppf(0.975, row.df) * error
    assert row.ci == pytest.approx((gain.mean() - half, gain.mean() + half), rel=1e-9)
    assert row.critical == pytest.approx(stats.t.ppf(0.975, row.df))
    assert row.n == scores.n


def test_a_ratio_nobody_declared_and_one_the_study_declared(answer: wi.Answer) -> None:
    declared = _one(answer.contrast("cost_per_order", arm="tabs"))
    asked = _one(answer.contrast("cost/converted", arm="tabs"))
    assert asked.outcome == "cost/converted"
    assert (asked.estimate, asked.std_error) == (declared.estimate, declared.std_error)
    assert _one(answer.contrast("minutes/converted", arm="tabs")).kind == "interval"


def test_one_segment_minus_another_has_the_error_of_its_rows(answer: wi.Answer) -> None:
    row = _one(answer.contrast("converted", arm="tabs", segment=MOBILE, minus=DESKTOP))
    scores = answer.scores
    gain = scores.gamma[:, scores.arms.index("tabs"), 0] - scores.gamma[:, 0, 0]
    mobile = (scores.columns["device"] == "mobile").to_numpy()
    gap = gain[mobile].mean() - gain[~mobile].mean()
    influence = np.where(
        mobile,
        (gain - gain[mobile].mean()) / mobile.sum(),
        -(gain - gain[~mobile].mean()) / (~mobile).sum(),
    )
    assert row.estimate == pytest.approx(gap, rel=1e-10)
    assert row.std_error == pytest.approx(_clustered(answer, influence), rel=1e-10)
    assert (row.segment, row.minus) == ((("device", "mobile"),), (("device", "desktop"),))


def test_every_segment_of_a_dimension_shares_a_band(answer: wi.Answer) -> None:
    rows = answer.contrast("converted", arm="expanded", by=["device", "region"]).records
    effects = list(answer.effects(by=["region", "device"], outcome="converted"))
    planned = [r for r in effects if r.arm == "expanded"]
    assert [r.segment for r in rows] == [r.segment for r in planned]
    for row, effect in zip(rows, planned, strict=True):
        assert row.ci == pytest.approx(effect.ci, rel=1e-9)
        assert row.band == pytest.approx(effect.band, rel=1e-9)


def test_a_written_sum_equals_the_contrast_it_spells(answer: wi.Answer) -> None:
    named = _one(answer.contrast("converted", arm="tabs", segment=MOBILE, minus=DESKTOP))
    mobile, desktop = (("device", "mobile"),), (("device", "desktop"),)
    written = _one(
        answer.contrast(
            {
                ("converted", "tabs", mobile): 1.0,
                ("converted", "folded", mobile): -1.0,
                ("converted", "tabs", desktop): -1.0,
                ("converted", "folded", desktop): 1.0,
            }
        )
    )
    assert written.estimate == pytest.approx(named.estimate, rel=1e-12)
    assert written.ci == pytest.approx(named.ci, rel=1e-12)
    assert "device = mobile" in written.outcome


def test_a_written_sum_mixes_outcomes_and_weighs_them(answer: wi.Answer) -> None:
    terms: Mapping[Any, float] = {
        ("converted", "tabs"): 10.0,
        ("converted", "folded"): -10.0,
        ("cost", "tabs"): -1.0,
        ("cost", "folded"): 1.0,
    }
    row, worth = _one(answer.contrast(terms)), _one(answer.money("tabs"))
    assert row.estimate == pytest.approx(worth.per_unit, rel=1e-12)
    assert row.std_error == pytest.approx(worth.std_error, rel=1e-12)
    assert worth.currency == "EUR"


def test_cost_per_order_of_one_arm_and_what_one_more_order_costs(answer: wi.Answer) -> None:
    level = _one(answer.contrast({("cost", "folded"): 1.0}, per={("converted", "folded"): 1.0}))
    folded = answer.effects(outcome="cost_per_order").rows[0]
    assert level.kind == "interval"
    assert level.estimate == pytest.approx(folded.baseline, rel=1e-12)
    more = _one(answer.contrast("cost", arm="tabs", per="converted"))
    even = _one(answer.money("tabs", per={"converted": 1.0})).break_even
    assert more.outcome == "cost per converted"
    assert more.estimate == pytest.approx(even.value, rel=1e-9)
    assert (more.kind, more.ci) == (even.kind, pytest.approx(even.ends, rel=1e-9))
    assert more.kind == "interval"


def test_a_gain_that_may_be_zero_divides_into_an_unbounded_set_said_in_words(
    answer: wi.Answer,
) -> None:
    table = answer.contrast("cost", arm="expanded", per="converted")
    row = _one(table)
    assert row.kind in ("rays", "all")
    assert "the denominator may be zero" in table._repr_html_()
    assert row.kind in repr(table)


def test_money_takes_other_prices_segments_and_volumes(answer: wi.Answer) -> None:
    study, other = _one(answer.money("tabs")), _one(answer.money("tabs", per={"converted": 0.0}))
    cost = next(r for r in answer.effects(outcome="cost") if r.arm == "tabs")
    assert cost.estimate is not None
    assert other.per_unit == pytest.approx(-cost.estimate, rel=1e-9)
    assert other.break_even is None
    dear = _one(answer.money("tabs", arm_cost={"tabs": 0.5}))
    assert dear.per_unit == pytest.approx(study.per_unit - 0.5, rel=1e-9)
    assert dear.std_error == study.std_error
    assert study.units_per_month == pytest.approx(4_800 / 60 * 30.44)
    back = _one(answer.money("folded", versus="tabs", units_per_month=1e6))
    assert back.per_month == pytest.approx(-1e6 * study.per_unit, rel=1e-12)
    parts = [_one(answer.money("tabs", segment={"device": d})) for d in ("mobile", "desktop")]
    assert sum(part.per_month for part in parts) == pytest.approx(study.per_month, rel=1e-9)
    assert len(answer.money()) == 2


def test_each_segment_stands_against_the_rest(answer: wi.Answer) -> None:
    frame = answer.against_rest.to_frame()
    assert len(frame) == 4 * 2 * (2 + 4)
    assert set(frame["target"]) == {"ate"}


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ({"what": "convrted"}, "did you mean 'converted'"),
        ({"what": "cost/cost"}, "no outcome or ratio 'cost/cost'"),
        ({"what": "converted", "arm": "tab"}, "did you mean 'tabs'"),
        ({"what": "converted", "versus": "foldd"}, "did you mean 'folded'"),
        ({"what": "converted", "arm": "tabs", "versus": "tabs"}, "compared with itself"),
        ({"what": "converted", "by": "hour"}, "'hour' is not a declared segment"),
        ({"what": "converted", "segment": {"device": "mobil"}}, "did you mean 'device = mobile'"),
        ({"what": "converted", "minus": MOBILE}, "which `segment` names"),
        ({"what": "converted", "by": "device", "segment": MOBILE}, "`segment` and `minus` for one"),
        ({"what": "cost_per_order", "per": "converted"}, "a ratio is not divided again"),
        ({"what": "converted", "per": {("cost", "tabs"): 1.0}}, "by name"),
        ({"what": {("cost", "tabs"): 1.0}, "per": "converted"}, "written out"),
        ({"what": {("cost", "tabs"): 1.0}, "arm": "tabs"}, "names its arms and segments itself"),
        ({"what": {("cost", "tabs"): float("nan")}}, "not a finite number"),
        ({"what": {}}, "an empty sum"),
        (
            {"what": {("cost_per_order", "tabs"): 1.0}, "per": {("converted", "tabs"): 1.0}},
            "a ratio is not divided again",
        ),
    ],
)
def test_questions_that_cannot_be_answered_say_why(
    answer: wi.Answer, question: dict[str, Any], words: str
) -> None:
    with pytest.raises(wi.UsageError, match=words):
        answer.contrast(question.pop("what"), **question)


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ({"per": {"convrted": 1.0}}, "did you mean 'converted'"),
        ({"per": {"converted": float("inf")}}, "not a finite number"),
        ({"arm_cost": {"tab": 1.0}}, "did you mean 'tabs'"),
        ({"arm": "tabs", "versus": "tabs"}, "compared with itself"),
        ({"units_per_month": 0.0}, "must be more than 0"),
        ({"per": {"converted": 0.0, "cost": 0.0}}, "No outcome is worth anything"),
    ],
)
def test_money_that_cannot_be_counted_says_why(
    answer: wi.Answer, question: dict[str, Any], words: str
) -> None:
    with pytest.raises(wi.UsageError, match=words):
        answer.money(**question)


def test_money_where_an_arm_never_occurred_is_refused(log: pd.DataFrame) -> None:
    gone = log[(log["device"] != "mobile") | (log["arm"] != "tabs")]
    made = wi.study(gone, name="gone", **KEYS).run(quick=True)
    with pytest.raises(wi.UsageError, match="nobody got tabs"):
        made.money("tabs", segment=MOBILE)
    row = _one(made.contrast("converted", arm="tabs", segment=MOBILE))
    assert (row.shown, row.estimate, row.kind) == ("no_overlap", None, "none")


def test_below_ten_clusters_an_arm_there_is_no_interval(log: pd.DataFrame) -> None:
    few = log.assign(customer=log["customer"] % 9)
    keys = KEYS | {"covariates": [], "segments": []}
    made = wi.study(few, name="few", **keys).run(quick=True)
    table = made.contrast("converted", arm="tabs")
    assert _one(table).kind == "none"
    assert _one(table).ci == (None, None)
    assert "fewer than ten clusters" in repr(table)


def test_an_undeclared_cut_is_adjusted_neutral_and_logged(
    log: pd.DataFrame, tmp_path: Path
) -> None:
    fresh = wi.study(log, name="three", **KEYS).run(quick=True, out=tmp_path)
    table = fresh.effects(by="hour")
    assert not any(row.planned for row in table)
    assert {str(reading) for reading in table.readings} == {"not_clear_yet"}
    assert all(row.p_value is not None for row in table)
    assert "made after looking" in table._repr_html_()
    assert "made after looking" not in fresh.effects()._repr_html_()
    stored = wi.load("three", out=tmp_path)
    again = stored.effects(by="hour", outcome="converted").to_frame()
    pd.testing.assert_frame_equal(again, fresh.effects(by="hour", outcome="converted").to_frame())
    stored.effects(by=["hour", "device"])
    lines = (tmp_path / "three" / "cuts.jsonl").read_text(encoding="utf-8").splitlines()
    assert [line.split('"first_at"')[0] for line in lines] == [
        '{"cut":["hour"],',
        '{"cut":["device","hour"],',
    ]
    assert stored.cuts.to_frame()["cut"].tolist() == [("hour",), ("device", "hour")]
    before = stored.effects(by="device").to_frame()
    pd.testing.assert_frame_equal(before, fresh.effects(by="device").to_frame())


def test_cuts_that_cannot_be_made_say_why(answer: wi.Answer) -> None:
    assert len(answer.cuts) == 0
    assert "Cuts made after looking" in answer.cuts._repr_html_()
    with pytest.raises(wi.UsageError, match="more than 50"):
        answer.effects(by="tenure")
    with pytest.raises(wi.UsageError, match=r"not kept with this run(.|\n)*did you mean 'hour'"):
        answer.effects(by="hours")
    with pytest.raises(wi.UsageError, match="names a column twice"):
        answer.effects(by=["hour", "hour"])


def test_a_cut_that_cannot_be_logged_is_not_looked_at(log: pd.DataFrame, tmp_path: Path) -> None:
    stored = wi.study(log, name="three", **KEYS).run(quick=True, out=tmp_path)
    (tmp_path / "three" / "cuts.jsonl").mkdir()
    with pytest.raises(wi.PublishError, match="Nothing could be written"):
        stored.effects(by="hour")


def test_exploratory_cuts_of_a_study_stand_beside_the_planned_ones(
    log: pd.DataFrame, answer: wi.Answer, tmp_path: Path
) -> None:
    keys = KEYS | {"exploratory": ["hour"]}
    made = wi.study(log, name="three", **keys).run(quick=True, out=tmp_path)
    hours = made.effects(by="hour", outcome="converted")
    assert len(hours) == 2 * 4
    assert {str(reading) for reading in hours.readings} == {"not_clear_yet"}
    for by in (None, "device"):
        pd.testing.assert_frame_equal(made.effects(by).to_frame(), answer.effects(by).to_frame())
    planned = len(answer.verdict.readings)
    assert made.verdict.readings[:planned] == answer.verdict.readings
    assert replace(made.verdict, readings=()) == replace(answer.verdict, readings=())
    pd.testing.assert_frame_equal(
        hours.to_frame(), answer.effects(by="hour", outcome="converted").to_frame()
    )
    stored = wi.load("three", out=tmp_path)
    pd.testing.assert_frame_equal(
        stored.effects(by="hour", outcome="converted").to_frame(), hours.to_frame()
    )
    more = stored.effects(by=["hour", "device"], outcome="converted")
    assert f"{4 * 2 * (4 + 8)} effects tried" in more.rows[0].family
    assert len(stored.cuts) == 1


def test_exploratory_cuts_have_few_levels_too(log: pd.DataFrame) -> None:
    with pytest.raises(wi.DataError, match="'tenure' has 4,800 different values, more than 50"):
        wi.study(log, name="fine", **KEYS | {"exploratory": ["tenure"]}).run(quick=True)
