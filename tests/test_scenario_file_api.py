"""The scenario file through Python's front door: asked, refused, stored with a run."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import whatif as wi
from tests import sheet_cases as cases
from whatif.api.scenario_file import Scenario, ScenarioRow, ScenarioTable
from whatif.publish.run_folder import is_intact
from whatif.scenarios.sheet.build import sheet_of
from whatif.scenarios.sheet.evaluate import base_state, evaluate
from whatif.scenarios.sheet.text import decode, encode

STUDY: dict[str, Any] = {
    "name": "checkout",
    "unit": "session_id",
    "cluster": "customer_id",
    "assigned": "session_id",
    "time": "started_at",
    "treatment": {"column": "presentation", "control": "folded"},
    "design": {"kind": "experiment", "probability": {"folded": 0.5, "expanded": 0.5}},
    "outcomes": [{"column": "converted"}, {"column": "shipping_cost", "better": "lower"}],
    "ratios": [
        {"name": "cost_per_order", "numerator": "shipping_cost", "denominator": "converted"}
    ],
    "value": {"currency": "USD", "per": {"converted": 18.0, "shipping_cost": -1.0}},
    "segments": ["device"],
}


def _scenario(arms: int = 2) -> Scenario:
    return Scenario.of(encode(cases.sheet(arms)))


def _rows(table: ScenarioTable) -> dict[str, ScenarioRow]:
    return {row.quantity: row for row in table}


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> wi.Answer:
    log = wi.simulate_checkout(6_000, seed=5)
    return wi.study(log, **STUDY).run(quick=True, out=tmp_path_factory.mktemp("runs"))


def test_a_run_leaves_the_file_and_its_answer_reads_it(stored: wi.Answer) -> None:
    assert stored.folder is not None
    path = stored.folder / "scenario.json"
    assert stored.scenario_file.to_json() == path.read_text(encoding="utf-8")
    assert "scenario.json" in (stored.folder / "SHA256SUMS").read_text(encoding="utf-8")
    for found in (wi.Scenario.load(path), wi.Scenario.load(str(stored.folder))):
        assert found.to_json() == stored.scenario_file.to_json()
        assert found.sheet.run_id == json.loads(stored.json)["run_id"]
    declared = _rows(stored.scenario_file.at())
    effects = stored.effects().rows
    units = stored.scenario_file.sheet.units
    assert units is not None
    for row, scale in zip(effects, (units, units, 1.0), strict=True):
        made = declared[row.outcome]
        assert made.estimate == pytest.approx(scale * (row.estimate or 0), rel=1e-4)
        assert made.std_error == pytest.approx(scale * (row.std_error or 0), rel=1e-5)
    assert list(declared) == [
        "converted", "shipping_cost", "cost_per_order", "profit", "break-even worth of converted"
    ]  # fmt: skip


def test_a_group_moves_the_whole_by_its_share(stored: wi.Answer) -> None:
    made = stored.scenario_file.at(give="expanded", where={"device": "mobile"}, share=0.5)
    mobile = [row for row in stored.effects(by="device") if dict(row.segment)["device"] == "mobile"]
    sheet = stored.scenario_file.sheet
    place = sheet.columns[0][1].index("mobile")
    for row in mobile[:2]:
        found = _rows(made)[row.outcome]
        expected = 0.5 * sheet.share[place] * (row.estimate or 0) * (sheet.units or 0)
        assert found.estimate == pytest.approx(expected, rel=1e-4)
        assert found.chosen_after_looking


def test_a_run_made_before_scenario_files_still_answers(stored: wi.Answer, tmp_path: Path) -> None:
    assert stored.folder is not None
    old = tmp_path / "old"
    old.mkdir()
    for file in stored.folder.iterdir():
        if file.name != "scenario.json":
            (old / file.name).write_bytes(file.read_bytes())
    opened = wi.load(old)
    assert opened.scenario_file.to_json() == stored.scenario_file.to_json()
    assert not is_intact(old)  # its sums name the file, so a run of the same id is made again


def test_a_withheld_run_keeps_its_file_but_answers_nothing(tmp_path: Path) -> None:
    log = wi.simulate_checkout(6_000, seed=5)
    lost = (log["presentation"] == "expanded") & (np.arange(len(log)) % 3 == 0)
    answer = wi.study(log[~lost], **STUDY).run(quick=True, out=tmp_path)
    assert str(answer.verdict.decision) == "cannot_be_trusted"
    assert answer.folder is not None
    found = wi.Scenario.load(answer.folder)
    assert found.sheet.withheld
    with pytest.raises(wi.DataError, match="no scenario is answered from it"):
        found.at()
    assert "Withheld" in found._repr_html_()


def test_a_single_cluster_leaves_no_file() -> None:
    from whatif.run.scenario_file import scenario_of_answer
    from whatif.verdict.record import Decision, Verdict

    scores = replace(cases.scored(), cluster=np.zeros(6_000, dtype=np.int64))
    verdict = Verdict(
        decision=Decision.DISCUSS, arm="expanded", chosen_after_looking=False, where="",
        headline="", reasons=(), would_change=(), readings=(),
    )  # fmt: skip
    answer = json.dumps({"run_id": "a", "as_of": None, "data": {"days": None}})
    with pytest.raises(wi.UsageError, match="This run has no scenario file"):
        scenario_of_answer(scores, cases.study(segments=[]), verdict, answer, None)


def test_questions_in_words_are_states_of_the_sliders() -> None:
    scenario = _scenario(3)
    sheet = scenario.sheet
    base = base_state(sheet)
    rollout = np.zeros_like(base.rollout)
    rollout[:, 0] = 1.0
    rollout[sheet.cells[:, 1] == 1] = [0.3, 0.0, 0.7]
    rollout[0] = [0.5, 0.25, 0.25]
    made = scenario.at(
        rollout={
            (("device", "d1"),): {"third": 0.7},
            (("region", "r0"), ("device", "d0")): {
                "folded": 0.5,
                "expanded": 0.25,
                "third": 0.25,
            },
        },
        mix={"device": {"d1": 0.75, "d0": 0.25}},
        per={"converted": 20.0, "cost": 0.0},
        factor={"cost": 1.5},
        arm_cost={"third": 0.0},
        units_per_month=10,
    )
    state = replace(
        base,
        rollout=rollout,
        mix=(1, np.array([0.25, 0.75])),
        per=np.array([20.0, 0.0]),
        factor=np.array([1.0, 1.5]),
        arm_cost=np.array([0.01, 0.03, 0.0]),
        units=10.0,
    )
    expected = evaluate(sheet, state)
    assert [row.estimate for row in made.records[:4]] == [r.estimate for r in expected.results]
    assert made.break_even == expected.break_even
    same = scenario.at(give="expanded"), scenario.at(), scenario.at(rollout={(): {"expanded": 1.0}})
    assert len({table.records for table in same}) == 1
    assert same[0].records[0].chosen_after_looking  # the verdict picked one of two arms
    assert "picked from several by its result" in same[0].note
    assert not _scenario().at().records[0].chosen_after_looking
    lone, whole = scenario.at(mix={"device": {"d1": 1.0}}), {"device": {"d1": 1.0, "d0": 0.0}}
    assert lone.records == scenario.at(mix=whole).records
    nobody = scenario.at(share=0.0)
    assert {row.estimate for row in nobody.records[:4]} == {0.0}
    assert nobody.records[0].kind == "none"


def test_tables_read_well_and_say_what_ranges_allow_for() -> None:
    scenario = _scenario()
    looked = scenario.at(where={"device": "d1"})
    assert "Chosen after looking" in looked.note
    assert "expanded for everyone" in scenario.at().note
    frame = looked.to_frame()
    assert list(frame["quantity"]) == [
        "converted", "cost", "cost_per_order", "profit", "break-even worth of converted"
    ]  # fmt: skip
    assert list(frame["per"]) == ["month", "month", "one", "month", "one"]
    assert "Give expanded to everyone, in small" in scenario._repr_html_()
    assert repr(scenario) == "Scenario('small': 6 cells of region × device; folded, expanded)"
    once = Scenario.of(encode(replace(cases.sheet(), looks="anytime", target="att", units=None)))
    note = once.at().note
    assert "one look" in note
    assert "got an arm other than the control" in note
    assert once.at().records[0].per == "1,000 units"


@pytest.mark.parametrize(
    ("asked", "title"),
    [
        ({}, "Give expanded to everyone, in small"),
        ({"share": 0.25}, "Give expanded to 25 % of units, in small"),
        ({"where": {"device": "d1"}}, "Give expanded where device is d1, in small"),
        (
            {"give": "third", "share": 0.5, "where": {"device": "d1", "region": "r0"}},
            "Give third to 50 % where device is d1 and region is r0, in small",
        ),
        (
            {
                "rollout": {
                    (("device", "d1"),): {"third": 0.7},
                    (("device", "d0"),): {"expanded": 1},
                }
            },
            "Give third to 70 % where device is d1; expanded where device is d0, in small",
        ),
        ({"rollout": {(): {"folded": 1.0}}}, "Give folded to everyone, in small"),
    ],
)
def test_a_title_says_who_gets_what(asked: dict[str, Any], title: str) -> None:
    assert _scenario(3).at(**asked).title == title


def test_a_note_names_the_amounts_that_are_not_the_studys() -> None:
    scenario = _scenario(3)
    made = scenario.at(
        per={"converted": 22.0, "cost": -1.0},
        factor={"cost": 1.1},
        arm_cost={"third": 0.5},
        mix={"device": {"d0": 0.2, "d1": 0.8}},
        units_per_month=70_000,
    )
    assert (
        "With converted worth USD 22 (study: 18); cost at 110 % of today; third costing USD 0.5 a "
        "unit (study: 0); 70,000 units a month (study: 50,000); device: d1 80 %, d0 20 %."
    ) in made.note
    assert "With " not in scenario.at().note


def test_python_starts_from_the_numbers_of_the_page() -> None:
    scenario = _scenario()
    assert scenario.sheet.theta.astype(np.float32).tolist() == scenario.sheet.theta.tolist()
    assert encode(decode(scenario.to_json())) == scenario.to_json()


@pytest.mark.parametrize(
    ("asked", "match"),
    [
        ({"give": "gone"}, "There is no arm 'gone'"),
        ({"share": 1.2}, "share is 1.2"),
        ({"share": float("nan")}, "share is nan"),
        ({"where": {"planet": "x"}}, "There is no column 'planet'"),
        ({"where": {"device": "d9"}}, "'device' has no level 'd9'"),
        ({"rollout": {(): {"gone": 0.5}}}, "There is no arm 'gone'"),
        ({"rollout": {(): {"expanded": -0.5}}}, "the share of 'expanded' in everyone is -0.5"),
        ({"rollout": {(): {"folded": 0.5, "expanded": 0.6}}}, "in everyone add up to 1.1"),
        ({"rollout": {(): {"folded": 0.5, "expanded": 0.3}}}, "in everyone add up to 0.8"),
        (
            {"rollout": {(): {"expanded": 1.0}, (("device", "d0"),): {"expanded": 0.1}}},
            "device = d0 is named twice",
        ),
        ({"rollout": {(): {"expanded": 1.0}}, "give": "expanded"}, "`rollout` says who gets what"),
        ({"mix": {"device": {"d0": 0.5, "d1": 0.6}}}, "the shares of device add up to 1.1"),
        ({"mix": {"device": {"d0": 0.9}}}, "the shares of device add up to 0.9"),
        ({"mix": {"device": {"d0": -0.5, "d1": 1.5}}}, "the share of device = d0 is -0.5"),
        ({"mix": {"device": {"d0": 0.5, "d2": 0.5}}}, "'device' has no level 'd2'"),
        ({"mix": {"planet": {}}}, "There is no column 'planet'"),
        ({"mix": {"device": {}, "region": {}}}, "`mix` names several columns"),
        ({"per": {"gone": 1.0}}, "There is no outcome 'gone'"),
        ({"per": {"converted": -3.0}}, "the worth of converted is -3, of the other sign"),
        ({"per": {"cost": 1.0}}, "the worth of cost is 1, of the other sign"),
        ({"per": {"converted": float("inf")}}, "inf is not a finite number"),
        ({"factor": {"cost": -1.0}}, "the price level of cost is -1.0"),
        ({"factor": {"cost": 0.0}}, "the price level of cost is 0.0"),
        ({"factor": {"gone": 1.0}}, "There is no outcome 'gone'"),
        ({"arm_cost": {"expanded": -1.0}}, "the cost of expanded is -1"),
        ({"arm_cost": {"expanded": float("nan")}}, "nan is not a finite number"),
        ({"units_per_month": 0.0}, "units_per_month is 0.0"),
        ({"units_per_month": float("nan")}, "units_per_month is nan"),
        (
            {"where": "device = 'mobile'"},
            '`where` is a mapping here, e.g. {"device": "mobile"}; an expression such as '
            "\"device = 'mobile'\" goes to `answer.scenario`.",
        ),
        ({"where": []}, "`where` has [] where a mapping belongs."),
        ({"mix": "x"}, "`mix` has 'x' where a mapping belongs."),
        ({"mix": {"device": "mobile"}}, "`mix` has 'mobile' where a mapping belongs."),
        ({"mix": {"device": {"d0": "1"}}}, "the share of device = d0 is '1', which is no number"),
        ({"rollout": {"x": 1}}, "`rollout` has 'x' in place of a segment."),
        ({"rollout": {(): 1}}, "`rollout` has 1 where a mapping belongs."),
        (
            {"rollout": {(("device", "d0"),): {"expanded": None}}},
            "the share of expanded in device = d0 is None, which is no number",
        ),
        ({"share": "x"}, "share is 'x', which is no number"),
        ({"share": None}, "share is None, which is no number"),
        ({"per": 22}, '`per` is a mapping here, e.g. {"converted": 22}.'),
        ({"per": {"converted": "22"}}, "the worth of converted is '22', which is no number"),
        ({"factor": {"cost": None}}, "the price level of cost is None, which is no number"),
        ({"arm_cost": {"expanded": "1"}}, "the cost of expanded is '1', which is no number"),
        ({"units_per_month": "many"}, "units_per_month is 'many', which is no number"),
        (
            {"where": {"planet": "x"}},
            "known: device, region. To ask about it too, declare `segments: [[region, device, "
            "planet]]` and run again.",
        ),
        ({"where": {"devise": "x"}}, "did you mean 'device'?"),
    ],
)
def test_what_means_nothing_is_refused(asked: dict[str, Any], match: str) -> None:
    with pytest.raises(wi.UsageError, match=re.escape(match)):
        _scenario().at(**asked)


def test_amounts_that_the_ranges_do_not_allow_for_are_refused() -> None:
    spec = cases.study(value=None)
    sheet = sheet_of(cases.means_of(cases.scored(), spec), spec, cases.ABOUT)
    assert sheet is not None
    free = Scenario.of(encode(sheet))
    with pytest.raises(wi.UsageError, match="converted is worth nothing in this scenario file"):
        free.at(per={"converted": 18.0})
    with pytest.raises(wi.UsageError, match="there is no profit to take a cost off"):
        free.at(arm_cost={"expanded": 1.0})
    one = cases.study(segments=[])
    alone = sheet_of(cases.means_of(cases.scored(), one), one, cases.ABOUT)
    assert alone is not None
    with pytest.raises(wi.UsageError, match="its one cell is everyone"):
        Scenario.of(encode(alone)).at(where={"device": "d1"})


def test_a_cell_that_is_not_there_is_an_unknown_segment() -> None:
    sheet = cases.sheet()
    twice = replace(sheet, columns=(*sheet.columns[:1], ("device", ("d0", "d1", "d2"))))
    with pytest.raises(wi.UsageError, match="There is no segment 'device = d2'"):
        Scenario.of(encode(twice)).at(where={"device": "d2"})


def test_levels_are_told_apart_by_type() -> None:
    sheet = cases.sheet()
    plain = replace(sheet, columns=(sheet.columns[0], ("device", (False, True))))
    scenario = Scenario.of(encode(plain))
    assert scenario.at(where={"device": np.True_}).records == (  # type: ignore[dict-item]
        scenario.at(where={"device": True}).records
    )
    with pytest.raises(wi.UsageError, match="'device' has no level 1"):
        scenario.at(where={"device": 1})


def test_the_latest_run_of_a_study_is_followed(tmp_path: Path) -> None:
    text = _scenario().to_json()
    (tmp_path / "abc").mkdir()
    (tmp_path / "abc" / "scenario.json").write_text(text, encoding="utf-8")
    (tmp_path / "latest").write_text("abc\n", encoding="utf-8")
    assert wi.Scenario.load(tmp_path / "latest").to_json() == text
    (tmp_path / "latest").write_text("gone\n", encoding="utf-8")
    with pytest.raises(wi.UsageError, match=r"There is no scenario file .*gone"):
        wi.Scenario.load(tmp_path / "latest")


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(wi.UsageError, match="There is no scenario file"):
        wi.Scenario.load(tmp_path)
    (tmp_path / "scenario.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(wi.DataError, match="it is not text"):
        wi.Scenario.load(tmp_path)
    (tmp_path / "scenario.json").write_text('{"schema":"scenario.v2"}', encoding="utf-8")
    with pytest.raises(wi.DataError, match=r"a scenario\.v2, made by a newer version"):
        wi.Scenario.load(tmp_path)
