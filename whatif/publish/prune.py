"""Removing old runs: from the site, its pages first, and from the folder of runs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from whatif.base.history import History
from whatif.publish.atomic import publishing, remove_folder, sweep
from whatif.publish.places.place import Place
from whatif.publish.run_folder import ANSWER, CHECKSUMS, LATEST
from whatif.publish.site import Front, cards_with, put_pages, require_runs
from whatif.report.site_mode import ASSETS

_TEXTS = (".html", ".css", ".js", ".xml", ".svg")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What was removed from a site, and what its pages are now.

    Attributes
    ----------
    runs : tuple of str
        Ids of the runs whose folders went.
    gone : tuple of str
        Every file that went: of runs, pages, and shared files that nothing loads any more.
    files : mapping of str to bytes
        The pages and shared files that were put up.
    """

    runs: tuple[str, ...]
    gone: tuple[str, ...]
    files: Mapping[str, bytes]


def kept(history: History, keep: Collection[str]) -> History:
    """Return the history of the runs that stay: those of `keep`, and those that must not go.

    These are the run that readers are shown, the one that awaits review, and the one that a
    person signed last. Render the pages for :func:`prune` from what this returns.
    """
    signed = [run for run in history.runs if run.sign_off is not None]
    last = max(
        signed, key=lambda run: "" if run.sign_off is None else run.sign_off.at, default=None
    )
    stay = {*keep, history.shown, history.awaiting, last.line.run_id if last else None}
    return replace(history, runs=tuple(run for run in history.runs if run.line.run_id in stay))


def prune(place: Place, history: History, *, files: Mapping[str, bytes], front: Front) -> Pruned:
    """Remove a study's other runs from the site, and shared files that no page loads any more.

    First the pages stop leading to the runs, then the runs go, then the shared files; when it
    dies on the way, do it again.

    Parameters
    ----------
    place : Place
        The site.
    history : History
        What :func:`kept` returned: its runs stay.
    files : mapping of str to bytes
        The study's pages, rendered from `history`; as for ``publish``.
    front : callable
        As for ``publish``.

    Raises
    ------
    PublishError
        If the place cannot be read or written, or a card on it cannot be read.
    LockedError
        If another process keeps the site locked.
    """
    stay = {history.shown, history.awaiting, *(run.line.run_id for run in history.runs)}
    with place.lock():
        require_runs(place, history)
        root = front(cards_with(place, history))
        put = put_pages(place, history, files, root)
        there = place.names(f"{history.study}/runs")
        # Sums first: what is left when this dies no longer passes for a run.
        going = sorted(
            (name for name in there if name.split("/")[2] not in stay),
            key=lambda name: (not name.endswith(f"/{CHECKSUMS}"), name),
        )
        place.remove(going)
        assets = _unused(place)
        place.remove(assets)
    return Pruned(
        runs=tuple(sorted({name.split("/")[2] for name in going})),
        gone=(*put.gone, *going, *assets),
        files=put.files,
    )


def _unused(place: Place) -> tuple[str, ...]:
    """Return the shared files whose name stands in no page, sheet or script of the site."""
    names = place.names()
    unseen = {name for name in names if name.startswith(f"{ASSETS}/")}
    for text in _texts(place, names):
        unseen -= {name for name in unseen if PurePosixPath(name).name.encode() in text}
        if not unseen:
            break
    return tuple(sorted(unseen))


def _texts(place: Place, names: tuple[str, ...]) -> Iterator[bytes]:
    """Yield what may load a shared file, the pages that change most first."""
    texts = [name for name in names if PurePosixPath(name).suffix in _TEXTS]
    for name in sorted(texts, key=lambda name: (name.count("/"), name)):
        yield place.read(name) or b""


def prune_runs(out: Path, study: str, keep: Collection[str]) -> tuple[str, ...]:
    """Remove run folders under ``OUT/<study>/runs``; call it holding ``study_lock(out, study)``.

    The run that ``latest`` names stays, and so does anything that is not a run. A process that
    dies on the way leaves each run whole or gone.

    Returns
    -------
    tuple of str
        Ids of the runs that were removed, sorted.

    Raises
    ------
    PublishError
        If the folder cannot be read or written.
    """
    runs = out / study / "runs"
    removed = []
    with publishing(runs):
        if not runs.is_dir():
            return ()
        sweep(runs)
        pointer = runs / LATEST
        latest = pointer.read_text(encoding="utf-8").strip() if pointer.is_file() else None
        for folder in sorted(runs.iterdir()):
            if folder.name in {*keep, latest} or not _is_run(folder):
                continue
            remove_folder(folder)
            removed.append(folder.name)
    return tuple(removed)


def _is_run(folder: Path) -> bool:
    return any((folder / name).is_file() for name in (ANSWER, CHECKSUMS))
