"""The Atom feed of a site (RFC 4287): one entry per study whose run readers are shown."""

from __future__ import annotations

import datetime as dt
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Sequence

from whatif.base.history import PastRun, StudyCard
from whatif.report.site.amounts import study_title, url_part
from whatif.report.site.rendering import plain_text
from whatif.verdict.site_wording import decision_mark, feed_summary

NEWEST = 50
_ATOM = "http://www.w3.org/2005/Atom"
_NOTHING_YET = "1970-01-01T00:00:00+00:00"
_OURS = uuid.uuid5(uuid.NAMESPACE_URL, "https://www.rfc-editor.org/rfc/rfc4287#whatif")


def feed(cards: Sequence[StudyCard], *, title: str, base_url: str = "") -> bytes:
    """Return ``feed.xml``; equal cards give equal bytes.

    Identifiers are UUIDs made from names and content hashes, so they need no host and stay when a
    site moves; a feed's own id is made from its title and address. Links are relative: to
    ``xml:base`` where an address is given, else to wherever the feed was read from, which RFC 4287
    allows.

    Parameters
    ----------
    cards : sequence of StudyCard
        Only runs that readers are shown become entries.
    title : str
        Name of the site.
    base_url : str
        Address of the site's root; may be empty.
    """
    shown = [(card.shown, _moment(_published(card.shown))) for card in cards if card.shown]
    shown.sort(key=lambda pair: pair[0].line.study)
    shown.sort(key=lambda pair: pair[1], reverse=True)
    root = ET.Element("feed", {"xmlns": _ATOM, "xml:lang": "en"})
    if base_url:
        root.set("xml:base", plain_text(base_url.rstrip("/") + "/"))
    _add(root, "id", _urn("feed", title, base_url))
    _add(root, "title", title)
    _add(root, "updated", shown[0][1] if shown else _NOTHING_YET)
    _add(ET.SubElement(root, "author"), "name", title)
    _add(root, "generator", "whatif")
    ET.SubElement(root, "link", {"rel": "self", "type": "application/atom+xml", "href": "feed.xml"})
    ET.SubElement(root, "link", {"rel": "alternate", "type": "text/html", "href": "index.html"})
    for run, at in shown[:NEWEST]:
        _entry(root, run, at)
    ET.indent(root, space="")
    made: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return made + b"\n"


def _entry(root: ET.Element, run: PastRun, at: str) -> None:
    line = run.line
    entry = ET.SubElement(root, "entry")
    _add(entry, "id", _urn("run", line.study, line.run_id))
    _add(entry, "title", f"{study_title(line.study)}: {decision_mark(line.decision).word}")
    _add(entry, "updated", at)
    href = f"{url_part(line.study)}/runs/{url_part(line.run_id)}/report.html"
    ET.SubElement(entry, "link", {"rel": "alternate", "type": "text/html", "href": href})
    _add(entry, "summary", feed_summary(line.headline, line.number))


def _add(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = plain_text(text) or "–"


def _urn(*parts: str) -> str:
    return uuid.uuid5(_OURS, "\n".join(parts)).urn


def _published(run: PastRun) -> str:
    return run.published_at or run.finished_at


def _moment(iso: str) -> str:
    """Return a moment as RFC 3339 asks for it, in UTC, to the second."""
    at = dt.datetime.fromisoformat(iso).astimezone(dt.UTC)
    return at.replace(microsecond=0).isoformat()
