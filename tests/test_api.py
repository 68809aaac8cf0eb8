"""The Python surface: studies over frames, tables, stored runs, import cost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import whatif as wi

KEYS: dict[str, Any] = {
    "unit": "session_id",
    "cluster": "customer_id",
    "assigned": "session_id",
    "time": "started_at",
    "treatment": {"column": "presentation", "control": "folded"},
    "design": {"kind": "experiment", "probability": {"folded": 0.5, "expanded": 0.5}},
    "outcomes": [
        {"column": "converted", "role": "primary", "matters_from": 0.002},
        {"column": "shipping_cost", "kind": "cost", "better": "lower"},
    ],
    "ratios": [
        {
            "name": "cost_per_order",
            "numerator": "shipping_cost",
            "denominator": "converted",
            "better": "lower",
        }
    ],
    "covariates": ["cart_value"],
    "segments": ["device", ["urbanicity", "device"]],
}


@pytest.fixture(scope="module")
def sessions() -> pd.DataFrame:
    return wi.simulate_checkout(8_000, seed=2).query("not is_bot")


@pytest.fixture(scope="module")
def answer(sessions: pd.DataFrame) -> wi.Answer:
    return wi.study(sessions, name="small", **KEYS).run(quick=True)


def test_effects_are_tables_and_frames(answer: wi.Answer) -> None:
    overall = answer.effects()
    assert [row.outcome for row in overall] == ["converted", "shipping_cost", "cost_per_order"]
    by_device = answer.effects(by="device", outcome="converted").to_frame()
    assert by_device["device"].tolist() == ["desktop", "mobile"]
    crossed = answer.effects(by=["urbanicity", "device"]).to_frame()
    assert len(crossed) == 30
    assert "<table" in overall._repr_html_()
    assert len(overall.plot().data) > 0


def test_small_cells_show_no_number_in_a_notebook(sessions: pd.DataFrame) -> None:
    small = sessions.assign(region=["far"] * 3 + ["near"] * (len(sessions) - 3))
    keys = KEYS | {"segments": ["region"]}
    table = wi.study(small, **keys).run(quick=True).effects(by="region", outcome="converted")
    html = table._repr_html_()
    assert html.count("–") >= 5
    assert len(table) == 2


def test_undeclared_cuts_and_outcomes_are_refused_with_a_hint(answer: wi.Answer) -> None:
    with pytest.raises(wi.UsageError, match="'distance_km' is not a declared segment"):
        answer.effects(by="distance_km")
    with pytest.raises(wi.UsageError, match="did you mean 'converted'"):
        answer.effects(outcome="convertd")


def test_scenarios_are_views_of_the_scores(answer: wi.Answer) -> None:
    asked = answer.scenario(give="expanded").to_frame()
    everyone = asked[asked["per"] == "unit"]
    overall = answer.effects().to_frame()
    pd.testing.assert_series_equal(everyone["estimate"], overall["estimate"], rtol=1e-9)
    part = answer.scenario(give="expanded", where="device == 'mobile' and cart_value > 40")
    assert abs(part.to_frame()["estimate"].iloc[0]) < 0.1
    assert "cart_value &gt; 40" in part._repr_html_()
    with pytest.raises(wi.UsageError, match="cart_valu"):
        answer.scenario(give="expanded", where="cart_valu > 40")


def test_checks_verdict_and_answer_read_well_in_a_notebook(answer: wi.Answer) -> None:
    assert {check.name for check in answer.checks} >= {"sample_ratio", "balance", "overlap"}
    assert "sample_ratio" in answer.checks._repr_html_()
    assert answer.verdict.headline in answer._repr_html_()
    assert len(answer.heterogeneity.to_frame()) == 6


def test_the_page_is_written_where_asked(answer: wi.Answer, tmp_path: Path) -> None:
    page = answer.to_html(tmp_path / "page.html")
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_stored_run_opens_and_answers_like_the_fresh_one(
    sessions: pd.DataFrame, answer: wi.Answer, tmp_path: Path
) -> None:
    fresh = wi.study(sessions, name="small", **KEYS).run(quick=True, out=tmp_path)
    stored = wi.load("small", out=tmp_path)
    assert fresh.json == answer.json == stored.json
    assert stored.html == fresh.html
    pd.testing.assert_frame_equal(stored.effects().to_frame(), fresh.effects().to_frame())
    assert stored.verdict == fresh.verdict
    assert [c.finding for c in stored.checks] == [c.finding for c in fresh.checks]
    question: dict[str, Any] = {"give": "expanded", "where": "device == 'mobile'"}
    pd.testing.assert_frame_equal(
        stored.scenario(**question).to_frame(), fresh.scenario(**question).to_frame()
    )
    with pytest.raises(wi.UsageError, match="There is no run 'smal'"):
        wi.load("smal", out=tmp_path)
    (next((tmp_path / "small" / "runs").glob("*/answer.json"))).write_text("{}", encoding="utf-8")
    with pytest.raises(wi.DataError, match="cannot be opened"):
        wi.load("small", out=tmp_path)


def test_the_order_of_rows_in_a_frame_does_not_matter(
    sessions: pd.DataFrame, answer: wi.Answer
) -> None:
    shuffled = sessions.sample(frac=1, random_state=3)
    assert wi.study(shuffled, name="small", **KEYS).run(quick=True).json == answer.json


def test_study_errors_come_all_at_once(sessions: pd.DataFrame) -> None:
    with pytest.raises(wi.UsageError) as caught:
        wi.study(sessions, treatmen={"column": "presentation"}, outcomes=[{"colum": "converted"}])
    assert len(caught.value.problems) >= 2


def test_a_study_file_loads(tmp_path: Path) -> None:
    repository = Path(__file__).parents[1]
    study = wi.Study.load(repository / "reports" / "mobile-expanded-options" / "study.yaml")
    assert study.spec.study == "mobile-expanded-options"


def test_truth_comes_as_a_frame() -> None:
    truth = wi.checkout_truth("randomised")
    row = truth.query("per == 'session' and outcome == 'converted' and segment == ''").iloc[0]
    assert row["difference"] == pytest.approx(row["expanded"] - row["folded"], abs=1e-12)


def test_importing_loads_no_heavy_library() -> None:
    code = (
        "import sys, whatif; "
        "print([m for m in ('numpy', 'pandas', 'pydantic', 'sklearn', 'dowhy', 'econml', "
        "'lightgbm', 'plotly') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_documented() -> None:
    for name in wi.__all__:
        assert getattr(wi, name).__doc__, name


def test_plain_python_prints_tables_not_arrays(answer: wi.Answer) -> None:
    assert repr(answer).startswith(answer.verdict.headline)
    assert "device" in repr(answer.effects(by="device"))
    assert "sample_ratio" in repr(answer.checks)
    for shown in (answer, answer.effects(), answer.checks, answer.scenario(give="expanded")):
        assert "EffectRow(" not in repr(shown)
        assert "array(" not in repr(shown)


def test_a_page_that_cannot_be_written_is_one_clear_error(
    answer: wi.Answer, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(wi.PublishError, match="Nothing could be written"):
        answer.to_html(tmp_path / "file" / "page.html")
