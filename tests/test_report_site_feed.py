"""The Atom feed: what RFC 4287 asks for, identifiers that stay, names that stay inert."""

from __future__ import annotations

import datetime as dt
import uuid
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from tests import site_cases
from tests.site_cases import ATTACK, CASES, REORDERED
from whatif.base.history import StudyCard
from whatif.base.readers import card_of
from whatif.report.site.files import front_files

ATOM = "{http://www.w3.org/2005/Atom}"
XML = "{http://www.w3.org/XML/1998/namespace}"


def cards(*extra: StudyCard) -> list[StudyCard]:
    return [*(card_of(make()) for make in CASES.values()), *extra]


def feed_of(*which: StudyCard, base_url: str = "", title: str = "Studies") -> ET.Element:
    made = front_files(which or cards(), title=title, base_url=base_url)
    return ET.fromstring(made["feed.xml"].decode())


def only(parent: ET.Element, name: str) -> str:
    """Return the text of an element that must stand there once."""
    found = parent.findall(f"{ATOM}{name}")
    assert len(found) == 1, f"{name}: {len(found)}"
    return found[0].text or ""


def moment(text: str) -> dt.datetime:
    """Return a date of RFC 3339; it names its zone."""
    at = dt.datetime.fromisoformat(text)
    assert "T" in text
    assert at.tzinfo is not None
    return at


@pytest.mark.parametrize("base_url", ["", "https://reports.example/what-if"])
def test_the_feed_has_what_the_standard_asks_for(base_url: str) -> None:
    feed = feed_of(base_url=base_url)
    assert feed.tag == f"{ATOM}feed"
    ids = [only(feed, "id")]
    assert only(feed, "title") == "Studies"
    updated = moment(only(feed, "updated"))
    author = feed.find(f"{ATOM}author")
    assert author is not None
    assert only(author, "name")
    links = {link.get("rel"): link for link in feed.findall(f"{ATOM}link")}
    assert links["self"].get("href") == "feed.xml"
    entries = feed.findall(f"{ATOM}entry")
    assert len(entries) == len(CASES) - 1, "a study of which no run is shown has no entry"
    for entry in entries:
        ids.append(only(entry, "id"))
        assert ": " in only(entry, "title")
        assert moment(only(entry, "updated")) <= updated
        assert only(entry, "summary")
        alternate = entry.findall(f"{ATOM}link")
        assert [link.get("rel") for link in alternate] == ["alternate"]
    assert len(set(ids)) == len(ids)
    assert all(str(uuid.UUID(one)) == one.removeprefix("urn:uuid:") for one in ids)
    times = [only(entry, "updated") for entry in entries]
    assert times == sorted(times, reverse=True)
    assert feed.get(f"{XML}base") == (f"{base_url}/" if base_url else None)


def test_an_entry_says_the_verdict_and_the_number() -> None:
    entry = feed_of(card_of(site_cases.history())).find(f"{ATOM}entry")
    assert entry is not None
    assert only(entry, "title") == "Mobile expanded options: Roll out"
    assert only(entry, "summary").startswith(
        "Roll out expanded for everyone. Converted: about 13 more orders per 1,000 sessions"
    )
    withheld = feed_of(card_of(site_cases.withheld())).find(f"{ATOM}entry")
    assert withheld is not None
    assert only(withheld, "summary") == "These numbers cannot be trusted."


def test_identifiers_stay_when_a_site_moves_or_a_run_is_signed() -> None:
    card = card_of(site_cases.history())
    assert card.shown is not None
    unsigned = replace(card, shown=replace(card.shown, sign_off=None))
    ids = {
        only(entry, "id")
        for feed in (feed_of(card), feed_of(unsigned, base_url="https://elsewhere.example"))
        for entry in feed.findall(f"{ATOM}entry")
    }
    assert len(ids) == 1


def test_an_empty_feed_is_whole_and_a_long_one_is_cut() -> None:
    empty = ET.fromstring(front_files([])["feed.xml"].decode())
    assert moment(only(empty, "updated"))
    assert not empty.findall(f"{ATOM}entry")
    many = [card_of(site_cases.history(1, f"study-{i}")) for i in range(60)]
    assert len(feed_of(*many).findall(f"{ATOM}entry")) == 50


def test_a_run_that_was_never_published_has_the_moment_it_was_finished() -> None:
    card = card_of(site_cases.history())
    assert card.shown is not None
    early = replace(card.shown, published_at=None, finished_at="2026-10-26T09:30:00.5+02:00")
    entry = feed_of(replace(card, shown=early)).find(f"{ATOM}entry")
    assert entry is not None
    assert only(entry, "updated") == "2026-10-26T07:30:00+00:00"


def test_names_that_mean_harm_stay_text() -> None:
    feed = feed_of(card_of(site_cases.hostile()), title=f"{ATTACK}{REORDERED}\x00\x0b\uffff")
    everything = "".join(feed.itertext())
    assert ATTACK in everything
    assert not set(everything) & {REORDERED[0], REORDERED[-1], "\x00", "\x0b", "\uffff"}
    assert not feed.findall(".//img")
