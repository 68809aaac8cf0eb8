"""Sending: written down first, sent then, sent again by the next command, given up at last."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from whatif.base.errors import Problem
from whatif.publish.notices.addresses import Address, addresses
from whatif.publish.notices.channels import Channels
from whatif.publish.notices.events import Event
from whatif.publish.notices.http import USUAL, Outcome, Patience
from whatif.publish.notices.message import message_of
from whatif.publish.notices.outbox import GIVEN_UP, Outbox, waiting
from whatif.publish.store.records import StoredNotice, moment

MOST_ATTEMPTS = 20
LONGEST_WAIT = dt.timedelta(days=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """How sending went.

    Attributes
    ----------
    delivered : int
        Notices that arrived, one for each address.
    failed : tuple of Problem
        One for each address that took not all of its notices; the caller ends with a
        ``NoticeError`` of them, after everything else is done.
    skipped : int
        Notices that had been written down before, or that nobody is to hear of.
    """

    delivered: int
    failed: tuple[Problem, ...]
    skipped: int


def send_notices(
    found: Sequence[Event],
    *,
    channels: Channels,
    outbox: Outbox,
    clock: Callable[[], dt.datetime],
    patience: Patience = USUAL,
) -> Sent:
    """Tell every address of what happened, and of what it was not told before.

    A notice is sent by at most 20 commands and for at most 15 days; then it is given up, and
    `failed` says so. An address that does not answer is left alone for the rest of the command,
    which counts as an attempt for everything that waits for it.

    Parameters
    ----------
    found : sequence of Event
        What happened; may be empty, to send again what waits.
    channels : Channels
        Where to.
    outbox : Outbox
        Where notices are written down; all studies share it.
    clock : callable
        The present moment, with a time zone: a signature is dated when it is sent.
    patience : Patience
        How long an address is waited for.
    """
    to = addresses(channels, clock=clock, patience=patience)
    skipped = _write_down(found, to, channels=channels, outbox=outbox, now=clock())
    rest = list(waiting(outbox)) if to else []
    delivered, failed = 0, []
    for address in to:
        mine = [row for row in rest if row.key == address.key(row.key.partition(".")[0])]
        rest = [row for row in rest if row not in mine]
        undelivered = _send(address, mine, outbox=outbox, clock=clock)
        delivered += len(mine) - len(undelivered)
        if undelivered:
            failed.append(_problem(address, undelivered))
    failed.extend(_forget(rest, outbox=outbox, now=clock()))
    return Sent(delivered=delivered, failed=tuple(failed), skipped=skipped)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Undelivered:
    """A notice that did not arrive: why, and whether nobody will try again."""

    row: StoredNotice
    why: str
    given_up: bool


def _write_down(
    found: Sequence[Event],
    to: Sequence[Address],
    *,
    channels: Channels,
    outbox: Outbox,
    now: dt.datetime,
) -> int:
    """Keep every notice for every address before any is sent; return how many were not new."""
    if not to:
        return len(found)
    skipped = 0
    for event in found:
        message = message_of(event, at=now, site_url=channels.site_url)
        for address in to:
            row = StoredNotice(
                key=address.key(message.id),
                study=message.study,
                event=message.event,
                created_at=message.at,
                body=message.body(),
            )
            skipped += not outbox.put(row)
    return skipped


def _send(
    address: Address,
    rows: Sequence[StoredNotice],
    *,
    outbox: Outbox,
    clock: Callable[[], dt.datetime],
) -> list[_Undelivered]:
    undelivered: list[_Undelivered] = []
    silent: Outcome | None = None
    for row in rows:
        outcome = silent or address.send(row.body)
        if not outcome.why:
            outbox.delivered(row.key, at=moment(clock()))
            continue
        last = row.attempts + 1 >= MOST_ATTEMPTS or _too_old(row, clock())
        problem = f"{GIVEN_UP if last else ''}{address.shown}: {outcome.why}"
        outbox.undelivered(row.key, problem=problem)
        undelivered.append(_Undelivered(row=row, why=outcome.why, given_up=last))
        silent = outcome if outcome.again else None
    return undelivered


def _forget(
    rows: Sequence[StoredNotice], *, outbox: Outbox, now: dt.datetime
) -> tuple[Problem, ...]:
    """Give up what waited too long for an address that is no longer named."""
    old = [row for row in rows if _too_old(row, now)]
    for row in old:
        outbox.undelivered(row.key, problem=f"{GIVEN_UP}its address is no longer named")
    if not old:
        return ()
    return (
        Problem(
            what=f"{_count(len(old))} for an address that is no longer named: given up.",
            why=f"nobody there was told: {_what(old)}.",
            fix="nothing, if the address was removed on purpose.",
        ),
    )


def _problem(address: Address, undelivered: Sequence[_Undelivered]) -> Problem:
    rows = [one.row for one in undelivered]
    lost = sum(one.given_up for one in undelivered)
    left = len(rows) - lost
    steps = [f"check {address.variable} and the receiver"]
    if left:
        steps.append(f"the next command sends {_count(left)} again")
    if lost:
        steps.append(
            f"{_count(lost)} given up: one is sent by {MOST_ATTEMPTS} commands at most, "
            f"for {LONGEST_WAIT.days} days at most"
        )
    return Problem(
        what=f"{_count(len(rows))} did not reach {address.shown}: {undelivered[0].why}.",
        why=f"nobody there was told: {_what(rows)}.",
        fix=f"{'; '.join(steps)}.",
    )


def _what(rows: Sequence[StoredNotice]) -> str:
    return ", ".join(dict.fromkeys(f"{row.study} {row.event.replace('_', ' ')}" for row in rows))


def _count(notices: int) -> str:
    return f"{notices} notice{'' if notices == 1 else 's'}"


def _too_old(row: StoredNotice, now: dt.datetime) -> bool:
    return now - dt.datetime.fromisoformat(row.created_at) >= LONGEST_WAIT
