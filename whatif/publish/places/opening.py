"""From an address to a place: protocols, credentials in a URL, content types, caching."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from whatif.base.errors import Problem, UsageError, did_you_mean
from whatif.base.secrets import login_of, redacted, without
from whatif.publish.places.local import LocalPlace
from whatif.publish.places.place import Place
from whatif.publish.places.remote import RemotePlace, told

_LOCAL = ("file", "local")
_S3 = ("s3", "s3a")
_GOOGLE = ("gs", "gcs")
# Names without folders: making one there could make a bucket.
_FLAT = (*_S3, *_GOOGLE, "abfs", "az", "memory")
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".xml": "application/atom+xml; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".svg": "image/svg+xml",
    "": "text/plain; charset=utf-8",
}


def open_place(where: str | Path) -> Place:
    """Return the place that an address names; nothing is reached or made yet.

    Credentials come from the backend's own settings; those in the address are passed on and never
    shown. A server that speaks S3 elsewhere is named by ``AWS_ENDPOINT_URL``.

    Parameters
    ----------
    where : str or Path
        A folder, or an address such as ``s3://bucket/site``.

    Raises
    ------
    UsageError
        If the protocol is not known, needs a package that is not installed, or is chained.

    Examples
    --------
    >>> open_place("reports/site").address
    'reports/site'
    >>> open_place("memory://site").address
    'memory://site'
    """
    address = str(where)
    scheme, separator, rest = address.partition("://")
    if isinstance(where, Path) or not separator:
        return LocalPlace(root=Path(where))
    protocol = scheme.lower()
    if protocol in _LOCAL:
        return LocalPlace(root=Path(unquote(rest)))
    shown, _, query = without(address).partition("?")
    if "::" in address or (query and protocol in _FLAT):
        more = "chains several places" if "::" in address else "has a part after '?'"
        raise UsageError(
            Problem(
                what=f"The address {shown} {more}.",
                why="the site would not stand where readers look.",
                fix="name the place alone, such as s3://bucket/site, and its settings in the "
                "environment.",
            )
        )
    return _remote(protocol, address)


def _remote(protocol: str, address: str) -> RemotePlace:
    kind = _filesystem(protocol)
    login = login_of(address)
    plain = address.replace(f"{login}@", "", 1) if login and protocol in _S3 else address
    options: dict[str, Any] = kind._get_kwargs_from_urls(plain)
    if protocol in _S3:
        options["max_concurrency"] = 1  # more would ask for the size before every read
    if protocol in _S3 and login:  # s3fs would take it for the bucket's name
        key, _, secret = login.partition(":")
        options |= {"key": unquote(key), "secret": unquote(secret)}
    shown, secrets = redacted(address).rstrip("/"), _secrets(address)
    with told(shown, secrets):  # some backends connect at once
        files = kind(**options, skip_instance_cache=True, use_listings_cache=False)
    return RemotePlace(
        address=shown,
        root=kind._strip_protocol(plain).rstrip("/"),
        files=files,
        headers=_HEADERS.get(protocol, _no_headers),
        in_folders=protocol not in _FLAT,
        secrets=secrets,
    )


def _filesystem(protocol: str) -> Any:  # noqa: ANN401  (fsspec has no types)
    from fsspec import get_filesystem_class
    from fsspec.registry import known_implementations

    try:
        return get_filesystem_class(protocol)
    except ImportError as error:
        extra = "pip install 'whatif[s3]'" if protocol in _S3 else str(error).strip().lower()
        raise UsageError(
            Problem(
                what=f"Addresses that start with {protocol}:// need a package that is missing.",
                why="the site cannot be written there without it.",
                fix=f"{extra}, or name a folder.",
            )
        ) from None
    except ValueError:
        raise UsageError(
            Problem(
                what=f"Addresses that start with {protocol}:// are not known.",
                why="nothing says how the site is written there.",
                fix=f"name a folder or another protocol; "
                f"{did_you_mean(protocol, list(known_implementations))}",
            )
        ) from None


def _secrets(address: str) -> tuple[str, ...]:
    given = [
        *login_of(address).split(":", 1),
        *(value for _, value in parse_qsl(urlsplit(address).query)),
    ]
    return tuple({text for one in given for text in (one, unquote(one)) if text})


def _type_of(name: str) -> str:
    return _TYPES.get(PurePosixPath(name).suffix, "application/octet-stream")


def _caching(name: str) -> str:
    """Return how long a browser may keep a file: what is named by its content, for ever."""
    return "max-age=31536000, immutable" if name.startswith("assets/") else "no-cache"


def _for_s3(name: str) -> Mapping[str, Any]:
    return {"ContentType": _type_of(name), "CacheControl": _caching(name)}


def _for_google(name: str) -> Mapping[str, Any]:
    return {
        "content_type": _type_of(name),
        "fixed_key_metadata": {"cache_control": _caching(name)},
    }


def _no_headers(name: str) -> Mapping[str, Any]:  # noqa: ARG001
    return {}


_HEADERS = {**dict.fromkeys(_S3, _for_s3), **dict.fromkeys(_GOOGLE, _for_google)}
