"""Report to one self-contained HTML page under a strict content security policy."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from whatif.report.document import Report
from whatif.report.page import page
from whatif.verdict import appendix_wording, page_wording

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
    css, js = _dense(_asset("page.css")), _asset("page.js")
    html = (
        _environment()
        .get_template("page.html.j2")
        .render(
            page=page(report),
            words=page_wording,
            notes=appendix_wording,
            css=Markup(css),  # noqa: S704  (our own file)
            js=Markup(js),  # noqa: S704  (our own file)
            csp=content_security_policy(script=js, style=css),
            answer_href=answer_href,
        )
    )
    return compact(html) + "\n"


def content_security_policy(*, script: str, style: str) -> str:
    """Return the policy that allows exactly this inline script and style, and no request."""
    return (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def compact(text: str) -> str:
    """Return `text` without blank lines and indentation; doing it twice changes nothing."""
    return re.sub(r"\s*\n\s*", "\n", text).strip()


def _dense(css: str) -> str:
    """Return a style sheet without optional spaces (ours has no strings that need them)."""
    css = re.sub(r"\s*([{};,])\s*", r"\1", css)
    return css.replace(": ", ":").replace(";}", "}")


def _hash(text: str) -> str:
    return f"sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _inert(value: object) -> object:
    """Drop invisible characters of names before they are escaped."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return _UNSEEN.sub("", value)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("whatif.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_inert,
    )


@cache
def _asset(name: str) -> str:
    environment = _environment()
    loader = environment.loader
    assert loader is not None  # noqa: S101
    return compact(loader.get_source(environment, name)[0])
