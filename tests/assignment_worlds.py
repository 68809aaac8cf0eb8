"""Experiments with repeated customers, sound or with one planted fault, as evidence for checks.

Sessions of four weeks: customers come back, conversion and a heavy-tailed cost hang together within
a customer (correlation about .3), some sessions of half of the customers lack their outcomes, and a
log knows the arm of 99 % of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from tests.checks_evidence import repeated, spec_of
from whatif.base.arrays import Bools, Floats, Ints
from whatif.base.rng import generator
from whatif.checks.evidence import Evidence
from whatif.design.record import Design, Features, Intake
from whatif.effects.rows import EffectRows
from whatif.graph.estimand import Estimand
from whatif.scores.record import Scores

Fault = Literal[
    "nothing",
    "an arm loses 4 % of its units",
    "3 % of customers are seen in two arms",
    "outcomes are missing for 2 % in one arm and 4 % in the other",
    "a covariate is measured after the treatment",
    "the share moves from 50 % to 53 %",
    "an arm is down for one day",
    "one segment loses 10 % of an arm",
    "the arm differs from the log for 0.5 % of units",
    "the effect is there in one phase only",
    "0.5 % of units stand in two rows",
]
DAYS = 28
START = np.datetime64("2026-09-01", "us")
RAMP = {"a": 0.2, "b": 0.5}
SEGMENTS = ("device", "urbanicity")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How a study assigns.

    Attributes
    ----------
    by : str
        Who is assigned: ``"customer"`` or ``"session"``.
    chances : str
        ``"constant"``, ``"phases"`` of a ramp, or ``"logged"`` session by session.
    shares : tuple of float
        Constant chances, control first.
    customers : int
        Customers, about four sessions each.
    missing : float
        Share of sessions without outcomes, all of them of half of the customers.
    """

    by: Literal["customer", "session"] = "session"
    chances: Literal["constant", "phases", "logged"] = "constant"
    shares: tuple[float, ...] = (0.5, 0.5)
    customers: int = 1000
    missing: float = 0.1

    @property
    def described(self) -> str:
        """The setting in words."""
        how = {
            "constant": "/".join(f"{100 * share:.3g}" for share in self.shares),
            "phases": "ramp 20 → 50 %",
            "logged": "logged chances",
        }[self.chances]
        return f"{self.by}s assigned, {how}, {4 * self.customers:,} sessions"

    @property
    def probability(self) -> object:
        """The study key `design.probability`."""
        if self.chances == "constant":
            return {f"a{a}": share for a, share in enumerate(self.shares)}
        if self.chances == "logged":
            return {"column": "chance"}
        phases = {name: {"a0": 1 - share, "a1": share} for name, share in RAMP.items()}
        return {"column": "week", "phases": phases}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Rows:
    customer: Ints
    day: Floats  # days since the start
    device: Ints
    area: Ints
    phase: Ints
    chance: Floats
    arm: Ints


