"""What all pages of a site share: their style, their script, and the frame around them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from markupsafe import Markup

from whatif.report.html import compact, environment, inert, page_style
from whatif.report.site_mode import ICON, POLICY, asset_name
from whatif.verdict import site_wording

_ROOT = re.compile(r":root \{.*?\}", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assets:
    """Names of the shared files, from the root of a site, and all of them with their content."""

    page_css: str
    site_css: str
    site_js: str
    icon: str
    files: Mapping[str, bytes]


@cache
def assets() -> Assets:
    """Return the shared files of a site's own pages; their names are hashes of their content."""
    page, site = page_style().encode(), site_style().encode()
    script = _text("site.min.js").strip().encode()
    named = {
        asset_name("page", "css", page): page,
        asset_name("site", "css", site): site,
        asset_name("site", "js", script): script,
        asset_name("icon", "svg", ICON): ICON,
    }
    page_css, site_css, site_js, icon = named
    return Assets(page_css=page_css, site_css=site_css, site_js=site_js, icon=icon, files=named)


def site_style() -> str:
    """Return the style sheet of the site: its own rules, with the page's colours by full name.

    It stands beside the style sheet of any run, so it relies on no short name of one version.
    """
    light, dark = _ROOT.findall((_folder() / "page.css").read_text(encoding="utf-8"))[:2]
    colours = f"{light}\n@media screen and (prefers-color-scheme: dark) {{\n{dark}\n}}\n"
    css = compact(colours + _text("site.css"))
    css = re.sub(r"\s*([{};,])\s*", r"\1", css)
    return css.replace(": ", ":").replace(";}", "}")


def document(template: str, *, root: str, heading: str, **values: object) -> bytes:
    """Return one page of the site.

    Parameters
    ----------
    template : str
        Its name under ``templates/site``.
    root : str
        How the page reaches the root of the site: ``""`` or ``"../"``.
    heading : str
        Title of the page.
    values : object
        What the template shows.
    """
    html = render(template, root=root, heading=heading, csp=POLICY, assets=assets(), **values)
    return f"{html}\n".encode()


def render(template: str, **values: object) -> Markup:
    """Return a template of the site, filled; everything from data is escaped and inert."""
    made = environment().get_template(f"site/{template}").render(words=site_wording, **values)
    return Markup(compact(made))  # noqa: S704  (autoescaped)


def plain_text(text: str) -> str:
    """Return a text for files that are no page: without characters that cannot be seen."""
    return re.sub("[\ufffe\uffff]", "", str(inert(text)))


def _text(name: str) -> str:
    return (_folder() / "site" / name).read_text(encoding="utf-8")


@cache
def _folder() -> Traversable:
    return files("whatif.report") / "templates"
