"""One run of a study, wired from room to room: no maths here, no words, no argv."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from whatif.base.calibration import digest
from whatif.base.errors import Notice
from whatif.base.hashing import of_bytes, of_json
from whatif.base.plan import PlanLock, deviations
from whatif.base.versions import code_hash, package_versions
from whatif.checks.catalogue import CHECKS, run_checks
from whatif.checks.evidence import Evidence
from whatif.contract.columns import source_columns
from whatif.contract.dataset import DataSet, load_dataset
from whatif.contract.plan import plan_of
from whatif.contract.spec import StudySpec
from whatif.design.build import Rows, build_design
from whatif.design.determined import refuse_determined_arms
from whatif.design.maturity import matured
from whatif.design.options import options_of
from whatif.design.record import Design
from whatif.design.transport import TargetRows
from whatif.design.window import per_unit
from whatif.effects.joint import Joint
from whatif.effects.looks.ranges import take_looks, with_looks
from whatif.effects.looks.scheduled import look_days
from whatif.effects.rows import EffectRow, EffectRows
from whatif.effects.table import effect_rows
from whatif.graph.identify import identify
from whatif.report.document import Report
from whatif.report.schedule import due_after, next_due
from whatif.run.assemble import Prepared, assemble, opinion_row
from whatif.run.calibration_file import calibration_key, stored_calibration
from whatif.run.sensitivity import benchmarked, sensitivity_of
from whatif.run.transport import target_inputs, targets_of
from whatif.scores.cache import Kept, cached_scores
from whatif.scores.crossfit import count_models
from whatif.scores.fit import fit_scores, refitter
from whatif.scores.options import count_option_models, with_options
from whatif.scores.record import Scores
from whatif.scores.refit import holder, relearner
from whatif.scores.rescore import rescorer
from whatif.scores.second_opinion import asked_for, second_opinions

if TYPE_CHECKING:
    import pandas as pd

Tick = Callable[[int], None]
Stage = Callable[[str, int], Tick]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How one run differs from the study file.

    Attributes
    ----------
    data : str or None
        A source that replaces the study's, relative to the working folder.
    as_of : date or None
        Last day a row may have; None: the last day in the data.
    quick : bool
        Leave out checks that train models again.
    today : date or None
        The clock; None: the machine's day in UTC.
    cache : Path or None
        Where score tables are kept between runs.
    force : bool
        Fit again and replace what is stored.
    calibration : Path or None
        File of a calibration, shown if it is one of this study on these data.
    plan_lock : PlanLock or None
        The plan as it stood before the first look; None: nothing was locked.
    """

    data: str | None = None
    as_of: dt.date | None = None
    quick: bool = False
    today: dt.date | None = None
    cache: Path | None = None
    force: bool = False
    calibration: Path | None = None
    plan_lock: PlanLock | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Run:
    """A finished run in memory.

    Attributes
    ----------
    parquet : callable
        Returns the score table as Parquet bytes.
    seconds : tuple of (str, float)
        Wall time by stage; outside the promise of equal bytes.
    """

    prepared: Prepared
    scores: Scores
    means: Joint
    report: Report
    parquet: Callable[[], bytes]
    seconds: tuple[tuple[str, float], ...]


def quiet(_stage: str, _total: int) -> Tick:
    """Show no progress."""
    return lambda _done: None


def prepare(
    spec: StudySpec,
    *,
    base: Path,
    options: RunOptions,
    frame: pd.DataFrame | None = None,
) -> Prepared:
    """Identify, read, check the contract and build the design.

    Raises
    ------
    UsageError, DataError, NotIdentifiedError
        As the contract, graph and design rooms raise them.
    """
    asked_for(spec)
    measured = source_columns(spec, base=base, data_override=options.data, frame=frame)
    estimand = identify(spec, base=base, columns=measured)
    data = load_dataset(
        spec,
        base=base,
        data_override=options.data,
        as_of=options.as_of,
        frame=frame,
        adjustment=estimand.adjustment,
    )
    if not set(estimand.adjustment) <= set(data.covariates):
        # A column without any value adjusts for nothing: is the rest enough?
        usable = spec.model_copy(update={"covariates": data.covariates})
        estimand = identify(usable, base=base, columns=measured)
    if spec.decision.looks == "scheduled" and data.period is not None:
        look_days(spec.decision, first=data.period[0])
    design, targets = _designed(spec, data, base=base)
    score_key = of_json(_score_inputs(spec, data, design) | target_inputs(targets))
    today = options.today or dt.datetime.now(dt.UTC).date()
    fresh = frame is not None or _is_fresh(spec, data, today)
    due = _next_due(spec, data, today)
    schema = data.schema.model_dump(mode="json") if data.schema else None
    edges = [estimand.edges, estimand.adjustment]
    declared = [spec.public(), schema, edges, data.source]
    calibration = stored_calibration(options.calibration, calibration_key(score_key, spec))
    asked = [str(data.as_of), options.quick, fresh, due, *map(digest, filter(None, [calibration]))]
    return Prepared(
        spec=spec,
        data=replace(data, frame=data.frame.head(0).copy()),
        estimand=estimand,
        design=design,
        score_key=score_key,
        run_id=of_json([score_key, declared, asked + _from_the_plan(spec, options)])[:12],
        fresh=fresh,
        next_due=due,
        calibration=calibration,
        targets=targets,
        plan_lock=options.plan_lock,
    )


