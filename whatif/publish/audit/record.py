"""What a trail is told of runs and pages, and what it says of them when it is read."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from whatif.base.errors import Problem, PublishError
from whatif.base.secrets import redacted
from whatif.publish.atomic import publishing
from whatif.publish.audit.entry import Entry
from whatif.publish.audit.trail import writing
from whatif.publish.run_folder import CHECKSUMS, is_intact

TIMINGS = "timings.json"
"""The one file of a run that may differ between equal runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A run as the trail knows it.

    Attributes
    ----------
    run_id : str
        The run.
    sums : str
        SHA-256 of its file of sums.
    content : str
        The same without timings: equal for equal answers.
    """

    run_id: str
    sums: str
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RewoundTo:
    """The last word that readers shall see another run, and how many runs there were by then."""

    run_id: str
    by: str
    at: str
    note: str
    after: int


def place_name(out: Path, address: str) -> str:
    """Return what a trail calls a site: its address without secrets or, of a folder, its path.

    A path within `out` is named from there, so that it stays the same however the folder is
    spelled and wherever it is moved.

    Examples
    --------
    >>> place_name(Path("reports"), "reports/site"), place_name(Path("."), "s3://k:s@bucket/x")
    ('site', 's3://bucket/x')
    """
    if "://" in address:
        return redacted(address)
    folder, home = Path(address).resolve(), out.resolve()
    return (folder.relative_to(home) if folder.is_relative_to(home) else folder).as_posix()


def record_run(
    out: Path,
    study: str,
    run_id: str,
    *,
    now: dt.datetime,
    fresh: bool,
    key: bytes | None = None,
) -> None:
    """Record a run that was put in place; what is recorded already is not recorded again.

    Parameters
    ----------
    out, study, run_id
        Where it stands.
    now : datetime
        With a zone.
    fresh : bool
        Whether this process has just written the folder. If not, its content must be what was
        recorded before: otherwise somebody altered it, file of sums included.
    key : bytes, optional
        Seals the entry.

    Raises
    ------
    PublishError
        If the folder is damaged or is not what was recorded.
    """
    folder = out / study / "runs" / run_id
    with writing(out, study, key=key) as trail:
        found = run_content(folder)
        known = recorded_runs(trail.entries).get(run_id)
        if found is None or not (fresh or known is None or known == found):
            raise PublishError(
                Problem(
                    what=f"The run folder {folder} is damaged, or is not what was recorded.",
                    why="its numbers may have been altered after they were made.",
                    fix="see `whatif audit verify`, then run the study again with --force.",
                )
            )
        if known != found:
            content = {"run_id": run_id, "sums": found.sums, "content": found.content}
            trail.add("run", content, now=now)


def record_publish(
    out: Path,
    study: str,
    run_id: str,
    *,
    place: str,
    files: Mapping[str, bytes],
    gone: Iterable[str] = (),
    now: dt.datetime,
    key: bytes | None = None,
) -> None:
    """Record what readers find; nothing is recorded where nothing has changed.

    Parameters
    ----------
    out, study, run_id
        The run that is shown.
    place : str
        Address of the site; its secrets are left out.
    files : mapping of str to bytes
        Files as they stand on the site, named from its root: pages of the study, its runs,
        assets, and the front page with its companions.
    gone : iterable of str
        Files that were removed.
    now : datetime
        With a zone.
    key : bytes, optional
        Seals the entry.
    """
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    shown = place_name(out, place)
    with writing(out, study, key=key) as trail:
        known = published_files(trail.entries, shown)
        moved = {name: digest for name, digest in digests.items() if known.get(name) != digest}
        left = sorted(set(gone) & known.keys())
        if not moved and not left:
            return
        front = {name: digest for name, digest in digests.items() if "/" not in name}
        content = {"run_id": run_id, "place": shown, "files": moved | front, "gone": left}
        trail.add("publish", content, now=now)


def record_prune(
    out: Path,
    study: str,
    runs: Sequence[str],
    *,
    place: str = "",
    gone: Iterable[str] = (),
    now: dt.datetime,
    key: bytes | None = None,
) -> None:
    """Record that old runs were removed, before they are.

    Parameters
    ----------
    out, study
        Whose runs.
    runs : sequence of str
        Runs whose folders under `out` are removed; empty where only the site is pruned.
    place : str
        Address of the site that `gone` was removed from.
    gone : iterable of str
        Files of the site, named from its root.
    now : datetime
        With a zone.
    key : bytes, optional
        Seals the entry.
    """
    with writing(out, study, key=key) as trail:
        content = {"runs": list(runs), "place": place_name(out, place), "gone": sorted(gone)}
        trail.add("prune", content, now=now)


def record_rewind(
    out: Path,
    study: str,
    run_id: str,
    *,
    by: str,
    note: str,
    after: int,
    now: dt.datetime,
    key: bytes | None = None,
) -> None:
    """Record a person's word that readers shall see an earlier run; `after` counts runs made."""
    with writing(out, study, key=key) as trail:
        content = {"run_id": run_id, "by": by, "note": note, "after": after}
        trail.add("rewind", content, now=now)


