"""Everything short of fitting: what ``whatif check`` looks at and says."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from whatif.base.errors import Notice
from whatif.contract.study_file import load_study
from whatif.graph.controls import placebo_outcomes
from whatif.run.analysis import RunOptions, prepare
from whatif.run.assemble import Prepared
from whatif.run.found import Found


def check_study(path: Path, *, options: RunOptions) -> Found:
    """Look at everything short of fitting.

    Raises
    ------
    UsageError, DataError, NotIdentifiedError
        As soon as a room refuses the study.
    """
    loaded = load_study(path)
    prepared = prepare(loaded.spec, base=loaded.folder, options=options)
    record = _checked(prepared)
    lines = [
        f"{loaded.spec.study}: the study can be answered.",
        *(f"  {name}: {value}" for name, value in record["data"].items()),
        f"  adjusted for: {', '.join(prepared.estimand.adjustment) or 'nothing'}",
        *(f"  assumes: {sentence}" for sentence in prepared.estimand.assumptions),
        *_placebos(prepared),
        *(f"  note: {_one_line(notice)}" for notice in prepared.design.notices),
    ]
    return Found(record=record, text="\n".join(lines))


def _placebos(prepared: Prepared) -> list[str]:
    """Name columns that could show a missing cause, where the study declares none."""
    if prepared.spec.negative_controls.outcomes:
        return []
    names = placebo_outcomes(prepared.estimand, adjusted=prepared.design.features.names)
    return [f"  could serve as negative control outcomes: {', '.join(names)}"] if names else []


def _checked(prepared: Prepared) -> dict[str, Any]:
    design = prepared.design
    return {
        "study": prepared.spec.study,
        "data": {
            "rows": prepared.data.rows_read,
            "units": design.n,
            "clusters": int(design.cluster.max()) + 1,
            "arms": {arm: int((design.arm == a).sum()) for a, arm in enumerate(design.arms)},
        },
        "design": design.kind,
        "adjustment": list(prepared.estimand.adjustment),
        "assumptions": list(prepared.estimand.assumptions),
        "notices": [{"code": n.code, **asdict(n.problem)} for n in design.notices],
    }


def _one_line(notice: Notice) -> str:
    return f"{notice.problem.what} {notice.problem.fix}"
