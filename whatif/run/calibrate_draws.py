"""One draw of a calibration: a pool of rows, worlds of known effects, the study's pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import pandas as pd

from whatif.base.arrays import Floats, Ints
from whatif.base.errors import WhatIfError
from whatif.base.rng import generator
from whatif.checks.analysed import exposure_order
from whatif.checks.catalogue import CHECKS, run_checks
from whatif.checks.result import Cost, Status
from whatif.contract.spec import StudySpec, metric_name
from whatif.design.record import Design, Intake
from whatif.effects.calibration import Hit, Truth, hits
from whatif.effects.rows import EffectRows
from whatif.effects.table import effect_rows
from whatif.engines.threads import one_blas_thread
from whatif.run.analysis import evidence_of
from whatif.run.assemble import Prepared
from whatif.run.calibrate_faults import FAULTS, NO_FAULT
from whatif.scores.fit import fit_scores
from whatif.scores.record import Scores
from whatif.simulate.planted import redrawn_arms, resampled, turned_arms
from whatif.verdict.readings import readings

VIEWS = tuple(check for check in CHECKS if check.cost is Cost.VIEW)


class Outcomes(Protocol):
    """The outcomes of a world: what each row of the pool would see under each arm."""

    def potential(self) -> Floats:
        """Return the mean outcome of each row of the pool under each arm, shape (n, A, K)."""
        ...

    def drawn(self, rows: Ints, arm: Ints, rng: np.random.Generator) -> Floats:
        """Return outcomes of rows of the pool that got `arm`, shape (m, K)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class World:
    """Outcomes of a known effect, by name, and every true effect of the pool in it.

    `effect` is that of the first arm on the primary metric.
    """

    name: str
    effect: float
    outcomes: Outcomes
    truth: Truth


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pool:
    """The rows that are resampled.

    Attributes
    ----------
    prepared : Prepared
        The study; its design holds the pool's n rows, with clusters 0 … C − 1.
    chance : ndarray, shape (n, A)
        Chance of each arm in each row: the known one, the share of its phase, or a fitted one.
    missing : ndarray, shape (K,)
        Share of rows that lacked each outcome.
    units : ndarray, shape (U, A)
        Chance of each arm of every unit of assignment of the whole study, at first exposure.
    learners : tuple of str
        Candidates of every model.
    """

    prepared: Prepared
    chance: Floats
    missing: Floats
    units: Floats
    learners: tuple[str, ...]
    worlds: tuple[World, ...]

    @property
    def spec(self) -> StudySpec:
        """The study as declared."""
        return self.prepared.spec

    @property
    def design(self) -> Design:
        """The pool as a design."""
        return self.prepared.design


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What one draw gave.

    Attributes
    ----------
    hits : tuple of (str, Hit)
        World, and whether a range held its truth.
    readings : tuple of (str, str, str, str)
        World, metric, arm, and the word for the overall effect.
    alarms : tuple of (str, str, Status)
        Check, what was planted for it, and what it found.
    failure : str
        Why there was no answer; empty when there was one.
    """

    hits: tuple[tuple[str, Hit], ...] = ()
    readings: tuple[tuple[str, str, str, str], ...] = ()
    alarms: tuple[tuple[str, str, Status], ...] = ()
    failure: str = ""


def draw(pool: Pool, index: int) -> Drawn:
    """Resample, assign and run the study's pipeline in every world; equal `index`, equal result."""
    rng = generator(pool.spec.seed, f"calibration {index}")
    sample, rows = drawn_design(pool, rng)
    try:
        with one_blas_thread():
            return _answered(pool, sample, rows, rng)
    except WhatIfError as error:
        return Drawn(failure="; ".join(problem.what for problem in error.problems))
    except (ArithmeticError, np.linalg.LinAlgError) as error:
        return Drawn(failure=f"{type(error).__name__}: {error}")


def drawn_design(pool: Pool, rng: np.random.Generator) -> tuple[Design, Ints]:
    """Return a design of resampled clusters with new arms, and its rows in the pool.

    Every copy of a cluster is a cluster; all copies stay in the fold of the one they copy.
    """
    rows, copy = resampled(pool.design.cluster, rng)
    taken, chance = pool.design.take(rows), pool.chance[rows]
    pairs = copy * (int(pool.design.assigned.max()) + 1) + taken.assigned
    assigned = np.unique(pairs, return_inverse=True)[1].astype(np.int64)
    if taken.kind == "experiment":
        arm = redrawn_arms(chance, assigned, rng)
    else:
        arm = turned_arms(chance, taken.arm, copy, rng)
    sample = replace(
        taken,
        arm=arm,
        cluster=copy,
        assigned=assigned,
        columns=taken.columns.reset_index(drop=True),
        check_columns=taken.check_columns.reset_index(drop=True),
        unit=pd.Series(np.arange(rows.size), name=taken.unit.name),
    )
    intake = Intake(
        arm=arm,
        assigned=assigned,
        cluster=copy,
        order=exposure_order(sample, pool.spec),
        missing=rng.random((rows.size, pool.missing.size)) < pool.missing,
        known=sample.known,
        logged=None if pool.design.intake.logged is None else arm,
    )
    return replace(sample, intake=intake), rows


def _answered(pool: Pool, sample: Design, rows: Ints, rng: np.random.Generator) -> Drawn:
    found: list[tuple[str, Hit]] = []
    words: list[tuple[str, str, str, str]] = []
    alarms: tuple[tuple[str, str, Status], ...] = ()
    for world in pool.worlds:
        made = replace(sample, y=world.outcomes.drawn(rows, sample.arm, rng))
        scores, effects = _pipeline(pool, made, pool.design.cluster[rows])
        found += [(world.name, hit) for hit in hits(effects, world.truth, sample.arms)]
        words += _words(pool.spec, world.name, effects)
        if not alarms:
            alarms = tuple(_alarms(pool, made, scores, effects, rng))
    return Drawn(hits=tuple(found), readings=tuple(words), alarms=alarms)


def _pipeline(pool: Pool, made: Design, original: Ints) -> tuple[Scores, EffectRows]:
    """Score and read; models see the original clusters, so that no inner fold splits copies."""
    spec = pool.spec
    scores = fit_scores(
        replace(made, cluster=original),
        rule=spec.overlap,
        seed=spec.seed,
        key="calibration",
        target=spec.target,
        learners=pool.learners,
        workers=1,
    )
    scores = replace(scores, cluster=made.cluster[scores.unit.to_numpy()])
    return scores, effect_rows(scores, spec.model_copy(update={"exploratory": ()}))[1]


def _words(spec: StudySpec, world: str, effects: EffectRows) -> Iterator[tuple[str, str, str, str]]:
    leading = {metric_name(metric) for metric in (spec.primary, *spec.guardrails)}
    for row, reading in zip(effects.effects, readings(effects, spec), strict=True):
        if not row.segment and row.outcome in leading:
            yield world, row.outcome, row.arm, reading.value


def _alarms(
    pool: Pool, made: Design, scores: Scores, effects: EffectRows, rng: np.random.Generator
) -> Iterator[tuple[str, str, Status]]:
    evidence = evidence_of(replace(pool.prepared, design=made), scores, effects)
    for result in run_checks(evidence, quick=True, checks=VIEWS):
        yield result.name, NO_FAULT, result.status
    for fault in FAULTS:
        broken = fault.plant(made, pool.units, rng)
        if broken is not None:
            planted = replace(evidence, design=broken)
            (result,) = run_checks(planted, quick=True, checks=(fault.check,))
            yield result.name, fault.words, result.status
