"""How fast a page stands on a phone: a 390 px screen, a CPU slowed four times, slow 4G.

``python -m tests.benchmarks.page_speed PAGE`` serves the folder of the page (or ``--site FOLDER``)
on loopback, compressed as web servers do, and prints the median of five visits with an empty cache.
"""

from __future__ import annotations

import argparse
import gzip
import os
import shutil
import statistics
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

VISITS = 5
SLOWER = 4
# Slow 4G of Lighthouse: 1.6 Mbit/s down, 750 kbit/s up, 150 ms there and back.
SLOW_4G = {
    "offline": False,
    "latency": 150,
    "downloadThroughput": 1_600_000 / 8,
    "uploadThroughput": 750_000 / 8,
}
WATCH = """
window.seen = {lcp: 0, shift: 0, blocked: 0};
const watch = (type, take) => new PerformanceObserver((list) => list.getEntries().forEach(take))
  .observe({type, buffered: true});
watch("largest-contentful-paint", (e) => { seen.lcp = e.startTime; });
watch("layout-shift", (e) => { if (!e.hadRecentInput) seen.shift += e.value; });
watch("longtask", (e) => { seen.blocked += Math.max(0, e.duration - 50); });
"""
READ = """() => {
  const of = (type) => performance.getEntriesByType(type);
  const paint = Object.fromEntries(of("paint").map((e) => [e.name, e.startTime]));
  const all = [...of("navigation"), ...of("resource")];
  return {
    "first paint, ms": paint["first-paint"],
    "first contentful paint, ms": paint["first-contentful-paint"],
    "largest contentful paint, ms": seen.lcp,
    "total blocking time, ms": seen.blocked,
    "layout shift": seen.shift,
    "bytes transferred": all.reduce((sum, e) => sum + e.transferSize, 0),
    "requests": all.length,
    "DOM nodes": document.getElementsByTagName("*").length,
  };
}"""


class Compressed(SimpleHTTPRequestHandler):
    """Files as a web server sends them: text compressed, nothing logged."""

    def do_GET(self) -> None:
        """Send a file, compressed."""
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        content = gzip.compress(path.read_bytes(), mtime=0)
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        """Stay silent."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on loopback; yield its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Compressed, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def visit(browser: Browser, address: str) -> dict[str, float]:
    """Return the figures of one visit with an empty cache, two seconds after the page loaded."""
    context = browser.new_context(
        viewport={"width": 390, "height": 844},
        device_scale_factor=3,
        is_mobile=True,
        has_touch=True,
    )
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", SLOW_4G)
    session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    page.add_init_script(WATCH)
    page.goto(address)
    page.wait_for_timeout(2_000)
    figures: dict[str, float] = page.evaluate(READ)
    context.close()
    return figures


def medians(address: str, *, chromium: str, visits: int = VISITS) -> dict[str, float]:
    """Return the median of each figure over some visits."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        seen = [visit(browser, address) for _ in range(visits)]
        browser.close()
    return {name: statistics.median(one[name] for one in seen) for name in seen[0]}


def main(given: Sequence[str]) -> None:
    """Print the figures of one page."""
    parser = argparse.ArgumentParser(description="How fast a page stands on a slow phone.")
    parser.add_argument("page", type=Path, help="the page to open")
    parser.add_argument("--site", type=Path, help="root of its site; default: the page's folder")
    told = parser.parse_args(given)
    page = told.page.resolve()
    root = (told.site or page.parent).resolve()
    chromium = os.environ.get("WHATIF_CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        parser.error("no Chromium: set WHATIF_CHROMIUM to its path")
    with served(root) as address:
        figures = medians(address + page.relative_to(root).as_posix(), chromium=chromium)
    for name, value in figures.items():
        sys.stdout.write(
            f"{name:30} {value:12,.3f}\n" if value % 1 else f"{name:30} {value:12,.0f}\n"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