def experiment(seed: int, setting: Setting, fault: Fault = "nothing") -> Evidence:
    """Draw one experiment."""
    rng = generator(seed, f"{setting.described} {fault}")
    rows = _lost(_assigned(_came(rng, setting), rng, setting, fault), rng, fault)
    x = _covariates(rows, rng, fault)
    y = _outcomes(rows, rng, fault)
    gone = _missing(rows, rng, setting.missing, fault)
    intake = _intake(rows, gone, _log(rows, rng, fault), setting)
    unit = np.arange(rows.arm.size)
    if fault == "0.5 % of units stand in two rows":
        unit[: unit.size // 200] = unit[-(unit.size // 200) :]
    design = _design(rows, x, y, unit, intake).take(np.flatnonzero(~gone))
    return evidence_around(design, setting)


def _came(rng: np.random.Generator, setting: Setting) -> _Rows:
    customer = repeated(rng, setting.customers)
    n = customer.size
    day = DAYS * rng.random(n)
    phase = (day >= DAYS / 2).astype(np.int64)
    if setting.chances == "constant":
        chance, phase = np.tile(np.array(setting.shares), (n, 1)), np.zeros_like(phase)
    elif setting.chances == "phases":
        treated = np.array(list(RAMP.values()))[phase]
        chance = np.column_stack([1 - treated, treated])
    else:
        treated = 0.2 + 0.6 * rng.random(setting.customers)[customer]
        chance, phase = np.column_stack([1 - treated, treated]), np.zeros_like(phase)
    return _Rows(
        customer=customer,
        day=day,
        device=rng.integers(0, 2, setting.customers)[customer],
        area=rng.choice(3, setting.customers, p=[0.4, 0.3, 0.3])[customer],
        phase=phase,
        chance=chance,
        arm=np.zeros(n, dtype=np.int64),
    )


def _assigned(rows: _Rows, rng: np.random.Generator, setting: Setting, fault: Fault) -> _Rows:
    n = rows.day.size
    drawn = rng.random(n)
    if setting.by == "customer":
        drawn = rng.random(setting.customers)[rows.customer]
    actual = rows.chance
    if fault == "the share moves from 50 % to 53 %":
        moved = 0.5 + 0.03 * rows.day / DAYS
        actual = np.column_stack([1 - moved, moved])
    arm = (drawn[:, None] > np.cumsum(actual, axis=1)[:, :-1]).sum(axis=1)
    if fault == "3 % of customers are seen in two arms":
        last = np.full(setting.customers, -1)
        last[rows.customer] = np.arange(n)
        again = np.flatnonzero(np.bincount(rows.customer) > 1)
        moved = last[rng.choice(again, round(0.03 * setting.customers), replace=False)]
        arm[moved] = 1 - arm[moved]
    return replace(rows, arm=arm.astype(np.int64))


def _lost(rows: _Rows, rng: np.random.Generator, fault: Fault) -> _Rows:
    """Leave out the sessions that the fault swallows."""
    n, treated = rows.day.size, rows.arm == 1
    if fault == "an arm loses 4 % of its units":
        lost = treated & (rng.random(n) < 1 - 49 / 51)
    elif fault == "one segment loses 10 % of an arm":
        lost = treated & (rows.area == 2) & (rng.random(n) < 0.1)
    elif fault == "an arm is down for one day":
        lost = treated & (np.floor(rows.day) == 12)
    else:
        return rows
    kept = np.flatnonzero(~lost)
    return _Rows(**{name: getattr(rows, name)[kept] for name in _Rows.__slots__})


def _covariates(rows: _Rows, rng: np.random.Generator, fault: Fault) -> Floats:
    n, customers = rows.day.size, int(rows.customer.max()) + 1
    x = 0.6 * rng.normal(size=(customers, 3))[rows.customer] + 0.8 * rng.normal(size=(n, 3))
    if fault == "a covariate is measured after the treatment":
        x[:, 1] += 0.25 * rows.arm
    return x


def _outcomes(rows: _Rows, rng: np.random.Generator, fault: Fault) -> Floats:
    n, customers = rows.day.size, int(rows.customer.max()) + 1
    taste = 1.2 * rng.normal(size=customers)[rows.customer]
    gain = np.where(rows.arm > 0, 0.1, 0.0)
    if fault == "the effect is there in one phase only":
        gain = np.where((rows.arm > 0) & (rows.phase == 1), 0.5, 0.0)
    order = rng.random(n) < 1 / (1 + np.exp(0.5 - taste - gain - 0.02 * rows.day))
    cost = order * np.exp(1.5 + 0.3 * taste + rng.normal(size=n))
    return np.column_stack([order.astype(np.float64), cost])


def _missing(rows: _Rows, rng: np.random.Generator, usual: float, fault: Fault) -> Bools:
    share = np.full(rows.arm.size, usual)
    if fault == "outcomes are missing for 2 % in one arm and 4 % in the other":
        share = np.array([0.02, 0.04])[rows.arm]
    sticky = rng.random(int(rows.customer.max()) + 1) < 0.5
    return np.asarray(sticky[rows.customer] & (rng.random(rows.arm.size) < 2 * share))


def _log(rows: _Rows, rng: np.random.Generator, fault: Fault) -> Ints | None:
    if fault == "3 % of customers are seen in two arms":
        return None
    n = rows.arm.size
    log = np.where(rng.random(n) < 0.01, -1, rows.arm)
    if fault == "the arm differs from the log for 0.5 % of units":
        log = np.where(rng.random(n) < 0.005, 1 - rows.arm, log)
    return log.astype(np.int64)


def _order(day: Floats) -> Ints:
    order = np.empty(day.size, dtype=np.int64)
    order[np.argsort(day)] = np.arange(day.size)
    return order


def _intake(rows: _Rows, gone: Bools, log: Ints | None, setting: Setting) -> Intake:
    session = np.arange(rows.arm.size, dtype=np.int64)
    return Intake(
        arm=rows.arm,
        assigned=rows.customer if setting.by == "customer" else session,
        cluster=rows.customer,
        order=_order(rows.day),
        missing=np.column_stack([gone, gone]),
        known=rows.chance,
        logged=log,
    )


def _design(rows: _Rows, x: Floats, y: Floats, unit: Ints, intake: Intake) -> Design:
    n = rows.arm.size
    columns = pd.DataFrame(
        {
            "device": np.array(["desktop", "mobile"])[rows.device],
            "urbanicity": np.array(["urban", "suburban", "rural"])[rows.area],
            "time": START + (rows.day * 86_400e6).astype("timedelta64[us]"),
        }
    )
    return Design(
        kind="experiment",
        arms=tuple(f"a{a}" for a in range(rows.chance.shape[1])),
        arm=rows.arm,
        cluster=rows.customer,
        assigned=intake.assigned,
        clusters_assigned=bool((intake.assigned == rows.customer).all()),
        fold=rows.customer % 2,
        n_folds=2,
        known=rows.chance,
        phase=rows.phase,
        outcomes=("y", "cost"),
        kinds=("binary", "cost"),
        y=y,
        weight=np.ones(n),
        features=Features(
            names=("x0", "x1", "x2"),
            values=x.astype(np.float32),
            categorical=np.zeros(3, dtype=bool),
        ),
        columns=columns,
        check_columns=pd.DataFrame(index=range(n)),
        unit=pd.Series(unit),
        intake=intake,
        population="all sessions",
        notices=(),
    )


def evidence_around(design: Design, setting: Setting, **keys: Any) -> Evidence:
    """Return the evidence of a design, with scores that adjust for nothing."""
    base: dict[str, Any] = {
        "assigned": setting.by,
        "time": "time",
        "segments": list(SEGMENTS),
        "design": {"kind": "experiment", "probability": setting.probability},
        "outcomes": [
            {"column": "y", "role": "primary", "kind": "binary"},
            {"column": "cost", "role": "guardrail", "kind": "cost"},
        ],
        "assignment_log": None if design.intake.logged is None else "log",
    }
    return Evidence(
        spec=spec_of(**(base | keys)),
        estimand=Estimand(
            treatment="arm",
            outcomes=design.outcomes,
            adjustment=(),
            assumptions=(),
            source="randomised",
            edges=(),
            hidden=(),
        ),
        design=design,
        scores=weighted_scores(design),
        effects=EffectRows(effects=(), heterogeneity=(), level=0.95),
        refit=_never,
        rescore=_never,
    )


def _never(*_given: object) -> Any:
    raise AssertionError


def weighted_scores(design: Design) -> Scores:
    """Return scores of a design with the arms' means as outcome models."""
    chance = np.asarray(design.known)
    got = design.arm[:, None] == np.arange(len(design.arms))
    mean = np.stack([design.y[got[:, a]].mean(axis=0) for a in range(got.shape[1])])
    gamma = mean + (got / chance)[:, :, None] * (design.y[:, None, :] - mean)
    return Scores(
        arms=design.arms,
        outcomes=design.outcomes,
        gamma=gamma,
        mass=np.ones(design.n),
        propensity=chance,
        arm=design.arm,
        y=design.y,
        cluster=design.cluster,
        fold=design.fold,
        weight=design.weight,
        target="ate",
        unit=design.unit,
        columns=design.columns,
        clusters_assigned=design.clusters_assigned,
        quality=(),
        overlap=(),
        population=design.population,
        repeats=gamma.mean(axis=0, keepdims=True),
        key="test",
    )
