"""The site: shared assets, runs, the pages of a study and the front page, put up in that order.

::

    SITE/assets/*                  named by their content, never changed
    SITE/<study>/runs/<run_id>/*   the run's page and downloads; SHA256SUMS comes last
    SITE/<study>/*                 history, comparison, answer; index.html comes last
    SITE/<study>/card.json         what the front page knows of the study
    SITE/status.json feed.xml index.html

Whatever a page links to stands before the page, so a publish that dies leaves pages that are old
or new, each whole, and the next one completes it. Nothing that stands there already is written
again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from whatif.base.errors import DataError, Problem, PublishError
from whatif.base.history import History, StudyCard
from whatif.base.readers import card_of
from whatif.contract.stored import from_json, to_json
from whatif.publish.places.place import Place
from whatif.publish.run_folder import ANSWER, CHECKSUMS, read_intact, sums
from whatif.report.site.blocks import run_note
from whatif.report.site_mode import ASSETS, fill, slots_in, split

PAGE = "report.html"
INDEX = "index.html"
CARD = "card.json"
PUBLISHED = (PAGE, ANSWER, "scenario.json", "manifest.json", "estimates.csv")
"""Only these leave the run folder: tables with a row per unit never reach a reader."""

Front = Callable[[Sequence[StudyCard]], Mapping[str, bytes]]
"""From every study's card to the files at the root of the site, their assets among them."""

# Of a study's pages, those that a later publish may no longer have.
_OPTIONAL = (INDEX, ANSWER, "explore.html", "compare.html")
_FOLDER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """Where readers find a study.

    Attributes
    ----------
    page : str
        The study's page; while a newer run awaits review, or there is no page, that run's own.
    front : str
        The front page.
    awaiting_review : bool
        Whether the study's page shows an earlier run than the newest.
    unchanged : bool
        Whether everything stood there already.
    files : mapping of str to bytes
        What stands on the site now: the pages and shared files, and the runs that were given.
    gone : tuple of str
        Pages that were removed.
    """

    page: str
    front: str
    awaiting_review: bool
    unchanged: bool
    files: Mapping[str, bytes]
    gone: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """What was put on the site, what was removed from it, and whether anything changed."""

    files: Mapping[str, bytes]
    gone: tuple[str, ...]
    changed: bool


def publish(
    place: Place,
    runs: Sequence[Path],
    history: History,
    *,
    files: Mapping[str, bytes],
    front: Front,
) -> Published:
    """Put runs, their study's pages and the front page where readers look.

    With every run of the history it sets up a moved site again. With none it renews the pages,
    e.g. after a sign-off or a failed attempt.

    Parameters
    ----------
    place : Place
        The site.
    runs : sequence of Path
        Intact run folders of this study that ``write_run`` made; those that stand on the site
        already are left alone.
    history : History
        What the pages say. The run it shows, and the one that awaits review, must be among `runs`
        or on the site.
    files : mapping of str to bytes
        The study's pages: names under its folder, and shared files under ``assets/``.
    front : callable
        Renders the files at the root from every study's card.

    Raises
    ------
    PublishError
        If a run folder is not intact, a card on the site cannot be read, or the place cannot be
        written; the last good pages stand.
    LockedError
        If another process keeps the site locked.
    """
    for name in (history.study, *(folder.name for folder in runs)):
        _require_folder_name(name)
    for folder in runs:
        _run_files(folder)
    with place.lock():
        require_runs(place, history, given={folder.name for folder in runs})
        root = front(cards_with(place, history))
        put = [_put_run(place, history.study, folder) for folder in runs]
        put.append(put_pages(place, history, files, root))
    waits = history.awaiting is not None
    shown = history.awaiting or history.shown
    own = f"{history.study}/runs/{shown}/{PAGE}"
    page = own if waits else f"{history.study}/{INDEX}" if shown is not None else INDEX
    return Published(
        page=f"{place.address}/{page}",
        front=f"{place.address}/{INDEX}",
        awaiting_review=waits,
        unchanged=not any(one.changed for one in put),
        files={name: content for one in put for name, content in one.files.items()},
        gone=put[-1].gone,
    )


def runs_on(place: Place, study: str) -> tuple[str, ...]:
    """Return the ids of the runs of a study that stand on the site, completely put up."""
    found = (name.split("/") for name in place.names(f"{study}/runs"))
    return tuple(parts[2] for parts in found if len(parts) == 4 and parts[3] == CHECKSUMS)  # noqa: PLR2004


