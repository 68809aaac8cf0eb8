"""One place that notices go to, whatever its channel: signed web hook or Apprise."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass, field

from whatif.base.hashing import of_json
from whatif.base.secrets import host_of
from whatif.publish.notices.by_apprise import send_by_apprise
from whatif.publish.notices.channels import APPRISE_URLS, WEBHOOK_URL, Channels
from whatif.publish.notices.http import Outcome, Patience, call, persist, within

_MARK_LENGTH = 16
_APPRISE_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a notice goes.

    Attributes
    ----------
    shown : str
        How it is called in texts: no path, no user, no token.
    variable : str
        The environment variable that names it.
    url : str
        The whole address, which is a secret.
    send : callable
        Sends a body and says how that ended.
    """

    shown: str
    variable: str
    url: str = field(repr=False)
    send: Callable[[str], Outcome] = field(repr=False)

    def key(self, notice: str) -> str:
        """Return the key of a notice for this address."""
        return f"{notice}.{of_json([notice, self.url])[:_MARK_LENGTH]}"


def addresses(
    channels: Channels, *, clock: Callable[[], dt.datetime], patience: Patience
) -> tuple[Address, ...]:
    """Return every address that notices go to."""
    return (
        *(_hook(url, channels.webhook_key, clock, patience) for url in channels.webhooks),
        *(_by_apprise(url, place) for place, url in enumerate(channels.apprise, start=1)),
    )


def _hook(url: str, key: bytes, clock: Callable[[], dt.datetime], patience: Patience) -> Address:
    def send(body: str) -> Outcome:
        return persist(lambda: _post_signed(url, key, body, clock(), patience), patience)

    return Address(shown=host_of(url), variable=WEBHOOK_URL, url=url, send=send)


def _by_apprise(url: str, place: int) -> Address:
    def send(body: str) -> Outcome:
        return within(_APPRISE_SECONDS, lambda: send_by_apprise(url, body))

    # The host of such an address is often a token, so only its place is shown.
    shown = f"address {place} in {APPRISE_URLS}"
    return Address(shown=shown, variable=APPRISE_URLS, url=url, send=send)


def _post_signed(url: str, key: bytes, body: str, now: dt.datetime, patience: Patience) -> Outcome:
    """Send a notice once, signed as the Standard Webhooks ask, at the moment of this attempt."""
    from standardwebhooks import Webhook

    notice, moment = str(json.loads(body)["id"]), now.astimezone(dt.UTC)
    headers = {
        "Content-Type": "application/json",
        "webhook-id": notice,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(key).sign(msg_id=notice, timestamp=moment, data=body),
    }
    return call("POST", url, seconds=patience.seconds, headers=headers, body=body.encode())
