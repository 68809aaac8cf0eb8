"""The what-if block in a real Chromium: the same numbers as Python, by keyboard, link and print."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page

from tests.report_blocks import everything_report
from tests.report_cases import checkout_report
from tests.scenario_cases import LEVELS, scenario_text
from tests.test_report_browser import accessibility
from tests.test_report_html import ATTACK, REORDERED
from whatif.report.document import Report
from whatif.report.html import render_html
from whatif.report.view_whatif import said
from whatif.verdict import whatif_wording as wording
from whatif.verdict.whatif_wording import ResultWords

pytestmark = pytest.mark.browser

Json = dict[str, Any]
CELLS = scenario_text("urbanicity", "device")
DECLARED = "As declared: expanded for everyone instead of folded."


def hostile() -> Report:
    """Return a page whose segments are attacks, very long, or written from the right."""
    file = json.loads(scenario_text("urbanicity"))
    file["columns"][0]["levels"] = [ATTACK, REORDERED, "x" * 200, "أهلا", "{0}", "=cmd|'!A0"]
    return checkout_report(scenario=json.dumps(file, ensure_ascii=False))


REPORTS = {
    "cells": checkout_report(scenario=CELLS),
    "arms": checkout_report(scenario=scenario_text("urbanicity", arms=3, outcomes=3)),
    "everything": replace(everything_report(), scenario=scenario_text("urbanicity", "season")),
    "few": checkout_report(scenario=scenario_text("device", df=8)),
    "hostile": hostile(),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages as files."""
    where = tmp_path_factory.mktemp("pages")
    for name, report in REPORTS.items():
        (where / f"{name}.html").write_text(render_html(report), encoding="utf-8")
    return where


