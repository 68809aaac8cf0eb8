"""What follows a run: the study's pages put where readers look, and people told."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from whatif.base.errors import Problem, PublishError
from whatif.base.history import History
from whatif.contract.spec import StudySpec
from whatif.publish.audit.anchor import require_known_head
from whatif.publish.audit.entry import audit_key
from whatif.publish.audit.record import is_as_recorded, place_name, published_runs, record_publish
from whatif.publish.audit.trail import sound_entries
from whatif.publish.notices.channels import Channels, channels_from
from whatif.publish.notices.events import events
from whatif.publish.notices.heartbeat import ping
from whatif.publish.notices.sending import send_notices
from whatif.publish.notices.state import StudyState, state_of
from whatif.publish.places.opening import open_place
from whatif.publish.places.place import Place
from whatif.publish.run_folder import ANSWER, read_intact
from whatif.publish.site import CARD, PAGE, PUBLISHED, Published, publish, runs_on
from whatif.publish.staleness import staleness
from whatif.publish.store.importing import import_runs
from whatif.publish.store.records import moment
from whatif.publish.store.run_store import RunStore
from whatif.report.site.files import front_files, study_files
from whatif.run.forms import charts_of
from whatif.run.history import history_of, store_of, with_change
from whatif.run.making import Clock

CHARTS = "explore.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Publisher:
    """One study's way to its readers.

    Attributes
    ----------
    out : Path
        Where runs stand.
    spec : StudySpec
        The study, as its file or its newest run has it.
    place : Place or None
        The site; None where nothing is published.
    store : RunStore
        What was tried, made and told.
    channels : Channels
        Whom to tell.
    key : bytes or None
        Seals the audit trail.
    clock : callable
        The present moment.
    damaged : tuple of str
        Run folders that a new store could not read.
    """

    out: Path
    spec: StudySpec
    place: Place | None
    store: RunStore
    channels: Channels
    key: bytes | None
    clock: Clock
    damaged: tuple[str, ...] = ()

    @property
    def runs(self) -> Path:
        """Folder of the study's run folders."""
        return self.out / self.spec.study / "runs"

    def history(self, *, good_at: dt.datetime | None = None) -> History:
        """Return what is known of the study; `good_at` is the moment of a run just made."""
        return history_of(self.out, self.spec, store=self.store, good_at=good_at)

    def state(self, history: History) -> StudyState:
        """Return the study at this moment, as far as notices care."""
        where = {} if history.shown is None else {history.shown: self._where(history.shown)}
        return state_of(history, stale=staleness(history, self.clock()), where=where)

    def _where(self, run_id: str) -> str:
        answer = (read_intact(self.runs / run_id, (ANSWER,)) or {}).get(ANSWER)
        return "" if answer is None else str(json.loads(answer)["verdict"]["where"])

    def put_up(
        self, history: History, *, again: bool = False, explore: bool = False
    ) -> Published | None:
        """Put the study's pages, and every run of it that is missing there, on the site.

        With `again` every run is put up once more, which mends what was altered there. A study has
        a page of charts from the first time that somebody asks to `explore`.

        Raises
        ------
        PublishError
            If a run readers are shown was altered, or the site cannot be read or written; the last
            good pages stand.
        LockedError
            If another process keeps the site locked.
        """
        if self.place is None:
            return None
        require_known_head(self.place, self.out, history.study)
        now = self.clock()
        told = _dated(with_change(self.out, history, store=self.store), now)
        done = publish(
            self.place,
            self._folders(told, self.place, again=again),
            told,
            files=self.pages(told, explore=explore),
            front=partial(front_files, base_url=self.channels.site_url),
        )
        if told.shown is not None:
            self.store.published(told.study, told.shown, place=self.place.address, now=now)
        self.record_pages(told, done.files, gone=done.gone)
        return done

    def record_pages(
        self, history: History, files: Mapping[str, bytes], *, gone: Sequence[str]
    ) -> None:
        """Record in the audit trail what readers find on the site."""
        assert self.place is not None  # noqa: S101  (it was just written)
        record_publish(
            self.out,
            history.study,
            history.shown or "",
            place=self.place.address,
            files=files,
            gone=gone,
            now=self.clock(),
            key=self.key,
        )

    def is_on_site(self) -> bool:
        """Return whether the site has this study."""
        return self.place is not None and self.place.read(f"{self.spec.study}/{CARD}") is not None

    def _folders(self, history: History, place: Place, *, again: bool) -> list[Path]:
        """Return the run folders to put up; altered ones are left out, or refused if needed.

        A run that a process put up, and died before it could record it, counts as lacking.
        """
        entries = sound_entries(self.out, history.study)
        there: frozenset[str] = frozenset()
        if not again:
            name = place_name(self.out, place.address)
            recorded = published_runs(entries, history.study, name)
            there = recorded & set(runs_on(place, history.study))
        needed = {history.shown, history.awaiting}
        folders = [self.runs / run.line.run_id for run in history.runs]
        sound = {
            folder.name
            for folder in folders
            if folder.name not in there or folder.name in needed
            if is_as_recorded(folder, entries)
        }
        altered = sorted(needed - sound - {None}, key=str)
        if altered:
            raise _altered(self.runs / str(altered[0]))
        return [folder for folder in folders if folder.name in sound - there]

    def pages(self, history: History, *, explore: bool = False) -> dict[str, bytes]:
        """Return the study's pages by name."""
        review = self.spec.review.required
        if history.shown is None:
            return study_files(None, history, review_required=review)
        folder = self.runs / history.shown
        there = [name for name in PUBLISHED if name != PAGE and (folder / name).is_file()]
        page = (read_intact(folder, (PAGE,)) or {}).get(PAGE)
        if page is None:
            raise _altered(folder)
        charts = charts_of(folder, history) if explore or self._has_charts() else {}
        pages = study_files(
            page.decode(), history, review_required=review, downloads=there, explore=bool(charts)
        )
        return charts | pages

    def _has_charts(self) -> bool:
        return self.place is not None and self.place.read(f"{self.spec.study}/{CHARTS}") is not None

    def tell(self, before: StudyState, after: History, *, good: bool = True) -> tuple[Problem, ...]:
        """Send what happened since `before`, and the heartbeat; return whom it did not reach."""
        missed = ping(self.channels, good=good)
        untold = self.notify(before, after)
        return untold if missed is None else (*untold, missed)

    def notify(self, before: StudyState, after: History) -> tuple[Problem, ...]:
        """Send what happened since `before`; return whom it did not reach."""
        found = events(before, self.state(after))
        return send_notices(
            found, channels=self.channels, outbox=self.store.outbox, clock=self.clock
        ).failed


