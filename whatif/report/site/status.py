"""``status.json``: every study of a site, for machines (schema ``status.v1``)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict

from whatif.base.hashing import canonical_json
from whatif.base.history import StudyCard


def status(cards: Sequence[StudyCard]) -> bytes:
    """Return ``status.json``; days and moments are ISO 8601, what is not known is null."""
    studies = {card.study: study_status(card) for card in cards}
    return f"{canonical_json({'schema': 'status.v1', 'studies': studies})}\n".encode()


def study_status(card: StudyCard) -> dict[str, object]:
    """Return one study of ``status.json``."""
    shown, awaiting = card.shown, card.awaiting
    return {
        "run_id": None if shown is None else shown.line.run_id,
        "decision": None if shown is None else shown.line.decision,
        "data_to": None if shown is None else _day(shown.line.data_to),
        "published_at": None if shown is None else shown.published_at,
        "sign_off": None if shown is None or shown.sign_off is None else shown.sign_off.decision,
        "awaiting_review": None if awaiting is None else awaiting.line.run_id,
        "fresh_until": _day(card.fresh_until),
        "next_due": card.next_due,
        "failure": None if card.failure is None else asdict(card.failure),
        "audit_head": card.audit_head or None,
    }


def _day(value: dt.date | None) -> str | None:
    return None if value is None else value.isoformat()
