"""``answer.json``: the run for machines, at full precision (``data_schemas/answer.v1.json``)."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

from whatif.base.plan import Deviation
from whatif.effects.bounds.row import BoundsRow
from whatif.effects.populations import PopulationRow
from whatif.effects.repetitions import RepetitionSpread
from whatif.effects.rows import EffectRow, HeterogeneityRow, RestRow, Segment
from whatif.effects.sensitivity.record import Benchmark, HiddenCause
from whatif.report.document import Report
from whatif.report.view_decomposition import decomposition_json
from whatif.report.view_power import power_json
from whatif.verdict.plan_status import Statuses
from whatif.verdict.plan_wording import deviation_sentence
from whatif.verdict.record import Reading, Verdict

Json = dict[str, Any]


def answer_json(report: Report) -> str:
    """Return a run as ``answer.v1``; equal reports give equal bytes.

    Keys are sorted and numbers keep every digit. A number that does not exist, or is not
    bounded, is null; there is never a NaN. Cells too small to show keep their numbers beside the
    reading ``suppressed``. Second opinions follow the run's own effects, under the name of their
    estimator and without a reading. Bounds have a list of their own: they have no estimate.
    Every number says in `status` whether it was planned.
    """
    says = report.statuses
    answer: Json = {
        "schema": "answer.v1",
        "study": report.spec.study,
        "question": report.spec.question,
        "run_id": report.run_id,
        "as_of": None if report.data.as_of is None else report.data.as_of.isoformat(),
        "level": report.effects.level,
        "seed": report.seed,
        "population": report.population,
        "data": _data(report),
        "estimand": _estimand(report),
        "effects": [
            *(_effect(row, reading, report) for row, reading in report.read()),
            *(_effect(row, None, report) for row in report.opinions),
        ],
        "bounds": [_in_segment(row, says) | {"estimate": None} for row in report.bounds],
        "rest": [_in_segment(row, says) for row in report.effects.rest],
        "populations": [_overall(row, says) for row in report.populations],
        "repetitions": [_overall(row, says) for row in report.repetitions],
        "power": [power_json(one, says) for one in report.power],
        "sensitivity": _sensitivity(report),
        "heterogeneity": [_test(row, says) for row in report.effects.heterogeneity],
        "checks": [asdict(check) for check in report.checks],
        "verdict": _verdict(report.verdict, says),
        "deviations": [_deviation(one) for one in report.deviations],
        "notices": [{"code": n.code, **asdict(n.problem)} for n in report.notices],
        "quality": [
            {**asdict(q), "losses": dict(q.losses), "weights": dict(q.weights)}
            for q in report.quality
        ],
        "overlap": [asdict(o) for o in report.overlap],
        "money": None if report.money is None else {**asdict(report.money), "status": says.money()},
        **decomposition_json(report.decomposition, says),
    }
    return (
        json.dumps(_plain(answer), sort_keys=True, indent=1, allow_nan=False, ensure_ascii=False)
        + "\n"
    )


def _plain(value: Any) -> Any:  # noqa: ANN401  (any value on its way to JSON)
    """Return `value` as JSON types; what is not finite becomes null."""
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if hasattr(value, "item"):  # a numpy scalar from a data frame
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _verdict(verdict: Verdict, says: Statuses) -> Json:
    told = {key: value for key, value in asdict(verdict).items() if key != "readings"}
    return {**told, "status": says.verdict()}


def _deviation(one: Deviation) -> Json:
    return {**asdict(one), "sentence": deviation_sentence(one)}


def _data(report: Report) -> Json:
    data = report.data
    period = None if data.period is None else [day.isoformat() for day in data.period]
    return {
        "source": data.source,
        "contract": data.contract,
        "fingerprint": data.fingerprint,
        "rows": data.rows,
        "units": data.units,
        "clusters": data.clusters,
        "arms": dict(data.arms),
        "period": period,
        "days": data.days,
    }


def _estimand(report: Report) -> Json:
    estimand = report.estimand
    return {
        "design": report.design_kind,
        "identified": True,
        "treatment": estimand.treatment,
        "outcomes": estimand.outcomes,
        "adjustment": estimand.adjustment,
        "assumptions": estimand.assumptions,
        "source": estimand.source,
        "edges": estimand.edges,
        "hidden": estimand.hidden,
        "target": report.spec.target,
        "weights": report.spec.weights,
    }


def _effect(row: EffectRow, reading: Reading | None, report: Report) -> Json:
    ratio = row.outcome in {ratio.name for ratio in report.spec.ratios}
    says = report.statuses
    effect: Json = {
        "outcome": row.outcome,
        "arm": row.arm,
        "versus": row.versus,
        "segment": dict(row.segment),
        "n": row.n,
        "clusters": row.clusters,
        "baseline": row.baseline,
        "estimate": row.estimate,
        "std_error": row.std_error,
        "ci": row.ci,
        "band": row.band,
        "sequential": row.sequential,
        "target": row.target,
        "p_value": row.p_value,
        "relative": None if row.relative is None else asdict(row.relative),
        "shrunk": row.shrunk,
        "reading": None if reading is None else reading.value,
        "planned": row.planned,
        "status": says.number(row.outcome, _columns(row.segment), planned=row.planned),
        "reading_status": None
        if reading is None
        else says.reading(row.outcome, row.segment, planned=row.planned),
        "estimator": row.estimator,
        "family": row.family,
        "critical": row.critical,
        "df": row.df,
        "shown": row.shown,
    }
    if ratio:
        effect["interval"] = _interval(row)
    return effect


def _interval(row: EffectRow) -> Json | None:
    """Return the values of a difference of ratios that are not ruled out, as kind and finite ends.

    It is one interval or, where a denominator may be zero, every value; None where there are too
    few clusters for a set at all, which leaves no critical value either.
    """
    if row.ci != (None, None):
        return {"kind": "interval", "ends": row.ci}
    return {"kind": "all", "ends": []} if row.critical and row.estimate is not None else None


def _sensitivity(report: Report) -> Json | None:
    if report.sensitivity is None:
        return None
    return {
        "effects": [_in_segment(one, report.statuses) for one in report.sensitivity.effects],
        "benchmarks": [_overall(one, report.statuses) for one in report.sensitivity.benchmarks],
        "resting": [asdict(one) for one in report.sensitivity.resting],
    }


def _in_segment(row: BoundsRow | RestRow | HiddenCause, says: Statuses) -> Json:
    status = says.number(row.outcome, _columns(row.segment))
    return {**asdict(row), "segment": dict(row.segment), "status": status}


def _overall(row: PopulationRow | RepetitionSpread | Benchmark, says: Statuses) -> Json:
    return {**asdict(row), "status": says.number(row.outcome)}


def _columns(segment: Segment) -> tuple[str, ...]:
    return tuple(column for column, _ in segment)


def _test(row: HeterogeneityRow, says: Statuses) -> Json:
    return {
        "outcome": row.outcome,
        "arm": row.arm,
        "segment": row.dimension,
        "statistic": row.statistic,
        "p_value": row.p_value,
        "df": row.df,
        "planned": row.planned,
        "status": says.number(row.outcome, row.dimension, planned=row.planned),
    }
