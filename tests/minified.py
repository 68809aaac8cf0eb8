"""The scripts of a page in few bytes: ``make scripts`` makes each ``.min.js`` from its source."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

SCRIPTS = ("whatif", "page", "site/site", "explore")


def script_file(name: str, ending: str) -> Path:
    """Return where a script stands."""
    return Path(str(files("whatif.report"))) / "templates" / f"{name}.{ending}"


def minified(name: str) -> str:
    """Return a script without what a browser does not need, one line at the end of the file."""
    import minify

    source = script_file(name, "js").read_text(encoding="utf-8")
    made: str = minify.string("application/javascript", source)
    return f"{made}\n"


if __name__ == "__main__":
    for one in SCRIPTS:
        script_file(one, "min.js").write_text(minified(one), encoding="utf-8")
