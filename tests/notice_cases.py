"""Studies that something happened to, channels to receivers on loopback, and sending in tests."""

from __future__ import annotations

import datetime as dt
import socket
from collections.abc import Callable
from dataclasses import replace
from zoneinfo import ZoneInfo

from whatif.base.history import Failure
from whatif.publish.notices.channels import Channels, channels_from
from whatif.publish.notices.events import Event, events
from whatif.publish.notices.http import Patience
from whatif.publish.notices.outbox import Outbox
from whatif.publish.notices.sending import Sent, send_notices
from whatif.publish.notices.state import ShownRun, StudyState
from whatif.verdict.record import Decision

SECRET = "whsec_" + "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"
TOKEN = "T0KEN-in-the-path"
QUERY = "hush-in-the-query"

SHOWN = ShownRun(
    run_id="r1",
    decision=Decision.ROLL_OUT,
    arm="expanded",
    where="everyone",
    headline="Roll out expanded for everyone.",
    data_to=dt.date(2026, 10, 31),
)
GOOD = StudyState(
    study="checkout",
    question="Was it worth it?",
    shown=SHOWN,
    awaiting=None,
    failure=None,
    stale=None,
    next_due="2026-11-09T19:00:00+00:00",
)
FAILED = replace(
    GOOD, failure=Failure(at="2026-11-02T07:00:00+00:00", exit_code=3, words="Column `cost`.")
)


def now() -> dt.datetime:
    return dt.datetime.now(ZoneInfo("Asia/Kolkata"))


def failures(count: int = 1) -> tuple[Event, ...]:
    """Return failures of as many studies."""
    names = [f"checkout{n or ''}" for n in range(count)]
    return tuple(
        event
        for name in names
        for event in events(replace(GOOD, study=name), replace(FAILED, study=name))
    )


def hook(*addresses: str, **more: str) -> Channels:
    urls = " ".join(f"{address}/services/{TOKEN}?key={QUERY}" for address in addresses)
    return channels_from({"WHATIF_WEBHOOK_URL": urls, "WHATIF_WEBHOOK_SECRET": SECRET, **more})


def send(
    channels: Channels,
    outbox: Outbox,
    found: tuple[Event, ...] = (),
    *,
    sleep: Callable[[float], None] = lambda _: None,
    seconds: float = 5.0,
    clock: Callable[[], dt.datetime] = now,
) -> Sent:
    return send_notices(
        found,
        channels=channels,
        outbox=outbox,
        clock=clock,
        patience=Patience(seconds=seconds, sleep=sleep),
    )


def refusing_address() -> str:
    """Return an address on loopback where nobody listens."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{closed.getsockname()[1]}"
