"""Report to one self-contained HTML page under a strict content security policy."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from functools import cache
from string import ascii_letters
from unicodedata import bidirectional

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from whatif.report.document import Report
from whatif.report.page import page
from whatif.report.view_sliders import Names
from whatif.report.view_whatif import whatif_block
from whatif.verdict import (
    appendix_wording,
    page_wording,
    plan_wording,
    whatif_wording,
    worth_wording,
)

_RIGHT_TO_LEFT = {"R", "AL", "AN"}
# Control characters and the marks that reorder text around them; right-to-left letters stay.
UNSEEN = re.compile(
    "[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


def render_html(report: Report, *, beside: bool = True) -> str:
    """Return the page of a run as one HTML document; equal reports give equal bytes.

    The page loads nothing: style and script are inline and allowed by their hashes alone.

    Parameters
    ----------
    report : Report
        The run.
    beside : bool
        Whether the page stands in its run's folder, beside the files that it links to.
    """
    shown = page(report)
    css, js = page_style(), _asset("page.min.js").strip()
    if shown.what_if is not None:
        js = ";".join([js, whatif_script(), "whatif.start(document)"])
    html = (
        environment()
        .get_template("page.html.j2")
        .render(
            page=shown,
            words=page_wording,
            notes=appendix_wording,
            whatif=whatif_wording,
            worth=worth_wording,
            plan=plan_wording,
            css=Markup(css),  # noqa: S704  (our own file)
            js=Markup(js),  # noqa: S704  (our own file)
            csp=content_security_policy(script=js, style=css),
            downloads=downloads(report) if beside else (),
        )
    )
    return _open_ended(compact(html)) + "\n"


def downloads(report: Report) -> tuple[tuple[str, str], ...]:
    """Return the files beside a run's page that it links to, each with what is in it."""
    movable = report.scenario is not None and not report.withheld
    names = [name for name in appendix_wording.DOWNLOAD if movable or name != "scenario.json"]
    return tuple((name, appendix_wording.DOWNLOAD[name]) for name in names)


def page_style() -> str:
    """Return the style sheet of a page, dense, its own properties named by letters."""
    return _dense(compact(_asset("page.css")))


def whatif_script() -> str:
    """Return the script that reads and evaluates scenario files and moves their sliders.

    It leaves ``window.whatif`` with ``read``, ``evaluate`` and ``start``, and starts nothing.
    """
    return _asset("whatif.min.js").strip()


def whatif_fragment(text: str, names: Names) -> str:
    """Return the what-if block alone, with its style, to stand in a shadow root.

    Parameters
    ----------
    text : str
        A ``scenario.v1``.
    names : Names
        What a reader calls what is in it.

    Raises
    ------
    DataError
        If the text is no scenario file of this version.
    """
    css = compact(_asset("page.css")).replace(":root", ":host")
    css += ":host { color: var(--ink); } section { margin: 0; } #scenario-link { display: none; }"
    template = environment().get_template("whatif.html.j2")
    block = template.render(page={"what_if": whatif_block(text, names)}, whatif=whatif_wording)
    return f"<style>{_dense(css)}</style>{compact(block)}"


def content_security_policy(*, script: str, style: str) -> str:
    """Return the policy that allows exactly this inline script and style, and no request."""
    return (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def compact(text: str) -> str:
    """Return `text` without blank lines and indentation; doing it twice changes nothing."""
    return re.sub(r"\s*\n\s*", "\n", text).strip()


def _open_ended(html: str) -> str:
    """Return a page without what HTML lets us leave out.

    These are the end tags of cells, rows and items, and line breaks before blocks.
    """
    html = re.sub(r"</(?:t[dhr]|thead|tbody|li|dt|dd|option)>\n?", "", html)
    return re.sub(r">\n(?=</?(?:div|p|[ou]l|dl|h[1-6]|table|t[dhr]|details|svg)\b)", ">", html)


def _dense(css: str) -> str:
    """Return our style sheet without optional spaces, its own properties named by letters."""
    css = re.sub(r"\s*([{};,>])\s*", r"\1", css)
    names = dict.fromkeys(re.findall(r"--[a-z-]+", css))
    letters = {name: f"--{letter}" for name, letter in zip(names, ascii_letters, strict=False)}
    css = re.sub(r"--[a-z-]+", lambda name: letters[name.group()], css)
    return css.replace(": ", ":").replace(";}", "}")


def _hash(text: str) -> str:
    return f"sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def inert(value: object) -> object:
    """Return a text without its invisible characters, to be escaped; other values as they are."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return UNSEEN.sub("", value)


def _isolated(value: object) -> Markup:
    """Return a name that cannot turn the text around it, should it be written right to left."""
    shown = UNSEEN.sub("", escape(value))
    turned = any(bidirectional(letter) in _RIGHT_TO_LEFT for letter in shown)
    return Markup(f"<bdi>{shown}</bdi>" if turned else shown)  # noqa: S704  (escaped above)


def _embedded(text: str) -> Markup:
    """Return JSON as the text of a script element, which no name in it can end or reorder."""
    text = UNSEEN.sub(lambda mark: f"\\u{ord(mark.group()):04x}", text)
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704  (JSON without an end tag)


@cache
def environment() -> Environment:
    """Return where our templates are found: everything from data is escaped, nothing undefined."""
    made = Environment(
        loader=PackageLoader("whatif.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=inert,
    )
    made.filters["json"] = _embedded
    made.filters["bdi"] = _isolated
    return made


@cache
def _asset(name: str) -> str:
    templates = environment()
    loader = templates.loader
    assert loader is not None  # noqa: S101
    return loader.get_source(templates, name)[0]
