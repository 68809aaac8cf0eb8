"""How studies stand, and what their runs said: status and history."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from whatif.base.errors import Problem, UsageError, did_you_mean
from whatif.base.history import History
from whatif.base.readers import card_of
from whatif.contract.spec import StudySpec
from whatif.contract.stored import to_json
from whatif.publish.run_folder import find_run
from whatif.publish.staleness import Stale, staleness
from whatif.report.site.status import study_status
from whatif.report.terminal import history_text, standing_lines
from whatif.run.found import Found
from whatif.run.history import spec_of
from whatif.run.making import Clock
from whatif.run.publisher import publisher
from whatif.run.publishing import Told
from whatif.verdict.record import Decision

State = Literal["failed", "stale", "withheld", "awaiting_review", "good"]
_ALARMS = {"failed", "stale"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one study stands.

    Attributes
    ----------
    history : History
        What is known of it.
    state : str
        The most pressing word that holds.
    stale : Stale or None
        Why its page is stale.
    """

    history: History
    state: State
    stale: Stale | None


def status(
    names: Sequence[str], *, out: Path, notify: bool, site: Path | str, clock: Clock
) -> tuple[Told, bool]:
    """Say how studies stand, and whether one is stale or has failed (exit code 8).

    Parameters
    ----------
    names : sequence of str
        Studies; none: all that have a run under `out`.
    out, site
        Folder of runs; the site, which is only named in notices.
    notify : bool
        Tell the people that the environment names of what has gone stale.
    clock : callable
        The present moment.

    Raises
    ------
    UsageError
        If a study has no run.
    WhatIfError
        As store and trail raise them.
    """
    found: list[Standing] = []
    untold: list[Problem] = []
    now = clock()
    for spec in _specs(names, out):
        with publisher(out, spec, site=site if notify else None, clock=clock) as desk:
            history = desk.history()
            found.append(_standing(history, now))
            if notify:
                unaware = replace(desk.state(history), stale=None)
                untold += desk.notify(unaware, history)
    record = {
        "schema": "standing.v1",
        "at": now.astimezone(dt.UTC).isoformat(timespec="seconds"),
        "studies": {one.history.study: _record(one) for one in found},
    }
    lines = [line for one in found for line in _lines(one)]
    text = "\n".join(lines) if lines else f"No study has a run under {out} yet."
    alarmed = any(one.state in _ALARMS for one in found)
    return Told(found=Found(record=record, text=text), untold=tuple(untold)), alarmed


def _specs(names: Sequence[str], out: Path) -> Iterator[StudySpec]:
    known = sorted(folder.parent.name for folder in out.glob("*/runs"))
    for name in names or known:
        if name not in known:
            raise UsageError(
                Problem(
                    what=f"The study {name!r} has no run under {out}.",
                    why="nothing is known of how it stands.",
                    fix=did_you_mean(name, known) if known else "run it first.",
                )
            )
        yield spec_of(find_run(out, name))


def _standing(history: History, now: dt.datetime) -> Standing:
    stale, shown = staleness(history, now), history.of(history.shown)
    state: State = "good"
    if history.failure is not None:
        state = "failed"
    elif stale is not None:
        state = "stale"
    elif shown is not None and shown.line.decision == Decision.CANNOT_BE_TRUSTED:
        state = "withheld"
    elif history.awaiting is not None:
        state = "awaiting_review"
    return Standing(history=history, state=state, stale=stale)


def _lines(one: Standing) -> tuple[str, ...]:
    stale = one.stale
    return standing_lines(
        one.history,
        state=one.state,
        overdue=None if stale is None else stale.overdue,
        too_old=None if stale is None else stale.too_old,
    )


def _record(one: Standing) -> dict[str, Any]:
    stale = one.stale
    return {
        **study_status(card_of(one.history)),
        "state": one.state,
        "overdue_since": None if stale is None else stale.overdue,
        "too_old_since": None
        if stale is None or stale.too_old is None
        else stale.too_old.isoformat(),
    }


def history(name: str, *, out: Path, clock: Clock) -> Found:
    """Return every run of a study, the newest last.

    Raises
    ------
    UsageError
        If the study has no run.
    WhatIfError
        As store and trail raise them.
    """
    spec = next(_specs([name], out))
    with publisher(out, spec, site=None, clock=clock) as desk:
        known = desk.history()
    return Found(record=json.loads(to_json(known)), text=history_text(known))