def _from_the_plan(spec: StudySpec, options: RunOptions) -> list[object]:
    """Return what the lock adds to a run's content: nothing where the study keeps to its plan."""
    lock = options.plan_lock
    if lock is None:
        return []
    found = [str(one) for one in deviations(lock.plan, plan_of(spec))]
    return [*found, *([lock.runs_before, str(lock.seen)] if lock.runs_before or lock.seen else [])]


def _designed(
    spec: StudySpec, data: DataSet, *, base: Path
) -> tuple[Design, tuple[TargetRows, ...]]:
    """Return a design whose arms nothing determines, and the other populations in its codes."""
    rows, notices = units_of(spec, data)
    design = build_design(rows, spec, notices=notices)
    refuse_determined_arms(design, treatment=spec.treatment.column, time=spec.time)
    return design, targets_of(rows, spec, design, data, base=base)


def design_of(spec: StudySpec, data: DataSet) -> Design:
    """Return the design of a validated data set."""
    rows, notices = units_of(spec, data)
    return build_design(rows, spec, notices=notices)


def units_of(spec: StudySpec, data: DataSet) -> tuple[Rows, tuple[Notice, ...]]:
    """Return the units that a design describes, and what was said on the way."""
    arm, arms, kinds = data.arm_codes, data.arm_labels, data.kinds
    options, pooled = options_of(data.frame, arm, arms, spec, kinds)
    rows = Rows(
        frame=data.frame,
        arm=arm,
        arms=arms,
        kinds=kinds,
        covariates=data.covariates,
        options=options,
    )
    rows, unfinished = per_unit(rows, spec)
    rows, young = matured(rows, spec, as_of=data.as_of)
    return rows, (*data.notices, *pooled, *unfinished, *young)


def design_of_frame(spec: StudySpec, frame: pd.DataFrame) -> Design:
    """Return the design of rows in memory."""
    return design_of(spec, load_dataset(spec, base=Path(), frame=frame))


def analyse(prepared: Prepared, options: RunOptions, *, stage: Stage = quiet) -> Run:
    """Score, read, check and decide.

    Raises
    ------
    OverlapError, EstimationError
        As the scores room raises them.
    """
    clock = _Clock()
    spec, design = prepared.spec, prepared.design
    kept = scores_of(prepared, options, stage)
    scores = kept.scores
    clock.lap("scores")
    means, effects = effect_rows(scores, spec)
    looks = take_looks(scores, means, spec)
    effects = with_looks(effects, looks, means, spec)
    clock.lap("effects")
    opinions = _opinions(design, spec, effects, stage)
    clock.lap("second opinions")
    evidence = benchmarked(evidence_of(prepared, scores, effects), quick=options.quick)
    tick = stage("Checking", len(CHECKS))
    checks = run_checks(evidence, quick=options.quick, progress=lambda _name: tick(1))
    clock.lap("checks")
    report = assemble(
        prepared,
        scores=scores,
        means=means,
        effects=effects,
        looks=looks,
        opinions=opinions,
        checks=checks,
        sensitivity=sensitivity_of(scores, spec, evidence.benchmarks or ()),
    )
    clock.lap("report")
    return Run(
        prepared=prepared,
        scores=scores,
        means=means,
        report=report,
        parquet=kept.parquet,
        seconds=clock.seconds(),
    )


