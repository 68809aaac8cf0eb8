"""A site held against the trails of the studies that it shows."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from whatif.base.audit import Finding, FindingCode
from whatif.base.errors import WhatIfError
from whatif.publish.audit.entry import Entry
from whatif.publish.audit.record import published_files
from whatif.publish.places.local import LocalPlace

CARD, STATUS, ASSETS = "card.json", "status.json", "assets/"
_ASSET = re.compile(rb"assets/[A-Za-z0-9][A-Za-z0-9_.-]*")
_CROSSED = dt.timedelta(minutes=10)
_RUN = re.compile(r"runs/([^/]+)/")

Trails = Mapping[str, Sequence[Entry]]


class Readable(Protocol):
    """A site that can be read, such as `whatif.publish.places.place.Place`."""

    @property
    def address(self) -> str:
        """The address as it may be shown."""

    def read(self, name: str) -> bytes | None:
        """Return the content of a file, or None where there is no such file."""

    def names(self, under: str = "") -> tuple[str, ...]:
        """Return every file under a folder, from the root of the place."""


class SiteCheck:
    """One look at a site; `findings` does it, `read` counts the files that were looked at."""

    def __init__(self, place: Readable, trails: Trails, study: str | None, *, name: str) -> None:
        self._place, self._trails, self._study = place, trails, study
        self._scope = tuple(trails) if study is None else (study,)
        self._address = name
        self._assets: set[str] = set()
        self.read = 0

    def findings(self) -> Iterator[Finding]:
        """Yield what is wrong with the site, and what could not be read."""
        try:
            names = self._place.names()
            hidden = self._place.hidden() if isinstance(self._place, LocalPlace) else ()
        except (WhatIfError, OSError):
            yield Finding(code="place_unreadable", study=self._study or "", subject=self._address)
            return
        known = {study: self._published(study) for study in self._trails}
        for study in self._scope:
            yield from self._own(study, known[study], names)
        yield from self._front(known, names)
        yield from self._shared(known, names)
        yield from self._hidden(hidden)
        if self._study is None:
            strangers = {name.partition("/")[0] for name in names if "/" in name}
            for folder in sorted(strangers - {*self._trails, ASSETS[:-1]}):
                yield Finding(code="study_unknown", study="", subject=folder)

    def _hidden(self, names: Sequence[str]) -> Iterator[Finding]:
        """Name what is hidden: such a file changes what a server hands out, or lies in wait."""
        for name in names:
            folder, inside, _ = name.partition("/")
            owner = folder if inside and folder in self._trails else ""
            if self._study is None or owner in {"", self._study}:
                yield Finding(code="page_unrecorded", study=owner, subject=name)

    def _published(self, study: str) -> dict[str, str]:
        return published_files(self._trails[study], self._known_as(study))

    def _known_as(self, study: str) -> str:
        """Return the address under which a study was published here; a site may have moved."""
        places = [e.content["place"] for e in self._trails[study] if e.kind == "publish"]
        return self._address if self._address in places or not places else places[-1]

    def _own(self, study: str, known: Mapping[str, str], names: Sequence[str]) -> Iterator[Finding]:
        if self._known_as(study) != self._address:
            yield Finding(code="place_unknown", study=study, subject=self._known_as(study))
        entries = self._trails[study]
        runs = {entry.content["run_id"] for entry in entries if entry.kind == "run"}
        own = {name: digest for name, digest in known.items() if name.startswith(f"{study}/")}
        for name, digest in own.items():
            yield from self._compare(study, name, {digest})
        for name in names:
            if not name.startswith(f"{study}/") or name in own:
                continue
            run = _RUN.match(name.removeprefix(f"{study}/"))
            stranger = run is not None and run[1] not in runs
            code: FindingCode = "page_of_unrecorded_run" if stranger else "page_unrecorded"
            yield Finding(code=code, study=study, subject=name)
        heads = {entry.hash for entry in entries}
        for name, path in ((f"{study}/{CARD}", ()), (STATUS, ("studies", study))):
            yield from self._anchored(study, name, path, heads if entries else {""})

    def _anchored(
        self, study: str, name: str, path: tuple[str, ...], heads: set[str]
    ) -> Iterator[Finding]:
        """Hold the head of the trail that the site shows against the trail itself."""
        try:
            content = self._place.read(name)
        except (WhatIfError, OSError):
            return  # said where its digest is compared
        if content is None:
            return
        try:
            told = json.loads(content)
            for key in path:
                told = told.get(key)
            if told is None:
                return
            head = told["audit_head"] or ""
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            yield Finding(code="card_unreadable", study=study, subject=name)
            return
        if head not in heads:
            yield Finding(code="head_unknown", study=study, subject=name)

    def _front(
        self, known: Mapping[str, Mapping[str, str]], names: Sequence[str]
    ) -> Iterator[Finding]:
        """Compare the files at the root with what the newest publish of any study put there.

        Two publishes may cross: the one whose files stand may be the first one to be recorded.
        """
        told: dict[str, list[tuple[dt.datetime, str]]] = {}
        for study, published in known.items():
            for name, digest in published.items():
                if "/" not in name:
                    at = self._last_told(study, name)
                    told.setdefault(name, []).append((at, digest))
        for name, said in sorted(told.items()):
            newest = max(at for at, _ in said)
            yield from self._compare("", name, {one for at, one in said if newest - at <= _CROSSED})
        for name in names:
            if "/" not in name and name not in told:
                yield Finding(code="page_unrecorded", study="", subject=name)

    def _last_told(self, study: str, name: str) -> dt.datetime:
        """Return when a study's newest publish here said what a file holds."""
        return max(
            dt.datetime.fromisoformat(entry.at)
            for entry in self._trails[study]
            if entry.kind == "publish"
            and entry.content["place"] == self._known_as(study)
            and name in entry.content["files"]
        )

    def _shared(
        self, known: Mapping[str, Mapping[str, str]], names: Sequence[str]
    ) -> Iterator[Finding]:
        """Compare assets, which never change; one is missed only where a page asks for it."""
        expected: dict[str, set[str]] = {}
        for published in known.values():
            for name, digest in published.items():
                if name.startswith(ASSETS):
                    expected.setdefault(name, set()).add(digest)
        there = {name for name in names if name.startswith(ASSETS)}
        for name in sorted(there | (self._assets & expected.keys())):
            if name in expected:
                yield from self._compare("", name, expected[name])
            elif self._study is None or name in self._assets:
                yield Finding(code="page_unrecorded", study="", subject=name)
        for name in sorted(self._assets - there - expected.keys()):
            yield Finding(code="page_missing", study="", subject=name)

    def _compare(self, study: str, name: str, digests: set[str]) -> Iterator[Finding]:
        try:
            content = self._place.read(name)
        except (WhatIfError, OSError):
            yield Finding(code="page_unreadable", study=study, subject=name)
            return
        self.read += 1
        if content is None:
            yield Finding(code="page_missing", study=study, subject=name)
            return
        if hashlib.sha256(content).hexdigest() not in digests:
            yield Finding(code="page_altered", study=study, subject=name)
        if name.endswith(".html"):
            self._assets.update(found.decode() for found in _ASSET.findall(content))
