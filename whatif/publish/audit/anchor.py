"""The head of the trail that a site shows: an anchor outside of the trail itself."""

from __future__ import annotations

import json
from pathlib import Path

from whatif.base.errors import Problem, PublishError
from whatif.publish.audit.site import CARD, Readable
from whatif.publish.audit.trail import TRAIL, sound_entries


def require_known_head(place: Readable, out: Path, study: str) -> None:
    """Refuse to publish from a trail that lacks the entry which the site names as its newest.

    Such a trail was cut or written anew, and a publish would replace the one witness of it. A site
    without a card of the study, or with one that names no head, is no witness; one that cannot be
    read is none either, and is mended by the publish.

    Raises
    ------
    PublishError
        If the trail lacks that entry, or trail or site cannot be read.
    """
    content = place.read(f"{study}/{CARD}")
    head = "" if content is None else _head_in(content)
    if not head or head in {entry.hash for entry in sound_entries(out, study)}:
        return
    raise PublishError(
        Problem(
            what=f"The site knows a later audit trail of {study!r} than {out / study / TRAIL}.",
            why="entries were cut off, the trail was written anew, or the site was published from "
            "another folder; publishing would hide it.",
            fix=f"restore {TRAIL} from a copy, or publish from the folder that has it. If it is "
            f"lost for good, remove {study}/{CARD} from the site by hand; until the next publish "
            "`whatif audit verify` says that it is gone.",
        )
    )


def _head_in(card: bytes) -> str:
    try:
        return str(json.loads(card)["audit_head"] or "")
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
