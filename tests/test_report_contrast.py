"""Colours of the style sheet: every text reaches 4.5 : 1 and every mark 3 : 1, light and dark."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

CSS = files("whatif.report").joinpath("templates/page.css").read_text(encoding="utf-8")
TEXT = [
    ("ink", "page"),
    ("ink", "paper"),
    ("ink", "faint"),
    ("muted", "page"),
    ("muted", "paper"),
    ("mark", "paper"),
    ("mark", "page"),
    *((tone, ground) for tone in ("good", "bad", "unsure", "alarm") for ground in ("paper",)),
    *((tone, f"{tone}-wash") for tone in ("good", "bad", "unsure", "alarm")),
]
NAMES_A_TOKEN = r"var\(--(good|bad|unsure|alarm|muted)(-wash)?\)"
MARKS = [
    ("mark", "paper"),
    ("muted", "paper"),
    ("bad", "paper"),
    ("mark", "line"),
    ("muted", "line"),
]


def tokens() -> dict[str, dict[str, str]]:
    """Return colour tokens by scheme."""
    light, dark = re.findall(r":root \{(.*?)\}", CSS, flags=re.DOTALL)[:2]
    found = [dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block)) for block in (light, dark)]
    return {"light": found[0], "dark": found[0] | found[1]}


def luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2.2."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_formula_is_right() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.478, abs=1e-3)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(scheme: str) -> None:
    colours = tokens()[scheme]
    weak = {
        pair: round(contrast(colours[pair[0]], colours[pair[1]]), 2)
        for pair in TEXT
        if contrast(colours[pair[0]], colours[pair[1]]) < 4.5
    }
    assert not weak


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_mark_can_be_seen(scheme: str) -> None:
    colours = tokens()[scheme]
    weak = {pair for pair in MARKS if contrast(colours[pair[0]], colours[pair[1]]) < 3}
    assert not weak


def test_both_schemes_define_the_same_colours_and_nothing_else_is_coloured() -> None:
    light, dark = re.findall(r":root \{(.*?)\}", CSS, flags=re.DOTALL)[:2]
    names = [set(re.findall(r"--([a-z-]+):", block)) for block in (light, dark)]
    assert names[0] == names[1]
    rest = CSS.replace(light, "").replace(dark, "")
    assert not re.search(r"#[0-9a-f]{3,8}\b|rgba?\(|hsl", rest)
    named = dict(re.findall(r"--([a-z-]+): ([^;]+);", rest))
    assert {name for name in named if not re.fullmatch(NAMES_A_TOKEN, named[name])} <= {"sign"}
    assert set(re.findall(r"var\(--([a-z-]+)\)", rest)) <= names[0] | named.keys()
