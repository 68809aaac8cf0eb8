"""The controls of the what-if block in a real Chromium: links, lists, steps and fingers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.report_cases import checkout_report
from tests.scenario_cases import scenario_text
from tests.test_report_whatif_browser import box, lines, slider
from whatif.report.html import render_html

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages as files."""
    where = tmp_path_factory.mktemp("pages")
    texts = {
        "cells": scenario_text("urbanicity", "device"),
        "arms": scenario_text("urbanicity", arms=3, outcomes=3),
    }
    for name, text in texts.items():
        html = render_html(checkout_report(scenario=text))
        (where / f"{name}.html").write_text(html, encoding="utf-8")
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


def test_a_link_opens_at_the_block(opened: Page, folder: Path) -> None:
    page = opened
    page.goto((folder / "cells.html").as_uri())
    assert page.evaluate("scrollY") == 0
    page.goto("about:blank")
    page.goto((folder / "cells.html").as_uri() + "#whatif&all=40")
    assert page.evaluate("scrollY") > 0
    assert slider(page, "all").evaluate("node => node.getBoundingClientRect().top") < 200


def test_only_segments_that_leave_the_rest_are_listed(opened: Page, folder: Path) -> None:
    page = opened
    address = (folder / "cells.html").as_uri()
    page.goto(address)
    box(page, "all").fill("50")
    box(page, "all").press("Enter")
    page.locator("fieldset summary").click()
    cells = page.locator("details .v input[type=number]")
    cells.first.fill("0")
    cells.first.press("Enter")
    chosen = lines(page)
    assert chosen[0] == "Sessions that get expanded (%): 50; dense urban · desktop: 0 %"
    link = page.locator("#scenario-link").get_attribute("href") or ""
    assert link.count("&") == 2
    page.goto("about:blank")
    page.goto(address + link)
    assert lines(page) == chosen
    for i in range(cells.count()):
        page.locator("fieldset details").evaluate("node => { node.open = true; }")
        cells.nth(i).fill("30")
        cells.nth(i).press("Enter")
    assert lines(page)[0] == "Sessions that get expanded (%): 30"


def test_what_a_slider_announces_is_what_its_box_says(opened: Page, folder: Path) -> None:
    opened.goto((folder / "cells.html").as_uri())
    for name in ("all", "per0", "price", "units", "mix"):
        assert slider(opened, name).input_value() == box(opened, name).input_value()


def test_on_a_phone_fingers_find_the_controls_and_the_link_stays_whole(
    opened: Page, folder: Path
) -> None:
    opened.set_viewport_size({"width": 390, "height": 844})
    opened.goto((folder / "arms.html").as_uri())
    for control in (box(opened, "all"), opened.get_by_label("Arm", exact=True)):
        assert control.evaluate("node => getComputedStyle(node).fontSize") == "16px"
    assert slider(opened, "all").evaluate("node => node.offsetHeight") >= 24
    assert opened.locator("#scenario-link").evaluate("node => node.getClientRects().length") == 1
    assert opened.locator("#scenario-link").evaluate("node => node.offsetHeight") < 30
