"""The site in a real Chromium, opened as files: accessible, quiet, whole without script."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests import site_cases
from tests.site_cases import CASES
from tests.test_report_browser import Opened, accessibility, open_everything, visit

pytestmark = pytest.mark.browser

STUDY = "mobile-expanded-options"
PAGES = {
    "front": "index.html",
    "study": f"{STUDY}/index.html",
    "history": f"{STUDY}/history.html",
    "compare": f"{STUDY}/compare.html",
    "rejected": "gift-wrap/index.html",
    "awaiting": "pickup-points/history.html",
    "unshown": "same-day/index.html",
    "hostile": "hostile/index.html",
    "hostile history": "hostile/history.html",
    "hostile compare": "hostile/compare.html",
}
BEFORE_DUE = "2026-10-28T08:00:00Z"
AFTER_DUE = "2026-12-01T08:00:00Z"
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole site with more than eight studies, one of them hostile."""
    root = tmp_path_factory.mktemp("site")
    cases = {name: make() for name, make in CASES.items()}
    site_cases.write_site(root, cases | {"hostile": site_cases.hostile()})
    return root


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh visitor."""
    made = browser.new_context()
    yield made
    made.close()


def open_page(context: BrowserContext, site: Path, name: str, *, now: str = BEFORE_DUE) -> Opened:
    return visit(context, site / PAGES[name], now=now)


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(context: BrowserContext, site: Path, name: str) -> None:
    page = visit(context, site / PAGES[name], now=AFTER_DUE).page
    open_everything(page)
    for scheme, width in product(SCHEMES, (390, 900)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        assert accessibility(page) == [], f"{scheme}, {width} px"


@pytest.mark.parametrize("name", PAGES)
def test_no_request_leaves_the_site_no_policy_is_broken_and_nothing_scrolls_sideways(
    context: BrowserContext, site: Path, name: str
) -> None:
    opened = open_page(context, site, name)
    open_everything(opened.page)
    for width in (320, 390, 768, 1200):
        opened.page.set_viewport_size({"width": width, "height": 800})
        assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    opened.page.emulate_media(color_scheme="dark", media="print")
    opened.page.wait_for_timeout(50)
    assert [url for url in opened.requests if not url.startswith(site.as_uri())] == []
    assert opened.complaints == []


def headings(page: Page, within: str) -> list[str]:
    return page.locator(f"{within}:not([hidden]) article:visible h3").all_inner_texts()


def test_a_study_turns_stale_by_itself(context: BrowserContext, site: Path) -> None:
    before = open_page(context, site, "front").page
    assert "Mobile expanded options" in headings(before, "#w-rest")
    first = before.locator("article", has_text="Mobile expanded options")
    assert not first.get_by_text("Past its date").is_visible()

    after = open_page(context, site, "front", now=AFTER_DUE).page
    urgent = headings(after, "#w-urgent")
    assert urgent[0] == "Checkout feed", "what failed comes before what is late"
    assert "Mobile expanded options" in urgent
    late = after.locator("article", has_text="Mobile expanded options")
    assert late.get_by_text("Past its date").is_visible()
    assert late.get_by_text("Data too old").is_visible()
    assert not after.locator("#w-rest").is_visible()
    assert after.get_by_role("heading", level=2).all_inner_texts() == ["Needs attention"]


def test_a_page_says_when_its_data_are_too_old(context: BrowserContext, site: Path) -> None:
    words = "they were recent enough until 10 Nov 2026"
    assert not open_page(context, site, "study").page.get_by_text(words).is_visible()
    after = open_page(context, site, "study", now=AFTER_DUE).page
    assert after.get_by_text(words).is_visible()


def test_studies_are_found_by_name_with_the_keyboard(context: BrowserContext, site: Path) -> None:
    page = open_page(context, site, "front").page
    box = page.get_by_role("searchbox", name="Find a study")
    for _ in range(3):
        page.keyboard.press("Tab")
    assert box.evaluate("node => node === document.activeElement")
    assert box.evaluate("node => getComputedStyle(node).outlineStyle") == "solid"
    page.keyboard.type("GIFT")
    assert page.locator("article:visible h3").all_inner_texts() == ["Gift wrap"]
    assert page.get_by_role("status").filter(has_text="1 of 9 studies").is_visible()
    page.keyboard.press("Enter")
    assert page.url.endswith("index.html")
    box.fill("")
    assert page.locator("article:visible").count() == 9


def test_any_two_runs_are_compared_and_kept_in_the_address(
    context: BrowserContext, site: Path
) -> None:
    opened = open_page(context, site, "compare")
    page = opened.page
    assert page.locator("#w-split").inner_text().startswith("The estimate was +11 (+8 to +14)")
    page.get_by_label("Earlier run").select_option(index=4)
    ids = [site_cases.run_line(week).run_id for week in (4, 8)]
    assert page.url.endswith(f"#a={ids[0]}&b={ids[1]}")
    table = page.locator("#w-compare")
    assert "100,000 units" in table.inner_text()
    assert f"whatif diff {ids[0]} {ids[1]}" in page.locator("#w-split").inner_text()
    assert ids[0] in (table.get_by_role("link").first.get_attribute("href") or "")

    again = visit(context, site / PAGES["compare"]).page
    again.goto(page.url)
    assert again.get_by_label("Earlier run").input_value() == "4"
    again.get_by_label("Later run").select_option(index=3)
    neighbours = again.locator("#w-split").inner_text()
    assert neighbours.startswith("The estimate was"), "runs 4 and 5 follow each other"
    again.get_by_label("Later run").select_option(index=4)
    assert again.locator("#w-split").inner_text() == "Both sides show the same run."
    assert again.locator(".w-differs").count() == 0
    again.evaluate("location.hash = '#a=nobody&b=%3Cimg%3E'")
    assert opened.complaints == []


def test_the_site_is_whole_without_script(browser: Browser, site: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    front = open_page(context, site, "front").page
    assert front.locator("article:visible").count() == 9
    assert front.get_by_text("3 Nov 2026, 19:00 UTC").first.is_visible()
    assert not front.locator("#w-find").is_visible()
    compare = open_page(context, site, "compare").page
    assert not compare.locator("#w-choose").is_visible()
    assert compare.locator("#w-compare tbody tr").count() == 13
    study = open_page(context, site, "study").page
    assert study.get_by_text("Changes since the last report").is_visible()
    front.get_by_role("link", name="History of Mobile expanded options").click()
    assert front.get_by_role("heading", level=1).inner_text() == "Mobile expanded options: history"
    context.close()


def test_the_chart_has_a_name_and_its_numbers_stand_in_the_table(
    context: BrowserContext, site: Path
) -> None:
    page = open_page(context, site, "study").page
    chart = page.get_by_role("img", name="The estimate at every run")
    assert chart.count() == 1
    box = chart.bounding_box()
    assert box is not None
    assert box["width"] > 200
    assert page.locator(".w-runs tbody tr").count() == 8
    unnamed = page.evaluate(
        "[...document.querySelectorAll('svg')].filter(s => !s.closest('[aria-hidden=true]')"
        " && !s.hasAttribute('aria-labelledby')).length"
    )
    assert unnamed == 0


@pytest.mark.parametrize("name", ["front", "history", "study"])
def test_pages_print_on_white(context: BrowserContext, site: Path, name: str) -> None:
    page = open_page(context, site, name).page
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.emulate_media(media="print", color_scheme="dark")
    block = "article" if name == "front" else "section"
    ground = page.evaluate(f"getComputedStyle(document.querySelector('{block}')).backgroundColor")
    assert ground == "rgb(255, 255, 255)"


def test_axe_would_find_a_fault(context: BrowserContext, site: Path) -> None:
    page = open_page(context, site, "front").page
    page.evaluate("document.querySelector('article').append(new Image())")
    assert any(line.startswith("image-alt") for line in accessibility(page))
