"""Pages of a site in a real Chromium: from a file share, a server, and under a strict header."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from itertools import product
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.report_cases import checkout_report
from tests.scenario_cases import scenario_text
from tests.site_cases import history
from tests.test_report_explore import answer_of
from tests.test_report_html import hostile_report
from whatif.report.explore import explore_files
from whatif.report.html import render_html
from whatif.report.site_mode import split

pytestmark = pytest.mark.browser

AXE = files("axe_playwright_python").joinpath("axe.min.js")
ORIGINS = ("file", "server", "strict")
PAGES = ("study/index.html", "study/runs/abc/report.html", "study/explore.html")
STRICT = "default-src 'self'"


@dataclass
class Opened:
    """A page and everything it said or asked for."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of one study."""
    root = tmp_path_factory.mktemp("site")
    report = checkout_report(scenario=scenario_text("device"))
    single = render_html(report)
    own = split(single, root="../../../")
    studys = split(single, root="../", folder="runs/abc/")
    hostile = split(render_html(hostile_report()), root="../")
    charts = explore_files(
        answer_of(report), report.spec, scenario=scenario_text(), history=history()
    )
    pages = {
        "study/runs/abc/report.html": own.html.encode(),
        "study/runs/abc/answer.json": b"{}",
        "study/index.html": studys.html.encode(),
        "hostile/index.html": hostile.html.encode(),
        "study/explore.html": charts.pop("explore.html"),
    }
    for name, content in {
        **own.assets,
        **studys.assets,
        **hostile.assets,
        **charts,
        **pages,
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


class Quiet(SimpleHTTPRequestHandler):
    """Serve files and say nothing."""

    def log_message(self, *args: Any) -> None:
        """Stay silent."""


class Strict(Quiet):
    """Serve files under the policy of a strict intranet."""

    def end_headers(self) -> None:
        """Add the policy."""
        self.send_header("Content-Security-Policy", STRICT)
        super().end_headers()


@pytest.fixture(scope="module")
def roots(site: Path) -> Iterator[dict[str, str]]:
    """Where the site can be opened."""
    servers = [
        ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(site)))
        for handler in (Quiet, Strict)
    ]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    plain, strict = (f"http://127.0.0.1:{server.server_port}/" for server in servers)
    yield {"file": f"{site.as_uri()}/", "server": plain, "strict": strict}
    for server in servers:
        server.shutdown()
        server.server_close()


def visit(context: BrowserContext, url: str) -> Opened:
    page = context.new_page()
    opened = Opened(page=page)
    page.on("request", lambda request: opened.requests.append(request.url))
    page.on("requestfailed", lambda request: opened.complaints.append(f"failed: {request.url}"))
    page.on("console", lambda message: opened.complaints.append(message.text))
    page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    page.add_init_script(
        "addEventListener('securitypolicyviolation',"
        " e => console.error('policy: ' + e.violatedDirective + ' ' + e.blockedURI))"
    )
    page.goto(url)
    return opened


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh profile."""
    made = browser.new_context()
    yield made
    made.close()


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("origin", ORIGINS)
def test_no_policy_is_broken_and_no_request_leaves_the_site(
    context: BrowserContext, roots: dict[str, str], origin: str, name: str
) -> None:
    opened = visit(context, roots[origin] + name)
    opened.page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
    opened.page.emulate_media(color_scheme="dark", media="print")
    opened.page.wait_for_timeout(200)
    assert opened.complaints == []
    assert all(url.startswith(roots[origin]) for url in opened.requests)
    assert [url for url in opened.requests if "/assets/page-" in url]
    radius = "getComputedStyle(document.querySelector('section')).borderTopLeftRadius"
    opened.page.emulate_media(media="screen")
    assert opened.page.evaluate(radius) != "0px"


@pytest.mark.parametrize("origin", ORIGINS)
def test_sliders_work_and_links_arrive(
    context: BrowserContext, roots: dict[str, str], origin: str
) -> None:
    page = visit(context, roots[origin] + "study/index.html").page
    before = page.locator("#scenario-out").inner_text()
    assert before
    page.locator("#scenario-live input[name=all][type=range]").fill("40")
    assert page.locator("#scenario-out").inner_text() != before
    link = page.locator("a[href='runs/abc/answer.json']").first
    href = link.evaluate("link => link.href")
    assert href == roots[origin] + "study/runs/abc/answer.json"


def test_the_page_is_the_same_in_both_modes(
    context: BrowserContext, roots: dict[str, str], tmp_path: Path
) -> None:
    single = tmp_path / "single.html"
    report = checkout_report(scenario=scenario_text("device"))
    single.write_text(render_html(report), encoding="utf-8")
    shots = []
    for url in (single.as_uri(), roots["server"] + "study/index.html"):
        page = visit(context, url).page
        page.set_viewport_size({"width": 900, "height": 1200})
        shots.append(page.screenshot(full_page=True))
    assert shots[0] == shots[1]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole_without_script(browser: Browser, roots: dict[str, str], name: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    opened = visit(context, roots["strict"] + name)
    text = opened.page.locator("body").inner_text()
    context.close()
    assert len(text) > 1_000
    assert "converted" in text.lower()
    assert "Drag over it" not in text


def test_names_stay_text_on_the_site(context: BrowserContext, roots: dict[str, str]) -> None:
    opened = visit(context, roots["server"] + "hostile/index.html")
    assert opened.complaints == []
    assert opened.page.locator("img").count() == 0


def drawn(page: Page) -> Callable[[], int]:
    return lambda: page.locator(".e-chart .main-svg").count()


def test_charts_are_drawn_in_the_colours_of_the_page(
    context: BrowserContext, roots: dict[str, str]
) -> None:
    opened = visit(context, roots["file"] + "study/explore.html")
    page = opened.page
    places = page.locator(".e-chart")
    assert places.count() == 5
    assert drawn(page)() >= places.count()
    colour = (
        "getComputedStyle(document.querySelector('.e-chart .errorbar path')"
        " ?? document.querySelector('.e-chart .xerror')).stroke"
    )
    light = page.evaluate(colour)
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(300)
    assert page.evaluate(colour) != light
    page.locator(".e-chart .nsewdrag").first.hover()
    page.wait_for_timeout(200)
    assert opened.complaints == []


def test_charts_that_cannot_load_leave_the_tables(browser: Browser, roots: dict[str, str]) -> None:
    context = browser.new_context()
    context.route("**/plotly-basic-*", lambda route: route.abort())
    page = visit(context, roots["server"] + "study/explore.html").page
    assert page.locator(".e-chart:visible").count() == 0
    assert page.locator(".e-table:visible").count() == 5
    context.close()


def test_axe_finds_nothing_on_the_page_of_charts(
    context: BrowserContext, roots: dict[str, str]
) -> None:
    page = visit(context, roots["server"] + "study/explore.html").page
    page.evaluate(AXE.read_text(encoding="utf-8"))
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme, width in product(schemes, (390, 900)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(200)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        found = page.evaluate("axe.run('html', {resultTypes: ['violations'], preload: false})")
        assert [(rule["id"], rule["nodes"][0]["target"]) for rule in found["violations"]] == []
