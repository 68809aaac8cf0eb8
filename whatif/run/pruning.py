"""Removing old runs of a study: from its site, its folder and its store, and saying so."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from whatif.base.errors import Problem, UsageError
from whatif.publish.audit.record import record_prune
from whatif.publish.lock import study_lock
from whatif.publish.prune import kept, prune, prune_runs
from whatif.publish.run_folder import find_run
from whatif.report.site.files import front_files
from whatif.run.found import Found
from whatif.run.history import spec_of, with_change, without
from whatif.run.making import Clock
from whatif.run.publisher import publisher
from whatif.verdict.status_wording import removed_words


def prune_study(name: str, *, keep: int, out: Path, site: Path | str, clock: Clock) -> Found:
    """Remove all but the newest `keep` runs of a study.

    The run that readers are shown, one that awaits review, the one signed last and the one made
    last always stay. The audit trail keeps every entry, and one more that says what was removed.

    Raises
    ------
    UsageError
        If the study has no run, or `keep` is not at least 1.
    WhatIfError
        As store, trail and site raise them.
    """
    if keep < 1:
        raise UsageError(
            Problem(
                what=f"--keep {keep} would remove every run.",
                why="readers need one, and a history tells more than its last line.",
                fix="keep at least 1, e.g. --keep 52 for a year of weekly runs.",
            )
        )
    latest = find_run(out, name)
    spec = spec_of(latest)
    with (
        study_lock(out, spec.study),
        publisher(out, spec, site=site, clock=clock) as desk,
    ):
        known = desk.history()
        newest = [run.line.run_id for run in known.runs[-keep:]]
        stays = kept(known, [*newest, latest.name])
        ids = [run.line.run_id for run in stays.runs]
        going = [run.line.run_id for run in known.runs if run.line.run_id not in ids]
        if not going:
            return Found(record=_record(spec.study, ()), text=removed_words(()))
        assert desk.place is not None  # noqa: S101  (there is a site)
        record_prune(out, spec.study, going, now=clock(), key=desk.key)
        if desk.is_on_site():
            stay = with_change(
                out, without(desk.history(), going, store=desk.store), store=desk.store
            )
            there = prune(
                desk.place,
                stay,
                files=desk.pages(stay),
                front=partial(front_files, base_url=desk.channels.site_url),
            )
            desk.record_pages(stay, there.files, gone=there.gone)
        prune_runs(out, spec.study, ids)
        desk.store.remove(spec.study, going)
    return Found(record=_record(spec.study, going), text=removed_words(going))


def _record(study: str, removed: tuple[str, ...] | list[str]) -> dict[str, object]:
    return {"schema": "prune.v1", "study": study, "removed": list(removed)}
