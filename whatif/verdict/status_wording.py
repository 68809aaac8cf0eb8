"""Sentences of the commands that follow a run: publish, sign, status, history, prune."""

from __future__ import annotations

from collections.abc import Sequence

from whatif.base.history import SignDecision

STATES = {
    "failed": "failed",
    "stale": "stale",
    "withheld": "verdict withheld",
    "awaiting_review": "awaiting review",
    "good": "good",
}
"""The most pressing word that holds of a study."""

NO_RUN_SHOWN = "Readers are shown no run yet."
NOTHING_TO_PRUNE = "Nothing to remove."
_SAID: dict[SignDecision, str] = {"approve": "approves", "hold": "holds", "reject": "rejects"}


def published_words(*, waits: bool, unchanged: bool) -> str:
    """Say what a publish did."""
    if unchanged:
        return "The site stood like this already."
    return "Published; the newest run awaits review." if waits else "Published."


def signed_words(said: SignDecision, *, by: str, run_id: str, shown: bool, on_site: bool) -> str:
    """Say what a person said of a run, and what readers see now."""
    readers = "readers see it" if shown else "readers see another run, or none"
    where = readers if on_site else "the study is not on the site"
    return f"{by} {_SAID[said]} run {run_id}; {where}."


def removed_words(run_ids: Sequence[str]) -> str:
    """Say which runs were removed."""
    if not run_ids:
        return NOTHING_TO_PRUNE
    count = f"{len(run_ids):,} run" + ("" if len(run_ids) == 1 else "s")
    return f"Removed {count}: {', '.join(run_ids)}."


def shown_words(*, run_id: str, verdict: str, data_to: str) -> str:
    """Say which run readers are shown."""
    reach = f", data to {data_to}" if data_to else ""
    return f"readers see run {run_id}: {verdict}{reach}"


def overdue_words(due: str) -> str:
    """Say that a page did not come."""
    return f"a new page was due by {due} UTC"


def too_old_words(until: str) -> str:
    """Say that the data are too old."""
    return f"the data were recent enough until {until}"


def waiting_words(run_id: str) -> str:
    """Say that a run waits for a person."""
    return f"run {run_id} awaits review: whatif sign {run_id} approve --by NAME"


def failed_words(*, at: str, why: str, code: int) -> str:
    """Say how the last attempt failed."""
    return f"the run of {at} UTC failed (exit code {code}): {why}"
