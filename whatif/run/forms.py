"""A stored run in the form that somebody asks for: its page, a PDF, JSON or CSV."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from whatif.base.errors import Problem, PublishError, UsageError, did_you_mean
from whatif.base.history import History
from whatif.publish.atomic import publishing, write_bytes
from whatif.publish.run_folder import ANSWER, find_run, read_intact
from whatif.report.estimates_csv import estimates_csv
from whatif.report.explore import explore_files
from whatif.report.pdf import pdf_of
from whatif.run.history import spec_of
from whatif.run.scenario_file import FILE as SCENARIO

_PAGE = "report.html"


def as_html(run_folder: Path) -> bytes:
    """Return the page of a stored run: one file, style and script inside.

    Raises
    ------
    PublishError
        If the page is gone or was altered.
    """
    return _stored(run_folder, _PAGE)


def as_pdf(run_folder: Path) -> bytes:
    """Return the page of a stored run as a PDF file.

    Raises
    ------
    PublishError
        If the page is gone or was altered.
    UsageError
        If WeasyPrint or a library it needs is missing.
    """
    return pdf_of(_stored(run_folder, _PAGE).decode())


def as_json(run_folder: Path) -> bytes:
    """Return the answer of a stored run, at full precision.

    Raises
    ------
    PublishError
        If the answer is gone or was altered.
    """
    return _stored(run_folder, ANSWER)


def as_csv(run_folder: Path) -> bytes:
    """Return every estimate of a stored run, of this version or an older one.

    Raises
    ------
    PublishError
        If the answer is gone or was altered.
    """
    return estimates_csv(json.loads(_stored(run_folder, ANSWER))).encode()


def charts_of(run_folder: Path, history: History | None = None) -> dict[str, bytes]:
    """Return the page of charts of a stored run, ``explore.html``, and the files that it shares.

    Parameters
    ----------
    run_folder : Path
        The run that readers are shown.
    history : History, optional
        The study's runs, for the estimates over time.

    Returns
    -------
    dict of str to bytes
        As ``explore_files`` returns them: empty where the verdict is withheld.

    Raises
    ------
    PublishError
        If the answer or the scenario file is gone or was altered.
    """
    scenario = (run_folder / SCENARIO).is_file()
    return explore_files(
        json.loads(_stored(run_folder, ANSWER)),
        spec_of(run_folder),
        scenario=_stored(run_folder, SCENARIO).decode() if scenario else None,
        history=history,
    )


FORMS: Mapping[str, Callable[[Path], bytes]] = MappingProxyType(
    {"html": as_html, "pdf": as_pdf, "json": as_json, "csv": as_csv}
)
"""What ``whatif report RUN --as`` takes, in the order its help names them."""


def report_of(ref: str, *, kind: str, out: Path) -> bytes:
    """Return a stored run in one of :data:`FORMS`.

    Raises
    ------
    UsageError
        If there is no such run or form, or the form needs a package that is not installed.
    PublishError
        If the run's file is gone or was altered.
    """
    if kind not in FORMS:
        raise UsageError(
            Problem(
                what=f"A run cannot be had as {kind!r}.",
                why="nothing would be written.",
                fix=f"give one of {', '.join(FORMS)} after --as; {did_you_mean(kind, list(FORMS))}",
            )
        )
    return FORMS[kind](find_run(out, ref))


def write_report(content: bytes, into: Path) -> None:
    """Write a report to a file in one step.

    Raises
    ------
    PublishError
        If it cannot be written; what stood there then still stands.
    """
    with publishing(into):
        write_bytes(into, content)


def _stored(run_folder: Path, name: str) -> bytes:
    content = (read_intact(run_folder, (name,)) or {}).get(name)
    if content is None:
        raise PublishError(
            Problem(
                what=f"{name} of run {run_folder.name} is gone, or not what the run wrote.",
                why="readers would see numbers that no run has made.",
                fix="run the study again; that rebuilds the folder.",
            )
        )
    return content
