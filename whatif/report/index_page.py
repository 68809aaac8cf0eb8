"""The front page of a site: one line per study, and whether a newer run awaits review."""

from __future__ import annotations

import datetime as dt
import hashlib
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import quote

from whatif.report.format import day, title
from whatif.verdict.record import Decision
from whatif.verdict.wording import decision_words

if TYPE_CHECKING:
    from jinja2 import Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexEntry:
    """What the front page says about one run; every text is shown as it is.

    Attributes
    ----------
    study, run_id : str
        Names of folders.
    question : str
        The study's question; may be empty.
    decision : Decision
        The decision; the page shows its words.
    headline : str
        The action sentence.
    number : str
        The headline number with its range; empty where it is withheld.
    data_to : date or None
        Last day of the data.
    """

    study: str
    run_id: str
    question: str
    decision: Decision
    headline: str
    number: str
    data_to: dt.date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyLine:
    """One study on the front page.

    Attributes
    ----------
    latest : IndexEntry or None
        The run that readers are shown; None before the first one was approved.
    awaiting : IndexEntry or None
        A newer run that nobody has reviewed yet.
    """

    latest: IndexEntry | None
    awaiting: IndexEntry | None

    @property
    def study(self) -> str:
        """Name of the study."""
        return self._known.study

    @property
    def question(self) -> str:
        """The study's question."""
        return self._known.question

    @property
    def _known(self) -> IndexEntry:
        known = self.latest or self.awaiting
        if known is None:
            raise ValueError("A study without any run has no line on the front page.")
        return known


def render_index(lines: Iterable[StudyLine]) -> str:
    """Return the front page as one HTML document; equal lines give equal bytes.

    Studies are sorted by name. The page loads nothing: its style is inline and allowed by its hash
    alone. What an unreviewed run found is not shown, only that it is there.
    """
    css = _asset("page.css") + _asset("index.css")
    digest = b64encode(hashlib.sha256(css.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    template = _environment().get_template("index.html.j2")
    ordered = sorted(lines, key=lambda line: line.study)
    html = template.render(lines=ordered, css=css, csp=policy)
    return html.rstrip() + "\n"


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("whatif.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(day=day, title=_title, part=_url_part, words=decision_words)
    return made


@cache
def _asset(name: str) -> str:
    from importlib.resources import files

    return (files("whatif.report") / "templates" / name).read_text(encoding="utf-8")


def _title(study: str) -> str:
    return title(study.replace("-", " "))


def _url_part(name: str) -> str:
    return quote(name, safe="")
