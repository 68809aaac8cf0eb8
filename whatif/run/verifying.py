"""Trails, runs and pages held against one another: what ``whatif audit verify`` says."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

from whatif.publish.audit.entry import audit_key
from whatif.publish.audit.verify import verify
from whatif.publish.places.opening import open_place
from whatif.run.found import Found
from whatif.verdict.audit_wording import audit_text


def verify_out(study: str | None, *, out: Path, site: Path | str) -> Found:
    """Verify one study or all; ``withheld`` of what is found says that it is not sound.

    Raises
    ------
    UsageError
        If there is no such study, or nothing to look at.
    """
    found = verify(out, study=study, place=open_place(site), key=audit_key(os.environ))
    record = {"schema": "audit.v1", "sound": found.sound, **asdict(found)}
    return Found(record=record, text=audit_text(found), withheld=not found.sound)
