"""The page in a real Chromium: accessible, asks for nothing, prints, is whole without script."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.resources import files
from itertools import product
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.report_blocks import everything_report, treated_report
from tests.report_cases import checkout_report, observational_report, withheld_report
from tests.test_report_html import hostile_report
from tests.test_report_worth import changed_report
from whatif.report.html import render_html

pytestmark = pytest.mark.browser

AXE = files("axe_playwright_python").joinpath("axe.min.js")
CASES = {
    "trusted": checkout_report,
    "withheld": withheld_report,
    "observational": observational_report,
    "hostile": hostile_report,
    "everything": everything_report,
    "treated": treated_report,
    "changed": changed_report,
}
BEFORE_DUE = "2026-11-02T08:00:00Z"
AFTER_DUE = "2026-11-10T08:00:00Z"


@dataclass
class Opened:
    """A page and everything it said or asked for."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages as files."""
    where = tmp_path_factory.mktemp("pages")
    for name, make in CASES.items():
        (where / f"{name}.html").write_text(render_html(make()), encoding="utf-8")
    return where


def visit(context: BrowserContext, path: Path, *, now: str = BEFORE_DUE) -> Opened:
    """Open a file at a moment and listen."""
    page = context.new_page()
    opened = Opened(page=page)
    page.on("request", lambda request: opened.requests.append(request.url))
    page.on("console", lambda message: opened.complaints.append(message.text))
    page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    page.clock.set_fixed_time(now)
    page.add_init_script(
        "addEventListener('securitypolicyviolation',"
        " e => console.error('policy: ' + e.violatedDirective))"
    )
    page.goto(path.as_uri())
    return opened


def open_everything(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")


def accessibility(page: Page, within: str = "html") -> list[str]:
    """Return what axe finds within an element, best practices included."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate(
        "within => axe.run(within, {resultTypes: ['violations']})", within
    )
    return [
        f"{rule['id']}: {node['target']} {node.get('failureSummary', '')}"
        for rule in found["violations"]
        for node in rule["nodes"][:3]
    ]


@pytest.mark.parametrize("case", CASES)
def test_axe_finds_nothing(browser: Browser, folder: Path, case: str) -> None:
    context = browser.new_context()
    page = visit(context, folder / f"{case}.html", now=AFTER_DUE).page
    open_everything(page)
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme, width in product(schemes, (390, 900)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        assert accessibility(page) == [], f"{scheme}, {width} px"
    context.close()


@pytest.mark.parametrize("case", CASES)
def test_no_request_leaves_the_page_and_no_policy_is_broken(
    browser: Browser, folder: Path, case: str
) -> None:
    context = browser.new_context()
    opened = visit(context, folder / f"{case}.html")
    open_everything(opened.page)
    opened.page.emulate_media(color_scheme="dark", media="print")
    opened.page.wait_for_timeout(100)
    assert [url for url in opened.requests if not url.startswith(("file:", "data:"))] == []
    assert len([url for url in opened.requests if url.startswith("file:")]) == 1
    assert opened.complaints == []
    context.close()


@pytest.mark.parametrize("case", CASES)
def test_the_page_never_scrolls_sideways(browser: Browser, folder: Path, case: str) -> None:
    context = browser.new_context()
    page = visit(context, folder / f"{case}.html").page
    open_everything(page)
    for width in (320, 390, 768, 1200):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


def test_the_page_turns_on_its_own_banner_after_its_due_date(
    browser: Browser, folder: Path
) -> None:
    context = browser.new_context()
    before = visit(context, folder / "trusted.html", now=BEFORE_DUE).page
    after = visit(context, folder / "trusted.html", now=AFTER_DUE).page
    assert not before.locator("#stale").is_visible()
    assert after.locator("#stale").is_visible()
    assert "a newer one was due by 9 Nov 2026, 19:00 UTC" in after.locator("#stale").inner_text()
    context.close()


def test_details_open_for_print_and_close_again_but_withheld_numbers_stay_folded(
    browser: Browser, folder: Path
) -> None:
    closed = "document.querySelectorAll('details:not([open])').length"
    context = browser.new_context()
    page = visit(context, folder / "withheld.html").page
    all_closed = page.evaluate(closed)
    assert all_closed > 3
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert not page.locator("details.withheld").get_attribute("open")
    assert (
        page.evaluate("document.querySelectorAll('details:not([open]):not(.withheld)').length") == 0
    )
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(closed) == all_closed
    context.close()


def test_the_page_is_whole_without_script(browser: Browser, folder: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = visit(context, folder / "withheld.html").page
    assert page.get_by_role("heading", name="These numbers cannot be trusted.").is_visible()
    number = page.get_by_text("12 more orders per 1,000 sessions")
    assert not number.is_visible()
    page.get_by_text("Show the numbers anyway").click()
    assert number.is_visible()
    context.close()


def test_the_page_prints(browser: Browser, folder: Path) -> None:
    context = browser.new_context()
    page = visit(context, folder / "trusted.html").page
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.emulate_media(media="print", color_scheme="dark")
    ground = page.evaluate("getComputedStyle(document.querySelector('section')).backgroundColor")
    assert ground == "rgb(255, 255, 255)"  # paper is white, whatever the screen prefers
    context.close()


def test_keyboard_reaches_every_fold(browser: Browser, folder: Path) -> None:
    context = browser.new_context()
    page = visit(context, folder / "trusted.html").page
    first = page.locator("summary").first
    first.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    assert first.evaluate("node => getComputedStyle(node).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    assert page.locator("details").first.get_attribute("open") is not None
    context.close()


def test_pictures_stand_where_their_numbers_say(browser: Browser, folder: Path) -> None:
    context = browser.new_context(viewport={"width": 900, "height": 900})
    page = visit(context, folder / "trusted.html").page
    bars = page.locator(".m .b")
    assert bars.count() == 3
    box = bars.first.bounding_box()
    assert box is not None
    assert box["width"] > 120
    context.close()


def test_axe_would_find_a_fault(browser: Browser, folder: Path) -> None:
    context = browser.new_context()
    page = visit(context, folder / "trusted.html").page
    page.evaluate("document.querySelector('.key').append(new Image())")
    assert any(line.startswith("image-alt") for line in accessibility(page))
    context.close()
