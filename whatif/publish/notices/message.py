"""What is sent of an event: ``notice.v1``, the same on every channel."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from urllib.parse import quote

from whatif.base.hashing import canonical_json
from whatif.publish.notices.events import Event, EventKind
from whatif.publish.notices.state import StudyState
from whatif.publish.store.records import moment
from whatif.verdict.notice_wording import one_line

SCHEMA = "notice.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One notice. It says what the front of the page says, and no number.

    Attributes
    ----------
    id : str
        The event's; a receiver that has seen it may drop a repeat.
    event, study, question : str
        What happened, to which study.
    run_id, decision, headline, data_to : str or None
        Of the run that readers see. Of a run that awaits review only its id.
    next_due : str or None
        When the next page is due.
    link : str or None
        The page; None where the address of the site is not known.
    at : str
        When the event was noticed, ISO 8601 in UTC.
    text : str
        All of it in one sentence.
    """

    id: str
    event: str
    study: str
    question: str
    run_id: str | None
    decision: str | None
    headline: str | None
    data_to: str | None
    next_due: str | None
    link: str | None
    at: str
    text: str

    def body(self) -> str:
        """Return ``notice.v1`` as JSON; ``link`` is there only where it is known."""
        told = {name: value for name, value in asdict(self).items() if name != "link" or value}
        return canonical_json({"schema": SCHEMA, **told})


def message_of(event: Event, *, at: dt.datetime, site_url: str) -> Message:
    """Return what is sent of an event.

    Parameters
    ----------
    event : Event
        What happened.
    at : datetime
        When it was noticed, with a time zone.
    site_url : str
        Address of the site that readers open; empty where it is not known.
    """
    state, waits = event.state, event.kind is EventKind.AWAITING_REVIEW
    shown = None if waits else state.shown
    run_id = state.awaiting if waits else None if shown is None else shown.run_id
    return Message(
        id=event.key,
        event=str(event.kind),
        study=state.study,
        question=one_line(state.question),
        run_id=run_id,
        decision=None if shown is None else str(shown.decision),
        headline=None if shown is None else one_line(shown.headline),
        data_to=None if shown is None or shown.data_to is None else shown.data_to.isoformat(),
        next_due=state.next_due,
        link=_link(site_url, state, run_id, waits=waits),
        at=moment(at),
        text=one_line(event.text),
    )


def _link(site_url: str, state: StudyState, run_id: str | None, *, waits: bool) -> str | None:
    if not site_url or run_id is None:
        return None
    page = f"runs/{quote(run_id)}/report.html" if waits else "index.html"
    return f"{site_url.rstrip('/')}/{quote(state.study)}/{page}"
