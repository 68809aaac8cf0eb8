"""Where notices go: read from the environment, checked before anything is sent."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from whatif.base.errors import Problem, UsageError
from whatif.publish.notices.by_apprise import require_apprise

WEBHOOK_URL = "WHATIF_WEBHOOK_URL"
WEBHOOK_SECRET = "WHATIF_WEBHOOK_SECRET"  # noqa: S105  (the variable's name)
APPRISE_URLS = "WHATIF_APPRISE_URLS"
HEARTBEAT_URL = "WHATIF_HEARTBEAT_URL"
SITE_URL = "WHATIF_SITE_URL"

_PREFIX = "whsec_"
_LEAST_KEY = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Channels:
    """Addresses and keys; printed, it shows none of them.

    Attributes
    ----------
    webhooks : tuple of str
        Addresses of web hooks.
    webhook_key : bytes
        What their notices are signed with; empty without web hooks.
    apprise : tuple of str
        Addresses in Apprise's own form.
    heartbeat : str
        Address that hears of every publish; empty where there is none.
    site_url : str
        Address of the site that readers open; empty where it is not known.
    """

    webhooks: tuple[str, ...] = field(default=(), repr=False)
    webhook_key: bytes = field(default=b"", repr=False)
    apprise: tuple[str, ...] = field(default=(), repr=False)
    heartbeat: str = field(default="", repr=False)
    site_url: str = ""


def channels_from(environ: Mapping[str, str]) -> Channels:
    """Return the channels that environment variables name.

    ``WHATIF_WEBHOOK_URL`` and ``WHATIF_APPRISE_URLS`` may hold several addresses, separated by
    spaces; ``WHATIF_WEBHOOK_SECRET`` signs for all web hooks.

    Raises
    ------
    UsageError
        If an address or the secret cannot be used, or Apprise is needed and not installed; the
        text names the variable, never its value. Call it before the work whose end is told.

    Examples
    --------
    >>> channels_from({"WHATIF_SITE_URL": "https://reports.example/"}).site_url
    'https://reports.example/'
    """
    webhooks = tuple(dict.fromkeys(environ.get(WEBHOOK_URL, "").split()))
    apprise = tuple(dict.fromkeys(environ.get(APPRISE_URLS, "").split()))
    heartbeat = environ.get(HEARTBEAT_URL, "").strip()
    site_url = environ.get(SITE_URL, "").strip()
    for place, url in enumerate(webhooks, start=1):
        _require_safe(url, f"Address {place} in {WEBHOOK_URL}")
    if apprise:
        require_apprise(APPRISE_URLS)
    if heartbeat:
        _require_safe(heartbeat, f"The address in {HEARTBEAT_URL}")
    if site_url:
        _require_public(site_url)
    return Channels(
        webhooks=webhooks,
        webhook_key=_key(environ.get(WEBHOOK_SECRET, "").strip()) if webhooks else b"",
        apprise=apprise,
        heartbeat=heartbeat,
        site_url=site_url,
    )


def _require_safe(url: str, shown: str) -> None:
    """Refuse an address over which a notice, or the secret in its path, could be read."""
    parts = _split(url)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise _refused(f"{shown} is not a web address.", "nothing could be sent there.")
    if "@" in parts.netloc:
        raise _refused(
            f"{shown} holds a user or a password.", "it would not be sent, so nobody would answer."
        )
    if parts.scheme == "http" and not _loopback(parts.hostname):
        raise _refused(f"{shown} does not start with https.", "everybody on the way could read it.")


def _require_public(url: str) -> None:
    parts = _split(url)
    plain = parts is not None and parts.scheme in ("http", "https") and parts.hostname
    if parts is None or not plain or "@" in parts.netloc or parts.query or parts.fragment:
        raise _refused(
            f"{SITE_URL} is not the plain address of a site.",
            "every notice carries a link that starts with it, and must carry no secret.",
        )


def _split(url: str) -> SplitResult | None:
    """Return the parts of an address, or None where it cannot be one."""
    try:
        parts = urlsplit(url)
        return parts if url.isascii() and url.isprintable() and parts.port != 0 else None
    except ValueError:
        return None


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _refused(what: str, why: str) -> UsageError:
    fix = "give addresses such as https://host/path, separated by spaces, with no user in them."
    return UsageError(Problem(what=what, why=why, fix=fix))


def _key(secret: str) -> bytes:
    """Return the bytes of a secret in the form of the Standard Webhooks."""
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(_PREFIX) or len(key) < _LEAST_KEY:
        raise UsageError(
            Problem(
                what=f"{WEBHOOK_SECRET} is missing, or is not `{_PREFIX}` and "
                f"{_LEAST_KEY} or more bytes in base64.",
                why="a receiver could not tell our notices from anybody's.",
                fix=f'make one with: echo "{_PREFIX}$(openssl rand -base64 32)"',
            )
        )
    return key
