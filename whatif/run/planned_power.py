"""Power before a study, wired: past rows, a plan, and what the plan will see."""

from __future__ import annotations

import datetime as dt
import json
import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from whatif.base.errors import Notice, Problem, UsageError
from whatif.base.hashing import canonical_json
from whatif.base.rng import generator
from whatif.contract.dataset import load_dataset
from whatif.contract.intake import read_rows
from whatif.contract.spec import (
    DesignSpec,
    NegativeControlsSpec,
    StudySpec,
    TreatmentSpec,
    arm_label,
)
from whatif.contract.study_file import load_study
from whatif.design.maturity import counted_days
from whatif.design.record import Design
from whatif.effects.power.before import Plan, sizes_planned
from whatif.effects.power.history import PastRows, Way, history
from whatif.report.view_power import plan_text, power_json
from whatif.run.analysis import design_of
from whatif.run.found import Found
from whatif.run.power import with_chances
from whatif.scores.unexplained import unexplained
from whatif.verdict.chances import Power
from whatif.verdict.power_wording import equal_chances_notice

if TYPE_CHECKING:
    import pandas as pd

_ARM = "an arm that nothing reads"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a plan is asked for; None: as much as the past has, and what the study says matters.

    Attributes
    ----------
    units, days : int or None
        How many units to analyse, or for how many days.
    effect : float or None
        Size of an effect on the primary metric to see.
    """

    units: int | None = None
    days: int | None = None
    effect: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPower:
    """What a plan will see.

    Attributes
    ----------
    plan : Plan
        Arms, chances, units and days.
    clusters : int
        Clusters among the units.
    past_units : int
        Units of the past behind it.
    explained : tuple of (str, float)
        Share of each outcome's variance that covariates remove; empty without covariates.
    powers : tuple of Power
        Everyone and segments, by way to assign; the study's own way first.
    notices : tuple of Notice
        What a reader must know.
    """

    plan: Plan
    clusters: int
    past_units: int
    explained: tuple[tuple[str, float], ...]
    powers: tuple[Power, ...]
    notices: tuple[Notice, ...]


def plan_power(
    spec: StudySpec,
    wish: Wish,
    *,
    base: Path,
    data: str | None = None,
    as_of: dt.date | None = None,
    frame: pd.DataFrame | None = None,
) -> PlannedPower:
    """Say how small an effect a study will see, with its data as the past.

    The treatment is not read: the column may be absent, and rows count whatever their arm.

    Raises
    ------
    UsageError
        If the wish does not fit together, or asks for days and the data have no time.
    DataError
        As the contract and design rooms raise it.
    EstimationError
        If there are covariates but too few clusters to learn from them.
    """
    _require_sense(wish)
    past, days = _past(spec, base=base, data=data, as_of=as_of, frame=frame)
    left = unexplained(past, seed=spec.seed)
    found = history(
        PastRows(
            outcomes=past.outcomes,
            y=past.y,
            left=left,
            cluster=past.cluster,
            weight=past.weight,
            columns=past.columns,
        ),
        _ways(spec, past),
        spec,
    )
    arms, chances, unknown = _chances(spec)
    plan = _plan(wish, arms, chances, units=past.n, days=days)
    binary = frozenset(
        name for name, kind in zip(past.outcomes, past.kinds, strict=True) if kind == "binary"
    )
    sizes = sizes_planned(found, plan, spec, binary=binary, effect=wish.effect)
    return PlannedPower(
        plan=plan,
        clusters=round(int(found.means.counts.clusters[0]) * plan.units / past.n),
        past_units=past.n,
        explained=_explained(past, left),
        powers=with_chances(sizes, spec),
        notices=(*_worth_saying(past.notices), *unknown),
    )


def plan_study(
    path: Path, wish: Wish, *, data: str | None = None, as_of: dt.date | None = None
) -> Found:
    """Do the same for a study file, as ``power.v1`` and as text.

    Raises
    ------
    WhatIfError
        As `plan_power`.
    """
    loaded = load_study(path)
    made = plan_power(loaded.spec, wish, base=loaded.folder, data=data, as_of=as_of)
    text = plan_text(
        made.powers,
        made.plan,
        loaded.spec,
        clusters=made.clusters,
        past_units=made.past_units,
        explained=made.explained,
        notices=made.notices,
    )
    return Found(record=_record(loaded.spec, made), text=text)


def _record(spec: StudySpec, made: PlannedPower) -> dict[str, Any]:
    return {
        "schema": "power.v1",
        "study": spec.study,
        "level": spec.level,
        "looks": spec.decision.looks,
        **json.loads(
            canonical_json(
                {
                    "arms": dict(zip(made.plan.arms, made.plan.chances, strict=True)),
                    "units": made.plan.units,
                    "clusters": made.clusters,
                    "days": made.plan.days,
                    "past_units": made.past_units,
                    "explained": dict(made.explained),
                    "power": [power_json(one) for one in made.powers],
                    "notices": [{"code": n.code, **asdict(n.problem)} for n in made.notices],
                }
            )
        ),
    }


def _require_sense(wish: Wish) -> None:
    problem = None
    if wish.units is not None and wish.days is not None:
        problem = ("both units and days", "each of them settles the size of the study", "give one")
    for name, value in (("units", wish.units), ("days", wish.days), ("effect", wish.effect)):
        if value is not None and not (value > 0 and math.isfinite(value)):
            problem = (f"{name} = {value}", "it must be more than 0", f"give a positive {name}")
    if problem is not None:
        what, why, fix = problem
        raise UsageError(Problem(what=f"The plan asks for {what}.", why=f"{why}.", fix=f"{fix}."))


def _past(
    spec: StudySpec,
    *,
    base: Path,
    data: str | None,
    as_of: dt.date | None,
    frame: pd.DataFrame | None,
) -> tuple[Design, int | None]:
    """Read what a design needs but the treatment; a coin nobody reads stands in for it."""
    untreated = spec.model_copy(
        update={
            "treatment": TreatmentSpec(column=spec.outcomes[0].column, control=0),
            "design": DesignSpec(),
            "target": "ate",
            "repetitions": 1,
            "graph": None,
            "exploratory": (),
            "negative_controls": NegativeControlsSpec(),
            "bots": None,
            "assignment_log": None,
            "first_exposure": None,
        }
    )
    raw = read_rows(untreated, base=base, data_override=data, frame=frame, adjustment=())
    coin = generator(spec.seed, "power").integers(0, 2, len(raw.frame))
    source = None if spec.data is None else spec.data.model_copy(update={"contract": None})
    drawn = untreated.model_copy(
        update={"treatment": TreatmentSpec(column=_ARM, control=0), "data": source}
    )
    read = load_dataset(
        drawn, base=base, as_of=as_of, frame=raw.frame.assign(**{_ARM: coin.astype(np.int64)})
    )
    return design_of(drawn, read), counted_days(spec, read.period, as_of=read.as_of)


def _worth_saying(notices: tuple[Notice, ...]) -> tuple[Notice, ...]:
    """Leave out counts by arm: the arms here are nobody's."""
    end = " set aside"
    said = []
    for notice in notices:
        before, found, _ = notice.problem.what.partition(f"{end}:")
        what = f"{before}{end}." if found else notice.problem.what
        said.append(replace(notice, problem=replace(notice.problem, what=what)))
    return tuple(notice for notice in said if notice.code != "no_contract")


