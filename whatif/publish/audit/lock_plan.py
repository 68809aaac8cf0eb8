"""The plan of a study, locked in its trail before anyone looks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from whatif.base.errors import WhatIfError
from whatif.base.hashing import canonical_json
from whatif.base.plan import Apart, Plan, PlanLock, Seen, canonical, plan_hash
from whatif.contract.stored import from_json
from whatif.publish.audit.entry import Entry
from whatif.publish.audit.trail import TRAIL, read_trail, writing
from whatif.publish.run_folder import ANSWER


def lock_plan(
    out: Path, study: str, plan: Plan, *, now: dt.datetime, key: bytes | None = None
) -> PlanLock:
    """Lock a plan, unless one is locked already, and return the one that counts.

    Call it before every run, while holding ``study_lock(out, study)``. As long as no run has been
    made nobody has looked, so a changed plan then replaces the one before; both stay in the trail.

    Raises
    ------
    PublishError
        If the trail is damaged or cannot be written.
    UsageError
        If it is sealed with another key.
    """
    with writing(out, study, key=key) as trail:
        locked = lock_in(trail.entries)
        runs = len(list((out / study / "runs").glob(f"*/{ANSWER}")))
        looked = runs > 0 or any(entry.kind == "run" for entry in trail.entries)
        if locked is not None and (looked or locked.hash == plan_hash(plan)):
            return locked
        made = PlanLock(
            hash=plan_hash(plan),
            plan=plan,
            locked_at=now.astimezone(dt.UTC).isoformat(timespec="seconds"),
            runs_before=runs,
            seen=resembling(out, study, plan),
        )
        content = {
            "hash": made.hash,
            "plan": canonical(plan),
            "runs_before": made.runs_before,
            "seen": [asdict(one) for one in made.seen],
        }
        trail.add("plan", content, now=now)
        return made


def lock_in(entries: Sequence[Entry]) -> PlanLock | None:
    """Return the plan that was locked last before the first run; None where none was.

    Keys that an older lock lacks stand at their default.
    """
    locked = None
    for entry in entries:
        if entry.kind == "run" and locked is not None:
            break
        if entry.kind == "plan":
            locked = entry
    if locked is None:
        return None
    content = locked.content
    return PlanLock(
        hash=content["hash"],
        plan=from_json(Plan, canonical_json(content["plan"]), shown="the locked plan"),
        locked_at=locked.at,
        runs_before=content["runs_before"],
        seen=tuple(
            from_json(Seen, canonical_json(one), shown="the locked plan") for one in content["seen"]
        ),
    )


def resembling(out: Path, study: str, plan: Plan) -> tuple[Seen, ...]:
    """Return other studies under `out` that have looked at the same comparison, by name.

    It has the same treatment, control and unit: another primary outcome or filter is the classic
    way to look again, so what differs is said and excuses nothing. Studies whose trail cannot be
    read are passed over; an audit names them.
    """
    found = []
    for path in sorted(out.glob(f"*/{TRAIL}")):
        other = path.parent.name
        if other == study:
            continue
        try:
            entries = read_trail(out, other).entries
            locked = lock_in(entries)
        except (OSError, WhatIfError):
            continue
        runs = {entry.content["run_id"] for entry in entries if entry.kind == "run"}
        if runs and locked is not None and _compared(locked.plan) == _compared(plan):
            found.append(Seen(study=other, runs=len(runs), differs=_differing(locked.plan, plan)))
    return tuple(found)


def _compared(plan: Plan) -> tuple[str, ...]:
    return (plan.treatment, plan.control, plan.unit)


def _differing(one: Plan, other: Plan) -> tuple[Apart, ...]:
    others: tuple[Apart, ...] = ("primary",) if one.primary != other.primary else ()
    return (*others, "counted") if _counted(one) != _counted(other) else others


def _counted(plan: Plan) -> tuple[object, ...]:
    return (
        *(plan.where, plan.weights, plan.trimmed),
        *(plan.first_exposure, plan.window, plan.maturity),
    )
