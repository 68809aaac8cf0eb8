"""``whatif calibrate``: what the study's own pipeline does on its own rows with a known truth."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from whatif.base.calibration import Calibration, calibration_json
from whatif.base.errors import EstimationError, Problem, UsageError
from whatif.contract.spec import StudySpec, metric_name
from whatif.contract.study_file import load_study
from whatif.publish.atomic import publishing, write_bytes
from whatif.publish.lock import study_lock
from whatif.run import calibrate_tally as tally
from whatif.run.analysis import RunOptions, Stage, Tick, prepare, quiet, scores_of
from whatif.run.assemble import Prepared
from whatif.run.calibrate_draws import Drawn, Pool, draw
from whatif.run.calibrate_pool import pool_of
from whatif.run.calibration_file import FILE, calibration_key, stored_calibration

FEWEST_DRAWS = 10
DRAWS = 200
_CHUNK = 10
_WORTH_A_PROCESS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """A calibration in place: its file, its bytes as text, and lines for a terminal."""

    path: Path
    json: str
    text: str


def calibrate_study(
    path: Path, *, options: RunOptions, out: Path, draws: int = DRAWS, stage: Stage = quiet
) -> Calibrated:
    """Calibrate a study file and put the result where the next run of the study finds it.

    A calibration with this many draws of the same study on the same data is read from the cache.

    Raises
    ------
    WhatIfError
        UsageError for fewer than 10 draws, DataError for too few clusters, EstimationError when no
        draw gave an answer, or any error of reading and scoring the study.
    """
    _require_draws(draws)
    loaded = load_study(path)
    with study_lock(out, loaded.spec.study):
        prepared = prepare(loaded.spec, base=loaded.folder, options=options)
        key = calibration_key(prepared.score_key, loaded.spec)
        kept = None if options.cache is None else options.cache / f"{key}-{draws}.calibration.json"
        made = None if options.force else stored_calibration(kept, key)
        if made is None:
            made = calibrate(prepared, options, draws=draws, stage=stage)
        text = calibration_json(made)
        target = out / loaded.spec.study / FILE
        with publishing(target):
            write_bytes(target, text.encode())
            if kept is not None:
                write_bytes(kept, text.encode())
    return Calibrated(path=target, json=text, text="\n".join(_lines(made, loaded.spec, target)))


def calibrate(
    prepared: Prepared, options: RunOptions, *, draws: int, stage: Stage = quiet
) -> Calibration:
    """Run the study's pipeline on `draws` resamples whose true effects are known.

    An experiment's units get new arms by the known mechanism and keep their real outcomes, so
    that every true effect is zero; effects of known size are planted on top. An observational
    study's units get new arms by the fitted chances, so that its covariates suffice by
    construction: what they leave out cannot be seen here. In one more world their outcomes move
    along the fitted models to the arm that was drawn. Clusters are drawn with replacement
    from a pool of at most 15,000 rows, whose mean effect is the truth.

    Raises
    ------
    DataError
        If the study is too small, or its effect cannot be planted.
    EstimationError
        If no draw gave an answer.
    """
    design, spec = prepared.design, prepared.spec
    fitted = design.kind == "observational"
    pool = pool_of(prepared, scores_of(prepared, options, stage).scores if fitted else None)
    drawn = tuple(_drawn(pool, draws, stage("Calibrating", draws)))
    answered = [one for one in drawn if not one.failure]
    if not answered:
        raise EstimationError(
            Problem(
                what=f"None of {draws} draws gave an answer; the first: {drawn[0].failure}",
                why="there is nothing to count.",
                fix="mend what the sentence names, or calibrate when the study has grown.",
            )
        )
    return Calibration(
        study=spec.study,
        key=calibration_key(prepared.score_key, spec),
        design=design.kind,
        draws=draws,
        failed=draws - len(answered),
        rows=pool.design.n,
        clusters=int(pool.design.cluster.max()) + 1,
        of_rows=design.n,
        of_clusters=int(np.unique(design.cluster).size),
        learners=pool.learners,
        level=spec.level,
        planted=tuple((world.name, world.effect) for world in pool.worlds),
        coverage=tuple(tally.coverage(answered, pool.worlds)),
        readings=tuple(tally.readings(answered)),
        alarms=tuple(tally.alarms(answered)),
    )


def _drawn(pool: Pool, draws: int, tick: Tick) -> Iterator[Drawn]:
    workers = min(os.cpu_count() or 1, draws // _WORTH_A_PROCESS)
    chunks = [range(start, min(start + _CHUNK, draws)) for start in range(0, draws, _CHUNK)]
    work = partial(_chunk, pool)
    if workers <= 1:
        for index in range(draws):
            yield draw(pool, index)
            tick(1)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as processes:
        for chunk, found in zip(chunks, processes.map(work, chunks), strict=True):
            yield from found
            tick(len(chunk))


def _chunk(pool: Pool, indices: Sequence[int]) -> list[Drawn]:
    return [draw(pool, index) for index in indices]


def _require_draws(draws: int) -> None:
    if draws >= FEWEST_DRAWS:
        return
    raise UsageError(
        Problem(
            what=f"{draws} draws were asked for.",
            why="a share counted over so few draws says nothing.",
            fix=f"use --draws {DRAWS}, or at least {FEWEST_DRAWS} to try it out.",
        )
    )


def _lines(made: Calibration, spec: StudySpec, path: Path) -> Iterator[str]:
    yield (
        f"{made.study}: {made.draws} draws from {made.rows:,} of {made.of_rows:,} rows"
        + (f"; {made.failed} gave no answer" if made.failed else "")
    )
    for row in made.coverage:
        if row.outcome == metric_name(spec.primary) and not row.dimension:
            yield (
                f"  {row.outcome}, {row.arm}, planted {dict(made.planted)[row.planted]:g}: "
                f"covered in {row.share:.1%} ± {row.mc_error:.1%} of draws"
            )
    yield f"Calibration: {path}"
    yield "The next `whatif run` of the same study and data shows it on the page."