def evidence_of(prepared: Prepared, scores: Scores, effects: EffectRows) -> Evidence:
    """Return what checks may look at, and how they train models again."""
    spec = prepared.spec
    return Evidence(
        spec=spec,
        estimand=prepared.estimand,
        design=prepared.design,
        scores=scores,
        effects=effects,
        refit=refitter(seed=spec.seed, target=spec.target),
        rescore=rescorer(seed=spec.seed, target=spec.target, rule=spec.overlap),
        hold=holder(seed=spec.seed, target=spec.target),
        relearn=relearner(seed=spec.seed, target=spec.target, learners=spec.learners),
    )


class _Clock:
    def __init__(self) -> None:
        self._last = time.perf_counter()
        self._laps: list[tuple[str, float]] = []

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self._laps.append((name, now - self._last))
        self._last = now

    def seconds(self) -> tuple[tuple[str, float], ...]:
        return tuple(self._laps)


def _score_inputs(spec: StudySpec, data: DataSet, design: Design) -> dict[str, object]:
    """Everything the scores depend on; segments only as covariates, money and words not at all."""
    arrays = (
        design.arm, design.cluster, design.assigned, design.fold, design.phase, design.y,
        design.features.values, design.features.categorical, design.known,  # noqa: PD011
        design.weight, *design.refolds,
    )  # fmt: skip
    by_option: dict[str, object] = {}
    if design.options is not None:
        made = design.options
        by_option["options"] = [made.columns, made.kinds, made.cost, made.orders]
        arrays = (*arrays, made.y)
    return by_option | {
        "data": data.fingerprint,
        "design": of_bytes(*(b"" if a is None else np.ascontiguousarray(a).data for a in arrays)),
        "kind": [design.kind, design.clusters_assigned, design.population],
        "arms": design.arms,
        "outcomes": [design.outcomes, design.kinds],
        "features": design.features.names,
        "columns": [f"{name} {dtype}" for name, dtype in design.columns.dtypes.items()],
        "unit": spec.unit,
        "time": spec.time,
        "overlap": spec.overlap.model_dump(mode="json"),
        "learners": spec.learners,
        "target": spec.target,
        "seed": spec.seed,
        "versions": package_versions(),
        "code": code_hash(),
    }


def _next_due(spec: StudySpec, data: DataSet, today: dt.date) -> str | None:
    if spec.schedule is None or data.as_of is None:
        return None
    # The run takes place at the first scheduled moment after its data; its successor comes next.
    late = dt.timedelta(hours=spec.schedule.due_within_hours)
    taken = dt.datetime.fromisoformat(next_due(spec.schedule, data.as_of)) - late
    due = due_after(spec.schedule, taken)
    return due if dt.datetime.fromisoformat(due).date() >= today else None


def _is_fresh(spec: StudySpec, data: DataSet, today: dt.date) -> bool:
    return data.period is None or today <= spec.fresh_until(data.period[1])


def scores_of(prepared: Prepared, options: RunOptions, stage: Stage = quiet) -> Kept:
    """Return the study's scores, from the cache or fitted now.

    Raises
    ------
    OverlapError, EstimationError
        As the scores room raises them.
    """
    spec, design = prepared.spec, prepared.design
    estimates = design.kind == "observational"
    models = count_models(design, learners=spec.learners, propensity=estimates)
    models *= 1 + len(design.refolds)
    models += len(prepared.targets) * design.n_folds * len(spec.learners)
    models += count_option_models(design, learners=spec.learners)

    def fit() -> Scores:
        tick = stage("Fitting models", models if design.features.names else 0)
        made = fit_scores(
            design,
            rule=spec.overlap,
            seed=spec.seed,
            key=prepared.score_key,
            target=spec.target,
            learners=spec.learners,
            tick=tick,
            targets=prepared.targets,
        )
        return with_options(design, made, seed=spec.seed, learners=spec.learners, tick=tick)

    return cached_scores(
        options.cache, prepared.score_key, fit, time=spec.time, renew=options.force
    )


def _opinions(
    design: Design, spec: StudySpec, effects: EffectRows, stage: Stage
) -> tuple[EffectRow, ...]:
    if not asked_for(spec):
        return ()
    tick = stage("Second opinions", len(spec.estimators))
    rows = tuple(opinion_row(opinion, effects) for opinion in second_opinions(design, spec))
    tick(len(spec.estimators))
    return rows
