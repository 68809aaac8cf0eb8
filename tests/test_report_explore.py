"""The page of charts: the answer's own numbers, each in a table too; names stay text."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from tests.report_blocks import everything_report
from tests.report_cases import checkout_report, withheld_report
from tests.scenario_cases import scenario_text
from tests.site_cases import awaiting, first, history, hostile
from tests.test_report_html import hostile_report
from whatif.base.history import History
from whatif.publish.run_folder import write_run
from whatif.report.answer_json import answer_json
from whatif.report.document import Report
from whatif.report.explore import explore_files
from whatif.report.site_mode import POLICY, asset_name
from whatif.run.forms import charts_of

LARGEST_OWN = 40_000


def answer_of(report: Report) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer_json(report))
    return found


def files_of(
    report: Report, *, scenario: str | None = None, runs: History | None = None
) -> dict[str, bytes]:
    return explore_files(answer_of(report), report.spec, scenario=scenario, history=runs)


def page_of(files: dict[str, bytes]) -> str:
    return files["explore.html"].decode()


def charts_in(html: str) -> list[dict[str, Any]]:
    found = re.search(
        r'<script type="application/json" id="charts">(.*?)</script>', html, re.DOTALL
    )
    assert found is not None
    charts: list[dict[str, Any]] = json.loads(found[1])
    return charts


def test_points_are_the_numbers_of_the_answer() -> None:
    report = checkout_report()
    charts = charts_in(page_of(files_of(report)))
    assert len(charts) == 3
    own = [row for row in answer_of(report)["effects"] if row["reading"] is not None]
    for chart, (outcome, factor) in zip(
        charts, [("converted", 1000), ("cost_per_order", 1), ("shipping_cost", 1)], strict=True
    ):
        shown = [r for r in own if r["outcome"] == outcome and r["shown"] == "shown"]
        (trace,) = chart["traces"]
        assert trace["x"] == [row["estimate"] * factor for row in shown]
        for row, size, low, high in zip(
            shown,
            trace["x"],
            trace["error_x"]["arrayminus"],
            trace["error_x"]["array"],
            strict=True,
        ):
            ends = row["band" if row["segment"] else "ci"]
            assert size - low == pytest.approx(ends[0] * factor)
            assert size + high == pytest.approx(ends[1] * factor)


def test_every_chart_has_its_table() -> None:
    html = page_of(files_of(checkout_report(), scenario=scenario_text(), runs=history()))
    charts = charts_in(html)
    assert html.count('class="e-chart" aria-hidden="true" hidden') == len(charts) == 5
    assert html.count("<table>") == html.count("<h2 ") == len(charts)
    assert "12 more" not in html
    assert re.search(r'scope="row">everyone</th><td>200,000</td><td>\+12</td>', html)


def test_rows_without_a_bounded_range_stand_in_the_table_alone() -> None:
    report = checkout_report()
    chart = charts_in(page_of(files_of(report)))[0]
    assert len(chart["traces"][0]["x"]) == 17
    html = page_of(files_of(report))
    assert "too few to show" in html
    assert "arms cannot be compared here" in html


def test_ranges_of_repeated_looks_are_the_wider_ones() -> None:
    report = everything_report()
    row = next(r for r in answer_of(report)["effects"] if r["sequential"] and not r["segment"])
    trace = charts_in(page_of(files_of(report)))[0]["traces"][0]
    assert trace["x"][0] + trace["error_x"]["array"][0] == pytest.approx(
        1000 * row["sequential"][1]
    )
    assert "is_member" not in page_of(files_of(report))


def test_the_trend_shows_reviewed_runs_with_ranges_for_every_run_at_once() -> None:
    runs = history()
    chart = charts_in(page_of(files_of(checkout_report(), runs=runs)))[3]
    lines = [run.line for run in runs.runs]
    (trace,) = chart["traces"]
    assert trace["x"] == [str(line.data_to) for line in lines]
    assert trace["y"] == [(line.estimate or 0) * line.metric.factor for line in lines]
    waiting = awaiting()
    newest = waiting.runs[-1].line
    html = page_of(files_of(checkout_report(), runs=waiting))
    assert newest.run_id[:12] not in html
    assert len(charts_in(page_of(files_of(checkout_report(), runs=first())))) == 3


def test_the_curve_of_money_is_what_the_sliders_say() -> None:
    from whatif.scenarios.sheet.evaluate import base_state, evaluate
    from whatif.scenarios.sheet.text import decode

    text = scenario_text()
    sheet = decode(text)
    assert sheet.worth is not None
    low, high, line = charts_in(page_of(files_of(checkout_report(), scenario=text)))[3]["traces"]
    at = len(line["x"]) // 2
    base = base_state(sheet)
    per = base.per.copy()
    per[0] = line["x"][at]
    said = evaluate(sheet, replace(base, per=per)).results[-1]
    assert (low["y"][at], line["y"][at], high["y"][at]) == (said.low, said.estimate, said.high)
    assert sheet.worth.per[0] not in line["x"]


def test_a_withheld_run_has_no_charts() -> None:
    assert files_of(withheld_report(), scenario=scenario_text(), runs=history()) == {}


def test_names_from_the_data_are_inert() -> None:
    report = hostile_report()
    html = page_of(files_of(report, runs=hostile()))
    assert len(charts_in(html)) == 2
    assert "<img" not in html
    assert html.count("<script") == 4
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", html)
    for chart in charts_in(html):
        texts = [chart["yaxis"]["title"]["text"]] if "title" in chart["yaxis"] else []
        texts += chart["yaxis"].get("ticktext", []) + chart["traces"][0]["customdata"]
        assert texts
        assert not [text for text in texts if "<" in text or ">" in text]
        assert all(len(text) < 200 for text in chart["yaxis"].get("ticktext", []))
    assert any("&lt;img" in text for text in charts_in(html)[0]["yaxis"]["ticktext"])


def test_the_page_keeps_the_policy_of_the_site_and_names_its_files() -> None:
    files = files_of(checkout_report())
    html = page_of(files).replace("&#39;", "'")
    assert POLICY in html
    assert "style=" not in html
    loaded = re.findall(r'(?:src|href)="\.\./(assets/[^"]+)"', html)
    assert set(loaded) == files.keys() - {"explore.html"}
    assert 'id="plotly.js-style-global" class="no-inline-styles"' in html
    plotly = next(name for name in files if "plotly" in name)
    assert plotly == asset_name("plotly-basic", "min.js", files[plotly])
    assert sum(len(c) for name, c in files.items() if name != plotly) < 2 * LARGEST_OWN


def test_the_bundle_compiles_nothing_and_says_whose_it_is() -> None:
    files = files_of(checkout_report())
    bundle = next(content for name, content in files.items() if "plotly" in name).decode()
    assert bundle.startswith("/**\n* plotly.js (basic - minified) v4.1.1\n")
    assert "Licensed under the MIT license" in bundle[:300]
    assert not re.search(r"new Function\(|[^.\w]eval\(", bundle)
    assert ".no-inline-styles" in bundle


def test_equal_inputs_give_equal_bytes() -> None:
    made = [files_of(checkout_report(), scenario=scenario_text(), runs=history()) for _ in "ab"]
    assert made[0] == made[1]


def test_charts_of_a_stored_run(tmp_path: Any) -> None:
    report = checkout_report()
    stored = {
        "answer.json": answer_json(report).encode(),
        "report.html": b"<p>",
        "scenario.json": scenario_text().encode(),
        "manifest.json": json.dumps({"study_file": report.spec.model_dump(mode="json")}).encode(),
    }
    folder = write_run(tmp_path, "demo", "abc", stored).path
    assert charts_of(folder) == files_of(report, scenario=scenario_text())
