"""A run's page as a PDF file: everything open, no script, nothing asked of any network."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from copy import deepcopy
from types import ModuleType
from xml.etree.ElementTree import Element, SubElement

from whatif.base.errors import Problem, PublishError, UsageError
from whatif.report.html import environment
from whatif.verdict.forms_wording import DRAWN

_SVG = "{http://www.w3.org/2000/svg}"
_VARIANT = "pdf/ua-1"
_RULE = re.compile(r"([^{}@]+)\{([^{}]*)\}")
_TOKENS = re.compile(r":root\{([^{}]*)\}")
# What colours and sizes a drawing; the rest of a style sheet says nothing to it.
_DRAWING = ("fill", "stroke", "opacity", "text-anchor", "font-size", "marker")


def pdf_of(html: str) -> bytes:
    """Return a run's page as an A4 PDF file, tagged for screen readers; equal pages, equal bytes.

    Folded parts are open, except the numbers of a withheld verdict, which are left out. Fonts are
    embedded: those that the machine has, so two machines may give different bytes.

    Parameters
    ----------
    html : str
        What ``render_html`` returned, by this version or another.

    Raises
    ------
    UsageError
        If WeasyPrint or the libraries it needs are missing.
    PublishError
        If the page asks for anything that is not in it.
    """
    weasyprint = _weasyprint()
    urls = weasyprint.urls
    nothing = urls.URLFetcher(allowed_protocols=(), fail_on_errors=True)
    try:
        page = weasyprint.HTML(string=_for_print(html), url_fetcher=nothing)
        _draw(page.etree_element, _style_of(html))
        made: bytes = page.write_pdf(
            pdf_variant=_VARIANT,
            pdf_identifier=hashlib.sha256(html.encode()).digest()[:16],
        )
    except urls.FatalURLFetchingError:
        raise PublishError(
            Problem(
                what="The page asks for something that is not in it, such as a picture elsewhere.",
                why="no page of a run does; this one was altered.",
                fix="run the study again; that rebuilds its page.",
            )
        ) from None
    return made


def _weasyprint() -> ModuleType:
    try:
        import weasyprint
    except (ImportError, OSError) as error:
        raise UsageError(
            Problem(
                what=f"A PDF cannot be made here: {str(error).splitlines()[0]}.",
                why="WeasyPrint lays out its pages, and it needs the library Pango.",
                fix="pip install 'whatif[pdf]', and where Pango is missing: apt-get install "
                "libpango-1.0-0 libpangoft2-1.0-0, or brew install pango.",
            )
        ) from None
    module: ModuleType = weasyprint
    return module


def _for_print(html: str) -> str:
    """Return the page without script, with our style for paper, in words that WeasyPrint knows."""
    paper = environment().get_template("pdf.css").render()
    html = re.sub(r"<script\b[^>]*>.*?</script>", "", html, flags=re.DOTALL)
    html = re.sub(r"@media \(min-width:[^{}]*\),print\{", "@media print{", html)
    return html.replace("</style>", f"{paper}</style>", 1)


def _style_of(html: str) -> str:
    return "".join(re.findall(r"<style>([^<]*)</style>", html))


def _draw(root: Element, css: str) -> None:
    """Give every drawing its own style, the parts it borrows from others, and a description."""
    rules = _drawing_rules(css)
    named = {part.attrib["id"]: part for part in root.iter() if "id" in part.attrib}
    for svg in list(root.iter(f"{_SVG}svg")):
        _borrow(svg, named)
        if svg.find(f"{_SVG}title") is None:
            title = Element(f"{_SVG}title")
            title.text = DRAWN
            svg.insert(0, title)
        SubElement(svg, f"{_SVG}style").text = rules


def _borrow(svg: Element, named: Mapping[str, Element]) -> None:
    for parent in list(svg.iter()):
        for place, child in enumerate(list(parent)):
            target = named.get(child.get("href", "").removeprefix("#"))
            if child.tag == f"{_SVG}use" and target is not None:
                group = Element(f"{_SVG}g", {"class": target.get("class", "")})
                group.extend(deepcopy(part) for part in target)
                parent[place] = group


def _drawing_rules(css: str) -> str:
    """Return the rules for drawings, with the colours of the light page in place of their names."""
    tokens: dict[str, str] = {}
    if light := _TOKENS.search(css):
        tokens = dict(re.findall(r"(--[\w-]+):([^;]*)", light[1]))
    rules = []
    for selector, body in _RULE.findall(
        re.sub(r"@media screen[^{]*\{(?:[^{}]*\{[^{}]*\})*\}", "", css)
    ):
        kept = [part for part in body.split(";") if part.strip().startswith(_DRAWING)]
        if kept and ":" not in selector:
            rules.append(f"{selector.strip()}{{{';'.join(kept)}}}")
    return re.sub(r"var\((--[\w-]+)\)", lambda name: tokens.get(name[1], "#000"), "".join(rules))