def _ways(spec: StudySpec, past: Design) -> tuple[Way, ...]:
    """Return the study's own way to assign, then by unit and by cluster where they differ."""
    unit = spec.unit or "row"
    assigned = spec.assigned or unit
    cluster = spec.cluster or assigned
    codes = {assigned: past.assigned, unit: np.arange(past.n, dtype=np.int64)}
    codes.setdefault(cluster, past.cluster)
    kept: dict[int, Way] = {}
    for name, code in codes.items():
        made = Way(name=name, code=code, by_cluster=name == cluster)
        kept.setdefault(int(np.unique(code).size), made)
    return tuple(kept.values())


def _chances(spec: StudySpec) -> tuple[tuple[str, ...], tuple[float, ...], tuple[Notice, ...]]:
    control, given = arm_label(spec.treatment.control), spec.design.probability
    if isinstance(given, dict):
        arms = (control, *(arm for arm in given if arm != control))
        return arms, tuple(given[arm] for arm in arms), ()
    named = tuple(arm_label(arm) for arm in spec.treatment.arms or ())
    arms = (control, *(named or ("the other arm",)))
    return arms, (1 / len(arms),) * len(arms), (equal_chances_notice(arms),)


def _plan(
    wish: Wish,
    arms: tuple[str, ...],
    chances: tuple[float, ...],
    *,
    units: int,
    days: int | None,
) -> Plan:
    if wish.days is not None:
        if days is None:
            raise UsageError(
                Problem(
                    what="The plan asks for days, but the study names no time column.",
                    why="units a day cannot be counted.",
                    fix="add `time:` to the study, or ask for units.",
                )
            )
        planned = max(round(units / days * wish.days), 1)
        return Plan(arms=arms, chances=chances, units=planned, days=wish.days)
    if wish.units is None:
        return Plan(arms=arms, chances=chances, units=units, days=days)
    length = None if days is None else math.ceil(wish.units / units * days)
    return Plan(arms=arms, chances=chances, units=wish.units, days=length)


def _explained(past: Design, left: np.ndarray[Any, Any]) -> tuple[tuple[str, float], ...]:
    if not past.features.names:
        return ()
    before, after = past.y.var(axis=0), left.var(axis=0)
    return tuple(
        (name, float(1 - a / b))
        for name, a, b in zip(past.outcomes, after, before, strict=True)
        if b > 0
    )
