"""`option` in a study: what is refused, what is pooled, what is kept apart, what is stored."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import whatif as wi
from tests import builders
from tests.decomposition_cases import scored, world
from whatif.api.answer import Answer
from whatif.api.decomposition import decomposition_table
from whatif.base.errors import DataError, UsageError
from whatif.contract.spec import OverlapSpec
from whatif.contract.study_file import study_from_mapping
from whatif.design.record import Design
from whatif.report.decomposition_sentence import split_words
from whatif.report.measure import measures_of
from whatif.run.analysis import RunOptions, design_of_frame, prepare
from whatif.scores.fit import fit_scores
from whatif.scores.options import with_options
from whatif.scores.store import from_parquet, to_parquet
from whatif.verdict import decomposition_wording as words

KEYS: dict[str, Any] = {
    "study": "split",
    "unit": "session_id",
    "cluster": "customer_id",
    "assigned": "session_id",
    "treatment": {"column": "presentation", "control": "folded"},
    "design": {"kind": "experiment", "probability": {"folded": 0.5, "expanded": 0.5}},
    "outcomes": [
        {"column": "converted", "kind": "binary"},
        {"column": "shipping_cost", "kind": "cost", "better": "lower", "unit": "USD"},
    ],
    "ratios": [
        {"name": "cost_per_order", "numerator": "shipping_cost", "denominator": "converted"}
    ],
    "segments": ["device"],
    "option": "option",
}


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    return wi.simulate_checkout(6_000, seed=2)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reports")


@pytest.fixture(scope="module")
def answer(log: pd.DataFrame, out: Path) -> Answer:
    return wi.study(log, **KEYS).run(quick=True, out=out)


def _designed(log: pd.DataFrame, **changes: Any) -> Design:
    return design_of_frame(study_from_mapping({**KEYS, **changes}, on_frame=True), log)


# ---- what the study may say


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"option": "presentation"}, "'presentation', which is also the treatment"),
        ({"option": "converted"}, "'converted', which is also an outcome"),
        ({"covariates": ["option"]}, "'option', which is also a covariate"),
        ({"segments": ["option"]}, "'option', which is also a segment"),
        ({"exploratory": ["option"]}, "'option', which is also a segment"),
        ({"option": "customer_id"}, "'customer_id', which is also `assigned`|`cluster`"),
        ({"weights": "option"}, "'option', which is also `weights`"),
        ({"bots": "option == 'express'"}, "also read by `bots`"),
        ({"negative_controls": {"outcomes": ["option"]}}, "also a negative control"),
        (
            {"outcomes": [{"column": "converted", "kind": "binary"}], "ratios": []},
            "option is given, but no outcome is a cost",
        ),
    ],
)
def test_an_option_with_another_role_is_refused(changes: dict[str, Any], match: str) -> None:
    with pytest.raises(UsageError, match=match):
        study_from_mapping({**KEYS, **changes}, on_frame=True)


def test_where_may_not_read_the_option() -> None:
    data = {"source": "log.parquet", "where": "option != 'pickup'"}
    with pytest.raises(UsageError, match="also read by `where`"):
        study_from_mapping({**KEYS, "data": data})


def test_a_column_that_does_not_exist_is_named(log: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="choice"):
        _designed(log, option="choice")


def test_an_order_without_an_option_is_refused(log: pd.DataFrame) -> None:
    gone = log.assign(option=log["option"].where(log["option"] != "pickup"))
    with pytest.raises(DataError, match=r"'option' is missing in .* rows where 'converted' is not"):
        _designed(gone)


def test_a_cost_without_an_option_is_refused(log: pd.DataFrame) -> None:
    charged = log.assign(shipping_cost=log["shipping_cost"] + 0.5)
    with pytest.raises(DataError, match="rows where 'shipping_cost' is not 0"):
        _designed(charged)


def test_an_option_that_is_empty_is_refused(log: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="'option' is missing in every row"):
        _designed(log.assign(option=pd.Series(pd.NA, index=log.index, dtype="str")))


def test_without_a_cost_in_the_data_there_is_nothing_to_split(log: pd.DataFrame) -> None:
    outcomes = [{"column": "converted"}, {"column": "boxes"}]
    with pytest.raises(DataError, match="names the option 'option', but no outcome is a cost"):
        _designed(log, outcomes=outcomes, ratios=[])


# ---- what the design holds


def test_columns_are_orders_and_costs_by_option(log: pd.DataFrame) -> None:
    options = _designed(log).options
    assert options is not None
    assert (options.cost, options.orders) == ("shipping_cost", "converted")
    assert options.names[0] == "standard"
    assert set(options.names) == {"standard", "pickup", "no_rush", "express"}
    size = len(options.names)
    for j, name in enumerate(options.names):
        inside = (log["option"] == name).to_numpy()
        np.testing.assert_array_equal(options.y[:, j], inside)
        cost = np.where(inside, log["shipping_cost"], 0.0)
        np.testing.assert_array_equal(options.y[:, size + j], cost)
    assert options.kinds == ("binary",) * size + ("cost",) * size


def test_without_a_ratio_the_first_cost_is_split_and_a_row_with_an_option_is_an_order(
    log: pd.DataFrame,
) -> None:
    options = _designed(log, ratios=[]).options
    assert options is not None
    assert (options.cost, options.orders) == ("shipping_cost", None)
    np.testing.assert_array_equal(options.y[:, :4].sum(axis=1), log["option"].notna())


def test_rare_options_are_pooled_and_said_so(log: pd.DataFrame) -> None:
    rare = log.copy()
    orders = rare.index[(rare["option"] == "standard") & (rare["presentation"] == "expanded")]
    rare.loc[orders[:29], "option"] = "drone"
    rare.loc[orders[40:100], "option"] = "boat"  # never on offer when folded: stays by itself
    design = _designed(rare)
    assert design.options is not None
    assert "boat" in design.options.names
    assert "drone" not in design.options.names
    assert design.options.names[-1] == "other"
    (notice,) = [one for one in design.notices if one.code == "options_pooled"]
    assert "'other': drone." in notice.problem.what
    size = len(design.options.names)
    assert design.options.y[:, size - 1].sum() == 29
    np.testing.assert_array_equal(design.options.y[:, :size].sum(axis=1), rare["converted"])


def test_beyond_twelve_options_the_least_chosen_are_pooled(log: pd.DataFrame) -> None:
    orders = log["option"].notna().to_numpy()
    many = log.assign(option=pd.Series([f"o{i % 15:02d}" for i in range(len(log))]).where(orders))
    design = _designed(many)
    assert design.options is not None
    assert len(design.options.names) == 13
    assert design.options.names[-1] == "other"


def test_a_level_called_other_stays_what_it_is(log: pd.DataFrame) -> None:
    named = log.assign(option=log["option"].replace("pickup", "other"))
    design = _designed(named)
    assert design.options is not None
    assert design.options.names[-1] == "other"
    assert not [one for one in design.notices if one.code == "options_pooled"]


def test_a_window_adds_orders_up_by_option(log: pd.DataFrame) -> None:
    keys = {"unit": "customer_id", "assigned": "customer_id", "cluster": None,
            "time": "started_at", "window": "14d", "covariates": ["cart_value"]}  # fmt: skip
    by_customer = wi.simulate_checkout(6_000, seed=2, mode="by-customer")
    made, plain = _designed(by_customer, **keys), _designed(by_customer, **keys, option=None)
    options = made.options
    assert options is not None
    size = len(options.names)
    np.testing.assert_array_equal(made.y, plain.y)
    assert options.y[:, :size].max() > 1.0
    np.testing.assert_allclose(options.y[:, :size].sum(axis=1), made.y[:, 0], atol=1e-12)
    np.testing.assert_allclose(options.y[:, size:].sum(axis=1), made.y[:, 1], atol=1e-9)
    assert options.kinds == ("count",) * size + ("cost",) * size
    assert list(made.columns) == list(plain.columns)


# ---- what is scored and kept


def test_an_answer_without_option_is_the_same_answer(log: pd.DataFrame, answer: Answer) -> None:
    plain = wi.study(log, **{**KEYS, "option": None}).run(quick=True)
    np.testing.assert_array_equal(plain.scores.gamma, answer.scores.gamma)
    assert "decomposition" not in plain.json
    assert b"option" not in to_parquet(plain.scores, period=None)[-4_000:]
    frames = [one.effects().to_frame() for one in (plain, answer)]
    pd.testing.assert_frame_equal(frames[0], frames[1])
    assert set(answer.effects().to_frame()["outcome"]) == {
        "converted", "shipping_cost", "cost_per_order",
    }  # fmt: skip
    assert len(plain.checks) == len(answer.checks)


def test_the_score_key_holds_the_option(log: pd.DataFrame) -> None:
    keys = []
    for option in ("option", None, "chosen"):
        spec = study_from_mapping({**KEYS, "option": option}, on_frame=True)
        other = log.assign(chosen=log["option"].replace("pickup", "locker"))
        made = prepare(spec, base=Path(), options=RunOptions(), frame=other)
        keys.append(made.score_key)
    assert len(set(keys)) == 3


def test_scores_by_option_are_stored_and_read_back(tmp_path: Path, answer: Answer) -> None:
    path = tmp_path / "scores.parquet"
    path.write_bytes(to_parquet(answer.scores, period=None))
    again, first = from_parquet(path).options, answer.scores.options
    assert again is not None
    assert first is not None
    np.testing.assert_array_equal(again.gamma, first.gamma)
    np.testing.assert_array_equal(again.y, first.y)
    assert (again.names, again.columns, again.cost, again.orders) == (
        first.names, first.columns, first.cost, first.orders,
    )  # fmt: skip


def test_units_that_overlap_leaves_out_are_left_out_by_option_too() -> None:
    design = world(covariates=True, n=1_500, kind="observational")
    rule = OverlapSpec(low=0.2, high=0.8, rule="trim")
    made = fit_scores(design, rule=rule, seed=0, key="k", learners=("glm",), workers=1)
    scores = with_options(design, made, seed=0, learners=("glm",), workers=1)
    assert scores.options is not None
    assert scores.n < design.n
    for name, part in (("converted", slice(0, 3)), ("cost", slice(3, 6))):
        whole = scores.gamma[:, :, scores.outcomes.index(name)]
        np.testing.assert_allclose(scores.options.gamma[:, :, part].sum(axis=2), whole, atol=1e-9)
        seen = scores.options.y[:, part].sum(axis=1)
        np.testing.assert_allclose(seen, scores.y[:, scores.outcomes.index(name)], atol=1e-12)


def test_the_number_of_workers_changes_nothing() -> None:
    design = world(covariates=True, n=800)
    made = fit_scores(design, rule=OverlapSpec(), seed=0, key="k", workers=1)
    both = [
        with_options(design, made, seed=0, learners=("glm", "boosting"), workers=workers).options
        for workers in (1, 2)
    ]
    assert both[0] is not None
    assert both[1] is not None
    np.testing.assert_array_equal(both[0].gamma, both[1].gamma)


# ---- what is answered


def test_the_answer_splits_the_page_number(answer: Answer) -> None:
    made = answer.decomposition()
    parts = made.to_frame().set_index("part")["estimate"]
    (effect,) = answer.effects(outcome="shipping_cost").rows
    assert parts["total"] == pytest.approx(effect.estimate, abs=1e-12)
    assert parts[["volume", "mix", "rate"]].sum() == pytest.approx(parts["total"], abs=1e-12)
    assert made.options.to_frame()["share"].map(lambda pair: pair[1]).sum() == pytest.approx(1.0)
    assert "not three effects" in made.note


def test_the_answer_says_the_split_in_the_page_s_words(answer: Answer, out: Path) -> None:
    made = answer.decomposition()
    assert made.sentence.startswith("With ")
    assert "shipping cost per session" in made.sentence
    page = " ".join(re.sub("<[^>]*>", "", unescape(wi.load("split", out=out).html)).split())
    assert " ".join(made.sentence.split()) in page
    assert made.title == "Why shipping cost per session differs"
    assert made.note.startswith("In USD per session. Clustered 95% intervals")
    for shown in (repr(made), made._repr_html_()):
        for word in ("Orders", "Options chosen", "Cost within an option", "Together", "everyone"):
            assert word in shown
        for code in ("volume", "shown", "()"):
            assert code not in shown
        assert "With " in shown
    assert "shown" in made.to_frame()
    assert "()" not in repr(made.options)
    assert "everyone" in made.options._repr_html_()
    cut = answer.decomposition(by="device")
    assert cut.sentence == made.sentence
    assert "device = " in repr(cut)
    assert "withheld" not in made.note


def test_parts_without_a_number_are_explained(answer: Answer) -> None:
    assert words.TOO_FEW not in answer.decomposition().note
    few = replace(answer.scores, cluster=answer.scores.cluster % 30)
    made = decomposition_table(few, answer.spec, by="device")
    assert made.note.endswith(words.TOO_FEW)
    split = {row.part: row for row in made.records[:4]}
    told = str(split_words(measures_of(answer.spec, {})["shipping_cost"], split))
    assert told.endswith(
        "there are too few orders yet to say why shipping cost per session differs."
    )


def test_a_withheld_run_says_so_before_the_split(answer: Answer) -> None:
    made = decomposition_table(answer.scores, answer.spec, by=None, withheld=True)
    first = (
        "This run\u2019s verdict is withheld: its numbers cannot be trusted. In USD per session."
    )
    assert made.note.startswith(first)


def test_a_stored_run_answers_like_a_fresh_one(answer: Answer, out: Path) -> None:
    again = wi.load("split", out=out)
    for by in (None, "device"):
        pd.testing.assert_frame_equal(
            again.decomposition(by).to_frame(), answer.decomposition(by).to_frame()
        )
    assert "Why shipping cost per session differs" in again.html


def test_segments_are_asked_for_by_name(answer: Answer) -> None:
    frame = answer.decomposition(by="device").to_frame()
    assert len(frame) == 8
    totals = frame[frame["part"] == "total"].set_index("segment")
    for row in answer.effects("device", outcome="shipping_cost"):
        assert totals["estimate"][row.segment] == pytest.approx(row.estimate, abs=1e-12)
        assert totals["std_error"][row.segment] == pytest.approx(row.std_error, abs=1e-12)
    with pytest.raises(UsageError, match="'hour' is not a declared segment"):
        answer.decomposition(by="hour")


def test_without_an_option_the_answer_says_what_to_declare() -> None:
    design = replace(world(n=600), options=None)
    with pytest.raises(UsageError, match="add `option: COLUMN` to the study"):
        decomposition_table(scored(design), builders.spec(), by=None)