def cards_with(place: Place, history: History) -> tuple[StudyCard, ...]:
    """Return every study's card by name: this study's from its history, others from the site.

    Raises
    ------
    PublishError
        If a card on the site cannot be read, or is another study's.
    """
    names = sorted({*place.folders(), history.study} - {ASSETS})
    cards = (
        card_of(history) if name == history.study else _read_card(place, name) for name in names
    )
    return tuple(card for card in cards if card is not None)


def put_pages(
    place: Place, history: History, files: Mapping[str, bytes], root: Mapping[str, bytes]
) -> Put:
    """Write a study's pages, its card and the front page, then remove what is no page any more.

    Hold the lock.

    Raises
    ------
    PublishError
        If the place cannot be read or written.
    """
    study, shown = history.study, history.shown
    pages = {name: content for name, content in files.items() if not _is_asset(name)}
    answer = None if shown is None else place.read(f"{study}/runs/{shown}/{ANSWER}")
    if answer is not None:
        pages.setdefault(ANSWER, answer)
    assets = {name: c for name, c in {**files, **root}.items() if _is_asset(name)}
    under = {f"{study}/{name}": pages[name] for name in sorted(pages, key=_pointers_last)}
    card = {f"{study}/{CARD}": f"{to_json(card_of(history))}\n".encode()}
    top = {name: root[name] for name in sorted(root, key=_pointers_last) if not _is_asset(name)}
    ordered = {**assets, **under, **card, **top}
    moved = [place.write(name, content) for name, content in ordered.items()]
    optional = [f"{study}/{name}" for name in _OPTIONAL if name not in pages]
    gone = tuple(name for name in optional if place.read(name) is not None)
    place.remove(gone)
    return Put(files=ordered, gone=gone, changed=any(moved) or bool(gone))


def _pointers_last(name: str) -> tuple[bool, bool, str]:
    return (name == INDEX, name.endswith(".xml"), name)


def _is_asset(name: str) -> bool:
    return name.startswith(f"{ASSETS}/")


def _put_run(place: Place, study: str, folder: Path) -> Put:
    files = _run_files(folder)
    page = split(files[PAGE].decode(), root="../../../")
    if "review" in slots_in(page.html):  # pages of older versions lack it
        page = replace(page, html=fill(page.html, {"review": run_note()}))
    files[PAGE] = page.html.encode()
    where = f"{study}/runs/{folder.name}"
    ordered = {
        **page.assets,
        **{f"{where}/{name}": content for name, content in files.items()},
        f"{where}/{CHECKSUMS}": sums(files),
    }
    moved = [place.write(name, content) for name, content in ordered.items()]
    return Put(files=ordered, gone=(), changed=any(moved))


def _run_files(folder: Path) -> dict[str, bytes]:
    files = read_intact(folder, PUBLISHED)
    if files is None or not {PAGE, ANSWER} <= files.keys():
        raise PublishError(
            Problem(
                what=f"The run folder {folder} is incomplete or was altered.",
                why="readers would see numbers that no run has made.",
                fix="run the study again; that rebuilds the folder.",
            )
        )
    return files


def require_runs(place: Place, history: History, *, given: Collection[str] = ()) -> None:
    """Refuse a history whose shown or waiting run is neither `given` nor on the site.

    Raises
    ------
    PublishError
        If there is such a run, or the place cannot be read.
    """
    for run_id in sorted({history.shown, history.awaiting} - {None, *given}, key=str):
        if place.read(f"{history.study}/runs/{run_id}/{CHECKSUMS}") is None:
            raise PublishError(
                Problem(
                    what=f"The run {run_id} of study {history.study!r} is not on the site.",
                    why="the study's pages would lead to a page that is missing.",
                    fix="publish that run too; `whatif publish` with the study's name does.",
                )
            )


def _require_folder_name(name: str) -> None:
    if not _FOLDER_NAME.fullmatch(name) or name == ASSETS:
        raise PublishError(
            Problem(
                what=f"{name!r} cannot be the name of a folder on the site.",
                why="it could reach outside the site, or hide its shared files.",
                fix="use letters, digits, '-' and '_' only, and not the name of the assets.",
            )
        )


def _read_card(place: Place, study: str) -> StudyCard | None:
    name = f"{study}/{CARD}"
    content = place.read(name)
    if content is None:
        return None
    shown = f"{place.address}/{name}"
    try:
        card = from_json(StudyCard, content, shown=shown)
    except DataError as error:
        what = error.problems[0].what
    else:
        if card.study == study:
            return card
        what = f"{shown} is the card of study {card.study!r}."
    raise PublishError(
        Problem(
            what=what,
            why="the front page would lose this study.",
            fix=f"remove the file and publish the study {study!r} again.",
        )
    )
