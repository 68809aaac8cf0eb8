"""Content hashes: equal content gives equal keys on every machine."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any


def of_bytes(*parts: bytes | memoryview) -> str:
    """Return the sha256 hex digest of length-prefixed `parts`."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(memoryview(part).nbytes.to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


def of_json(value: Any) -> str:  # noqa: ANN401  (any JSON value)
    """Return the sha256 of `value` as canonical JSON (sorted keys, no spaces)."""
    return of_bytes(canonical_json(value).encode())


def canonical_json(value: Any) -> str:  # noqa: ANN401  (any JSON value)
    """Return `value` as JSON with sorted keys and no spaces; NaN is an error."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False
    )


def of_files(paths: list[Path]) -> str:
    """Return the sha256 of file names and bytes, sorted by name."""
    digest = hashlib.sha256()
    for path in sorted(paths, key=lambda p: p.name):
        digest.update(path.name.encode() + b"\0")
        with path.open("rb") as handle:
            digest.update(hashlib.file_digest(handle, "sha256").digest())
    return digest.hexdigest()
