"""Audit: everything that stands on disk and on the site, held against what the trails say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import get_args

from whatif.base.audit import Audit, Finding, FindingCode, RemarkCode, UncheckedCode
from whatif.base.errors import Problem, UsageError, WhatIfError, did_you_mean
from whatif.publish.audit.entry import Entry, is_sealed_by
from whatif.publish.audit.lock_plan import lock_in
from whatif.publish.audit.record import place_name, recorded_runs
from whatif.publish.audit.runs import check_runs
from whatif.publish.audit.site import Readable, SiteCheck
from whatif.publish.audit.stored import check_store
from whatif.publish.audit.trail import TORN, TRAIL, Trail, read_trail
from whatif.publish.lock import waiting_lock


def verify(
    out: Path,
    *,
    study: str | None = None,
    place: Readable | None = None,
    key: bytes | None = None,
    lines: Mapping[str, Mapping[str, str]] | None = None,
) -> Audit:
    """Hold trails, run folders, the run store and a site against one another.

    Found are an altered, missing, reordered or removed entry; a trail that was cut, as long as the
    site still shows a later head; a run folder or a published file that was altered, removed or
    added, its file of sums recomputed or not; a line of the run store that is not what its run
    says; and, with the key, a trail that was written anew.

    Parameters
    ----------
    out : Path
        The folder of all studies.
    study : str, optional
        Only this study. Default: all of them, and whatever else stands on the site.
    place : Readable, optional
        The site.
    key : bytes, optional
        The key that seals entries.
    lines : mapping, optional
        By study and run id, the JSON of the ``RunLine`` that the run store has.

    Raises
    ------
    UsageError
        If there is no such study, or none at all.
    """
    studies = _studies(out, study)
    trails: dict[str, Trail] = {}
    found: list[Finding] = []
    for name in studies:
        try:
            trails[name] = _settled(out, name)
        except OSError:
            found.append(Finding(code="trail_unreadable", study=name))
    chosen = [name for name in trails if study in {None, name}]
    for name in chosen:
        entries = trails[name].entries
        found += _check_trail(out, name, trails[name], key)
        found += check_runs(out, name, entries)
        found += check_store(out, name, entries, {} if lines is None else lines.get(name, {}))
    look = None
    if place is not None and chosen:
        known = {name: one.entries for name, one in trails.items()}
        look = SiteCheck(place, known, study, name=place_name(out, place.address))
        found += look.findings()
    return Audit(
        findings=_of(found, FindingCode),
        unchecked=_of(found, UncheckedCode),
        remarks=_of(found, RemarkCode),
        entries=sum(len(trails[name].entries) for name in chosen),
        runs=sum(len(recorded_runs(trails[name].entries)) for name in chosen),
        pages=0 if look is None else look.read,
    )


def _studies(out: Path, study: str | None) -> list[str]:
    there = {path.parent.name for name in (TRAIL, "runs") for path in out.glob(f"*/{name}")}
    if there and study in {None, *there}:
        return sorted(there - {"site", ".whatif"})
    hint = "" if study is None or not there else f" {did_you_mean(study, sorted(there))}"
    raise UsageError(
        Problem(
            what=f"There is nothing to audit{'' if study is None else f' of {study!r}'} "
            f"under {out}.",
            why="an audit that looked at nothing must not read as sound.",
            fix=f"name the folder that runs are written to with --out.{hint}",
        )
    )


def _settled(out: Path, study: str) -> Trail:
    """Return a trail; where its last line is not whole, wait for whoever may be writing it."""
    trail = read_trail(out, study)
    if trail.tail:
        lock = (out / study / TRAIL).with_name(f".{TRAIL}.lock")
        with suppress(WhatIfError), waiting_lock(lock, "an audit trail"):
            trail = read_trail(out, study)
    return trail


def _check_trail(out: Path, study: str, trail: Trail, key: bytes | None) -> Iterator[Finding]:
    if not trail.entries and not trail.faults:
        yield Finding(code="no_trail", study=study)
    for fault in trail.faults:
        yield Finding(code=fault.code, study=study, subject=f"line {fault.line}")
    yield from _check_seals(study, trail.entries, key)
    for before, entry in pairwise(trail.entries):
        if entry.at < before.at:
            yield Finding(code="time_went_back", study=study, subject=_place(entry))
    for path in sorted((out / study).glob(f"{TORN}*")):
        yield Finding(code="torn_kept", study=study, subject=path.name)
    with suppress(WhatIfError):
        locked = lock_in(trail.entries)
        if locked is not None and locked.runs_before:
            yield Finding(code="plan_late", study=study, subject=str(locked.runs_before))


def _check_seals(study: str, entries: tuple[Entry, ...], key: bytes | None) -> Iterator[Finding]:
    """With the key, the first entries may lack a seal only where a person vouched for them."""
    sealed = [n for n, entry in enumerate(entries) if entry.seal]
    if key is None:
        if sealed:
            yield Finding(code="seals_unchecked", study=study)
        return
    if sealed and sealed[0] and entries[sealed[0]].kind != "seal":
        yield Finding(code="seal_late", study=study, subject=_place(entries[sealed[0]]))
    for entry in entries[sealed[0] if sealed else len(entries) - 1 :]:
        if not entry.seal:
            yield Finding(code="seal_missing", study=study, subject=_place(entry))
        elif not is_sealed_by(entry, key):
            yield Finding(code="seal_wrong", study=study, subject=_place(entry))


def _place(entry: Entry) -> str:
    return f"entry {entry.n} ({entry.kind})"


def _of(found: list[Finding], codes: object) -> tuple[Finding, ...]:
    return tuple(one for one in found if one.code in get_args(codes))
