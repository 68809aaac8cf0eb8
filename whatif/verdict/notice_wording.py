"""What a notice says: one sentence an event, without a number; the headline is its one detail."""

from __future__ import annotations

import datetime as dt
import re

from whatif.verdict.record import Decision
from whatif.verdict.wording import day_words, decision_words

# Control characters and the marks that reorder text around them; right-to-left letters stay.
_UNSEEN = re.compile("[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]")

_FAILURES = {
    2: "the study file or the command cannot be followed",
    3: "the data are missing or break their contract",
    5: "these data cannot answer the question",
    6: "the page could not be put where readers look",
    75: "another run of the study was under way",
}
_UNEXPECTED = "something happened that was not foreseen"


def one_line(text: str) -> str:
    """Return text on one line, without characters that hide or reorder what is read."""
    return _UNSEEN.sub("", " ".join(text.split()))


def failure_reason(exit_code: int) -> str:
    """Return why a run failed in one sentence of a closed set, which carries no value."""
    reason = _FAILURES.get(exit_code, _UNEXPECTED)
    return f"{reason[:1].upper()}{reason[1:]}."


def failed_sentence(study: str, *, at: str, exit_code: int, page: bool) -> str:
    """Say that a run failed; the reason comes from a closed set, so it carries no value."""
    reason = _FAILURES.get(exit_code, _UNEXPECTED)
    last = "readers keep the last good page" if page else "there is no page yet"
    return (
        f"{study}: the run of {_moment(at)} failed, because {reason} (exit code {exit_code}); "
        f"{last}."
    )


def recovered_sentence(study: str, *, at: str) -> str:
    """Say that the study runs again."""
    return f"{study}: it runs again after the failure of {_moment(at)}."


def withheld_sentence(study: str) -> str:
    """Say that the numbers cannot be trusted, and none of them."""
    return (
        f"{study}: the verdict is withheld, because a check that guards the comparison itself "
        "broke; the page says which."
    )


def overdue_sentence(study: str, *, due: str) -> str:
    """Say that a page did not come."""
    return f"{study}: the page that was due by {_moment(due)} has not come."


def too_old_sentence(study: str, *, until: dt.date) -> str:
    """Say that the data are too old."""
    day = day_words(until)
    return f"{study}: the data are too old to decide on; they were recent enough until {day}."


def verdict_sentence(study: str, *, before: Decision, after: Decision, headline: str) -> str:
    """Say how the verdict changed; its arm or its place changed where the word is the same."""
    words = f"“{decision_words(after)}”"
    if before is after:
        return f"{study}: the verdict is still {words}, for another arm or place: {headline}"
    return f"{study}: the verdict is now {words}, no longer “{decision_words(before)}”: {headline}"


def awaiting_sentence(study: str, *, run_id: str, page: bool) -> str:
    """Say that a run waits for a person, and nothing of what it found."""
    last = "readers see the page before it" if page else "there is no page"
    return f"{study}: the run {run_id} awaits review; until then {last}."


def _moment(text: str) -> str:
    moment = dt.datetime.fromisoformat(text).astimezone(dt.UTC)
    return f"{day_words(moment.date())}, {moment:%H:%M} UTC"
