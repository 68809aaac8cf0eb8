"""Putting stored runs where readers look, at a person's word: publish and sign."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import get_args

from whatif.base.errors import Problem, UsageError, did_you_mean
from whatif.base.history import History, SignDecision, SignOff
from whatif.contract.spec import StudySpec
from whatif.publish.audit.record import record_rewind
from whatif.publish.audit.sign import sign
from whatif.publish.lock import study_lock
from whatif.publish.places.opening import open_place
from whatif.publish.run_folder import find_run
from whatif.publish.site import CARD
from whatif.publish.store.records import moment
from whatif.report.terminal import published_text, signed_text
from whatif.run.found import Found
from whatif.run.history import spec_of
from whatif.run.making import Clock
from whatif.run.publisher import Publisher, publisher


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a command did, and whom a notice did not reach (exit code 7)."""

    found: Found
    untold: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What a person says of a run, as on the command line."""

    decision: SignDecision
    by: str
    note: str = ""
    action: str = ""
    because: str = ""


def word(decision: str, *, by: str, note: str, action: str, because: str) -> Word:
    """Read a person's word.

    Raises
    ------
    UsageError
        If the decision is none that can be taken.
    """
    known = {name: name for name in get_args(SignDecision)}
    if decision not in known:
        raise UsageError(
            Problem(
                what=f"Nobody can {decision!r} a run.",
                why="the record must say plainly what was decided.",
                fix=did_you_mean(decision, list(known)),
            )
        )
    return Word(decision=known[decision], by=by, note=note, action=action, because=because)


def publish_run(
    ref: str,
    *,
    out: Path,
    site: Path | str,
    by: str = "",
    note: str = "",
    explore: bool = False,
    clock: Clock,
) -> Told:
    """Put a study on the site; with `by`, readers see the run `ref` until a newer one follows.

    Parameters
    ----------
    ref : str
        A study: what readers should see by now. A run: that very run.
    out, site
        Folder of runs, and the site.
    by, note : str
        Who shows readers another run than the newest, and why.
    explore : bool
        Whether the study gets a page of charts, from now on.
    clock : callable
        The present moment.

    Raises
    ------
    UsageError
        If there is no such run, readers would be shown another one and nobody says so, or it
        needs an approval that it does not have.
    WhatIfError
        As publishing raises them.
    """
    folder = find_run(out, ref)
    spec = spec_of(find_run(out, spec_of(folder).study))  # the newest run says how it is reviewed
    asked = folder.name if Path(ref).name == folder.name else None
    with (
        study_lock(out, spec.study),
        publisher(out, spec, site=site, clock=clock) as desk,
    ):
        old = desk.history()
        before = desk.state(old)
        if asked is not None and asked != old.shown:
            _rewind(desk, old, asked, by=by, note=note)
        history = desk.history()
        done = desk.put_up(history, again=True, explore=explore)
        untold = desk.tell(before, history)
    assert done is not None  # noqa: S101  (there is a site)
    record = {
        "schema": "publish.v1",
        "study": spec.study,
        "shown": history.shown,
        "awaiting": history.awaiting,
        "page": done.page,
        "front": done.front,
        "unchanged": done.unchanged,
    }
    text = published_text(page=done.page, waits=done.awaiting_review, unchanged=done.unchanged)
    return Told(found=Found(record=record, text=text), untold=untold)


def _rewind(desk: Publisher, history: History, run_id: str, *, by: str, note: str) -> None:
    """Record that readers shall see this run, once it is clear that a person says so."""
    run = history.of(run_id)
    said = None if run is None else run.sign_off
    if desk.spec.review.required and (said is None or said.decision != "approve"):
        raise UsageError(
            Problem(
                what=f"The run {run_id} has not been approved.",
                why="this study shows readers approved runs only.",
                fix=f"whatif sign {run_id} approve --by NAME",
            )
        )
    if not by.strip():
        raise UsageError(
            Problem(
                what=f"Readers would be shown run {history.shown}, not {run_id}.",
                why="an older run takes the place of a newer one at a person's word only.",
                fix="say who wants it, and why: --by NAME --note WHY; or publish the study.",
            )
        )
    record_rewind(
        desk.out,
        desk.spec.study,
        run_id,
        by=by,
        note=note,
        after=len(history.runs),
        now=desk.clock(),
        key=desk.key,
    )


def sign_run(ref: str, word: Word, *, out: Path, site: Path | str, clock: Clock) -> Told:
    """Record what a person says of a run; a site that has the study then says so too.

    Raises
    ------
    UsageError
        If there is no such run, or a person or a reason is missing.
    WhatIfError
        As recording and publishing raise them.
    """
    folder = find_run(out, ref)
    spec = spec_of(find_run(out, spec_of(folder).study))  # the newest run says how it is reviewed
    on_site = site if _is_on(site, spec) else None
    with (
        study_lock(out, spec.study),
        publisher(out, spec, site=on_site, clock=clock) as desk,
    ):
        known = desk.history()
        if Path(ref).name != folder.name:
            _require_one_unsigned(known)
        before = desk.state(known)
        said = sign(
            out,
            spec.study,
            SignOff(
                run_id=folder.name,
                by=word.by,
                at=moment(clock()),
                decision=word.decision,
                note=word.note,
                action=word.action,
                because=word.because,
            ),
            key=desk.key,
        )
        history = desk.history()
        done = desk.put_up(history)
        untold = desk.tell(before, history)
    record = {"schema": "sign.v1", "study": spec.study, **asdict(said), "shown": history.shown}
    page = None if done is None else done.page
    text = signed_text(said, page=page, shown=history.shown == folder.name)
    return Told(found=Found(record=record, text=text), untold=untold)


def _require_one_unsigned(history: History) -> None:
    """Refuse to sign "the study" where it is not plain which run is meant."""
    unsigned = [run.line.run_id for run in history.runs if run.sign_off is None]
    if history.review and len(unsigned) > 1:
        raise UsageError(
            Problem(
                what=f"{len(unsigned)} runs of {history.study!r} await a word.",
                why="the newest may not be the one that was read.",
                fix=f"name the run, e.g. whatif sign {unsigned[-1]} …",
            )
        )


def _is_on(site: Path | str, spec: StudySpec) -> bool:
    return open_place(site).read(f"{spec.study}/{CARD}") is not None
