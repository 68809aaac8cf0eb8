"""Other populations: their tables made ready for the models, and asked for by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from whatif.base.errors import EstimationError, Problem, UsageError, did_you_mean
from whatif.base.hashing import of_bytes
from whatif.contract.dataset import DataSet
from whatif.contract.spec import StudySpec
from whatif.contract.transport import read_targets
from whatif.design.build import Rows
from whatif.design.record import Design
from whatif.design.transport import TargetRows, target_rows
from whatif.effects.transported import TransportedRow, transported_rows
from whatif.scores.record import Scores, Transported
from whatif.verdict.transport_wording import refusal


def targets_of(
    rows: Rows, spec: StudySpec, design: Design, data: DataSet, *, base: Path
) -> tuple[TargetRows, ...]:
    """Read the study's other populations in the codes of its design; none without `transport`.

    Raises
    ------
    UsageError, DataError
        As `read_targets` and `target_rows` raise them.
    """
    if not spec.transport:
        return ()
    tables = read_targets(spec, base=base, covariates=design.features.names, schema=data.schema)
    by = spec.cluster or spec.assigned or spec.unit
    ids = None if by is None else rows.frame[by]
    return tuple(target_rows(table, spec, design, ids=ids) for table in tables)


def target_inputs(targets: tuple[TargetRows, ...]) -> dict[str, object]:
    """Return what scores depend on beside the study's own rows; empty without targets."""
    if not targets:
        return {}
    return {
        "transport": [
            [one.name, one.levels, of_bytes(*(np.ascontiguousarray(a).data for a in _arrays(one)))]
            for one in targets
        ]
    }


def _arrays(one: TargetRows) -> tuple[np.ndarray, ...]:
    return one.covariates, one.unseen, one.cluster, one.fold, one.weight


def carried(
    scores: Scores, spec: StudySpec, *, name: str
) -> tuple[Transported, tuple[TransportedRow, ...]]:
    """Return one population of a run, and every overall effect there.

    Raises
    ------
    UsageError
        If the study names no such population.
    EstimationError
        If nothing could be carried to it, with the reason.
    """
    known = {one.name: one for one in scores.transported}
    if name not in known:
        raise UsageError(
            Problem(
                what=f"This run carried nothing to {name!r}.",
                why="the rows of another population are scored while the study runs.",
                fix=did_you_mean(name, list(known))
                if known
                else f"add `transport: [{{name: {name}, source: FILE}}]` to the study and run it "
                "again.",
            )
        )
    one = known[name]
    if one.refused is not None:
        raise EstimationError(refusal(one))
    return one, transported_rows(scores, spec, one)