def _altered(folder: Path) -> PublishError:
    return PublishError(
        Problem(
            what=f"The run folder {folder} is damaged, or is not what was recorded.",
            why="readers would see numbers that no run has made.",
            fix="see `whatif audit verify`, then run the study again with --force.",
        )
    )


def _dated(history: History, now: dt.datetime) -> History:
    """Return a history in which the run that readers are now shown has the moment of it."""
    runs = tuple(
        replace(run, published_at=moment(now))
        if run.line.run_id == history.shown and run.published_at is None
        else run
        for run in history.runs
    )
    return replace(history, runs=runs)


@contextmanager
def publisher(
    out: Path, spec: StudySpec, *, site: Path | str | None, clock: Clock
) -> Iterator[Publisher]:
    """Open a study's store, its site and the channels that the environment names.

    Parameters
    ----------
    out : Path
        Folder of studies and their runs.
    spec : StudySpec
        The study.
    site : path or URL, optional
        None: nothing is published and nobody told.
    clock : callable
        The present moment.

    Raises
    ------
    UsageError
        If an address, or the key of the audit trail, cannot be used.
    LockedError, PublishError
        If the store cannot be opened.
    """
    channels = Channels() if site is None else channels_from(os.environ)
    key = audit_key(os.environ)
    place = None if site is None else open_place(site)
    with store_of(out) as store:
        store.settle(now=clock())
        yield Publisher(
            out=out,
            spec=spec,
            place=place,
            store=store,
            channels=channels,
            key=key,
            clock=clock,
            damaged=import_runs(store, out),
        )
