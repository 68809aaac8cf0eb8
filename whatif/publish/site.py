"""The site: runs, one page per study, a status file and a front page, in that order.

::

    SITE/<study>/runs/<run_id>/…    never overwritten while intact
    SITE/<study>/entry.json         what the front page knows about the study
    SITE/<study>/answer.json        the latest answer, for machines
    SITE/<study>/index.html         the latest page
    SITE/status.json                every study, for machines
    SITE/index.html                 the front page

Pointers move last, each in one rename, so a publish that dies leaves the last good pages up.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from whatif.base.errors import Problem, PublishError
from whatif.base.hashing import canonical_json
from whatif.publish.atomic import publishing, sweep, write_bytes, write_folder
from whatif.publish.lock import site_lock
from whatif.publish.run_folder import ANSWER, CHECKSUMS, is_intact, sums
from whatif.report.index_page import IndexEntry, StudyLine, render_index
from whatif.verdict.record import Decision

PAGE = "report.html"
# Only these leave the run folder: tables with a row per unit never reach a reader.
PUBLISHED = (PAGE, ANSWER, "scenario.json", "manifest.json")
ENTRY = "entry.json"
_FOLDER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """Where readers find a run.

    Attributes
    ----------
    page : Path
        The study's page, or the run's own page while it awaits review.
    index : Path
        The front page.
    awaiting_review : bool
        Whether the study's page still shows an earlier run.
    unchanged : bool
        Whether everything stood there already.
    """

    page: Path
    index: Path
    awaiting_review: bool
    unchanged: bool


def publish_run(
    run_folder: Path,
    site: Path,
    entry: IndexEntry,
    *,
    awaiting_review: bool = False,
    page: bytes | None = None,
) -> Published:
    """Put a run where readers look.

    Parameters
    ----------
    run_folder : Path
        An intact folder that ``write_run`` made.
    site : Path
        Root of the site; made when missing.
    entry : IndexEntry
        What the front page says about the run.
    awaiting_review : bool
        The run is listed as awaiting review and the study's page stays as it is.
    page : bytes, optional
        The study's page. Default: the run's own ``report.html``.

    Raises
    ------
    PublishError
        If the run folder is not intact or the site cannot be written; the last good pages stand.
    LockedError
        If another process keeps the site locked.
    """
    _require_folder_names(entry)
    if not is_intact(run_folder, (PAGE, ANSWER)):
        raise PublishError(
            Problem(
                what=f"The run folder {run_folder} is incomplete or was altered.",
                why="readers would see numbers that no run has made.",
                fix="run the study again; that rebuilds the folder.",
            )
        )
    with publishing(site):
        site.mkdir(parents=True, exist_ok=True)
    with site_lock(site), publishing(site):
        study = site / entry.study
        moved = [_copy_run(run_folder, study / "runs" / entry.run_id)]
        line = _next_line(_read_line(study / ENTRY), entry, awaiting_review=awaiting_review)
        if not awaiting_review:
            content = page if page is not None else (run_folder / PAGE).read_bytes()
            moved.append(write_bytes(study / ANSWER, (run_folder / ANSWER).read_bytes()))
            moved.append(write_bytes(study / "index.html", content))
        moved.append(write_bytes(study / ENTRY, _line_json(line)))
        moved.extend(_write_front(site))
    waits = line.awaiting is not None
    return Published(
        page=study / "runs" / entry.run_id / PAGE if waits else study / "index.html",
        index=site / "index.html",
        awaiting_review=waits,
        unchanged=not any(moved),
    )


def _require_folder_names(entry: IndexEntry) -> None:
    for name in (entry.study, entry.run_id):
        if not _FOLDER_NAME.fullmatch(name):
            raise PublishError(
                Problem(
                    what=f"{name!r} cannot be the name of a folder on the site.",
                    why="it could reach outside the site.",
                    fix="use letters, digits, '-' and '_' only.",
                )
            )


def _copy_run(run_folder: Path, target: Path) -> bool:
    names = [name for name in PUBLISHED if (run_folder / name).is_file()]
    files = {name: (run_folder / name).read_bytes() for name in names}
    if is_intact(target, names) and (target / CHECKSUMS).read_bytes() == sums(files):
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    sweep(target.parent)
    write_folder(target, {**files, CHECKSUMS: sums(files)})
    return True


def _next_line(before: StudyLine | None, entry: IndexEntry, *, awaiting_review: bool) -> StudyLine:
    latest = before.latest if before is not None else None
    if not awaiting_review:
        return StudyLine(latest=entry, awaiting=None)
    approved = latest is not None and latest.run_id == entry.run_id
    return StudyLine(latest=latest, awaiting=None if approved else entry)


def _write_front(site: Path) -> Iterator[bool]:
    lines = [
        line for path in sorted(site.glob(f"*/{ENTRY}")) if (line := _read_line(path)) is not None
    ]
    studies = {line.study: _status(line) for line in lines}
    status = {"schema": "status.v1", "studies": studies}
    yield write_bytes(site / "status.json", _json(status))
    yield write_bytes(site / "index.html", render_index(lines).encode())


def _status(line: StudyLine) -> dict[str, object]:
    latest, awaiting = line.latest, line.awaiting
    return {
        "run_id": None if latest is None else latest.run_id,
        "decision": None if latest is None else str(latest.decision),
        "data_to": None if latest is None or latest.data_to is None else str(latest.data_to),
        "awaiting_review": None if awaiting is None else awaiting.run_id,
    }


def _read_line(path: Path) -> StudyLine | None:
    if not path.is_file():
        return None
    try:
        return _line_from(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError) as error:
        raise PublishError(
            Problem(
                what=f"{path} cannot be read: {error}.",
                why="the front page would lose this study.",
                fix="remove the file and publish the study again.",
            )
        ) from error


def _line_from(stored: dict[str, Any]) -> StudyLine:
    latest, awaiting = _entry_from(stored["latest"]), _entry_from(stored["awaiting"])
    if latest is None and awaiting is None:
        raise ValueError("it names no run")
    return StudyLine(latest=latest, awaiting=awaiting)


def _entry_from(stored: dict[str, Any] | None) -> IndexEntry | None:
    if stored is None:
        return None
    day = stored["data_to"]
    typed = {
        "decision": Decision(stored["decision"]),
        "data_to": None if day is None else dt.date.fromisoformat(day),
    }
    return IndexEntry(**(stored | typed))


def _line_json(line: StudyLine) -> bytes:
    both = {"latest": line.latest, "awaiting": line.awaiting}
    return _json({key: None if one is None else _plain(one) for key, one in both.items()})


def _plain(entry: IndexEntry) -> dict[str, object]:
    return asdict(entry) | {"data_to": None if entry.data_to is None else str(entry.data_to)}


def _json(value: object) -> bytes:
    return f"{canonical_json(value)}\n".encode()
