"""The run store held against the run folders: what history and front page say of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from whatif.base.audit import Finding
from whatif.base.errors import DataError
from whatif.base.history import RunLine
from whatif.contract.stored import from_json, to_json
from whatif.publish.audit.entry import Entry
from whatif.publish.run_folder import read_intact

ENTRY = "entry.json"


def check_store(
    out: Path, study: str, entries: Sequence[Entry], lines: Mapping[str, str]
) -> Iterator[Finding]:
    """Yield the runs of which the store says something else than their own folder does.

    A folder that is missing or altered is a finding of its own and is not compared. A run that the
    trail has never heard of, and that has no folder, exists in the store only.

    Parameters
    ----------
    out, study, entries
        The study, and its trail.
    lines : mapping of str to str
        What the store has, as JSON, by run id.
    """
    made = {entry.content["run_id"] for entry in entries if entry.kind == "run"}
    for run_id, line in sorted(lines.items()):
        folder = out / study / "runs" / run_id
        invented = bool(entries) and run_id not in made and not folder.is_dir()
        if invented or not _agrees(folder, line):
            yield Finding(code="store_altered", study=study, subject=run_id)


def _agrees(folder: Path, line: str) -> bool:
    """Compare as records: a line from before a field existed has its default."""
    entry = (read_intact(folder, (ENTRY,)) or {}).get(ENTRY)
    if entry is None:
        return True  # said where the folder is checked
    try:
        return _record(entry) == _record(line)
    except DataError:
        return False


def _record(text: str | bytes) -> str:
    return to_json(from_json(RunLine, text, shown="a run"))