def run_content(folder: Path) -> Recorded | None:
    """Return the digests of an intact run folder; None where it is missing or altered.

    Raises
    ------
    PublishError
        If its file of sums is there and cannot be read.
    """
    if not is_intact(folder):
        return None
    with publishing(folder):
        sums = (folder / CHECKSUMS).read_bytes()
    lasting = [line for line in sums.splitlines() if not line.endswith(b"  " + TIMINGS.encode())]
    return Recorded(
        run_id=folder.name,
        sums=hashlib.sha256(sums).hexdigest(),
        content=hashlib.sha256(b"\n".join(lasting)).hexdigest(),
    )


def is_as_recorded(folder: Path, entries: Iterable[Entry]) -> bool:
    """Return whether a run folder is intact and, where the trail knows it, what was recorded.

    Raises
    ------
    PublishError
        If its file of sums is there and cannot be read.
    """
    found, known = run_content(folder), recorded_runs(entries).get(folder.name)
    return found is not None and known in {None, found}


def recorded_runs(entries: Iterable[Entry]) -> dict[str, Recorded]:
    """Return the runs that were made and not pruned, in the order they were last made."""
    known: dict[str, Recorded] = {}
    for entry in entries:
        if entry.kind == "run":
            run_id = entry.content["run_id"]
            known.pop(run_id, None)
            known[run_id] = Recorded(
                run_id=run_id, sums=entry.content["sums"], content=entry.content["content"]
            )
        elif entry.kind == "prune":
            for run_id in entry.content["runs"]:
                known.pop(run_id, None)
    return known


def published_files(entries: Iterable[Entry], place: str) -> dict[str, str]:
    """Return the SHA-256 of every file that should stand at a place, by name."""
    known: dict[str, str] = {}
    for entry in entries:
        if entry.kind in {"publish", "prune"} and entry.content["place"] == place:
            known.update(entry.content.get("files", {}))
            for name in entry.content["gone"]:
                known.pop(name, None)
    return known


def published_runs(entries: Iterable[Entry], study: str, place: str) -> frozenset[str]:
    """Return the runs whose own pages the trail knows at a place.

    A run that stands there without being among them was put up by a publish that died before it
    was recorded; put it up again, which writes nothing, and record it.
    """
    under = f"{study}/runs/"
    known = published_files(entries, redacted(place))
    return frozenset(n.removeprefix(under).partition("/")[0] for n in known if n.startswith(under))


def last_rewind(entries: Iterable[Entry]) -> RewoundTo | None:
    """Return the last word that readers shall see another run; None where nobody said so."""
    said = [entry for entry in entries if entry.kind == "rewind"]
    if not said:
        return None
    last = said[-1].content
    return RewoundTo(
        run_id=last["run_id"],
        by=last["by"],
        at=said[-1].at,
        note=last["note"],
        after=last["after"],
    )


def made_since_rewind(entries: Iterable[Entry]) -> frozenset[str]:
    """Return the runs that were made, or made again, after the last word of that kind."""
    made: set[str] = set()
    for entry in entries:
        if entry.kind == "rewind":
            made.clear()
        elif entry.kind == "run":
            made.add(entry.content["run_id"])
    return frozenset(made)
