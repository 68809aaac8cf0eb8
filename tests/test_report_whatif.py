"""The what-if block: the declared scenario as text, its sliders, and names that stay inert."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.minified import SCRIPTS, minified, script_file
from tests.report_cases import checkout_report, withheld_report
from tests.scenario_cases import scenario_text
from tests.test_report_html import ATTACK, REORDERED, Page
from whatif.base.errors import DataError
from whatif.report.html import render_html, whatif_script
from whatif.report.view_sliders import Names
from whatif.report.view_whatif import WhatIf, said, whatif_block
from whatif.scenarios.sheet.evaluate import base_state, evaluate
from whatif.scenarios.sheet.text import decode
from whatif.verdict import whatif_wording as wording

CROSSED = ("urbanicity", "season")  # 24 cells


def block(*columns: str, **changes: Any) -> WhatIf:
    return whatif_block(scenario_text(*columns, **changes), Names(measures={}))


def texts(view: WhatIf) -> list[str]:
    return [str(line) for line in view.lines]


def words(view: WhatIf) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(view.words)
    return made


def embedded(html: str) -> str:
    found = re.search(r'<script type="application/json" id="scenario">(.*?)</script>', html)
    assert found is not None
    return found.group(1)


def test_the_declared_scenario_stands_as_text_between_segments_and_checks() -> None:
    text = scenario_text("urbanicity", "device")
    html = render_html(checkout_report(scenario=text))
    shown = Page(html).text(outside="div.")
    found = evaluate(decode(text), base_state(decode(text)))
    orders = found.results[0]
    assert orders.estimate is not None
    assert orders.low is not None
    assert orders.high is not None
    assert "Give expanded to everyone instead of folded, 108,700 sessions a month:" in shown
    size = r"([\d,]+)"
    match = re.search(rf"about {size} more orders a month \(likely range {size} to {size}\)", shown)
    assert match is not None
    about, low, high = (float(part.replace(",", "")) for part in match.groups())
    last_digit = 100
    assert about == pytest.approx(orders.estimate, abs=last_digit / 2)
    assert low == pytest.approx(orders.low, abs=last_digit / 2)
    assert high == pytest.approx(orders.high, abs=last_digit / 2)
    assert "Shipping cost: about USD " in shown
    assert "per order" in shown
    assert "Profit: about USD " in shown
    assert "It pays if one order is worth more than USD " in shown
    places = [html.index(f'id="{name}"') for name in ("segments", "what-if", "trust")]
    assert places == sorted(places)


def test_sliders_are_hidden_until_the_script_runs() -> None:
    html = render_html(checkout_report(scenario=scenario_text("device")))
    assert '<div id="scenario-live" hidden>' in html
    before, after = html.split('<div id="scenario-live" hidden>')
    assert "<input" not in before
    assert after.count("type=range") == 1 + 2 + 4


def test_a_page_without_a_scenario_has_neither_block_nor_its_script() -> None:
    for report in (checkout_report(), withheld_report()):
        html = render_html(report)
        assert "What if?" not in html
        assert "atob" not in html


def test_a_withheld_page_has_no_sliders_even_with_a_file() -> None:
    html = render_html(replace(withheld_report(), scenario=scenario_text("device")))
    assert "scenario" not in Page(html).text()
    assert "<input type=range" not in html


def test_scripts_and_pages_keep_their_budget() -> None:
    html = render_html(checkout_report(scenario=scenario_text(*CROSSED)))
    scripts = re.findall(r"<script>(.*?)</script>", html, flags=re.DOTALL)
    assert sum(len(script.encode()) for script in scripts) <= 6_144
    assert len(html.encode()) <= 100_000
    assert len(html.encode()) - len(embedded(html).encode()) <= 60_000


def test_names_in_the_file_stay_text() -> None:
    levels = [ATTACK, REORDERED, "x" * 200, "أهلا", "{0}", "=cmd|' /C calc'!A0"]
    text = scenario_text("urbanicity", arms=3)
    file = json.loads(text)
    file["columns"] = [{"name": ATTACK, "levels": levels}]
    file["arms"] = ["off", f"on {ATTACK}", "third"]
    html = render_html(checkout_report(scenario=json.dumps(file, ensure_ascii=False)))
    page = Page(html)
    assert page._open == []
    tags = [tag for tag, _ in page.elements]
    assert "img" not in tags
    assert tags.count("script") == 3
    assert not [a for _, a in page.elements if any(name.startswith("on") for name in a)]
    assert not re.search("[\u200e\u200f\u202a-\u202e\u2066-\u2069]", html)
    assert ATTACK in page.text()
    assert json.loads(embedded(html)) == file


def test_equal_files_give_equal_bytes() -> None:
    one, other = (render_html(checkout_report(scenario=scenario_text("device"))) for _ in range(2))
    assert one == other


def test_two_levels_give_one_slider_of_the_mix() -> None:
    view = block("urbanicity", "device")
    assert view.level is None
    assert view.mix is not None
    assert view.mix.label == "Units with device mobile (%)"
    assert words(view)["mix"]["column"] == 1
    assert sum(words(view)["mix"]["shares"]) == pytest.approx(100)


def test_more_levels_are_picked_from_a_list() -> None:
    view = block("urbanicity")
    assert view.level is not None
    assert view.mix is not None
    assert [text for _, text in view.level.options][:2] == ["dense urban", "urban"]
    shares = words(view)["mix"]["shares"]
    assert view.level.chosen == str(shares.index(max(shares)))
    assert float(view.mix.value) == pytest.approx(max(shares), abs=0.05)


def test_everyone_alone_has_no_segments_and_no_mix() -> None:
    view = block()
    assert view.cells == ()
    assert view.mix is None
    assert words(view)["mix"] is None


def test_arms_are_picked_where_there_are_several() -> None:
    view = block("device", arms=3)
    assert view.arm is not None
    assert view.arm.options == (("1", "expanded"), ("2", "boxed"))
    assert view.arm.chosen == "1"
    assert block("device").arm is None


def test_links_name_segments_by_their_levels_not_by_their_place() -> None:
    names = {s.label: s.name for s in block("urbanicity").cells}
    fewer = json.loads(scenario_text("urbanicity"))
    fewer["columns"][0]["levels"].reverse()
    turned = whatif_block(json.dumps(fewer), Names(measures={}))
    assert {s.label: s.name for s in turned.cells} == names


def test_without_units_a_month_numbers_are_per_thousand() -> None:
    view = block("device", units_per_month=None)
    assert view.lead == "Give expanded to everyone instead of folded:"
    assert "per 1,000 units" in texts(view)[0]
    assert [s.name for s in view.settings] == ["per0", "price"]


def test_without_a_value_there_is_no_profit() -> None:
    view = block("device", value=None)
    assert not any("Profit" in line or "pays" in line for line in texts(view))
    assert [s.name for s in view.settings] == ["units"]


def test_too_few_clusters_give_no_range_and_say_so() -> None:
    view = block("device", df=8)
    assert wording.FEW in view.notes
    assert all("(no range)" in line for line in texts(view))


def test_ranges_for_one_look_are_said_to_be() -> None:
    text = scenario_text("device")
    assert wording.ONE_LOOK in whatif_block(text, Names(measures={}, looks_again=True)).notes
    assert wording.ONE_LOOK not in whatif_block(text, Names(measures={})).notes


def test_an_arm_picked_from_several_says_why_its_ranges_are_wider() -> None:
    picked = {"critical": {"declared": 2.4478, "prices": 3.1, "rollout": 4.113}}
    assert wording.PICKED in block("device", arms=3, **picked).notes
    assert wording.PICKED not in block("device", arms=3).notes  # Student's
    assert wording.PICKED not in block("device", **picked).notes  # nothing to pick from


def test_what_is_too_small_to_show_is_not_called_no_change() -> None:
    made = wording.result_words("Cost", per="a month", prefix="USD ", least=-12, ranges=True)
    change, spread = said(made, 30.0, (-2_000.0, 2_060.0))
    assert change + spread == (
        "no change that shows in a month (likely range 2,000 less to 2,000 more)"
    )
    assert said(made, 0.0, (-2_000.0, 2_000.0))[0] == "no change a month"
    orders = wording.result_words("Orders", noun="orders", per="a month", prefix="", least=-12,
        ranges=True)  # fmt: skip
    assert said(orders, -30.0, (-2_060.0, 2_000.0))[0] == "no change that shows in orders a month"


def test_profit_comes_first_and_knows_its_place_among_the_results() -> None:
    view = block("device")
    assert texts(view)[0].startswith("Profit: ")
    assert [word["at"] for word in words(view)["said"]] == [3, 0, 1, 2]
    assert [word["at"] for word in words(block("device", value=None))["said"]] == [0, 1, 2]


def test_an_outcome_without_a_noun_is_named_in_quotes() -> None:
    view = block("device")
    assert view.settings[0].label == "Worth of each “converted” (USD)"
    assert all(
        one["change"][0].startswith("It pays if each “converted” is worth ")
        for one in words(view)["even"]
    )
    assert words(view)["open"] == ("From which worth of each “converted” it pays is not clear yet.")


def test_labels_of_a_mix_read_as_words() -> None:
    text = scenario_text("urbanicity")
    html = render_html(checkout_report(scenario=text))
    for label in (
        "Worth, prices, size and mix",
        "Urbanicity whose share changes",
        "Its share of sessions (%)",
        "By segment (%)",
    ):
        assert label in html


@pytest.mark.parametrize(
    ("worth", "units"), [(18.0, 81_107.0), (18.37, 108_714.3), (0.07, 11.0), (3.0, 1_234_567.0)]
)
def test_sliders_start_on_their_own_grid(worth: float, units: float) -> None:
    text = json.loads(scenario_text("device", units_per_month=units))
    text["value"]["per"][0] = worth
    text["limits"]["per"][0] = [0.0, 5 * worth]
    text["limits"]["units_per_month"] = [units / 10, units * 10]
    view = whatif_block(json.dumps(text), Names(measures={}))
    for slider in view.settings:
        low, value, high = float(slider.low), float(slider.value), float(slider.high)
        for end in (value, high):
            steps = (end - low) / float(slider.step)
            assert steps == pytest.approx(round(steps), abs=1e-6), slider
        assert low <= value <= high
    assert float(view.settings[0].low) == 0


def test_sliders_start_at_the_declared_values_within_the_limits_of_the_file() -> None:
    view = block("device")
    for slider in view.settings:
        assert float(slider.low) <= float(slider.value) <= float(slider.high)
        steps = (float(slider.high) - float(slider.low)) / float(slider.step)
        assert 99 <= steps <= 501
    assert [s.value for s in view.settings] == ["18", "100", "108714"]


def test_a_file_of_a_newer_version_is_refused() -> None:
    with pytest.raises(DataError, match="newer"):
        whatif_block(scenario_text("device", schema="scenario.v2"), Names(measures={}))


@given(
    st.floats(-1e7, 1e7, allow_nan=False),
    st.floats(1e-6, 1e6),
    st.floats(1e-6, 1e6),
    st.sampled_from([-12, 0]),
    st.booleans(),
)
def test_a_printed_range_never_contradicts_its_sign(
    estimate: float, below: float, above: float, least: int, coin: bool
) -> None:
    made = wording.ResultWords(
        label="",
        change=("up {0}", "none", "down {0}", "hidden"),
        range=("{0} to {1}", "minus {1} to {0}", "minus {0} to {1}"),
        none="",
        least=least,
        coin=coin,
    )
    change, spread = said(made, estimate, (estimate - below, estimate + above))
    assert "{" not in change + spread
    if estimate - below > 1e-3 * (below + above):
        assert not spread.startswith("minus")


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_scripts_of_a_page_are_made_from_their_sources(name: str) -> None:
    made = minified(name)
    assert made == script_file(name, "min.js").read_text(encoding="utf-8"), "run `make scripts`"


def test_the_script_exposes_what_a_notebook_needs_and_writes_no_markup() -> None:
    script = whatif_script()
    assert script.count("window.whatif={read:") == 1
    assert "innerHTML" not in script
