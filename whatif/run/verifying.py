"""Trails, runs, store and pages held against one another, and a trail sealed from now on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

from whatif.base.audit import Audit, Finding
from whatif.base.errors import LockedError, PublishError
from whatif.contract.stored import to_json
from whatif.publish.audit.entry import audit_key
from whatif.publish.audit.seal import start_sealing
from whatif.publish.audit.verify import verify
from whatif.publish.places.opening import open_place
from whatif.run.found import Found
from whatif.run.history import STORE, store_of
from whatif.run.making import Clock
from whatif.verdict.audit_wording import audit_text, sealed_text


def verify_out(study: str | None, *, out: Path, site: Path | str) -> Found:
    """Verify one study or all; ``withheld`` of what is found says that it is not sound.

    Raises
    ------
    UsageError
        If there is no such study, or nothing to look at.
    """
    found = _verified(study, out=out, site=site)
    record = {"schema": "audit.v1", "sound": found.sound, **asdict(found)}
    return Found(record=record, text=audit_text(found), withheld=not found.sound)


def _verified(study: str | None, *, out: Path, site: Path | str) -> Audit:
    place, key = open_place(site), audit_key(os.environ)
    try:
        lines = _lines(out)
    except (PublishError, LockedError):
        found = verify(out, study=study, place=place, key=key)
        unread = Finding(code="store_unreadable", study="")
        return replace(found, unchecked=(*found.unchecked, unread))
    return verify(out, study=study, place=place, key=key, lines=lines)


def _lines(out: Path) -> Mapping[str, Mapping[str, str]] | None:
    """Return what the run store says of every run; None where there is no store yet."""
    if not os.environ.get(STORE) and not (out / ".whatif" / "runs.sqlite").is_file():
        return None
    with store_of(out) as store:
        return {
            study: {run.line.run_id: to_json(run.line) for run in store.history(study)}
            for study in store.studies()
        }


def seal_trail(study: str, *, by: str, out: Path, clock: Clock) -> Found:
    """Seal the trail of a study that was begun without a key, at a person's word.

    Raises
    ------
    UsageError
        If there is no key, nobody is named, or the trail is empty or sealed already.
    PublishError
        If the trail is damaged or cannot be written.
    """
    entry = start_sealing(out, study, by=by, now=clock(), key=audit_key(os.environ))
    record = {"schema": "seal.v1", "study": study, "at": entry.at, **entry.content}
    return Found(
        record=record,
        text=sealed_text(study, by=entry.content["by"], entries=entry.content["entries"]),
    )
