"""Addresses without their secrets, for everything that is printed, logged or published."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

# A password may hold a slash; a path without a colon before its "@" is no login.
_USER = re.compile(
    r"(?P<scheme>\b[a-z][a-z0-9+.-]*://)(?:[^\s/?#]*@|[^\s/?#:]*:[^\s?#]*@)", re.IGNORECASE
)
_HIDDEN = "…"


def redacted(address: str) -> str:
    """Return an address as it may be shown: no user, no password, no query, no path of a hook.

    Examples
    --------
    >>> redacted("postgresql://ann:secret@db.example:5432/shop?sslpassword=x#sessions")
    'postgresql://db.example:5432/shop?…#sessions'
    >>> redacted("s3://key:se/cret@bucket/site")
    's3://bucket/site'
    >>> redacted("reports/site")
    'reports/site'
    """
    if "://" not in address:
        return address
    bare = _USER.sub(lambda found: found["scheme"], address)
    before, mark, fragment = bare.partition("#")
    path, asked, _ = before.partition("?")
    return path + (f"?{_HIDDEN}" if asked else "") + mark + fragment


def login_of(address: str) -> str:
    """Return user and password of an address as they stand in it; a password may hold a slash.

    Examples
    --------
    >>> login_of("s3://key:se/cret@bucket/site")
    'key:se/cret'
    >>> login_of("s3://bucket/site")
    ''
    """
    found = _USER.match(address)
    return "" if found is None else found[0].removeprefix(found["scheme"]).removesuffix("@")


def host_of(address: str) -> str:
    """Return scheme and host alone: the path of a web hook is a secret too.

    Examples
    --------
    >>> host_of("https://hooks.example/services/T0/B0/token")
    'https://hooks.example'
    """
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def without(text: str, *secrets: str) -> str:
    """Return `text` with users and passwords in addresses, and the `secrets` themselves, hidden.

    Examples
    --------
    >>> without("no route to s3://key:hush@bucket/x with token abc", "abc")
    'no route to s3://bucket/x with token …'
    """
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, _HIDDEN)
    return _USER.sub(lambda found: found["scheme"], text)
