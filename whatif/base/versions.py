"""Which code and which libraries made an answer."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from whatif.base.hashing import of_bytes

_NAMED = (
    "dowhy",
    "econml",
    "lightgbm",
    "numpy",
    "pandas",
    "pyarrow",
    "scikit-learn",
    "scipy",
    "whatif",
)


def package_versions() -> tuple[tuple[str, str], ...]:
    """Return (package, version) of every library that moves a number, sorted."""
    return tuple((name, version(name)) for name in _NAMED)


def code_hash() -> str:
    """Return the sha256 of the package's own sources, names included."""
    root = Path(__file__).parents[1]
    files = sorted(p for p in root.rglob("*") if p.suffix in {".py", ".j2", ".css", ".js"})
    names = (path.relative_to(root).as_posix().encode() for path in files)
    pairs = zip(names, (path.read_bytes() for path in files), strict=True)
    return of_bytes(*(part for pair in pairs for part in pair))
