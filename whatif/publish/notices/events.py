"""What happened to a study between two moments, as far as people should be told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from whatif.base.hashing import of_json
from whatif.publish.notices.state import ShownRun, StudyState
from whatif.verdict.notice_wording import (
    awaiting_sentence,
    failed_sentence,
    overdue_sentence,
    recovered_sentence,
    too_old_sentence,
    verdict_sentence,
    withheld_sentence,
)
from whatif.verdict.record import Decision

_KEY_LENGTH = 32


class EventKind(StrEnum):
    """What can happen."""

    FAILED = "failed"
    RECOVERED = "recovered"
    WITHHELD = "withheld"
    STALE = "stale"
    VERDICT_CHANGED = "verdict_changed"
    AWAITING_REVIEW = "awaiting_review"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened once.

    Attributes
    ----------
    kind : EventKind
        What.
    about : str
        The cause: the moment of a failure, run ids, a due moment or a day.
    text : str
        One sentence.
    state : StudyState
        The study after it.
    """

    kind: EventKind
    about: str
    text: str
    state: StudyState

    @property
    def key(self) -> str:
        """Hash of study, event and cause: equal for the same cause, however often it is seen."""
        return of_json([self.state.study, self.kind, self.about])[:_KEY_LENGTH]


def events(before: StudyState, after: StudyState) -> tuple[Event, ...]:
    """Return what happened to one study between two moments; nothing where nothing changed.

    Failing again in the same way is not told again; a run that is withheld is not also told as a
    changed verdict, nor a second withheld one in a row. What an unreviewed run found is never
    looked at. A page that is overdue and data that are too old are two events. Where `before` does
    not remember that the page was stale, the same cause comes again with the same key, and the
    outbox drops it.

    Parameters
    ----------
    before, after : StudyState
        The same study, earlier and later.
    """
    return (
        *_attempts(before, after),
        *_verdicts(before, after),
        *_reviews(before, after),
        *_causes(before, after),
    )


def _attempts(before: StudyState, after: StudyState) -> Iterator[Event]:
    old, new = before.failure, after.failure
    if new is not None and (
        old is None or (old.exit_code, old.words) != (new.exit_code, new.words)
    ):
        text = failed_sentence(
            after.study, at=new.at, exit_code=new.exit_code, page=after.shown is not None
        )
        yield Event(kind=EventKind.FAILED, about=new.at, text=text, state=after)
    if old is not None and new is None:
        text = recovered_sentence(after.study, at=old.at)
        yield Event(kind=EventKind.RECOVERED, about=old.at, text=text, state=after)


def _verdicts(before: StudyState, after: StudyState) -> Iterator[Event]:
    old, new = before.shown, after.shown
    if new is None or (old is not None and old.run_id == new.run_id):
        return
    if new.decision is Decision.CANNOT_BE_TRUSTED:
        if old is None or old.decision is not Decision.CANNOT_BE_TRUSTED:
            text = withheld_sentence(after.study)
            yield Event(kind=EventKind.WITHHELD, about=new.run_id, text=text, state=after)
    elif old is not None and _differ(old, new):
        text = verdict_sentence(
            after.study, before=old.decision, after=new.decision, headline=new.headline
        )
        about = f"{old.run_id} {new.run_id}"
        yield Event(kind=EventKind.VERDICT_CHANGED, about=about, text=text, state=after)


def _differ(old: ShownRun, new: ShownRun) -> bool:
    moved = bool(old.where and new.where) and old.where != new.where
    return old.decision is not new.decision or old.arm != new.arm or moved


def _reviews(before: StudyState, after: StudyState) -> Iterator[Event]:
    waits = after.awaiting
    if waits is not None and waits != before.awaiting:
        text = awaiting_sentence(after.study, run_id=waits, page=after.shown is not None)
        yield Event(kind=EventKind.AWAITING_REVIEW, about=waits, text=text, state=after)


def _causes(before: StudyState, after: StudyState) -> Iterator[Event]:
    old, new = before.stale, after.stale
    if new is None:
        return
    if new.overdue is not None and (old is None or old.overdue != new.overdue):
        text = overdue_sentence(after.study, due=new.overdue)
        about = f"overdue {new.overdue}"
        yield Event(kind=EventKind.STALE, about=about, text=text, state=after)
    if new.too_old is not None and (old is None or old.too_old != new.too_old):
        text = too_old_sentence(after.study, until=new.too_old)
        about = f"too old {new.too_old}"
        yield Event(kind=EventKind.STALE, about=about, text=text, state=after)