@pytest.fixture
def opened(browser: Browser) -> Iterator[Page]:
    """A new page that fails the test when its script fails."""
    context = browser.new_context(viewport={"width": 1100, "height": 900})
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text))
    yield page
    context.close()
    assert complaints == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('"schema":"scenario.v1"', '"schema":"scenario.v2"'), wording.NEWER),
        (('"numbers":"', '"numbers":"AAAA'), wording.DAMAGED),
        (('"numbers":"', '"numbers":"*'), wording.DAMAGED),
        (('"numbers":"', '"numbers":"AADAfwAAwH8AAMB/'), wording.DAMAGED),
        (('"cells":[[', '"cells":[[['), wording.DAMAGED),
    ],
)
def test_a_newer_or_damaged_file_evaluates_nothing(
    opened: Page, tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    html = render_html(REPORTS["cells"])
    assert html.count(change[0]) == 1
    path = tmp_path / "page.html"
    path.write_text(html.replace(*change), encoding="utf-8")
    opened.goto(path.as_uri())
    assert opened.locator("#scenario-note").inner_text() == message
    assert not opened.locator("#scenario-live").is_visible()
    assert opened.get_by_text("Give expanded to everyone instead of folded").is_visible()


def lines(page: Page) -> list[str]:
    """Return the lines of the reader's scenario: what was chosen, then the numbers."""
    return [line for line in page.locator("#scenario-out").inner_text().split("\n") if line]


def note(page: Page) -> str:
    return (page.locator("#scenario-note").text_content() or "").strip()


def slider(page: Page, name: str) -> Locator:
    return page.locator(f"input[type=range][name={name}]")


def box(page: Page, name: str) -> Locator:
    return page.locator(f"input[type=number][name={name}]")


@pytest.mark.parametrize("case", ["cells", "arms", "everything", "few"])
def test_the_first_numbers_are_those_of_the_text(opened: Page, folder: Path, case: str) -> None:
    opened.goto((folder / f"{case}.html").as_uri())
    declared = opened.locator("section[aria-labelledby=what-if] > ul > li").all_inner_texts()
    assert lines(opened) == [DECLARED, *declared]
    assert note(opened) == ""


def test_numbers_are_rounded_as_in_python(opened: Page, folder: Path) -> None:
    rng = np.random.default_rng(3)
    page = opened
    page.goto((folder / "arms.html").as_uri())
    words = json.loads(page.locator("#scenario-words").text_content() or "")
    for _ in range(25):
        cells = page.locator("details input[type=range]")
        for i in range(cells.count()):
            share = float(rng.integers(0, 101))
            cells.nth(i).evaluate(
                "(node, x) => { node.value = x; node.dispatchEvent(new Event('input')); }", share
            )
        made: Json = page.evaluate(SHOWN)
        expected = []
        assert sorted(word["at"] for word in words["said"]) == list(range(len(made["results"])))
        for word in words["said"]:
            result = made["results"][word["at"]]
            ends = None if result["ends"] is None else tuple(result["ends"])
            expected.append(word["label"] + "".join(said(_words(word), result["estimate"], ends)))
        assert lines(page)[1 : 1 + len(expected)] == expected


# What the page shows, evaluated again from what its sliders say.
SHOWN = """() => {
  const file = whatif.read(document.getElementById("scenario").textContent);
  const shares = Array.from(document.querySelectorAll("details input[type=range]"), (i) => i.value);
  const rollout = shares.map((x) => [1 - x / 100, x / 100, 0]);
  return whatif.evaluate(file, {
    rollout: rollout, mix: null, per: file.value.per, factor: [1, 1, 1],
    arm_cost: file.value.arm_cost, units: Math.round(file.units_per_month)
  });
}"""


def _words(word: Json) -> ResultWords:
    known: Json = {k: tuple(v) if isinstance(v, list) else v for k, v in word.items()}
    del known["at"]
    return ResultWords(**known)


def test_the_block_is_used_by_keyboard_alone(opened: Page, folder: Path) -> None:
    page = opened
    page.goto((folder / "cells.html").as_uri())
    declared = lines(page)
    page.locator("summary", has_text="Cost per order").first.focus()
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "all":
            break
    assert page.evaluate("document.activeElement.type") == "range"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    for _ in range(10):
        page.keyboard.press("ArrowLeft")
    assert box(page, "all").input_value() == "90"
    assert lines(page)[0] == "Sessions that get expanded (%): 90"
    assert lines(page)[-1] == wording.LOOKED
    page.keyboard.press("Tab")
    page.keyboard.press("Control+a")
    page.keyboard.type("50")
    page.keyboard.press("Enter")
    assert slider(page, "all").input_value() == "50"
    assert lines(page)[0] == "Sessions that get expanded (%): 50"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.locator("fieldset details").get_attribute("open") is not None
    page.keyboard.press("Tab")
    page.keyboard.press("Home")
    assert lines(page)[0] == "Sessions that get expanded (%): 50; dense urban · desktop: 0 %"
    assert 40 < float(box(page, "all").input_value()) < 50
    page.locator("#scenario-reset").focus()
    page.keyboard.press("Enter")
    assert lines(page) == declared


def test_every_control_has_a_name_and_its_number_box_the_same(opened: Page, folder: Path) -> None:
    opened.goto((folder / "arms.html").as_uri())
    opened.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
    for label in (
        "Arm",
        "Sessions that get the arm (%)",
        "dense urban",
        "Worth of one order (USD)",
        "Price level of shipping cost and returned (% of today)",
        "Sessions a month",
        "Urbanicity whose share changes",
        "Its share of sessions (%)",
    ):
        several = 1 if label in {"Arm", "Urbanicity whose share changes"} else 2
        assert opened.get_by_label(label, exact=True).count() == several


def test_a_change_of_price_is_less_of_a_choice_than_one_of_rollout(
    opened: Page, folder: Path
) -> None:
    page = opened
    page.goto((folder / "cells.html").as_uri())

    def width() -> float:
        (low, high) = re.findall(r"[\d,]+", lines(page)[2].split("range")[1])
        return float(high.replace(",", "")) - float(low.replace(",", ""))

    declared = width()
    box(page, "per0").fill("20")
    box(page, "per0").press("Enter")
    prices = width()
    page.locator("fieldset summary").click()
    cell = page.locator("details .v input[type=number]").first
    cell.fill("99")
    cell.press("Enter")
    assert declared < prices < width()
    assert wording.LOOKED in lines(page)


def test_a_link_restores_the_scenario(opened: Page, folder: Path) -> None:
    page = opened
    address = (folder / "arms.html").as_uri()
    page.goto(address)
    level = page.get_by_label("Urbanicity whose share changes").input_value()
    page.get_by_label("Arm", exact=True).select_option("boxed")
    page.get_by_label("Urbanicity whose share changes").select_option("islands")
    for name, value in (("per0", "21.5"), ("price", "120"), ("units", "50000"), ("mix", "20")):
        box(page, name).fill(value)
        box(page, name).press("Enter")
    page.locator("fieldset summary").click()
    cell = page.locator("details .v input[type=number]").nth(2)
    cell.fill("12.5")
    cell.press("Enter")
    chosen = lines(page)
    assert "Arm: boxed" in chosen[0]
    assert "suburban: 12.5 %" in chosen[0]
    assert "Sessions a month: 50,000" in chosen[0]
    assert "Sessions with urbanicity islands (%): 20" in chosen[0]
    link = page.locator("#scenario-link").get_attribute("href")
    assert link is not None
    page.goto("about:blank")
    page.goto(address + link)
    assert lines(page) == chosen
    assert note(page) == ""
    page.locator("#scenario-reset").click()
    assert lines(page)[0] == DECLARED
    assert page.get_by_label("Urbanicity whose share changes").input_value() == level
    page.locator("#scenario-link").click()
    assert lines(page)[0] == DECLARED


@pytest.mark.parametrize(
    ("state", "said_of_it"),
    [
        ("all=250", wording.CLAMPED),
        ("all=-1", wording.CLAMPED),
        ("units=1e99", wording.CLAMPED),
        ("all=NaN", wording.IGNORED),
        ("all=Infinity", wording.IGNORED),
        ("all=", wording.IGNORED),
        ("all", wording.IGNORED),
        ("per0=18px", wording.IGNORED),
        ("nothing=1", wording.IGNORED),
        ("__proto__=1", wording.IGNORED),
        ("constructor=1", wording.IGNORED),
        ("all=<img src=x onerror=alert(1)>", wording.IGNORED),
        ("<script>alert(1)</script>=5", wording.IGNORED),
        ("all=50&all=javascript:alert(1)", wording.IGNORED),
    ],
)
def test_a_bad_link_is_refused_in_words(
    opened: Page, folder: Path, state: str, said_of_it: str
) -> None:
    opened.goto((folder / "cells.html").as_uri() + "#whatif&" + state)
    told = note(opened)
    if said_of_it == wording.CLAMPED:
        assert "was moved to its limit" in told
    else:
        assert told == wording.IGNORED
        first = "Sessions that get expanded (%): 50" if "50&" in state else "As declared"
        assert lines(opened)[0].startswith(first)
    assert opened.locator("main img").count() == 0
    assert "NaN" not in opened.locator("#scenario-out").inner_text()


def test_other_fragments_of_the_page_are_left_alone(opened: Page, folder: Path) -> None:
    opened.goto((folder / "cells.html").as_uri() + "#segments")
    assert note(opened) == ""
    assert lines(opened)[0] == DECLARED


def test_a_box_takes_no_words_and_keeps_its_number(opened: Page, folder: Path) -> None:
    page = opened
    page.goto((folder / "cells.html").as_uri())
    box(page, "units").fill("")
    box(page, "units").press("Tab")
    assert box(page, "units").input_value() == "108714"
    assert note(page) == wording.IGNORED
    box(page, "per0").fill("1000")
    box(page, "per0").press("Tab")
    assert box(page, "per0").input_value() == "90"
    assert note(page) == "Worth of one order (USD) was moved to its limit, 90."
    box(page, "per0").fill("20")
    box(page, "per0").press("Tab")
    assert note(page) == ""


def test_print_shows_the_chosen_scenario_and_no_controls(opened: Page, folder: Path) -> None:
    page = opened
    page.goto((folder / "cells.html").as_uri() + "#whatif&all=50")
    page.emulate_media(media="print")
    assert page.get_by_text("Sessions that get expanded (%): 50").is_visible()
    for hidden in ("#scenario-reset", "#scenario-link", "input[type=range][name=all]"):
        assert not page.locator(hidden).is_visible()


def test_without_script_the_declared_scenario_is_there(browser: Browser, folder: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((folder / "cells.html").as_uri())
    lead = "Give expanded to everyone instead of folded, 108,700 sessions a month:"
    assert page.get_by_text(lead).is_visible()
    assert page.locator("section[aria-labelledby=what-if] li").count() == 5
    assert not page.locator("#scenario-live").is_visible()
    context.close()


@pytest.mark.parametrize("case", ["cells", "arms", "few", "hostile"])
def test_axe_finds_nothing_and_nothing_scrolls_sideways(
    opened: Page, folder: Path, case: str
) -> None:
    page = opened
    page.goto((folder / f"{case}.html").as_uri() + "#whatif&all=40&bad=1")
    page.locator("fieldset summary").click()
    for width in (320, 390, 768, 1200):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme, width in product(schemes, (390, 900)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        assert accessibility(page, "section[aria-labelledby=what-if]") == [], (
            f"{scheme}, {width} px"
        )


def test_hostile_names_are_text_in_the_readers_scenario(opened: Page, folder: Path) -> None:
    page = opened
    page.goto((folder / "hostile.html").as_uri())
    page.locator("fieldset summary").click()
    for i in range(2):
        cell = page.locator("details .v input[type=number]").nth(i)
        cell.fill("10")
        cell.press("Enter")
    first = lines(page)[0]
    assert f"{ATTACK}: 10 %" in first
    assert "\u202e" not in first
    assert page.locator("main img").count() == 0
    assert len(LEVELS["urbanicity"]) == page.locator("details .v input[type=range]").count()
    assert not math.isnan(float(box(page, "all").input_value()))
