"""Python and the script of the page give the same numbers, in a real Chromium, and at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from tests.scenario_cases import random_states, scenario_text
from whatif.api.widget import module
from whatif.report.html import whatif_fragment, whatif_script
from whatif.report.view_sliders import Names
from whatif.scenarios.sheet.evaluate import Evaluated, State, evaluate
from whatif.scenarios.sheet.text import decode
from whatif.verdict import whatif_wording as wording

pytestmark = pytest.mark.browser

Json = dict[str, Any]
FILES = {
    "everyone": scenario_text(),
    "24 cells": scenario_text("urbanicity", "season"),
    "3 arms": scenario_text("urbanicity", arms=3, outcomes=3),
    "no value": scenario_text("device", value=None, units_per_month=None, outcomes=1),
    "few": scenario_text("device", df=8),
}
DRAWS = 150


@pytest.fixture
def opened(browser: Browser) -> Iterator[Page]:
    """A new page that fails the test when its script fails."""
    context = browser.new_context()
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text))
    yield page
    context.close()
    assert complaints == []


def scripted(page: Page) -> Page:
    """Return an empty page with the script of the block."""
    page.goto("about:blank")
    page.add_script_tag(content=whatif_script())
    return page


def state_of(state: Json) -> State:
    mix = state["mix"]
    return State(
        rollout=np.array(state["rollout"]),
        mix=None if mix is None else (mix[0], np.array(mix[1])),
        per=np.array(state["per"]),
        factor=np.array(state["factor"]),
        arm_cost=np.array(state["arm_cost"]),
        units=state["units"],
    )


def gaps(mine: Json, theirs: Evaluated) -> list[float]:
    """Return how far two evaluations differ, by the larger of each number and its error."""
    found = []
    for one, other in zip(mine["results"], theirs.results, strict=True):
        if other.estimate is None or other.std_error is None:
            assert one is None
            continue
        scale = max(abs(other.estimate), other.std_error)
        pairs = [(one["estimate"], other.estimate), (one["error"], other.std_error)]
        if other.low is None or other.high is None:
            assert one["ends"] is None
        else:
            pairs += [(one["ends"][0], other.low), (one["ends"][1], other.high)]
        found += [abs(a - b) / scale for a, b in pairs]
    even = theirs.break_even
    assert (mine["even"] is None) == (even is None)
    if even is not None:
        assert mine["even"]["kind"] == even.kind
        assert mine["even"]["above"] == even.pays_above
        wanted = [even.value, *(even.ends if even.kind in {"interval", "rays"} else ())]
        made = [mine["even"]["value"], *mine["even"]["ends"]]
        scale = max(abs(end) for end in wanted if end is not None)
        found += [abs(a - b) / scale for a, b in zip(made, wanted, strict=False) if b is not None]
    return found


@pytest.mark.parametrize("name", FILES)
def test_python_and_javascript_agree(opened: Page, name: str) -> None:
    text = FILES[name]
    states = random_states(text, draws=DRAWS, seed=11)
    made: list[Json] = scripted(opened).evaluate(
        "([text, states]) => { const file = whatif.read(text);"
        " return states.map((state) => whatif.evaluate(file, state)); }",
        [text, states],
    )
    sheet = decode(text)
    expected = [evaluate(sheet, state_of(state)) for state in states]
    assert max(max(gaps(a, b)) for a, b in zip(made, expected, strict=True)) < 1e-6
    looked = [one.chosen_after_looking for one in expected]
    assert [one["kind"] != "declared" for one in made] == looked
    assert True in looked
    assert False in looked
    kinds = {"declared": False, "prices": False, "rollout": False} | {m["kind"]: True for m in made}
    assert all(kinds.values())


def test_more_than_five_hundred_scenarios_are_compared() -> None:
    assert DRAWS * len(FILES) >= 500


def test_an_evaluation_moves_nothing(opened: Page) -> None:
    text = FILES["24 cells"]
    states = random_states(text, draws=50, seed=5)
    same = scripted(opened).evaluate(
        """([text, states]) => {
          const file = whatif.read(text), before = JSON.stringify([file, states]);
          const first = JSON.stringify(states.map((s) => whatif.evaluate(file, s)));
          const again = JSON.stringify(states.map((s) => whatif.evaluate(file, s)));
          return first === again && before === JSON.stringify([file, states]);
        }""",
        [text, states],
    )
    assert same


def test_the_widget_evaluates_in_a_shadow_root(opened: Page) -> None:
    page = opened
    page.goto("about:blank")
    shown = page.evaluate(
        """async ([source, html]) => {
          const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
          const made = (await import(address)).default;
          const el = document.body.appendChild(document.createElement("div"));
          made.render({ model: { get: () => html }, el: el });
          const root = el.shadowRoot, all = root.querySelector("[name=all]");
          all.value = 40;
          all.dispatchEvent(new Event("input"));
          return root.querySelector("output").innerText;
        }""",
        [module(), whatif_fragment(FILES["everyone"], Names(measures={}))],
    )
    assert "Units that get expanded (%): 40" in shown
    assert wording.LOOKED in shown
    assert page.locator("output").is_visible()
