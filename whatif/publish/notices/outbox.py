"""What sending asks of a store: notices are written down before they are sent."""

from __future__ import annotations

from typing import Protocol

from whatif.publish.store.records import StoredNotice

GIVEN_UP = "given up: "


class Outbox(Protocol):
    """Notices of all studies, one row for a notice and an address, kept over commands."""

    def put(self, notice: StoredNotice) -> bool:
        """Keep a notice unless its key was ever put before; return whether it is new."""

    def pending(self) -> tuple[StoredNotice, ...]:
        """Return what was not delivered, oldest first."""

    def delivered(self, key: str, *, at: str) -> None:
        """Say that a notice has arrived."""

    def undelivered(self, key: str, *, problem: str) -> None:
        """Count one more attempt, and keep why it failed."""


def waiting(outbox: Outbox) -> tuple[StoredNotice, ...]:
    """Return what is still to be sent: what is pending and was not given up."""
    return tuple(row for row in outbox.pending() if not row.last_problem.startswith(GIVEN_UP))
