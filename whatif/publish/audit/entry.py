"""One entry of an audit trail: a line of JSON that holds the hash of the line before it."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, Literal

from whatif.base.errors import Problem, UsageError
from whatif.base.hashing import canonical_json, of_bytes

Kind = Literal["plan", "run", "publish", "sign", "prune", "rewind", "seal"]
KEY = "WHATIF_AUDIT_KEY"
_LEAST_KEY = 16
_SHAPES: dict[Kind, dict[str, type]] = {
    "plan": {"hash": str, "plan": dict, "runs_before": int, "seen": list},
    "run": {"run_id": str, "sums": str, "content": str},
    "publish": {"run_id": str, "place": str, "files": dict, "gone": list},
    "sign": {"sign_off": dict, "content": str},
    "prune": {"runs": list, "place": str, "gone": list},
    "rewind": {"run_id": str, "by": str, "note": str, "after": int},
    "seal": {"by": str, "entries": int, "head": str},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry.

    Attributes
    ----------
    n : int
        Its place, from 1.
    at : str
        Moment, ISO 8601 in UTC.
    kind : str
        What happened.
    content : mapping
        Plain values.
    previous, hash : str
        Hash of the entry before, and of this one together with it.
    seal : str
        Keyed hash of `hash`; empty where no key was set.
    """

    n: int
    at: str
    kind: Kind
    content: Mapping[str, Any]
    previous: str
    hash: str
    seal: str = ""


def first_link(study: str) -> str:
    """Return what the first entry of a study follows, so that a trail belongs to one name."""
    return of_bytes(b"audit trail", study.encode())


def made(
    previous: str,
    *,
    n: int,
    at: str,
    kind: Kind,
    content: Mapping[str, Any],
    key: bytes | None = None,
) -> Entry:
    """Return an entry with its hash, sealed where there is a key."""
    own = _hash(previous, n=n, at=at, kind=kind, content=content)
    return Entry(
        n=n,
        at=at,
        kind=kind,
        content=content,
        previous=previous,
        hash=own,
        seal="" if key is None else seal_of(own, key),
    )


def line_of(entry: Entry) -> bytes:
    """Return an entry as one line, its end included."""
    stored = {field.name: getattr(entry, field.name) for field in fields(entry)}
    if not entry.seal:
        del stored["seal"]
    return f"{canonical_json(stored)}\n".encode()


@lru_cache(maxsize=10_000)  # a command reads its trail many times
def parsed(line: bytes) -> Entry:
    """Return the entry in a line; every byte of it is checked.

    Raises
    ------
    ValueError
        If it is not, byte for byte, what `line_of` wrote, or its hash is not its own.
    """
    try:
        stored = json.loads(line.decode())
        entry = Entry(**stored)
        same = line_of(entry) == line + b"\n"
        own = _hash(entry.previous, n=entry.n, at=entry.at, kind=entry.kind, content=entry.content)
    except (TypeError, AttributeError, RecursionError) as error:
        raise ValueError("not an entry") from error
    if not same or entry.hash != own or not _well_formed(entry):
        raise ValueError("altered")
    return entry


def seal_of(own: str, key: bytes) -> str:
    """Return the keyed hash of an entry's hash, which nobody without the key can make."""
    return hmac.new(key, own.encode(), hashlib.sha256).hexdigest()


def is_sealed_by(entry: Entry, key: bytes) -> bool:
    """Return whether an entry bears the seal of this key."""
    return hmac.compare_digest(entry.seal.encode(), seal_of(entry.hash, key).encode())


def audit_key(environment: Mapping[str, str]) -> bytes | None:
    """Return the key that seals entries, from ``WHATIF_AUDIT_KEY``: hex digits, or any text.

    Raises
    ------
    UsageError
        If it is shorter than 16 bytes.

    Examples
    --------
    >>> audit_key({}) is None
    True
    """
    text = environment.get(KEY, "")
    if not text:
        return None
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = text.encode()
    if len(key) < _LEAST_KEY:
        raise UsageError(
            Problem(
                what=f"{KEY} is shorter than {_LEAST_KEY} bytes.",
                why="a short key can be guessed, and the seal would prove nothing.",
                fix="make one with `openssl rand -hex 32`.",
            )
        )
    return key


def _well_formed(entry: Entry) -> bool:
    shape = _SHAPES.get(entry.kind)
    if shape is None or not isinstance(entry.content, dict):
        return False
    if dt.datetime.fromisoformat(entry.at).tzinfo is None:
        return False
    return all(isinstance(entry.content.get(name), kind) for name, kind in shape.items())


def _hash(previous: str, *, n: int, at: str, kind: Kind, content: Mapping[str, Any]) -> str:
    said = canonical_json({"n": n, "at": at, "kind": kind, "content": content})
    return of_bytes(previous.encode(), said.encode())
