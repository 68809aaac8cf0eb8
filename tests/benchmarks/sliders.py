"""How long the page takes to answer when a slider moves: one evaluation in Chromium, 24 cells."""

from __future__ import annotations

import json
import os
import shutil
import sys

from playwright.sync_api import sync_playwright

from tests.scenario_cases import random_states, scenario_text
from whatif.report.html import whatif_script

_TIMED = """([text, states]) => {
  const file = whatif.read(text);
  let best = Infinity;
  for (let i = 0; i < 200; i++) {
    const start = performance.now();
    states.forEach((state) => whatif.evaluate(file, state));
    best = Math.min(best, (performance.now() - start) / states.length);
  }
  return best;
}"""


def milliseconds() -> float:
    """Return the time of one evaluation, the shortest average over 50 states of 200."""
    names = (os.environ.get("WHATIF_CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, (shutil.which(name) for name in names if name)), None)
    if found is None:
        raise SystemExit("bench: no Chromium; set WHATIF_CHROMIUM to its path.")
    text = scenario_text("urbanicity", "season")
    states = random_states(text, draws=50, seed=5)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto("about:blank")
        page.add_script_tag(content=whatif_script())
        took: float = page.evaluate(_TIMED, [text, states])
        browser.close()
    return took


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"milliseconds": milliseconds()}) + "\n")
