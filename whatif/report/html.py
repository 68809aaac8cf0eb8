"""Report to one self-contained HTML page under a strict content security policy."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from functools import cache
from string import ascii_letters

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from whatif.report.document import Report
from whatif.report.page import page
from whatif.report.view_sliders import Names
from whatif.report.view_whatif import whatif_block
from whatif.verdict import appendix_wording, page_wording, whatif_wording

# Control characters and the marks that reorder text around them; right-to-left letters stay.
_UNSEEN = re.compile(
    "[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


def render_html(report: Report, *, answer_href: str | None = "answer.json") -> str:
    """Return the page of a run as one HTML document; equal reports give equal bytes.

    The page loads nothing: style and script are inline and allowed by their hashes alone.

    Parameters
    ----------
    report : Report
        The run.
    answer_href : str or None
        Where the page finds ``answer.json``; None leaves the link out.
    """
    shown = page(report)
    css, js = _dense(compact(_asset("page.css"))), _asset("page.min.js").strip()
    if shown.what_if is not None:
        js = ";".join([js, whatif_script(), "whatif.start(document)"])
    html = (
        _environment()
        .get_template("page.html.j2")
        .render(
            page=shown,
            words=page_wording,
            notes=appendix_wording,
            whatif=whatif_wording,
            css=Markup(css),  # noqa: S704  (our own file)
            js=Markup(js),  # noqa: S704  (our own file)
            csp=content_security_policy(script=js, style=css),
            answer_href=answer_href,
        )
    )
    return _open_ended(compact(html)) + "\n"


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
    template = _environment().get_template("whatif.html.j2")
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
    """Return a page without the end tags of cells, rows and items, which HTML lets us leave out."""
    return re.sub(r"</(?:t[dhr]|thead|tbody|li|dt|dd|option)>\n?", "", html)


def _dense(css: str) -> str:
    """Return our style sheet without optional spaces, its own properties named by letters."""
    css = re.sub(r"\s*([{};,])\s*", r"\1", css)
    names = dict.fromkeys(re.findall(r"--[a-z-]+", css))
    letters = {name: f"--{letter}" for name, letter in zip(names, ascii_letters, strict=False)}
    css = re.sub(r"--[a-z-]+", lambda name: letters[name.group()], css)
    return css.replace(": ", ":").replace(";}", "}")


def _hash(text: str) -> str:
    return f"sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _inert(value: object) -> object:
    """Drop invisible characters of names before they are escaped."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return _UNSEEN.sub("", value)


def _embedded(text: str) -> Markup:
    """Return JSON as the text of a script element, which no name in it can end or reorder."""
    text = _UNSEEN.sub(lambda mark: f"\\u{ord(mark.group()):04x}", text)
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704  (JSON without an end tag)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("whatif.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_inert,
    )
    environment.filters["json"] = _embedded
    return environment


@cache
def _asset(name: str) -> str:
    environment = _environment()
    loader = environment.loader
    assert loader is not None  # noqa: S101
    return loader.get_source(environment, name)[0]
